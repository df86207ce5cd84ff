"""The feed against shapes and against the metadata quality score."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyshacl
import pytest
from jsonschema import Draft202012Validator, FormatChecker
from rdflib import Dataset, Graph, Literal, Namespace, URIRef
from rdflib.compare import isomorphic
from rdflib.namespace import DCAT, DCTERMS, FOAF, RDF, RDFS, SKOS, XSD

from ckanext.hcmedu.conformance.shapes import official_shapes, own_shapes
from ckanext.hcmedu.dcat import quality
from schemas.identity import dataset_id
from schemas.shapes import data_json_schema, dcat_us_schema
from tests.ckanext.site import jena
from tests.ckanext.site.by_hand import RDFLIB
from tests.ckanext.site.conftest import Site
from tests.ckanext.site.shapes import official_violations, own_violations

pytestmark = pytest.mark.integration

CSVW = Namespace("http://www.w3.org/ns/csvw#")
DQV = Namespace("http://www.w3.org/ns/dqv#")
SCHEMA = Namespace("https://schema.org/")
STREAM = {"trig": "trig", "nq": "nquads", "jsonld": "json-ld"}


@pytest.fixture(scope="module")
def feed(site: Site) -> Graph:
    return Graph().parse(data=site.get("/catalog.ttl").data, format="turtle")


@pytest.fixture
def enrolment(address: str) -> URIRef:
    return URIRef(f"{address}/dataset/{dataset_id('enrolment')}")


def test_the_feed_conforms_to_the_portals_shapes(feed: Graph) -> None:
    assert own_violations(feed) == []


def test_the_feed_conforms_to_dcat_ap_where_its_shapes_are_at_hand(feed: Graph) -> None:
    assert official_violations(feed) == []
    assert (None, RDF.type, DCAT.Catalog) in feed


@pytest.mark.parametrize("ending", ["ttl", "rdf", "jsonld", "nt", "trig", "nq"])
def test_jena_reads_the_same_as_rdflib(site: Site, ending: str) -> None:
    paths = ["/catalog", "/dataset/enrolment"] if ending in RDFLIB else []
    if ending in STREAM:
        [page] = set(re.findall(r"[?]page=[\w-]+", site.get("/changes.nq").text))
        paths.append(f"/changes.{ending}{page}")
    for path in paths:
        content = site.get(path if "?" in path else f"{path}.{ending}").data
        ours = Dataset().parse(data=content, format={**RDFLIB, **STREAM}[ending])
        theirs = jena.read(content, ending)
        assert len(theirs) > 50
        assert set(theirs.quads()) == set(ours.quads()), path


def test_jena_reads_croissant_as_rdflib_does(site: Site) -> None:
    content = site.get("/dataset/enrolment/croissant.jsonld").data
    theirs = jena.read(content, "jsonld").default_graph
    assert isomorphic(theirs, Graph().parse(data=content, format="json-ld"))


def test_jena_finds_what_pyshacl_finds(feed: Graph, tmp_path: Path) -> None:
    # A feed in which something is wrong with every other triple.
    broken = Graph()
    for number, triple in enumerate(sorted(feed)):
        if number % 2 or triple[1] == RDF.type:
            broken.add(triple)
    every = [own_shapes(), *official_shapes(os.environ.get("HCMEDU_OFFICIAL_SHAPES"))]
    found = []
    for number, graph in enumerate(every):
        asked = tmp_path / f"shapes-{number}.ttl"
        graph.serialize(asked, "turtle")
        for data in (feed, broken):
            file = tmp_path / "feed.ttl"
            data.serialize(file, "turtle")
            found.append(jena.violations(file, asked))
            _, report, _ = pyshacl.validate(data, shacl_graph=graph)
            assert found[-1] == jena.outcome(report), number
    assert found[0] == set() and len(found[1]) > 20


@pytest.mark.parametrize(
    ("predicate", "wrong"),
    [
        (DCTERMS.title, None),
        (DCTERMS.spatial, None),
        (DCTERMS.license, Literal("cc-by")),
        (DCTERMS.issued, Literal("2026")),
        (DCAT.keyword, Literal("học sinh")),
        (DCTERMS.conformsTo, None),
    ],
)
def test_the_portals_shapes_notice_what_is_missing_or_wrong(
    feed: Graph, enrolment: URIRef, predicate: URIRef, wrong: Literal | None
) -> None:
    changed = Graph()
    for triple in feed:
        changed.add(triple)
    changed.remove((enrolment, predicate, None))
    if wrong is not None:
        changed.add((enrolment, predicate, wrong))
    assert any(str(predicate) in each for each in own_violations(changed))


def test_each_dataset_has_every_point_of_the_quality_score(
    feed: Graph, site: Site, address: str
) -> None:
    def answers(url: str) -> bool:
        return site.get(url.removeprefix(address)).status_code == 200

    conforms = not own_violations(feed) and not official_violations(feed)
    datasets = list(feed.subjects(RDF.type, DCAT.Dataset))
    assert len(datasets) == 3
    for dataset in datasets:
        items = quality.assess(feed, URIRef(dataset), conforms, answers)
        assert sum(item.most for item in items) == quality.MOST
        lost = [item for item in items if item.points < item.most]
        assert lost == [], dataset
        assert quality.score(items) == 405


def test_a_licence_that_the_eu_table_does_not_have_costs_ten_points(
    feed: Graph, enrolment: URIRef
) -> None:
    changed = Graph()
    for triple in feed:
        changed.add(triple)
    for subject in list(changed.subjects(DCTERMS.license)):
        changed.set((subject, DCTERMS.license, URIRef("https://example.org/terms")))
    items = quality.assess(changed, enrolment, True, lambda url: True)
    assert quality.score(items) == 395
    changed.remove((None, DCTERMS.license, None))
    items = quality.assess(changed, enrolment, True, lambda url: True)
    assert quality.score(items) == 375


def test_an_address_that_does_not_answer_costs_its_points(feed: Graph, enrolment: URIRef) -> None:
    items = quality.assess(feed, enrolment, True, lambda url: not url.endswith(".xlsx"))
    lost = {item.name for item in items if not item.points}
    assert lost == {"access URL answers", "download URL answers"}


def test_data_json_is_valid_and_fills_what_dkan_maps(site: Site) -> None:
    whole = json.loads(site.get("/data.json").data)
    Draft202012Validator(data_json_schema(), format_checker=FormatChecker()).validate(whole)
    assert len(whole["dataset"]) == 3
    mapped = set(data_json_schema()["$defs"]["dataset"]["properties"])
    for dataset in whole["dataset"]:
        assert mapped == set(dataset), dataset["identifier"]
        files = [one for one in dataset["distribution"] if "downloadURL" in one]
        assert {one["format"] for one in files} == {"csv", "xlsx", "parquet", "json"}
        # Of those that have the columns that the schema describes.
        described = {one["format"] for one in files if "describedBy" in one}
        assert described == {"csv", "parquet", "json"}
        others = {one["downloadURL"] for one in files if "describedBy" not in one}
        assert len(others) == 2 and all(one.endswith(("-excel.csv", ".xlsx")) for one in others)


@pytest.mark.parametrize("without", ["title", "keyword", "contactPoint", "modified", "publisher"])
def test_the_schema_of_data_json_notices_what_is_missing(site: Site, without: str) -> None:
    whole = json.loads(site.get("/data.json").data)
    del whole["dataset"][0][without]
    assert not Draft202012Validator(data_json_schema()).is_valid(whole)


@pytest.mark.parametrize(
    ("kind", "without"),
    [("Catalog", "contactPoint"), ("Dataset", "identifier"), ("Dataset", "contactPoint"),
     ("Kind", "hasEmail"), ("Document", "title"), ("Metric", "inDimension"),
     ("Checksum", "algorithm"), ("DataService", "publisher")],
)  # fmt: skip
def test_dcat_us_is_valid_and_its_schema_notices_what_is_missing(
    site: Site, kind: str, without: str
) -> None:
    whole = json.loads(site.get("/dcat-us.json").data)
    schema = Draft202012Validator(dcat_us_schema())
    schema.validate(whole)
    of_kind = [one for one in everything(whole) if one["@type"] == kind]
    assert of_kind
    del of_kind[0][without]
    assert not schema.is_valid(whole)


def everything(value: Any) -> Iterator[dict[str, Any]]:
    """The objects in a JSON value, the value itself first."""
    if isinstance(value, dict):
        yield value
    for each in value.values() if isinstance(value, dict) else value:
        if isinstance(each, dict | list):
            yield from everything(each)


# What each dialect says of a dataset, in the same words.


def in_rdf(feed: Graph, subject: URIRef) -> dict[str, Any]:
    def said(predicate: Any) -> set[str]:
        texts = list(feed.objects(subject, predicate))
        return {str(one) for one in texts if getattr(one, "language", None) in (None, "vi")}

    provenance = said(DCTERMS.provenance / RDFS.label)
    return {
        "identifier": said(DCTERMS.identifier),
        "title": said(DCTERMS.title),
        "keywords": said(DCAT.keyword),
        "issued": said(DCTERMS.issued),
        "modified": said(DCTERMS.modified),
        "page": said(DCAT.landingPage),
        "publisher": said(DCTERMS.publisher / FOAF.name),
        "licence": said(DCTERMS.license),
        "area": said(DCTERMS.spatial / SKOS.prefLabel),
        "period": said(DCTERMS.temporal / DCAT.startDate) | said(DCTERMS.temporal / DCAT.endDate),
        "from": provenance,
        "files": said(DCAT.distribution / DCAT.downloadURL),
    }


def in_data_json(one: dict[str, Any]) -> dict[str, Any]:
    return {
        "identifier": {one["identifier"]},
        "title": {one["title"]},
        "keywords": set(one["keyword"]),
        "issued": {one["issued"]},
        "modified": {one["modified"]},
        "page": {one["landingPage"]},
        "publisher": {one["publisher"]["name"]},
        "licence": {one["license"]},
        "area": {one["spatial"]},
        "period": set(one["temporal"].split("/")),
        "from": {one["rights"]},
        "files": {each["downloadURL"] for each in one["distribution"] if "downloadURL" in each},
    }


def in_dcat_us(one: dict[str, Any]) -> dict[str, Any]:
    files = one["distribution"]
    return {
        "identifier": {one["identifier"]},
        "title": {one["title"]},
        "keywords": set(one["keyword"]),
        "issued": {one["issued"]},
        "modified": {one["modified"]},
        "page": {one["landingPage"]["accessURL"]},
        "publisher": {one["publisher"]["name"]},
        "licence": {each["license"] for each in files},
        "area": {each["prefLabel"] for each in one["spatial"]},
        "period": {each[key] for each in one["temporal"] for key in ("startDate", "endDate")},
        "from": set(one["provenance"]),
        "files": {each["downloadURL"] for each in files if "downloadURL" in each},
    }


def in_croissant(one: dict[str, Any]) -> dict[str, Any]:
    return {
        "identifier": {one["identifier"]},
        "title": {one["name"]},
        "keywords": set(one["keywords"]),
        "issued": {one["datePublished"]},
        "modified": {one["dateModified"]},
        "page": {one["url"]},
        "publisher": {each["name"] for each in one["publisher"]},
        "licence": {one["license"]},
        "area": {each["name"] for each in one["spatialCoverage"]},
        "period": set(one["temporalCoverage"].split("/")),
        "from": {one["description"].rpartition("\n\n")[2]},
        "files": {each["contentUrl"] for each in one["distribution"]},
    }


def test_every_dialect_says_what_the_feed_says(feed: Graph, site: Site) -> None:
    project_open_data = json.loads(site.get("/data.json").data)["dataset"]
    dcat_us = json.loads(site.get("/dcat-us.json").data)["dataset"]
    everywhere = zip(project_open_data, dcat_us, croissants(site), strict=True)
    for one, other, third in everywhere:
        said = in_rdf(feed, URIRef(one["@id"]))
        assert all(said.values())
        assert in_data_json(one) == said
        assert in_dcat_us(other) == said
        assert in_croissant(third) == said
    simulated = [one["rights"].startswith("Dữ liệu mô phỏng") for one in project_open_data]
    assert sorted(simulated) == [False, True, True]


def croissants(site: Site) -> list[dict[str, Any]]:
    """Each dataset in Croissant."""
    found = [one["identifier"] for one in json.loads(site.get("/data.json").data)["dataset"]]
    answers = [site.get(f"/dataset/{identifier}/croissant.jsonld") for identifier in found]
    media_type = 'application/ld+json; profile="http://mlcommons.org/croissant/1.1"'
    assert {answer.headers["Content-Type"] for answer in answers} == {media_type}
    return [json.loads(answer.data) for answer in answers]


def test_croissant_is_schema_org(feed: Graph, site: Site) -> None:
    for dataset in croissants(site):
        graph = Graph().parse(data=json.dumps(dataset), format="json-ld")
        subject = URIRef(dataset["@id"])
        assert (subject, RDF.type, SCHEMA.Dataset) in graph
        version = Literal("http://mlcommons.org/croissant/1.1", lang="vi")
        assert graph.value(subject, DCTERMS.conformsTo) == version
        for theirs in (SCHEMA.name, SCHEMA.alternateName):
            said = set(graph.objects(subject, theirs))
            assert said and said <= set(feed.objects(subject, DCTERMS.title)), theirs
        assert set(graph.objects(subject, SCHEMA.spatialCoverage / SCHEMA.geo / SCHEMA.box)) == {
            Literal("8.5 106.3 11.6 107.6", lang="vi")
        }
        assert dataset["inLanguage"] == ["en", "vi"]
        assert all(one in dataset["citeAs"] for one in (dataset["name"], dataset["url"]))


def test_croissant_describes_the_files_and_the_columns_as_they_are(
    site: Site, address: str
) -> None:
    types: dict[str, str] = {}
    for dataset in croissants(site):
        files = {one["@id"]: one for one in dataset["distribution"]}
        assert {one["encodingFormat"] for one in files.values()} > {"text/csv", "application/json"}
        for file in files.values():
            content = site.get(file["contentUrl"].removeprefix(address)).data
            assert file["sha256"] == hashlib.sha256(content).hexdigest()
            assert file["contentSize"] == f"{len(content)} B"
            assert file["contentUrl"].endswith(f"/{file['name']}")
        [records] = dataset["recordSet"]
        [source] = {one["source"]["fileObject"]["@id"] for one in records["field"]}
        data = site.get(files[source]["contentUrl"].removeprefix(address)).text
        assert next(csv.reader(io.StringIO(data))) == [
            one["source"]["extract"]["column"] for one in records["field"]
        ]
        fields = {one["@id"]: one["dataType"] for one in records["field"]}
        assert {one["@id"] for one in records["key"]} <= set(fields)
        types |= fields
    assert types[f"{address}/schema/enrolment#pupils"] == "sc:Integer"
    assert types[f"{address}/schema/enrolment#school"] == "sc:Text"


def test_the_page_of_a_dataset_carries_the_same_for_search_engines(site: Site) -> None:
    for path in ("/dataset/enrolment", "/en/dataset/enrolment"):
        page = site.get(path).text
        [block] = re.findall(r'<script type="application/ld\+json">(.*?)</script>', page, re.DOTALL)
        alone = site.get("/dataset/enrolment/croissant.jsonld")
        assert json.loads(block) == json.loads(alone.data)
        [link] = re.findall(r'<link [^>]*croissant/1.1[^>]* href="([^"]*)"', page)
        assert site.get(link[link.index("/dataset/") :]).data == alone.data


def test_the_columns_of_a_table_stand_in_order_with_their_texts(
    feed: Graph, site: Site, address: str, enrolment: URIRef
) -> None:
    table = site.declarations.tables["enrolment"]
    schema = URIRef(f"{address}/schema/enrolment")
    assert schema in set(feed.objects(enrolment, DCTERMS.conformsTo))
    columns = sorted(
        feed.objects(schema, CSVW.column), key=lambda one: int(feed.value(one, SCHEMA.position))
    )
    assert [str(feed.value(one, CSVW.name)) for one in columns] == [c.name for c in table.columns]
    pupils = URIRef(f"{schema}#pupils")
    assert feed.value(pupils, CSVW.datatype) == XSD.integer
    assert Literal(table.column("pupils").title["vi"], lang="vi") in set(
        feed.objects(pupils, CSVW.title)
    )
    [file] = feed.subjects(CSVW.tableSchema, schema)
    assert str(file).endswith("/release/2/enrolment.csv")


def test_what_was_suppressed_is_measured(feed: Graph, address: str, enrolment: URIRef) -> None:
    found = {
        str(feed.value(one, DQV.isMeasurementOf)).rpartition("#")[2]: feed.value(one, DQV.value)
        for one in feed.objects(enrolment, DQV.hasQualityMeasurement)
    }
    # Two periods of six rows, one suppressed figure each; see `site`.
    assert int(found["rows"]) == 12
    assert int(found["periods"]) == 2
    assert int(found["suppressed"]) > 0
    assert 0 < float(found["shown"]) < 1
