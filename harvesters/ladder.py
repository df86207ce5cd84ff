"""Which table of a protection set is made coarser, and when."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from schemas import Table

Masks = Mapping[str, npt.NDArray[np.bool_]]


def share_suppressed(table: Table, suppressed: Mapping[str, int], cells: int) -> float:
    """The share of suppressed values, from 0 to 1, of `cells` rows in all measures of the table
    in which something may have to be suppressed; `suppressed` counts them by measure."""
    names = [one.name for one in table.protected_measures]
    values = cells * len(names)
    return sum(suppressed.get(name, 0) for name in names) / values if values else 0.0


def too_dear(
    tables: Sequence[Table], masks: Mapping[str, Masks], rungs: Mapping[str, int]
) -> str | None:
    """The name of the table of which most is suppressed beyond what its declaration puts up with,
    and that can still be made coarser; None where there is none.

    `masks` say which rows are suppressed, by table and measure (shape (rows,)); `rungs` how many
    rungs of its ladder each table has gone down.
    """
    beyond = {
        table.name: _share(table, masks[table.name]) - table.disclosure.most_suppressed
        for table in tables if rungs[table.name] < len(table.disclosure.ladder)
    }  # fmt: skip
    name = max(sorted(beyond), key=lambda one: beyond[one], default=None)
    return name if name is not None and beyond[name] > 0 else None


def next_down(
    tables: Sequence[Table], rows: Mapping[str, int], rungs: Mapping[str, int], blamed: str
) -> str | None:
    """The name of the table to be made coarser where the set could not be made safe: the one
    `blamed`, or if its ladder is at its end, the largest of the others by `rows`; None where no
    ladder goes on."""
    going_on = [one.name for one in tables if rungs[one.name] < len(one.disclosure.ladder)]
    if blamed in going_on:
        return blamed
    return max(sorted(going_on), key=lambda name: rows.get(name, 0), default=None)


def _share(table: Table, masks: Masks) -> float:
    counts = {name: int(mask.sum()) for name, mask in masks.items()}
    return share_suppressed(table, counts, max((len(mask) for mask in masks.values()), default=0))
