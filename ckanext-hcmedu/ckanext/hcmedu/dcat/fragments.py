"""From a graph to its fragments: the same triples make the same bytes, whenever and wherever.

Triples are sorted before they are written, by pyoxigraph, which keeps their order.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

import pyoxigraph as ox
from rdflib import Graph, Literal, URIRef
from rdflib.term import Node

from ckanext.hcmedu.dcat.documents import PREFIXES
from ckanext.hcmedu.dcat.naming import iri

_TYPE = f"{PREFIXES['rdf']}type"
_OX = {
    "ttl": ox.RdfFormat.TURTLE,
    "rdf": ox.RdfFormat.RDF_XML,
    "jsonld": ox.RdfFormat.JSON_LD,
    "nt": ox.RdfFormat.N_TRIPLES,
}

# What XML 1.0 cannot hold, not even escaped: one such character would break a whole page.
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


class BlankNode(Exception):
    """A node without an IRI: the feed has none, see `naming`."""


def make_fragments(graph: Graph, base: str) -> dict[str, str]:
    """The fragments of a graph, by the names of `documents.FORMATS`.

    :param base: the portal's address, that IRIs without a scheme are meant from.
    :raises BlankNode: a node of the graph has no IRI.
    """
    triples = sorted(_triples(graph, base), key=_order)
    return {name: _cut(name, _write(triples, kind)) for name, kind in _OX.items()}


def _order(triple: ox.Triple) -> tuple[str, bool, str, str]:
    """Subject by subject, what it is before what is said of it."""
    predicate = triple.predicate.value
    return (str(triple.subject), predicate != _TYPE, predicate, str(triple.object))


def _triples(graph: Graph, base: str) -> Iterator[ox.Triple]:
    for subject, predicate, value in graph:
        yield ox.Triple(_named(subject, base), _named(predicate, base), _term(value, base))


def _named(node: Node, base: str) -> ox.NamedNode:
    if not isinstance(node, URIRef):
        raise BlankNode(f"A node without an IRI: {node.n3()}")
    return _node(str(node), base)


@lru_cache(maxsize=4096)
def _node(text: str, base: str) -> ox.NamedNode:
    """Most addresses of a dataset stand in many of its triples, and in those of others."""
    return ox.NamedNode(iri(text, base))


def _term(node: Node, base: str) -> ox.NamedNode | ox.Literal:
    if not isinstance(node, Literal):
        return _named(node, base)
    # Forms end lines as Windows does, and XML does not tell the two apart.
    text = _NOT_XML.sub("", node).replace("\r\n", "\n").replace("\r", "\n")
    if node.language:
        return ox.Literal(text, language=node.language)
    datatype = _node(str(node.datatype), base) if node.datatype else None
    return ox.Literal(text, datatype=datatype)


def _write(triples: list[ox.Triple], kind: ox.RdfFormat) -> str:
    written = ox.serialize(triples, format=kind, prefixes=PREFIXES)
    assert written is not None
    return written.decode()


def _cut(name: str, document: str) -> str:
    """The document without its frame."""
    if name == "ttl":
        # No line of a literal can begin so: line ends in it are escaped.
        lines = document.split("\n")
        return "\n".join(line for line in lines if not line.startswith("@prefix "))
    if name == "rdf":
        start = document.index(">", document.index("<rdf:RDF")) + 1
        return document[start : document.rindex("</rdf:RDF>")].strip("\n") + "\n"
    if name == "jsonld":
        return document.strip().removeprefix("[").removesuffix("]")
    return document
