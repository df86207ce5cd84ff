"""Where tables count the same persons by columns that cross, and what lies in between.

Old and new wards are both sums of schools, and neither is a sum of the other. Who has a table of
each can take one from the other, and is left with a *sliver*: the part of an old ward that went
to a new one. The finest cells that several tables are sums of make a table as well, their
*crossing*: it is counted and protected with them, and never published.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from harvesters.disclosure import primary
from harvesters.disclosure.primary import Use
from harvesters.disclosure.refusal import Refused
from harvesters.disclosure.system import Mask
from schemas import TOTAL, Component, Dimension, Measure, Table
from schemas.record import INSTITUTION
from schemas.table import NAMED_LISTS, Disclosure


@dataclass(frozen=True)
class Crossing:
    """The crossing of some tables: `table` is the cube to count, `of` are their names."""

    table: Table
    of: tuple[str, ...]


def crossings(tables: Sequence[Table]) -> list[Crossing]:
    """The crossings of tables that are counted from the same records: of every two that cross,
    and of every more that all cross each other.

    :raises Refused: tables cross, and what they have in common cannot be counted.
    """
    counting = [table for table in tables if _counts(table)]
    crossing = {
        (one.name, other.name): _cross(one, other)
        for one, other in itertools.combinations(counting, 2)
    }
    return [
        Crossing(_crossed(some), tuple(table.name for table in some))
        for size in range(2, len(counting) + 1)
        for some in itertools.combinations(counting, size)
        if all(crossing[one.name, other.name] for one, other in itertools.combinations(some, 2))
    ]


def is_sliver(crossing: Table, tables: Sequence[Table], cells: pa.Table) -> Mask:
    """Which `cells` of the crossing of `tables` none of these has as its own: shape (cells,)."""
    has = {
        name: np.asarray(pc.not_equal(cells[name], TOTAL)) for name in crossing.dimension_columns
    }
    for dimension in crossing.dimensions:
        unit = unit_of(crossing, dimension.hierarchy[-1])
        if unit in has and unit not in dimension.hierarchy:
            # The wards of a school are no more than the school.
            has |= {name: has[name] & ~has[unit] for name in dimension.hierarchy}
    found: Mask = np.ones(cells.num_rows, dtype=bool)
    for table in tables:
        foreign = [mask for name, mask in has.items() if name not in table.dimension_columns]
        found &= np.any(foreign, axis=0)
    return found


def unit_of(table: Table, column: str) -> str:
    """The finest column that lies within one code of `column` each: the school, of what the
    register says of schools and of areas of all kinds; the grade, of the level."""
    while column in table.derived and column not in table.from_register:
        column = table.derived[column]
    if column in table.from_register:
        return INSTITUTION
    lists = {one.name: one.codelist for one in table.columns}
    return INSTITUTION if lists.get(column, column) in NAMED_LISTS else column


def _hierarchies(table: Table) -> dict[str, list[Dimension]]:
    """The dimensions of a table by the unit of their finest column."""
    found: dict[str, list[Dimension]] = {}
    for dimension in table.dimensions:
        found.setdefault(unit_of(table, dimension.hierarchy[-1]), []).append(dimension)
    return found


def _names(dimensions: Iterable[Dimension]) -> set[str]:
    return {name for dimension in dimensions for name in dimension.hierarchy}


def _counts(table: Table) -> list[Use]:
    """The counts of persons that a table tells."""
    return [use for one in primary.persons(table) for use in primary.uses_of(table, one)]


def _cross(first: Table, second: Table) -> bool:
    """Whether two tables count the same, each by a column of the same unit that the other has not.

    :raises Refused: one of them has it in a filter, or both sum the same amounts.
    """
    amounts = _amounts(first) & _amounts(second)
    if not amounts and not _what(first) & _what(second):
        return False
    one, other = ({unit: _names(some) for unit, some in _hierarchies(table).items()}
                  for table in (first, second))  # fmt: skip
    for table, columns in ((first, other), (second, one)):
        for name in {name for use in _counts(table) for name in use.component.where}:
            fellows = columns.get(unit_of(table, name), set())
            if fellows and name not in fellows and name not in table.dimension_columns:
                raise Refused(
                    table.name,
                    f"It filters by {name}, and another table counts the same persons by "
                    f"{', '.join(sorted(fellows))}. Count by {name} in both.",
                )
    crosses = any(not (one[unit] <= other[unit] or other[unit] <= one[unit])
                  for unit in one.keys() & other.keys())  # fmt: skip
    if crosses and amounts:
        raise Refused(
            second.name,
            f"It sums {', '.join(sorted(amounts))} by columns that cross those of {first.name}: "
            "what lies between sums of amounts is not worked out. Sum by the same columns in both.",
        )
    return crosses


def _what(table: Table) -> set[tuple[str | None, bool]]:
    return {(use.component.source, use.component.counted) for use in _counts(table)}


def _amounts(table: Table) -> set[str]:
    return {one.source or "" for measure in table.measures for one in measure.magnitudes}


def _crossed(tables: Sequence[Table]) -> Table:
    """The crossing of tables as a table.

    :raises Refused: each counts others than the next, or all count by a sensitive code.
    """
    counts = _common_counts(tables)
    if not counts:
        raise Refused(
            tables[-1].name,
            f"It counts by areas or codes that cross those of {tables[0].name}, and those who "
            "pass a filter only. Count all in both.",
        )
    dimensions = tuple(_common_dimensions(tables))
    if any(one.sensitive for one in dimensions) or any(one.sensitive for one in counts):
        raise Refused(
            tables[-1].name,
            f"It counts by sensitive codes, and by columns that cross those of {tables[0].name}, "
            "which does so too: that nobody, or everybody, in between has such a code is not "
            "worked out. Count by the sensitive codes in one of them only.",
        )
    return dataclasses.replace(
        tables[0],
        name=" x ".join(table.name for table in tables),
        dimensions=tuple(dataclasses.replace(one, offered=False) for one in dimensions),
        structural_zeros=(),
        measures=tuple(_measure(one) for one in counts),
        columns=(),
        disclosure=Disclosure(
            max(use.k for table in tables for use in _counts(table)), sensitive=False, ladder=()
        ),
        derived={coarse: fine for table in tables for coarse, fine in table.derived.items()},
        from_register=frozenset[str]().union(*(table.from_register for table in tables)),
    )


def _common_dimensions(tables: Sequence[Table]) -> Iterator[Dimension]:
    """Of columns that do not cross, those that all tables have; of those that cross, all."""
    every = [_hierarchies(table) for table in tables]
    for unit in dict.fromkeys(unit for one in every for unit in one):
        fewest, *more = sorted(
            (one.get(unit, []) for one in every), key=lambda some: len(_names(some))
        )
        if all(
            _names(some) <= _names(others) for some, others in itertools.pairwise([fewest, *more])
        ):
            yield from fewest
            continue
        taken: set[str] = set()
        for dimension in (dimension for one in every for dimension in one.get(unit, [])):
            left = tuple(name for name in dimension.hierarchy if name not in taken)
            if left:
                # The codes that there are not stand for places that there are not.
                yield Dimension(f"{dimension.name} {len(taken)}", left)
            taken |= set(left)


def _common_counts(tables: Sequence[Table]) -> list[Component]:
    """What all of the tables count: of whom one filters by what another has as a dimension."""
    found = [use.component for use in _counts(tables[0])]
    known = set(tables[0].dimension_columns)
    for table in tables[1:]:
        columns = set(table.dimension_columns)
        found = [
            dataclasses.replace(one, where={**one.where, **other.where})
            for one in found for other in (use.component for use in _counts(table))
            if (one.source, one.counted) == (other.source, other.counted)
            and all(other.where.get(name, codes) == codes for name, codes in one.where.items())
            and one.where.keys() - other.where.keys() <= columns
            and other.where.keys() - one.where.keys() <= known
        ]  # fmt: skip
        known &= columns
    named = {what_is_counted(one): one for one in found}
    return [dataclasses.replace(one, name=name) for name, one in sorted(named.items())]


def what_is_counted(component: Component) -> str:
    """The column of a crossing's cells that holds a count: a text made of what it counts."""
    filters = (f"{name}={'|'.join(sorted(codes))}" for name, codes in component.where.items())
    how = "values of" if component.counted else "sum of"
    what = f"{how} {component.source}" if component.source else "records"
    return "; ".join([what, *sorted(filters)])


def _measure(component: Component) -> Measure:
    words = {"vi": component.name, "en": component.name}
    kind = "count" if component.source is None else "sum"
    return Measure(component.name, kind, words, None, words, "persons", 0, component, None, 1)
