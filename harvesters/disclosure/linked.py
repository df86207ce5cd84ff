"""Tables that are counted from the same records: what one hides, no other may show.

Two tables have cells in common where each is a total over the columns that only it has. A figure
of such a cell stands in both, so it is suppressed in both or in neither.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from harvesters.disclosure.lines import Cells
from harvesters.disclosure.suppression import Mask, protect, what
from schemas import TOTAL, Measure, Table


@dataclass(frozen=True)
class Frozen:
    """A table that is published already: its rows, and which of them are suppressed, by measure."""

    table: Table
    cells: pa.Table
    hidden: Mapping[str, Mask]


@dataclass(frozen=True)
class _Link:
    """A figure in two tables: the measure that holds it, and in which rows."""

    table: str
    measure: str
    rows: Cells
    other: str
    other_measure: str
    other_rows: Cells


def protect_together(
    tables: Sequence[Table], cells: Mapping[str, pa.Table], frozen: Sequence[Frozen] = ()
) -> dict[str, dict[str, Mask]]:
    """Which cells are suppressed, by table and measure; see `harvesters.disclosure.protect`.

    `cells` are those of each of `tables`, by name. Cells that stand in one of the `frozen` tables
    too are suppressed where they are there; where they are not, they hide nothing here.
    """
    fixed = {one.table.name: {**one.hidden} for one in frozen}
    rows = {**cells, **{one.table.name: one.cells for one in frozen}}
    known: dict[str, dict[str, Mask]] = {table.name: {} for table in tables}
    masks: dict[str, dict[str, Mask]] = {table.name: {} for table in tables}
    links: list[_Link] = []
    for index, table in enumerate(tables):
        for other in (*tables[:index], *(one.table for one in frozen)):
            links += _links(table, rows[table.name], other, rows[other.name])
    for link in links:
        if link.other in fixed:
            shown = ~fixed[link.other][link.other_measure][link.other_rows]
            mask = known[link.table].setdefault(
                link.measure, np.zeros(rows[link.table].num_rows, dtype=bool)
            )
            mask[link.rows] |= shown
    while True:
        for table in tables:
            masks[table.name] = protect(
                table, cells[table.name], masks[table.name], known[table.name]
            )
        changed = False
        for link in links:
            here = masks[link.table][link.measure]
            there = (fixed if link.other in fixed else masks)[link.other][link.other_measure]
            hidden = here[link.rows] | there[link.other_rows]
            for mask, places in ((here, link.rows), (there, link.other_rows)):
                if mask is there and link.other in fixed:
                    continue
                changed |= bool((mask[places] != hidden).any())
                mask[places] = hidden
        if not changed:
            return masks


def same_measures(table: Table, other: Table) -> list[tuple[Measure, Measure]]:
    """The measures of two tables that count the same persons."""
    return [
        (first, second)
        for first in table.measures
        for second in other.measures
        if first.about == second.about == "persons"
        and first.denominator is None
        and second.denominator is None
        and what(first.numerator) == what(second.numerator)
    ]


def _links(table: Table, cells: pa.Table, other: Table, other_cells: pa.Table) -> list[_Link]:
    measures = same_measures(table, other)
    if not measures:
        return []
    shared = [name for name in table.dimension_columns if name in other.dimension_columns]
    ours = _totals(table, cells, shared, "row")
    theirs = _totals(other, other_cells, shared, "other_row")
    if shared:
        common = ours.join(theirs, keys=shared, join_type="inner")
    else:
        common = pa.table({"row": ours["row"], "other_row": theirs["other_row"]})
    rows, other_rows = (common[name].to_numpy() for name in ("row", "other_row"))
    return [
        _Link(table.name, first.name, rows, other.name, second.name, other_rows)
        for first, second in measures
    ]


def _totals(table: Table, cells: pa.Table, shared: Sequence[str], number: str) -> pa.Table:
    """The rows that are totals over all columns but `shared`, with their numbers."""
    rows = cells.select(table.dimension_columns).append_column(
        number, pa.array(np.arange(cells.num_rows, dtype=np.int64))
    )
    for name in table.dimension_columns:
        if name not in shared:
            rows = rows.filter(pc.equal(rows[name], TOTAL))
    return rows.select([*shared, number])
