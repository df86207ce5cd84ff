"""Rates at the ends, told as bounds: at least 95 percent, at most 5 percent.

A rate that is nearly nothing, or nearly the whole, says something of nearly everyone. Told as a
bound it still says that few are on the other side, but not how few, as long as a reader who knows
the denominator can take them for nobody and for as many as the threshold, and nothing else tells
them. This is the top and bottom coding of Hundepool et al., *Statistical Disclosure Control*
(2012), section 3.3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
import pyarrow as pa

from harvesters.disclosure import primary
from harvesters.disclosure.system import Index, Mask, Sums, Values
from schemas import Measure
from schemas.table import LOW_END

Name = TypeVar("Name")


@dataclass(frozen=True)
class Ends:
    """Rows of a measure in which a rate is at an end: their numbers `row`, the figures of the
    numerator and the denominator, `top` and `below`, and that of the `few`: who is counted at the
    low end, and who is not at the high one. Shape (ends,) each."""

    row: Index
    top: Index
    below: Index
    few: Index

    def only(self, mask: Mask) -> Ends:
        """Some of them."""
        return Ends(self.row[mask], self.top[mask], self.below[mask], self.few[mask])


def ends_of(measure: Measure, cells: pa.Table, top: Index, below: Index) -> Ends:
    """The ends of a rate whose rows tell the figures `top` and `below`, of shape (rows,); at the
    high end the few have no figure yet, and are -1."""
    low, high = primary.ends(measure, cells)
    row = np.flatnonzero((low | high) & (top >= 0) & (below >= 0) & (top != below))
    return Ends(row, top[row], below[row], np.where(low[row], top[row], -1))


def with_others(
    ends: Mapping[Name, Ends], rests: Sequence[Sums], figures: int
) -> tuple[dict[Name, Ends], Sums]:
    """Give figures to who is not counted at the high ends: where one of the sums `rests` has just
    the numerator and a last part, that one; else new ones, numbered from `figures` on.

    The ends with these figures, and the sums that each new one is the last part of.
    """
    known: dict[tuple[int, int], int] = {}
    for sums in rests:
        two = np.flatnonzero(np.diff(sums.start) == 2)
        part = sums.start[two]
        pairs = zip(sums.total[two].tolist(), sums.part[part].tolist(), strict=True)
        known.update(zip(pairs, sums.part[part + 1].tolist(), strict=True))
    found: dict[Name, Ends] = {}
    new: list[tuple[int, int]] = []
    for name, one in ends.items():
        few = one.few.copy()
        for place in np.flatnonzero(few < 0).tolist():
            pair = int(one.below[place]), int(one.top[place])
            if pair not in known:
                known[pair] = figures + len(new)
                new.append(pair)
            few[place] = known[pair]
        found[name] = replace(one, few=few)
    below, top = np.array(new, dtype=np.int64).reshape(-1, 2).T
    others = figures + np.arange(len(new))
    parts = np.stack([top, others], axis=1).ravel()
    return found, Sums(below, 2 * np.arange(len(new) + 1), parts)


def may_be(ends: Ends, value: Values, k: Values) -> Mask:
    """Which ends may be coded, shape (ends,): those that are at the end without any rounding, or
    the bound would be wrong, and whose bound leaves room for as many as the threshold `k`."""
    most = _most(ends, value)
    may: Mask = (value[ends.few] <= most) & (most >= k)
    return may


def narrowed(most: Values | None, ends: Ends, value: Values) -> Values:
    """How many there are at most of each figure, shape (figures,), for a reader of these coded
    ends who knew that of the figures before."""
    found = np.full(len(value), np.inf) if most is None else most.copy()
    np.minimum.at(found, ends.few, _most(ends, value))
    return found


def _most(ends: Ends, value: Values) -> Values:
    """How many the few are at most, if the rate is at its end."""
    most: Values = np.floor(value[ends.below] * LOW_END / 100)
    return most
