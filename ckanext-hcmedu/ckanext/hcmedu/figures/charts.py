"""A table of figures as a chart: a description in Vega-Lite, which is drawn elsewhere.

Suppressed figures have no mark: a line breaks there, and what stands beside the chart says how many
there are. Colours are Paul Tol's scheme "muted", for any kind of colour vision.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ckan.plugins.toolkit as tk

from ckanext.hcmedu import wording
from ckanext.hcmedu.figures.cube import Cube
from ckanext.hcmedu.figures.grid import Grid
from ckanext.hcmedu.figures.selection import MEASURE, PERIOD
from schemas import TOTAL

COLOURS = ("#332288", "#cc6677", "#117733", "#aa4499", "#999933", "#882255")

_MOST_BARS = 40
"""Bars, or dots, one above the other; of more, the largest are drawn."""
_FEW = 12
"""Up to so many are bars, more are ranked dots."""
_MOST_PANELS = 24

_CONFIG: Mapping[str, Any] = {
    "background": "#ffffff",
    # Pictures bring no fonts along: one that is measured where they are drawn, or one as wide.
    "font": "DejaVu Sans, Verdana, sans-serif",
    "axis": {
        "labelColor": "#4d5965", "titleColor": "#4d5965", "gridColor": "#e4e9ee",
        "domainColor": "#7b8894", "tickColor": "#7b8894", "labelFontSize": 13, "titleFontSize": 13,
        "titleFontWeight": "normal", "labelLimit": 260,
    },
    "legend": {"labelFontSize": 13, "titleFontSize": 13, "labelLimit": 300, "titleColor": "#4d5965",
               "labelColor": "#1b2530", "orient": "bottom", "columns": 2},
    "header": {"labelFontSize": 13, "labelColor": "#1b2530", "labelFontWeight": 600},
    "view": {"stroke": None},
    "range": {"category": list(COLOURS)},
}  # fmt: skip


def suitable(grid: Grid, has_map: bool) -> list[str]:
    """The kinds of charts that a table can be drawn as, the best first."""
    if not grid.has_values:
        return []
    names = [name for name in (*grid.sides, grid.across) if _size(grid, name) > 1]
    kinds = []
    others = [name for name in names if name not in (PERIOD, MEASURE)]
    over_time = _size(grid, PERIOD) > 1 and bool(grid.unit or MEASURE not in names)
    if over_time and len(names) <= 2:
        second = next((name for name in names if name != PERIOD), None)
        if second is None or _size(grid, second) <= len(COLOURS):
            kinds.append("line")
    if len(others) == 1 and len(names) == 1:
        kinds += ["map"] if has_map else []
        kinds += ["bar", "dot"] if _size(grid, others[0]) <= _FEW else ["dot", "bar"]
    elif not names or (len(names) == 2 and grid.unit and not over_time):
        kinds += ["bar"] if names or not has_map else ["bar", "map"]
    if over_time and len(names) == 2:
        kinds.append("multiples")
    return kinds


def _size(grid: Grid, name: str) -> int:
    if name == grid.across:
        return len(grid.heads)
    if name not in grid.sides:
        return 0
    at = grid.sides.index(name)
    return len({line.keys[at].code for line in grid.lines})


def _values(grid: Grid, name: str) -> list[str]:
    """What something is called, in its order."""
    if name == grid.across:
        return [head.label for head in grid.heads]
    at = grid.sides.index(name)
    return list(dict.fromkeys(line.keys[at].label for line in grid.lines))


@dataclass(frozen=True)
class Size:
    """How wide the parts of a chart are, in pixels, and how many characters a line of its title
    has."""

    lines: int
    bars: int
    panel: int
    panels: int
    map: int
    labels: int
    title: int


WIDE = Size(lines=560, bars=420, panel=170, panels=3, map=560, labels=260, title=62)
NARROW = Size(lines=270, bars=160, panel=105, panels=2, map=300, labels=130, title=30)
"""For a phone: a wide chart would be shrunk there until nobody can read it."""


def describe(cube: Cube, grid: Grid, kind: str, title: str, size: Size = WIDE) -> dict[str, Any]:
    """A chart of `kind` (all but maps) in Vega-Lite 5, with a title and where it comes from."""
    names = [name for name in (*grid.sides, grid.across) if _size(grid, name) > 1]
    series = [name for name in names if name != PERIOD]
    data = _data(grid, series if kind in ("bar", "dot") else ())
    unit = grid.unit
    value = {"field": "value", "type": "quantitative", "title": unit,
             "axis": {"format": ",~r" if _is_whole(data) else ",.2~f", "tickCount": 5}}  # fmt: skip
    if kind == "line":
        body = _lines(grid, series, value, size)
    elif kind == "multiples":
        body = _multiples(grid, series, value, size)
    else:
        data, body = _ranked(grid, names, data, value, kind, size)
    return {**frame(cube, title, size), "data": {"values": data}, **body}


def frame(cube: Cube, title: str, size: Size = WIDE) -> dict[str, Any]:
    """What all charts have: title, source, whether the data is simulated."""
    manifest = cube.release.manifest
    source = tk._("Source: HCMEdu Open Data, {table}, release {number}").format(
        table=cube.name, number=cube.release.number
    )
    if manifest["simulated"]:
        source = f"{source}. {tk._('Simulated data')}"
    return titled(title, source, size)


def titled(title: str, subtitle: str = "", size: Size = WIDE) -> dict[str, Any]:
    """A chart's looks and its title."""
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "config": _locale(_config(size)),
        "padding": 12,
        "title": {
            "text": _wrapped(title, size.title),
            "subtitle": _wrapped(subtitle, size.title * 4 // 3) if subtitle else [],
            "anchor": "start", "fontSize": 17,
            "fontWeight": 600, "color": "#1b2530", "subtitleColor": "#4d5965",
            "subtitleFontSize": 12, "offset": 14, "subtitlePadding": 6,
        },
    }  # fmt: skip


def _config(size: Size) -> dict[str, Any]:
    axis = {**_CONFIG["axis"], "labelLimit": size.labels}
    return {**_CONFIG, "axis": axis, "legend": {**_CONFIG["legend"], "labelLimit": size.lines}}


def _locale(config: dict[str, Any]) -> dict[str, Any]:
    if wording.language() != "vi":
        return config
    number = {"decimal": ",", "thousands": ".", "grouping": [3], "currency": ["", " đ"]}
    return {**config, "locale": {"number": number}}


def _wrapped(text: str, width: int) -> list[str]:
    lines: list[str] = [""]
    for word in text.split():
        if lines[-1] and len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines


def _data(grid: Grid, without_totals_of: Sequence[str]) -> list[dict[str, Any]]:
    """The figures that there are. Beside its parts a total would make all others small."""
    data = []
    for keys, cell in grid.points():
        whole = any(keys[name].code == TOTAL for name in without_totals_of if name in keys)
        if cell.value is None or whole:
            continue
        data.append({**{name: key.label for name, key in keys.items()}, "value": float(cell.value)})
    return data


def _is_whole(data: Sequence[Mapping[str, Any]]) -> bool:
    return all(float(row["value"]).is_integer() for row in data)


def _lines(
    grid: Grid, series: Sequence[str], value: Mapping[str, Any], size: Size
) -> dict[str, Any]:
    encoding: dict[str, Any] = {"x": _time(grid), "y": value}
    if series:
        encoding["color"] = {
            "field": series[0], "type": "nominal", "title": None,
            "sort": _values(grid, series[0]), "scale": {"domain": _values(grid, series[0])},
        }  # fmt: skip
        encoding["shape"] = {**encoding["color"]}
    else:
        encoding["color"] = {"value": COLOURS[0]}
    return {
        "width": size.lines,
        "height": 260,
        "mark": {"type": "line", "point": {"size": 55, "filled": True}, "strokeWidth": 2.5},
        "encoding": encoding,
    }


def _time(grid: Grid) -> dict[str, Any]:
    return {
        "field": PERIOD, "type": "ordinal", "title": None, "sort": _values(grid, PERIOD),
        "scale": {"domain": _values(grid, PERIOD)}, "axis": {"labelAngle": 0, "labelOverlap": True},
    }  # fmt: skip


def _multiples(
    grid: Grid, series: Sequence[str], value: Mapping[str, Any], size: Size
) -> dict[str, Any]:
    panels = _values(grid, series[0])[:_MOST_PANELS]
    return {
        "transform": [{"filter": {"field": series[0], "oneOf": panels}}],
        "facet": {"field": series[0], "type": "nominal", "title": None, "sort": panels},
        "columns": size.panels,
        "spec": {
            "width": size.panel,
            "height": 110,
            "mark": {"type": "line", "point": {"size": 30}, "strokeWidth": 2},
            "encoding": {
                "x": {**_time(grid), "axis": {"labelAngle": -45, "labelOverlap": True}},
                "y": {**value, "title": None},
                "color": {"value": COLOURS[0]},
            },
        },
    }


def _ranked(
    grid: Grid,
    names: Sequence[str],
    data: list[dict[str, Any]],
    value: Mapping[str, Any],
    kind: str,
    size: Size,
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    sides = [name for name in names if name != grid.across] or [grid.across]
    down = sides[0]
    order = [one for one in _values(grid, down) if any(row.get(down) == one for row in data)]
    if kind == "dot" or len(order) > _FEW:
        highest = sorted(data, key=lambda row: -row["value"])
        order = list(dict.fromkeys(row[down] for row in highest))
    order = order[:_MOST_BARS]
    data = [row for row in data if row.get(down) in set(order)]
    encoding: dict[str, Any] = {
        "y": {"field": down, "type": "nominal", "title": None, "sort": order,
              "axis": {"ticks": False, "domain": False}},
        "x": dict(value),
        "color": {"value": COLOURS[0]},
    }  # fmt: skip
    if len(names) == 2 and grid.across != down:
        encoding["color"] = {"field": grid.across, "type": "nominal", "title": None,
                             "sort": _values(grid, grid.across)}  # fmt: skip
        encoding["yOffset"] = {"field": grid.across, "sort": _values(grid, grid.across)}
    mark = (
        {"type": "bar", "cornerRadiusEnd": 2}
        if kind == "bar"
        else {"type": "circle", "size": 80, "opacity": 1}
    )
    if kind == "dot":
        encoding["x"]["scale"] = {"zero": False}
    step = 24 if "yOffset" not in encoding else 14
    return data, {
        "width": size.bars, "height": {"step": step}, "mark": mark, "encoding": encoding,
    }  # fmt: skip
