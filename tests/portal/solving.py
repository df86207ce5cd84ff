"""What follows from sums: the least and the greatest value that each hidden number can have.

Knows nothing of how the portal chooses what it hides: it takes what is published, as anyone may.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import highspy
import numpy as np

_NEAR = 1e-6


@dataclass(frozen=True)
class Interval:
    """What a reader can tell of a hidden number."""

    least: float
    greatest: float

    @property
    def is_one_value(self) -> bool:
        """Whether the number is told exactly; numbers of persons are whole."""
        return self.greatest + _NEAR < math.ceil(self.least - _NEAR) + 1

    def is_wide(self, enough: float) -> bool:
        """Whether it may be this or that, and nothing or at least `enough` too."""
        if self.greatest <= self.least or self.is_one_value:
            return False
        return self.least <= _NEAR or self.greatest >= enough

    def is_few(self, k: int) -> bool:
        """Whether it is told that it is one of 1 to k - 1."""
        return self.least > _NEAR and self.greatest < k - 1 + _NEAR


class System:
    """Unknown numbers and what is known of them: bounds, and bounds of weighted sums."""

    def __init__(self) -> None:
        self._index: dict[Hashable, int] = {}
        self._least: list[float] = []
        self._greatest: list[float] = []
        self._sums: list[tuple[tuple[int, ...], tuple[float, ...], float, float]] = []

    def __contains__(self, name: Hashable) -> bool:
        return name in self._index

    def number(self, name: Hashable, least: float = 0.0, greatest: float = math.inf) -> None:
        """There is a number called `name`; said again, the narrower bounds hold."""
        if name not in self._index:
            self._index[name] = len(self._least)
            self._least.append(least)
            self._greatest.append(greatest)
        index = self._index[name]
        self._least[index] = max(self._least[index], least)
        self._greatest[index] = min(self._greatest[index], greatest)

    def sum(self, weights: Mapping[Hashable, float], least: float, greatest: float) -> None:
        """The weighted sum of numbers lies between two bounds."""
        if weights:
            indices = tuple(self._index[name] for name in weights)
            self._sums.append((indices, tuple(weights.values()), least, greatest))

    def intervals(self, asked: Iterable[Hashable], enough: float) -> dict[Hashable, Interval]:
        """The interval of each of the `asked`; where it is wide (`Interval.is_wide`), the true one
        may be wider still.

        :raises ValueError: the numbers contradict each other.
        """
        wanted = {self._index[name]: name for name in asked}
        found: dict[Hashable, Interval] = {}
        for numbers, sums in self._components():
            here = [index for index in numbers if index in wanted]
            if here:
                for index, interval in self._solve(numbers, sums, here, enough).items():
                    found[wanted[index]] = interval
        return found

    def _components(self) -> list[tuple[list[int], list[int]]]:
        """Numbers and sums that have to do with each other."""
        parent = list(range(len(self._least)))

        def root(index: int) -> int:
            while parent[index] != index:
                parent[index] = parent[parent[index]]
                index = parent[index]
            return index

        for indices, _, _, _ in self._sums:
            for index in indices[1:]:
                parent[root(index)] = root(indices[0])
        groups: dict[int, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
        for index in range(len(parent)):
            groups[root(index)][0].append(index)
        for number, (indices, _, _, _) in enumerate(self._sums):
            groups[root(indices[0])][1].append(number)
        return list(groups.values())

    def _solve(
        self, numbers: Sequence[int], sums: Sequence[int], asked: Sequence[int], enough: float
    ) -> dict[int, Interval]:
        place = {index: column for column, index in enumerate(numbers)}
        solver = highspy.Highs()
        solver.silent()
        infinity = highspy.kHighsInf
        solver.addVars(
            len(numbers),
            np.array([self._least[index] for index in numbers]),
            np.array([min(self._greatest[index], infinity) for index in numbers]),
        )
        for number in sums:
            indices, weights, least, greatest = self._sums[number]
            columns = np.array([place[index] for index in indices], dtype=np.int32)
            solver.addRow(
                least, greatest, len(columns), columns, np.array(weights, dtype=np.float64)
            )
        least = np.full(len(numbers), math.inf)
        greatest = np.full(len(numbers), -math.inf)

        def extreme(index: int, direction: float) -> None:
            """Push one number as far as it goes; every solution tells of all numbers."""
            solver.changeColCost(place[index], direction)
            solver.run()
            status = solver.getModelStatus()
            if status in (
                highspy.HighsModelStatus.kUnbounded,
                highspy.HighsModelStatus.kUnboundedOrInfeasible,
            ):
                greatest[place[index]] = math.inf
            elif status != highspy.HighsModelStatus.kOptimal:
                raise ValueError(f"What is published contradicts itself: {status}.")
            else:
                values = np.array(solver.getSolution().col_value)
                np.minimum(least, values, out=least)
                np.maximum(greatest, values, out=greatest)
            solver.changeColCost(place[index], 0.0)

        def interval(index: int) -> Interval:
            return Interval(float(least[place[index]]), float(greatest[place[index]]))

        for index in asked:
            for direction in (1.0, -1.0):
                # Solutions for others have shown already that nothing is told of most numbers.
                if not interval(index).is_wide(enough):
                    extreme(index, direction)
        return {index: interval(index) for index in asked}
