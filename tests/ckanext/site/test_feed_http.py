"""The feed as it is read: page by page, conditionally, compressed, in each format."""

from __future__ import annotations

import gzip
import hashlib
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import brotli
import pytest
from jsonschema import Draft202012Validator, FormatChecker
from rdflib import Graph, URIRef
from rdflib.namespace import DCAT, DCTERMS, RDF
from requests.utils import parse_header_links
from werkzeug.test import Client

from schemas.shapes import data_json_schema, dcat_us_schema
from tests.ckanext.site.by_hand import HYDRA, RDFLIB, SIZE, act, crawl, ids_of, seven
from tests.ckanext.site.conftest import Site
from tests.ckanext.site.replica import RDFLIB as ACCEPTED
from tests.ckanext.site.replica import follow

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("context", "pages_of_three")]


@pytest.fixture(scope="module")
def datasets(empty_site: Site) -> Iterator[list[dict[str, Any]]]:
    """Made once: nearly all tests only read."""
    with seven(empty_site) as made:
        yield made


# Its pages ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", list(RDFLIB))
def test_every_format_says_the_same(
    empty_site: Site, datasets: list[dict[str, Any]], ending: str
) -> None:
    def said(ending: str) -> set[Any]:
        triples = set()
        for graph in crawl(empty_site, ending=ending):
            # The addresses of the pages are those of the format.
            triples |= {triple for triple in graph if str(HYDRA) not in f"{triple[1]} {triple[2]}"}
        return triples

    expected = said("nt")
    assert said(ending) == expected
    assert len(set(described(expected))) == len(datasets)


def described(triples: set[Any]) -> Iterator[Any]:
    return (subject for subject, predicate, value in triples if value == DCAT.Dataset)


@pytest.mark.parametrize("ending", ["ttl", "rdf"])
def test_ckanext_dcats_own_reader_finds_every_dataset_page_by_page(
    empty_site: Site, datasets: list[dict[str, Any]], address: str, ending: str
) -> None:
    from ckanext.dcat.processors import RDFParser

    found: list[str] = []
    path: str | None = f"/catalog.{ending}"
    while path:
        parser = RDFParser(profiles=["euro_dcat_ap_3"])
        parser.parse(empty_site.get(path).data, _format=ending)
        found += [dataset["identifier"] for dataset in parser.datasets()]
        following = parser.next_page()
        path = following.removeprefix(address) if following else None
    assert sorted(found) == [each["id"] for each in datasets]


def test_a_page_says_how_many_there_are_and_where_the_others_are(
    empty_site: Site, datasets: list[dict[str, Any]], address: str
) -> None:
    answer = empty_site.get("/catalog.ttl")
    graph = Graph().parse(data=answer.data)
    [view] = graph.subjects(RDF.type, HYDRA.PagedCollection)
    assert int(graph.value(view, HYDRA.totalItems)) == len(datasets)
    assert int(graph.value(URIRef(address), HYDRA.totalItems)) == len(datasets)
    assert graph.value(URIRef(address), HYDRA.view) == view
    links = answer.headers["Link"]
    assert f'<{graph.value(view, HYDRA.next)}>; rel="next"' in links
    assert f'<{graph.value(view, HYDRA.last)}>; rel="last"' in links
    assert f'<{address}/dcat-us.json>; rel="alternate"' in links
    assert answer.headers["Content-Location"] == str(view)
    last = empty_site.get(str(graph.value(view, HYDRA.last)).removeprefix(address))
    assert 'rel="next"' not in last.headers["Link"]
    assert last.data.count(b"a dcat:Dataset") == len(datasets) % SIZE


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("at=1-000000000000", 410),
        ("at=999999-000000000000", 410),
        ("at=x", 410),
        ("at=5", 410),
        ("at=99999999999999999999999-ab", 410),
        ("after=abc", 400),
        ("at={token}&after=%3Cscript%3E", 400),
        ("at={token}&after=zzzz", 404),
    ],
)
def test_a_wrong_address_of_a_page_is_told_what_is_wrong(
    empty_site: Site, datasets: list[dict[str, Any]], query: str, status: int
) -> None:
    token = empty_site.get("/catalog.ttl").headers["Content-Location"].partition("at=")[2]
    answer = empty_site.get("/catalog.ttl?" + query.format(token=token))
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
    assert answer.json["detail"] != answer.json["detail_en"]
    assert answer.json["status"] == status
    if status == 410:
        assert 'rel="first"' in answer.headers["Link"]


# HTTP ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["/catalog.ttl", "/catalog.jsonld", "/data.json", "/dcat-us.json", "/dataset/du-lieu-1.rdf",
     "/dataset/du-lieu-1/croissant.jsonld"],
)  # fmt: skip
def test_what_has_not_changed_is_not_sent_again(
    empty_site: Site, datasets: list[dict[str, Any]], path: str
) -> None:
    first = empty_site.get(path)
    etag = first.headers["ETag"]
    assert not etag.startswith("W/")
    again = empty_site.get(path, If_None_Match=f'"x", {etag}')
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", etag)
    assert again.headers["Vary"] == first.headers["Vary"]
    # Of the second in which something changed no date proves anything.
    time.sleep(2)
    when = empty_site.get(path).headers["Last-Modified"]
    assert empty_site.get(path, If_Modified_Since=when).status_code == 304
    assert empty_site.get(path, If_None_Match='"x"', If_Modified_Since=when).status_code == 200
    act("package_patch", id="du-lieu-1", title_translated={"vi": f"Khác {path}", "en": "Other"})
    changed = empty_site.get(path, If_None_Match=etag)
    assert changed.status_code == 200 and changed.headers["ETag"] != etag


@pytest.mark.parametrize(
    "path", ["/catalog.rdf", "/data.json", "/dcat-us.json", "/dataset/du-lieu-1.nt"]
)
def test_each_coding_is_a_representation_of_its_own(
    empty_site: Site, datasets: list[dict[str, Any]], path: str
) -> None:
    plain = empty_site.get(path)
    assert "Content-Encoding" not in plain.headers
    unpack: dict[str, Callable[[bytes], bytes]] = {
        "gzip": gzip.decompress,
        "br": brotli.decompress,
    }
    etags = {plain.headers["ETag"]}
    for coding, decompress in unpack.items():
        answer = empty_site.get(path, Accept_Encoding=coding)
        assert answer.headers["Content-Encoding"] == coding
        assert decompress(answer.data) == plain.data
        assert int(answer.headers["Content-Length"]) == len(answer.data) < len(plain.data)
        etags.add(answer.headers["ETag"])
    assert len(etags) == 3
    both = empty_site.get(path, Accept_Encoding="gzip, br;q=0")
    assert both.headers["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in plain.headers["Vary"]


@pytest.mark.parametrize("path", ["/catalog.ttl", "/data.json", "/dataset/du-lieu-1.ttl"])
def test_head_says_what_get_says_and_sends_nothing(
    empty_site: Site, datasets: list[dict[str, Any]], path: str
) -> None:
    browser = empty_site.app.flask_app.test_client(use_cookies=False)
    head, got = browser.head(path), browser.get(path)
    assert head.status_code == 200 and head.data == b""
    assert dict(head.headers) == dict(got.headers)
    assert int(head.headers["Content-Length"]) == len(got.data)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("text/turtle", "text/turtle; charset=utf-8"),
        ("application/rdf+xml;q=0.9, text/html;q=0.1", "application/rdf+xml; charset=utf-8"),
        ("application/ld+json", "application/ld+json"),
        ("application/n-triples", "application/n-triples"),
        ("*/*", "text/turtle; charset=utf-8"),
        ("text/turtle;charset=utf-8", "text/turtle; charset=utf-8"),
        (
            'application/ld+json;profile="http://www.w3.org/ns/json-ld#compacted", text/html;q=0.5',
            "application/ld+json",
        ),
    ],
)
def test_the_catalogue_is_negotiated(
    empty_site: Site, datasets: list[dict[str, Any]], accept: str, expected: str
) -> None:
    answer = empty_site.get("/catalog", Accept=accept)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, expected)
    assert {"Accept", "Accept-Encoding"} <= set(answer.headers["Vary"].split(", "))


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/catalog.docx", 404),
        ("GET", "/catalog.docx?q=a", 404),
        ("GET", "/catalog.nt?q=a", 404),
        ("GET", "/dataset/du-lieu-1.nt?profiles=euro_dcat_ap_3", 404),
        ("GET", "/dataset/du-lieu-1.docx", 404),
        ("GET", "/dataset/du-lieu-1.json", 404),
        ("GET", "/dataset/khong-co.ttl", 404),
        ("GET", "/dataset/khong-co/croissant.jsonld", 404),
        ("GET", "/dataset/du%00lieu.ttl", 400),
        ("POST", "/catalog.ttl", 405),
        ("DELETE", "/data.json", 405),
        ("OPTIONS", "/catalog.ttl", 204),
    ],
)
def test_what_cannot_be_is_answered_as_http_has_it(
    empty_site: Site, datasets: list[dict[str, Any]], method: str, path: str, status: int
) -> None:
    answer = empty_site.app.flask_app.test_client().open(path, method=method)
    assert answer.status_code == status
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    if status == 405:
        assert answer.headers["Allow"] == "GET, HEAD, OPTIONS"
    if status != 204:
        assert answer.content_type == "application/problem+json"


def test_a_format_that_the_feed_does_not_have_is_not_acceptable(
    empty_site: Site, datasets: list[dict[str, Any]]
) -> None:
    assert empty_site.get("/catalog", Accept="image/png").status_code == 406


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, br", "br"),
        ("br;q=0.1, gzip", "gzip"),
        ("gzip;q=0.1, identity;q=0.5", None),
        ("br;q=0, gzip;q=0", None),
        ("*", "br"),
    ],
)
def test_the_reader_says_which_coding_it_prefers(
    empty_site: Site, datasets: list[dict[str, Any]], accepted: str, coding: str | None
) -> None:
    answer = empty_site.get("/catalog.ttl", Accept_Encoding=accepted)
    assert answer.headers.get("Content-Encoding") == coding


def test_who_asks_for_a_version_that_is_no_more_is_told_so(
    empty_site: Site, datasets: list[dict[str, Any]]
) -> None:
    first = empty_site.get("/catalog.ttl")
    etag, at = first.headers["ETag"], first.headers["Last-Modified"]
    long_ago = "Sun, 01 Jan 2006 00:00:00 GMT"
    for path in ("/catalog.ttl", first.headers["Content-Location"], "/data.json"):
        assert empty_site.get(path, If_Match="*").status_code == 200
        for condition in ({"If_Match": '"other"'}, {"If_Unmodified_Since": long_ago}):
            refused = empty_site.get(path, **condition)
            assert (refused.status_code, refused.json["status"]) == (412, 412)
            # Nobody else shall be told so.
            assert refused.headers["Cache-Control"] == "no-cache"
    assert empty_site.get("/catalog.ttl", If_Match=etag).status_code == 200
    assert empty_site.get("/catalog.ttl", If_Unmodified_Since=at).status_code == 200
    both = empty_site.get("/catalog.ttl", If_Match=etag, If_Unmodified_Since=long_ago)
    assert both.status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/catalog.foo-bar", "/catalog.ttl%20", "/catalog.ttl;x=1", "/catalog.ttl.foo", "/catalog.ttl?",
     "/catalog.foo.manifest", "/dataset/du-lieu-1.foo-bar", "/dataset/du-lieu-1.ttl%20"],
)  # fmt: skip
def test_a_format_that_there_is_not_is_said_to_be_none(
    empty_site: Site, datasets: list[dict[str, Any]], path: str
) -> None:
    answer = empty_site.get(path)
    assert answer.status_code == (200 if path.endswith("?") else 404)
    if answer.status_code == 404:
        assert answer.mimetype == "application/problem+json" and answer.json["detail_en"]


# What ckanext-dcat answers ------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["ttl", "rdf", "jsonld"])
@pytest.mark.parametrize(
    "query", ["q=học sinh", "q=a b", 'q="lieu"', "fq=name:du-lieu-1", "page=1",
              "q=lieu&modified_since=2026-01-01T00:00:00%2B07:00"]
)  # fmt: skip
def test_the_catalogue_can_be_searched(
    empty_site: Site, datasets: list[dict[str, Any]], ending: str, query: str
) -> None:
    answer = empty_site.get(f"/catalog.{ending}?{query}")
    assert answer.status_code == 200
    graph = Graph().parse(data=answer.data, format=RDFLIB[ending])
    if query.startswith(("fq", "page")):
        [modified] = set(graph.objects(URIRef(address_of(graph)), DCTERMS.modified))
        assert modified.toPython().tzinfo is not None


def address_of(graph: Graph) -> str:
    [catalog] = graph.subjects(RDF.type, DCAT.Catalog)
    return str(catalog)


@pytest.mark.parametrize(
    "query", ["fq={", "page=99999999999", "page=0",
              "q=a&modified_since=x"]
)  # fmt: skip
def test_a_question_that_cannot_be_answered_is_the_askers_mistake(
    empty_site: Site, datasets: list[dict[str, Any]], query: str
) -> None:
    assert empty_site.get(f"/catalog.ttl?{query}").status_code == 409


def test_the_feed_sets_no_cookie_and_may_be_kept_by_anyone(
    empty_site: Site, datasets: list[dict[str, Any]]
) -> None:
    for path in ("/catalog.ttl", "/data.json", "/dataset/du-lieu-1.ttl"):
        answer = empty_site.get(path)
        assert "Set-Cookie" not in answer.headers and "Cookie" not in answer.headers["Vary"]
        assert "public" in answer.headers["Cache-Control"]


def test_the_feed_answers_without_flask_solr_and_redis(
    empty_site: Site, datasets: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    import ckan.plugins.toolkit as tk

    from ckanext.hcmedu.dcat.server import Feed

    def unreachable(*_: object) -> Any:
        raise AssertionError("asked something else than the database")

    monkeypatch.setitem(tk.config, "solr_url", "http://127.0.0.1:1/solr")
    monkeypatch.setitem(tk.config, "ckan.redis.url", "redis://127.0.0.1:1/0")
    monkeypatch.setattr(tk, "get_action", unreachable)
    reader = Client(Feed(unreachable))
    paths = ("/catalog.ttl", "/catalog", "/data.json", "/dcat-us.json", "/changes",
             "/dataset/du-lieu-1.jsonld", "/dataset/du-lieu-1/croissant.jsonld",
             "/catalog.ttl?modified_since=2026-01-01", "/catalog.nt.manifest")  # fmt: skip
    for path in paths:
        assert reader.get(path).status_code == 200


def test_a_database_that_is_down_is_told_as_such(
    empty_site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sqlalchemy as sa

    from ckanext.hcmedu.dcat import server

    nowhere = sa.create_engine("postgresql://nobody@127.0.0.1:1/none")
    monkeypatch.setattr(server.model, "ensure_engine", lambda: nowhere)
    answer = Client(server.Feed(lambda *_: [b""])).get("/catalog.ttl")
    assert answer.status_code == 503 and answer.headers["Retry-After"]
    assert "password" not in answer.text and "127.0.0.1" not in answer.text


def test_a_disk_that_takes_no_page_keeps_nobody_from_reading(
    empty_site: Site, datasets: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from ckanext.hcmedu.dcat import store

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    expected = empty_site.get("/catalog.ttl").data
    monkeypatch.setattr(store, "stored", full)
    assert empty_site.get("/catalog.ttl").data == expected


def test_addresses_are_right_below_a_prefix(
    empty_site: Site, datasets: list[dict[str, Any]], address: str
) -> None:
    import ckan.plugins.toolkit as tk

    tk.config["ckan.root_path"] = "/du-lieu/{{LANG}}"
    graph = Graph().parse(data=empty_site.get("/du-lieu/catalog.ttl").data)
    [view] = graph.subjects(RDF.type, HYDRA.PagedCollection)
    following = str(graph.value(view, HYDRA.next))
    assert following.startswith(f"{address}/du-lieu/catalog.ttl?at=")
    assert empty_site.get(following.removeprefix(address)).status_code == 200


@pytest.mark.parametrize(
    ("path", "schema"), [("/data.json", data_json_schema), ("/dcat-us.json", dcat_us_schema)]
)
def test_what_was_written_by_hand_is_valid_in_one_piece_as_well(
    empty_site: Site, datasets: list[dict[str, Any]], path: str, schema: Callable[[], Any]
) -> None:
    whole = json.loads(empty_site.get(path).data)
    assert [one["identifier"] for one in whole["dataset"]] == [one["id"] for one in datasets]
    Draft202012Validator(schema(), format_checker=FormatChecker()).validate(whole)


def test_what_is_said_of_a_dataset_cannot_leave_its_block_in_the_page(
    empty_site: Site, datasets: list[dict[str, Any]]
) -> None:
    from ckanext.hcmedu import helpers

    notes = "Bảng </script><script>alert(1)</script><!-- <script> & \u2028 hết"
    act("package_patch", id="du-lieu-2", notes_translated={"vi": notes, "en": ""})
    page = empty_site.get("/dataset/du-lieu-2")
    assert page.status_code == 200
    _, _, rest = page.text.partition('<script type="application/ld+json">')
    block, end, after = rest.partition("</script>")
    said = json.loads(block)
    assert (said["description"], end) == (notes, "</script>")
    assert "alert(1)" not in after and "<" not in block
    # Files elsewhere, of which the portal knows neither size nor content.
    assert said["isLiveDataset"] is True
    [file] = said["distribution"]
    assert file["contentUrl"] == "https://example.org/du-lieu-2.csv"
    act("package_patch", id="du-lieu-2", private=True)
    assert helpers.structured_data({"id": said["identifier"]}) == ""
    act("package_patch", id="du-lieu-2", private=False)


# Changes and manifests ----------------------------------------------------------------------------


def test_pages_are_closed_for_good_and_the_last_is_open(
    empty_site: Site, datasets: list[dict[str, Any]], address: str
) -> None:
    from ckan.model import ensure_engine

    from ckanext.hcmedu.dcat import entries

    with ensure_engine().connect() as connection:
        newest = entries.newest(connection)
    assert newest is not None
    root = empty_site.get("/changes.trig")
    assert root.headers["Cache-Control"] == "public, no-cache"
    follower = follow(empty_site, address, "/changes.trig")
    follower.sync()
    # One lower bound a page, and one upper one where it is closed.
    assert root.text.count("tree#GreaterThanOrEqualToRelation>") == len(follower.fetched) - 1
    kinds = {}
    for page in follower.fetched[1:]:
        answer = empty_site.get(page.removeprefix(address))
        last = int(page.rpartition("-")[2])
        kinds[last <= newest.position] = answer.headers["Cache-Control"]
    assert "immutable" in kinds[True]
    # What many read from must not go on showing what was erased.
    assert "s-maxage=300" in kinds[True]
    assert kinds.get(False, "public, no-cache") == "public, no-cache"
    again = empty_site.get("/changes.trig", If_None_Match=root.headers["ETag"])
    assert (again.status_code, again.data) == (304, b"")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/changes?page=x", 400),
        ("/changes?page={log}-3-1", 400),
        ("/changes?page={log}-1-100000", 400),
        ("/changes?page=000000000000-1-3", 410),
        ("/changes?page={log}-900001-900003", 404),
        ("/changes.ttl", 404),
    ],
)
def test_a_wrong_address_in_the_stream_is_told_what_is_wrong(
    empty_site: Site, datasets: list[dict[str, Any]], path: str, status: int
) -> None:
    from ckan.model import ensure_engine

    from ckanext.hcmedu.dcat.changes import log_name

    with ensure_engine().connect() as connection:
        log = log_name(connection)
    answer = empty_site.get(path.format(log=log))
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
    assert answer.json["detail"] != answer.json["detail_en"]


def test_the_stream_is_negotiated_and_no_other_format_is_acceptable(
    empty_site: Site, datasets: list[dict[str, Any]]
) -> None:
    for accept in ACCEPTED:
        answer = empty_site.get("/changes", Accept=f"{accept}, text/html;q=0.1")
        assert answer.mimetype == accept
        assert {"Accept", "Accept-Encoding"} <= set(answer.headers["Vary"].split(", "))
    assert empty_site.get("/changes", Accept="*/*").mimetype == "application/trig"
    assert empty_site.get("/changes", Accept="text/turtle").status_code == 406


@pytest.mark.parametrize(
    "moment",
    [
        "",
        "hôm qua",
        "2026-13-01",
        "2026-11-25T08:00:00%2B99:00",
        "2026-11-25T08:00:00%2B07:60",
        "*",
    ],
)
def test_a_moment_that_is_none_is_a_bad_request(
    empty_site: Site, datasets: list[dict[str, Any]], moment: str
) -> None:
    answer = empty_site.get(f"/catalog.ttl?modified_since={moment}")
    assert (answer.status_code, answer.content_type) == (400, "application/problem+json")
    assert "RFC 3339" in answer.json["detail"]


@pytest.mark.parametrize("ending", list(RDFLIB))
def test_whoever_has_what_the_manifest_names_has_everything(
    empty_site: Site, datasets: list[dict[str, Any]], address: str, ending: str
) -> None:
    first = empty_site.get(f"/catalog.{ending}")
    [manifest] = [
        link.partition(">")[0].removeprefix("<").removeprefix(address)
        for link in first.headers["Link"].split(", ")
        if 'rel="describedby"' in link
    ]
    # Who reads on while something is edited still has what the manifest says.
    act(
        "package_patch",
        id=datasets[-1]["id"],
        title_translated={"vi": f"Sau {ending}", "en": "Later"},
    )
    sealed = empty_site.get(manifest).json
    assert sealed["pages"][0]["address"] == first.headers["Content-Location"]
    seen: set[str] = set()
    for page in sealed["pages"]:
        answer = empty_site.get(page["address"].removeprefix(address))
        assert hashlib.sha256(answer.data).hexdigest() == page["sha256"]
        assert len(answer.data) == page["bytes"]
        graph = Graph().parse(data=answer.data, format=RDFLIB[ending])
        assert ids_of(graph) == set(page["datasets"])
        seen |= set(page["datasets"])
    assert seen == {one["id"] for one in datasets} and sealed["datasets"] == len(seen)


# Prepared ahead of the first reader ---------------------------------------------------------------


def test_what_was_prepared_is_only_sent(
    empty_site: Site, datasets: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from ckanext.hcmedu.dcat import preparing, store

    def forbidden(*_: object) -> bytes:
        raise AssertionError("A reader came before it was made.")

    preparing.prepare()
    monkeypatch.setattr(store, "compress", forbidden)
    for coding in ("br", "gzip"):
        for ending in RDFLIB:
            following: str | None = f"/catalog.{ending}"
            while following:
                answer = empty_site.get(following, Accept_Encoding=coding)
                assert answer.headers["Content-Encoding"] == coding and answer.data
                links = {
                    one["rel"]: one["url"] for one in parse_header_links(answer.headers["Link"])
                }
                following = links.get("next")
            assert empty_site.get(f"/catalog.{ending}.manifest", Accept_Encoding=coding).data
        for path in ("/data.json", "/dcat-us.json"):
            assert empty_site.get(path, Accept_Encoding=coding).data


def test_it_is_prepared_again_when_it_has_changed(
    empty_site: Site, datasets: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    from ckanext.hcmedu.dcat import preparing

    prepared: list[int] = []
    prepare = preparing.prepare

    def count() -> int:
        prepared.append(prepare())
        return prepared[-1]

    monkeypatch.setattr(preparing, "prepare", count)
    preparation = preparing.Preparation()
    preparation()
    preparation()
    assert len(prepared) == 1
    act("package_patch", id="du-lieu-2", title_translated={"vi": "Chuẩn bị", "en": "Prepared"})
    preparation()
    # The same pages, and those of the stream where the change began one.
    assert len(prepared) == 2 and prepared[1] >= prepared[0] > 0
