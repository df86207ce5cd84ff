"""Every node of the feed has an IRI, made from its place and its content.

Without one, no consumer can tell that a node is the one it saw before, and no two renderings of a
graph are the same. (RDF 1.1 calls this skolemisation.)
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from ckanext.dcat.utils import dataset_uri
from rdflib import BNode, Graph, URIRef
from rdflib.term import Node

from ckanext.hcmedu import settings
from ckanext.hcmedu.addresses import below

# What RFC 3987 leaves out of an IRI, and quoting mends.
_FORBIDDEN = re.compile(r"[\x00-\x20<>\"{}|\\^`]")
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")


def name_blank_nodes(graph: Graph) -> None:
    """Give each blank node that is reached from an IRI an IRI below its subject's.

    The IRI is ``<subject>#<property>``, numbered by content where there are several.
    """
    while True:
        places: dict[tuple[URIRef, Node], list[BNode]] = {}
        for subject, predicate, node in graph:
            if isinstance(node, BNode) and isinstance(subject, URIRef):
                places.setdefault((subject, predicate), []).append(node)
        if not places:
            return
        for (subject, predicate), nodes in sorted(places.items(), key=lambda item: item[0]):
            _name(graph, subject, predicate, nodes)


def _name(graph: Graph, subject: URIRef, predicate: Node, nodes: list[BNode]) -> None:
    word = str(predicate).rstrip("/").replace("#", "/").rsplit("/", 1)[-1]
    nodes = sorted(nodes, key=lambda node: _content(graph, node))
    for number, node in enumerate(nodes, start=1):
        suffix = f"-{number}" if len(nodes) > 1 else ""
        named = URIRef(below(subject, f"{word}{suffix}"))
        for _, inner, value in list(graph.triples((node, None, None))):
            graph.remove((node, inner, value))
            graph.add((named, inner, value))
        for other, inner, _ in list(graph.triples((None, None, node))):
            graph.remove((other, inner, node))
            graph.add((other, inner, named))


def _content(graph: Graph, node: Node) -> list[str]:
    return sorted(
        f"{predicate} {'' if isinstance(value, BNode) else value}"
        for predicate, value in graph.predicate_objects(node)
    )


def iri(text: str, base: str) -> str:
    """`text` as an absolute IRI that every parser takes.

    What may not stand in one is quoted; what has no scheme is meant from `base`, the portal's
    address without a slash at its end.
    """
    mended = _FORBIDDEN.sub(lambda found: quote(found[0]), text.strip())
    return mended if _ABSOLUTE.match(mended) else f"{base}/{mended.lstrip('/')}"


def dataset_iri(dataset: Mapping[str, Any]) -> str:
    """The IRI by which the feed names a dataset, as `package_show` returns it."""
    return iri(dataset_uri(dict(dataset)), settings.site_url())
