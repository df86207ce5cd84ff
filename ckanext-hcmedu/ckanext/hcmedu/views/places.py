"""Schools, and wards, communes and special zones: a page each, with all that is published of it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import ckan.plugins.toolkit as tk
from flask import Blueprint, Response, redirect, request

from ckanext.hcmedu import collation, settings, wording
from ckanext.hcmedu.figures import drawing, maps, profiles
from ckanext.hcmedu.figures.register import School, register
from ckanext.hcmedu.vocabulary import areas
from schemas import Code

blueprint = Blueprint("hcmedu_places", __name__)

_PAGE = 50
"""Schools a page of the list."""

_MOST_COMPARED = 4


def _area(code: str) -> Code:
    known = settings.declarations().codelists["area"].codes
    return known.get(code) or tk.abort(404, tk._("There is no such ward, commune or special zone."))


def _school(code: str) -> School:
    found = register().schools.get(code)
    return found or tk.abort(404, tk._("There is no such school in the register."))


@blueprint.route("/school")
def schools() -> str:
    """Schools by name, area, level and ownership."""
    asked = {name: request.args.get(name, "")[:100] for name in ("q", "area", "level", "ownership")}
    found = register().find(asked["q"], asked["area"], asked["level"], asked["ownership"])
    number, pages = request.args.get("page", "1"), -(-len(found) // _PAGE)
    wanted = int(number) if number.isdecimal() and len(number) < 6 else 1
    page = max(1, min(wanted, pages))
    given = {name: value for name, value in asked.items() if value}
    shown = {
        "asked": asked,
        "found": found[(page - 1) * _PAGE : page * _PAGE],
        "count": len(found),
        "page": page,
        "pages": pages,
        "address": lambda number: tk.url_for("hcmedu_places.schools", **given, page=number),
        "areas": _with_schools(),
        "lists": {name: settings.declarations().codelists[name] for name in ("level", "ownership")},
    }
    return tk.render("hcmedu/places/schools.html", shown)


def _with_schools() -> list[Code]:
    """The areas that have schools, in the order of their names."""
    known = settings.declarations().codelists["area"].codes
    present = {one.area for one in register().schools.values() if one.is_current}
    return _by_name(code for code in known.values() if code.code in present)


def _by_name(codes: Iterable[Code]) -> list[Code]:
    return sorted(codes, key=lambda one: collation.key(wording.text(one.label)))


@blueprint.route("/school/<code>")
def school(code: str) -> str:
    """A school: what the register says, and its figures beside its area's and the city's."""
    found = _school(code)
    places = [profiles.school(found), profiles.area(found.area), profiles.city()]
    page = {
        "school": found,
        "sections": profiles.sections(places),
        "simulated": settings.is_simulated(),
    }
    return tk.render("hcmedu/places/school.html", page)


@blueprint.route("/school/compare")
def compare() -> str:
    """Up to four schools side by side; a code that there is not is told, and the others shown."""
    listed = register()
    codes = list(dict.fromkeys(code for code in request.args.getlist("school") if code))
    known = [listed.schools[code] for code in codes if code in listed.schools]
    chosen = known[:_MOST_COMPARED]
    question = request.args.get("q", "")[:100]
    page: dict[str, Any] = {
        "chosen": chosen,
        "most": _MOST_COMPARED,
        "left_out": len(known) - len(chosen),
        "unknown": [code[:20] for code in codes if code not in listed.schools][:_MOST_COMPARED],
        "question": question,
        "hits": listed.find(question)[:20] if question else [],
        "rows": profiles.compare([profiles.school(one) for one in chosen]) if chosen else [],
    }
    return tk.render("hcmedu/places/compare.html", page)


@blueprint.route("/school/map")
def school_map() -> str:
    """All current schools on a map."""
    return tk.render(
        "hcmedu/places/map.html", {"count": len(register().find()), "levels": levels()}
    )


def levels() -> list[tuple[str, str]]:
    """The levels of education, in their order: code, and what it is called."""
    known = settings.declarations().codelists["level"].codes
    return [(code, wording.code_label("level", code)) for code in known]


@blueprint.route("/area.geojson")
def shapes() -> Response:
    """The boundaries of areas, of one or of all, as GeoJSON; 404 where there are none."""
    known, asked = maps.boundaries(), request.args.get("area")
    chosen = known if asked is None else {asked: known[asked]} if asked in known else {}
    if not chosen:
        tk.abort(404, tk._("The portal has no boundaries of areas."))
    features = [
        {"type": "Feature", "properties": {"code": code}, "geometry": shape}
        for code, shape in chosen.items()
    ]
    return _geojson({"type": "FeatureCollection", "features": features})


@blueprint.route("/school.geojson")
def points() -> Response:
    """The places of current schools, of an area or of the whole city, as GeoJSON."""
    found = register().find(area=request.args.get("area", ""))
    return _geojson(maps.geojson(found))


def _geojson(content: dict[str, Any]) -> Response:
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    response = Response(body, content_type="application/geo+json")
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.add_etag()
    return response.make_conditional(request)


@blueprint.route("/area")
def index() -> str:
    """All wards, communes and special zones."""
    known = settings.declarations().codelists["area"].codes.values()
    return tk.render("hcmedu/places/areas.html", {"areas": _by_name(known)})


@blueprint.route("/area/<code>")
def area(code: str) -> Response | str:
    """An area: its figures beside the city's, its schools, what it was made of; an old unit that
    became one new one leads there."""
    if code not in settings.declarations().codelists["area"].codes:
        return _old(code)
    found = _area(code)
    page = {
        "area": found,
        "sections": profiles.sections([profiles.area(code), profiles.city()]),
        "schools": register().find(area=code),
        "changes": areas.changes_of("area", code),
        "map": map_of(code),
        "levels": levels(),
    }
    return tk.render("hcmedu/places/area.html", page)


def _old(code: str) -> Response:
    """To what became of an old ward or district."""
    for codelist in ("old_area", "district"):
        if code not in settings.declarations().codelists[codelist].codes:
            continue
        new = list(dict.fromkeys(change.new for change in areas.changes_of(codelist, code)))
        if len(new) == 1:
            return redirect(tk.url_for("hcmedu_places.area", code=new[0]), 301)
        return redirect(tk.url_for("hcmedu_codelist.concept", name=codelist, code=code), 301)
    tk.abort(404, tk._("There is no such ward, commune or special zone."))


def map_of(code: str) -> dict[str, Any] | None:
    """Where the picture of an area's schools is, and its size; None where none has a position."""
    drawn = _drawn(code)
    if drawn is None:
        return None
    width, height = drawing.size(drawn)
    return {"url": tk.url_for("hcmedu_places.picture", code=code), "width": width, "height": height}


def _drawn(code: str) -> bytes | None:
    found = [one for one in register().find(area=code) if one.longitude is not None]
    if not found:
        return None
    title = tk._("Schools in {area}").format(area=wording.code_label("area", code))
    return drawing.svg(maps.describe_schools(found, code, title), title, "")


@blueprint.route("/area/<code>/schools.svg")
def picture(code: str) -> Response:
    """Where the schools of an area are, by level."""
    _area(code)
    drawn = _drawn(code)
    if drawn is None:
        tk.abort(404, tk._("There is no such school in the register."))
    response = Response(drawn, mimetype="image/svg+xml")
    response.add_etag()
    return response.make_conditional(request)
