"""Between which values a reader can place each suppressed figure.

The reader's system falls apart into components that have no row in common. In each, every solution
that is found widens what is known to be possible for all of its figures at once; a figure for
which that is not enough gets linear programmes of its own, for its least and its greatest value.

In a large component, the last few figures are looked at with what is near to them: what can be
there while all others are what was counted is possible in the whole as well. Only what that does
not show is asked of the whole.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass

import highspy
import numpy as np

from harvesters.disclosure.highs import run, solver
from harvesters.disclosure.reader import Flags, Floats, Knowledge, Numbers

TOLERANCE = 1e-5
"""How far a bound may be from where it has to be: the solver's own tolerance, with room."""

_NEAR = 1_000
"""How many figures are near to another: programmes take longer than in proportion."""

_FEW = 0.02
"""The share of a component's figures for which no solution of the whole is looked for any more."""


@dataclass(frozen=True)
class Intervals:
    """What is possible for each unknown figure, at the least: `figure` are its numbers, `low` and
    `high` what solutions were found for, all of shape (unknowns,).

    Where `exact`, they are the least and the greatest value that there is.
    """

    figure: Numbers
    low: Floats
    high: Floats
    exact: Flags
    components: int
    largest: int
    programmes: int


class Unsolved(Exception):
    """A programme was not solved to optimality, or what is published contradicts itself."""


def intervals(known: Knowledge, low: Floats, high: Floats, width: Floats) -> Intervals:
    """Show that each unknown figure can be as low as `low` and as high as `high`, and that its
    interval has at least the `width`; NaN where that is not asked. Shape (figures,) each.

    A figure for which that cannot be shown is exact in the answer.

    :raises Unsolved: see there.
    """
    unknown = np.isnan(known.value)
    used = unknown[known.figure]
    row, figure, sign = known.row[used], known.figure[used], known.sign[used]
    fixed = np.bincount(
        known.row[~used],
        weights=known.sign[~used] * known.value[known.figure[~used]],
        minlength=len(known.least),
    )
    least, greatest = known.least - fixed, known.greatest - fixed
    alone = np.bincount(row, minlength=len(least)) == 0
    if (least[alone] > TOLERANCE).any() or (greatest[alone] < -TOLERANCE).any():
        raise Unsolved("Published figures do not add up.")
    found_low, found_high = np.full((2, len(unknown)), np.nan)
    exact = np.zeros(len(unknown), dtype=bool)
    programmes = largest = number = 0
    for figures, terms in _components(np.flatnonzero(unknown), row, figure):
        asked = float(np.nan_to_num(high[figures]).max())
        one = _Component(figures, row[terms], figure[terms], sign[terms], least, greatest, asked)
        truth = known.truth[figures]
        if len(figures) > 2 * _NEAR and not np.isnan(truth).any():
            rows, place = np.unique(row[terms], return_inverse=True)
            its = place, np.searchsorted(figures, figure[terms]), sign[terms]
            ends = least[rows], greatest[rows]
            one.allow(truth)
            one.sweep(low[figures], high[figures], _FEW)
            _look_nearby(one, its, truth, ends, (low[figures], high[figures], width[figures]))
        one.widen(low[figures], high[figures], width[figures])
        found_low[figures], found_high[figures], exact[figures] = one.low, one.high, one.exact
        programmes += one.programmes
        largest, number = max(largest, len(figures)), number + 1
    kept = np.flatnonzero(unknown)
    return Intervals(
        kept, found_low[kept], found_high[kept], exact[kept], number, largest, programmes
    )


def _components(
    unknown: Numbers, row: Numbers, figure: Numbers
) -> Iterator[tuple[Numbers, Numbers]]:
    """The figures of each component, and its terms (their places)."""
    label = np.arange(max(int(unknown.max(initial=-1)), int(figure.max(initial=-1))) + 1)
    rows = np.full(int(row.max(initial=-1)) + 1, len(label))
    while True:
        np.minimum.at(rows, row, label[figure])
        lower = label.copy()
        np.minimum.at(lower, figure, rows[row])
        # A label is a figure: its own label is as good, and nearer to the end of a long chain.
        lower = lower[lower]
        if (lower == label).all():
            break
        label = lower
    by_figure = unknown[np.argsort(label[unknown], kind="stable")]
    by_term = np.argsort(label[figure], kind="stable")
    of_term = label[figure][by_term]
    for figures in np.split(by_figure, np.flatnonzero(np.diff(label[by_figure])) + 1):
        if len(figures):
            here = label[figures[0]]
            yield figures, by_term[slice(*np.searchsorted(of_term, [here, here + 1]))]


def _look_nearby(
    whole: _Component,
    its: tuple[Numbers, Numbers, Floats],
    truth: Floats,
    ends: tuple[Floats, Floats],
    asked: tuple[Floats, Floats, Floats],
) -> None:
    """Widen what is possible in a component by what is possible near each figure in turn, while
    all others are what was counted. All is numbered within the component: `its` terms by row,
    figure and sign, `truth` and what is `asked` by figure, the `ends` by row."""
    row, figure, sign = its
    least, greatest = ends
    counted = np.bincount(row, sign * truth[figure], len(least))
    near = _Near(row, figure, len(least), len(truth))
    for seed in range(len(truth)):
        if not whole.lacks(seed, *(each[seed] for each in asked)):
            continue
        figures, terms = near.around(seed)
        inside = np.zeros(len(truth), dtype=bool)
        inside[figures] = True
        own = terms[inside[figure[terms]]]
        moved = np.bincount(row[own], sign[own] * truth[figure[own]], len(least))
        low, high, width = (each[figures] for each in asked)
        one = _Component(
            figures, row[own], figure[own], sign[own],
            least - counted + moved, greatest - counted + moved,
            float(np.nan_to_num(high).max()),
        )  # fmt: skip
        one.low, one.high = whole.low[figures], whole.high[figures]
        try:
            one.reach(int(np.searchsorted(figures, seed)), low, high, width)
        except Unsolved:
            # What was counted is a solution but for what sums of decimals are rounded by.
            continue
        finally:
            whole.programmes += one.programmes
        whole.low[figures], whole.high[figures] = one.low, one.high


class _Near:
    """Which figures are near to which: those that rows of few figures join."""

    def __init__(self, row: Numbers, figure: Numbers, rows: int, figures: int):
        self._figures = figure[np.argsort(row, kind="stable")]
        self._row_start = np.searchsorted(np.sort(row), np.arange(rows + 1))
        self._terms = np.argsort(figure, kind="stable")
        self._rows = row[self._terms]
        self._start = np.searchsorted(figure[self._terms], np.arange(figures + 1))
        self._length = np.diff(self._row_start)

    def around(self, figure: int) -> tuple[Numbers, Numbers]:
        """The figures nearest to one, ascending, and the terms that they stand in (places)."""
        found = {figure}
        seen: set[int] = set()
        waiting: list[tuple[int, int]] = []

        def enter(one: int) -> None:
            for row in self._rows[self._start[one] : self._start[one + 1]].tolist():
                if row not in seen:
                    seen.add(row)
                    heapq.heappush(waiting, (int(self._length[row]), row))

        enter(figure)
        while waiting and len(found) < _NEAR:
            _, row = heapq.heappop(waiting)
            for one in self._figures[self._row_start[row] : self._row_start[row + 1]].tolist():
                if one not in found:
                    found.add(one)
                    enter(one)
        figures = np.array(sorted(found), dtype=np.int64)
        terms = np.concatenate([self._terms[self._start[one] : self._start[one + 1]]
                                for one in figures.tolist()])  # fmt: skip
        return figures, terms


class _Component:
    """Figures that hang together, and what was found to be possible for each."""

    def __init__(
        self,
        figures: Numbers,
        row: Numbers,
        figure: Numbers,
        sign: Floats,
        least: Floats,
        greatest: Floats,
        asked: float,
    ):
        size = len(figures)
        self.low, self.high = np.full(size, np.inf), np.full(size, -np.inf)
        self.exact = np.zeros(size, dtype=bool)
        self.programmes = 0
        self._columns = np.arange(size, dtype=np.int32)
        rows, place = np.unique(row, return_inverse=True)
        order = np.argsort(place, kind="stable")
        start = np.searchsorted(place[order], np.arange(len(rows)))
        column = np.searchsorted(np.sort(figures), figure[order])
        self._order = np.argsort(figures, kind="stable")
        ends = np.concatenate([least[rows], greatest[rows]])
        # Nobody is counted more often than this; it keeps the programmes bounded.
        self._most = 1e4 + 10 * float(np.abs(ends[np.isfinite(ends)]).max(initial=asked))
        self._highs = solver()
        self._highs.addVars(size, np.zeros(size), np.full(size, self._most))
        lower = np.where(np.isfinite(least[rows]), least[rows], -highspy.kHighsInf)
        upper = np.where(np.isfinite(greatest[rows]), greatest[rows], highspy.kHighsInf)
        self._highs.addRows(
            len(rows), lower, upper, len(column), start.astype(np.int32),
            column.astype(np.int32), sign[order],
        )  # fmt: skip

    def allow(self, values: Floats) -> None:
        """These values are possible, all at once."""
        self.low, self.high = np.minimum(self.low, values), np.maximum(self.high, values)

    def lacks(self, place: int, low: float, high: float, width: float) -> bool:
        """Whether something that is asked of a figure is not shown to be possible."""
        return bool(
            self.low[place] > low + TOLERANCE
            or self.high[place] < high - TOLERANCE
            or self.high[place] - self.low[place] < width - TOLERANCE
        )

    def reach(self, place: int, low: Floats, high: Floats, width: Floats) -> None:
        """Find solutions for what is asked of one figure, and on the way of the others."""
        self.sweep(low, high)
        if self.lacks(place, low[place], high[place], width[place]):
            self._solve({place: 1.0})
            self._solve({place: -1.0})

    def widen(self, low: Floats, high: Floats, width: Floats) -> None:
        """Find solutions until every figure has what is asked of it, or cannot have it."""
        self.sweep(low, high)
        for place in range(len(self.low)):
            lacking_low = self.low[place] > low[place] + TOLERANCE
            lacking_high = self.high[place] < high[place] - TOLERANCE
            if lacking_low:
                self._solve({place: 1.0})
            if lacking_high:
                self._solve({place: -1.0})
            if self.high[place] - self.low[place] < width[place] - TOLERANCE:
                self._solve({place: 1.0})
                self._solve({place: -1.0})
                self.exact[place] = True
            if (
                self.low[place] > low[place] + TOLERANCE
                or self.high[place] < high[place] - TOLERANCE
            ):
                if not lacking_low:
                    self._solve({place: 1.0})
                if not lacking_high:
                    self._solve({place: -1.0})
                self.exact[place] = True

    def sweep(self, low: Floats, high: Floats, few: float = 0.0) -> None:
        """Find solutions that are as low, or as high, as can be for many figures at once, as long
        as more than a share of `few` lack something."""
        for sign in (1.0, -1.0):
            before = len(low) + 1
            while True:
                lacking = self.low > low + TOLERANCE if sign > 0 else self.high < high - TOLERANCE
                if lacking.sum() <= few * len(lacking) or lacking.sum() >= before:
                    break
                before = int(lacking.sum())
                if sign < 0:
                    # No farther than asked, or one figure would take it all.
                    self._bound(np.where(lacking, np.fmax(high, 0), self._most))
                self._solve(dict.fromkeys(np.flatnonzero(lacking).tolist(), sign))
                if sign < 0:
                    self._bound(np.full(len(low), self._most))

    def _bound(self, most: Floats) -> None:
        ordered = np.empty(len(most))
        ordered[:] = most[self._order]
        self._highs.changeColsBounds(len(ordered), self._columns, np.zeros(len(ordered)), ordered)

    def _solve(self, price: dict[int, float]) -> None:
        prices = np.zeros(len(self.low))
        prices[list(price)] = list(price.values())
        self._highs.changeColsCost(len(prices), self._columns, prices[self._order])
        self.programmes += 1
        status = run(self._highs)
        solution = np.asarray(self._highs.getSolution().col_value)
        if status != highspy.HighsModelStatus.kOptimal:
            raise Unsolved(f"A linear programme ended as {status.name}.")
        values = np.empty(len(solution))
        values[self._order] = solution
        self.low = np.minimum(self.low, values)
        self.high = np.maximum(self.high, values)
