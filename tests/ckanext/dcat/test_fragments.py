"""Fragments and the documents that are joined of them: no services needed."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdflib import BNode, Graph, Literal, URIRef
from rdflib.namespace import DCTERMS, XSD

from ckanext.hcmedu.dcat.documents import FORMATS, Typed, statements
from ckanext.hcmedu.dcat.fragments import BlankNode, make_fragments
from ckanext.hcmedu.dcat.naming import iri, name_blank_nodes

pytestmark = pytest.mark.unit

BASE = "https://example.org"
RDFLIB = {"ttl": "turtle", "rdf": "xml", "jsonld": "json-ld", "nt": "nt"}

# Line breaks other than \n come out of XML as \n, by its specification.
texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=30) | (
    st.sampled_from(
        ["Số học sinh", 'a "b" <c> & \\d', "hai\ndòng", "]]>", "@prefix x: <y> .", "\t"]
    )
)
subjects = st.sampled_from([URIRef(f"{BASE}/{name}") for name in "abc"])
predicates = st.sampled_from([DCTERMS.title, DCTERMS.type, URIRef("https://other.org/x#y")])
literals = st.builds(
    lambda text, lang: Literal(text, lang=lang), texts, st.sampled_from(["vi", "en"])
)
literals |= st.builds(Literal, st.integers())
graphs = st.lists(st.tuples(subjects, predicates, subjects | literals), max_size=12)


def graph_of(triples: list[tuple[URIRef, URIRef, URIRef | Literal]]) -> Graph:
    graph = Graph()
    for triple in triples:
        graph.add(triple)
    return graph


def parsed(name: str, document: str) -> set[tuple[object, ...]]:
    return set(Graph().parse(data=document, format=RDFLIB[name]))


@given(graphs, graphs)
@settings(max_examples=60, deadline=None)
def test_every_format_says_what_the_graphs_say_that_it_is_joined_of(
    first: list[tuple[URIRef, URIRef, URIRef | Literal]],
    second: list[tuple[URIRef, URIRef, URIRef | Literal]],
) -> None:
    graphs = [graph_of(first), graph_of(second)]
    fragments = [make_fragments(graph, BASE) for graph in graphs]
    expected = set(graphs[0]) | set(graphs[1])
    for name, kind in FORMATS.items():
        assert parsed(name, kind.document(each[name] for each in fragments)) == expected


@given(graphs, st.randoms())
@settings(max_examples=30, deadline=None)
def test_the_same_triples_make_the_same_bytes(
    triples: list[tuple[URIRef, URIRef, URIRef | Literal]], random: object
) -> None:
    shuffled = list(triples)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert make_fragments(graph_of(triples), BASE) == make_fragments(graph_of(shuffled), BASE)


@pytest.mark.parametrize("name", list(FORMATS))
def test_statements_say_the_same_in_every_format(name: str) -> None:
    page = f"{BASE}/catalog.ttl?at=5-ab&after=b"
    said = [(page, "dct:relation", f"{page}c"), (page, "dct:extent", Typed('5 "<&', "xsd:string"))]
    assert parsed(name, FORMATS[name].document([statements(name, said)])) == {
        (URIRef(page), DCTERMS.relation, URIRef(f"{page}c")),
        (URIRef(page), DCTERMS.extent, Literal('5 "<&', datatype=XSD.string)),
    }


def test_line_ends_of_forms_are_the_same_in_every_format() -> None:
    graph = graph_of([(URIRef(f"{BASE}/a"), DCTERMS.title, Literal("a\r\nb\rc", lang="vi"))])
    for name, kind in FORMATS.items():
        [(_, _, title)] = parsed(name, kind.document([make_fragments(graph, BASE)[name]]))
        assert str(title) == "a\nb\nc"


def test_control_characters_do_not_break_a_page() -> None:
    graph = graph_of(
        [(URIRef(f"{BASE}/a"), DCTERMS.title, Literal("a\x0bb\x1fc\ufffe", lang="vi"))]
    )
    for name, kind in FORMATS.items():
        [(_, _, title)] = parsed(name, kind.document([make_fragments(graph, BASE)[name]]))
        assert str(title) == "abc"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://a.b/c d<e>", "https://a.b/c%20d%3Ce%3E"),
        ("/upload/x.csv", f"{BASE}/upload/x.csv"),
        ("tệp.csv", f"{BASE}/tệp.csv"),
        ("mailto:a@b.c", "mailto:a@b.c"),
        (" https://a.b/ ", "https://a.b/"),
    ],
)
def test_addresses_that_people_write_become_iris(text: str, expected: str) -> None:
    assert iri(text, BASE) == expected


def test_blank_nodes_are_named_by_place_and_content_however_deep() -> None:
    root, outer, inner, other = URIRef(f"{BASE}/a"), BNode(), BNode(), BNode()
    triples = [
        (root, DCTERMS.temporal, outer),
        (outer, DCTERMS.relation, inner),
        (inner, DCTERMS.title, Literal("x")),
        (root, DCTERMS.temporal, other),
        (other, DCTERMS.title, Literal("y")),
    ]
    for ordered in (triples, triples[::-1]):
        graph = graph_of(ordered)
        name_blank_nodes(graph)
        named = {str(subject) for subject in graph.subjects()} - {str(root)}
        assert named == {
            f"{BASE}/a#temporal-1",
            f"{BASE}/a#temporal-2",
            f"{BASE}/a#temporal-1-relation",
        }


def test_a_blank_node_is_refused() -> None:
    graph = graph_of([(URIRef(f"{BASE}/a"), DCTERMS.relation, BNode())])  # type: ignore[list-item]
    with pytest.raises(BlankNode):
        make_fragments(graph, BASE)
