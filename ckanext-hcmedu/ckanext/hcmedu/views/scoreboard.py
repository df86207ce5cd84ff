"""How far the programme has come: a page for everyone, one a target, and the same for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping

import ckan.plugins.toolkit as tk
from flask import Blueprint, Response, request

from ckanext.hcmedu import collation, scoreboard, settings, wording
from ckanext.hcmedu.scoreboard import Standing
from harvesters.targets import Figure, Values

blueprint = Blueprint("hcmedu_scoreboard", __name__)


@blueprint.route("/scoreboard")
def index() -> str:
    """All targets with their values of now."""
    found = scoreboard.standings(settings.declarations())
    return tk.render("hcmedu/scoreboard/index.html", {"standings": found})


@blueprint.route("/scoreboard.json")
def document() -> Response:
    """The same for programs, each value with the releases that it was computed from."""
    found = scoreboard.as_json(settings.declarations(), settings.public_url())
    body = json.dumps(found, ensure_ascii=False, indent=1)
    response = Response(body, content_type="application/json")
    response.add_etag()
    return response.make_conditional(request)


@blueprint.route("/scoreboard/<name>")
def read(name: str) -> str:
    """One target: its trend, and the areas or institutions behind it."""
    found = scoreboard.standings(settings.declarations())
    standing = next((one for one in found if one.target.name == name), None)
    if standing is None:
        tk.abort(404, tk._("There is no such target."))
    values = scoreboard.behind(standing)
    page = {
        "standing": standing,
        "target": standing.target,
        "groups": groups(standing, values),
        "names": names(standing, values),
        "others": values.others,
        "tables": settings.declarations().tables,
    }
    return tk.render("hcmedu/scoreboard/read.html", page)


def groups(standing: Standing, values: Values) -> dict[str, list[tuple[str, Figure]]]:
    """What stands behind a target by whether it reaches it: `missed`, those that are farthest from
    it first, `reached`, `open` where nothing is aimed at, and `hidden`, without a value."""
    found: dict[str, list[tuple[str, Figure]]] = {}
    kinds = {True: "reached", False: "missed", None: "open"}
    known = names(standing, values)
    for code, figure in sorted(values.behind.items(), key=lambda one: collation.key(known[one[0]])):
        kind = "hidden" if figure.value is None else kinds[standing.reaches(figure)]
        found.setdefault(kind, []).append((code, figure))
    for kind in ("missed", "open"):
        found.get(kind, []).sort(key=lambda one: one[1].value or 0)
    return found


def names(standing: Standing, values: Values) -> Mapping[str, str]:
    """What areas and institutions are called in the reader's language, by code."""
    by = standing.target.by
    column = standing.target.of.table.column(by) if by else None
    if column is None or column.codelist is None:
        return {code: values.names.get(code, code) for code in values.behind}
    return {code: wording.code_label(column.codelist, code) for code in values.behind}
