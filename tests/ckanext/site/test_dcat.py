"""The feed: what another catalogue reads of ours."""

from typing import Any

import pytest
from rdflib import BNode, Graph, Literal, Namespace, URIRef
from rdflib.namespace import DCAT, DCTERMS, FOAF, RDF, RDFS, SKOS, XSD

from schemas.identity import dataset_id
from tests.ckanext.site.conftest import Site

pytestmark = pytest.mark.integration

SPDX = Namespace("http://spdx.org/rdf/terms#")
EU = "http://publications.europa.eu/resource/authority"
FORMATS = {"ttl": "turtle", "rdf": "xml", "jsonld": "json-ld"}


@pytest.fixture(scope="module", params=list(FORMATS))
def catalog(request: pytest.FixtureRequest, site: Site) -> Graph:
    answer = site.get(f"/catalog.{request.param}")
    assert answer.status_code == 200
    return Graph().parse(data=answer.data, format=FORMATS[request.param])


def languages(graph: Graph, subject: Any, predicate: URIRef) -> dict[str | None, str]:
    texts = [text for text in graph.objects(subject, predicate) if isinstance(text, Literal)]
    assert len({text.language for text in texts}) == len(texts)
    return {text.language: str(text) for text in texts}


def test_every_dataset_is_in_the_catalogue(catalog: Graph, address: str) -> None:
    expected = {f"{address}/dataset/{dataset_id(name)}" for name in ("enrolment", "fees", "areas")}
    assert {str(each) for each in catalog.objects(URIRef(address), DCAT.dataset)} == expected


def test_the_catalogue_says_who_publishes_it_and_in_which_languages(
    catalog: Graph, address: str
) -> None:
    ours = URIRef(address)
    assert set(languages(catalog, ours, DCTERMS.title)) == {"vi", "en"}
    assert set(languages(catalog, ours, DCTERMS.description)) == {"vi", "en"}
    publisher = URIRef(f"{address}/organization/so-gddt")
    assert list(catalog.objects(ours, DCTERMS.publisher)) == [publisher]
    assert set(languages(catalog, publisher, FOAF.name)) == {"vi", "en"}
    assert set(catalog.objects(ours, DCTERMS.language)) == {
        URIRef(f"{EU}/language/VIE"),
        URIRef(f"{EU}/language/ENG"),
    }
    assert "Dữ liệu mô phỏng" in languages(
        catalog, catalog.value(ours, DCTERMS.provenance), RDFS.label
    )["vi"]  # fmt: skip


def test_a_dataset_is_described_in_both_languages(catalog: Graph, address: str) -> None:
    ours = URIRef(f"{address}/dataset/{dataset_id('enrolment')}")
    titles = languages(catalog, ours, DCTERMS.title)
    assert titles["vi"] == "Số học sinh theo trường, khối lớp và giới tính"
    assert set(titles) == {"vi", "en"}
    assert set(languages(catalog, ours, DCTERMS.description)) == {"vi", "en"}
    keywords = list(catalog.objects(ours, DCAT.keyword))
    assert {word.language for word in keywords} == {"vi", "en"}
    provenance = languages(catalog, catalog.value(ours, DCTERMS.provenance), RDFS.label)
    assert provenance["vi"].startswith("Dữ liệu mô phỏng")
    assert provenance["en"].startswith("Simulated data")


def test_real_data_is_not_called_simulated(catalog: Graph, address: str) -> None:
    ours = URIRef(f"{address}/dataset/{dataset_id('areas')}")
    provenance = languages(catalog, catalog.value(ours, DCTERMS.provenance), RDFS.label)
    assert "mô phỏng" not in provenance["vi"]


def test_controlled_values_are_concepts_of_their_vocabularies(catalog: Graph, address: str) -> None:
    ours = URIRef(f"{address}/dataset/{dataset_id('enrolment')}")
    for predicate, value in (
        (DCTERMS.license, f"{EU}/licence/CC_BY_4_0"),
        (DCTERMS.accessRights, f"{EU}/access-right/PUBLIC"),
        (DCTERMS.accrualPeriodicity, f"{EU}/frequency/ANNUAL"),
        (DCAT.theme, f"{EU}/data-theme/EDUC"),
        (DCTERMS.spatial, "https://sws.geonames.org/1566083/"),
    ):
        assert list(catalog.objects(ours, predicate)) == [URIRef(value)], predicate
    theme = URIRef(f"{EU}/data-theme/EDUC")
    assert (theme, SKOS.inScheme, URIRef(f"{EU}/data-theme")) in catalog
    assert set(languages(catalog, theme, SKOS.prefLabel)) == {"vi", "en"}


def test_a_distribution_is_the_file_of_the_release(
    catalog: Graph, site: Site, address: str
) -> None:
    ours = URIRef(f"{address}/dataset/{dataset_id('enrolment')}")
    manifest = site.get("/dataset/enrolment/release/2/manifest.json").json
    by_url = {
        str(catalog.value(each, DCAT.downloadURL)): each
        for each in catalog.objects(ours, DCAT.distribution)
    }
    for file in manifest["files"]:
        url = f"{address}/dataset/enrolment/release/2/{file['name']}"
        distribution = by_url[url]
        size = catalog.value(distribution, DCAT.byteSize)
        assert (int(size), size.datatype) == (file["bytes"], XSD.nonNegativeInteger)
        media_type = file["media_type"].split(";")[0]
        iana = f"https://www.iana.org/assignments/media-types/{media_type}"
        assert catalog.value(distribution, DCAT.mediaType) == URIRef(iana)
        expected = f"{EU}/file-type/{file['format'].upper()}"
        assert catalog.value(distribution, DCTERMS.format) == URIRef(expected)
        checksum = catalog.value(distribution, SPDX.checksum)
        assert str(catalog.value(checksum, SPDX.checksumValue)).lower() == file["sha256"]
        assert catalog.value(checksum, SPDX.algorithm) == SPDX.checksumAlgorithm_sha256
        assert catalog.value(distribution, DCTERMS.license) == URIRef(f"{EU}/licence/CC_BY_4_0")
        assert set(languages(catalog, distribution, DCTERMS.title)) == {"vi", "en"}


def test_every_node_has_a_name(catalog: Graph) -> None:
    assert [node for node in catalog.all_nodes() if isinstance(node, BNode)] == []


@pytest.mark.parametrize("ending", list(FORMATS))
def test_a_dataset_alone_is_the_dataset_of_the_catalogue(
    site: Site, address: str, ending: str
) -> None:
    whole = Graph().parse(data=site.get("/catalog.ttl").data, format="turtle")
    answer = site.get(f"/dataset/enrolment.{ending}")
    alone = Graph().parse(data=answer.data, format=FORMATS[ending])
    assert set(alone) <= set(whole)
    assert len(list(alone.subjects(RDF.type, DCAT.Dataset))) == 1


def test_two_renderings_are_the_same(site: Site) -> None:
    first, second = (
        Graph().parse(data=site.get("/catalog.rdf").data, format="xml") for _ in range(2)
    )
    assert set(first) == set(second)


def test_what_is_written_can_be_read_back(site: Site) -> None:
    from ckanext.dcat.processors import RDFParser

    body = site.get("/dataset/enrolment.ttl").data
    with site.app.flask_app.test_request_context():
        parser = RDFParser(profiles=["hcmedu_dcat"])
        parser.parse(body, _format="ttl")
        read = next(iter(parser.datasets()))
        declared = site.declarations.tables["enrolment"]
    assert read["title_translated"] == dict(declared.title)
    assert read["notes_translated"] == dict(declared.description)
    assert {k: set(v) for k, v in read["tags_translated"].items()} == {
        language: set(words) for language, words in declared.keywords.items()
    }
    assert read["provenance_translated"]["vi"].startswith("Dữ liệu mô phỏng")
    assert set(read["version_notes_translated"]) == {"vi", "en"}
    formats = {(each["format"], each["mimetype"]) for each in read["resources"]}
    assert ("CSV", "text/csv") in formats
    assert {each for each, _ in formats} == {"CSV", "XLSX", "PARQUET", "JSON"}
