"""Which rows of which measures are suppressed: all tables of a protection set as one system."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from harvesters.disclosure.crossings import Crossing
from harvesters.disclosure.figures import Figures, figures_of
from harvesters.disclosure.refusal import Refused
from harvesters.disclosure.secondary import Unprotectable, suppress
from harvesters.disclosure.system import Mask, System
from schemas import Table

CONFIDENTIAL = "c"
"""The status of a suppressed value, primary and secondary alike (SDMX CONF_STATUS, in small)."""


@dataclass(frozen=True)
class Frozen:
    """A table that is published already: its cells, counted anew from the same records, and which
    of them are suppressed, by measure (shape (rows,))."""

    table: Table
    cells: pa.Table
    hidden: Mapping[str, Mask]


def protect(table: Table, cells: pa.Table) -> dict[str, Mask]:
    """`protect_together` for a table that shares nothing with others."""
    return protect_together([table], {table.name: cells})[table.name]


def protect_together(
    tables: Sequence[Table],
    cells: Mapping[str, pa.Table],
    frozen: Sequence[Frozen] = (),
    crossed: Sequence[Crossing] = (),
) -> dict[str, dict[str, Mask]]:
    """Which rows are suppressed, by table and measure: masks of shape (rows,).

    `tables` are counted from the same records; `cells` are those of each, by name, as
    `harvesters.tabulate.tabulate` counts them. The `frozen` tables stay as they are. `crossed` are
    the `crossings` of all of them, whose cells are among `cells`. Measures about institutions are
    open.

    :raises Refused: the promises cannot be kept; names a table that would have to be coarser.
    """
    every = [*(one.table for one in frozen), *tables]
    known = {**cells, **{one.table.name: one.cells for one in frozen}}
    hidden_before = {one.table.name: one.hidden for one in frozen}
    figures = figures_of(every, known, hidden_before, crossed)
    try:
        hidden = _suppress(figures.system, bool(crossed))
    except Unprotectable as unprotectable:
        names = [table.name for table in tables]
        telling = [name for name in figures.tables_of(unprotectable.figures) if name in names]
        in_the_way = _crossing_most(figures, crossed, unprotectable.figures)
        crossing = [name for name in names if name in in_the_way]
        crossing.sort(key=lambda name: (in_the_way[name], -cells[name].num_rows))
        raise Refused(
            [names[0], *telling, *crossing][-1],
            f"{len(unprotectable.figures)} figures that are too small cannot be hidden so that "
            "nobody can work them out.",
        ) from None
    masks = figures.masks(hidden)
    return {table.name: masks[table.name] for table in tables}


def _suppress(system: System, crossed: bool) -> Mask:
    """What is hidden. Where tables cross, a region may be unable to follow what old districts
    share; then all is worked on as one, which takes longer and finds what there is."""
    try:
        return suppress(system)
    except Unprotectable as unprotectable:
        if unprotectable.figures or not crossed:
            raise
        return suppress(replace(system, block=np.zeros_like(system.block)))


def _crossing_most(
    figures: Figures, crossed: Sequence[Crossing], stuck: Sequence[int]
) -> Mapping[str, int]:
    """The tables that stand in the way of `stuck` figures since they cross others, and how many
    others: where the one that crosses the most gives way, the others can stay as they are."""
    found: Counter[str] = Counter()
    for one in crossed:
        its = figures.crossed[one.table.name]
        # Where all of it is published, nothing crosses any more.
        if np.isin(stuck, its).any() and not figures.system.published[its].all():
            found.update(one.of)
    return found
