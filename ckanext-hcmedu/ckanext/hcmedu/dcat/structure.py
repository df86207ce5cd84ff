"""What the columns of a table hold, in the vocabulary of CSVW, at the table's schema address.

Source: Metadata Vocabulary for Tabular Data, https://www.w3.org/TR/tabular-metadata/.
"""

from __future__ import annotations

from collections.abc import Mapping

from rdflib import Graph, Literal, Namespace, URIRef
from rdflib.namespace import DCTERMS, RDF, XSD

from schemas import Column, Table

CSVW = Namespace("http://www.w3.org/ns/csvw#")
SCHEMA = Namespace("https://schema.org/")

_DATATYPES = {"integer": XSD.integer, "decimal": XSD.decimal}


def add_structure(graph: Graph, table: Table, site: str) -> URIRef:
    """Describe the columns of `table`; the schema's IRI is returned.

    :param site: the portal's address, without a slash at its end.
    """
    schema = URIRef(f"{site}/schema/{table.name}")
    graph.add((schema, RDF.type, CSVW.Schema))
    graph.add((schema, RDF.type, DCTERMS.Standard))
    _add_texts(graph, schema, DCTERMS.title, table.title)
    for name in table.key:
        graph.add((schema, CSVW.primaryKey, Literal(name)))
    for position, column in enumerate(table.columns, start=1):
        node = _add_column(graph, schema, column, site)
        graph.add((schema, CSVW.column, node))
        # Not an RDF list: serialisers make blank nodes of it.
        graph.add((node, SCHEMA.position, Literal(position)))
    return schema


def add_file(graph: Graph, address: URIRef, schema: URIRef) -> None:
    """Say that the CSV file at `address` has the columns of `schema`."""
    graph.add((address, RDF.type, CSVW.Table))
    graph.add((address, CSVW.url, Literal(address, datatype=XSD.anyURI)))
    graph.add((address, CSVW.tableSchema, schema))


def _add_column(graph: Graph, schema: URIRef, column: Column, site: str) -> URIRef:
    node = URIRef(f"{schema}#{column.name}")
    graph.add((node, RDF.type, CSVW.Column))
    graph.add((node, CSVW.name, Literal(column.name)))
    graph.add((node, CSVW.datatype, _DATATYPES.get(column.type, XSD.string)))
    _add_texts(graph, node, CSVW.title, column.title)
    _add_texts(graph, node, DCTERMS.description, column.description)
    _add_texts(graph, node, SCHEMA.unitText, column.unit)
    # A label's column is not a code.
    if column.codelist and column.role != "label":
        template = f"{site}/codelist/{column.codelist}/{{{column.name}}}"
        graph.add((node, CSVW.valueUrl, Literal(template)))
    return node


def _add_texts(
    graph: Graph, subject: URIRef, predicate: URIRef, texts: Mapping[str, str] | None
) -> None:
    for language, text in (texts or {}).items():
        graph.add((subject, predicate, Literal(text, lang=language)))
