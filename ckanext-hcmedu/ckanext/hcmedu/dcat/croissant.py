"""Croissant, which is schema.org's Dataset with the files' columns: what search engines and
programs for machine learning read, in the dataset's page and at an address of its own.

It is made from the same graph as the other formats. It has one language: the portal's first.

Source: https://docs.mlcommons.org/croissant/docs/croissant-spec-1.1.html; what search engines ask
is in https://developers.google.com/search/docs/appearance/structured-data/dataset.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from rdflib import URIRef
from rdflib.namespace import DCAT, DCTERMS, FOAF, SKOS, XSD

from ckanext.hcmedu.dcat import reading, vocabulary
from ckanext.hcmedu.dcat.documents import CROISSANT_VERSION
from ckanext.hcmedu.dcat.reading import VERSION, Said, Thing, without_empty
from ckanext.hcmedu.dcat.structure import CSVW, SCHEMA

_TYPES = {str(XSD.integer): "sc:Integer", str(XSD.decimal): "sc:Float"}

_LONGEST = 5000
"""Characters of a description that search engines take."""

_POINT = re.compile(r"(-?\d+(?:\.\d+)?) (-?\d+(?:\.\d+)?)")


def dataset(said: Said, subject: URIRef, catalog: Mapping[str, Any]) -> dict[str, Any]:
    """The dataset `subject`, without the context; what is not known is left out.

    :param catalog: the catalogue's ``@id``, ``name`` and ``url``.
    """
    it = Thing(said, subject)
    title, version = it.text(DCTERMS.title) or "", it.plain(VERSION)
    everything = it.all(DCAT.distribution)
    # What can only be queried is not a file, but better than nothing.
    files = [one for one in everything if one.plain(DCAT.downloadURL)] or everything
    publishers = [_organization(one) for one in it.all(DCTERMS.publisher)]
    english = it.text(DCTERMS.title, "en")
    return without_empty(
        {
            "@type": "sc:Dataset",
            "@id": str(subject),
            "conformsTo": CROISSANT_VERSION,
            "name": title,
            "alternateName": {"@value": english, "@language": "en"} if english else None,
            "description": _description(it) or title,
            "url": it.plain(DCAT.landingPage),
            "citeAs": _citation(it),
            "identifier": it.plain(DCTERMS.identifier),
            "keywords": it.words(DCAT.keyword),
            "license": it.plain(DCTERMS.license),
            "isAccessibleForFree": True,
            "creator": [_organization(one) for one in it.all(DCTERMS.creator)] or publishers,
            "publisher": publishers,
            "datePublished": it.plain(DCTERMS.issued),
            "dateModified": it.plain(DCTERMS.modified),
            # A release may change any figure of the one before.
            "version": f"{version}.0.0" if version and version.isdecimal() else version,
            "inLanguage": vocabulary.language_codes(it.iris(DCTERMS.language)),
            "spatialCoverage": [_place(one) for one in it.all(DCTERMS.spatial)],
            "temporalCoverage": "/".join(reading.period(it) or ()),
            "includedInDataCatalog": {"@type": "DataCatalog", **catalog},
            # What may change at any time has no checksum.
            "isLiveDataset": any(reading.sha256(one) is None for one in files) or None,
            "distribution": [_file(one) for one in files],
            "recordSet": [
                _records(table, one)
                for one in files
                for table in one.all(DCAT.downloadURL)
                if table.is_a(CSVW.Table)
            ],
        }
    )


def dumps(thing: Mapping[str, Any]) -> str:
    """The members of `thing` as JSON that may stand in a page: no tag can begin or end in it."""
    members = reading.dumps(thing)[1:-1]
    return members.translate({ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"})


def _description(it: Thing) -> str:
    """What the dataset is, and where from; the latter is never what is cut off."""
    origin = reading.shortened(reading.origin(it), _LONGEST // 2)
    text = it.text(DCTERMS.description) or it.text(DCTERMS.title) or ""
    text = reading.shortened(text, _LONGEST - len(origin) - 2)
    return "\n\n".join(part for part in (text, origin) if part)


def _citation(it: Thing) -> str | None:
    """Publisher, year, title, version and address; None while it is not published."""
    issued, page = it.plain(DCTERMS.issued), it.plain(DCAT.landingPage)
    if not issued or not page:
        return None
    publisher = ", ".join(it.labels(DCTERMS.publisher, FOAF.name))
    title, version = it.text(DCTERMS.title), it.plain(VERSION)
    return f"{publisher} ({issued[:4]}). {title}{f' ({version})' if version else ''}. {page}"


def _organization(it: Thing) -> dict[str, Any]:
    return without_empty(
        {
            "@type": "Organization",
            "@id": str(it),
            "name": it.text(FOAF.name),
            "url": it.plain(FOAF.homepage),
        }
    )


def _place(it: Thing) -> dict[str, Any]:
    """A place and the box around it: south, west, north and east, in degrees."""
    # In WKT; a form may have the same in GeoJSON beside it.
    points = _POINT.findall(" ; ".join(str(one) for one in it.all(DCAT.bbox)))
    box = None
    if points:
        east, north = (sorted(map(float, axis)) for axis in zip(*points, strict=True))
        box = f"{north[0]:g} {east[0]:g} {north[-1]:g} {east[-1]:g}"
    return without_empty(
        {
            "@type": "Place",
            "@id": str(it),
            "name": it.text(SKOS.prefLabel),
            "geo": {"@type": "GeoShape", "box": box} if box else None,
        }
    )


def _file(it: Thing) -> dict[str, Any]:
    address = it.plain(DCAT.downloadURL) or it.plain(DCAT.accessURL) or ""
    size = it.plain(DCAT.byteSize)
    return without_empty(
        {
            "@type": ["cr:FileObject", "DataDownload"],
            "@id": str(it),
            "name": address.rstrip("/").rpartition("/")[2],
            "description": it.text(DCTERMS.title),
            "contentUrl": address,
            "contentSize": f"{size} B" if size else None,
            "encodingFormat": _encoding(it),
            "sha256": reading.sha256(it),
        }
    )


def _encoding(it: Thing) -> str:
    """The media type; where it is not known, the format in the EU's table."""
    return reading.media_type(it) or it.plain(DCTERMS["format"]) or "application/octet-stream"


def _records(table: Thing, file: Thing) -> dict[str, Any]:
    """The rows of a CSV file, column by column."""
    [schema] = table.all(CSVW.tableSchema)
    columns = sorted(schema.all(CSVW.column), key=lambda one: int(one.plain(SCHEMA.position) or 0))
    return {
        "@type": "cr:RecordSet",
        "@id": str(schema),
        "name": schema.text(DCTERMS.title),
        "key": [{"@id": f"{schema}#{key}"} for key in map(str, schema.all(CSVW.primaryKey))],
        "field": [_field(column, file) for column in columns],
    }


def _field(column: Thing, file: Thing) -> dict[str, Any]:
    name = column.plain(CSVW.name)
    title, unit = column.text(CSVW.title), column.text(SCHEMA.unitText)
    return without_empty(
        {
            "@type": "cr:Field",
            "@id": str(column),
            "name": name,
            "description": f"{title} ({unit})" if unit else title,
            "dataType": _TYPES.get(column.plain(CSVW.datatype) or "", "sc:Text"),
            "source": {"fileObject": {"@id": str(file)}, "extract": {"column": name}},
        }
    )
