"""What the columns of a table hold: the address that its datasets say they conform to."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import ckan.plugins.toolkit as tk
from flask import Blueprint, Response, request

from ckanext.hcmedu import settings
from ckanext.hcmedu.dcat.documents import LANGUAGE
from schemas import Column, Table

blueprint = Blueprint("hcmedu_schema", __name__, url_prefix="/schema")

# Types of https://specs.frictionlessdata.io/table-schema/
_TYPES = {"integer": "integer", "count": "integer", "decimal": "number", "rate": "number"}
_TYPES["magnitude"] = "number"


def _table(name: str) -> Table:
    found = settings.declarations().tables.get(name)
    return found or tk.abort(404, tk._("There is no such table."))


def table_schema(table: Table, site_url: str) -> dict[str, Any]:
    """The columns of a table as a Frictionless Table Schema.

    The standard has texts in one language: the portal's first; `…_translated` has both.
    """
    return {
        "$schema": "https://specs.frictionlessdata.io/schemas/table-schema.json",
        "name": table.name,
        **_texts("title", table.title),
        "fields": [_field(column, site_url) for column in table.columns],
        "primaryKey": list(table.key),
        "missingValues": [""],
    }


def _field(column: Column, site_url: str) -> dict[str, Any]:
    field: dict[str, Any] = {
        "name": column.name,
        "type": _TYPES.get(column.type, "string"),
        **_texts("title", column.title),
        **_texts("description", column.description),
        **_texts("unit", column.unit),
        "role": column.role,
    }
    if column.codelist:
        field["rdfType"] = f"{site_url}/codelist/{column.codelist}"
    return field


def _texts(name: str, texts: Mapping[str, str] | None) -> dict[str, Any]:
    return {name: texts[LANGUAGE], f"{name}_translated": dict(texts)} if texts else {}


def _json(table: Table) -> Response:
    body = json.dumps(table_schema(table, settings.site_url()), ensure_ascii=False, indent=2)
    return Response(body, content_type="application/json")


@blueprint.route("/<name>")
def read(name: str) -> Response:
    """The columns of a table, as a page or, where `Accept` prefers it, as JSON."""
    table = _table(name)
    offered = ["text/html", "application/json"]
    if request.accept_mimetypes.best_match(offered, default="text/html") == "application/json":
        response = _json(table)
    else:
        page = tk.render("hcmedu/schema.html", {"table": table})
        response = Response(page, mimetype="text/html")
    response.vary.add("Accept")
    return response


@blueprint.route("/<name>.json")
def file(name: str) -> Response:
    """The columns of a table, as a Frictionless Table Schema."""
    return _json(_table(name))
