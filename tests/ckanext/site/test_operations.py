"""How the portal stands: told to staff, the same on the page and by the command."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner

from ckanext.hcmedu import operations, reports, standing
from ckanext.hcmedu.cli import hcmedu
from ckanext.hcmedu.conformance.outcome import REPORT
from harvesters.files import write_json
from tests.ckanext.held import hold
from tests.ckanext.site.conftest import Site
from tests.ckanext.site.portal import make_release

pytestmark = pytest.mark.integration

SOURCE = "city-services"
ERROR = (
    "Nguồn không trả lời. Nơi: kho.example.vn | The source does not answer. Where: kho.example.vn"
)


@pytest.fixture(scope="module")
def fed(site: Site) -> Site:
    """The portal with the harvest sources that its configuration declares."""
    from ckanext.hcmedu.sources import sync_sources

    with site.app.flask_app.test_request_context():
        sync_sources()
    return site


@pytest.fixture(autouse=True)
def _clean(fed: Site) -> Iterator[None]:
    yield
    import ckan.model as model
    from ckanext.harvest.model import HarvestGatherError, HarvestJob, HarvestObject

    from ckanext.hcmedu.model import Report

    for kind in (HarvestGatherError, HarvestObject, HarvestJob, Report):
        model.Session.query(kind).delete()
    model.Session.commit()
    for folder in ("parts", "reports"):
        shutil.rmtree(fed.store.state / folder, ignore_errors=True)


def harvested(hours_ago: float, error: str = "", source: str = SOURCE, records: int = 12) -> None:
    """A harvest that ended so long ago, with one new snapshot, or with an error."""
    import ckan.model as model
    from ckanext.harvest.model import HarvestGatherError, HarvestJob, HarvestObject, HarvestSource

    at = datetime.utcnow() - timedelta(hours=hours_ago)
    job = HarvestJob(
        source=HarvestSource.get(model.Package.get(source).id), status="Finished", created=at,
        gather_finished=at, finished=at + timedelta(seconds=23),
    )  # fmt: skip
    job.save()
    if error:
        HarvestGatherError(message=error, job=job).save()
    else:
        content = f'{{"record": "dossier", "period": "2026-08", "rows": {records}}}'
        HarvestObject(guid="x", job=job, content=content, state="COMPLETE").save()


def member(site: Site, capacity: str, organization: str = "so-gddt") -> Any:
    """The browser of a member of an organisation."""
    from ckan.tests import factories, helpers

    from schemas.identity import organization_id

    user = factories.User()
    with site.app.flask_app.test_request_context():
        helpers.call_action(
            "organization_member_create", {"ignore_auth": True},
            id=organization_id(organization), username=user["name"], role=capacity,
        )  # fmt: skip
    browser = site.app.flask_app.test_client()
    with browser.session_transaction() as session:
        session["_user_id"], session["_fresh"] = user["id"], True
    return browser


def status() -> str:
    return CliRunner().invoke(hcmedu, ["status"]).output


def test_the_page_is_for_staff(fed: Site) -> None:
    assert fed.get("/operations").status_code == 404
    assert member(fed, "member").get("/operations").status_code == 404
    answer = member(fed, "editor").get("/operations")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "private, no-store"
    assert 'href="/operations"' in answer.text
    assert 'href="/operations"' not in fed.get("/about").text


def test_all_is_well_where_nothing_is_wrong(fed: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(standing, "problems", lambda sources: [])
    assert "Mọi việc đều ổn." in fed.sysadmin().get("/operations").text
    assert "All is well." in status()


def test_a_source_is_fresh_late_or_failing(fed: Site) -> None:
    def state() -> str:
        [found] = [
            one
            for one in standing.feeding(datetime.now().astimezone())
            if one.source.name == SOURCE
        ]
        return found.state

    assert state() == "never"
    harvested(24 * 10)
    assert state() == "late"
    harvested(0.1)
    assert state() == "fresh"
    harvested(0.05, ERROR)
    assert state() == "failed"
    harvested(0.01)
    assert state() == "fresh"


def test_a_failure_says_since_when_and_how_to_mend_it(fed: Site) -> None:
    harvested(50)
    harvested(30, ERROR)
    harvested(6, ERROR)
    page = fed.sysadmin().get("/operations").text
    assert f"Thu thập từ nguồn {SOURCE} có lỗi." in page
    assert f"ckan hcmedu harvest {SOURCE}" in page
    assert "Nguồn không trả lời. Nơi: kho.example.vn" in page
    assert "does not answer" not in page
    english = fed.sysadmin().get("/en/operations").text
    assert "The source does not answer" in english and "Nguồn không trả lời" not in english
    since = (datetime.utcnow() - timedelta(hours=30)).strftime("%Y-%m-%d %H:")
    [line] = [one for one in status().splitlines() if "has errors" in one]
    assert SOURCE in line and since in line


def test_what_a_source_answered_is_for_those_who_may_harvest_it(fed: Site) -> None:
    harvested(6, ERROR)
    stranger = member(fed, "editor", "cuc-thong-ke").get("/operations")
    assert f"nguồn {SOURCE} có lỗi" in stranger.text
    assert "kho.example.vn" not in stranger.text


def test_runs_are_counted(fed: Site) -> None:
    harvested(3, records=1234)
    page = member(fed, "editor").get("/operations").text
    assert "1.234" in page and "23 giây" in page


def test_refused_records_are_told_by_rule(fed: Site) -> None:
    problem = {
        "source": SOURCE, "record": "dossier", "period": "2026-08", "origin": "tệp-bí-mật.csv",
        "row": 7, "field": "state", "rule": "code", "expected": {"vi": "", "en": ""},
        "remedy": {"vi": "", "en": ""},
    }  # fmt: skip
    report = {
        "source": SOURCE, "record": "dossier", "period": "2026-08", "seen": 4321, "bad": 2,
        "repeated": 0, "problems": [problem, problem],
    }  # fmt: skip
    path = fed.store.state / "reports" / SOURCE / "dossier"
    write_json(path / "2026-08.json", report)
    write_json(path / "2026-07.json", {**report, "bad": 0, "period": "2026-07", "problems": []})
    page = member(fed, "editor").get("/operations").text
    assert "4.321" in page and "<code>code</code> (2)" in page
    assert "08/2026" in page and "07/2026" not in page
    assert "tệp-bí-mật.csv" not in page


def test_what_waits_is_told_to_those_who_decide(fed: Site) -> None:
    hold(fed.store.state, fed.declarations)
    asks = replace(fed.declarations.tables["fees"], approval=True)
    waiting = make_release(fed.store, asks, fed.declarations, ["2025-2026"]).number
    asked, stranger = (
        member(fed, "editor", name).get("/operations").text for name in ("so-gddt", "cuc-thong-ke")
    )
    for told in (
        "/revisions/pupil/",
        f"ckan hcmedu approve fees {waiting}",
        "/dataset/fees/releases",
    ):
        assert told in asked
        assert told not in stranger


def test_a_release_that_was_refused_is_told_since_it_was_first(
    fed: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    from harvesters.disclosure import Refused
    from harvesters.release import Outcome

    refused = [Refused("staff", "Too few.")]
    monkeypatch.setattr(operations, "release_tables", lambda *any: Outcome(refusals=refused))
    operations.release()
    first = reports.last(standing.RELEASING)
    operations.release()
    again = reports.last(standing.RELEASING)
    assert first is not None and again is not None and first.content == again.content
    assert "Chưa công bố được staff: Too few." in fed.sysadmin().get("/operations").text
    assert "Not published: staff: Too few." in status()
    refused.clear()
    operations.release()
    assert "Not published" not in status()


def test_the_nightly_looks_are_told(fed: Site) -> None:
    assert "Danh mục chưa được kiểm tra lần nào." in fed.sysadmin().get("/operations").text
    now = datetime.now().astimezone()
    reports.keep_failure(REPORT, now, {"vi": "Cổng không trả lời.", "en": "No answer."})
    assert "Không kiểm tra được danh mục: Cổng không trả lời." in (
        fed.sysadmin().get("/operations").text
    )
