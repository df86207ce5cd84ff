"""What anyone may have, as readers of all kinds ask for it."""

import pytest

from tests.ckanext.site.conftest import Site

pytestmark = pytest.mark.integration

OPEN = [
    "/codelist/grade.ttl",
    "/schema/enrolment.json",
    "/school.geojson",
    "/dataset/enrolment",
    "/dataset/enrolment/release/2/enrolment.csv",
    "/dataset/enrolment/release/2/manifest.json",
    "/api/3/action/package_show?id=enrolment",
]
_OF_THE_MOMENT = ("Date", "Set-Cookie")


@pytest.mark.parametrize("path", OPEN)
def test_head_says_what_get_would(site: Site, path: str) -> None:
    whole, asked = site.get(path, Accept_Encoding="br"), site.head(path, Accept_Encoding="br")
    assert (asked.status_code, asked.data) == (200, b"")
    for name, value in whole.headers.items():
        assert name in _OF_THE_MOMENT or asked.headers[name] == value, name
    if "ETag" in whole.headers:
        again = site.head(path, Accept_Encoding="br", If_None_Match=whole.headers["ETag"])
        assert again.status_code == 304


def test_head_has_no_parts(site: Site) -> None:
    asked = site.head("/dataset/enrolment/release/2/enrolment.csv", Range="bytes=0-9")
    assert asked.status_code == 200 and "Content-Range" not in asked.headers


@pytest.mark.parametrize("path", OPEN)
def test_scripts_of_other_sites_may_read_it_whoever_asked_first(site: Site, path: str) -> None:
    for headers in ({}, {"Origin": "https://city.example"}):
        assert site.get(path, **headers).headers["Access-Control-Allow-Origin"] == "*"


def test_they_may_not_read_what_is_for_one_reader(site: Site) -> None:
    assert "Access-Control-Allow-Origin" not in site.get("/user/login").headers
    assert "Access-Control-Allow-Origin" not in site.sysadmin().get("/").headers
