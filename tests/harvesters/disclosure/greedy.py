"""The plain way, as a baseline: the small counts, and one more in each line that has but one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas import Table
from tests.harvesters.disclosure.attacker import Lines, lines

Mask = npt.NDArray[np.bool_]


def suppressed(
    tables: Sequence[Table], cells: Mapping[str, pa.Table], measure: str = "pupils"
) -> dict[str, dict[str, Mask]]:
    """Which counts are suppressed, by table and measure, as `protect_together` returns it.

    Of each line (a total and its parts) with a single suppressed count another is taken, and of
    a line whose total is published and whose suppressed parts come to less than k: the smallest
    part that is not 0, else the total, else a part of 0. Lines are looked at one at a time.
    """
    of = lines([(table, cells[table.name]) for table in tables])
    values = np.zeros(len(of.areas))
    chosen = np.zeros(len(of.areas), dtype=bool)
    k = max(table.disclosure.threshold for table in tables)
    for table in tables:
        counts = cells[table.name][measure].to_numpy()
        values[of.places[table.name]] = counts
        small = (counts > 0) & (counts < table.disclosure.threshold)
        chosen[of.places[table.name][small]] = True
    while len(more := _wanted(of, values, chosen, k)):
        chosen[more] = True
    return {name: {measure: chosen[place]} for name, place in of.places.items()}


def _wanted(of: Lines, values: npt.NDArray[np.float64], chosen: Mask, k: int) -> np.ndarray:
    """The counts that are to be suppressed next."""
    hidden, part = chosen[of.member], of.sign > 0
    number = np.bincount(of.line[hidden], minlength=of.size)
    within = hidden & part
    parts = np.bincount(of.line[within], minlength=of.size)
    amount = np.bincount(of.line[within], values[of.member[within]], minlength=of.size)
    asking = (number == 1) | ((number == parts) & (parts > 0) & (amount < k))
    candidates = np.flatnonzero(asking[of.line] & ~hidden)
    value = values[of.member[candidates]]
    rank = np.where(part[candidates], np.where(value > 0, 0, 2), 1)
    order = candidates[np.lexsort((of.member[candidates], value, rank, of.line[candidates]))]
    _, first = np.unique(of.line[order], return_index=True)
    return np.unique(of.member[order[first]])
