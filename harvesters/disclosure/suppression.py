"""Which cells are suppressed: those that are too small, and those that would give them away."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from harvesters.disclosure.lines import Axis, axes
from harvesters.disclosure.refusal import Refused
from schemas import Measure, Table
from schemas.table import SENSITIVE_THRESHOLD

CONFIDENTIAL = "c"
"""The status of a suppressed value, primary and secondary alike (SDMX CONF_STATUS, in small)."""

Mask = npt.NDArray[np.bool_]
Values = npt.NDArray[np.float64]


def protect(table: Table, cells: pa.Table) -> dict[str, Mask]:
    """Which cells of which measure are suppressed: a mask of shape (cells,) for each measure.

    `cells` are those of `harvesters.tabulate.tabulate`. Measures about institutions are counted
    openly. A measure about persons with a numerator and a denominator is suppressed where either
    is; a count of some of the persons, where the rest of them are too few.

    :raises Refused: a measure cannot be judged.
    """
    nothing = np.zeros(cells.num_rows, dtype=bool)
    lines = axes(table, cells)
    whole = next((m for m in table.measures if m.kind == "count" and not m.numerator.where), None)
    masks: dict[str, Mask] = {}
    for measure in sorted(table.measures, key=is_amount):
        if measure.about == "institutions":
            masks[measure.name] = nothing.copy()
            continue
        if is_amount(measure):
            masks[measure.name] = masks[counted_with(table, measure).name].copy()
            continue
        suppressed = nothing.copy()
        for values, primary, k in _primaries(table, measure, whole, cells):
            suppressed |= secondary(values, primary, lines, k)
        masks[measure.name] = suppressed
    return masks


def is_amount(measure: Measure) -> bool:
    """Whether a measure about persons is a sum of amounts, such as money, not of persons."""
    return measure.about == "persons" and measure.kind == "sum" and not measure.numerator.whole


def counted_with(table: Table, amount: Measure) -> Measure:
    """The count of persons that decides about a sum of amounts: both are hidden together.

    :raises Refused: the table counts no persons.
    """
    for measure in table.measures:
        if (
            measure.about == "persons"
            and measure.kind in ("count", "sum")
            and not is_amount(measure)
        ):
            return measure
    raise Refused(table.name, f"{amount.name} is a sum of amounts, and no count stands beside it.")


def _numbers(cells: pa.Table, name: str) -> Values:
    return cells[name].to_numpy(zero_copy_only=False).astype(np.float64)


def _small(values: Values, k: int) -> Mask:
    return (values > 0) & (values < k)


def _primaries(
    table: Table, measure: Measure, whole: Measure | None, cells: pa.Table
) -> list[tuple[Values, Mask, int]]:
    """For each number behind a measure: its values, its primary cells, and its threshold k."""
    k = table.disclosure.threshold
    top = _numbers(cells, measure.numerator.name)
    if measure.kind in ("count", "sum"):
        primary = _small(top, k)
        if measure.kind == "count" and measure.numerator.where and whole is not None:
            rest = _numbers(cells, whole.numerator.name) - top
            primary |= _small(rest, k)
        return [(top, primary, k)]
    if measure.denominator is None:
        raise Refused(table.name, f"{measure.name} is a {measure.kind} of nothing.")
    k = max(k, SENSITIVE_THRESHOLD)
    below = _numbers(cells, measure.denominator.name)
    if measure.kind == "rate":
        # A rate of 0 or 100 says something of everyone; so do too few on either side of it.
        primary = ((top < k) | (below - top < k)) & (below > 0)
        return [(top, primary, k), (below, _small(below, k), k)]
    if measure.kind == "mean":
        return [(below, _small(below, k), k)]
    persons = [
        (values, _small(values, k), k)
        for component, values in ((measure.numerator, top), (measure.denominator, below))
        if component.whole
    ]
    if not persons:
        raise Refused(table.name, f"{measure.name} is a ratio without a count of persons.")
    return persons


def secondary(values: Values, primary: Mask, lines: list[Axis], k: int) -> Mask:
    """`primary` and the cells that would give it away: all suppressed cells, shape (cells,).

    Of each line (a total and its parts) with one suppressed cell another is taken, and also of
    a line whose total is published and whose suppressed parts come to less than k together: the
    smallest part that is not nothing, else the total. Repeated until no line asks for more.
    """
    suppressed = primary.copy()
    values = np.nan_to_num(values)
    while True:
        more = np.zeros_like(suppressed)
        for axis in lines:
            more |= _wanted(values, suppressed, axis, k)
        more &= ~suppressed
        if not more.any():
            return suppressed
        suppressed |= more


def _wanted(values: Values, suppressed: Mask, axis: Axis, k: int) -> Mask:
    size = len(values)
    parts = np.flatnonzero(axis.total >= 0)
    of = axis.total[parts]
    hidden = suppressed[parts]
    count = np.bincount(of[hidden], minlength=size)
    amount = np.bincount(of[hidden], weights=values[parts][hidden], minlength=size)
    has_parts = np.bincount(of, minlength=size) > 0
    alone = has_parts & (count + suppressed == 1)
    thin = (count > 0) & ~suppressed & (amount < k)
    asking = alone | thin

    wanted = np.zeros(size, dtype=bool)
    candidates = parts[asking[of] & ~hidden & (values[parts] > 0)]
    order = candidates[np.lexsort((candidates, values[candidates], axis.total[candidates]))]
    first = np.ones(len(order), dtype=bool)
    first[1:] = axis.total[order[1:]] != axis.total[order[:-1]]
    chosen = order[first]
    wanted[chosen] = True
    answered = np.zeros(size, dtype=bool)
    answered[axis.total[chosen]] = True
    # Nothing left among the parts: the total goes; where it is gone already, no part is left
    # but zeros, and the one hidden cell is the total itself: a zero part has to hide it.
    unanswered = asking & ~answered
    wanted |= unanswered & ~suppressed
    stuck = unanswered & suppressed & (count == 0)
    zeros = parts[stuck[of]]
    if len(zeros):
        _, index = np.unique(axis.total[zeros], return_index=True)
        wanted[zeros[index]] = True
    return wanted
