"""Chosen figures as a table: what varies down the side, one of it across."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import ckan.plugins.toolkit as tk

from ckanext.hcmedu import wording
from ckanext.hcmedu.figures import register
from ckanext.hcmedu.figures.cube import Axis, Cube
from ckanext.hcmedu.figures.reading import rows as read_rows
from ckanext.hcmedu.figures.selection import EACH, MEASURE, MOST_ROWS, PERIOD, Selection
from schemas import TOTAL

Number = int | float | Decimal


@dataclass(frozen=True)
class Cell:
    """A published figure. `value` is empty where `status` says why there is none; `flag` qualifies
    it."""

    value: Number | None
    status: str = ""
    flag: str = ""

    @property
    def is_hidden(self) -> bool:
        """Whether it is suppressed to protect somebody."""
        return self.status == "c"


_MOST_LINES = 500
"""Lines of a table that a page shows."""

ABSENT = Cell(None, "x")
"""Where a release has no row."""


@dataclass(frozen=True)
class Key:
    """A code of something, and what it is called in the reader's language."""

    code: str
    label: str


@dataclass(frozen=True)
class Line:
    """A row of the table: what it is of, and its figures from left to right."""

    keys: tuple[Key, ...]
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Grid:
    """A table of figures.

    `sides` are what varies down the side (``period``, ``measure`` or axes), `across` what varies
    from left to right; both by name, with their titles in `titles`. `fixed` is what is the same
    for all figures, in words. `units` are the units of the measures, by column. `is_cut` says that
    there is more than is shown.
    """

    sides: tuple[str, ...]
    across: str
    heads: tuple[Key, ...]
    lines: tuple[Line, ...]
    titles: Mapping[str, str]
    fixed: tuple[tuple[str, str], ...]
    units: Mapping[str, str]
    is_cut: bool

    @property
    def unit(self) -> str:
        """The unit of all figures; empty where they have several."""
        return next(iter(self.units.values())) if len(set(self.units.values())) == 1 else ""

    @property
    def cells(self) -> Iterable[Cell]:
        """All figures."""
        return (cell for line in self.lines for cell in line.cells)

    @property
    def shown(self) -> Sequence[Line]:
        """The lines that a page shows; files have all of them."""
        return self.lines[:_MOST_LINES]

    @property
    def hidden(self) -> int:
        """How many figures are suppressed."""
        return sum(cell.is_hidden for cell in self.cells)

    @property
    def has_values(self) -> bool:
        """Whether there is a figure at all."""
        return any(cell.value is not None for cell in self.cells)

    def points(self) -> Iterable[tuple[dict[str, Key], Cell]]:
        """Each figure with the keys of all that varies."""
        for line in self.lines:
            down = dict(zip(self.sides, line.keys, strict=True))
            for head, cell in zip(self.heads, line.cells, strict=True):
                yield {**down, self.across: head}, cell


def cell_of(row: Mapping[str, Any], measure: str) -> Cell:
    """The figure of a measure in a row of a release."""
    value = row[measure]
    return Cell(
        None if row[f"{measure}_status"] else value,
        row[f"{measure}_status"] or ("x" if value is None else ""),
        row[f"{measure}_flag"] or "",
    )


def columns_of(measures: Iterable[str]) -> list[str]:
    """The columns of a release that hold measures."""
    return [f"{name}{end}" for name in measures for end in ("", "_status", "_flag")]


def label(cube: Cube, axis: Axis, code: str) -> str:
    """What a code of an axis is called, in the reader's language."""
    if axis.codelist:
        return wording.code_label(axis.codelist, code)
    if code == TOTAL:
        return tk._("All schools")
    return register.register().name(code)


def lay_out(cube: Cube, chosen: Selection) -> Grid:
    """The figures that are chosen, laid out as a table.

    :raises ckanext.hcmedu.figures.reading.NotReadable: the release is not there any more.
    """
    where = chosen.where(cube)
    shown = [name for name, codes in where.items() if codes != (TOTAL,)]
    found = read_rows(
        cube.release,
        [cube.period, *shown, *columns_of(chosen.measures)],
        {cube.period: chosen.periods, **where},
        MOST_ROWS + 1,
    )
    return _grid(cube, chosen, shown, found[:MOST_ROWS], len(found) > MOST_ROWS)


def _grid(
    cube: Cube,
    chosen: Selection,
    shown: Sequence[str],
    found: Sequence[Mapping[str, Any]],
    is_cut: bool,
) -> Grid:
    varying = [name for name in shown if len({row[name] for row in found}) > 1
               or chosen.varies(name)]  # fmt: skip
    names = [
        *varying,
        *([PERIOD] if len(chosen.periods) > 1 else []),
        *([MEASURE] if len(chosen.measures) > 1 else []),
    ]
    across = chosen.across if chosen.across in (*names, MEASURE) else PERIOD
    if across not in names:
        names.append(across)
    sides = tuple(name for name in names if name != across)
    keys = {name: _keys(cube, chosen, name, found) for name in names}
    cells: dict[tuple[str, ...], Cell] = {}
    for row in found:
        for measure in chosen.measures:
            at = tuple(
                measure if name == MEASURE else row[cube.period] if name == PERIOD else row[name]
                for name in names
            )
            cells[at] = cell_of(row, measure)
    place = {name: {key.code: rank for rank, key in enumerate(keys[name])} for name in names}
    side_at = [names.index(name) for name in sides]
    present = sorted(
        {tuple(at[i] for i in side_at) for at in cells},
        key=lambda codes: [place[name][code] for name, code in zip(sides, codes, strict=True)],
    )
    by_code = {name: {key.code: key for key in keys[name]} for name in names}
    lines = []
    for codes in present:
        known = dict(zip(sides, codes, strict=True))
        figures = tuple(
            cells.get(tuple({**known, across: head.code}[name] for name in names), ABSENT)
            for head in keys[across]
        )
        lines.append(
            Line(
                tuple(by_code[name][code] for name, code in zip(sides, codes, strict=True)), figures
            )
        )
    return Grid(
        sides,
        across,
        tuple(keys[across]),
        tuple(lines),
        {name: _title(cube, name) for name in names},
        tuple(_fixed(cube, chosen, found, names)),
        {name: wording.text(cube.indicators[name].unit) for name in chosen.measures},
        is_cut,
    )


def _title(cube: Cube, name: str) -> str:
    if name == PERIOD:
        return str(wording.text(cube.table.column(cube.period).title))
    if name == MEASURE:
        return tk._("Measure")
    return str(wording.text(cube.axes[name].title))


def _keys(
    cube: Cube, chosen: Selection, name: str, found: Sequence[Mapping[str, Any]]
) -> list[Key]:
    """What varies, in its order: periods from old to new, codes as their list has them."""
    if name == PERIOD:
        return [Key(one, wording.period_name(one)) for one in chosen.periods]
    if name == MEASURE:
        return [Key(one, wording.text(cube.indicators[one].title)) for one in chosen.measures]
    axis = cube.axes[name]
    present = {row[name] for row in found}
    if axis.codelist:
        known = [TOTAL, *cube.declarations.codelists[axis.codelist].codes]
    else:
        known = [TOTAL, *register.register().schools]
    ordered = [code for code in known if code in present]
    ordered += sorted(present - set(ordered))
    return [Key(code, label(cube, axis, code)) for code in ordered]


def _fixed(
    cube: Cube, chosen: Selection, found: Sequence[Mapping[str, Any]], names: Sequence[str]
) -> Iterable[tuple[str, str]]:
    """What is the same for all figures and not the total."""
    if MEASURE not in names:
        yield _title(cube, MEASURE), wording.text(cube.indicators[chosen.measures[0]].title)
    if len(chosen.periods) == 1:
        yield _title(cube, PERIOD), wording.period_name(chosen.periods[0])
    for name, codes in chosen.codes.items():
        if name not in names and EACH not in codes:
            yield _title(cube, name), label(cube, cube.axes[name], codes[0])
