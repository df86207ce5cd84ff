"""Moves that are looked for nearby first.

Where figures fall into groups that few sums join (the wards of a city, the schools of a ward), what
a figure's move needs is mostly found in its own group and in some others. A programme over those is
much smaller than one over all.
"""

from __future__ import annotations

import numpy as np

from harvesters.disclosure.moves import Move, Moves
from harvesters.disclosure.system import Index, Mask, Terms, Values

_NEAR = 8
"""In how many other groups a move is looked for."""

_AT_HAND = 40
"""How many models are kept, for the memory that they take."""


class Nearby:
    """`Moves` of figures that fall into groups: `group`, shape (figures,); 0 is what all share.

    A move is looked for in the figure's own group and in those that have most of the `hidden`
    figures, shape (figures,), in the same sums; if there is none, and `far`, then among all.
    """

    def __init__(
        self, value: Values, terms: Terms, movable: Mask, price: Values, shifts: Values,
        group: Index, hidden: Mask, far: bool, most: Values | None = None,
    ):  # fmt: skip
        self._value, self._terms, self._shifts = value, terms, shifts
        self._movable, self._price = movable, price.copy()
        self._hidden, self._far, self._most = hidden, far, most
        self._held: set[int] = set()
        numbers, place = np.unique(np.append(0, group), return_inverse=True)
        self._groups, self._group = len(numbers), place[1:]
        self._size = np.bincount(self._group, value, self._groups)
        self._by_group = _Places(self._group[terms.figure], self._groups)
        self._by_row = _Places(terms.row, terms.rows)
        self._made: dict[int, Moves] = {}
        self.programmes = 0
        """How many linear programmes were solved."""

    def hold(self, figure: int, fast: bool) -> None:
        """Hold a movable figure fast, or let it move again."""
        (self._held.add if fast else self._held.discard)(figure)
        for moves in self._made.values():
            moves.hold(figure, fast)

    def reprice(self, figure: int, price: float) -> None:
        """What it costs to move a movable figure by one."""
        self._price[figure] = price
        for moves in self._made.values():
            moves.reprice(figure, price)

    def moving(self, figure: int, by: float) -> Move | None:
        """As `Moves.moving`; the cheapest among those that are looked for."""
        # All are near where there are few.
        group = int(self._group[figure]) if self._groups > _NEAR + 2 else 0
        self.programmes += 1
        move = self._of(group).moving(figure, by)
        if move is None and group and self._far:
            self.programmes += 1
            move = self._of(0).moving(figure, by)
        return move

    def following(self, shift: int) -> Move | None:
        """As `Moves.following`."""
        self.programmes += 1
        return self._of(0).following(shift)

    def _of(self, group: int) -> Moves:
        """The moves of a group and those near it; of all for 0."""
        if group not in self._made:
            terms, movable = self._terms, self._movable
            if group:
                within = [0, group, *self._nearest(group)]
                terms = terms.take(np.sort(self._by_group.of(within)))
                movable = movable & np.isin(self._group, within)
            made = Moves(self._value, terms, movable, self._price, self._shifts, self._most)
            for figure in sorted(self._held):
                made.hold(figure, True)
            if len(self._made) == _AT_HAND:
                del self._made[next(iter(self._made))]
            self._made[group] = made
        return self._made[group]

    def _nearest(self, group: int) -> list[int]:
        terms = self._terms
        own = self._by_group.of([group])
        rows = np.unique(terms.row[own[self._hidden[terms.figure[own]]]])
        others = terms.figure[self._by_row.of(rows.tolist())]
        shared = np.bincount(self._group[others[self._hidden[others]]], minlength=self._groups)
        order = np.lexsort((self._size, -shared))
        return order[(order != group) & (order != 0)][:_NEAR].tolist()


class _Places:
    """The places of each of `number` labels, where `label` has the shape (places,)."""

    def __init__(self, label: Index, number: int):
        self._order = np.argsort(label, kind="stable")
        self._start = np.searchsorted(label[self._order], np.arange(number + 1))

    def of(self, labels: list[int]) -> Index:
        """The places that have one of some labels."""
        none = np.empty(0, dtype=np.int64)
        return np.concatenate(
            [none, *(self._order[self._start[one] : self._start[one + 1]] for one in labels)]
        )
