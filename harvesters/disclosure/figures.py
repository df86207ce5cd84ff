"""Which published numbers are the same figure, and how figures add up.

A figure is a count of some persons, or a sum over them: what is counted, and of whom. The same
persons may be counted in several cells of several tables: in a total of one table and a finer cell
of another, by a filter here and by a dimension there. All of them are one figure, and all lines of
all tables are equations between figures.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from harvesters.disclosure import primary
from harvesters.disclosure.coordinates import Coordinates
from harvesters.disclosure.crossings import Crossing, is_sliver
from harvesters.disclosure.lines import Axis, axes
from harvesters.disclosure.primary import Asked
from harvesters.disclosure.refusal import Refused
from harvesters.disclosure.regions import regions, within_regions
from harvesters.disclosure.system import Index, Mask, Sums, System, Values
from schemas import Component, Table
from schemas.record import INSTITUTION

_MANY = 12
"""From so many codes on, the codes of a column, or those above it, make blocks."""


@dataclass(frozen=True)
class Figures:
    """The figures of a protection set.

    `told` has, by table and measure, the figures that a row of the measure tells, of shape (rows,
    number told), -1 for none: where one of them is hidden, so is the row. `ends` has the rows
    that are suppressed whatever becomes of their figures, of shape (rows,). `crossed` has the
    figures of each crossing, by name.
    """

    system: System
    told: Mapping[str, Mapping[str, Index]]
    ends: Mapping[str, Mapping[str, Mask]]
    crossed: Mapping[str, Index]

    def masks(self, hidden: Mask) -> dict[str, dict[str, Mask]]:
        """The rows that are suppressed, by table and measure, where figures are hidden (shape
        (figures,))."""
        # Figure -1 is the last one here: never hidden.
        known = np.append(hidden, False)
        return {
            table: {
                name: known[figures].any(axis=1) | self.ends[table][name]
                for name, figures in measures.items()
            }
            for table, measures in self.told.items()
        }

    def tables_of(self, figures: Sequence[int]) -> list[str]:
        """The tables that tell one of the figures."""
        return [
            table for table, measures in self.told.items()
            if any(np.isin(figures, told).any() for told in measures.values())
        ]  # fmt: skip


@dataclass(frozen=True)
class _Counted:
    """A component of a table, and the figure of each row (-1 where nobody can be)."""

    table: Table
    component: Component
    figure: Index


def figures_of(
    tables: Sequence[Table],
    cells: Mapping[str, pa.Table],
    frozen: Mapping[str, Mapping[str, Mask]],
    crossed: Sequence[Crossing] = (),
) -> Figures:
    """The figures about persons of tables that are counted from the same records.

    `cells` are those of each table, by name, as `harvesters.tabulate.tabulate` counts them. Of
    the tables in `frozen`, which are published already, the masks by measure say which rows are
    suppressed: those stay so, and the others stay open. `crossed` are the crossings of the
    tables, whose cells stand in `cells` too: what only they have is published by nobody.

    :raises Refused: a table cannot be judged, alone or together with the others.
    """
    every = [*tables, *(one.table for one in crossed)]
    components = {table.name: _components(table) for table in every}
    coordinates = Coordinates(tables, cells, components, crossed)
    counted, keys, where, what = _number(every, components, coordinates)
    value = _values(counted, cells, len(keys))
    lines = {table.name: axes(table, cells[table.name]) for table in every}
    sums = [one for table in every for one in _lines(table, lines[table.name], counted)]
    rests = _rests(coordinates, keys, where, what, value, counted)
    sums += [one.sums for one in rests]
    value = np.concatenate([value, *(one.value for one in rests)])
    asked = Asked(value)
    told: dict[str, dict[str, Index]] = {}
    ends: dict[str, dict[str, Mask]] = {}
    figure = {(one.table.name, one.component.name): one.figure for one in counted}
    for table in tables:
        told[table.name], ends[table.name] = _ask(
            asked, table, cells[table.name], lines[table.name], figure, frozen.get(table.name)
        )
    published = np.zeros(len(value), dtype=bool)
    for each in counted:
        if each.table.name in told:
            published[each.figure[each.figure >= 0]] = True
    for one in crossed:
        name = one.table.name
        some = [table for table in tables if table.name in one.of]
        sliver = is_sliver(one.table, some, cells[name])
        slivers = {
            (name, each.component.name): np.where(sliver, each.figure, -1)
            for each in counted if each.table is one.table
        }  # fmt: skip
        _ask(asked, one.table, cells[name], lines[name], slivers, None)
    for left in rests:
        asked.rest(left.sums)
    asked.settle()
    between = {
        one.table.name: [each.figure for each in counted if each.table is one.table]
        for one in crossed
    }
    its = {name: np.concatenate(some) for name, some in between.items()}
    its = {name: figures[figures >= 0] for name, figures in its.items()}
    places = _places(every, coordinates)
    block = _blocks(places, coordinates, where)
    by_regions = bool(crossed) and places[1:] == (INSTITUTION,)
    if by_regions:
        numbers = coordinates.numbers(places[0])
        block = regions(block, places[0], numbers, crossed, cells, between)
    block = np.concatenate([block, *(block[left.sums.total] for left in rests)])
    adding_up = _distinct(sums, len(value))
    if by_regions:
        adding_up = within_regions(adding_up, block, list(its.values()))
    system = System(
        value=value,
        sums=adding_up,
        published=published,
        sensitive=asked.sensitive & published,
        open=asked.open,
        low=asked.low,
        high=asked.high,
        block=block,
    )
    return Figures(system, told, ends, its)


def _components(table: Table) -> list[Component]:
    found = {
        use.component.name: use.component
        for measure in primary.persons(table)
        for use in primary.uses_of(table, measure)
    }
    return list(found.values())


def _number(
    tables: Sequence[Table],
    components: Mapping[str, Sequence[Component]],
    coordinates: Coordinates,
) -> tuple[list[_Counted], Index, Index, Index]:
    """Every component with its figures; and of each figure its key, its coordinates (shape
    (figures, columns)) and what it counts."""
    pairs = [(table, component) for table in tables for component in components[table.name]]
    kinds = {kind: number for number, kind in enumerate(
        dict.fromkeys((component.source, component.counted) for _, component in pairs)
    )}  # fmt: skip
    nothing = np.empty((0, len(coordinates.columns)), dtype=np.int64)
    placed = [coordinates.of(*pair) for pair in pairs]
    where = np.concatenate([nothing, *(found for found, _ in placed)])
    what = np.concatenate(
        [np.empty(0, dtype=np.int64)]
        + [
            np.full(len(found), kinds[component.source, component.counted])
            for (_, component), (found, _) in zip(pairs, placed, strict=True)
        ]
    )
    keys, first, number = np.unique(
        coordinates.keys(where, what, len(kinds)), return_index=True, return_inverse=True
    )
    counted, start = [], 0
    for (table, component), (found, nobody) in zip(pairs, placed, strict=True):
        figure = np.where(nobody, -1, number[start : start + len(found)])
        counted.append(_Counted(table, component, figure))
        start += len(found)
    return counted, keys, where[first], what[first]


def _values(counted: Sequence[_Counted], cells: Mapping[str, pa.Table], size: int) -> Values:
    """The value of each figure.

    :raises Refused: a figure has two values.
    """
    value = np.full(size, np.nan)
    for one in counted:
        here = primary.numbers(cells[one.table.name], one.component.name)
        rows = one.figure >= 0
        known = value[one.figure[rows]]
        if ((known != here[rows]) & ~np.isnan(known)).any() or here[~rows].any():
            reason = f"{one.component.name} is not what other tables have for the same persons."
            raise Refused(one.table.name, reason)
        value[one.figure[rows]] = here[rows]
    # What only rows name in which nobody can be is nothing.
    return np.nan_to_num(value)


def _lines(table: Table, lines: Sequence[Axis], counted: Sequence[_Counted]) -> list[Sums]:
    """The lines of a table: totals, and what adds up to them along each dimension."""
    return [
        _grouped(one.figure[axis.total[parts]], one.figure[parts], axis.total[parts])
        for one in counted if one.table is table
        for axis in lines
        for parts in [np.flatnonzero(axis.total >= 0)]
    ]  # fmt: skip


def _grouped(total: Index, part: Index, line: Index) -> Sums:
    """Sums from pairs of a total and a part, and the number of the line that they stand in; what
    is its own total is left out."""
    kept = (total >= 0) & (part >= 0) & (total != part)
    total, part, line = total[kept], part[kept], line[kept]
    order = np.lexsort((part, line))
    _, start = np.unique(line[order], return_index=True)
    return Sums(total[order][start], np.append(start, len(order)), part[order])


@dataclass(frozen=True)
class _Rests:
    """Figures that no table has: what is left of a figure without some of its parts, their last
    one in each sum."""

    sums: Sums
    value: Values


def _rests(
    coordinates: Coordinates,
    keys: Index,
    where: Index,
    what: Index,
    value: Values,
    counted: Sequence[_Counted],
) -> list[_Rests]:
    """Who does not pass a filter can be counted by who knows all and those who pass."""
    found: list[_Rests] = []
    size = len(value)
    kinds = int(what.max(initial=0)) + 1
    passing = np.zeros(len(keys), dtype=bool)
    for one in counted:
        if one.component.where:
            passing[one.figure[one.figure >= 0]] = True
    places = [coordinates.columns.index(column) for column in coordinates.filtered]
    for number in range(1, len(places) + 1):
        for some in itertools.combinations(places, number):
            part = np.flatnonzero(passing & (where[:, some] > 0).all(axis=1))
            wider = where[part].copy()
            wider[:, some] = 0
            sought = coordinates.keys(wider, what[part], kinds)
            total = np.minimum(np.searchsorted(keys, sought), max(len(keys) - 1, 0))
            known = keys[total] == sought
            sums = _grouped(total[known], part[known], total[known])
            if not len(sums):
                continue
            left = value[sums.total] - np.add.reduceat(value[sums.part], sums.start[:-1])
            rest = np.arange(size, size + len(left))
            found.append(_Rests(_with_last(sums, rest), left))
            size += len(left)
    return found


def _with_last(sums: Sums, last: Index) -> Sums:
    """The sums with one more part each, at the end."""
    return Sums(
        sums.total,
        sums.start + np.arange(len(sums.start)),
        np.insert(sums.part, sums.start[1:], last),
    )


def _distinct(sums: Sequence[Sums], figures: int) -> Sums:
    """All the sums, each once."""
    whole = Sums(np.empty(0, np.int64), np.zeros(1, np.int64), np.empty(0, np.int64))
    for one in sums:
        whole = whole + one
    if not len(whole):
        return whole
    marks = np.random.default_rng(0).integers(1 << 63, size=(2, figures), dtype=np.uint64)
    parts = np.add.reduceat(marks[0][whole.part], whole.start[:-1])
    seen = np.stack([parts, marks[1][whole.total]])
    _, first = np.unique(seen, axis=1, return_index=True)
    return whole.take(np.sort(first))


def _ask(
    asked: Asked,
    table: Table,
    cells: pa.Table,
    lines: Sequence[Axis],
    figure: Mapping[tuple[str, str], Index],
    frozen: Mapping[str, Mask] | None,
) -> tuple[dict[str, Index], dict[str, Mask]]:
    """Ask what the table's rules ask of its figures; what its measures tell, and the rows that
    are suppressed in any case."""
    told, ends = {}, {}
    for measure in table.measures:
        told[measure.name] = np.full((cells.num_rows, 1), -1)
        ends[measure.name] = np.zeros(cells.num_rows, dtype=bool)
        if measure.about != "persons":
            continue
        uses = primary.uses_of(table, measure)
        columns = [figure[table.name, use.component.name] for use in uses]
        told[measure.name] = np.stack(columns, axis=1)
        for use, figures in zip(uses, columns, strict=True):
            asked.threshold(figures, use.k)
        if measure.kind == "rate":
            nobody, everybody = primary.ends(measure, cells)
            ends[measure.name] = nobody | everybody
            asked.nobody(columns[0][nobody])
            asked.everybody(columns[0][everybody], columns[1][everybody])
        for dimension, axis in zip(table.dimensions, lines, strict=True):
            if dimension.sensitive:
                code = cells[dimension.hierarchy[-1]]
                rows = np.isin(code.to_numpy(zero_copy_only=False), dimension.sensitive)
                rows &= axis.total >= 0
                for figures in columns:
                    asked.category(figures[rows], figures[axis.total[rows]])
        if frozen is not None:
            asked.freeze(told[measure.name], frozen[measure.name])
    return told, ends


def _places(tables: Sequence[Table], coordinates: Coordinates) -> tuple[str, ...]:
    """The hierarchy with the most codes, empty where there are few."""
    hierarchies = {dimension.hierarchy for table in tables for dimension in table.dimensions}
    most = max(sorted(hierarchies), key=lambda one: coordinates.size(one[-1]), default=())
    return most if most and coordinates.size(most[-1]) >= _MANY else ()


def _blocks(places: Sequence[str], coordinates: Coordinates, where: Index) -> Index:
    """The block of each figure: the code at the top of the hierarchy of `places`, for the figures
    below it; of a hierarchy of one column its code; 0 for the others."""
    if not places:
        return np.zeros(len(where), dtype=np.int64)
    coarse = coordinates.columns.index(places[0])
    fine = coordinates.columns.index(places[min(1, len(places) - 1)])
    block: Index = np.where(where[:, fine] > 0, where[:, coarse], 0)
    return block
