"""`data.json`: the feed in Project Open Data 1.1 (DCAT-US 1.1), as DKAN and data.gov read it.

It is made from the same graph as the other formats. It has one language: the portal's first.

Source: https://resources.data.gov/resources/dcat-us/; what DKAN asks beyond it is in its
``schema/collections/dataset.json`` (an e-mail address in a contact point, its own list of
frequencies, a keyword).
"""

from __future__ import annotations

from typing import Any

from rdflib import URIRef
from rdflib.namespace import DCAT, DCTERMS, FOAF

from ckanext.hcmedu.dcat import reading, vocabulary
from ckanext.hcmedu.dcat.reading import VCARD, Said, Thing, without_empty


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


def dataset(said: Said, subject: URIRef) -> dict[str, Any]:
    """The dataset `subject` as a member of a catalogue; what is not known is left out."""
    it = Thing(said, subject)
    themes = it.labels(DCAT.theme)
    frequency = it.plain(DCTERMS.accrualPeriodicity)
    title = it.text(DCTERMS.title)
    return without_empty(
        {
            "@type": "dcat:Dataset",
            "@id": str(subject),
            "identifier": it.plain(DCTERMS.identifier),
            "title": title,
            "description": it.text(DCTERMS.description) or title,
            "keyword": it.words(DCAT.keyword) or themes,
            "theme": themes,
            "modified": it.plain(DCTERMS.modified),
            "issued": it.plain(DCTERMS.issued),
            "publisher": _publisher(it),
            "contactPoint": _contact(it),
            "accessLevel": "public",
            "license": it.plain(DCTERMS.license),
            # The schema asks for 255 characters at most.
            "rights": reading.shortened(reading.origin(it), 255),
            "spatial": "; ".join(it.labels(DCTERMS.spatial)),
            "temporal": "/".join(reading.period(it) or ()),
            "accrualPeriodicity": vocabulary.repetition(frequency) if frequency else None,
            "language": vocabulary.language_codes(it.iris(DCTERMS.language)),
            "landingPage": it.plain(DCAT.landingPage),
            **_schema(it),
            "references": it.iris(FOAF.page),
            "distribution": [_distribution(one) for one in it.all(DCAT.distribution)],
        }
    )


def _distribution(it: Thing) -> dict[str, Any]:
    file_type = it.plain(DCTERMS["format"])
    media_type = reading.media_type(it)
    address = it.plain(DCAT.downloadURL)
    # Who finds a download address does not look for another one.
    addresses = (
        {"downloadURL": address}
        if address and media_type
        else {"accessURL": it.plain(DCAT.accessURL)}
    )
    return without_empty(
        {
            "@type": "dcat:Distribution",
            "@id": str(it),
            "title": it.text(DCTERMS.title),
            "description": it.text(DCTERMS.description),
            "format": vocabulary.format_name(file_type).lower() if file_type else None,
            "mediaType": media_type,
            **addresses,
            **_schema(it),
        }
    )


def _schema(it: Thing) -> dict[str, Any]:
    """What the data conforms to, and where its columns are described for a program."""
    ours = reading.schema_of(it)
    if ours is None:
        return {"conformsTo": next(iter(it.iris(DCTERMS.conformsTo)), None)}
    return {
        "conformsTo": ours,
        "describedBy": f"{ours}.json",
        "describedByType": "application/json",
    }


def _publisher(it: Thing) -> dict[str, Any] | None:
    name = next(iter(it.labels(DCTERMS.publisher, FOAF.name)), None)
    return {"@type": "org:Organization", "name": name} if name else None


def _contact(it: Thing) -> dict[str, Any] | None:
    contact = reading.contact(it)
    if contact is None:
        return None
    email = contact.plain(VCARD.hasEmail)
    return without_empty(
        {"@type": "vcard:Contact", "fn": contact.text(VCARD.fn), "hasEmail": email}
    )
