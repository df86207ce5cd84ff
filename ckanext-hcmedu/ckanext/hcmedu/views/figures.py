"""The table builder: figures of a release, chosen, seen as a table or a chart, taken away.

Each selection has an address that stays; it works without scripts, as a form.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import ckan.plugins.toolkit as tk
from flask import Blueprint, Response, request

from ckanext.hcmedu import settings, wording
from ckanext.hcmedu.figures import drawing, exports, reading
from ckanext.hcmedu.figures.charts import NARROW, WIDE
from ckanext.hcmedu.figures.cube import Axis, Cube
from ckanext.hcmedu.figures.grid import label
from ckanext.hcmedu.figures.selection import (
    CHARTS,
    EACH,
    BadSelection,
    Selection,
    headline,
    parse,
)
from ckanext.hcmedu.figures.shown import MEDIA_TYPES, Figures, show
from ckanext.hcmedu.views.releases import open_release
from schemas import TOTAL

blueprint = Blueprint("hcmedu_figures", __name__, url_prefix="/dataset")

_SIZE = "size"
"""The parameter that asks for a chart for a phone; it is no part of what is chosen."""

_BASE = "/<table>/release/<int:number>"


def chart_titles() -> dict[str, str]:
    """What the kinds of charts are called."""
    names = {
        "line": tk._("Line chart"), "bar": tk._("Bar chart"), "dot": tk._("Ranked dots"),
        "multiples": tk._("Small multiples"), "map": tk._("Map"),
    }  # fmt: skip
    return {kind: names[kind] for kind in CHARTS}


def cube_of(table: str, number: int) -> Cube:
    """The cube of a release that is published; else the answer is 404 or 410."""
    found = Cube.of(open_release(table, number), settings.declarations())
    return found or tk.abort(404, tk._("This dataset is a list and has no figures to choose from."))


def figures(cube: Cube, chosen: Selection) -> Figures:
    """A selection with its figures; 503 where the release is changing just now."""
    try:
        return show(cube, chosen)
    except reading.NotReadable:
        tk.abort(503, tk._("The dataset is being updated. Please try again in a moment."))


def _asked(table: str, number: int) -> Figures:
    cube = cube_of(table, number)
    given = [
        (name, value) for name, values in request.args.lists() for value in values if name != _SIZE
    ]
    try:
        chosen = parse(cube, given) if given else headline(cube)
    except BadSelection as wrong:
        known = ", ".join(["measure", "period", "across", "chart", *cube.axes])
        message = tk._(
            "“{value}” is not a value of “{parameter}” in this release. Known are: {known}."
        ).format(value=wrong.value, parameter=wrong.parameter[:40], known=known)
        tk.abort(400, message)
    return figures(cube, chosen)


@blueprint.route(f"{_BASE}/figures")
def index(table: str, number: int) -> str:
    """The table builder, with what is chosen as a table and a chart."""
    asked = _asked(table, number)
    page = {"figures": asked, "form": form(asked), "charts": chart_titles()}
    return tk.render("hcmedu/figures/index.html", page)


@blueprint.route(f"{_BASE}/embed")
def embed(table: str, number: int) -> Response:
    """The chart alone, to be shown in a frame on any other site."""
    asked = _asked(table, number)
    page = tk.render("hcmedu/figures/embed.html", {"figures": asked})
    return Response(page, mimetype="text/html")


@blueprint.route(f"{_BASE}/figures.<any(csv,xlsx,svg,png):ending>")
def file(table: str, number: int, ending: str) -> Response:
    """What is chosen as a file."""
    asked = _asked(table, number)
    size = NARROW if request.args.get(_SIZE) == "narrow" else WIDE
    if ending == "csv":
        body = exports.as_csv(asked.grid)
    elif ending == "xlsx":
        address = asked.url(_external=True)
        symbols = [f"{one}: {wording.status(one)}" for one in ("c", "z", "x")]
        body = exports.as_xlsx(asked.cube, asked.grid, asked.title, address, symbols)
    elif asked.kind is None:
        tk.abort(404, tk._("No chart suits this selection: it has no figures, or too many kinds."))
    elif ending == "svg":
        body = asked.svg(size)
    else:
        body = drawing.png(asked.describe(size))
    response = Response(body, content_type=MEDIA_TYPES[ending])
    if ending in ("csv", "xlsx"):
        name = f"{table}-{number}.{ending}"
        response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.add_etag()
    return response.make_conditional(request)


@dataclass(frozen=True)
class Choice:
    """Something to tick in the form."""

    value: str
    label: str
    is_chosen: bool


@dataclass(frozen=True)
class Question:
    """A group of choices of the form; `one` says that one is chosen only, `is_short` that all of
    them may stand open where there is room."""

    name: str
    title: str
    choices: Sequence[Choice]
    one: bool = False
    is_short: bool = False


def form(asked: Figures) -> list[Question]:
    """The questions of the table builder's form."""
    cube, chosen = asked.cube, asked.chosen
    questions = [
        Question("measure", tk._("Measures"), [
            Choice(name, wording.text(one.title), name in chosen.measures)
            for name, one in cube.indicators.items()
        ], is_short=True),
        Question("period", wording.text(cube.table.column(cube.period).title), [
            Choice(one, wording.period_name(one), one in chosen.periods)
            for one in reversed(cube.periods)
        ], is_short=len(cube.periods) < 8),
    ]  # fmt: skip
    questions += [_of_axis(cube, chosen, axis) for axis in cube.axes.values()]
    names = {
        "measure": tk._("Measures"),
        "period": wording.text(cube.table.column(cube.period).title),
        **{name: wording.text(axis.title) for name, axis in cube.axes.items()},
    }
    across = [Choice(name, title, name == asked.grid.across) for name, title in names.items()]
    questions.append(Question("across", tk._("In columns"), across, one=True, is_short=True))
    return questions


def _of_axis(cube: Cube, chosen: Selection, axis: Axis) -> Question:
    codes = chosen.of(axis.column)
    each = {
        True: tk._("Each school"),
        False: tk._("Each one, without the total"),
    }[axis.is_institution]
    choices = [
        Choice(TOTAL, label(cube, axis, TOTAL), TOTAL in codes),
        Choice(EACH, each, EACH in codes),
    ]
    if axis.codelist:
        known: Sequence[str] = reading.codes_of(cube, axis)
    else:
        known = codes
    choices += [
        Choice(code, label(cube, axis, code), code in codes)
        for code in known
        if code not in (TOTAL, EACH)
    ]
    title = wording.text(axis.title)
    return Question(axis.column, title, choices, is_short=len(choices) <= 8)
