import pytest
from rdflib import Graph, Literal, URIRef
from rdflib.namespace import DCTERMS, RDF, SKOS

from ckanext.hcmedu.vocabulary import areas, skos
from schemas import Declarations

pytestmark = pytest.mark.unit

SITE = "https://portal.example"


@pytest.fixture(scope="module")
def vocabulary() -> skos.Vocabulary:
    return skos.Vocabulary(Declarations.load(), SITE)


def graph_of(vocabulary: skos.Vocabulary, codelist: str, code: str) -> Graph:
    found = vocabulary.declarations.codelists[codelist]
    return vocabulary.concept_graph(found, found.codes[code])


def iri(path: str) -> URIRef:
    return URIRef(f"{SITE}/codelist/{path}")


def test_every_list_is_a_scheme_whose_codes_are_labelled_in_both_languages(
    vocabulary: skos.Vocabulary,
) -> None:
    for codelist in vocabulary.declarations.codelists.values():
        graph = vocabulary.scheme_graph(codelist)
        concepts = set(graph.subjects(SKOS.inScheme, iri(codelist.id)))
        assert len(concepts) == len(codelist.codes)
        for concept in concepts:
            labels = list(graph.objects(concept, SKOS.prefLabel))
            assert sorted(label.language for label in labels) == ["en", "vi"], concept


def test_a_grade_belongs_to_its_level(vocabulary: skos.Vocabulary) -> None:
    grade = graph_of(vocabulary, "grade", "grade-1")
    assert (iri("grade/grade-1"), SKOS.broader, iri("level/primary")) in grade
    level = graph_of(vocabulary, "level", "primary")
    assert (iri("level/primary"), SKOS.narrower, iri("grade/grade-1")) in level


def test_codes_keep_their_zeros(vocabulary: skos.Vocabulary) -> None:
    graph = graph_of(vocabulary, "area", "25747")
    assert (iri("area/25747"), SKOS.notation, Literal("25747")) in graph


def test_every_old_unit_has_gone_somewhere_and_every_new_one_was_made_of_something() -> None:
    declarations = Declarations.load()
    for code in declarations.codelists["old_area"].codes:
        assert areas.changes_of("old_area", code), code
    for code in declarations.codelists["area"].codes:
        assert areas.changes_of("area", code), code


def test_units_that_were_split() -> None:
    # The National Statistics Office's list has 47 old units that went into more than one new one.
    declarations = Declarations.load()
    codes = declarations.codelists["old_area"].codes
    assert sum(len(areas.changes_of("old_area", code)) > 1 for code in codes) == 47


def test_both_ends_of_a_change_say_the_same(vocabulary: skos.Vocabulary) -> None:
    new, old = iri("area/25747"), iri("old_area/25753")
    at_new = graph_of(vocabulary, "area", "25747")
    assert (new, DCTERMS.replaces, old) in at_new
    assert (new, SKOS.narrowMatch, old) in at_new
    at_old = graph_of(vocabulary, "old_area", "25753")
    assert (old, DCTERMS.isReplacedBy, new) in at_old
    assert (old, SKOS.broadMatch, new) in at_old


def test_a_part_is_related_only(vocabulary: skos.Vocabulary) -> None:
    graph = graph_of(vocabulary, "old_area", "25741")
    assert (iri("old_area/25741"), SKOS.relatedMatch, iri("area/25747")) in graph
    assert not list(graph.objects(iri("old_area/25741"), SKOS.broadMatch))


def test_a_district_without_wards_went_into_a_unit_of_its_own(vocabulary: skos.Vocabulary) -> None:
    graph = graph_of(vocabulary, "district", "755")
    assert (iri("district/755"), SKOS.broadMatch, iri("area/26732")) in graph


@pytest.mark.parametrize("ending", list(skos.FORMATS))
def test_every_format_holds_the_same(vocabulary: skos.Vocabulary, ending: str) -> None:
    codelist = vocabulary.declarations.codelists["level"]
    graph = vocabulary.scheme_graph(codelist)
    body, _ = skos.serialize(graph, ending)
    read = Graph().parse(data=body, format=skos.FORMATS[ending][0])
    assert set(read) == set(graph)
    assert (iri("level"), RDF.type, SKOS.ConceptScheme) in read
