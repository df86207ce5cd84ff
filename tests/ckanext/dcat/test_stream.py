"""Documents of the stream of changes, moments, deletions, manifests: no services needed."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdflib import Dataset, Graph, Literal, Namespace, URIRef
from rdflib.namespace import DCAT, DCTERMS, FOAF, RDF, XSD

from ckanext.hcmedu.dcat import moments
from ckanext.hcmedu.dcat.changes import Change, Stretch
from ckanext.hcmedu.dcat.deletions import DELETED, records
from ckanext.hcmedu.dcat.documents import FORMATS as FEED_FORMATS
from ckanext.hcmedu.dcat.documents import statements
from ckanext.hcmedu.dcat.entries import Deletion
from ckanext.hcmedu.dcat.fragments import make_fragments
from ckanext.hcmedu.dcat.manifest import Sealed, manifest
from ckanext.hcmedu.dcat.stream import FORMATS, FRAGMENTS, LONGEST, Page, Stream

pytestmark = pytest.mark.unit

BASE = "https://example.org"
RDFLIB = {"trig": "trig", "nq": "nquads", "jsonld": "json-ld"}
AS = Namespace("https://www.w3.org/ns/activitystreams#")
LDES = Namespace("https://w3id.org/ldes#")
TREE = Namespace("https://w3id.org/tree#")
ADMS = Namespace("http://www.w3.org/ns/adms#")
LOG = "0123456789ab"
NOON = datetime(2026, 11, 25, 12, 0, 0, 5)

texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=20) | (
    st.sampled_from(
        ["Số học sinh", 'a "b" .', " .\n", "hai .\ndòng .\n", "}\n", "@prefix x: <y> ."]
    )
)
subjects = st.sampled_from([URIRef(f"{BASE}/{name}") for name in "abc"])
triples = st.lists(
    st.tuples(
        subjects,
        st.sampled_from([DCTERMS.title, DCTERMS.relation]),
        subjects | st.builds(lambda text: Literal(text, lang="vi"), texts),
    ),
    min_size=1,
    max_size=6,
)


def stream(ending: str = "") -> Stream:
    return Stream(f"{BASE}/changes", f"{BASE}/changes{ending}")


def quads(name: str, document: str) -> set[tuple[object, ...]]:
    read = Dataset()
    read.parse(data=document, format=RDFLIB[name])
    default = read.default_graph.identifier
    return {(s, p, o, None if g in (None, default) else g) for s, p, o, g in read.quads()}


def change(position: int, kind: str = "update", fragment: str | None = None) -> Change:
    reason = "private" if kind == "delete" else None
    at = NOON + timedelta(seconds=position)
    return Change(position, f"{position:064x}", kind, f"{BASE}/d{position}", at, reason, fragment)


@given(st.lists(triples, max_size=3))
@settings(max_examples=50, deadline=None)
def test_every_format_says_each_change_in_a_graph_of_its_own(
    payloads: list[list[tuple[URIRef, URIRef, URIRef | Literal]]],
) -> None:
    said = {}
    for name in FORMATS:
        graphs, changes = [], []
        for number, payload in enumerate(payloads, start=1):
            graph = Graph()
            for triple in payload:
                graph.add(triple)
            graphs.append(graph)
            fragment = make_fragments(graph, BASE)[FRAGMENTS[name]]
            changes.append(change(number, "create", fragment))
        changes.append(change(9, "delete"))
        said[name] = quads(name, stream().document(name, Page(LOG, 1, 9), changes))
        for one, graph in zip(changes, graphs, strict=False):
            member = URIRef(stream().member(one))
            assert {quad[:3] for quad in said[name] if quad[3] == member} == set(graph)
            assert (member, RDF.type, AS.Create, None) in said[name]
            assert (member, AS.object, URIRef(one.iri), None) in said[name]
        assert len({quad[3] for quad in said[name]}) == len(graphs) + 1
    assert said["trig"] == said["nq"] == said["jsonld"]


@pytest.mark.parametrize("name", list(FORMATS))
def test_a_deletion_says_since_when_and_why_and_nothing_else(name: str) -> None:
    gone = change(4, "delete")
    said = quads(name, stream().document(name, Page(LOG, 1, 4), [gone]))
    member = URIRef(stream().member(gone))
    own = {(p, o) for s, p, o, g in said if s == member}
    when = Literal("2026-11-25T12:00:04.000005Z", datatype=XSD.dateTime)
    assert {(RDF.type, AS.Delete), (AS.object, URIRef(gone.iri)), (AS.published, when)} < own
    why = {o.language: str(o) for p, o in own if p == AS.summary}  # type: ignore[attr-defined]
    assert set(why) == {"vi", "en"} and "không còn công khai" in why["vi"]
    assert {g for *_, g in said} == {None}


@pytest.mark.parametrize("name", list(FORMATS))
def test_the_root_leads_to_every_page_within_bounds_that_hold_for_good(name: str) -> None:
    cut = [
        Stretch(1, 3, NOON, NOON + timedelta(hours=1), 3),
        Stretch(7, 9, NOON + timedelta(hours=2), NOON + timedelta(hours=3), 1),
    ]
    here = stream(f".{name}")
    said = quads(name, here.root(name, LOG, cut, newest=8))
    root = URIRef(f"{BASE}/changes.{name}")
    event_stream = URIRef(f"{BASE}/changes#stream")
    assert (event_stream, RDF.type, LDES.EventStream, None) in said
    assert (event_stream, TREE.view, root, None) in said
    assert (event_stream, LDES.timestampPath, AS.published, None) in said
    assert (event_stream, LDES.versionOfPath, AS.object, None) in said
    graph = Graph()
    for s, p, o, _ in said:
        graph.add((s, p, o))  # type: ignore[arg-type]
    bounds = {
        (
            str(graph.value(relation, TREE.node)).rpartition("page=")[2],
            graph.value(relation, RDF.type),
            graph.value(relation, TREE.value).toPython(),  # type: ignore[union-attr]
        )
        for relation in graph.objects(root, TREE.relation)
    }
    # The second page is open: later changes come to it.
    hours = [NOON.replace(tzinfo=UTC) + timedelta(hours=number) for number in range(3)]
    assert bounds == {
        (f"{LOG}-1-3", TREE.GreaterThanOrEqualToRelation, hours[0]),
        (f"{LOG}-1-3", TREE.LessThanOrEqualToRelation, hours[1]),
        (f"{LOG}-7-9", TREE.GreaterThanOrEqualToRelation, hours[2]),
    }
    paths = {graph.value(relation, TREE.path) for relation in graph.objects(root, TREE.relation)}
    assert paths == {AS.published}


@given(st.integers(1, 10**9), st.integers(1, LONGEST))
def test_a_page_is_known_by_its_name(first: int, length: int) -> None:
    page = Page(LOG, first, first + length - 1)
    assert Page.named(page.name) == page
    assert page.is_one_of(length) == ((first - 1) % length == 0)


@pytest.mark.parametrize(
    "name",
    ["", "1", "1-3", f"{LOG}-3-1", f"{LOG}-0-3", f"{LOG}-1-{LONGEST + 1}", f"{LOG}-1-3-5",
     f"{LOG}--1-3", "0123456789AB-1-3", f"{LOG}-1-٣", f"{LOG}-1-{10**30}"],
)  # fmt: skip
def test_what_cannot_be_the_name_of_a_page_is_none(name: str) -> None:
    assert Page.named(name) is None


# Moments ------------------------------------------------------------------------------------------

zones = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=zones))
def test_a_moment_is_the_same_in_every_time_zone(moment: datetime) -> None:
    expected = moment.astimezone(UTC).replace(tzinfo=None)
    assert moments.parse(moment.isoformat()) == expected
    # As it arrives if the plus was not escaped.
    assert moments.parse(moment.isoformat().replace("+", " ")) == expected
    assert moments.parse(moments.write(expected)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-25", "2026-11-25T00:00:00"),
        ("2026-11-25T08:00", "2026-11-25T08:00:00"),
        ("2026-11-25T08:00:00+07:00", "2026-11-25T01:00:00"),
        ("2026-11-25 08:00:00 07:00", "2026-11-25T01:00:00"),
        ("2026-11-25t01:00:00.5z", "2026-11-25T01:00:00.500000"),
        ("2026-11-25T00:00:00-0530", "2026-11-25T05:30:00"),
    ],
)
def test_moments_are_read_as_they_are_written(text: str, expected: str) -> None:
    found = moments.parse(text)
    assert found is not None and found.isoformat() == expected


@pytest.mark.parametrize(
    "text",
    ["", "hôm qua", "2026", "2026-13-01", "2026-02-30", "25/11/2026", "2026-11-25T25:00",
     "NOW-1DAY", "2026-11-25T08:00:00+25:00", "0001-01-01T00:00:00+07:00", "2026-11-25T08:00:00Zx",
     "[* TO *]"],
)  # fmt: skip
def test_what_names_no_moment_is_none(text: str) -> None:
    assert moments.parse(text) is None


# Deletions and manifests --------------------------------------------------------------------------


@pytest.mark.parametrize("name", list(FEED_FORMATS))
def test_a_deletion_is_a_record_of_the_catalogue_and_no_dataset(name: str) -> None:
    gone = [Deletion(f"{BASE}/dataset/a", NOON, "deleted")]
    document = FEED_FORMATS[name].document([statements(name, list(records(BASE, gone)))])
    kinds = {"ttl": "turtle", "rdf": "xml", "jsonld": "json-ld", "nt": "nt"}
    graph = Graph().parse(data=document, format=kinds[name])
    [record] = graph.subjects(RDF.type, DCAT.CatalogRecord)
    assert graph.value(record, FOAF.primaryTopic) == URIRef(f"{BASE}/dataset/a")
    assert graph.value(record, ADMS.status) == URIRef(DELETED)
    assert graph.value(record, DCTERMS.modified) == Literal(
        "2026-11-25T12:00:00.000005Z", datatype=XSD.dateTime
    )
    assert {one.language for one in graph.objects(record, DCTERMS.description)} == {"vi", "en"}
    assert (URIRef(BASE), DCAT.record, record) in graph
    assert (None, RDF.type, DCAT.Dataset) not in graph


def test_a_manifest_says_what_every_page_is() -> None:
    content = "Số học sinh".encode()
    pages = [Sealed("https://a?1", content, ["x", "y"]), Sealed("https://a?2", b"", [])]
    read = json.loads(manifest("5-ab", "2026-11-25T12:00:00Z", "text/turtle", pages))
    assert read["snapshot"] == "5-ab" and read["datasets"] == 2
    first, second = read["pages"]
    assert first == {
        "address": "https://a?1",
        "bytes": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "datasets": ["x", "y"],
    }
    assert second["datasets"] == []
