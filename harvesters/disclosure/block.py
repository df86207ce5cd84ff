"""A block of a system: which of its figures are hidden, and the moves that this allows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from harvesters.disclosure.moves import Move
from harvesters.disclosure.nearby import Nearby
from harvesters.disclosure.system import Index, Mask, Sums, System, Terms, Values

_HIDDEN_PRICE = 1e-3

_EFFORT = 300_000
"""How many linear programmes may be solved to do with less, times the figures that may move in
each: a number, so that the outcome does not depend on how busy the machine is. A ward of the full
city takes half of it at most; a table that is one block of many figures would take minutes."""

_TOLERANCE = 1e-6
_DIGITS = 6
"""To so many digits, two moves of what is shared go the same way."""

FOLLOW = -1
"""Stands for a figure, where a need is to follow what is shared."""


class Block:
    """Some figures of a system, numbered anew from 0 in the order of `own`.

    `sums` and `weight` are the system's. Figures in the sums that are not `own` are shared with
    other blocks, and held fast but for the moves that the block is asked to follow. What is asked
    of a block, its *needs*: that a figure can go down to its low end, or up to its high one, and
    that shared figures can move. `group` says which figures of the system hang together closely,
    shape (figures of the system,).
    """

    def __init__(self, system: System, own: Index, sums: Sums, weight: Values, group: Index):
        self.own, self.sums = own, sums
        self.hidden: Mask = system.sensitive[own].copy()
        self._weight, self._group = weight[own], group[own]
        self._value, self._published = system.value[own], system.published[own]
        self._low, self._high = system.low[own], system.high[own]
        self._sensitive = system.sensitive[own]
        self._most = None if system.most is None else system.most[own]
        asked = ~np.isnan(self._high)
        movable = (self._value > 0) | ~self._published | self._sensitive | asked
        self._movable: Mask = movable & ~system.open[own]
        self._down = np.flatnonzero(asked & (self._value > self._low))
        self._up = np.flatnonzero(asked & (self._value < self._high))
        # Moves by number: themselves, and which needs they meet; the moves that use a figure; how
        # many moves meet a need.
        self._taken = 0
        self._times: Index
        self._moves: dict[int, Move] = {}
        self._meets: dict[int, Index] = {}
        self._using: dict[int, set[int]] = {}
        # Shifts: how far the sums are off beside a move of what is shared, shape (sums,). How far
        # they go is kept by the way that they go.
        self._shifts: list[Values] = []
        self._farthest: dict[bytes, float] = {}
        self._moving: Mask = np.zeros(len(sums), dtype=bool)
        self._number_needs()
        number = np.full(len(system), -1, dtype=np.int64)
        number[own] = np.arange(len(own))
        terms = sums.terms()
        is_own = number[terms.figure] >= 0
        self._terms = terms.where(is_own, number)
        self._shared = terms.where(~is_own, np.arange(len(system)))
        self._pricing: Nearby | None = None

    def ask_only(self, figures: Sequence[int]) -> None:
        """Ask nothing of figures but these."""
        self._down = np.intersect1d(self._down, figures)
        self._up = np.intersect1d(self._up, figures)
        self._number_needs()

    def ask_to_follow(self, move: Values) -> bool:
        """Ask for a move beside one of the shared figures, shape (figures of the system,); False
        where that asks nothing new."""
        shared = self._shared
        moved = shared.sign * move[shared.figure]
        shift: Values = -np.bincount(shared.row, moved, shared.rows).astype(np.float64)
        far = float(np.abs(shift).max(initial=0))
        if far < _TOLERANCE:
            return False
        # Who can follow a move can follow a part of it.
        way = (np.round(shift / far, _DIGITS) + 0.0).tobytes()
        if far <= self._farthest.get(way, 0.0) + _TOLERANCE:
            return False
        self._farthest[way] = far
        self._shifts.append(shift)
        self._times = np.append(self._times, 0)
        self._moving |= shift != 0
        self._pricing = None
        return True

    @property
    def moves(self) -> list[Move]:
        """The moves that meet the needs."""
        return list(self._moves.values())

    def hide(self, more: Mask) -> None:
        """Hide more figures."""
        self.hidden |= more & self._published
        self._pricing = None

    def cover(self) -> list[int]:
        """Hide what it takes to meet the needs; the figures whose needs nothing meets, `FOLLOW`
        among them where the block cannot follow."""
        stuck = []
        for need in self._by_group(range(self.needs)):
            if self._times[need]:
                continue
            move = self._meet(self._priced(), need)
            if move is None:
                stuck.append(need)
                continue
            self._take(need, move)
            for figure in move.figures[self._published[move.figures]].tolist():
                if not self.hidden[figure]:
                    self.hidden[figure] = True
                    self._priced().reprice(figure, _HIDDEN_PRICE)
        # Models take much memory, and cannot go to another process.
        self._pricing = None
        return sorted({self._figure(need) for need in stuck})

    def thin_out(self) -> None:
        """Show again what no move needs, and try to do without the dearest of the others."""
        self._show_unused()
        candidates = np.flatnonzero(self.hidden & ~self._sensitive)
        if not len(candidates):
            return
        crossings = _crossings(self._terms, len(self.own))
        moves = self._made(self._loose, np.ones(len(self.own)), far=False)
        most = _EFFORT // int(self._loose.sum())
        for figure in candidates[np.argsort(-self._weight[candidates], kind="stable")].tolist():
            if moves.programmes > most:
                break
            if self._is_indispensable(figure, *crossings):
                continue
            moves.hold(figure, True)
            if self._do_without(moves, figure):
                self.hidden[figure] = False
            else:
                moves.hold(figure, False)
        self._show_unused()

    def _do_without(self, moves: Nearby, figure: int) -> bool:
        """Put other moves in the place of those that use a figure; False where there are none."""
        using = sorted(self._using.get(figure, ()))
        times = self._times.copy()
        for one in using:
            times[self._meets[one]] -= 1
        made = []
        for need in self._by_group(np.flatnonzero(times == 0).tolist()):
            if times[need]:
                continue
            move = self._meet(moves, need)
            if move is None:
                return False
            made.append((need, move))
            times[self._met_by(need, move)] += 1
        for one in using:
            self._drop(one)
        for need, move in made:
            self._take(need, move)
        return True

    def _take(self, need: int, move: Move) -> None:
        """Keep a move that was found for a need."""
        number = self._taken
        self._taken += 1
        self._moves[number], self._meets[number] = move, self._met_by(need, move)
        self._times[self._meets[number]] += 1
        for figure in move.figures.tolist():
            self._using.setdefault(figure, set()).add(number)

    def _drop(self, number: int) -> None:
        self._times[self._meets.pop(number)] -= 1
        for figure in self._moves.pop(number).figures.tolist():
            self._using[figure].remove(number)

    @property
    def _loose(self) -> Mask:
        """The figures that may move."""
        return (self.hidden | ~self._published) & self._movable

    def _is_indispensable(
        self, figure: int, rows: list[list[int]], figures: list[tuple[Index, Values]]
    ) -> bool:
        """Whether some sum, by itself, shows that a hidden figure has to stay so: the others that
        are hidden in it do not come to what one of them asks for."""
        loose = self._loose
        for row in rows[figure]:
            others, signs = figures[row]
            kept = loose[others] & (others != figure)
            if not kept.any() or self._moving[row] or len(set(signs[kept])) > 1:
                continue
            others = others[kept]
            if self._value[others].sum() < np.nan_to_num(self._high[others]).max():
                return True
        return False

    # Needs are numbered: down, up, follow.

    def _number_needs(self) -> None:
        self._down_of, self._up_of = np.full((2, len(self.own)), -1)
        self._down_of[self._down] = np.arange(len(self._down))
        self._up_of[self._up] = len(self._down) + np.arange(len(self._up))
        self._times = np.zeros(self.needs, dtype=np.int64)

    @property
    def needs(self) -> int:
        """How many needs there are."""
        return len(self._down) + len(self._up) + len(self._shifts)

    def _figure(self, need: int) -> int:
        """The figure of a need; `FOLLOW` where the need is that."""
        downs, ups = len(self._down), len(self._up)
        if need < downs:
            return int(self._down[need])
        return int(self._up[need - downs]) if need < downs + ups else FOLLOW

    def _by_group(self, needs: Iterable[int]) -> list[int]:
        """Needs in the order in which they are met: the last first, those of a group together."""
        last = self._group.max(initial=0) + 1

        def place(need: int) -> tuple[int, int]:
            figure = self._figure(need)
            return (int(self._group[figure]) if figure >= 0 else last, need)

        return sorted(needs, key=place, reverse=True)

    def _met_by(self, need: int, move: Move) -> Index:
        """The needs that a move meets that was found for one."""
        value = self._value[move.figures] + move.steps
        down = value <= self._low[move.figures] + _TOLERANCE
        up = value >= self._high[move.figures] - _TOLERANCE
        met = (self._down_of[move.figures[down]], self._up_of[move.figures[up]], np.array([need]))
        found: Index = np.unique(np.concatenate(met))
        return found[found >= 0]

    def _meet(self, moves: Nearby, need: int) -> Move | None:
        """The cheapest move that meets a need; None if there is none."""
        figure = self._figure(need)
        if figure < 0:
            return moves.following(need - len(self._down) - len(self._up))
        end = self._low if need < len(self._down) else self._high
        return moves.moving(figure, float(end[figure] - self._value[figure]))

    def _priced(self) -> Nearby:
        """All moves, where what is hidden costs next to nothing."""
        if self._pricing is None:
            price = np.where(self.hidden | ~self._published, _HIDDEN_PRICE, self._weight)
            self._pricing = self._made(self._movable, price, far=True)
        return self._pricing

    def _made(self, movable: Mask, price: Values, far: bool) -> Nearby:
        shifts = np.array(self._shifts).reshape(len(self._shifts), self._terms.rows)
        return Nearby(
            self._value, self._terms, movable, price, shifts, self._group, self.hidden, far,
            self._most,
        )  # fmt: skip

    def _show_unused(self) -> None:
        used = np.zeros(len(self.own), dtype=bool)
        used[[figure for figure, moves in self._using.items() if moves]] = True
        self.hidden &= used | self._sensitive


def _crossings(terms: Terms, figures: int) -> tuple[list[list[int]], list[tuple[Index, Values]]]:
    """The rows that each figure stands in, and the figures and signs of each row."""
    order = np.argsort(terms.figure, kind="stable")
    ends = np.searchsorted(terms.figure[order], np.arange(1, figures))
    rows = [part.tolist() for part in np.split(terms.row[order], ends)]
    order = np.argsort(terms.row, kind="stable")
    ends = np.searchsorted(terms.row[order], np.arange(1, terms.rows))
    found, signs = np.split(terms.figure[order], ends), np.split(terms.sign[order], ends)
    return rows, list(zip(found, signs, strict=True))
