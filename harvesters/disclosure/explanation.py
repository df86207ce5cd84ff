"""Why a figure is suppressed, for who publishes it: the rule, and what a reader can work out.

It works out what a reader of the published files could work out. Of what was counted it asks which
figures are too small, as the audit does, and it tells no figure that is not published.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np

from harvesters.disclosure.intervals import TOLERANCE, intervals
from harvesters.disclosure.reader import Knowledge, Published, knowledge, name_of
from harvesters.disclosure.slivers import Between
from harvesters.disclosure.sql import quoted
from schemas import TOTAL, Component, Dimension, Measure, Table

_SHOWN = 8
"""How many codes a message lists."""


class NoSuchCell(Exception):
    """What was asked for is not in the table; says what there is."""


@dataclass(frozen=True)
class Line:
    """A total and the figures that add up to it: the codes of the total, the columns that they
    stand in, how many of all of them are hidden, and how many there are."""

    total: Mapping[str, str]
    by: tuple[str, ...]
    hidden: int
    figures: int


@dataclass(frozen=True)
class Figure:
    """A count of persons, or a sum of amounts (`amount`), that a hidden value would tell.

    `too_small` says that a count is from 1 to `k` - 1, or that a sum is of too few institutions or
    mostly of one or two; `all_or_none` that it is nobody or everybody of a sensitive category.
    `least` and `greatest` are between what a reader of everything that is published can place it,
    whole numbers for a count; `lines` are those it shares with other hidden figures.
    """

    component: Component
    amount: bool
    too_small: bool
    all_or_none: bool
    k: int
    least: float
    greatest: float
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Explanation:
    """A measure of a cell: the code in each column of the table's dimensions, the published
    status and value, and the figures behind it where it is hidden. `revised` says that a reader
    may have kept earlier versions."""

    table: Table
    measure: Measure
    cell: Mapping[str, str]
    status: str
    value: float | None
    figures: tuple[Figure, ...] = ()
    revised: bool = False


def explain(
    published: Sequence[Published],
    one: Published,
    asked: Mapping[str, str],
    measure: str | None = None,
    between: Sequence[Between] = (),
) -> Explanation:
    """Why the `measure` (the first, unless named) of a cell is hidden, or what it says.

    :param published: all tables counted from the same records for one period, and the versions of
        them that were published before
    :param one: the one of them that is asked about, as it is published now
    :param asked: codes by column. A dimension that is left out is a total; a coarser column that
        is left out follows from the finer one.
    :param between: what lies between those tables where they cross
    :raises NoSuchCell: the table has no such measure, column, code or cell.
    """
    table = one.table
    chosen = _measure(table, measure)
    row = _row(one, asked)
    cell = {name: row[name] for name in table.dimension_columns}
    status, value = row[f"{chosen.name}_status"], row[chosen.name]
    found = Explanation(table, chosen, cell, status, value)
    components = _told(table, chosen) if status == "c" else []
    if not components:
        return found
    known = knowledge(published, between)
    number = {key: place for place, key in enumerate(known.key)}
    figures = []
    for component in components:
        key = name_of(published, one, component, cell)
        # A count that stands open beside a hidden rate needs no explanation.
        if key in number and np.isnan(known.value[number[key]]):
            figures.append(_figure(known, number[key], component))
    revised = any(each.version for each in published)
    return Explanation(table, chosen, cell, status, value, tuple(figures), revised)


def _measure(table: Table, name: str | None) -> Measure:
    if not table.measures:
        raise NoSuchCell(f"{table.name} is a register: it has rows, and no figures.")
    if name is None:
        return table.measures[0]
    for measure in table.measures:
        if measure.name == name:
            return measure
    there = [measure.name for measure in table.measures]
    raise NoSuchCell(f"{table.name} has no measure `{name}`. {there_is(name, there)}")


def _row(one: Published, asked: Mapping[str, str]) -> dict[str, Any]:
    """The published row that the codes lead to."""
    table = one.table
    for column in asked:
        if column not in table.dimension_columns:
            there = there_is(column, table.dimension_columns)
            raise NoSuchCell(f"{table.name} has no column `{column}` to choose by. {there}")
    codes = {
        name: code
        for dimension in table.dimensions
        for name, code in _completed(dimension, asked).items()
    }
    with duckdb.connect() as connection:
        connection.read_parquet(str(one.file)).create_view("published")
        for column, code in codes.items():
            known = _codes(connection, column, {})
            if code not in known:
                raise NoSuchCell(f"`{column}` has no code `{code}` here. {there_is(code, known)}")
        rows = connection.execute(
            f"SELECT * FROM published WHERE {_where(codes)}", list(codes.values())
        )
        columns = [name for name, *_ in rows.description or ()]
        found = rows.fetchall()
        if len(found) != 1:
            raise NoSuchCell(_nearest(connection, codes))
        return dict(zip(columns, found[0], strict=True))


def _completed(dimension: Dimension, asked: Mapping[str, str]) -> dict[str, str]:
    """The codes of a dimension: as asked, totals below the finest column that was; what stands
    above that one follows from it."""
    named = [name for name in dimension.hierarchy if name in asked]
    if not named:
        return dict.fromkeys(dimension.hierarchy, TOTAL)
    finest = dimension.hierarchy.index(named[-1])
    below = dict.fromkeys(dimension.hierarchy[finest + 1 :], TOTAL)
    return {**{name: asked[name] for name in named}, **below}


def _where(codes: Iterable[str]) -> str:
    return " AND ".join(f"{quoted(column)} = ?" for column in codes) or "TRUE"


def _codes(
    connection: duckdb.DuckDBPyConnection, column: str, others: Mapping[str, str]
) -> list[str]:
    """The codes that stand in a column, where `others` stand beside them."""
    rows = connection.execute(
        f"SELECT DISTINCT {quoted(column)} FROM published WHERE {_where(others)} ORDER BY 1",
        list(others.values()),
    )
    return [code for (code,) in rows.fetchall()]


def _nearest(connection: duckdb.DuckDBPyConnection, codes: Mapping[str, str]) -> str:
    """What to say of codes that each exist, but do not stand in one row: which others would."""
    shown = ", ".join(f"{column}={code}" for column, code in codes.items())
    for column, code in codes.items():
        others = {name: each for name, each in codes.items() if name != column}
        if there := _codes(connection, column, others):
            what = there_is(code, there)
            return f"There is no cell {shown}. With another `{column}` there is. {what}"
    return f"There is no cell {shown}. Leave codes out to begin with a total."


def there_is(wrong: str, there: Sequence[str]) -> str:
    """What there is instead of something wrong, the most alike first."""
    near = difflib.get_close_matches(wrong, there, _SHOWN, 0.6)
    near += [one for one in there if wrong and wrong in one and one not in near]
    if near:
        return f"Did you mean {', '.join(near[:_SHOWN])}?"
    more = ", …" if len(there) > _SHOWN else ""
    return f"There is {', '.join(there[:_SHOWN])}{more}."


def _told(table: Table, measure: Measure) -> list[Component]:
    """The counts of persons and the sums of amounts that a value would tell: its own, or those
    behind it."""
    parts = [one for one in (measure.numerator, measure.denominator) if one is not None]
    counts = [one for one in parts if one.whole and measure.about == "persons"]
    if not counts and measure.about == "persons":
        # A sum of amounts is hidden with the first count beside it.
        counts = [
            other.numerator
            for other in table.measures
            if other.about == "persons" and other.denominator is None and other.numerator.whole
        ][:1]
    return [*counts, *measure.magnitudes]


def _figure(known: Knowledge, number: int, component: Component) -> Figure:
    """What can be told of the figure with this `number`."""
    size = len(known.key)
    # Asking for more than there can be makes the programmes find the least and the greatest.
    low, high = np.full((2, size), np.nan)
    low[number], high[number] = -1, np.inf
    found = intervals(known, low, high, np.full(size, np.nan))
    place = int(np.flatnonzero(found.figure == number)[0])
    amount = bool(known.amount[number])
    # Amounts are told to two decimals, counts in whole numbers; of both nothing is cut off.
    parts = 100 if amount else 1
    least, greatest = (
        float(one * known.unit[number] * parts)
        for one in (found.low[place] - TOLERANCE, found.high[place] + TOLERANCE)
    )
    return Figure(
        component,
        amount,
        bool(known.margin[number] > 0)
        if amount
        else bool(0 < known.truth[number] < known.k[number]),
        bool(known.nobody[number] or known.everybody[number]),
        int(known.k[number]),
        math.ceil(least) / parts,
        math.floor(greatest) / parts,
        tuple(_lines(known, number)),
    )


def _lines(known: Knowledge, number: int) -> Iterable[Line]:
    """The lines that a figure shares with other hidden ones, the shortest first."""
    unknown = np.isnan(known.value)
    found = []
    for row in np.unique(known.row[known.figure == number]).tolist():
        terms = np.flatnonzero(known.row == row)
        figures, signs = known.figure[terms], known.sign[terms]
        adds_up = known.least[row] == known.greatest[row] == 0 and (np.abs(signs) == 1).all()
        hidden = int(unknown[figures].sum())
        # Figures of earlier versions that have changed since have a name of their own.
        is_now = not any("@" in known.key[one] for one in figures.tolist())
        if not adds_up or not is_now or hidden < 2:
            continue
        total = next(_pieces(known.key[one]) for one in figures[signs < 0].tolist())
        parts = [_pieces(known.key[one]) for one in figures[signs > 0].tolist()]
        by = dict.fromkeys(name for part in parts for name in part if name not in total)
        found.append(Line(total, tuple(by), hidden, len(terms)))
    return sorted(found, key=lambda line: (line.figures, line.by))


def _pieces(key: str) -> dict[str, str]:
    """The codes in a figure's name; none in that of who is left of a whole."""
    if key.startswith("not "):
        return {}
    pieces = (piece.partition("=") for piece in key.split(";")[1:])
    return {column: code for column, _, code in pieces}
