"""Which rows of which measures are suppressed: all tables of a protection set as one system."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from harvesters.disclosure.crossings import Crossing, crossings
from harvesters.disclosure.figures import Figures, figures_of
from harvesters.disclosure.refusal import Refused
from harvesters.disclosure.secondary import Unprotectable, suppress
from harvesters.disclosure.system import Mask
from schemas import Table

CONFIDENTIAL = "c"
"""The status of a suppressed value, primary and secondary alike (SDMX CONF_STATUS, in small)."""


@dataclass(frozen=True)
class Frozen:
    """A table as it was published: its cells, and which of them are suppressed, by measure (shape
    (rows,)).

    Version 0 was counted from the same records as what is published now. Others were counted at
    another time; a table may have been published in several versions.
    """

    table: Table
    cells: pa.Table
    hidden: Mapping[str, Mask]
    version: int = 0


@dataclass(frozen=True)
class FrozenCrossing:
    """What lay between tables as they were published: `of` has their names and versions, `cells`
    are those of their crossing, counted with `version`."""

    of: tuple[tuple[str, int], ...]
    cells: pa.Table
    version: int


def protect(table: Table, cells: pa.Table) -> dict[str, Mask]:
    """`protect_together` for a table that shares nothing with others."""
    return protect_together([table], {table.name: cells})[table.name]


def protect_together(
    tables: Sequence[Table],
    cells: Mapping[str, pa.Table],
    frozen: Sequence[Frozen] = (),
    crossed: Sequence[Crossing] = (),
    lying: Sequence[FrozenCrossing] = (),
) -> dict[str, dict[str, Mask]]:
    """Which rows are suppressed, by table and measure: masks of shape (rows,).

    `tables` are counted from the same records; `cells` are those of each, by name, as
    `harvesters.tabulate.tabulate` counts them. The `frozen` tables stay as they are, and what is
    suppressed in an earlier version of a table stays so. `crossed` are the `crossings` of all
    tables of version 0, whose cells are among `cells`; `lying` those of earlier versions. Measures
    about institutions are open.

    :raises Refused: the promises cannot be kept; names a table that would have to be coarser.
    """
    before = [_named_by_version(one) for one in frozen]
    every = [*(one.table for one in before), *tables]
    earlier = [_named_alike(one, frozen) for one in lying]
    crossed = [*crossed, *(crossing for crossing, _ in earlier)]
    known = {**cells, **{one.table.name: one.cells for one in before}}
    known |= {crossing.table.name: one.cells for crossing, one in earlier}
    versions = {one.table.name: one.version for one in before}
    versions |= {crossing.table.name: one.version for crossing, one in earlier}
    pinned = {table.name: _pinned(table, cells[table.name], frozen) for table in tables}
    figures = figures_of(
        every, known, {one.table.name: one.hidden for one in before}, versions, pinned, crossed
    )
    try:
        figures, hidden = _suppressed_between_versions(figures)
        if (amounts := figures.beside(hidden)) is not None:
            hidden = hidden | suppress(amounts)
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


def _suppressed_between_versions(figures: Figures) -> tuple[Figures, Mask]:
    """Which figures are hidden, shape (figures,). Where nothing keeps a reader of all versions from
    knowing by how much a small figure has changed, nothing more than that is told: the audit finds
    it, and a person has to decide.

    :raises Unprotectable: what some figures ask for cannot be kept.
    """
    try:
        return _suppressed(figures)
    except Unprotectable:
        told = figures.with_differences_told()
        if told is None:
            raise
    return _suppressed(told)


def _suppressed(figures: Figures) -> tuple[Figures, Mask]:
    """Which figures are hidden, shape (figures,), with as many rates at the ends coded as can be.

    To fix the denominators of them all may leave others unprotected; then only those are coded
    whose denominators are not needed to hide anything, or none.

    :raises Unprotectable: what some figures ask for cannot be kept.
    """
    if not figures.codable:
        return figures, _suppress(figures)
    try:
        return _with_codes(figures, figures.system.sensitive)
    except Unprotectable:
        hidden = _suppress(figures)
    try:
        return _with_codes(figures, hidden)
    except Unprotectable:
        return figures, hidden


def _with_codes(figures: Figures, hidden: Mask) -> tuple[Figures, Mask]:
    coded = figures.coded(hidden)
    return coded, _suppress(coded)


def _named_by_version(one: Frozen) -> Frozen:
    """Versions of one table must not go by the same name."""
    if not one.version:
        return one
    return replace(one, table=replace(one.table, name=f"{one.table.name}@{one.version}"))


def _named_alike(one: FrozenCrossing, frozen: Sequence[Frozen]) -> tuple[Crossing, FrozenCrossing]:
    """The crossing of tables that go by their names of `_named_by_version`, and what it was."""
    named = [_named_by_version(each).table for of in one.of for each in frozen
             if (each.table.name, each.version) == of]  # fmt: skip
    names = tuple(table.name for table in named)
    return next(each for each in crossings(named) if each.of == names), one


def _pinned(table: Table, cells: pa.Table, frozen: Sequence[Frozen]) -> dict[str, Mask]:
    """The rows that are suppressed in an earlier version of the table, by measure."""
    found = {measure.name: np.zeros(cells.num_rows, dtype=bool) for measure in table.measures}
    keys = list(table.dimension_columns)
    place = cells.select(keys).append_column("place", pa.array(np.arange(cells.num_rows)))
    for one in frozen:
        if one.table.name == table.name and one.version:
            for measure in found.keys() & one.hidden.keys():
                rows = one.cells.select(keys).filter(pa.array(one.hidden[measure]))
                rows = rows.join(place, keys, join_type="inner")
                found[measure][rows["place"].to_numpy()] = True
    return found


def _suppress(figures: Figures) -> Mask:
    """What is hidden. Where tables cross, a region may be unable to follow what old districts
    share; then all is worked on as one, which takes longer and finds what there is."""
    system = figures.system
    try:
        return suppress(system)
    except Unprotectable as unprotectable:
        if unprotectable.figures or not figures.crossed:
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
