"""`data.json`: the feed in Project Open Data 1.1 (DCAT-US 1.1), as DKAN and data.gov read it.

It is made from the same graph as the other formats. It has one language: the portal's first.

Source: https://resources.data.gov/resources/dcat-us/; what DKAN asks beyond it is in its
``schema/collections/dataset.json`` (an e-mail address in a contact point, its own list of
frequencies, a keyword).
"""

from __future__ import annotations

import json
from typing import Any

from rdflib import Graph, Literal, URIRef
from rdflib.namespace import DCAT, DCTERMS, FOAF, RDF, RDFS, SKOS
from rdflib.term import Node

from ckanext.hcmedu.dcat import vocabulary

_LANGUAGE = "vi"
_CSVW_SCHEMA = URIRef("http://www.w3.org/ns/csvw#Schema")
_VCARD = "http://www.w3.org/2006/vcard/ns#"


def catalog(address: str) -> dict[str, Any]:
    """The catalogue without its datasets; `address` is that of the document."""
    schema = "https://project-open-data.cio.gov/v1.1/schema"
    return {
        "@context": f"{schema}/catalog.jsonld",
        "@id": address,
        "@type": "dcat:Catalog",
        "conformsTo": schema,
        "describedBy": f"{schema}/catalog.json",
    }


def dataset(graph: Graph, subject: URIRef) -> dict[str, Any]:
    """The dataset `subject` as a member of a catalogue; what is not known is left out."""
    themes = [_text(graph, theme, SKOS.prefLabel) for theme in _all(graph, subject, DCAT.theme)]
    frequency = graph.value(subject, DCTERMS.accrualPeriodicity)
    places = [_text(graph, one, SKOS.prefLabel) for one in _all(graph, subject, DCTERMS.spatial)]
    keywords = _tagged(graph, subject, DCAT.keyword)
    schemas = _addresses(graph, subject, DCTERMS.conformsTo)
    return _without_empty(
        {
            "@type": "dcat:Dataset",
            "@id": str(subject),
            "identifier": _plain(graph, subject, DCTERMS.identifier),
            "title": _text(graph, subject, DCTERMS.title),
            "description": _text(graph, subject, DCTERMS.description)
            or _text(graph, subject, DCTERMS.title),
            "keyword": keywords or [theme for theme in themes if theme],
            "theme": [theme for theme in themes if theme],
            "modified": _plain(graph, subject, DCTERMS.modified),
            "issued": _plain(graph, subject, DCTERMS.issued),
            "publisher": _publisher(graph, subject),
            "contactPoint": _contact(graph, subject),
            "accessLevel": "public",
            "license": _plain(graph, subject, DCTERMS.license),
            "rights": _rights(graph, subject),
            "spatial": "; ".join(place for place in places if place),
            "temporal": _temporal(graph, subject),
            "accrualPeriodicity": vocabulary.repetition(str(frequency)) if frequency else None,
            "language": vocabulary.language_codes(_addresses(graph, subject, DCTERMS.language)),
            "landingPage": _plain(graph, subject, DCAT.landingPage),
            **_schema(graph, schemas),
            "references": _addresses(graph, subject, FOAF.page),
            "distribution": [
                _distribution(graph, one) for one in _all(graph, subject, DCAT.distribution)
            ],
        }
    )


def dumps(thing: dict[str, Any]) -> str:
    """`thing` as JSON, on one line."""
    return json.dumps(thing, ensure_ascii=False, separators=(",", ":"))


def _distribution(graph: Graph, subject: Node) -> dict[str, Any]:
    file_type = _plain(graph, subject, DCTERMS["format"])
    media_type = _plain(graph, subject, DCAT.mediaType)
    schemas = _addresses(graph, subject, DCTERMS.conformsTo)
    address = _plain(graph, subject, DCAT.downloadURL)
    # Who finds a download address does not look for another one.
    addresses = (
        {"downloadURL": address}
        if address and media_type
        else {"accessURL": _plain(graph, subject, DCAT.accessURL)}
    )
    return _without_empty(
        {
            "@type": "dcat:Distribution",
            "@id": str(subject),
            "title": _text(graph, subject, DCTERMS.title),
            "description": _text(graph, subject, DCTERMS.description),
            "format": vocabulary.format_name(file_type).lower() if file_type else None,
            "mediaType": vocabulary.media_type_name(media_type) if media_type else None,
            **addresses,
            **_schema(graph, schemas),
        }
    )


def _schema(graph: Graph, schemas: list[str]) -> dict[str, Any]:
    """What the data conforms to, and where its columns are described for a program."""
    ours = [one for one in schemas if (URIRef(one), RDF.type, _CSVW_SCHEMA) in graph]
    if not ours:
        return {"conformsTo": schemas[0] if schemas else None}
    return {
        "conformsTo": ours[0],
        "describedBy": f"{ours[0]}.json",
        "describedByType": "application/json",
    }


def _publisher(graph: Graph, subject: URIRef) -> dict[str, Any] | None:
    publisher = graph.value(subject, DCTERMS.publisher)
    name = _text(graph, publisher, FOAF.name) if publisher else None
    return {"@type": "org:Organization", "name": name} if name else None


def _contact(graph: Graph, subject: URIRef) -> dict[str, Any] | None:
    for contact in _all(graph, subject, DCAT.contactPoint):
        name = _text(graph, contact, URIRef(f"{_VCARD}fn"))
        if name:
            email = _plain(graph, contact, URIRef(f"{_VCARD}hasEmail"))
            return _without_empty({"@type": "vcard:Contact", "fn": name, "hasEmail": email})
    return None


def _rights(graph: Graph, subject: URIRef) -> str | None:
    """Where the data is from, which is where simulated data says that it is."""
    words = [_text(graph, one, RDFS.label) for one in _all(graph, subject, DCTERMS.provenance)]
    text = " ".join(word for word in words if word)
    # The schema asks for 255 characters at most.
    return text if len(text) <= 255 else f"{text[:254]}…"


def _temporal(graph: Graph, subject: URIRef) -> str | None:
    """From the first day that is covered to the last."""
    periods = _all(graph, subject, DCTERMS.temporal)
    starts = [_plain(graph, one, DCAT.startDate) for one in periods]
    ends = [_plain(graph, one, DCAT.endDate) for one in periods]
    if not periods or None in starts or None in ends:
        return None
    return f"{min(filter(None, starts))}/{max(filter(None, ends))}"


def _all(graph: Graph, subject: Node, predicate: URIRef) -> list[Node]:
    return sorted(graph.objects(subject, predicate))


def _addresses(graph: Graph, subject: Node, predicate: URIRef) -> list[str]:
    return [str(one) for one in _all(graph, subject, predicate) if isinstance(one, URIRef)]


def _plain(graph: Graph, subject: Node, predicate: URIRef) -> str | None:
    found = _all(graph, subject, predicate)
    return str(found[0]) if found else None


def _tagged(graph: Graph, subject: Node, predicate: URIRef) -> list[str]:
    texts = [one for one in _all(graph, subject, predicate) if isinstance(one, Literal)]
    ours = [one for one in texts if one.language == _LANGUAGE]
    return [str(one) for one in ours or texts]


def _text(graph: Graph, subject: Node, predicate: URIRef) -> str | None:
    texts = _tagged(graph, subject, predicate)
    return texts[0] if texts else None


def _without_empty(thing: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in thing.items() if value not in (None, "", [], {})}
