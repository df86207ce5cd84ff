"""The cache that we ship, in a real nginx: what it keeps, for how long, and of whom nothing."""

import re
import time
from collections.abc import Iterator

import pytest
import requests
import urllib3

from tests.ckanext.site.conftest import Site
from tests.ckanext.site.web import free_address
from tests.platform.nginx import nginx

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("served")]


@pytest.fixture(scope="module")
def cache(served: Site, site_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of nginx before the portal."""
    listen = free_address()
    with nginx(site_url, listen, tmp_path_factory.mktemp("nginx")):
        yield listen


def get(url: str, **headers: str) -> requests.Response:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return requests.get(url, headers=names, timeout=30)


def twice(url: str, **headers: str) -> tuple[requests.Response, requests.Response]:
    """Two answers to the same within the second that a page may be kept."""
    for _ in range(5):
        first, start = get(url, **headers), time.monotonic()
        second = get(url, **headers)
        if time.monotonic() - start < 0.5:
            return first, second
    raise AssertionError("The machine is too slow to ask twice within a second.")


@pytest.mark.parametrize("path", ["/", "/dataset/", "/dataset/enrolment", "/en/school"])
def test_a_page_is_kept_for_readers(cache: str, path: str) -> None:
    first, second = twice(cache + path)
    assert first.status_code == 200
    assert second.headers["X-Cache"] == "HIT"
    assert second.content == first.content
    assert "Set-Cookie" not in first.headers


def test_after_two_seconds_at_most_it_is_asked_for_again(cache: str) -> None:
    twice(f"{cache}/about")
    # nginx counts in whole seconds.
    time.sleep(2.1)
    assert get(f"{cache}/about").headers["X-Cache"] in ("EXPIRED", "MISS")


@pytest.mark.parametrize(
    "header", [{"Cookie": "ckan=x"}, {"Authorization": "x"}, {"X_CKAN_API_Key": "x"}]
)
def test_nothing_is_kept_of_or_for_those_with_a_session_or_key(
    cache: str, header: dict[str, str]
) -> None:
    twice(f"{cache}/dataset/fees")
    for answer in twice(f"{cache}/dataset/fees", **header):
        assert answer.headers["X-Cache"] == "BYPASS"


def test_languages_and_codings_are_told_apart(cache: str) -> None:
    vietnamese = twice(f"{cache}/about")[1].text
    english = twice(f"{cache}/en/about")[1].text
    assert vietnamese != english
    plain = get(f"{cache}/about", Accept_Encoding="identity")
    assert "Content-Encoding" not in plain.headers and plain.text == vietnamese


def test_searches_of_the_catalogue_are_few_and_nothing_else_is(cache: str) -> None:
    asked = [get(f"{cache}/catalog.rdf?fq=name:{number}").status_code for number in range(12)]
    assert asked[0] == 200 and 429 in asked
    # The same, written otherwise, as it is: requests would write it as it is meant.
    for path in (
        "/catalog%2Erdf?fq=",
        "/catalog.rdf?%66q=",
        "/en/catalog.rdf?x=1&fq=",
        "/catalog?q&",
    ):
        addresses = [f"{cache}{path}name:{one}" for one in range(12)]
        assert 429 in [urllib3.request("GET", one, timeout=30).status for one in addresses]
    since = [f"{cache}/catalog.rdf?modified_since=2026-01-{1 + day:02}" for day in range(12)]
    assert {get(address).status_code for address in since} == {200}


def test_a_form_is_not_kept(cache: str) -> None:
    assert "X-Cache" not in twice(f"{cache}/user/login")[1].headers


RELEASE = "/dataset/enrolment/release/2"


@pytest.mark.parametrize(
    "path",
    [
        "/catalog.ttl",
        "/en/catalog.jsonld",
        "/catalog",
        "/catalog.ttl?modified_since=2026-01-01",
        "/catalog.ttl.manifest",
        "/changes",
        "/changes.nq",
        "/data.json",
        "/dcat-us.json",
        "/dataset/enrolment.ttl",
        "/dataset/enrolment/croissant.jsonld",
        f"{RELEASE}/enrolment.csv",
        f"{RELEASE}/manifest.json",
    ],
)
def test_what_is_asked_about_each_time_is_not_sent_again(cache: str, path: str) -> None:
    check_that_it_is_asked_about(cache, path)


def test_a_page_of_the_stream_that_is_open_is_not_sent_again(cache: str) -> None:
    root = get(f"{cache}/changes.nq").text
    [path] = set(re.findall(r"/changes\.nq\?page=[\w-]+", root))
    check_that_it_is_asked_about(cache, path)


def check_that_it_is_asked_about(cache: str, path: str) -> None:
    for answer in twice(cache + path):
        assert answer.status_code == 200 and "X-Cache" not in answer.headers
    again = get(cache + path, If_None_Match=answer.headers["ETag"])
    assert (again.status_code, again.content) == (304, b"")


def test_a_download_that_was_cut_off_goes_on(cache: str) -> None:
    whole = get(f"{cache}{RELEASE}/enrolment.parquet")
    rest = get(f"{cache}{RELEASE}/enrolment.parquet", Range="bytes=100-")
    assert rest.status_code == 206 and rest.content == whole.content[100:]


def test_a_page_of_a_snapshot_is_kept(cache: str, site_url: str) -> None:
    first = get(f"{cache}/catalog.ttl").headers["Content-Location"]
    url = cache + first.removeprefix(site_url)
    kept = twice(url)[1]
    assert kept.headers["X-Cache"] == "HIT"
    again = get(url, If_None_Match=kept.headers["ETag"])
    assert (again.status_code, again.headers["X-Cache"]) == (304, "HIT")
    later = get(url, If_Modified_Since="Sun, 01 Jan 2040 00:00:00 GMT")
    assert (later.status_code, later.headers["X-Cache"]) == (304, "HIT")


def test_scripts_of_other_sites_may_read_what_was_kept_for_a_reader(cache: str) -> None:
    twice(f"{cache}/codelist/grade.ttl")
    kept = twice(f"{cache}/codelist/grade.ttl", Origin="https://city.example")[1]
    assert (kept.headers["X-Cache"], kept.headers["Access-Control-Allow-Origin"]) == ("HIT", "*")


def test_what_is_drawn_for_a_reader_is_kept(cache: str) -> None:
    path = f"{RELEASE}/figures.csv?measure=pupils&level=*"
    assert twice(cache + path)[1].headers["X-Cache"] == "HIT"
