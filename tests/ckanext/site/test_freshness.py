"""Readers of the feed know at once what has changed, without asking the database."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from werkzeug.test import Client

from tests.ckanext.site.by_hand import act, seven
from tests.ckanext.site.conftest import Site

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("context")]


def reader() -> Client:
    """A reader of another process: it knows nothing of what this one does."""
    from ckanext.hcmedu.dcat.server import Feed

    return Client(Feed(lambda *_: [b""]))


@pytest.fixture
def questions() -> Any:
    """The statements that are sent to the database, and the connections that are taken, of which
    the pool asks whether they are alive."""
    import ckan.model as model

    asked: list[str] = []

    def note(connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        asked.append(statement)

    def note_connection(*_: Any) -> None:
        asked.append("a connection")

    engine = model.ensure_engine()
    sa.event.listen(engine, "before_cursor_execute", note)
    sa.event.listen(engine, "checkout", note_connection)
    yield asked
    sa.event.remove(engine, "checkout", note_connection)
    sa.event.remove(engine, "before_cursor_execute", note)


def test_what_has_not_changed_is_sent_without_the_database(
    empty_site: Site, questions: list[str]
) -> None:
    with seven(empty_site):
        one = reader()
        first = one.get("/catalog.ttl")
        questions.clear()
        assert one.get("/catalog.ttl").data == first.data
        etag = {"If-None-Match": first.headers["ETag"]}
        assert one.get("/catalog.ttl", headers=etag).status_code == 304
        # Those who crawl on name the snapshot.
        page = first.headers["Content-Location"].partition("?")[2]
        assert one.get(f"/catalog.ttl?{page}", headers=etag).status_code == 304
        assert questions == []


def test_what_is_committed_is_there_at_once(empty_site: Site) -> None:
    with seven(empty_site) as datasets:
        one = reader()
        title = {"vi": "Vừa đổi", "en": "Just changed"}
        for number in range(20):
            before = one.get("/catalog.ttl").headers["ETag"]
            title["vi"] = f"Vừa đổi lần {number}"
            act("package_patch", id=datasets[0]["id"], title_translated=dict(title))
            answer = one.get("/catalog.ttl")
            assert answer.headers["ETag"] != before and title["vi"] in answer.text
        act("dataset_purge", id=datasets[0]["id"])
        assert datasets[0]["id"] not in one.get("/catalog.ttl").text


def test_what_nobody_announces_is_known_after_a_second(
    empty_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ckan.model as model

    from ckanext.hcmedu.dcat import entries, freshness

    now = [1000.0]
    monkeypatch.setattr(freshness.time, "monotonic", lambda: now[0])
    with seven(empty_site) as datasets:
        one = reader()
        before = one.get("/catalog.ttl").data
        with model.ensure_engine().begin() as connection:
            entries.remove(connection, datasets[0]["id"], "deleted", "by hand")
        assert one.get("/catalog.ttl").data == before
        now[0] += 1.5
        assert datasets[0]["id"] not in one.get("/catalog.ttl").text
