"""Croissant of what a form, or another catalogue, may have said: no services needed."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdflib import Graph, Literal, URIRef
from rdflib.namespace import DCAT, DCTERMS, RDF, RDFS

from ckanext.hcmedu.dcat import croissant
from ckanext.hcmedu.dcat.documents import CROISSANT
from ckanext.hcmedu.dcat.reading import read

pytestmark = pytest.mark.unit

ONE = URIRef("https://example.org/dataset/a")
PLACE = URIRef("https://example.org/place")


def described(*triples: tuple[URIRef, URIRef, URIRef | Literal]) -> dict[str, object]:
    graph = Graph()
    graph.add((ONE, RDF.type, DCAT.Dataset))
    for triple in triples:
        graph.add(triple)
    made = croissant.dumps(croissant.dataset(read(graph), ONE, {}))
    return json.loads(CROISSANT.document([made]))


@given(st.text(st.characters(codec="utf-8")) | st.sampled_from(["</script>", "<!--<script", "]]>"]))
@settings(max_examples=100, deadline=None)
def test_no_text_ends_the_element_that_it_stands_in(text: str) -> None:
    made = croissant.dumps({"name": text})
    assert not set("<>&\u2028\u2029") & set(made)
    assert json.loads(CROISSANT.document([made]))["name"] == text


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ("POLYGON((106.3 8.5, 107.6 8.5, 107.6 11.6, 106.3 11.6, 106.3 8.5))",
         "8.5 106.3 11.6 107.6"),
        ("POLYGON((10 -9, 9 10, -10 9, 10 -9))", "-9 -10 10 10"),
        ('{"type": "Polygon", "coordinates": [[[106.3, 8.5], [107.6, 11.6]]]}', None),
        ("somewhere. 5 km on", None),
    ],
)  # fmt: skip
def test_a_box_is_south_west_north_and_east(box: str, expected: str | None) -> None:
    said = described(
        (ONE, DCTERMS.spatial, PLACE),
        (PLACE, DCAT.bbox, Literal(box)),
    )
    [place] = said["spatialCoverage"]  # type: ignore[misc]
    assert place.get("geo", {}).get("box") == expected


def test_where_data_is_from_is_never_cut_off() -> None:
    origin = URIRef("https://example.org/origin")
    said = described(
        (ONE, DCTERMS.description, Literal("dài " * 5000, lang="vi")),
        (ONE, DCTERMS.provenance, origin),
        (origin, RDFS.label, Literal("Dữ liệu mô phỏng", lang="vi")),
    )
    description = str(said["description"])
    assert len(description) == 5000
    assert description.endswith("…\n\nDữ liệu mô phỏng")
