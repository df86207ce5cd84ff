"""Which published numbers are the same figure, and how figures add up.

A figure is a count of some persons, a sum over them, or a sum of amounts of institutions (a
magnitude): what is counted, and of whom. The same
persons may be counted in several cells of several tables: in a total of one table and a finer cell
of another, by a filter here and by a dimension there. All of them are one figure, and all lines of
all tables are equations between figures.

Tables may be of several *versions*: counted at different times. A figure that did not change in
between is one figure; one that did is another figure in each version.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from harvesters.disclosure import coded, magnitude, primary
from harvesters.disclosure.coded import Ends
from harvesters.disclosure.coordinates import Coordinates
from harvesters.disclosure.crossings import Crossing, is_sliver
from harvesters.disclosure.lines import Axis, axes
from harvesters.disclosure.primary import Asked
from harvesters.disclosure.refusal import Refused
from harvesters.disclosure.regions import regions, within_regions
from harvesters.disclosure.system import Index, Mask, Sums, System, Values
from schemas import TOTAL, Component, Dimension, Table
from schemas.record import INSTITUTION

_DECIMALS = 6

_MANY = 12
"""From so many codes on, the codes of a column, or those above it, make blocks."""


@dataclass(frozen=True)
class Figures:
    """The figures of a protection set.

    `told` has, by table and measure, the figures that a row of the measure tells, of shape (rows,
    number told), -1 for none: where one of them is hidden, so is the row. `ends` has the rows
    that are suppressed whatever becomes of their figures, of shape (rows,); `codable` those of
    them that may be coded instead. `own` has, by table and measure, the figures of the measures
    that are sums of amounts, of shape (rows,): such a measure may tell a count of persons too, and
    be hidden with it. `crossed` has the figures of each crossing, by name. `change` is how much
    more each figure is than at its least in any version, shape (figures,).
    """

    system: System
    told: Mapping[str, Mapping[str, Index]]
    ends: Mapping[str, Mapping[str, Mask]]
    own: Mapping[tuple[str, str], Index]
    crossed: Mapping[str, Index]
    change: Values
    codable: Sequence[tuple[str, str, Ends]] = ()

    def coded(self, hidden: Mask) -> Figures:
        """The same, with ends coded wherever the numerator is among the `hidden`, shape (figures,),
        and the denominator is not. What is coded tells the denominator, and the numerator within
        its bounds."""
        system = self.system
        told = {table: dict(measures) for table, measures in self.told.items()}
        ends = {table: dict(measures) for table, measures in self.ends.items()}
        open_ = system.open.copy()
        most = system.most
        for table, measure, codable in self.codable:
            safe = codable.only(hidden[codable.top] & ~hidden[codable.below])
            told[table][measure] = told[table][measure].copy()
            told[table][measure][safe.row, 0] = -1
            ends[table][measure] = ends[table][measure].copy()
            ends[table][measure][safe.row] = False
            open_[safe.below] = True
            most = coded.narrowed(most, safe, system.value)
        return Figures(
            replace(system, open=open_, most=most), told, ends, self.own, self.crossed, self.change
        )

    def with_differences_told(self) -> Figures | None:
        """The same, where a reader of all versions may know by how much a small figure has changed,
        and so that it was that many at the least; None where none has."""
        few = (self.system.low == 0) & (self.change > 0) & (self.change <= self.system.high)
        if not few.any():
            return None
        return replace(
            self, system=replace(self.system, low=np.where(few, self.change, self.system.low))
        )

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

    def beside(self, hidden: Mask) -> System | None:
        """The sums of amounts alone, where figures are `hidden` (shape (figures,)): those that
        stand beside a hidden count in some table are hidden too, and must not be worked out; None
        where there are none."""
        known, beside = np.append(hidden, False), np.zeros(len(hidden), dtype=bool)
        for (table, name), own in self.own.items():
            out = own[known[self.told[table][name]].any(axis=1)]
            beside[out[out >= 0]] = True
        beside &= ~hidden
        if not beside.any():
            return None
        system, amounts = self.system, np.zeros(len(hidden), dtype=bool)
        for own in self.own.values():
            amounts[own[own >= 0]] = True
        margin = magnitude.within_reach(np.zeros(len(hidden)))
        low, high = (np.where(amounts, ends, np.nan) for ends in (system.low, system.high))
        return replace(
            system,
            sums=system.sums.take(np.flatnonzero(amounts[system.sums.total])),
            sensitive=(hidden & amounts) | beside,
            low=np.where(beside, np.maximum(system.value - margin, 0), low),
            high=np.where(beside, system.value + margin, high),
        )

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
    versions: Mapping[str, int] | None = None,
    pinned: Mapping[str, Mapping[str, Mask]] | None = None,
    crossed: Sequence[Crossing] = (),
) -> Figures:
    """The figures of tables that are counted from the same records: those about persons, and
    sums of amounts.

    `cells` are those of each table, by name, as `harvesters.tabulate.tabulate` counts them. Of
    the tables in `frozen`, which are published already, the masks by measure say which rows are
    suppressed: those stay so, and the others stay open. `versions` has the version of each table
    that is not of version 0. The rows of `pinned`, masks by table and measure, are suppressed in
    any case. `crossed` are the crossings of the tables, whose cells stand in `cells` too: what only
    they have is published by nobody.

    :raises Refused: a table cannot be judged, alone or together with the others.
    """
    versions, pinned = versions or {}, pinned or {}
    every = [*tables, *(one.table for one in crossed)]
    components = {table.name: _components(table) for table in every}
    coordinates = Coordinates(tables, cells, components, crossed, versions)
    units = magnitude.units(
        (component, cells[name])
        for name, those in components.items() for component in those if component.magnitude
    )  # fmt: skip
    counted, known = _number(every, components, coordinates, cells, versions, units)
    value, where = known.value, known.where
    lines = {table.name: axes(table, cells[table.name]) for table in every}
    sums = [one for table in every for one in _lines(table, lines[table.name], counted)]
    rests = _rests(coordinates, known, counted)
    value = np.concatenate([value, rests.value])
    figure = {(one.table.name, one.component.name): one.figure for one in counted}
    at_ends, others = coded.with_others(_ends(tables, cells, figure), rests.sums, len(value))
    sums += [*rests.sums, others]
    value = np.concatenate([value, value[others.total] - value[others.part[::2]]])
    asked = Asked(value)
    told: dict[str, dict[str, Index]] = {}
    ends: dict[str, dict[str, Mask]] = {}
    for table in tables:
        told[table.name], ends[table.name] = _ask(
            asked, table, cells[table.name], lines[table.name], figure, frozen.get(table.name),
            pinned.get(table.name), superseded=versions.get(table.name, 0) > 0,
        )  # fmt: skip
        _ask_of_amounts(asked, table, cells[table.name], figure, units)
    for one in crossed:
        _ask_of_slivers(asked, one, tables, cells[one.table.name], figure, versions)
    for rates in at_ends.values():
        asked.nobody(rates.few)
        # No numerator beside a rate at an end.
        asked.hide(rates.top)
    own = {
        (table.name, measure.name): figure[table.name, measure.numerator.name]
        for table in tables for measure in table.measures
        if measure.kind == "sum" and measure.magnitudes
    }  # fmt: skip
    for (name, measure), figures in own.items():
        if name in frozen:
            asked.freeze(figures[:, None], frozen[name][measure])
        if name in pinned:
            asked.pin(figures[:, None], pinned[name][measure])
    for some in (*rests.sums, others):
        asked.rest(some)
    adding_up = _distinct(sums, len(value))
    asked.spread(adding_up)
    asked.settle()
    codable: list[tuple[str, str, Ends]] = []
    most = None
    for (name, measure), rates in at_ends.items():
        if name in frozen:
            most = coded.narrowed(most, rates.only(~frozen[name][measure][rates.row]), value)
            continue
        may = coded.may_be(rates, value, asked.k(rates.few))
        if name in pinned:
            may &= ~pinned[name][measure][rates.row]
        if may.any():
            codable.append((name, measure, rates.only(may)))
    for name, measures in told.items():
        if name not in frozen:
            for measure, figures in measures.items():
                ends[name][measure] |= asked.told_before(figures)
    published = np.zeros(len(value), dtype=bool)
    for each in counted:
        if each.table.name in told:
            published[each.figure[each.figure >= 0]] = True
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
    block = np.concatenate([block, block[rests.total], block[others.total]])
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
        most=most,
    )
    return Figures(system, told, ends, own, its, _change(value, known, rests, others), codable)


def _components(table: Table) -> list[Component]:
    found = {
        use.component.name: use.component
        for measure in primary.persons(table)
        for use in primary.uses_of(table, measure)
    }
    amounts = {one.name: one for measure in table.measures for one in measure.magnitudes}
    return list((found | amounts).values())


@dataclass(frozen=True)
class _Known:
    """The figures that rows name: key, coordinates (shape (figures, columns)), what is counted, and
    value; and version by version the sorted keys and what figure each is. `kinds` is how many
    things are counted."""

    key: Index
    where: Index
    what: Index
    value: Values
    keys: Mapping[int, Index]
    figures: Mapping[int, Index]
    kinds: int


def _number(
    tables: Sequence[Table],
    components: Mapping[str, Sequence[Component]],
    coordinates: Coordinates,
    cells: Mapping[str, pa.Table],
    versions: Mapping[str, int],
    units: Mapping[str, float],
) -> tuple[list[_Counted], _Known]:
    """Every component with its figures. Rows name the same figure where they have the same
    coordinates, count the same and hold the same value. Amounts are in the `units` of what is
    summed.

    :raises Refused: a figure has two values in one version.
    """
    pairs = [(table, component) for table in tables for component in components[table.name]]
    kinds = {kind: number for number, kind in enumerate(
        dict.fromkeys((component.source, component.counted) for _, component in pairs)
    )}  # fmt: skip
    keys: dict[int, Index] = {}
    values: dict[int, Values] = {}
    rows: list[tuple[Index, Mask, Index, int, int]] = []
    for table, component in pairs:
        found, nobody = coordinates.of(table, component)
        kind = kinds[component.source, component.counted]
        key = coordinates.keys(found, np.full(len(found), kind), len(kinds))
        version = versions.get(table.name, 0)
        here = primary.numbers(cells[table.name], component.name)
        if component.magnitude:
            # Sums of decimals differ a little by the order in which they were added.
            here = np.round(here, _DECIMALS) / units[component.source or ""]
        before = keys.get(version, np.empty(0, dtype=np.int64))
        keys[version], first = np.unique(np.append(before, key[~nobody]), return_index=True)
        value = np.append(values.get(version, np.empty(0)), here[~nobody])[first]
        if (value[np.searchsorted(keys[version], key[~nobody])] != here[~nobody]).any() or here[
            nobody
        ].any():
            reason = f"{component.name} is not what other tables have for the same persons."
            raise Refused(table.name, reason)
        values[version] = value
        rows.append((found, nobody, key, kind, version))
    order = sorted(keys)
    every = np.concatenate([np.empty(0, dtype=np.int64), *(keys[one] for one in order)])
    amounts = np.concatenate([np.empty(0), *(values[one] for one in order)])
    number, first = _distinct_pairs(every, amounts)
    starts = np.cumsum([0, *(len(keys[one]) for one in order)])
    figures = {one: number[starts[at] : starts[at + 1]] for at, one in enumerate(order)}
    where = np.zeros((len(first), len(coordinates.columns)), dtype=np.int64)
    what = np.zeros(len(first), dtype=np.int64)
    counted = []
    for (table, component), (found, nobody, key, kind, version) in zip(pairs, rows, strict=True):
        figure = np.full(len(found), -1)
        place = np.searchsorted(keys[version], key[~nobody])
        figure[~nobody] = figures[version][place]
        where[figure[~nobody]], what[figure[~nobody]] = found[~nobody], kind
        counted.append(_Counted(table, component, figure))
    return counted, _Known(every[first], where, what, amounts[first], keys, figures, len(kinds))


def _distinct_pairs(keys: Index, values: Values) -> tuple[Index, Index]:
    """The number of each pair of a key and a value, by key and then value, and where each number
    stands first."""
    order = np.lexsort((values, keys))
    new = np.ones(len(keys), dtype=bool)
    new[1:] = (np.diff(keys[order]) != 0) | (np.diff(values[order]) != 0)
    number = np.empty(len(keys), dtype=np.int64)
    number[order] = np.cumsum(new) - 1
    return number, order[new]


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
    """Figures that no table has: what is left of a figure without some of its parts. They are the
    last parts of `sums`, and numbered on from those that rows name; `value`, `total` (what each is
    left of) and `kind` (the same in all versions) have the shape (rests,)."""

    sums: list[Sums]
    value: Values
    total: Index
    kind: Index


def _rests(coordinates: Coordinates, known: _Known, counted: Sequence[_Counted]) -> _Rests:
    """Who does not pass a filter can be counted by who knows all and those who pass. As any figure,
    a rest is the same one in all versions in which it did not change."""
    size = len(known.value)
    passing = np.zeros(size, dtype=bool)
    for one in counted:
        if one.component.where:
            passing[one.figure[one.figure >= 0]] = True
    places = [coordinates.columns.index(column) for column in coordinates.filtered]
    somes = [some for number in range(1, len(places) + 1)
             for some in itertools.combinations(places, number)]  # fmt: skip
    found, of, left = [], [], []
    for version, (kind, some) in itertools.product(sorted(known.keys), enumerate(somes)):
        keys, figures = known.keys[version], known.figures[version]
        part = figures[passing[figures] & (known.where[figures][:, some] > 0).all(axis=1)]
        wider = known.where[part].copy()
        wider[:, some] = 0
        sought = coordinates.keys(wider, known.what[part], known.kinds)
        place = np.minimum(np.searchsorted(keys, sought), max(len(keys) - 1, 0))
        exists = keys[place] == sought
        sums = _grouped(figures[place[exists]], part[exists], place[exists])
        if len(sums):
            found.append(sums)
            of.append(np.stack([known.key[sums.total], np.full(len(sums), kind)]))
            parts = np.add.reduceat(known.value[sums.part], sums.start[:-1])
            left.append(known.value[sums.total] - parts)
    if not found:
        nothing = np.empty(0, dtype=np.int64)
        return _Rests([], np.empty(0), nothing, nothing)
    _, kinds = np.unique(np.concatenate(of, axis=1), axis=1, return_inverse=True)
    value = np.concatenate(left)
    number, first = _distinct_pairs(kinds.ravel(), value)
    ends = np.cumsum([len(sums) for sums in found])[:-1]
    numbered = [
        _with_last(sums, size + rest)
        for sums, rest in zip(found, np.split(number, ends), strict=True)
    ]
    total = np.concatenate([sums.total for sums in found])
    return _Rests(numbered, value[first], total[first], kinds.ravel()[first])


def _change(value: Values, known: _Known, rests: _Rests, others: Sums) -> Values:
    """How much more each figure is than at its least in any version, shape (figures,)."""
    _, same = np.unique(known.key, return_inverse=True)
    same = np.append(same, rests.kind + same.max(initial=-1) + 1)
    pairs = np.stack([same[others.total], same[others.part[::2]]])
    _, kind = np.unique(pairs, axis=1, return_inverse=True)
    same = np.append(same, kind.ravel() + same.max(initial=-1) + 1)
    least = np.full(len(value), np.inf)
    np.minimum.at(least, same, value)
    change: Values = value - least[same]
    return change


def _with_last(sums: Sums, last: Index) -> Sums:
    """The sums with one more part each, at the end."""
    return Sums(
        sums.total,
        sums.start + np.arange(len(sums.start)),
        np.insert(sums.part, sums.start[1:], last),
    )


def _ends(
    tables: Sequence[Table],
    cells: Mapping[str, pa.Table],
    figure: Mapping[tuple[str, str], Index],
) -> dict[tuple[str, str], Ends]:
    """The rates about persons that are at an end, by table and measure."""
    return {
        (table.name, measure.name): coded.ends_of(
            measure,
            cells[table.name],
            *(figure[table.name, use.component.name] for use in primary.uses_of(table, measure)),
        )
        for table in tables
        for measure in primary.persons(table) if measure.kind == "rate"
    }  # fmt: skip


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
    pinned: Mapping[str, Mask] | None,
    superseded: bool,
) -> tuple[dict[str, Index], dict[str, Mask]]:
    """Ask what the table's rules ask of its figures; what its measures tell, and the rows that
    are suppressed in any case."""
    told, ends = {}, {}
    known = primary.structural(cells)
    for measure in table.measures:
        amounts = [figure[table.name, one.name] for one in measure.magnitudes]
        told[measure.name] = np.stack(amounts or [np.full(cells.num_rows, -1)], axis=1)
        ends[measure.name] = np.zeros(cells.num_rows, dtype=bool)
        if measure.about != "persons":
            if frozen is not None:
                asked.freeze(told[measure.name], frozen[measure.name])
            continue
        uses = primary.uses_of(table, measure)
        columns = [figure[table.name, use.component.name] for use in uses]
        told[measure.name] = np.stack([*columns, *amounts], axis=1)
        for use, figures in zip(uses, columns, strict=True):
            asked.threshold(figures, use.k, superseded)
            asked.nothing(figures[known])
        if measure.kind == "rate":
            low, high = primary.ends(measure, cells)
            ends[measure.name] = low | high
        for dimension, axis in zip(table.dimensions, lines, strict=True):
            rows = _in_sensitive_category(dimension, cells) & (axis.total >= 0)
            for figures in columns:
                asked.category(figures[rows], figures[axis.total[rows]])
        for use in uses:
            if use.component.sensitive:
                _ask_of_filter(asked, table, cells, use.component, figure)
        if frozen is not None:
            standing = told[measure.name].copy()
            # A rate at an end that is published is coded: it does not tell its numerator.
            standing[ends[measure.name] & ~frozen[measure.name], 0] = -1
            asked.freeze(standing, frozen[measure.name], superseded)
        if pinned is not None:
            asked.pin(told[measure.name], pinned[measure.name])
            ends[measure.name] |= pinned[measure.name]
    return told, ends


def _in_sensitive_category(dimension: Dimension, cells: pa.Table) -> Mask:
    """The rows of a sensitive code in one column of a dimension, with all that is finer."""
    found, above = np.zeros(cells.num_rows, dtype=bool), np.ones(cells.num_rows, dtype=bool)
    for column in reversed(dimension.hierarchy):
        codes = cells[column].to_numpy(zero_copy_only=False)
        found |= above & np.isin(codes, dimension.sensitive.get(column, ()))
        above &= codes == TOTAL
    return found


def _ask_of_filter(
    asked: Asked,
    table: Table,
    cells: pa.Table,
    component: Component,
    figure: Mapping[tuple[str, str], Index],
) -> None:
    """Ask that it is not told that nobody, or everybody, passes a filter by a sensitive code; where
    the table does not count everybody, any that nobody passes is hidden."""
    figures = figure[table.name, component.name]
    everybody = [
        figure[table.name, use.component.name]
        for measure in primary.persons(table) for use in primary.uses_of(table, measure)
        if (use.component.source, use.component.counted, dict(use.component.where))
        == (component.source, component.counted, {})
    ]  # fmt: skip
    if everybody:
        asked.category(figures, everybody[0])
    else:
        asked.nobody(figures[primary.numbers(cells, component.name) == 0])


def _ask_of_amounts(
    asked: Asked,
    table: Table,
    cells: pa.Table,
    figure: Mapping[tuple[str, str], Index],
    units: Mapping[str, float],
) -> None:
    """Ask what the rules for sums of amounts ask, whoever they are about."""
    for component in {one.name: one for m in table.measures for one in m.magnitudes}.values():
        unsafe, margin = magnitude.asked(cells, component)
        figures = figure[table.name, component.name]
        rows = unsafe & (figures >= 0)
        in_units = margin[rows] / units[component.source or ""]
        asked.margin(figures[rows], magnitude.within_reach(in_units))


def _ask_of_slivers(
    asked: Asked,
    crossing: Crossing,
    tables: Sequence[Table],
    cells: pa.Table,
    figure: Mapping[tuple[str, str], Index],
    versions: Mapping[str, int],
) -> None:
    """Ask what lies between tables to have their threshold."""
    table = crossing.table
    sliver = is_sliver(table, [one for one in tables if one.name in crossing.of], cells)
    for measure in table.measures:
        for use in primary.uses_of(table, measure):
            figures = np.where(sliver, figure[table.name, use.component.name], -1)
            asked.threshold(figures, use.k, superseded=versions.get(table.name, 0) > 0)


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
