"""Changes of the feed: as a stream of events, since a moment, and proved by a manifest."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from urllib.parse import quote

import pyoxigraph as ox
import pytest
from rdflib import Graph, URIRef
from rdflib.namespace import DCAT, DCTERMS, FOAF, RDF

from tests.ckanext.site.by_hand import HYDRA, RDFLIB, SIZE, act, ids_of, make, titles
from tests.ckanext.site.conftest import Site
from tests.ckanext.site.replica import RDFLIB as ACCEPTED
from tests.ckanext.site.replica import follow

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("context", "pages_of_three")]


def published(site: Site, address: str) -> dict[str, frozenset[Any]]:
    """What the portal says now, by IRI: of each of its datasets, and of the catalogue."""
    import ckan.model as model

    shown = model.Session.query(model.Package.id).filter_by(
        type="dataset", state="active", private=False
    )
    found = {}
    for (identifier,) in shown:
        graph = Graph().parse(data=site.get(f"/dataset/{identifier}.nt").data, format="nt")
        [subject] = graph.objects(URIRef(address), DCAT.dataset)
        found[str(subject)] = frozenset(graph)
    # The catalogue itself: what a page says when nothing has changed since.
    empty = site.get("/catalog.nt?modified_since=2999-01-01").data
    paging = {HYDRA.view, HYDRA.totalItems, DCTERMS.modified}
    found[address] = frozenset(
        (subject, predicate, value)
        for subject, predicate, value in Graph().parse(data=empty, format="nt")
        if predicate not in paging
        and HYDRA.Collection != value
        and "/catalog.nt" not in str(subject)
    )
    return found


# The stream ---------------------------------------------------------------------------------------


def test_whoever_follows_the_stream_ends_with_exactly_our_state(
    empty_site: Site, datasets: list[dict[str, Any]], address: str
) -> None:
    ids = [one["id"] for one in datasets]
    follower = follow(empty_site, address, accept="application/n-quads")
    follower.sync()
    assert follower.state == published(empty_site, address)

    act("package_patch", id=ids[0], title_translated={"vi": "Sửa lần một", "en": "Edited"})
    act("package_patch", id=ids[1], name="ten-moi")
    act("package_patch", id=ids[2], private=True)
    act("package_delete", id=ids[3])
    make("du-lieu-them")
    follower.sync()
    assert follower.state == published(empty_site, address)
    why = {each: str(sorted(graph)) for each, graph in follower.deletions.items()}
    assert "không còn công khai" in why[f"{address}/dataset/{ids[2]}"]
    assert "được gỡ khỏi cổng" in why[f"{address}/dataset/{ids[3]}"]

    # Seen again, edited more than once, gone for good, known by another IRI.
    act("package_patch", id=ids[2], private=False)
    for number in range(2 * SIZE):
        act("package_patch", id=ids[0], version=f"1.{number}")
    act("dataset_purge", id=ids[4])
    act("package_patch", id=ids[5], uri="https://example.org/khác/5")
    make("du-lieu-qua-duong")
    act("dataset_purge", id="du-lieu-qua-duong")
    follower.sync()
    expected = published(empty_site, address)
    assert follower.state == expected
    # Of the seven two are gone, one was added; and the catalogue.
    assert len(expected) == 6 + 1 and "https://example.org/khác/5" in expected

    # Who comes only now, in whatever format, has the same.
    for accept in ACCEPTED:
        late = follow(empty_site, address, accept=accept)
        late.sync()
        assert late.state == expected
    for ending in ("trig", "nq", "jsonld"):
        late = follow(empty_site, address, f"/changes.{ending}")
        late.sync()
        assert late.state == expected


def test_what_has_not_changed_is_not_read_again(
    empty_site: Site, datasets: list[dict[str, Any]], address: str
) -> None:
    follower = follow(empty_site, address)
    follower.sync()
    before = set(follower.fetched)
    follower.sync()
    # The root says that it is as it was.
    assert follower.fetched == [f"{address}/changes"]
    act("package_patch", id=datasets[0]["id"], version="2")
    follower.sync()
    assert follower.state == published(empty_site, address)
    # The root, the page that was open, and one more if that is full.
    assert len(follower.fetched) <= 3 < len(before)


def test_nothing_of_what_is_gone_can_be_read_in_any_page_that_there_was(
    empty_site: Site, datasets: list[dict[str, Any]], address: str
) -> None:
    hidden, deleted = datasets[0]["id"], datasets[1]["id"]
    secrets = ["Bí mật thứ nhất", "Bí mật thứ hai"]
    for identifier, title in zip((hidden, deleted), secrets, strict=True):
        act("package_patch", id=identifier, title_translated={"vi": title, "en": "Secret"})
    for number in range(SIZE):
        act("package_patch", id=datasets[2]["id"], version=f"1.{number}")
    follower = follow(empty_site, address, "/changes.nq")
    follower.sync()
    pages = [one.removeprefix(address) for one in follower.fetched]
    before = {page: empty_site.get(page) for page in pages}
    both = " ".join(answer.text for answer in before.values())
    assert all(title in both for title in secrets)

    act("package_patch", id=hidden, private=True)
    act("package_delete", id=deleted)
    # It comes back with other words; those from before do not.
    act(
        "package_patch", id=hidden, private=False,
        title_translated={"vi": "Công khai lại", "en": "Public again"},
    )  # fmt: skip
    late = follow(empty_site, address, "/changes.nq")
    late.sync()
    pages += [one.removeprefix(address) for one in late.fetched]
    for page in pages:
        for headers in ({}, {"Accept_Encoding": "identity"}):
            assert not any(title in empty_site.get(page, **headers).text for title in secrets)
    # What lost something is another representation, and what is left of it is as it was.
    closed = [
        page
        for page, answer in before.items()
        if "immutable" in answer.headers["Cache-Control"]
        and any(title in answer.text for title in secrets)
    ]
    assert closed
    for page in closed:
        again = empty_site.get(page)
        assert again.headers["ETag"] != before[page].headers["ETag"]
        assert set(again.text.splitlines()) < set(before[page].text.splitlines())


def test_pages_of_another_size_are_those_that_they_were(
    empty_site: Site, datasets: list[dict[str, Any]], address: str
) -> None:
    import ckan.plugins.toolkit as tk

    follower = follow(empty_site, address)
    follower.sync()
    page = follower.fetched[-1].removeprefix(address)
    before = empty_site.get(page).data
    tk.config["hcmedu.feed_page_size"] = SIZE + 2
    assert empty_site.get(page).data == before
    follower.sync()
    assert follower.state == published(empty_site, address)


def test_the_stream_keeps_its_name_and_its_order_when_entries_go_and_the_clock_is_set_back(
    empty_site: Site, datasets: list[dict[str, Any]], address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ckan.model as model
    import sqlalchemy as sa

    from ckanext.hcmedu.dcat import changes, entries, publishing

    one = datasets[0]["id"]
    follower = follow(empty_site, address)
    follower.sync()
    log = changes.log_name(model.Session.connection())
    ago = datetime.now(UTC).replace(tzinfo=None) - timedelta(hours=3)
    with monkeypatch.context() as patched:
        patched.setattr(entries, "utc_now", lambda: ago)
        act("package_patch", id=one, version="2")
        act("package_patch", id=one, version="3")
    follower.sync()
    assert follower.state == published(empty_site, address)
    act("package_patch", id=one, version="4")
    count = sa.text("select count(*) from hcmedu_feed")
    before = model.Session.execute(count).scalar_one()
    monkeypatch.setattr(entries, "KEPT", timedelta(0))
    publishing.refresh()
    assert model.Session.execute(count).scalar_one() < before
    assert changes.log_name(model.Session.connection()) == log
    late = follow(empty_site, address)
    late.sync()
    assert late.state == published(empty_site, address)


# Since a moment -----------------------------------------------------------------------------------


def since(site: Site, address: str, moment: str, ending: str = "ttl") -> Graph:
    """All that changed since then, page by page."""
    whole = Graph()
    path = f"/catalog.{ending}?modified_since={moment}"
    while path:
        answer = site.get(path)
        assert answer.status_code == 200, answer.text
        page = Graph().parse(data=answer.data, format=RDFLIB[ending])
        whole += page
        [view] = page.subjects(RDF.type, HYDRA.PartialCollectionView)
        following = page.value(view, HYDRA.next)
        path = str(following).removeprefix(address) if following else ""
    return whole


@pytest.mark.parametrize("ending", list(RDFLIB))
def test_what_changed_since_a_moment_is_told_with_what_is_gone(
    empty_site: Site, datasets: list[dict[str, Any]], address: str, ending: str
) -> None:
    ids = [one["id"] for one in datasets]
    moment = datetime.now(UTC)
    act("package_patch", id=ids[0], title_translated={"vi": "Sửa", "en": "Edited"})
    act("package_patch", id=ids[1], private=True)
    act("package_delete", id=ids[2])
    act("dataset_purge", id=ids[3])
    act("package_patch", id=ids[4], private=True)
    act("package_patch", id=ids[4], private=False)
    added = make("du-lieu-them")["id"]
    here = moment.astimezone(timezone(timedelta(hours=7)))
    for text in (quote(here.isoformat()), here.isoformat(), f"{moment:%Y-%m-%dT%H:%M:%S.%f}"):
        graph = since(empty_site, address, text, ending)
        assert ids_of(graph) == {ids[0], ids[4], added}
        # Who counts what came finds it whole: what is gone is none of the catalogue's datasets.
        assert {int(total) for total in graph.objects(None, HYDRA.totalItems)} == {3}
        gone = set()
        for record in graph.subjects(RDF.type, DCAT.CatalogRecord):
            topic = graph.value(record, FOAF.primaryTopic)
            assert set(graph.predicates(topic)) == set()
            assert graph.value(record, DCTERMS.modified).toPython() > moment
            gone.add(str(topic).rsplit("/", 1)[-1])
        assert gone == {ids[1], ids[2], ids[3]}
    [subject] = [each for each in graph.subjects(RDF.type, DCAT.Dataset) if ids[0] in str(each)]
    assert "Sửa" in {str(one) for one in graph.objects(subject, DCTERMS.title)}
    # From the moment that the answer names nothing is missed, and nothing but the last is repeated.
    last = graph.value(URIRef(address), DCTERMS.modified)
    assert ids_of(since(empty_site, address, quote(str(last)), ending)) == {added}


def test_since_long_ago_everything_has_changed(
    empty_site: Site, datasets: list[dict[str, Any]], address: str
) -> None:
    assert ids_of(since(empty_site, address, "2000-01-01")) == set(titles(empty_site))


def test_what_has_another_iri_is_gone_under_the_one_before(
    empty_site: Site, datasets: list[dict[str, Any]], address: str
) -> None:
    moment, one = datetime.now(UTC), datasets[0]["id"]
    act("package_patch", id=one, uri="https://example.org/other")
    graph = since(empty_site, address, quote(moment.isoformat()))
    assert set(graph.subjects(RDF.type, DCAT.Dataset)) == {URIRef("https://example.org/other")}
    topics = set(graph.objects(None, FOAF.primaryTopic))
    assert topics == {URIRef(f"{address}/dataset/{one}")}
    assert {int(total) for total in graph.objects(None, HYDRA.totalItems)} == {1}
    # And back: nothing is gone any more that is there.
    act("package_patch", id=one, uri="")
    graph = since(empty_site, address, quote(moment.isoformat()))
    assert set(graph.objects(None, FOAF.primaryTopic)) == {URIRef("https://example.org/other")}
    assert ids_of(graph) == {one}


@pytest.mark.parametrize("ending", list(RDFLIB))
def test_what_is_gone_had_an_iri_of_any_kind(
    empty_site: Site, datasets: list[dict[str, Any]], address: str, ending: str
) -> None:
    moment, one = datetime.now(UTC), datasets[0]["id"]
    act("package_patch", id=one, uri="https://example.org/catalog#one")
    act("package_delete", id=one)
    answer = empty_site.get(f"/catalog.{ending}?modified_since={quote(moment.isoformat())}")
    quads = list(ox.parse(answer.data, format=ox.RdfFormat.from_extension(ending)))
    topics = {each.object.value for each in quads if each.predicate.value == str(FOAF.primaryTopic)}
    assert "https://example.org/catalog#one" in topics


# The manifest -------------------------------------------------------------------------------------


def test_the_manifest_says_what_pages_are_after_a_deletion(
    empty_site: Site, datasets: list[dict[str, Any]], address: str
) -> None:
    before = empty_site.get("/catalog.ttl.manifest")
    token = before.json["snapshot"]
    path = f"/catalog.ttl.manifest?at={token}"
    assert empty_site.get(path, If_None_Match=before.headers["ETag"]).status_code == 304
    act("package_patch", id=datasets[0]["id"], private=True)
    after = empty_site.get(path, If_None_Match=before.headers["ETag"])
    assert after.status_code == 200 and after.json["datasets"] == len(datasets) - 1
    for page in after.json["pages"]:
        answer = empty_site.get(page["address"].removeprefix(address))
        assert hashlib.sha256(answer.data).hexdigest() == page["sha256"]
    assert empty_site.get("/catalog.ttl.manifest?at=9-ab").status_code == 410
    assert empty_site.get("/catalog.docx.manifest").status_code == 404
