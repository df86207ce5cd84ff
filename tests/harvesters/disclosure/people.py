"""People of a small city, counted in any table, and an attacker who solves for kinds of people.

The attacker shares nothing with the gate, not even the idea of lines and figures: its unknowns are
how many people there are of each kind (every combination of codes), and each published number is
one equation over them.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import highspy
import numpy as np
import pyarrow as pa

from harvesters.tabulate import components
from schemas import TOTAL, Component, Measure, Table
from schemas.table import SENSITIVE_THRESHOLD
from tests.harvesters.disclosure.builders import Key, Masks, cells_of

COLUMNS = ("area", "school", "level", "grade", "sex", "internet")
GRADES = (("primary", "g1"), ("primary", "g2"), ("secondary", "g6"))

EXACT = 1e-5
"""How far a bound may be from where it has to be: the solver's own tolerance, with room."""

People = Mapping[Key, int]
"""How many there are of each kind: a code of each of `COLUMNS`."""


def random_people(seed: int) -> People:
    """The people of a random small city, the same for the same seed; many kinds of few, or none."""
    dice = random.Random(seed)
    areas = dice.sample(["00100", "00200", "00300"], dice.randint(1, 3))
    schools = [(dice.choice(areas), f"{n:04d}") for n in range(dice.randint(1, 4))]
    grades = dice.sample(GRADES, dice.randint(1, 3))
    most = dice.choice([3, 6, 12, 60])
    found = {}
    for school, grade, sex in itertools.product(schools, grades, ("male", "female")):
        if dice.random() < 0.85:
            for internet in ("yes", "no"):
                number = dice.choice([0, dice.randint(0, most), dice.randint(0, most)])
                found[(*school, *grade, sex, internet)] = number
    return found


def passes(kind: Key, component: Component) -> bool:
    """Whether people of this kind pass the filter of a component."""
    codes = dict(zip(COLUMNS, kind, strict=True))
    return all(codes[column] in passing for column, passing in component.where.items())


def counted(table: Table, people: People) -> pa.Table:
    """The cells of a table over these people: each was absent once and paid 2.5."""
    finest: dict[Key, dict[str, float | None]] = {}
    for kind, number in people.items():
        codes = dict(zip(COLUMNS, kind, strict=True))
        cell = finest.setdefault(tuple(codes[name] for name in table.dimension_columns), {})
        for one in components(table):
            each = 2.5 if one.source == "fees" and not one.counted else 1
            here = each * number if passes(kind, one) else 0
            cell[one.name] = (cell.get(one.name) or 0) + here
    return cells_of(table, finest)


def cities(tables: Sequence[Table], seed: int) -> dict[str, pa.Table]:
    """The cells of all tables over the people of one city."""
    people = random_people(seed)
    return {table.name: counted(table, people) for table in tables}


@dataclass(frozen=True)
class Target:
    """A count of people that a table is to protect: of which `kinds`, and from what number `k` on
    it may be shown. `hidden` says that a published column of it is suppressed here, `at_end` that
    it is next to nothing of some whole, and has to be protected whatever it is."""

    kinds: frozenset[int]
    k: int
    hidden: bool
    shown: bool
    at_end: bool = False


Shown = Sequence[tuple[Table, pa.Table, Masks]]
"""Tables, their cells and what is suppressed of them."""


def weaknesses(people: People, published: Shown) -> list[str]:
    """What of these tables gives a small number or a suppressed one away."""
    return weaknesses_of_versions([(people, published)])


def weaknesses_of_versions(versions: Sequence[tuple[People, Shown]]) -> list[str]:
    """The same, of tables that were published at several times: the attacker has kept them all, and
    knows of every figure whether it has changed in between."""
    numbers: list[int] = []
    targets: list[Target] = []
    equations: list[tuple[dict[int, float], float, float]] = []
    same: dict[tuple[frozenset[Key], int], frozenset[int]] = {}
    for people, published in versions:
        kinds, start = list(people), len(numbers)
        numbers += people.values()
        for shown in published:
            for one in _targets(kinds, *shown):
                here = frozenset(start + kind for kind in one.kinds)
                targets.append(replace(one, kinds=here))
                figure = frozenset(kinds[kind] for kind in one.kinds)
                value = sum(people[kind] for kind in figure)
                before = same.setdefault((figure, value), here)
                if before != here:
                    terms = {**dict.fromkeys(here, 1.0), **dict.fromkeys(before, -1.0)}
                    equations.append((terms, 0, 0))
            equations += [
                ({start + kind: factor for kind, factor in terms.items()}, least, greatest)
                for terms, least, greatest in _equations(kinds, *shown)
            ]
    wanted: dict[frozenset[int], Target] = {}
    for one in targets:
        known = wanted.get(one.kinds, one)
        wanted[one.kinds] = Target(
            one.kinds, max(one.k, known.k), one.hidden or known.hidden, one.shown or known.shown,
            one.at_end or known.at_end,
        )  # fmt: skip
    truth = {kinds: sum(numbers[kind] for kind in kinds) for kinds in wanted}
    small = {kinds: 0 < truth[kinds] < one.k or one.at_end for kinds, one in wanted.items()}
    asked = [one for kinds, one in wanted.items() if small[kinds] or one.hidden]
    bounds = Bounds(len(numbers), equations, [one.kinds for one in asked])
    found = []
    for number_, one in enumerate(asked):
        least, greatest = (0, one.k) if small[one.kinds] else (np.inf, -np.inf)
        width = 0 if small[one.kinds] else 1
        if one.hidden and one.shown:
            found.append("open in one table, suppressed in another")
        elif not bounds.contain(number_, least, greatest, width):
            kind = "small" if small[one.kinds] else "suppressed"
            low, high = bounds.low[number_], bounds.high[number_]
            found.append(f"{kind}: {low:g} to {high:g}, k {one.k}")
    return found


def _rows(
    kinds: Sequence[Key], table: Table, cells: pa.Table
) -> Iterator[tuple[int, dict[str, object], list[int]]]:
    """The number and codes of each row, and the kinds of people in it."""
    places = [COLUMNS.index(name) for name in table.dimension_columns]
    for index, row in enumerate(cells.to_pylist()):
        codes = [row[name] for name in table.dimension_columns]
        yield index, row, [
            number for number, kind in enumerate(kinds)
            if all(code in (TOTAL, kind[place]) for code, place in zip(codes, places, strict=True))
        ]  # fmt: skip


def _some(kinds: Sequence[Key], here: Sequence[int], component: Component) -> frozenset[int]:
    return frozenset(number for number in here if passes(kinds[number], component))


def _is_count(measure: Measure) -> bool:
    return measure.kind == "count" and measure.about == "persons"


def _targets(kinds: Sequence[Key], table: Table, cells: pa.Table, masks: Masks) -> Iterator[Target]:
    k = table.disclosure.threshold
    counts = [one for one in table.measures if _is_count(one)]
    has_all = any(not one.numerator.where for one in counts)
    for index, row, here in _rows(kinds, table, cells):
        everyone = frozenset(here)
        for one in counts:
            some, out = _some(kinds, here, one.numerator), bool(masks[one.name][index])
            yield Target(some, k, out, not out)
            if has_all and some != everyone:
                yield Target(everyone - some, k, False, False)
        for one in table.measures:
            if one.kind == "rate" and one.about == "persons":
                some = _some(kinds, here, one.numerator)
                assert one.denominator is not None
                top, below = row[one.numerator.name], row[one.denominator.name]
                assert isinstance(top, int) and isinstance(below, int)
                for part, few in ((some, top), (everyone, below), (everyone - some, below - top)):
                    # Nobody of somebody is at an end as well.
                    at_end = below > 0 and part != everyone and few <= below / 20
                    yield Target(part, max(k, SENSITIVE_THRESHOLD), False, False, at_end)


def _equations(
    kinds: Sequence[Key], table: Table, cells: pa.Table, masks: Masks
) -> Iterator[tuple[dict[int, float], float, float]]:
    """What is known of the numbers of each kind: factors, the least and the greatest sum."""
    for index, row, here in _rows(kinds, table, cells):
        for one in table.measures:
            if masks[one.name][index] or one.about != "persons":
                continue
            some = _some(kinds, here, one.numerator)
            if one.kind == "count":
                value = row[one.numerator.name]
                assert isinstance(value, int)
                yield dict.fromkeys(some, 1.0), value, value
            elif one.kind == "rate":
                assert one.denominator is not None
                top, below = row[one.numerator.name], row[one.denominator.name]
                assert isinstance(top, int) and isinstance(below, int)
                if below == 0:
                    yield dict.fromkeys(here, 1.0), 0, 0
                    continue
                share = round(100 * top / below, one.decimals)
                half = 0.5 * 10**-one.decimals
                edges = [(1, share - half), (-1, share + half)]
                if share <= 5:
                    edges = [(-1, 5)]
                elif share >= 95:
                    edges = [(1, 95)]
                for sign, edge in edges:
                    yield (
                        {number: sign * ((number in some) - edge / 100) for number in here},
                        0, np.inf,
                    )  # fmt: skip


class Bounds:
    """Between which values a sum of unknowns can be; solutions found serve all sums."""

    def __init__(
        self,
        unknowns: int,
        equations: Sequence[tuple[dict[int, float], float, float]],
        sums: Sequence[frozenset[int]],
    ):
        self._size = unknowns
        self._highs = highspy.Highs()
        self._highs.setOptionValue("output_flag", False)
        self._highs.setOptionValue("threads", 1)
        self._highs.addVars(unknowns, np.zeros(unknowns), np.full(unknowns, 1e4))
        distinct = {(tuple(sorted(terms.items())), *ends) for terms, *ends in equations}
        for terms, least, greatest in sorted(distinct):
            columns = np.array([column for column, _ in terms], dtype=np.int32)
            factors = np.array([factor for _, factor in terms])
            self._highs.addRow(
                least, min(greatest, highspy.kHighsInf), len(terms), columns, factors
            )
        self._sums = np.zeros((len(sums), unknowns))
        for number, one in enumerate(sums):
            self._sums[number, list(one)] = 1
        self.low, self.high = np.full(len(sums), np.inf), np.full(len(sums), -np.inf)

    def contain(self, number: int, least: float, greatest: float, width: float) -> bool:
        """Whether a sum can be as low as `least` and as high as `greatest`, and differ by
        `width`."""
        for sign in (1, -1):
            if not self._holds(number, least, greatest, width):
                self._solve(sign * self._sums[number])
        return self._holds(number, least, greatest, width)

    def _holds(self, number: int, least: float, greatest: float, width: float) -> bool:
        low, high = self.low[number], self.high[number]
        return bool(
            low <= least + EXACT and high >= greatest - EXACT and high - low >= width - EXACT
        )

    def _solve(self, costs: np.ndarray) -> None:
        columns = np.arange(self._size, dtype=np.int32)
        self._highs.changeColsCost(self._size, columns, costs)
        self._highs.run()
        assert self._highs.getModelStatus() == highspy.HighsModelStatus.kOptimal
        values = self._sums @ np.asarray(self._highs.getSolution().col_value)
        np.minimum(self.low, values, out=self.low)
        np.maximum(self.high, values, out=self.high)
