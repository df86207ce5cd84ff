"""Other tables that a reader could not tell from the true one, found by linear programming.

A *move* says how far each figure of such a table is from its true value. It keeps every sum, and
no figure falls below nothing, or rises above what a reader knows it to be at most.
"""

from __future__ import annotations

from typing import NamedTuple

import highspy
import numpy as np

from harvesters.disclosure.highs import run, solver
from harvesters.disclosure.system import Index, Mask, Terms, Values

ZERO = 1e-7
"""What is nearer to nothing is nothing: HiGHS keeps its rows to this tolerance."""

_SHIFT_PRICE = 1e-3
"""What it costs to let the sums be off, as others then have to be."""

_NO_MOVE = (
    highspy.HighsModelStatus.kInfeasible,
    highspy.HighsModelStatus.kUnboundedOrInfeasible,
)


class Move(NamedTuple):
    """The figures that move, ascending, and by how much: shape (figures that move,) each."""

    figures: Index
    steps: Values


class Moves:
    """The moves of figures of the given `value`, shape (figures,), at a `price` for each step.

    `terms` are the sums that a move has to keep; only the figures of `movable` move, and none to
    above `most`, shape (figures,). Where the sums may be off by one of the `shifts`, shape (shifts,
    rows of the terms), they may be off by any share of each as well, as long as the shares come to
    no more than a whole.
    """

    def __init__(
        self, value: Values, terms: Terms, movable: Mask, price: Values, shifts: Values,
        most: Values | None = None,
    ):  # fmt: skip
        terms = terms.where(movable[terms.figure], np.arange(len(value)))
        self._figures = np.flatnonzero(movable)
        self._value = value[self._figures]
        self._size = size = len(self._figures)
        # A figure's way up and its way down are two columns, for a price on either; then come
        # the shares of the shifts.
        number = len(shifts)
        rise = np.full(size, np.inf) if most is None else most[self._figures] - self._value
        self._free = np.concatenate([rise, self._value, np.ones(number)])
        self._upper = self._free.copy()
        prices = price[self._figures]
        self._highs = solver()
        self._highs.addVars(len(self._upper), np.zeros(len(self._upper)), self._upper)
        self._highs.changeColsCost(
            len(self._upper),
            np.arange(len(self._upper), dtype=np.int32),
            np.concatenate([prices, prices, np.full(number, _SHIFT_PRICE)]),
        )
        up = np.searchsorted(self._figures, terms.figure)
        shift, off = np.nonzero(shifts)
        share = 2 * size + np.arange(number)
        row = np.concatenate([terms.row, terms.row, off, np.full(number, terms.rows)])
        column = np.concatenate([up, up + size, share[shift], share])
        factor = np.concatenate([terms.sign, -terms.sign, -shifts[shift, off], np.ones(number)])
        order = np.argsort(row, kind="stable")
        rows, start = np.unique(row[order], return_index=True)
        self._highs.addRows(
            len(rows),
            np.zeros(len(rows)),
            np.where(rows == terms.rows, 1.0, 0.0),
            len(order),
            start.astype(np.int32),
            column[order].astype(np.int32),
            factor[order],
        )

    def hold(self, figure: int, fast: bool) -> None:
        """Hold a figure fast, or let it move again."""
        column = self._column(figure)
        if column is not None:
            for one in (column, column + self._size):
                self._upper[one] = 0.0 if fast else self._free[one]
            self._unfix(column)

    def reprice(self, figure: int, price: float) -> None:
        """What it costs to move a figure by one."""
        column = self._column(figure)
        if column is not None:
            self._highs.changeColCost(column, price)
            self._highs.changeColCost(column + self._size, price)

    def moving(self, figure: int, by: float) -> Move | None:
        """The cheapest move that moves the `figure` by `by`, which takes it no lower than nothing;
        None if there is none, or none was found."""
        column = self._column(figure)
        if column is None:
            return None
        up, down = max(by, 0.0), max(-by, 0.0)
        self._highs.changeColBounds(column, up, up)
        self._highs.changeColBounds(column + self._size, down, down)
        move = self._cheapest()
        self._unfix(column)
        return move

    def following(self, shift: int) -> Move | None:
        """The cheapest move where the sums are off by one of the shifts; None if there is none,
        or none was found."""
        column = 2 * self._size + shift
        self._highs.changeColBounds(column, 1.0, 1.0)
        move = self._cheapest()
        self._highs.changeColBounds(column, 0.0, 1.0)
        return move

    def _cheapest(self) -> Move | None:
        # From nothing, a move takes few steps; the last one would have to be undone first.
        self._highs.clearSolver()
        if run(self._highs, settled=_NO_MOVE) != highspy.HighsModelStatus.kOptimal:
            return None
        columns = np.asarray(self._highs.getSolution().col_value)
        steps = columns[: self._size] - columns[self._size : 2 * self._size]
        moving = np.flatnonzero(np.abs(steps) >= ZERO)
        return Move(self._figures[moving], steps[moving])

    def _column(self, figure: int) -> int | None:
        """The column of a figure's way up; None where it cannot move."""
        column = int(np.searchsorted(self._figures, figure))
        known = column < self._size and self._figures[column] == figure
        return column if known else None

    def _unfix(self, column: int) -> None:
        for one in (column, column + self._size):
            self._highs.changeColBounds(one, 0.0, self._upper[one])
