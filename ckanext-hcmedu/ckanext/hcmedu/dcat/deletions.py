"""A deletion in DCAT: a record of the catalogue whose status is deleted, and no dataset.

Harvesters that do not know it look for datasets and pass over it. Source: DCAT-AP 3, which takes
the status from the ADMS change types.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ckanext.hcmedu.addresses import below
from ckanext.hcmedu.dcat import moments, problems
from ckanext.hcmedu.dcat.documents import Statement, Typed, Worded, expand
from ckanext.hcmedu.dcat.entries import Deletion

DELETED = "http://purl.org/adms/changetype/deleted"


def records(catalog: str, deletions: Iterable[Deletion]) -> Iterator[Statement]:
    """What the catalogue of that IRI says of what is gone: since when, and why."""
    for deletion in deletions:
        record = below(deletion.iri, "deleted")
        at = Typed(moments.write(deletion.at), "xsd:dateTime")
        yield catalog, "dcat:record", record
        yield record, "rdf:type", expand("dcat:CatalogRecord")
        yield record, "foaf:primaryTopic", deletion.iri
        yield record, "adms:status", DELETED
        yield DELETED, "rdf:type", expand("skos:Concept")
        yield record, "dct:modified", at
        for language, text in problems.GONE[deletion.reason].items():
            yield record, "dct:description", Worded(text, language)
