"""What is published of a school or an area, across all tables and over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ckanext.hcmedu import settings, wording
from ckanext.hcmedu.figures.cube import Cube
from ckanext.hcmedu.figures.grid import ABSENT, Cell, cell_of, columns_of
from ckanext.hcmedu.figures.reading import Conditions, NotReadable, rows
from ckanext.hcmedu.figures.register import School
from ckanext.hcmedu.published import published
from harvesters.releases import UnknownRelease
from schemas import TOTAL

SCHOOL, AREA = "school", "area"

_MOST_PERIODS = 6
_MOST_ROWS = 500


@dataclass(frozen=True)
class Place:
    """Whose figures are shown: a school, an area, or the whole city; codes by column."""

    label: str
    codes: Mapping[str, str]


@dataclass(frozen=True)
class Series:
    """The figures of a place over the section's periods."""

    place: Place
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Indicator:
    """A measure of a table, for several places."""

    name: str
    title: str
    unit: str
    series: tuple[Series, ...]


@dataclass(frozen=True)
class Section:
    """What a table tells of some places: its measures over its newest periods. Axes but the place
    are totals."""

    cube: Cube
    periods: tuple[str, ...]
    indicators: tuple[Indicator, ...]

    @property
    def heads(self) -> list[str]:
        """The periods, in words."""
        return [wording.period_name(one) for one in self.periods]

    def selection(self) -> list[tuple[str, str]]:
        """The address of the same in the table builder."""
        first = self.indicators[0].series[0].place.codes
        finest = SCHOOL if SCHOOL in first else AREA
        return [
            *(("measure", one.name) for one in self.indicators),
            *(("period", one) for one in self.periods),
            (finest, first[finest]),
        ]


def city() -> Place:
    """The whole city."""
    return Place(wording.code_label(AREA, TOTAL), {})


def area(code: str) -> Place:
    """A ward, commune or special zone."""
    return Place(wording.code_label(AREA, code), {AREA: code})


def school(of: School) -> Place:
    """A school."""
    return Place(of.school_name, {AREA: of.area, SCHOOL: of.school})


def sections(places: Sequence[Place], subjects: int = 1) -> list[Section]:
    """What the published tables tell of the first places, `subjects` of them, beside the others;
    measures and tables that have nothing of them are left out.

    Each table is asked once, by way of its indexes.
    """
    declarations, store = settings.declarations(), settings.release_store()
    needed = set(places[0].codes)
    found = []
    for name, shown in published().items():
        table = declarations.tables.get(name)
        if table is None or table.kind != "cube" or not needed <= set(table.dimension_columns):
            continue
        try:
            cube = Cube.of(store.get(name, shown.release), declarations)
        except UnknownRelease:
            continue
        if cube is not None and needed <= set(cube.axes) and cube.indicators:
            section = _section(cube, places, subjects)
            if section is not None:
                found.append(section)
    order = {name: rank for rank, name in enumerate(_ORDER)}
    return sorted(found, key=lambda one: (order.get(one.cube.table.topic, 9), one.cube.name))


_ORDER = ("pupils", "learning", "staff", "schools", "finance", "digital", "services")
"""Topics in the order in which pages tell of them."""


def _section(cube: Cube, places: Sequence[Place], subjects: int) -> Section | None:
    periods = cube.periods[-_MOST_PERIODS:]
    either: list[Conditions] = [_condition(cube, place, periods) for place in places]
    columns = [name for name in (AREA, SCHOOL) if name in cube.axes]
    try:
        read = rows(
            cube.release,
            [cube.period, *columns, *columns_of(cube.indicators)],
            either,
            _MOST_ROWS,
        )
    except NotReadable:
        return None
    by_place = {
        (*(row[name] for name in columns), row[cube.period]): row for row in read
    }  # fmt: skip

    def cells(place: Place, measure: str) -> tuple[Cell, ...]:
        at = [place.codes.get(name, TOTAL) for name in columns]
        known = (by_place.get((*at, period)) for period in periods)
        return tuple(cell_of(row, measure) if row else ABSENT for row in known)

    indicators = [
        Indicator(
            one.column,
            wording.text(one.title),
            wording.text(one.unit),
            tuple(Series(place, cells(place, one.column)) for place in places),
        )
        for one in cube.indicators.values()
    ]
    told = [
        one
        for one in indicators
        if any(cell != ABSENT for series in one.series[:subjects] for cell in series.cells)
    ]
    return Section(cube, periods, tuple(told)) if told else None


def _condition(cube: Cube, place: Place, periods: Sequence[str]) -> Conditions:
    axes = {name: (place.codes.get(name, TOTAL),) for name in cube.axes}
    return {cube.period: tuple(periods), **axes}


@dataclass(frozen=True)
class Comparison:
    """A measure of several places in one period."""

    section: str
    title: str
    unit: str
    period: str
    cells: tuple[Cell, ...]


def compare(places: Sequence[Place]) -> list[Comparison]:
    """Each measure that some of the places have, in the newest period of its table."""
    return [
        Comparison(
            wording.text(section.cube.table.title),
            one.title,
            one.unit,
            wording.period_name(section.periods[-1]),
            tuple(series.cells[-1] for series in one.series),
        )
        for section in sections(places, subjects=len(places))
        for one in section.indicators
    ]
