"""The queue of held revisions: for those who may decide, and for nobody else."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from harvesters import revisions
from harvesters.files import locked
from schemas.identity import organization_id
from tests.ckanext.held import YEAR, hold
from tests.ckanext.site.conftest import Site

pytestmark = pytest.mark.integration

PAGE = f"/revisions/pupil/{YEAR}"


@pytest.fixture
def waiting(site: Site) -> Iterator[Site]:
    """A portal in which a revision of enrolment waits."""
    hold(site.store.state, site.declarations)
    yield site
    shutil.rmtree(site.store.state / "parts")


def member(site: Site, capacity: str) -> Any:
    """The browser of a member of the department that publishes enrolment."""
    from ckan.tests import factories, helpers

    user = factories.User()
    with site.app.flask_app.test_request_context():
        helpers.call_action(
            "organization_member_create", {"ignore_auth": True},
            id=organization_id("so-gddt"), username=user["name"], role=capacity,
        )  # fmt: skip
    browser = site.app.flask_app.test_client()
    with browser.session_transaction() as session:
        session["_user_id"], session["_fresh"] = user["id"], True
    return browser


def test_a_stranger_and_a_reader_learn_nothing(waiting: Site) -> None:
    for path in ("/revisions", PAGE, "/revisions/pupil/1999-2000"):
        assert waiting.get(path).status_code == 404
    reader = member(waiting, "member")
    assert "31" not in reader.get("/revisions").text
    assert reader.get(PAGE).status_code == 404
    assert reader.post(PAGE, data={"decision": "accept", "reason": "x"}).status_code == 404
    assert len(revisions.held(waiting.store.state)) == 1


def test_of_datasets_that_are_gone_only_a_sysadmin_decides(site: Site) -> None:
    hold(site.store.state, site.declarations, ["staff", "outcomes"])
    try:
        for capacity in ("member", "editor"):
            assert member(site, capacity).get(PAGE).status_code == 404
        assert site.sysadmin().get(PAGE).status_code == 200
    finally:
        shutil.rmtree(site.store.state / "parts")


def test_an_editor_sees_what_would_change(waiting: Site) -> None:
    editor = member(waiting, "editor")
    listed = editor.get("/revisions")
    assert "Bản điều chỉnh chờ quyết định" in listed.text and PAGE in listed.text
    page = editor.get(PAGE)
    assert page.headers["Cache-Control"] == "private, no-store"
    assert ">30<" in page.text and ">31<" in page.text
    assert "Revision of the period 2024–2025" in editor.get(f"/en{PAGE}").text


@pytest.mark.parametrize(
    "form", [{"decision": "accept", "reason": " "}, {"reason": "Đúng"}, {"decision": "x"}]
)
def test_a_decision_needs_a_reason(waiting: Site, form: dict[str, str]) -> None:
    answer = member(waiting, "editor").post(PAGE, data=form)
    assert answer.status_code == 400
    assert "Hãy ghi lý do" in answer.text
    assert len(revisions.held(waiting.store.state)) == 1


@pytest.mark.parametrize("decision", ["accept", "reject"])
def test_a_decision_is_kept_with_the_account(waiting: Site, decision: str) -> None:
    form = {"decision": decision, "reason": "Đã đối chiếu với trường"}
    answer = waiting.sysadmin().post(PAGE, data=form)
    assert answer.status_code == 302 and answer.location.endswith("/revisions")
    assert revisions.held(waiting.store.state) == []
    (kept,) = revisions.decisions(waiting.store.state)
    assert (kept["decision"], kept["reason"]) == (f"{decision}ed", form["reason"])
    assert kept["by"]


def test_nobody_decides_while_a_release_is_made(waiting: Site) -> None:
    with locked(waiting.store.root / ".building.lock"):
        form = {"decision": "accept", "reason": "Đúng"}
        answer = waiting.sysadmin().post(PAGE, data=form)
    assert answer.status_code == 409
    assert "Hãy thử lại" in answer.text and "Đúng" in answer.text
    assert len(revisions.held(waiting.store.state)) == 1
