"""Documents of the feed, joined of fragments: plain text work, without an RDF library.

A fragment is what a document of its format says of one dataset, without the format's frame: for
Turtle, no prefixes; for RDF/XML, no root; for JSON-LD, the members of a list. All fragments of a
format are written with the prefixes below, so that any of them may stand in one frame.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

PREFIXES = {
    "adms": "http://www.w3.org/ns/adms#",
    "as": "https://www.w3.org/ns/activitystreams#",
    "csvw": "http://www.w3.org/ns/csvw#",
    "dcat": "http://www.w3.org/ns/dcat#",
    "dcatap": "http://data.europa.eu/r5r/",
    "dct": "http://purl.org/dc/terms/",
    "dqv": "http://www.w3.org/ns/dqv#",
    "foaf": "http://xmlns.com/foaf/0.1/",
    "hydra": "http://www.w3.org/ns/hydra/core#",
    "ldes": "https://w3id.org/ldes#",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "schema": "https://schema.org/",
    "skos": "http://www.w3.org/2004/02/skos/core#",
    "spdx": "http://spdx.org/rdf/terms#",
    "tree": "https://w3id.org/tree#",
    "vcard": "http://www.w3.org/2006/vcard/ns#",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}


@dataclass(frozen=True)
class Format:
    """A format of the feed; `name` is its file ending and the name of its fragments."""

    name: str
    media_type: str
    head: str
    joint: str
    tail: str

    def document(self, fragments: Iterable[str]) -> str:
        """The document that says what `fragments` say."""
        return self.head + self.joint.join(each for each in fragments if each) + self.tail


FORMATS = {
    each.name: each
    for each in (
        Format(
            "ttl",
            "text/turtle",
            "".join(f"@prefix {name}: <{iri}> .\n" for name, iri in PREFIXES.items()),
            "",
            "",
        ),
        Format(
            "rdf",
            "application/rdf+xml",
            '<?xml version="1.0" encoding="UTF-8"?>\n<rdf:RDF'
            + "".join(f'\n  xmlns:{name}="{iri}"' for name, iri in PREFIXES.items())
            + ">\n",
            "",
            "</rdf:RDF>\n",
        ),
        Format("jsonld", "application/ld+json", '{"@graph": [\n', ",\n", "\n]}\n"),
        Format("nt", "application/n-triples", "", "", ""),
    )
}
"""By file ending."""


LANGUAGE = "vi"
"""That of the forms which have one only: the portal's first."""

CROISSANT_VERSION = "http://mlcommons.org/croissant/1.1"

_CROISSANT = {
    "@language": LANGUAGE,
    "@vocab": "https://schema.org/",
    "sc": "https://schema.org/",
    "cr": "http://mlcommons.org/croissant/",
    "dct": PREFIXES["dct"],
    "conformsTo": "dct:conformsTo",
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    **{
        name: f"cr:{name}"
        for name in (
            "citeAs", "column", "extract", "field", "fileObject", "isLiveDataset", "key",
            "recordSet", "source",
        )
    },
}  # fmt: skip

CROISSANT = Format(
    "croissant",
    f'application/ld+json; profile="{CROISSANT_VERSION}"',
    f'{{"@context":{json.dumps(_CROISSANT, separators=(",", ":"))},\n',
    "",
    "}\n",
)
"""Of one dataset, in its page as well; its fragments are the members of an object."""


@dataclass(frozen=True)
class Typed:
    """A literal: its text and the short name of its type, such as ``xsd:integer``."""

    text: str
    datatype: str


@dataclass(frozen=True)
class Worded:
    """A text and the tag of its language."""

    text: str
    language: str


Value = str | Typed | Worded
Statement = tuple[str, str, Value]
"""Subject's IRI, predicate's short name such as ``hydra:next``, and an IRI or a literal."""


def statements(format_name: str, said: Sequence[Statement]) -> str:
    """The fragment, in the format of that name, that says what `said` says."""
    return _WRITERS[format_name](said)


def expand(short: str) -> str:
    """The IRI of a short name such as ``dct:title``."""
    prefix, _, local = short.partition(":")
    return PREFIXES[prefix] + local


def _triples(said: Sequence[Statement]) -> str:
    return "".join(
        f"<{subject}> <{expand(predicate)}> {_term(value)} .\n"
        for subject, predicate, value in said
    )


def _term(value: Value) -> str:
    if isinstance(value, Typed):
        return f"{json.dumps(value.text, ensure_ascii=False)}^^<{expand(value.datatype)}>"
    if isinstance(value, Worded):
        return f"{json.dumps(value.text, ensure_ascii=False)}@{value.language}"
    return f"<{value}>"


def _elements(said: Sequence[Statement]) -> str:
    return "".join(
        f"<rdf:Description rdf:about={quoteattr(subject)}>{_element(predicate, value)}"
        "</rdf:Description>\n"
        for subject, predicate, value in said
    )


def _element(predicate: str, value: Value) -> str:
    if isinstance(value, Typed):
        datatype = quoteattr(expand(value.datatype))
        return f"<{predicate} rdf:datatype={datatype}>{escape(value.text)}</{predicate}>"
    if isinstance(value, Worded):
        language = quoteattr(value.language)
        return f"<{predicate} xml:lang={language}>{escape(value.text)}</{predicate}>"
    return f"<{predicate} rdf:resource={quoteattr(value)}/>"


def _members(said: Sequence[Statement]) -> str:
    return ",\n".join(json.dumps(member, ensure_ascii=False) for member in _nodes(said))


def _nodes(said: Sequence[Statement]) -> Iterator[dict[str, object]]:
    for subject, predicate, value in said:
        if isinstance(value, Typed):
            node = {"@value": value.text, "@type": expand(value.datatype)}
        elif isinstance(value, Worded):
            node = {"@value": value.text, "@language": value.language}
        else:
            node = {"@id": value}
        yield {"@id": subject, expand(predicate): [node]}


_WRITERS = {"ttl": _triples, "nt": _triples, "rdf": _elements, "jsonld": _members}
