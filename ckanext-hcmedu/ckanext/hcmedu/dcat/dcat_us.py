"""`dcat-us.json`: the feed in DCAT-US 3.0, as data.gov's harvester reads it.

It is made from the same graph as the other formats. It has one language: the portal's first.

Source: https://resources.data.gov/resources/dcat-us3/ and the definitions of its classes in
https://github.com/GSA/dcat-us (``jsonschema/definitions``).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ckanext.dcat.profiles.base import ADMS
from rdflib import URIRef
from rdflib.namespace import DCAT, DCTERMS, FOAF, SKOS

from ckanext.hcmedu.dcat import reading, vocabulary
from ckanext.hcmedu.dcat.measurements import DQV
from ckanext.hcmedu.dcat.reading import VCARD, VERSION, Said, Thing, without_empty

_STANDARD = "https://resources.data.gov/resources/dcat-us3/"


def catalog(said: Said, subject: URIRef) -> dict[str, Any]:
    """The catalogue without its datasets, and without when it last changed."""
    it = Thing(said, subject)
    title = it.text(DCTERMS.title)
    return without_empty(
        {
            "@type": "Catalog",
            "@id": str(subject),
            "title": title,
            "description": it.text(DCTERMS.description),
            "conformsTo": {"@type": "Standard", "@id": _STANDARD, "title": "DCAT-US 3.0"},
            "homepage": _document(title, it.plain(FOAF.homepage)),
            "publisher": _agent(it, "Agent"),
            "contactPoint": _contacts(it),
            "issued": it.plain(DCTERMS.issued),
            "language": vocabulary.language_codes(it.iris(DCTERMS.language)),
            "license": it.plain(DCTERMS.license),
            "spatial": [_location(one) for one in it.all(DCTERMS.spatial)],
            "themeTaxonomy": [
                {"@type": "ConceptScheme", "@id": str(one), "title": one.text(DCTERMS.title)}
                for one in it.all(DCAT.themeTaxonomy)
            ],
            "service": [_service(one) for one in it.all(DCAT.service)],
        }
    )


def dataset(said: Said, subject: URIRef) -> dict[str, Any]:
    """The dataset `subject` as a member of a catalogue; what is not known is left out."""
    it = Thing(said, subject)
    frequency, title = it.plain(DCTERMS.accrualPeriodicity), it.text(DCTERMS.title)
    return without_empty(
        {
            "@type": "Dataset",
            "@id": str(subject),
            "identifier": it.plain(DCTERMS.identifier),
            "otherIdentifier": it.labels(ADMS.identifier, SKOS.notation),
            "title": title,
            "description": it.text(DCTERMS.description) or title,
            "keyword": it.words(DCAT.keyword),
            "theme": [_concept(one) for one in it.all(DCAT.theme)],
            "modified": it.plain(DCTERMS.modified),
            "issued": it.plain(DCTERMS.issued),
            "publisher": _agent(it, "Organization"),
            "contactPoint": _contacts(it),
            "accessRights": "; ".join(it.labels(DCTERMS.accessRights)),
            "provenance": [origin] if (origin := reading.origin(it)) else None,
            "spatial": [_location(one) for one in it.all(DCTERMS.spatial)],
            "temporal": [_period(one) for one in it.all(DCTERMS.temporal)],
            "accrualPeriodicity": vocabulary.repetition(frequency) if frequency else None,
            "language": vocabulary.language_codes(it.iris(DCTERMS.language)),
            "landingPage": _document(title, it.plain(DCAT.landingPage)),
            "page": [_document(title, one) for one in it.iris(FOAF.page)],
            **_schema(it),
            "version": it.plain(VERSION),
            "versionNotes": it.text(ADMS.versionNotes),
            "hasQualityMeasurement": [_measured(one) for one in it.all(DQV.hasQualityMeasurement)],
            "distribution": [_distribution(one) for one in it.all(DCAT.distribution)],
        }
    )


def _distribution(it: Thing) -> dict[str, Any]:
    file_type = it.plain(DCTERMS["format"])
    media_type, sha256 = reading.media_type(it), reading.sha256(it)
    return without_empty(
        {
            "@type": "Distribution",
            "@id": str(it),
            "title": it.text(DCTERMS.title),
            "description": it.text(DCTERMS.description),
            "format": vocabulary.format_name(file_type) if file_type else None,
            "mediaType": media_type,
            "accessURL": it.plain(DCAT.accessURL),
            # The one is never without the other.
            "downloadURL": it.plain(DCAT.downloadURL) if media_type else None,
            "byteSize": it.plain(DCAT.byteSize),
            "checksum": {"@type": "Checksum", "algorithm": "SHA-256", "checksumValue": sha256}
            if sha256
            else None,
            "license": it.plain(DCTERMS.license),
            "issued": it.plain(DCTERMS.issued),
            "modified": it.plain(DCTERMS.modified),
            "language": vocabulary.language_codes(it.iris(DCTERMS.language)),
            **_schema(it),
            "accessService": [_service(one) for one in it.all(DCAT.accessService)],
        }
    )


def _service(it: Thing) -> dict[str, Any]:
    return without_empty(
        {
            "@type": "DataService",
            "@id": str(it),
            "title": it.text(DCTERMS.title),
            "description": it.text(DCTERMS.description),
            "endpointURL": it.iris(DCAT.endpointURL),
            "endpointDescription": it.iris(DCAT.endpointDescription),
            "publisher": _agent(it, "Agent"),
            "contactPoint": _contacts(it),
            "license": it.plain(DCTERMS.license),
        }
    )


def _schema(it: Thing) -> Mapping[str, Any]:
    """What the data conforms to, and where its columns are described for a program."""
    ours = reading.schema_of(it)
    standards = [
        without_empty({"@type": "Standard", "@id": str(one), "title": one.text(DCTERMS.title)})
        for one in it.all(DCTERMS.conformsTo)
    ]
    dictionary = {
        "@type": "Distribution",
        "downloadURL": f"{ours}.json",
        "mediaType": "application/json",
    }
    return {"conformsTo": standards, "describedBy": dictionary if ours else None}


def _agent(it: Thing, kind: str) -> dict[str, Any] | None:
    """The publisher, as an instance of one of the two classes that stand for one."""
    for one in it.all(DCTERMS.publisher):
        if name := one.text(FOAF.name):
            return {"@type": kind, "@id": str(one), "name": name}
    return None


def _contacts(it: Thing) -> list[dict[str, Any]]:
    contact = reading.contact(it)
    if contact is None:
        return []
    email = contact.plain(VCARD.hasEmail)
    kind = {"@type": "Kind", "@id": str(contact), "fn": contact.text(VCARD.fn), "hasEmail": email}
    return [without_empty(kind)]


def _concept(it: Thing) -> dict[str, Any] | str:
    """A concept with its scheme; what has no label is only named."""
    label = it.text(SKOS.prefLabel)
    if label is None:
        return str(it)
    schemes = [
        {"@type": "ConceptScheme", "@id": str(one), "title": title}
        for one in it.all(SKOS.inScheme)
        if (title := one.text(DCTERMS.title))
    ]
    concept = {"@type": "Concept", "@id": str(it), "prefLabel": label}
    return concept | ({"inScheme": schemes[0]} if schemes else {})


def _location(it: Thing) -> dict[str, Any]:
    return without_empty(
        {
            "@type": "Location",
            "@id": str(it),
            "prefLabel": it.text(SKOS.prefLabel),
            "identifier": it.plain(DCTERMS.identifier),
            "bbox": it.plain(DCAT.bbox),
            "centroid": it.plain(DCAT.centroid),
        }
    )


def _period(it: Thing) -> dict[str, Any]:
    return without_empty(
        {
            "@type": "PeriodOfTime",
            "startDate": it.plain(DCAT.startDate),
            "endDate": it.plain(DCAT.endDate),
        }
    )


def _document(title: str | None, address: str | None) -> dict[str, Any] | None:
    return {"@type": "Document", "title": title, "accessURL": address} if address else None


def _measured(it: Thing) -> dict[str, Any]:
    [metric] = it.all(DQV.isMeasurementOf)
    return {
        "@type": "QualityMeasurement",
        "isMeasurementOf": {
            "@type": "Metric",
            "@id": str(metric),
            "definition": metric.text(SKOS.definition),
            "expectedDataType": metric.plain(DQV.expectedDataType),
            "inDimension": metric.plain(DQV.inDimension),
        },
        "value": it.plain(DQV.value),
    }
