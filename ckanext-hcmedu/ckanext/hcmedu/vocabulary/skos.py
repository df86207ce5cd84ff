"""Code lists as SKOS: each list a concept scheme, each code a concept at its own address.

Hierarchies across lists (a grade's level) are `skos:broader`. Between old and new areas the
mapping properties of SKOS say what became of a unit, and `dct:replaces` which one stands in its
place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rdflib import Graph, Literal, URIRef
from rdflib.namespace import DCTERMS, FOAF, RDF, SKOS

from ckanext.hcmedu.vocabulary import areas
from schemas import Code, CodeList, Declarations

FORMATS = {
    "ttl": ("turtle", "text/turtle; charset=utf-8"),
    "rdf": ("xml", "application/rdf+xml"),
    "jsonld": ("json-ld", "application/ld+json"),
}
"""File ending -> rdflib's format and the media type."""


@dataclass(frozen=True)
class Vocabulary:
    """The code lists of a portal, with the portal's address to make their IRIs from."""

    declarations: Declarations
    site_url: str

    def scheme_iri(self, codelist: CodeList) -> URIRef:
        """The IRI of a code list."""
        return URIRef(f"{self.site_url}/codelist/{codelist.id}")

    def concept_iri(self, codelist_id: str, code: str) -> URIRef:
        """The IRI of a code."""
        return URIRef(f"{self.site_url}/codelist/{codelist_id}/{code}")

    def narrower(self, codelist: CodeList, code: str) -> Iterator[tuple[CodeList, Code]]:
        """The codes, of this list or another, whose parent is `code`."""
        for other in self.declarations.codelists.values():
            if other.parent == codelist.id:
                for each in other.codes.values():
                    if each.parent == code:
                        yield other, each

    def scheme_graph(self, codelist: CodeList) -> Graph:
        """A code list with all its concepts."""
        graph = self._graph()
        self._add_scheme(graph, codelist)
        for code in codelist.codes.values():
            self._add_concept(graph, codelist, code)
        return graph

    def concept_graph(self, codelist: CodeList, code: Code) -> Graph:
        """One concept, with the scheme it is in."""
        graph = self._graph()
        self._add_scheme(graph, codelist)
        self._add_concept(graph, codelist, code)
        return graph

    def index_graph(self) -> Graph:
        """All the schemes, without their concepts."""
        graph = self._graph()
        for codelist in self.declarations.codelists.values():
            self._add_scheme(graph, codelist)
        return graph

    def _graph(self) -> Graph:
        graph = Graph()
        for prefix, namespace in (("skos", SKOS), ("dct", DCTERMS), ("foaf", FOAF)):
            graph.bind(prefix, namespace)
        return graph

    def _add_scheme(self, graph: Graph, codelist: CodeList) -> None:
        scheme = self.scheme_iri(codelist)
        graph.add((scheme, RDF.type, SKOS.ConceptScheme))
        graph.add((scheme, DCTERMS.identifier, Literal(codelist.id)))
        _add_texts(graph, scheme, SKOS.prefLabel, codelist.title)
        _add_texts(graph, scheme, DCTERMS.title, codelist.title)
        _add_texts(graph, scheme, DCTERMS.description, codelist.description)
        source = dict(codelist.source or {})
        if source.get("url"):
            graph.add((scheme, DCTERMS.source, URIRef(source["url"])))
        _add_texts(graph, scheme, DCTERMS.bibliographicCitation, source)

    def _add_concept(self, graph: Graph, codelist: CodeList, code: Code) -> None:
        scheme = self.scheme_iri(codelist)
        concept = self.concept_iri(codelist.id, code.code)
        graph.add((concept, RDF.type, SKOS.Concept))
        graph.add((concept, SKOS.inScheme, scheme))
        graph.add((concept, SKOS.notation, Literal(code.code)))
        if code.notation and code.notation != code.code:
            graph.add((concept, SKOS.notation, Literal(code.notation)))
        _add_texts(graph, concept, SKOS.prefLabel, code.label)
        for alias in code.aliases:
            if alias not in code.label.values():
                graph.add((concept, SKOS.altLabel, Literal(alias, lang="vi")))
        for iri in code.exact_match:
            graph.add((concept, SKOS.exactMatch, URIRef(iri)))
        if code.parent and codelist.parent:
            broader = self.concept_iri(codelist.parent, code.parent)
            graph.add((concept, SKOS.broader, broader))
        if not (code.parent and codelist.parent == codelist.id):
            graph.add((concept, SKOS.topConceptOf, scheme))
            graph.add((scheme, SKOS.hasTopConcept, concept))
        for other, narrower in self.narrower(codelist, code.code):
            graph.add((concept, SKOS.narrower, self.concept_iri(other.id, narrower.code)))
        self._add_changes(graph, codelist, code)

    def _add_changes(self, graph: Graph, codelist: CodeList, code: Code) -> None:
        concept = self.concept_iri(codelist.id, code.code)
        for change in areas.changes_of(codelist.id, code.code):
            if codelist.id == "area":
                other = self.concept_iri(change.old_list, change.old)
                whole, replaces = SKOS.narrowMatch, DCTERMS.replaces
            else:
                other = self.concept_iri("area", change.new)
                whole, replaces = SKOS.broadMatch, DCTERMS.isReplacedBy
            match = SKOS.relatedMatch if change.kind == "part" else whole
            graph.add((concept, SKOS.exactMatch if change.unchanged else match, other))
            graph.add((concept, replaces, other))


def _add_texts(
    graph: Graph, subject: URIRef, predicate: URIRef, texts: Mapping[str, Any] | None
) -> None:
    for language in ("vi", "en"):
        value = (texts or {}).get(language)
        if value:
            graph.add((subject, predicate, Literal(value, lang=language)))


def serialize(graph: Graph, ending: str) -> tuple[str, str]:
    """The text of `graph` in the format of a file ending of `FORMATS`, and its media type."""
    name, media_type = FORMATS[ending]
    return graph.serialize(format=name), media_type
