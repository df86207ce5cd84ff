import csv

import pytest
from rdflib import Graph, Namespace, URIRef
from rdflib.namespace import SKOS

from tests.ckanext.site.conftest import Site

pytestmark = pytest.mark.integration

FORMATS = {
    "ttl": ("text/turtle", "turtle"),
    "rdf": ("application/rdf+xml", "xml"),
    "jsonld": ("application/ld+json", "json-ld"),
}
PATHS = ["/codelist", "/codelist/level", "/codelist/level/primary", "/codelist/area/25747"]


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("ending", list(FORMATS))
def test_a_file_and_a_negotiated_answer_are_the_same(
    empty_site: Site, path: str, ending: str
) -> None:
    media_type, name = FORMATS[ending]
    file = empty_site.get(f"{path}.{ending}")
    asked = empty_site.get(path, Accept=f"{media_type}, text/html;q=0.5")
    for answer in (file, asked):
        assert answer.status_code == 200
        assert answer.mimetype == media_type
    assert set(Graph().parse(data=file.data, format=name)) == set(
        Graph().parse(data=asked.data, format=name)
    )
    assert "Accept" in asked.headers["Vary"]


@pytest.mark.parametrize("path", PATHS)
def test_browsers_get_a_page(empty_site: Site, path: str) -> None:
    for accept in ("text/html,application/xhtml+xml,*/*;q=0.8", "*/*"):
        answer = empty_site.get(path, Accept=accept)
        assert (answer.status_code, answer.mimetype) == (200, "text/html")
        assert "Accept" in answer.headers["Vary"]


def test_concepts_are_at_the_address_that_is_their_name(empty_site: Site) -> None:
    import ckan.plugins.toolkit as tk

    site = tk.config["ckan.site_url"]
    graph = Graph().parse(data=empty_site.get("/codelist/level.ttl").data, format="turtle")
    concepts = list(graph.subjects(SKOS.inScheme, URIRef(f"{site}/codelist/level")))
    assert len(concepts) == 5
    for concept in concepts:
        assert empty_site.get(str(concept).removeprefix(site)).status_code == 200


def test_pages_are_in_both_languages(empty_site: Site) -> None:
    page = empty_site.get("/codelist/area/25747").text
    assert "Phường Thủ Dầu Một" in page
    assert "Hình thành từ" in page
    assert "/codelist/old_area/25753" in page
    english = empty_site.get("/en/codelist/old_area/25753").text
    assert "What became of it" in english
    assert "Thủ Dầu Một Ward" in english


@pytest.mark.parametrize(
    "path",
    ["/codelist/nope", "/codelist/nope.ttl", "/codelist/level/nope", "/codelist/level/nope.rdf",
     "/codelist/nope/primary", "/codelist/level.xyz", "/codelist.xyz", "/schema/nope",
     "/schema/nope.json"],
)  # fmt: skip
def test_what_is_not_there_is_404(empty_site: Site, path: str) -> None:
    assert empty_site.get(path).status_code == 404


def test_the_code_of_all_codes_together_leads_to_the_list(empty_site: Site) -> None:
    answer = empty_site.get("/codelist/level/_T")
    assert (answer.status_code, answer.location) == (303, "/codelist/level")


def test_what_the_feed_says_of_codes_can_be_looked_up(site: Site, address: str) -> None:
    """Every address that the template of a column makes of the table's own values."""
    graph = Graph().parse(data=site.get("/dataset/enrolment.ttl").data, format="turtle")
    csvw = Namespace("http://www.w3.org/ns/csvw#")
    templates = {
        str(graph.value(column, csvw.name)): str(template)
        for column, template in graph.subject_objects(csvw.valueUrl)
    }
    file = site.get("/dataset/enrolment/release/2/enrolment.csv").text
    rows = list(csv.DictReader(file.splitlines()))
    asked = {
        template.replace(f"{{{name}}}", row[name]).removeprefix(address)
        for row in rows
        for name, template in templates.items()
        if row[name]
    }
    assert "grade" in templates and asked
    assert [path for path in sorted(asked) if site.get(path).status_code not in (200, 303)] == []


def test_the_columns_of_a_table(empty_site: Site) -> None:
    schema = empty_site.get("/schema/enrolment.json").json
    fields = {field["name"]: field for field in schema["fields"]}
    assert fields["pupils"]["type"] == "integer"
    assert fields["grade"]["rdfType"].endswith("/codelist/grade")
    assert fields["area"]["type"] == "string"
    assert (schema["title"], fields["grade"]["title"]) == (
        "Số học sinh theo trường, khối lớp và giới tính",
        "Khối lớp",
    )
    assert set(fields["grade"]["title_translated"]) == {"vi", "en"}
    assert set(schema["primaryKey"]) < set(fields)
    assert empty_site.get("/schema/areas.json").json["primaryKey"] == ["date", "area", "area_kind"]
    assert empty_site.get("/schema/enrolment", Accept="application/json").json == schema
    assert "Khối lớp" in empty_site.get("/schema/enrolment").text
