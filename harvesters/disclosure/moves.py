"""Other tables that a reader could not tell from the true one, found by linear programming.

A *move* says how far each figure of such a table is from its true value. It keeps every sum, and
no figure falls below nothing, or rises above what a reader knows it to be at most.
"""

from __future__ import annotations

import highspy
import numpy as np

from harvesters.disclosure.highs import run, solver
from harvesters.disclosure.system import Mask, Terms, Values

ZERO = 1e-7
"""What is nearer to nothing is nothing: HiGHS keeps its rows to this tolerance."""

_NO_MOVE = (
    highspy.HighsModelStatus.kInfeasible,
    highspy.HighsModelStatus.kUnboundedOrInfeasible,
)


class Moves:
    """The moves of figures of the given `value`, shape (figures,), at a `price` for each step.

    `terms` are the sums that a move has to keep; only the figures of `movable` move, and none to
    above `most` (shape (figures,)).
    """

    def __init__(
        self,
        value: Values,
        terms: Terms,
        movable: Mask,
        price: Values,
        most: Values | None = None,
    ):
        self._all = len(value)
        self._figures = np.flatnonzero(movable)
        self._value = value[self._figures]
        self._size = size = len(self._figures)
        self._column = np.cumsum(movable) - 1
        terms = terms.where(movable[terms.figure], self._column)
        self._rows, row = np.unique(terms.row, return_inverse=True)
        order = np.argsort(row, kind="stable")
        figure, sign = terms.figure[order], terms.sign[order]
        start = 2 * np.searchsorted(row[order], np.arange(len(self._rows)))
        self._highs = solver()
        self.programmes = 0
        """How many linear programmes were solved."""
        # A figure's way up and its way down are two columns, for a price on either.
        rise = np.full(size, np.inf) if most is None else most[self._figures] - self._value
        self._free = np.concatenate([rise, self._value])
        self._upper = self._free.copy()
        self._highs.addVars(2 * size, np.zeros(2 * size), self._upper)
        columns = np.arange(2 * size, dtype=np.int32)
        prices = price[self._figures]
        self._highs.changeColsCost(2 * size, columns, np.concatenate([prices, prices]))
        self._highs.addRows(
            len(self._rows),
            np.zeros(len(self._rows)),
            np.zeros(len(self._rows)),
            2 * len(figure),
            start.astype(np.int32),
            np.stack([figure, figure + size], axis=1).ravel().astype(np.int32),
            np.stack([sign, -sign], axis=1).ravel(),
        )

    def hold(self, figure: int, fast: bool) -> None:
        """Hold a movable figure fast, or let it move again."""
        column = int(self._column[figure])
        for one in (column, column + self._size):
            self._upper[one] = 0.0 if fast else self._free[one]
        self._unfix(column)

    def reprice(self, figure: int, price: float) -> None:
        """What it costs to move a movable figure by one."""
        column = int(self._column[figure])
        self._highs.changeColCost(column, price)
        self._highs.changeColCost(column + self._size, price)

    def cheapest(
        self, figure: int | None = None, by: float = 0.0, along: Values | None = None
    ) -> Values | None:
        """The cheapest move, shape (figures,), that moves the movable `figure` by `by` and makes
        the sums differ by `along`, shape (rows of the terms,); None if there is none, or none was
        found.
        """
        shift = np.zeros(len(self._rows)) if along is None else along[self._rows]
        if along is not None and np.count_nonzero(along) != np.count_nonzero(shift):
            return None
        shifted = np.flatnonzero(shift).tolist()
        for row in shifted:
            self._highs.changeRowBounds(row, shift[row], shift[row])
        column = None if figure is None else int(self._column[figure])
        if column is not None:
            up, down = max(by, 0.0), max(-by, 0.0)
            self._highs.changeColBounds(column, up, up)
            self._highs.changeColBounds(column + self._size, down, down)
        self.programmes += 1
        status = run(self._highs, settled=_NO_MOVE)
        columns = np.asarray(self._highs.getSolution().col_value)
        if column is not None:
            self._unfix(column)
        for row in shifted:
            self._highs.changeRowBounds(row, 0.0, 0.0)
        if status != highspy.HighsModelStatus.kOptimal:
            return None
        steps = columns[: self._size] - columns[self._size :]
        steps[np.abs(steps) < ZERO] = 0.0
        move = np.zeros(self._all)
        move[self._figures] = steps
        return move

    def _unfix(self, column: int) -> None:
        for one in (column, column + self._size):
            self._highs.changeColBounds(one, 0.0, self._upper[one])
