"""A graph as the dialects that are not RDF read it: in the portal's first language, in an order
that does not change.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ckanext.dcat.profiles.base import SPDX, VCARD
from rdflib import Graph, Literal, URIRef
from rdflib.namespace import DCAT, DCTERMS, RDF, RDFS, SKOS
from rdflib.term import Node

from ckanext.hcmedu.dcat import vocabulary
from ckanext.hcmedu.dcat.documents import LANGUAGE
from ckanext.hcmedu.dcat.structure import CSVW

VERSION = URIRef(f"{DCAT}version")

Said = Mapping[tuple[Node, Node], Sequence[Node]]
"""The values of each property of each node."""


def read(graph: Graph) -> Said:
    """What a graph says, for three dialects to look up: rdflib's own answers take longer."""
    said: dict[tuple[Node, Node], list[Node]] = {}
    for subject, predicate, value in graph:
        said.setdefault((subject, predicate), []).append(value)
    return said


@dataclass(frozen=True)
class Thing:
    """A node of a graph, and what is said of it."""

    said: Said
    node: Node

    def __str__(self) -> str:
        return str(self.node)

    def is_a(self, kind: URIRef) -> bool:
        """Whether the thing is of a class."""
        return kind in self.said.get((self.node, RDF.type), ())

    def all(self, predicate: URIRef) -> list[Thing]:
        """What stands in a relation to the thing, sorted."""
        # rdflib's own order, by kind and datatype, takes longer than all the rest.
        found = sorted(self.said.get((self.node, predicate), ()), key=str)
        return [Thing(self.said, one) for one in found]

    def iris(self, predicate: URIRef) -> list[str]:
        """The IRIs among the values of a property."""
        return [str(one) for one in self.all(predicate) if isinstance(one.node, URIRef)]

    def plain(self, predicate: URIRef) -> str | None:
        """The first value of a property, as a text."""
        found = self.all(predicate)
        return str(found[0]) if found else None

    def words(self, predicate: URIRef, language: str = LANGUAGE) -> list[str]:
        """The texts of a property that are in a language; all of them where none is."""
        texts = [one.node for one in self.all(predicate) if isinstance(one.node, Literal)]
        ours = [one for one in texts if one.language == language]
        return [str(one) for one in ours or texts]

    def text(self, predicate: URIRef, language: str = LANGUAGE) -> str | None:
        """The first text of a property, in a language if there is one in it."""
        texts = self.words(predicate, language)
        return texts[0] if texts else None

    def labels(self, predicate: URIRef, label: URIRef = SKOS.prefLabel) -> list[str]:
        """What the values of a property are called; those without a name are left out."""
        return [text for one in self.all(predicate) if (text := one.text(label))]


def media_type(distribution: Thing) -> str | None:
    """The media type of a file, such as ``text/csv``."""
    found = distribution.plain(DCAT.mediaType)
    return vocabulary.media_type_name(found) if found else None


def sha256(distribution: Thing) -> str | None:
    """The SHA-256 of a file, in hexadecimal digits."""
    for one in distribution.all(SPDX.checksum):
        if str(SPDX.checksumAlgorithm_sha256) in one.iris(SPDX.algorithm):
            return one.plain(SPDX.checksumValue)
    return None


def origin(dataset: Thing) -> str:
    """Where the data is from, which is where simulated data says that it is; may be empty."""
    return " ".join(dataset.labels(DCTERMS.provenance, RDFS.label))


def period(dataset: Thing) -> tuple[str, str] | None:
    """The first and the last day that are covered; None where either is open."""
    periods = dataset.all(DCTERMS.temporal)
    starts = [one.plain(DCAT.startDate) for one in periods]
    ends = [one.plain(DCAT.endDate) for one in periods]
    if not periods or None in starts or None in ends:
        return None
    return min(filter(None, starts)), max(filter(None, ends))


def schema_of(thing: Thing) -> str | None:
    """The IRI of the schema whose columns the portal describes; None without one."""
    found = [one for one in thing.all(DCTERMS.conformsTo) if one.is_a(CSVW.Schema)]
    return str(found[0]) if found else None


def contact(dataset: Thing) -> Thing | None:
    """Whom to ask; None where nobody has a name."""
    named = (one for one in dataset.all(DCAT.contactPoint) if one.text(VCARD.fn))
    return next(named, None)


def shortened(text: str, most: int) -> str:
    """The text in at most `most` characters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def without_empty(thing: Mapping[str, Any]) -> dict[str, Any]:
    """`thing` without what is not known."""
    return {key: value for key, value in thing.items() if value not in (None, "", [], {})}


def dumps(thing: Mapping[str, Any]) -> str:
    """`thing` as JSON, on one line."""
    return json.dumps(thing, ensure_ascii=False, separators=(",", ":"))
