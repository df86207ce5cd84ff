"""What the city's catalogue has of ours: kept, told to staff and to readers."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from ckan.lib import mailer
from click.testing import CliRunner, Result

from ckanext.hcmedu import reports
from ckanext.hcmedu.city import readback
from ckanext.hcmedu.cli import hcmedu
from harvesters.files import write_json
from harvesters.releases import MANIFEST
from schemas.identity import dataset_id
from tests.ckanext.site.conftest import Site
from tests.harvesters.connectors.service import Reply, Request, Service, serving

pytestmark = pytest.mark.integration

SEARCH = "/api/3/action/package_search"


@pytest.fixture(scope="module")
def city() -> Iterator[Service]:
    """The web server of the city's portal."""
    with serving() as running:
        yield running


@pytest.fixture(scope="module")
def site_url(city: Service) -> str:
    """Links of the feed lead to where the city's portal gives it on."""
    return city.address


@pytest.fixture(autouse=True)
def _clean(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    yield
    import ckan.model as model

    from ckanext.hcmedu.model import Report

    model.Session.query(Report).delete()
    model.Session.commit()


@pytest.fixture
def configured(site: Site, city: Service, monkeypatch: pytest.MonkeyPatch) -> Site:
    """The portal, told to read the city's CKAN, which has nothing yet."""
    read_at(monkeypatch, city, SEARCH, "ckan")
    holds(city)
    return site


def read_at(monkeypatch: pytest.MonkeyPatch, city: Service, path: str, dialect: str) -> None:
    import ckan.plugins.toolkit as tk

    monkeypatch.setitem(tk.config, "hcmedu.city_catalog_url", city.address + path)
    monkeypatch.setitem(tk.config, "hcmedu.city_catalog_dialect", dialect)


def holds(city: Service, **modified: str | None) -> None:
    """Let the city's CKAN have copies of the datasets called so, of these dates."""

    def copy(name: str, date: str | None) -> dict[str, Any]:
        extras = {"identifier": dataset_id(name), "modified": date}
        return {
            "id": f"their-{name}",
            "extras": [{"key": key, "value": value} for key, value in extras.items()],
        }

    packages = [copy(name, date) for name, date in modified.items()]
    body = {"success": True, "result": {"count": len(packages), "results": packages}}
    city.routes[SEARCH] = lambda request: Reply(body)


def fail(city: Service) -> None:
    city.routes[SEARCH] = lambda request: Reply({"success": False})


def current(site: Site, table: str) -> str:
    release = site.store.current(table)
    assert release is not None
    return release.manifest["issued"]


def withdrawn(site: Site) -> str:
    """The date of the release that was taken back: an hour after the one that stands again."""
    release = site.store.get("enrolment", 3)
    assert release.state == "withdrawn"
    issued = datetime.fromisoformat(current(site, "enrolment")) + timedelta(hours=1)
    write_json(release.path / MANIFEST, {**release.manifest, "issued": issued.isoformat()})
    return issued.isoformat()


def states() -> dict[str, str]:
    return {one.name: one.state for one in readback.compare_and_keep().findings}


def run(*arguments: str) -> Result:
    return CliRunner().invoke(hcmedu, ["city", *arguments])


@pytest.mark.parametrize(
    ("path", "dialect"),
    [
        ("/catalog.ttl", "dcat"),
        ("/catalog.rdf", "dcat"),
        ("/catalog.jsonld", "dcat"),
        ("/catalog.nt", "dcat"),
        ("/data.json", "data.json"),
        (SEARCH, "ckan"),
    ],
)
def test_our_own_documents_are_seen_whole_in_each_dialect(
    site: Site, city: Service, monkeypatch: pytest.MonkeyPatch, path: str, dialect: str
) -> None:
    """A catalogue that gives on what it was given has everything, and everything as it is."""
    import ckan.plugins.toolkit as tk

    def give_on(request: Request) -> Reply:
        query = f"?{urlencode(request.query)}" if request.query else ""
        answer = site.get(request.path + query)
        return Reply(answer.data, answer.status_code, {"Content-Type": answer.content_type})

    monkeypatch.setitem(tk.config, "hcmedu.feed_page_size", 2)
    read_at(monkeypatch, city, path, dialect)
    city.routes[path] = give_on
    try:
        found = readback.compare_and_keep()
    finally:
        del city.routes[path]
    assert {one.name: one.state for one in found.findings} == {
        "areas": "seen", "enrolment": "seen", "fees": "seen",
    }  # fmt: skip
    assert all(one.ours and one.ours == one.theirs for one in found.findings)
    assert found.total == 3


def test_what_is_older_missing_or_withdrawn_is_told_apart(configured: Site, city: Service) -> None:
    holds(city, enrolment=withdrawn(configured), fees="2020-01-01")
    assert states() == {"enrolment": "surplus", "fees": "stale", "areas": "missing"}
    report = readback.last()
    assert report is not None and report.content is not None
    kept = readback.Comparison.of(report.content).findings
    assert [one.name for one in kept] == ["enrolment", "fees", "areas"]
    holds(city, enrolment=current(configured, "enrolment"), fees=None)
    assert states() == {"areas": "missing", "enrolment": "seen", "fees": "seen"}


def test_a_dataset_that_was_deleted_is_surplus_until_it_is_gone_there(
    configured: Site, city: Service
) -> None:
    from tests.ckanext.site.by_hand import act, make

    with configured.app.flask_app.test_request_context():
        made = make("thu-nghiem")
        packages = [{"id": "x", "identifier": made["id"]}]
        body = {"result": {"count": 1, "results": packages}}
        city.routes[SEARCH] = lambda request: Reply(body)
        assert states()["thu-nghiem"] == "seen"
        act("dataset_purge", id=made["id"])
        assert states()["thu-nghiem"] == "surplus"
        holds(city)
        assert "thu-nghiem" not in states()


def test_a_failed_reading_leaves_what_was_found_and_says_so(
    configured: Site, city: Service
) -> None:
    holds(city, enrolment="2020-01-01")
    assert run("compare").exit_code == 1
    before = readback.last()
    fail(city)
    failed = run("compare")
    assert failed.exit_code == 2
    assert "cannot be read as package_search" in failed.output
    after = readback.last()
    assert before is not None and after is not None
    assert (after.at, after.content) == (before.at, before.content)
    assert after.failure is not None and "không đọc được" in after.failure["vi"]
    told = run("status")
    assert told.exit_code == 2 and "failed" in told.output and "stale" in told.output
    page = configured.sysadmin().get("/city-catalogue").text
    assert "Lần đọc ngày" in page and "không đọc được theo dạng package_search" in page
    # Readers are told what the last good reading found.
    assert "cũ hơn bản ở đây" in configured.get("/dataset/enrolment").text
    holds(city)
    assert run("compare").exit_code == 1
    mended = readback.last()
    assert mended is not None and mended.failure is None


def test_the_command_tells_what_differs(configured: Site, city: Service) -> None:
    names = ("enrolment", "fees", "areas")
    holds(city, **{name: current(configured, name) for name in names})
    agreed = run("compare")
    assert agreed.exit_code == 0 and "3 seen" in agreed.output
    assert "enrolment" not in agreed.output and "enrolment" in run("status", "--all").output
    holds(city, enrolment="2020-01-01")
    differs = run("compare")
    assert differs.exit_code == 1
    [line] = [one for one in differs.output.splitlines() if "enrolment" in one]
    assert "stale" in line and "2020-01-01" in line


def test_nothing_is_said_where_no_catalogue_is_configured(site: Site, city: Service) -> None:
    assert run("compare").exit_code == 2
    assert run("status").exit_code == 2
    assert "cổng dữ liệu mở của Thành phố" not in site.get("/dataset/enrolment").text.lower()
    assert site.sysadmin().get("/city-catalogue").status_code == 404


def test_the_page_is_for_staff(configured: Site, city: Service) -> None:
    from ckan.tests import factories

    assert configured.get("/city-catalogue").status_code == 404
    browser = configured.sysadmin()
    assert "Chưa đối chiếu lần nào" in browser.get("/city-catalogue").text
    holds(city, enrolment="2020-01-01")
    readback.compare_and_keep()
    answer = browser.get("/city-catalogue")
    assert "no-store" in answer.headers["Cache-Control"]
    assert "Số học sinh theo trường, khối lớp và giới tính" in answer.text
    assert "01/01/2020" in answer.text
    assert 'href="/city-catalogue"' in browser.get("/about").text
    reader = configured.app.flask_app.test_client()
    with reader.session_transaction() as session:
        session["_user_id"] = factories.User()["id"]
        session["_fresh"] = True
    assert reader.get("/city-catalogue").status_code == 404
    assert 'href="/city-catalogue"' not in reader.get("/about").text


@pytest.mark.parametrize(
    ("modified", "vietnamese", "english"),
    [
        ("now", "có bản ngày", "has the version of"),
        ("2020-01-01", "cũ hơn bản ở đây", "older than this one"),
        (None, "đã có bộ dữ liệu này", "has this dataset"),
        ("withdrawn", "đã thu hồi ở đây", "withdrawn here"),
        ("missing", "chưa có bộ dữ liệu này", "does not have this dataset yet"),
    ],
)
def test_the_page_of_a_dataset_says_what_the_city_has(
    configured: Site, city: Service, modified: str | None, vietnamese: str, english: str
) -> None:
    dates = {
        "now": current(configured, "enrolment"),
        "withdrawn": withdrawn(configured),
    }
    if modified != "missing":
        holds(city, enrolment=dates.get(modified or "", modified))
    readback.compare_and_keep()
    said = configured.get("/dataset/enrolment").text
    assert "Cổng dữ liệu mở của Thành phố" in said and vietnamese in said
    assert english in configured.get("/en/dataset/enrolment").text


def test_a_copy_of_what_was_taken_back_alarms_after_a_day(
    configured: Site, city: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ckan.plugins.toolkit as tk

    sent: list[tuple[str, str]] = []
    monkeypatch.setitem(tk.config, "email_to", "night@example.org")
    monkeypatch.setattr(
        mailer, "mail_recipient", lambda name, address, subject, body: sent.append((subject, body))
    )
    holds(city, enrolment=withdrawn(configured))
    found = readback.compare_and_keep()
    assert sent == []
    content = found.as_content()
    yesterday = datetime.now(UTC) - timedelta(days=1)
    content["findings"][dataset_id("enrolment")]["since"] = yesterday.isoformat()
    reports.keep(readback.REPORT, yesterday, content)
    readback.compare_and_keep()
    [(subject, body)] = sent
    assert "taken back" in subject and "enrolment" in body


def test_the_scheduler_compares_at_night_and_survives_a_failure(
    configured: Site, city: Service, monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    import ckan.plugins.toolkit as tk

    from ckanext.hcmedu import scheduler

    monkeypatch.setattr(scheduler, "declared_sources", list)
    monkeypatch.setattr(logging.getLogger("ckanext.hcmedu.scheduler"), "disabled", False)
    jobs = {job.id: job for job in scheduler.scheduler().get_jobs()}
    assert {"city", "city, if due"} <= set(jobs)
    fail(city)
    jobs["city"].func()
    assert "was not compared" in caplog.text
    holds(city)
    jobs["city, if due"].func()
    mended = readback.last()
    assert mended is not None and mended.content is not None and mended.failure is None
    asked = len(city.requests)
    jobs["city, if due"].func()
    assert len(city.requests) == asked
    monkeypatch.setitem(tk.config, "hcmedu.city_catalog_url", "")
    assert "city" not in {job.id for job in scheduler.scheduler().get_jobs()}
