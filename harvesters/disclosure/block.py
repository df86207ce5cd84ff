"""A block of a system: which of its figures are hidden, and the moves that this allows."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from harvesters.disclosure.moves import Moves
from harvesters.disclosure.system import Index, Mask, Sums, System, Terms, Values

_HIDDEN_PRICE = 1e-3
_SHIFTS = 8
"""How many moves of shared figures near a figure are tried before all others."""

_EFFORT = 400
"""How many linear programmes may be solved to do with less: a number, so that the outcome does not
depend on how busy the machine is."""
_TOLERANCE = 1e-6


class Block:
    """Some figures of a system, numbered anew from 0 in the order of `own`.

    `sums` and `weight` are the system's. Figures in the sums that are not `own` are shared with
    other blocks, and held fast but for the moves that the block is asked to follow. What is asked
    of a block, its *needs*: that a figure can go down to its low end, or up to its high one, and
    that shared figures can move.
    """

    def __init__(self, system: System, own: Index, sums: Sums, weight: Values):
        self.own, self.sums = own, sums
        self.hidden: Mask = system.sensitive[own].copy()
        self.moves: list[Values] = []
        self._along: list[int] = []
        self._weight = weight[own]
        self._value, self._published = system.value[own], system.published[own]
        self._low, self._high = system.low[own], system.high[own]
        self._sensitive = system.sensitive[own]
        self._most = None if system.most is None else system.most[own]
        asked = ~np.isnan(self._high)
        movable = (self._value > 0) | ~self._published | self._sensitive | asked
        self._movable: Mask = movable & ~system.open[own]
        self._down = np.flatnonzero(asked & (self._value > self._low))
        self._up = np.flatnonzero(asked & (self._value < self._high))
        self._shifts: list[Values] = []
        number = np.full(len(system), -1, dtype=np.int64)
        number[own] = np.arange(len(own))
        terms = sums.terms()
        is_own = number[terms.figure] >= 0
        self._terms = terms.where(is_own, number)
        self._shared = terms.where(~is_own, np.arange(len(system)))
        self._pricing: Moves | None = None
        self._moving: set[int] = set()

    def __getstate__(self) -> dict[str, object]:
        # A solver cannot go to another process; it is made again there.
        return {**self.__dict__, "_pricing": None}

    def ask_only(self, figures: Sequence[int]) -> None:
        """Ask nothing of figures but these."""
        self._down = np.intersect1d(self._down, figures)
        self._up = np.intersect1d(self._up, figures)

    def ask_to_follow(self, move: Values) -> bool:
        """Ask for a move beside one of the shared figures, shape (figures of the system,); False
        where that asks nothing new."""
        shared = self._shared
        moved = shared.sign * move[shared.figure]
        shift: Values = -np.bincount(shared.row, moved, shared.rows).astype(np.float64)
        if not shift.any() or any(np.allclose(shift, known) for known in self._shifts):
            return False
        self._shifts.append(shift)
        self._moving |= set(np.flatnonzero(shift).tolist())
        return True

    def hide(self, more: Mask) -> None:
        """Hide more figures."""
        self.hidden |= more & self._published
        self._pricing = None

    def cover(self) -> list[int]:
        """Hide what it takes to meet the needs; the figures whose needs nothing meets."""
        met = np.zeros(self.needs, dtype=bool)
        for move, along in zip(self.moves, self._along, strict=True):
            met |= self._met_by(move, along)
        stuck = []
        for need in range(self.needs - 1, -1, -1):
            if met[need]:
                continue
            found = self._meet(self._priced(), need, self._likely_shifts(need))
            if found is None:
                stuck.append(need)
                continue
            move, along = found
            self.moves.append(move)
            self._along.append(along)
            met |= self._met_by(move, along)
            for figure in np.flatnonzero((move != 0) & self._published & ~self.hidden):
                self.hidden[figure] = True
                self._priced().reprice(int(figure), _HIDDEN_PRICE)
        return sorted({self._figure(need) for need in stuck})

    def thin_out(self) -> None:
        """Show again what no move needs, and try to do without the dearest of the others."""
        self._show_unused()
        candidates = np.flatnonzero(self.hidden & ~self._sensitive)
        if not len(candidates):
            return
        crossings = _crossings(self._terms, len(self.own))
        moves = Moves(self._value, self._terms, self._loose, np.ones(len(self.own)), self._most)
        uses = np.array(self.moves) != 0
        meets = np.array([self._met_by(*one) for one in zip(self.moves, self._along, strict=True)])
        for figure in candidates[np.argsort(-self._weight[candidates], kind="stable")].tolist():
            if moves.programmes > _EFFORT:
                break
            if self._is_indispensable(figure, *crossings):
                continue
            using = uses[:, figure]
            moves.hold(figure, True)
            made = self._meet_all(moves, ~meets[~using].any(axis=0), using)
            if made is None:
                moves.hold(figure, False)
                continue
            self.hidden[figure] = False
            kept = np.flatnonzero(~using).tolist()
            self.moves = [self.moves[one] for one in kept] + [move for move, _ in made]
            self._along = [self._along[one] for one in kept] + [along for _, along in made]
            uses = np.vstack([uses[kept], *(move != 0 for move, _ in made)])
            meets = np.vstack([meets[kept], *(self._met_by(*one) for one in made)])
        self._show_unused()

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
            if not kept.any() or row in self._moving or len(set(signs[kept])) > 1:
                continue
            others = others[kept]
            if self._value[others].sum() < np.nan_to_num(self._high[others]).max():
                return True
        return False

    # Needs are numbered: down, up, follow.

    @property
    def needs(self) -> int:
        """How many needs there are."""
        return len(self._down) + len(self._up) + len(self._shifts)

    def _figure(self, need: int) -> int:
        """The figure of a need; -1 where the need is to follow."""
        downs, ups = len(self._down), len(self._up)
        if need < downs:
            return int(self._down[need])
        return int(self._up[need - downs]) if need < downs + ups else -1

    def _met_by(self, move: Values, along: int) -> Mask:
        """Which needs a move meets, shape (needs,)."""
        value = self._value + move
        follow = np.arange(len(self._shifts)) == along
        down = value[self._down] <= self._low[self._down] + _TOLERANCE
        up = value[self._up] >= self._high[self._up] - _TOLERANCE
        return np.concatenate([down, up, follow])

    def _meet(self, moves: Moves, need: int, shifts: Iterable[int]) -> tuple[Values, int] | None:
        """The cheapest move that meets a need, along the first of `shifts` that allows one (-1:
        none is followed); the move, and that shift."""
        figure = self._figure(need)
        if figure >= 0 and not self._movable[figure]:
            return None
        if figure < 0:
            along = need - len(self._down) - len(self._up)
            move = moves.cheapest(along=self._shifts[along])
            return None if move is None else (move, along)
        end = self._low if need < len(self._down) else self._high
        by = float(end[figure] - self._value[figure])
        for along in shifts:
            move = moves.cheapest(figure, by, self._shifts[along] if along >= 0 else None)
            if move is not None:
                return move, along
        return None

    def _likely_shifts(self, need: int) -> Iterator[int]:
        """No shift (-1), the first shifts of a sum that the figure of a need stands in, and then
        the others."""
        yield -1
        rows = self._terms.row[self._terms.figure == self._figure(need)]
        near = (number for number, shift in enumerate(self._shifts) if shift[rows].any())
        first = list(itertools.islice(near, _SHIFTS))
        yield from first
        yield from (number for number in range(len(self._shifts)) if number not in first)

    def _meet_all(
        self, moves: Moves, needs: Mask, instead: Mask
    ) -> list[tuple[Values, int]] | None:
        """Moves that meet all `needs`, shape (needs,), along the same shifts as the moves that
        they are to stand `instead` of (shape (moves,)); None where nothing meets one."""
        missing, made = needs.copy(), []
        shifts = sorted({-1, *itertools.compress(self._along, instead.tolist())})
        for need in np.flatnonzero(needs)[::-1].tolist():
            if missing[need]:
                found = self._meet(moves, need, shifts)
                if found is None:
                    return None
                made.append(found)
                missing &= ~self._met_by(*found)
        return made

    def _priced(self) -> Moves:
        """All moves, where what is hidden costs next to nothing."""
        if self._pricing is None:
            price = np.where(self.hidden | ~self._published, _HIDDEN_PRICE, self._weight)
            self._pricing = Moves(self._value, self._terms, self._movable, price, self._most)
        return self._pricing

    def _show_unused(self) -> None:
        used = np.zeros(len(self.own), dtype=bool)
        for move in self.moves:
            used |= move != 0
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
