"""Which cells are suppressed: those that are too small, and those that would give them away."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from harvesters.disclosure.lines import Axis, axes
from harvesters.disclosure.refusal import Refused
from schemas import Component, Measure, Table
from schemas.table import SENSITIVE_THRESHOLD

CONFIDENTIAL = "c"
"""The status of a suppressed value, primary and secondary alike (SDMX CONF_STATUS, in small)."""

Mask = npt.NDArray[np.bool_]
Values = npt.NDArray[np.float64]


Demand = tuple[Values, Mask, int]
"""A number behind a measure: its value in each cell, its primary cells, and its threshold k."""


def protect(
    table: Table,
    cells: pa.Table,
    hidden: Mapping[str, Mask] | None = None,
    known: Mapping[str, Mask] | None = None,
) -> dict[str, Mask]:
    """Which cells of which measure are suppressed: a mask of shape (cells,) for each measure.

    `cells` are those of `harvesters.tabulate.tabulate`. Of a measure, `hidden` are the cells that
    have to be suppressed in any case, and `known` those that stand published elsewhere, so that
    they hide nothing. Measures about institutions are counted openly. Measures that can be worked
    out from each other are suppressed together; a count of some of the persons is so also where
    the rest of them are too few.

    :raises Refused: a measure cannot be judged.
    """
    nothing = np.zeros(cells.num_rows, dtype=bool)
    masks = {m.name: (hidden or {}).get(m.name, nothing).copy() for m in table.measures}
    lines = axes(table, cells)
    groups = [
        (
            [measure.name for measure in group],
            [name for measure in group for name in _implied_by(table, measure)],
            [demand for measure in group for demand in _demands(table, measure, cells)],
        )
        for group in _groups(table)
    ]
    while True:
        before = sum(int(mask.sum()) for mask in masks.values())
        for names, implied_by, demands in groups:
            suppressed: Mask = np.logical_or.reduce([masks[name] for name in (*names, *implied_by)])
            public = np.logical_or.reduce([(known or {}).get(name, nothing) for name in names])
            for values, primary, k in demands:
                suppressed = secondary(values, suppressed | primary, lines, k, public)
            masks |= dict.fromkeys(names, suppressed)
        if sum(int(mask.sum()) for mask in masks.values()) == before:
            return masks


def _groups(table: Table) -> list[list[Measure]]:
    """The measures about persons, together with those that tell the same: a count and a rate of
    it, an amount and the count of the persons behind it."""
    groups: dict[Hashable, list[Measure]] = {}
    for measure in table.measures:
        if measure.about == "persons":
            groups.setdefault(what(measure.numerator), []).append(measure)
    for measure in table.measures:
        if is_amount(measure):
            counted = groups[what(counted_with(table, measure).numerator)]
            counted += groups.pop(what(measure.numerator), [])
    return list(groups.values())


def what(component: Component) -> Hashable:
    """What a component counts, whatever its name: two that count the same are equal here."""
    where = sorted((column, tuple(sorted(codes))) for column, codes in component.where.items())
    return component.source, component.counted, tuple(where)


def _implied_by(table: Table, measure: Measure) -> list[str]:
    """The measures whose suppressed cells `measure` would help to work out: its denominator, and
    the count of all persons of whom it counts some."""
    whole = _whole(table)
    found = []
    if measure.denominator is not None:
        found = [
            other.name
            for other in table.measures
            if other.about == "persons"
            and other.denominator is None
            and what(other.numerator) == what(measure.denominator)
        ]
    if measure.numerator.where and whole is not None:
        found.append(whole.name)
    return found


def _whole(table: Table) -> Measure | None:
    """The measure that counts all records, where there is one."""
    for measure in table.measures:
        if measure.kind == "count" and measure.about == "persons" and not measure.numerator.where:
            return measure
    return None


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


def _demands(table: Table, measure: Measure, cells: pa.Table) -> list[Demand]:
    """What has to be hidden of the numbers behind a measure."""
    if is_amount(measure):
        return []
    k = table.disclosure.threshold
    top = _numbers(cells, measure.numerator.name)
    if measure.denominator is None:
        demands = [(top, _small(top, k), k)]
        whole = _whole(table)
        if measure.kind == "count" and measure.numerator.where and whole is not None:
            rest = _numbers(cells, whole.numerator.name) - top
            demands.append((rest, _small(rest, k), k))
        return demands
    k = max(k, SENSITIVE_THRESHOLD)
    below = _numbers(cells, measure.denominator.name)
    if measure.kind == "mean":
        return [(below, _small(below, k), k)]
    if measure.kind == "rate":
        # A rate of 0 or 100 says something of everyone, and so does one that is rounded to it.
        rate = np.divide(top * measure.scale, below, out=np.full(len(top), 50.0), where=below > 0)
        shown = np.round(rate, measure.decimals)
        ends = (shown <= 0) | (shown >= measure.scale)
        rest = below - top
        return [
            (top, _small(top, k) | ends, k),
            (rest, _small(rest, k), k),
            (below, _small(below, k), k),
        ]
    persons = [
        (values, _small(values, k), k)
        for component, values in ((measure.numerator, top), (measure.denominator, below))
        if component.whole
    ]
    if not persons:
        raise Refused(table.name, f"{measure.name} is a ratio without a count of persons.")
    return persons


def secondary(values: Values, primary: Mask, lines: list[Axis], k: int, known: Mask) -> Mask:
    """`primary` and the cells that would give it away: all suppressed cells, shape (cells,).

    Of each line (a total and its parts) with one suppressed cell another is taken, and also of
    a line whose total is published and whose suppressed parts come to less than k together: the
    smallest part that is not nothing, else the total. Repeated until no line asks for more, or
    only `known` cells are left to take, which hide nothing.
    """
    suppressed = primary.copy()
    values = np.nan_to_num(values)
    while True:
        more = np.zeros_like(suppressed)
        for axis in lines:
            more |= _wanted(values, suppressed, axis, k, known)
        more &= ~suppressed
        if not more.any():
            return suppressed
        suppressed |= more


def _wanted(values: Values, suppressed: Mask, axis: Axis, k: int, known: Mask) -> Mask:
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
    candidates = parts[asking[of] & ~hidden & ~known[parts] & (values[parts] > 0)]
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
    total_goes = unanswered & ~suppressed & ~known
    wanted |= total_goes
    stuck = unanswered & ~total_goes & (count + suppressed == 1)
    zeros = parts[stuck[of] & ~hidden & ~known[parts]]
    if len(zeros):
        _, index = np.unique(axis.total[zeros], return_index=True)
        wanted[zeros[index]] = True
    return wanted
