"""A selection with its figures, as pages show it: title, table, chart, addresses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any
from urllib.parse import urlencode

import ckan.plugins.toolkit as tk

from ckanext.hcmedu import settings, wording
from ckanext.hcmedu.figures import charts, drawing, maps
from ckanext.hcmedu.figures.charts import NARROW, WIDE, Size
from ckanext.hcmedu.figures.cube import Cube
from ckanext.hcmedu.figures.grid import Cell, Grid, label, lay_out
from ckanext.hcmedu.figures.reading import NotReadable, codes_of
from ckanext.hcmedu.figures.selection import (
    MEASURE,
    PERIOD,
    BadSelection,
    Selection,
    headline,
    parse,
)
from harvesters.releases import Release, UnknownRelease
from schemas import TOTAL

MEDIA_TYPES: Mapping[str, str] = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "svg": "image/svg+xml",
    "png": "image/png",
}
"""The files that a selection can be taken away as, by the endings of their names."""


@dataclass(frozen=True)
class Picture:
    """Where a chart is, and its size in pixels."""

    url: str
    width: int
    height: int


@dataclass(frozen=True)
class Figures:
    """A selection with its figures, as a page shows it."""

    cube: Cube
    chosen: Selection
    grid: Grid

    @cached_property
    def title(self) -> str:
        """What the figures are, in words."""
        measures = [wording.text(self.cube.indicators[one].title) for one in self.chosen.measures]
        what = measures[0] if len(measures) == 1 else wording.text(self.cube.table.title)
        fixed = [value for _, value in self.grid.fixed if value != what]
        by = [self.grid.titles[name].lower() for name in (*self.grid.sides, self.grid.across)
              if name in self.cube.axes]  # fmt: skip
        told = f"{what}, {tk._('by {names}').format(names=', '.join(by))}" if by else what
        return ", ".join([told, *fixed])

    @cached_property
    def kinds(self) -> list[str]:
        """The charts that suit, the best first."""
        return charts.suitable(self.grid, maps.fits(self.grid))

    @property
    def kind(self) -> str | None:
        """The chart that is shown; None where none suits."""
        kinds = self.kinds
        return self.chosen.chart if self.chosen.chart in kinds else next(iter(kinds), None)

    def describe(self, size: Size = WIDE) -> dict[str, Any]:
        """The chart in Vega-Lite; `kind` must not be None."""
        if self.kind == "map":
            return maps.describe(self.cube, self.grid, self.title, size)
        assert self.kind is not None
        return charts.describe(self.cube, self.grid, self.kind, self.title, size)

    def url(self, view: str = "index", chart: str | None = None, **more: Any) -> str:
        """The address of the figures, of a file (`view` is its ending) or of what is embedded."""
        chosen = self.chosen if chart is None else self.chosen.with_chart(chart)
        path = {"table": self.cube.name, "number": self.cube.release.number, **more}
        if view in MEDIA_TYPES:
            base = tk.url_for("hcmedu_figures.file", ending=view, **path)
        else:
            base = tk.url_for(f"hcmedu_figures.{view}", **path)
        return f"{base}?{urlencode(chosen.query())}"

    def svg(self, size: Size = WIDE) -> bytes:
        """The chart, drawn; `kind` must not be None."""
        return drawing.svg(self.describe(size), self.title, _told(self.grid))

    @property
    def picture(self) -> Picture | None:
        """The chart as a page refers to it."""
        return self._picture(WIDE)

    @property
    def narrow_picture(self) -> Picture | None:
        """The same for a phone."""
        return self._picture(NARROW, "&size=narrow")

    def _picture(self, size: Size, more: str = "") -> Picture | None:
        if self.kind is None:
            return None
        width, height = drawing.size(self.svg(size))
        return Picture(self.url("svg", chart=self.kind) + more, width, height)


def _told(grid: Grid) -> str:
    """What a chart shows, for who cannot see it: its first figures, in words."""
    said = []
    for keys, cell in grid.points():
        if cell.value is not None:
            names = ", ".join(key.label for key in keys.values())
            said.append(f"{names}: {wording.number(cell.value)}")
        if len(said) == 12:
            break
    unit = grid.unit
    return "; ".join(said) + (f" ({unit})" if unit else "")


def show(cube: Cube, chosen: Selection) -> Figures:
    """The figures of a selection.

    :raises ckanext.hcmedu.figures.reading.NotReadable: the release is not there any more.
    """
    return Figures(cube, chosen, lay_out(cube, chosen))


def headline_of(release: Release, given: Iterable[tuple[str, str]] = ()) -> Figures | None:
    """What a dataset's page shows first; None where its table has no figures, or they cannot be
    read just now.

    :param given: parameters of the page's address; codes of axes among them are chosen, what is
        not of this release is passed over.
    """
    cube = Cube.of(release, settings.declarations())
    if cube is None or not cube.indicators:
        return None
    try:
        return show(cube, _headline(cube, given))
    except NotReadable:
        return None


def _headline(cube: Cube, given: Iterable[tuple[str, str]]) -> Selection:
    codes = [(name, code) for name, code in given if name in cube.axes and code != TOTAL]
    if not codes:
        return headline(cube)
    try:
        chosen = parse(cube, codes)
    except BadSelection:
        return headline(cube)
    return replace(chosen, chart="line") if len(chosen.periods) > 1 else chosen


@dataclass(frozen=True)
class KeyFigure:
    """A measure's newest figure, in words what it is, and how it has changed since the period
    before; nothing of the latter where that cannot be said."""

    label: str
    unit: str
    figure: Cell
    period: str
    change: str


_MOST_KEY_FIGURES = 4


def key_figures(figures: Figures) -> list[KeyFigure]:
    """The newest figures of what a dataset's page shows, a measure each; those of everything where
    it shows several codes."""
    chosen = figures.chosen
    codes = {} if any(chosen.varies(axis) for axis in chosen.codes) else chosen.codes
    return _newest(figures.cube, tuple(figures.cube.indicators)[:_MOST_KEY_FIGURES], codes)


@lru_cache(maxsize=64)
def newest_figure(
    table: str, release: int, digest: str, measure: str, language: str
) -> KeyFigure | None:
    """The newest figure of a measure for the whole city, in the request's language.

    A release never changes, so that each is read once a process.

    :param digest: of what readers are shown of the table, by which it is told from any other.
    """
    try:
        cube = Cube.of(settings.release_store().get(table, release), settings.declarations())
        if cube is None or measure not in cube.indicators:
            return None
        return next(iter(_newest(cube, (measure,), {})), None)
    except (NotReadable, UnknownRelease):
        return None


def _newest(
    cube: Cube, measures: tuple[str, ...], codes: Mapping[str, tuple[str, ...]]
) -> list[KeyFigure]:
    grid = lay_out(cube, Selection(measures, cube.periods[-2:], codes, MEASURE))
    found: dict[str, list[tuple[str, Cell]]] = {name: [] for name in measures}
    for keys, cell in grid.points():
        period = keys[PERIOD].label if PERIOD in keys else wording.period_name(cube.periods[-1])
        found[keys[MEASURE].code].append((period, cell))
    return [
        KeyFigure(
            wording.text(cube.indicators[name].title),
            grid.units[name],
            cells[-1][1],
            cells[-1][0],
            _change(cells, cube.indicators[name].adds_up),
        )
        for name, cells in found.items()
        if cells
    ]


def _change(cells: list[tuple[str, Cell]], in_percent: bool) -> str:
    if len(cells) < 2 or any(cell.value is None or cell.flag for _, cell in cells):
        return ""
    (period, before), (_, now) = cells[-2:]
    assert before.value is not None
    assert now.value is not None
    difference = float(now.value) - float(before.value)
    if not difference:
        return tk._("unchanged since {period}").format(period=period)
    if in_percent and before.value:
        size = wording.percent(abs(difference) / float(before.value))
    else:
        size = wording.number(round(abs(difference), 2))
    message = (
        tk._("up {size} since {period}") if difference > 0 else tk._("down {size} since {period}")
    )
    return message.format(size=size, period=period)


@dataclass(frozen=True)
class Filter:
    """An axis to narrow the page's figures down by: codes with what they are called."""

    name: str
    title: str
    choices: tuple[tuple[str, str], ...]
    chosen: str


def filters(figures: Figures) -> list[Filter]:
    """The coarsest axis of each dimension, with the codes that the release has."""
    cube = figures.cube
    found = []
    for name, axis in cube.axes.items():
        if axis.above or axis.codelist is None:
            continue
        choices = tuple((code, label(cube, axis, code)) for code in codes_of(cube, axis))
        chosen = figures.chosen.of(name)
        found.append(
            Filter(
                name, wording.text(axis.title), choices, chosen[0] if len(chosen) == 1 else TOTAL
            )
        )
    return found
