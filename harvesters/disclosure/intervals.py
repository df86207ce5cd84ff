"""Between which values a reader can place each suppressed figure.

The reader's system falls apart into components that have no row in common. In each, every solution
that is found widens what is known to be possible for all of its figures at once; a figure for
which that is not enough gets linear programmes of its own, for its least and its greatest value.

A large component is looked at in pieces: what can be in a piece while all around it is what was
counted is possible in the whole as well. Only what that does not show is asked of the whole.
"""

from __future__ import annotations

import heapq
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import highspy
import numpy as np

from harvesters.disclosure.highs import run, solver
from harvesters.disclosure.reader import Flags, Floats, Knowledge, Numbers

TOLERANCE = 1e-5
"""How far a bound may be from where it has to be: the solver's own tolerance, with room."""

_PIECE = 4_000
"""How many figures a piece has: programmes take longer than in proportion."""

_FEW = 10
"""So many figures of a piece that still lack something get programmes of their own."""


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


def intervals(
    known: Knowledge, low: Floats, high: Floats, width: Floats, piece: int = _PIECE
) -> Intervals:
    """Show that each unknown figure can be as low as `low` and as high as `high`, and that its
    interval has at least the `width`; NaN where that is not asked. Shape (figures,) each.

    A figure for which that cannot be shown is exact in the answer. A component of more than two
    pieces is looked at by pieces of about `piece` figures.

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
        if len(figures) > 2 * piece and not np.isnan(truth).any():
            rows, place = np.unique(row[terms], return_inverse=True)
            its = place, np.searchsorted(figures, figure[terms]), sign[terms]
            ends = least[rows], greatest[rows]
            one.allow(truth)
            asks = low[figures], high[figures], width[figures]
            _look_by_pieces(one, its, truth, ends, asks, piece)
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


def _look_by_pieces(
    whole: _Component,
    its: tuple[Numbers, Numbers, Floats],
    truth: Floats,
    ends: tuple[Floats, Floats],
    asked: tuple[Floats, Floats, Floats],
    size: int,
) -> None:
    """Widen what is possible in a component by what is possible in pieces of it, while all around
    each is what was counted: about `size` figures, and more where that shows little. All is
    numbered within the component: `its` terms by row, figure and sign, `truth` and what is `asked`
    by figure, the `ends` by row."""
    row, figure, sign = its
    least, greatest = ends
    counted = np.bincount(row, sign * truth[figure], len(least))
    near = _Near(row, figure, len(least), len(truth))

    def look(piece: tuple[Numbers, Numbers]) -> _Component | None:
        figures, terms = piece
        moved = np.bincount(row[terms], sign[terms] * truth[figure[terms]], len(least))
        low, high, width = (each[figures] for each in asked)
        one = _Component(
            figures, row[terms], figure[terms], sign[terms],
            least - counted + moved, greatest - counted + moved,
            float(np.nan_to_num(high).max()),
        )  # fmt: skip
        one.low, one.high = whole.low[figures], whole.high[figures]
        try:
            one.sweep(low, high)
            if len(one.lacking(low, high, width)) <= _FEW:
                one.widen_one_by_one(low, high, width)
        except Unsolved:
            # What was counted is a solution but for what sums of decimals are rounded by.
            return None
        return one

    lacking = whole.lacking(*asked)
    # The solver lets other threads run.
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as threads:
        while len(lacking) and size < len(truth):
            pieces = list(near.pieces(lacking, size))
            for (figures, _), one in zip(pieces, threads.map(look, pieces), strict=True):
                if one is not None:
                    whole.low[figures], whole.high[figures] = one.low, one.high
                    whole.programmes += one.programmes
            before, lacking = len(lacking), whole.lacking(*asked)
            if 2 * len(lacking) > before:
                size += size // 2 + 1


class _Near:
    """Which figures are near to which: those that rows of few figures join."""

    def __init__(self, row: Numbers, figure: Numbers, rows: int, figures: int):
        self._figures = figure[np.argsort(row, kind="stable")]
        self._row_start = np.searchsorted(np.sort(row), np.arange(rows + 1))
        self._terms = np.argsort(figure, kind="stable")
        self._rows = row[self._terms]
        self._start = np.searchsorted(figure[self._terms], np.arange(figures + 1))
        self._length = np.diff(self._row_start)

    def pieces(self, seeds: Numbers, size: int) -> Iterator[tuple[Numbers, Numbers]]:
        """Pieces of about `size` figures that have none in common, around one of the `seeds` each:
        the figures, ascending, and the terms that they stand in (places)."""
        taken = np.zeros(len(self._start) - 1, dtype=bool)
        for seed in seeds.tolist():
            if not taken[seed]:
                figures = self._around(seed, size, taken)
                taken[figures] = True
                yield figures, np.concatenate([
                    self._terms[self._start[one] : self._start[one + 1]]
                    for one in figures.tolist()
                ])  # fmt: skip

    def _around(self, seed: int, size: int, taken: Flags) -> Numbers:
        """The figures nearest to one, of those that are not `taken`."""
        found = {seed}
        seen: set[int] = set()
        waiting: list[tuple[int, int]] = []

        def enter(one: int) -> None:
            for row in self._rows[self._start[one] : self._start[one + 1]].tolist():
                if row not in seen:
                    seen.add(row)
                    heapq.heappush(waiting, (int(self._length[row]), row))

        enter(seed)
        while waiting and len(found) < size:
            _, row = heapq.heappop(waiting)
            for one in self._figures[self._row_start[row] : self._row_start[row + 1]].tolist():
                if one not in found and not taken[one]:
                    found.add(one)
                    enter(one)
        return np.array(sorted(found), dtype=np.int64)


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
        self._highs = solver(perturb=False)
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

    def lacking(self, low: Floats, high: Floats, width: Floats) -> Numbers:
        """The figures of which something that is asked is not shown to be possible."""
        return np.flatnonzero(
            (self.low > low + TOLERANCE)
            | (self.high < high - TOLERANCE)
            | (self.high - self.low < width - TOLERANCE)
        )

    def widen(self, low: Floats, high: Floats, width: Floats) -> None:
        """Find solutions until every figure has what is asked of it, or cannot have it."""
        self.sweep(low, high)
        self.widen_one_by_one(low, high, width)

    def widen_one_by_one(self, low: Floats, high: Floats, width: Floats) -> None:
        """As `widen`, with programmes for each figure alone that lacks something."""
        for place in self.lacking(low, high, width).tolist():
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

    def sweep(self, low: Floats, high: Floats) -> None:
        """Find solutions that are as low, or as high, as can be for many figures at once, as long
        as more than a share of `few` lack something."""
        for sign in (1.0, -1.0):
            before = len(low) + 1
            while True:
                lacking = self.low > low + TOLERANCE if sign > 0 else self.high < high - TOLERANCE
                if not 0 < lacking.sum() < before:
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
