"""Moves of figures: the cheapest ones, and how far the sums may be off."""

from __future__ import annotations

import numpy as np
import pytest

from harvesters.disclosure.moves import Move, Moves
from harvesters.disclosure.system import Terms

pytestmark = pytest.mark.unit

LINE = Terms(1, np.zeros(3, np.int64), np.arange(3), np.ones(3))
"""Three figures whose sum stays as it is."""


def moves(value: list[float], price: list[float], *shifts: float) -> Moves:
    """Moves along the line, whose sum may be off by shares of the `shifts`."""
    return Moves(
        np.array(value), LINE, np.ones(3, dtype=bool), np.array(price),
        np.array(shifts).reshape(len(shifts), 1),
    )  # fmt: skip


def steps(move: Move | None) -> dict[int, float]:
    """The steps of a move that there is."""
    assert move is not None
    return {
        figure: pytest.approx(step)
        for figure, step in zip(move.figures.tolist(), move.steps.tolist(), strict=True)
    }


def test_the_cheapest_figures_move_and_none_falls_below_nothing() -> None:
    one = moves([3, 4, 9], [1, 1, 5])
    assert steps(one.moving(0, 2)) == {0: 2, 1: -2}
    assert steps(one.moving(0, 6)) == {0: 6, 1: -4, 2: -2}
    assert one.moving(0, 14) is None


def test_one_programme_leaves_nothing_behind_for_the_next() -> None:
    one = moves([3, 4, 9], [1, 1, 5])
    first = steps(one.moving(0, 6))
    one.hold(1, True)
    assert steps(one.moving(0, 6)) == {0: 6, 2: -6}
    one.hold(1, False)
    assert steps(one.moving(0, 6)) == first
    one.reprice(1, 9)
    assert steps(one.moving(0, 6)) == {0: 6, 2: -6}


def test_sums_may_be_off_by_shares_of_what_is_shared_up_to_a_whole() -> None:
    """Off by 4, or by 6, or by anything between nothing and 6."""
    one = moves([0, 0, 0], [1, 1, 1], 4, 6)
    assert steps(one.moving(0, 3)) == {0: 3}
    assert steps(one.moving(0, 6)) == {0: 6}
    assert one.moving(0, 7) is None


def test_who_follows_is_off_by_the_whole_of_one_shift() -> None:
    one = moves([0, 0, 0], [2, 1, 3], 4, 6)
    assert steps(one.following(0)) == {1: 4}
    assert steps(one.following(1)) == {1: 6}
    assert moves([1, 1, 1], [1, 1, 1], -4).following(0) is None
