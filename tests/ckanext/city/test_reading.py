"""The dialects of catalogues, read from a real web server; and answers that are none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from ckanext.hcmedu.city.comparison import Copy
from ckanext.hcmedu.city.reading import read
from ckanext.hcmedu.outgoing import open_client
from harvesters.errors import (
    SourceAnswerError,
    SourceChangedError,
    SourceConnectionError,
    SourceError,
    SourceRefusedError,
    SourceTimeoutError,
    SourceTooLargeError,
)
from harvesters.sources import Limits
from tests.harvesters.connectors.service import Reply, Request, Service, serving

pytestmark = pytest.mark.unit

SEARCH = "/api/3/action/package_search"
PREFIXES = """
@prefix dcat: <http://www.w3.org/ns/dcat#> .
@prefix dct: <http://purl.org/dc/terms/> .
@prefix hydra: <http://www.w3.org/ns/hydra/core#> .
"""
NESTED = (
    '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:a="urn:a#">'
    + "<a:A><a:b>" * 20_000 + "</a:b></a:A>" * 20_000 + "</rdf:RDF>"
)  # fmt: skip
QUOTED = "<a:a> <a:b> " + "<<( <a:a> <a:b> " * 30_000 + "<a:c>" + " )>>" * 30_000 + " ."
BOMB = """<?xml version="1.0"?>
<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">]>
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:e="urn:e:">
<rdf:Description rdf:about="urn:x"><e:p>&b;</e:p></rdf:Description></rdf:RDF>"""


@pytest.fixture
def service() -> Iterator[Service]:
    with serving() as running:
        yield running


def copies(service: Service, path: str, dialect: str, **limits: Any) -> list[Copy]:
    bounded = Limits(attempts=1, timeout_seconds=5, **{"max_depth": 32, **limits})
    client = open_client("city", service.address + path, bounded, reachable=())
    try:
        return read(client, dialect, bounded)
    finally:
        client.close()


def search(packages: list[dict[str, Any]]) -> Callable[[Request], Reply]:
    """`package_search` over `packages`."""

    def answer(request: Request) -> Reply:
        start, rows = int(request.query["start"]), int(request.query["rows"])
        page = packages[start : start + rows]
        return Reply({"success": True, "result": {"count": len(packages), "results": page}})

    return answer


def turtle(text: str) -> Reply:
    return Reply((PREFIXES + text).encode(), headers={"Content-Type": "text/turtle; charset=utf-8"})


def test_ckan_is_read_page_by_page_and_keeps_its_filter(service: Service) -> None:
    service.routes[SEARCH] = search([{"id": f"{number:03}"} for number in range(250)])
    found = copies(service, f"{SEARCH}?fq=organization:so-gddt", "ckan")
    assert found == [Copy(frozenset({f"{number:03}"})) for number in range(250)]
    asked = service.asked(SEARCH)
    assert [one.query["start"] for one in asked] == ["0", "100", "200"]
    assert {one.query["fq"] for one in asked} == {"organization:so-gddt"}


def test_in_ckan_identities_are_fields_or_extras(service: Service) -> None:
    extras = {"identifier": "i", "uri": "https://x/i", "guid": "https://x/i", "modified": "2026"}
    service.routes[SEARCH] = search(
        [
            {"id": "1", "extras": [{"key": key, "value": value} for key, value in extras.items()]},
            {"id": "2", "identifier": "j", "uri": "", "modified": "2025", "extras": None},
            {"id": "3", "identifier": ["not", "a", "text"], "modified": 5},
        ]
    )
    assert copies(service, SEARCH, "ckan") == [
        Copy(frozenset({"1", "i", "https://x/i"}), "2026"),
        Copy(frozenset({"2", "j"}), "2025"),
        Copy(frozenset({"3"}), None),
    ]


def test_a_catalogue_that_changes_while_it_is_read_is_not_believed(service: Service) -> None:
    packages = [{"id": f"{number:03}"} for number in range(150)]
    asked = search(packages)

    def shrinking(request: Request) -> Reply:
        reply = asked(request)
        packages.pop(0)
        return reply

    service.routes[SEARCH] = shrinking
    with pytest.raises(SourceChangedError):
        copies(service, SEARCH, "ckan")
    short = {"success": True, "result": {"count": 3, "results": []}}
    service.routes[SEARCH] = lambda request: Reply(short)
    with pytest.raises(SourceChangedError):
        copies(service, SEARCH, "ckan")


@pytest.mark.parametrize("is_list", [True, False])
def test_data_json_is_read_as_a_catalogue_or_a_list(service: Service, is_list: bool) -> None:
    datasets = [
        {"identifier": "a", "@id": "https://x/a", "modified": "2026-11-20"},
        {"identifier": "b", "modified": "R/P1Y"},
    ]
    body = datasets if is_list else {"@type": "dcat:Catalog", "dataset": datasets}
    service.routes["/data.json"] = lambda request: Reply(body)
    assert copies(service, "/data.json", "data.json") == [
        Copy(frozenset({"a", "https://x/a"}), "2026-11-20"),
        Copy(frozenset({"b"}), "R/P1Y"),
    ]


def test_a_feed_is_followed_by_hydra_in_old_and_new_terms(service: Service) -> None:
    service.routes["/catalog.ttl"] = lambda request: turtle(
        "<> hydra:next </catalog2>; hydra:nextPage </catalog2>; hydra:totalItems 3 ."
        '<urn:a> a dcat:Dataset; dct:identifier "a"; dct:modified "2026-11-20" .'
        "[] a dcat:CatalogRecord; dct:identifier 'r' ."
    )
    # Some write the address as a text.
    service.routes["/catalog2"] = lambda request: turtle(
        '<> hydra:nextPage "/catalog3" . <urn:b> a dcat:Dataset .'
    )
    service.routes["/catalog3"] = lambda request: Reply(
        b'{"@context": {"dcat": "http://www.w3.org/ns/dcat#"}, "@id": "urn:c", '
        b'"@type": "dcat:Dataset"}',
        headers={"Content-Type": "application/ld+json"},
    )
    assert copies(service, "/catalog.ttl", "dcat") == [
        Copy(frozenset({"urn:a", "a"}), "2026-11-20"),
        Copy(frozenset({"urn:b"})),
        Copy(frozenset({"urn:c"})),
    ]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("<> a dcat:Catalog; hydra:next <> .", SourceAnswerError),
        ("<> a dcat:Catalog; hydra:next </x>, </y> .", SourceAnswerError),
        ("<> hydra:totalItems 2 . <urn:a> a dcat:Dataset .", SourceChangedError),
        ("<> a dcat:Catalog; hydra:next <http://10.0.0.1/secret> .", SourceRefusedError),
        ("<> a dcat:Catalog; hydra:next <file:///etc/passwd> .", SourceRefusedError),
        ('<> a dcat:Catalog; hydra:next "http://[bad" .', SourceAnswerError),
        ('<> a dcat:Catalog; hydra:next "http://o:99999/" .', SourceRefusedError),
    ],
)
def test_a_feed_that_leads_astray_is_not_followed(
    service: Service, text: str, error: type[SourceError]
) -> None:
    service.routes["/catalog.ttl"] = lambda request: turtle(text)
    with pytest.raises(error):
        copies(service, "/catalog.ttl", "dcat")


@pytest.mark.parametrize("address", ["http://[bad", "http://h:99999/"])
def test_a_catalogue_that_is_nowhere_is_a_clear_error(service: Service, address: str) -> None:
    service.routes["/catalog.ttl"] = lambda request: Reply(
        b"", status=302, headers={"Location": address}
    )
    with pytest.raises(SourceRefusedError):
        copies(service, "/catalog.ttl", "dcat")


def test_a_busy_catalogue_may_write_what_it_likes(service: Service) -> None:
    service.routes["/x"] = lambda request: Reply(b"", status=503, headers={"Retry-After": "\u00b2"})
    with pytest.raises(SourceConnectionError):
        copies(service, "/x", "data.json")


def test_what_a_feed_announces_may_be_beyond_counting(service: Service) -> None:
    announced = f"<> hydra:totalItems {'9' * 5000} . <urn:a> a dcat:Dataset ."
    service.routes["/catalog.ttl"] = lambda request: turtle(announced)
    assert copies(service, "/catalog.ttl", "dcat") == [Copy(frozenset({"urn:a"}))]


def test_what_would_forge_a_log_is_no_name(service: Service) -> None:
    forged = "x\n2026-11-29 INFO forged\x1b]0;"
    datasets = [{"identifier": forged, "@id": "urn:a", "modified": forged}]
    service.routes["/data.json"] = lambda request: Reply({"dataset": datasets})
    assert copies(service, "/data.json", "data.json") == [Copy(frozenset({"urn:a"}))]


def test_a_reading_has_its_time(service: Service) -> None:
    service.routes["/data.json"] = lambda request: Reply({"dataset": []})
    with pytest.raises(SourceTimeoutError):
        copies(service, "/data.json", "data.json", read_seconds=0)


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (b"<html>Welcome</html>", "text/html"),
        (b"{}", "application/json"),
        (b"[]]", "text/turtle"),
        (b"\xff\xfe\x00", "text/turtle"),
        (BOMB.encode(), "application/rdf+xml"),
        (BOMB.encode("utf-16"), "application/rdf+xml"),
        (NESTED.encode(), "application/rdf+xml"),
        (QUOTED.encode(), "text/turtle"),
        (QUOTED.encode(), "application/n-triples"),
        (b'{"@context": "http://127.0.0.1:9/context", "@id": "urn:a"}', "application/ld+json"),
        (b"[" * 5000 + b"]" * 5000, "application/json"),
        (b'{"result": {"count": "7", "results": []}}', "application/json"),
        (b'{"result": {"count": 1, "results": [{"id": 5}]}}', "application/json"),
        (b'{"dataset": [5]}', "application/json"),
    ],
)
@pytest.mark.parametrize("dialect", ["ckan", "data.json", "dcat"])
def test_what_is_not_a_catalogue_is_a_clear_error(
    service: Service, body: bytes, media_type: str, dialect: str
) -> None:
    service.routes["/x"] = lambda request: Reply(body, headers={"Content-Type": media_type})
    with pytest.raises(SourceAnswerError) as wrong:
        copies(service, "/x", dialect)
    assert wrong.value.en and wrong.value.vi and "/x" in wrong.value.where


def test_what_is_too_large_is_not_read(service: Service) -> None:
    datasets = [{"identifier": str(number)} for number in range(50)]
    service.routes["/data.json"] = lambda request: Reply({"dataset": datasets})
    for limits in ({"max_response_bytes": 500}, {"max_rows": 49}, {"max_bytes": 500}):
        with pytest.raises(SourceTooLargeError):
            copies(service, "/data.json", "data.json", **limits)
    assert len(copies(service, "/data.json", "data.json")) == 50


def test_an_internal_address_has_to_be_allowed() -> None:
    limits = Limits(attempts=1)
    client = open_client("city", "http://data.example.org/data.json", limits, reachable=())
    with pytest.raises(SourceRefusedError):
        client.fetch("http://127.0.0.1/data.json")
    client.close()


def test_a_host_is_reached_at_its_own_port_only() -> None:
    for address, inside, outside in (
        ("https://data.example.org/data.json", 443, 8983),
        ("http://data.example.org", 443, 5432),
        ("http://data.example.org:8080/x", 8080, 80),
        ("http://[2001:db8::1]/", 80, 6379),
    ):
        allow = open_client("city", address, Limits(), reachable=()).allow
        host = urlsplit(address).hostname or ""
        assert allow.check(host, inside)
        with pytest.raises(SourceRefusedError):
            allow.check(host, outside)
