"""The files of releases, as readers and their caches meet them."""

import hashlib
import json

import pytest

from tests.ckanext.site.conftest import Site
from tests.ckanext.site.portal import make_release

pytestmark = pytest.mark.integration

FILE = "/dataset/enrolment/release/2/enrolment.csv"


def test_a_file_is_what_its_manifest_says(site: Site) -> None:
    manifest = site.get("/dataset/enrolment/release/2/manifest.json").json
    assert len(manifest["files"]) == 5
    for described in manifest["files"]:
        answer = site.get(f"/dataset/enrolment/release/2/{described['name']}")
        assert answer.status_code == 200
        assert hashlib.sha256(answer.data).hexdigest() == described["sha256"]
        assert len(answer.data) == described["bytes"] == int(answer.headers["Content-Length"])
        assert answer.mimetype == described["media_type"].split(";")[0]
        assert answer.headers["ETag"] == f'"{described["sha256"]}"'
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Accept-Ranges"] == "bytes"
        assert answer.headers["Content-Disposition"].startswith("attachment; filename=")
        assert "Set-Cookie" not in answer.headers


def test_the_certificate_names_the_files_and_not_the_sources(site: Site) -> None:
    answer = site.get("/dataset/enrolment/release/2/certificate.json")
    assert (answer.status_code, answer.mimetype) == (200, "application/json")
    told = answer.json
    manifest = site.get("/dataset/enrolment/release/2/manifest.json").json
    assert [one["sha256"] for one in told["files"]] == [one["sha256"] for one in manifest["files"]]
    assert [one["period"] for one in told["periods"]] == manifest["periods"]
    assert told["periods"][0]["suppressed"] == {"pupils": 2}
    assert told["periods"][0]["system"] == {"suppressed": 2, "solver": "HiGHS 1"}
    assert "snapshots" not in answer.text
    again = site.get(
        "/dataset/enrolment/release/2/certificate.json", If_None_Match=answer.headers["ETag"]
    )
    assert again.status_code == 304
    assert site.get("/dataset/enrolment/release/9/certificate.json").status_code == 404


def test_who_has_the_file_need_not_load_it_again(site: Site) -> None:
    first = site.get(FILE)
    for headers in (
        {"If_None_Match": first.headers["ETag"]},
        {"If_Modified_Since": first.headers["Last-Modified"]},
    ):
        again = site.get(FILE, **headers)
        assert (again.status_code, again.data) == (304, b"")
    assert "no-cache" in first.headers["Cache-Control"]
    assert "public" in first.headers["Cache-Control"]


def test_a_broken_download_goes_on_where_it_stopped(site: Site) -> None:
    whole = site.get(FILE)
    rest = site.get(FILE, Range="bytes=10-", If_Range=whole.headers["ETag"])
    assert rest.status_code == 206
    assert whole.data[:10] + rest.data == whole.data
    stale = site.get(FILE, Range="bytes=10-", If_Range='"another"')
    assert (stale.status_code, stale.data) == (200, whole.data)


def test_who_has_the_file_is_not_sent_a_part_of_it(site: Site) -> None:
    etag = site.get(FILE).headers["ETag"]
    again = site.get(FILE, Range="bytes=0-9", If_None_Match=etag)
    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize("asked", ["foo=0-1", "bytes=0-1,5-6", "bytes=x"])
def test_of_parts_that_cannot_be_sent_the_whole_is(site: Site, asked: str) -> None:
    answer = site.get(FILE, Range=asked)
    assert (answer.status_code, answer.data) == (200, site.get(FILE).data)


@pytest.mark.parametrize("path", [FILE, "/codelist/grade.ttl", "/school.geojson"])
def test_who_has_another_version_in_mind_is_sent_nothing(site: Site, path: str) -> None:
    answer = site.get(path, If_Match='"another"')
    assert (answer.status_code, answer.data) == (412, b"")
    assert answer.headers["Cache-Control"] == "no-cache"


def test_older_releases_stay(site: Site) -> None:
    assert site.get("/dataset/enrolment/release/1/enrolment.csv").status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        "/dataset/enrolment/release/9/enrolment.csv",
        "/dataset/enrolment/release/0/enrolment.csv",
        "/dataset/nothing/release/1/nothing.csv",
        "/dataset/enrolment/release/2/fees.csv",
        "/dataset/enrolment/release/2/certificates/2024-2025.json",
        "/dataset/enrolment/release/2/..%2F1%2Fenrolment.csv",
        "/dataset/..%2Freleases/release/2/enrolment.csv",
        "/dataset/nothing/releases",
        "/dataset/../release/1/manifest.json",
    ],
)
def test_nothing_else_can_be_had(site: Site, path: str) -> None:
    assert site.get(path).status_code == 404


def test_a_withdrawn_release_answers_410_with_the_reason(site: Site) -> None:
    for name in ("enrolment.csv", "enrolment.parquet", "manifest.json", "certificate.json"):
        path = f"/dataset/enrolment/release/3/{name}"
        page = site.get(path, Accept="text/html")
        assert page.status_code == 410
        assert "Sai số liệu" in page.text
        assert "đã được thu hồi" in page.text
        problem = site.get(path, Accept="application/json")
        assert problem.status_code == 410
        assert problem.mimetype == "application/problem+json"
        told = json.loads(problem.data)
        assert (told["status"], told["detail"], told["release"]) == (410, "Sai số liệu", 3)
        assert told["instance"] == path
        assert "Accept" in problem.headers["Vary"]


def test_a_cached_file_of_a_withdrawn_release_is_not_confirmed(site: Site) -> None:
    digest = '"' + "0" * 64 + '"'
    path = "/dataset/enrolment/release/3/enrolment.csv"
    assert site.get(path, If_None_Match=digest).status_code == 410
    assert site.get(path, If_None_Match="*").status_code == 410


def test_a_release_that_waits_for_approval_is_not_there(site: Site) -> None:
    from dataclasses import replace

    table = replace(site.declarations.tables["fees"], approval=True)
    waiting = make_release(site.store, table, site.declarations, ["2025-2026"])
    assert waiting.state == "waiting"
    path = f"/dataset/fees/release/{waiting.number}"
    for name in ("fees.csv", "manifest.json", "certificate.json"):
        assert site.get(f"{path}/{name}").status_code == 404
    assert f"release-{waiting.number}" not in site.get("/dataset/fees/releases").text
    site.store.approve("fees", waiting.number, "publisher", "checked")
    assert site.get(f"{path}/fees.csv").status_code == 200


def test_the_list_names_every_release(site: Site) -> None:
    page = site.get("/dataset/enrolment/releases").text
    for number in (1, 2, 3):
        assert f'id="release-{number}"' in page
    assert "Thu hồi ngày" in page
    assert "Sai số liệu" in page
    assert "/dataset/enrolment/release/2/enrolment.csv" in page
    assert "/dataset/enrolment/release/3/enrolment.csv" not in page
    assert "Withdrawn on" in site.get("/en/dataset/enrolment/releases").text
