"""Primary rules: which figures may not be published, whatever stands beside them.

The rules are those of threshold suppression in Hundepool et al., *Statistical Disclosure Control*
(2012), section 4.2, and of attribute disclosure by zeros and full houses, section 4.2.4.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from harvesters.disclosure.refusal import Refused
from harvesters.disclosure.system import Index, Mask, Sums, Values
from schemas import Component, Measure, Table
from schemas.table import HIGH_END, LOW_END, SENSITIVE_THRESHOLD, STRUCTURAL


@dataclass(frozen=True)
class Use:
    """A count of persons that a measure tells, and its threshold: from 1 to `k` - 1 is too few."""

    component: Component
    k: int


def uses_of(table: Table, measure: Measure) -> list[Use]:
    """The counts that a measure about persons tells to who knows the others.

    A quotient tells both of its counts, a sum of amounts the count of those behind it.

    :raises Refused: the measure rests on no count of persons.
    """
    k = table.disclosure.threshold
    if is_amount(measure):
        return uses_of(table, counted_with(table, measure))
    if measure.denominator is None:
        return [Use(measure.numerator, k)]
    k = max(k, SENSITIVE_THRESHOLD)
    if measure.kind == "mean":
        return [Use(measure.denominator, k)]
    if measure.kind == "rate":
        return [Use(measure.numerator, k), Use(measure.denominator, k)]
    counts = [Use(one, k) for one in (measure.numerator, measure.denominator) if one.whole]
    if not counts:
        raise Refused(table.name, f"{measure.name} is a ratio without a count of persons.")
    return counts


def persons(table: Table) -> Iterator[Measure]:
    """The table's measures about persons."""
    return (measure for measure in table.measures if measure.about == "persons")


def is_amount(measure: Measure) -> bool:
    """Whether a measure about persons is a sum of amounts, such as money, not of persons."""
    return measure.about == "persons" and measure.kind == "sum" and not measure.numerator.whole


def counted_with(table: Table, amount: Measure) -> Measure:
    """The count of persons that decides about a sum of amounts: both are hidden together.

    :raises Refused: the table counts no persons.
    """
    for measure in persons(table):
        if measure.kind in ("count", "sum") and not is_amount(measure):
            return measure
    raise Refused(table.name, f"{amount.name} is a sum of amounts, and no count stands beside it.")


def numbers(cells: pa.Table, name: str) -> Values:
    """A column of cells as numbers, 0 where nothing was delivered."""
    column: Values = cells[name].to_numpy(zero_copy_only=False).astype(np.float64)
    return np.nan_to_num(column)


def structural(cells: pa.Table) -> Mask:
    """The cells that cannot be anything but nothing."""
    if STRUCTURAL not in cells.column_names:
        return np.zeros(cells.num_rows, dtype=bool)
    found: Mask = cells[STRUCTURAL].to_numpy(zero_copy_only=False).astype(bool)
    return found


def too_few(value: Values, k: Values) -> Mask:
    """Which counts are from 1 to k - 1."""
    return (value > 0) & (value < k)


def ends(measure: Measure, cells: pa.Table) -> tuple[Mask, Mask]:
    """The rows where a rate is at the low end, and where at the high one, be it by its rounding:
    each says something of nearly everyone. A rate with no persons at all is at neither."""
    assert measure.denominator is not None
    top, below = numbers(cells, measure.numerator.name), numbers(cells, measure.denominator.name)
    rate = np.divide(top * measure.scale, below, out=np.full(len(top), np.nan), where=below > 0)
    shown = np.round(rate, measure.decimals)
    return shown <= LOW_END, shown >= HIGH_END


class Asked:
    """What has to be kept of figures of the given `value`, shape (figures,): see `System`."""

    def __init__(self, value: Values):
        self._value = value
        size = len(value)
        self._k, self._k_before, self._margin = np.zeros((3, size))
        self._nobody, self._category, self._pinned, self._lost = np.zeros((4, size), dtype=bool)
        self._whole = np.full(size, np.nan)
        self._kept: list[tuple[Index, bool]] = []
        self.sensitive: Mask = np.zeros(size, dtype=bool)
        self.open: Mask = np.zeros(size, dtype=bool)
        self._known: Mask = np.zeros(size, dtype=bool)
        self._free: Mask = np.zeros(size, dtype=bool)
        self.low = np.full(size, np.nan)
        self.high = np.full(size, np.nan)

    def threshold(self, figures: Index, k: float, superseded: bool = False) -> None:
        """No figure may stand from 1 to `k` - 1. Of several thresholds the highest holds, but for
        those of rows that are `superseded` now: a figure that they told of, or hid, by a lower
        one is past more protection than that."""
        chosen = figures[figures >= 0]
        if superseded:
            np.maximum.at(self._k_before, chosen, k)
        else:
            np.maximum.at(self._k, chosen, k)

    def nobody(self, figures: Index) -> None:
        """It must not be told that these figures are nothing, or next to nothing."""
        self._nobody[figures[figures >= 0]] = True

    def hide(self, figures: Index) -> None:
        """These figures must not be published, whatever they are."""
        self.sensitive[figures[figures >= 0]] = True

    def margin(self, figures: Index, margin: Values) -> None:
        """What a reader can work out of `figures`, sums of amounts, has to reach so far to either
        side of them; shape (figures,) both."""
        np.maximum.at(self._margin, figures, margin)

    def category(self, figures: Index, wholes: Index) -> None:
        """Figures of a sensitive category, and the totals over all categories: neither nobody
        nor everybody may be told to be in it."""
        kept = (figures >= 0) & (wholes >= 0)
        figures, value, whole = figures[kept], self._value[figures[kept]], self._value[wholes[kept]]
        self._nobody[figures[(value == 0) & (whole > 0)]] = True
        full = (value == whole) & (whole > 0)
        self._whole[figures[full]] = whole[full]
        self._category[figures[((value == 0) | (value == whole)) & (whole > 0)]] = True

    def nothing(self, figures: Index) -> None:
        """Everybody knows that these figures are nothing, and that says nothing of anybody."""
        self._known[figures[figures >= 0]] = True

    def rest(self, sums: Sums) -> None:
        """The last part of each sum is what is left of its total; it has their threshold."""
        last = sums.part[sums.start[1:] - 1]
        for k in (self._k, self._k_before):
            np.maximum.at(k, last, np.maximum.reduceat(k[sums.part], sums.start[:-1]))

    def spread(self, sums: Sums) -> None:
        """Where it must not be told that a total is nothing, its parts may not all be known to be:
        each is free to be something, though that is not asked of any."""
        free = self._nobody & (self._value == 0)
        while True:
            parts = sums.part[free[sums.total][sums.of_part]]
            if free[parts].all():
                break
            free[parts] = True
        self._free |= free

    def freeze(self, told: Index, hidden: Mask, superseded: bool = False) -> None:
        """Rows that are published already and tell figures, shape (rows, number): where they are
        not `hidden`, shape (rows,), the figures stand open; of those that a hidden row tells, one
        stays hidden, or all together would tell the row. What was told too small by rows that are
        `superseded` now is lost."""
        shown = told[~hidden]
        self.open[shown[shown >= 0]] = True
        if superseded:
            self._lost[shown[shown >= 0]] = True
        self._kept.append((told[hidden], False))

    def pin(self, told: Index, hidden: Mask) -> None:
        """Rows that are `hidden`, shape (rows,), whatever becomes of the figures that they tell,
        shape (rows, number): one of them is hidden, and must not be worked out exactly."""
        self._kept.append((told[hidden], True))

    def told_before(self, told: Index) -> Mask:
        """The rows, shape (rows,), that tell a figure which superseded rows told although it is too
        small by the rules of today: it is lost, and not told again. To be asked once settled."""
        return np.asarray(np.append(self._lost, False)[told].any(axis=1))

    def settle(self) -> None:
        """Work out the intervals, once everything is asked."""
        value, before = self._value, self._k_before
        self._lost &= too_few(value, self._k) | self._category
        gone = self._lost & self._category
        self._nobody &= ~gone
        self._whole[gone] = np.nan
        k = np.where((self._k > 0) & (before > 0), np.fmin(self._k, before), self._k + before)
        few = (too_few(value, k) & ~self._lost) | self._nobody
        unsafe = self._margin > 0
        self.sensitive |= few | ~np.isnan(self._whole) | unsafe
        self._keep()
        low = np.fmin(np.where(few | self._free, 0.0, np.nan), np.maximum(self._whole - k, 0))
        high = np.fmax(np.where(few, k, np.where(self._free, 0.0, np.nan)), self._whole)
        low = np.where(unsafe, np.maximum(value - self._margin, 0), low)
        high = np.where(unsafe, value + self._margin, high)
        pinned = self._pinned & ~self.open & np.isnan(high) & (value > 0)
        low = np.where(pinned, np.maximum(value - 1, 0), low)
        high = np.where(pinned, value, high)
        self.low = np.where(self._known, np.nan, low)
        self.high = np.where(self._known, np.nan, high)
        self.sensitive &= ~self._known
        self.open |= self._known

    def _keep(self) -> None:
        """Of the figures that a hidden row tells, one is hidden: one that has to be anyway, else
        the first that is not open."""
        for told, pinned in self._kept:
            there = told >= 0
            told = told[~(there & self.sensitive[told]).any(axis=1)]
            can = (told >= 0) & ~self.open[told]
            rows = np.flatnonzero(can.any(axis=1))
            chosen = told[rows, can[rows].argmax(axis=1)]
            self.sensitive[chosen] = True
            self._pinned[chosen] |= pinned

    def k(self, figures: Index) -> Values:
        """The thresholds of figures."""
        found: Values = self._k[figures]
        return found
