"""Moves that are looked for nearby first.

Where figures fall into groups that few sums join (wards of a city, schools of a ward), what a
figure's move needs is mostly found in its own group and in some others. A programme over those is
much smaller than one over all.
"""

from __future__ import annotations

import numpy as np

from harvesters.disclosure.moves import Move, Moves
from harvesters.disclosure.system import Index, Mask, Terms, Values


class Nearby:
    """`Moves` of figures that fall into groups: `group`, shape (figures,); 0 is what all share.

    A figure's move is looked for in its group and the `near` ones that have most of the `hidden`
    figures, shape (figures,), in the same sums; where `far`, then among all.
    """

    def __init__(
        self, value: Values, terms: Terms, movable: Mask, price: Values, shifts: Values,
        group: Index, hidden: Mask, near: int, far: bool,
    ):  # fmt: skip
        self._value, self._terms, self._shifts = value, terms, shifts
        self._movable, self._price = movable, price.copy()
        self._held: set[int] = set()
        self._group, self._hidden, self._near, self._far = group, hidden, near, far
        self._numbers = np.unique(group[group > 0])
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
        group = int(self._group[figure]) if len(self._numbers) > self._near + 1 else 0
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
            movable = self._movable
            if group:
                movable = movable & np.isin(self._group, [0, group, *self._nearest(group)])
            made = Moves(self._value, self._terms, movable, self._price, self._shifts)
            for figure in sorted(self._held):
                made.hold(figure, True)
            self._made[group] = made
        return self._made[group]

    def _nearest(self, group: int) -> list[int]:
        terms = self._terms
        hidden, of_term = self._hidden[terms.figure], self._group[terms.figure]
        rows = np.zeros(terms.rows, dtype=bool)
        rows[terms.row[hidden & (of_term == group)]] = True
        shared = np.bincount(of_term[hidden & rows[terms.row]], minlength=self._numbers[-1] + 1)
        size = np.bincount(self._group, self._value, minlength=self._numbers[-1] + 1)
        others = self._numbers[self._numbers != group]
        return others[np.lexsort((size[others], -shared[others]))][: self._near].tolist()
