"""What the main job leaves behind, as the public, a developer and the city portal find it."""

import hashlib

import pytest
import rdflib
import requests
from jsonschema import Draft202012Validator, FormatChecker
from rdflib.namespace import DCAT, DCTERMS, RDF

from ckanext.hcmedu.dcat import quality
from schemas import Declarations
from schemas.identity import dataset_id
from schemas.shapes import data_json_schema
from tests.ckanext.site.shapes import official_violations, own_violations

from .conftest import Portal

pytestmark = pytest.mark.integration

TABLES = sorted(Declarations.load().tables)


def test_every_declared_table_is_a_dataset(portal: Portal) -> None:
    assert sorted(portal.action("package_list")) == TABLES


@pytest.mark.parametrize("table", TABLES)
def test_dataset_datastore_and_files_say_the_same_as_the_release(
    portal: Portal, table: str
) -> None:
    release = portal.releases.current(table)
    assert release is not None
    dataset = portal.action("package_show", id=table)
    assert dataset["id"] == dataset_id(table)
    assert dataset["title_translated"]["vi"] == dataset["title"]
    assert dataset["title_translated"]["en"] != dataset["title"]

    rows = portal.action("datastore_search", resource_id=table, limit=5)
    assert rows["total"] == release.manifest["rows"] > 0
    names = [column["name"] for column in release.manifest["columns"]]
    assert [field["id"] for field in rows["fields"]][1:] == names
    for field in rows["fields"][1:]:
        assert field["info"]["label"] and field["info"]["label_en"]

    urls = {resource["url"] for resource in dataset["resources"]}
    for file in release.manifest["files"]:
        path = f"/dataset/{table}/release/{release.number}/{file['name']}"
        assert portal.url + path in urls
        content = portal.get(path).content
        assert hashlib.sha256(content).hexdigest() == file["sha256"]
        assert len(content) == file["bytes"]


@pytest.fixture(scope="module")
def feed(portal: Portal) -> rdflib.Graph:
    """The whole feed, read by its `Link` headers."""
    graph = rdflib.Graph()
    address: str | None = f"{portal.url}/catalog.ttl"
    while address:
        answer = requests.get(address, timeout=60)
        assert answer.status_code == 200
        graph.parse(data=answer.content, format="turtle")
        address = answer.links.get("next", {}).get("url")
    return graph


def test_the_feed_has_every_dataset_with_its_distributions(feed: rdflib.Graph) -> None:
    datasets = {
        str(identifier): subject
        for subject in feed.subjects(RDF.type, DCAT.Dataset)
        for identifier in feed.objects(subject, DCTERMS.identifier)
    }
    assert len(datasets) == len(TABLES)
    for subject in datasets.values():
        languages = {title.language for title in feed.objects(subject, DCTERMS.title)}
        assert languages == {"vi", "en"}
        assert len(list(feed.objects(subject, DCAT.distribution))) >= 5


def test_every_dataset_conforms_and_has_all_points_of_the_quality_score(
    portal: Portal, feed: rdflib.Graph
) -> None:
    assert own_violations(feed) == []
    assert official_violations(feed) == []

    def answers(address: str) -> bool:
        with requests.get(address, timeout=60, stream=True) as answer:
            return answer.status_code == 200

    for dataset in feed.subjects(RDF.type, DCAT.Dataset):
        items = quality.assess(feed, rdflib.URIRef(dataset), True, answers)
        assert [item for item in items if item.points < item.most] == [], dataset
        assert quality.score(items) == 405


def test_the_run_leaves_an_outcome_of_the_check_for_everyone(portal: Portal) -> None:
    page = portal.get("/en/conformance").text
    assert "keeps to the standards" in page and "405 of 405" in page
    assert f"<dd>{len(TABLES)}</dd>" in page


def test_data_json_has_every_dataset_in_one_piece(portal: Portal) -> None:
    whole = portal.get("/data.json").json()
    Draft202012Validator(data_json_schema(), format_checker=FormatChecker()).validate(whole)
    assert {one["identifier"] for one in whole["dataset"]} == {dataset_id(one) for one in TABLES}


@pytest.mark.parametrize("suffix", ["rdf", "jsonld", "ttl"])
def test_each_dataset_has_a_record_of_its_own_in_each_format(portal: Portal, suffix: str) -> None:
    formats = {"rdf": "xml", "jsonld": "json-ld", "ttl": "turtle"}
    answer = portal.get(f"/dataset/enrolment.{suffix}")
    graph = rdflib.Graph().parse(data=answer.text, format=formats[suffix])
    assert len(set(graph.subjects(RDF.type, DCAT.Dataset))) == 1


def test_the_real_tables_are_not_called_simulated_and_the_others_are(portal: Portal) -> None:
    for table in TABLES:
        dataset = portal.action("package_show", id=table)
        is_real = table in ("areas", "area-changes")
        assert str(dataset["simulated"]).lower() == str(not is_real).lower(), table


def test_a_second_run_publishes_nothing(portal: Portal) -> None:
    before = {table: portal.releases.current(table).number for table in TABLES}  # type: ignore[union-attr]
    modified = {t: portal.action("package_show", id=t)["metadata_modified"] for t in TABLES}
    done = portal.run("hcmedu", "run")
    assert "Nothing new to release." in done.stdout
    assert {t: portal.releases.current(t).number for t in TABLES} == before  # type: ignore[union-attr]
    assert {t: portal.action("package_show", id=t)["metadata_modified"] for t in TABLES} == modified


def test_no_pupil_record_outlives_its_publication(portal: Portal) -> None:
    persons = {
        name for name, record in Declarations.load().records.items() if record.about == "persons"
    }
    left = [
        path.name
        for path in (portal.state / "snapshots").glob("*/*/*.parquet")
        if path.parent.name in persons
    ]
    assert left == []


def test_nothing_of_the_harvest_is_shown_to_strangers(portal: Portal) -> None:
    assert portal.get("/api/3/action/harvest_source_list").status_code == 403
    answer = portal.get("/api/3/action/package_search", params={"fq": "dataset_type:harvest"})
    assert answer.json()["result"]["count"] == 0


def test_a_stranger_cannot_have_a_dataset_indexed_anew(portal: Portal) -> None:
    before = portal.action("package_show", id="schools")
    action = "/api/3/action/harvest_source_reindex"
    for name in ("schools", "central-database"):
        assert portal.get(action, params={"id": name}).status_code in (400, 403)
        answer = requests.post(portal.url + action, json={"id": name}, timeout=60)
        assert answer.status_code == 403
    assert portal.action("package_show", id="schools") == before


def test_verify_finds_every_projection_in_agreement(portal: Portal) -> None:
    assert "agrees" in portal.run("hcmedu", "verify").stdout


def test_what_is_published_stands_an_audit(portal: Portal) -> None:
    audited = portal.run("hcmedu", "privacy", "audit").stdout
    assert "enrolment" in audited and "staff" in audited
    assert audited.count("safe") > 20
