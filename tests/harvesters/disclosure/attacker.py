"""An attacker: works out from what is published what the suppressed counts may be.

Shares no code with the gate. It writes down every line of every table (a total and what adds up
to it) as one system of equations over the suppressed counts, none of which is negative. A count
that stands in several tables is one unknown. The system falls apart into components that have no
equation in common; in each, the least and the greatest value of an unknown are linear programmes
(Fischetti and Salazar-González, *Models and algorithms for optimizing cell suppression in tabular
data with linear constraints*, Journal of the American Statistical Association 95, 2000).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import highspy
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas import TOTAL, Table

Numbers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

EXACT = 1e-5
"""How far a bound may be from where it has to be: the solver's own tolerance, with room."""


@dataclass(frozen=True)
class System:
    """What a reader can write down: the sum of `signs` times `unknowns`, over the entries of an
    equation, is its `right`. Arrays of shape (entries,), and (equations,) for `right`.

    `places` has, by table, the number of the unknown in each row, or -1 where the count is known.
    `blocks`, of shape (unknowns,), numbers the areas: in big components most equations are between
    unknowns of one area.
    """

    equations: Numbers
    unknowns: Numbers
    signs: Floats
    right: Floats
    size: int
    places: Mapping[str, Numbers]
    blocks: Numbers

    def components(self) -> list[Numbers]:
        """The unknowns of each component, in arrays of their numbers."""
        label = np.arange(self.size)
        line = np.full(len(self.right), self.size)
        while True:
            np.minimum.at(line, self.equations, label[self.unknowns])
            least = label.copy()
            np.minimum.at(least, self.unknowns, line[self.equations])
            # Jump to the label's own label: long chains shrink fast.
            least = least[least]
            if (least == label).all():
                break
            label = least
        order = np.argsort(label, kind="stable")
        return np.split(order, np.flatnonzero(np.diff(label[order])) + 1) if self.size else []


@dataclass(frozen=True)
class Attack:
    """What the attack found.

    `primaries` and `secondaries` are how many suppressed counts there are of each kind, a count
    in several tables once; `open_primaries` those for which [0, k] is not possible, and
    `open_secondaries` those whose interval is narrower than 1. `exposed` holds, by table, the
    mask of the rows of both.
    """

    primaries: int
    secondaries: int
    open_primaries: int
    open_secondaries: int
    exposed: Mapping[str, Mask]
    components: int
    largest: int
    programmes: int = field(compare=False)
    """How many linear programmes were solved."""


@dataclass(frozen=True)
class Lines:
    """Which counts stand where, and which add up: the parts of a line less its total are 0.

    `places` has, by table, the number of the count in each row. `line`, `member` and `sign` have
    an entry for each count in a line (1 for a part, -1 for the total), arrays of shape (entries,).
    `areas`, of shape (counts,), tells counts of different areas apart.
    """

    places: Mapping[str, Numbers]
    line: Numbers
    member: Numbers
    sign: Floats
    areas: Numbers

    @property
    def size(self) -> int:
        """How many lines there are."""
        return int(self.line.max(initial=-1)) + 1


def lines(tables: Sequence[tuple[Table, pa.Table]]) -> Lines:
    """The lines of all tables together, along each dimension and from level to level.

    `tables` come with their rows, of which only the dimension columns are read. What is counted
    in several tables is one count.
    """
    dice = np.random.default_rng(0)
    # Each code has a random number, and a cell the sum of those of its codes, modulo 2^64: what
    # is counted in the same cell has the same number in every table (Zobrist hashing).
    numbers: dict[str, int] = {}
    read = [_keys(table, rows, numbers, dice) for table, rows in tables]
    cells, first, place = np.unique(
        np.concatenate([key for key, *_ in read]), return_index=True, return_inverse=True
    )
    ends = np.cumsum([len(key) for key, *_ in read])[:-1]
    places = np.split(place, ends)
    line, member, sign, count = [], [], [], 0
    for (key, parents, _), own in zip(read, places, strict=True):
        for parent in parents:
            spot = np.searchsorted(cells, parent).clip(max=len(cells) - 1)
            there = (cells[spot] == parent) & (parent != key)
            totals, number = np.unique(spot[there], return_inverse=True)
            line += [number + count, np.arange(len(totals)) + count]
            member += [own[there], totals]
            sign += [np.ones(len(number)), -np.ones(len(totals))]
            count += len(totals)
    return Lines(
        {table.name: own for (table, _), own in zip(tables, places, strict=True)},
        np.concatenate(line),
        np.concatenate(member),
        np.concatenate(sign),
        np.concatenate([area for *_, area in read])[first],
    )


def system(published: Sequence[tuple[Table, pa.Table]], measure: str = "pupils") -> System:
    """The equations over the suppressed counts of `measure` in all tables together.

    `published` are tables with what goes out: the dimension columns and `measure`, which is null
    where it is suppressed. Rows that there are not are counts of 0.

    :raises ValueError: what is published does not add up.
    """
    of = lines(published)
    known = np.full(len(of.areas), np.nan)
    for table, rows in published:
        values = rows[measure].to_numpy(zero_copy_only=False).astype(np.float64)
        shown = ~np.isnan(values)
        known[of.places[table.name][shown]] = values[shown]
    hidden = np.isnan(known)
    number = np.where(hidden, np.cumsum(hidden) - 1, -1)
    entry = hidden[of.member]
    return _tidy(
        System(
            of.line[entry],
            number[of.member[entry]],
            of.sign[entry],
            -1.0
            * np.bincount(of.line[~entry], (of.sign * known[of.member])[~entry], minlength=of.size),
            int(hidden.sum()),
            {name: number[place] for name, place in of.places.items()},
            of.areas[hidden],
        )
    )


def _keys(
    table: Table, rows: pa.Table, numbers: dict[str, int], dice: np.random.Generator
) -> tuple[Numbers, list[Numbers], Numbers]:
    """The number of each row's cell; along each dimension that of its total (its own where it is
    one itself); and the code of the first dimension's first column. Arrays of shape (rows,)."""
    key = np.zeros(rows.num_rows, dtype=np.int64)
    steps, area = [], key
    for dimension in table.dimensions:
        # A school is known by its own code: that of its ward adds nothing.
        finest, above = np.zeros_like(key), np.zeros_like(key)
        for name in dimension.hierarchy:
            encoded = rows[name].combine_chunks().dictionary_encode()
            codes = encoded.dictionary.to_pylist()
            for code in codes:
                numbers.setdefault(f"{name}={code}", int(dice.integers(2**62)))
            drawn = np.array([numbers[f"{name}={code}"] for code in codes], dtype=np.int64)
            index = encoded.indices.to_numpy()
            detail = np.array([code != TOTAL for code in codes], dtype=bool)[index]
            if name == table.dimension_columns[0]:
                area = drawn[index]
            above = np.where(detail, finest, above)
            finest = np.where(detail, drawn[index], finest)
        key = key + finest
        steps.append(above - finest)
    return key, [key + step for step in steps], area


def _tidy(of: System) -> System:
    """Leave out equations without unknowns, and those that stand twice."""
    dice = np.random.default_rng(1)
    weight = dice.integers(2**62, size=of.size)
    mark = np.zeros(len(of.right), dtype=np.int64)
    np.add.at(mark, of.equations, weight[of.unknowns] * of.signs.astype(np.int64))
    used = np.bincount(of.equations, minlength=len(of.right)) > 0
    if of.right[~used].any():
        raise ValueError("What is published does not add up.")
    chosen = np.flatnonzero(used)[np.sort(np.unique(mark[used], return_index=True)[1])]
    renumbered = np.full(len(of.right), -1)
    renumbered[chosen] = np.arange(len(chosen))
    stays = renumbered[of.equations] >= 0
    return replace(
        of,
        equations=renumbered[of.equations[stays]],
        unknowns=of.unknowns[stays],
        signs=of.signs[stays],
        right=of.right[chosen],
    )


def intervals(of: System) -> tuple[Floats, Floats]:
    """The least and the greatest value of each unknown, of shape (unknowns,) each.

    Two linear programmes an unknown; the greatest may be infinite.
    """
    low, high = np.zeros(of.size), np.full(of.size, np.inf)
    for component in _parts(of):
        for unknown in range(component.size):
            low[component.unknowns[unknown]] = component.extreme(unknown, 1)
            high[component.unknowns[unknown]] = component.extreme(unknown, -1)
    return low, high


def attack(
    published: Sequence[tuple[Table, pa.Table]],
    truth: Mapping[str, pa.Table],
    measure: str = "pupils",
) -> Attack:
    """Judge what is published (see `system`) by the threshold of each table.

    `truth` has, by table, the cells with nothing suppressed, in the same order of rows. What is
    suppressed and from 1 to k - 1 is primary, else secondary. A primary count must be able to be
    0 and k, a secondary one must have an interval of at least 1.

    Each solution found serves all unknowns of its component, so few programmes are needed; where
    one is open, its own programmes have been solved.
    """
    of = system(published, measure)
    least, true = np.zeros(of.size), np.zeros(of.size)
    primary = np.zeros(of.size, dtype=bool)
    exposed = {}
    given_away = {}
    for table, rows in published:
        place = of.places[table.name]
        values = truth[table.name][measure].to_numpy()
        k = table.disclosure.threshold
        small = (values > 0) & (values < k)
        primary[place[(place >= 0) & small]] = True
        np.maximum.at(least, place[(place >= 0) & small], k)
        true[place[place >= 0]] = values[place >= 0]
        # Suppressed here, but open in another table.
        suppressed = rows[measure].is_null().to_numpy(zero_copy_only=False)
        exposed[table.name] = (suppressed | small) & (place < 0)
        given_away[table.name] = exposed[table.name] & small
    open_ = np.zeros(of.size, dtype=bool)
    programmes, sizes = 0, [0]
    for component in _parts(of):
        mine = component.unknowns
        open_[mine] = component.judge(primary[mine], least[mine], true[mine], of.blocks[mine])
        programmes += component.programmes
        sizes.append(component.size)
    for name, place in of.places.items():
        exposed[name] |= (place >= 0) & open_[place] if of.size else False
    outright = sum(int(mask.sum()) for mask in given_away.values())
    wholly = sum(int((exposed[name] & (of.places[name] < 0)).sum()) for name in exposed)
    return Attack(
        primaries=int(primary.sum()) + outright,
        secondaries=int((~primary).sum()) + wholly - outright,
        open_primaries=int((open_ & primary).sum()) + outright,
        open_secondaries=int((open_ & ~primary).sum()) + wholly - outright,
        exposed=exposed,
        components=len(sizes) - 1,
        largest=max(sizes),
        programmes=programmes,
    )


def _parts(of: System) -> list[_Component]:
    """The components of a system, each with its equations."""
    number = np.empty(of.size, dtype=np.int64)
    local = np.empty(of.size, dtype=np.int64)
    found = of.components()
    if not found:
        return []
    for index, unknowns in enumerate(found):
        number[unknowns] = index
        local[unknowns] = np.arange(len(unknowns))
    order = np.lexsort((local[of.unknowns], of.equations, number[of.unknowns]))
    entries = np.split(order, np.searchsorted(number[of.unknowns][order], np.arange(1, len(found))))
    parts = []
    for unknowns, mine in zip(found, entries, strict=True):
        rows, equation = np.unique(of.equations[mine], return_inverse=True)
        parts.append(
            _Component(unknowns, equation, local[of.unknowns[mine]], of.signs[mine], of.right[rows])
        )
    return parts


class _Component:
    """The linear programmes of one component, each started where the one before ended."""

    def __init__(
        self, unknowns: Numbers, equation: Numbers, column: Numbers, signs: Floats, right: Floats
    ):
        self.unknowns = unknowns
        self.size = len(unknowns)
        self.programmes = 0
        self._entries = (equation, column, signs, right)
        by_row = np.argsort(equation, kind="stable")
        starts = np.searchsorted(equation[by_row], np.arange(len(right)))
        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = self.size, len(right)
        lp.col_cost_ = np.zeros(self.size)
        lp.col_lower_ = np.zeros(self.size)
        lp.col_upper_ = np.full(self.size, np.inf)
        lp.row_lower_ = lp.row_upper_ = right
        lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        lp.a_matrix_.start_ = np.append(starts, len(column)).astype(np.int32)
        lp.a_matrix_.index_ = column[by_row].astype(np.int32)
        lp.a_matrix_.value_ = signs[by_row]
        self._solver = highspy.Highs()
        for name, value in _OPTIONS.items():
            self._solver.setOptionValue(name, value)
        self._solver.passModel(lp)
        self._columns = np.arange(self.size, dtype=np.int32)

    def extreme(self, unknown: int, direction: int) -> float:
        """The least (`direction` 1) or greatest (-1) value of an unknown; may be infinite."""
        costs = np.zeros(self.size)
        costs[unknown] = direction
        found = self._solve(costs)
        return np.inf if found is None else float(found[unknown])

    def judge(self, primary: Mask, k: Floats, true: Floats, blocks: Numbers) -> Mask:
        """Which unknowns are open, given which are primary, their thresholds, and their areas.

        In a big component, what is safe while all other areas stand still is safe, and what is
        open even if the equations with other areas are left out is open. Only the rest needs the
        whole component.
        """
        if self.size <= _BIG or (blocks == blocks[0]).all():
            return self._judge(primary, k, np.ones(self.size, dtype=bool))
        asked = np.ones(self.size, dtype=bool)
        open_ = np.zeros(self.size, dtype=bool)
        for block in np.unique(blocks):
            mine = np.flatnonzero(blocks == block)
            still, loose = self._parts(mine, true)
            unsure = still._judge(primary[mine], k[mine], asked[mine])
            found = loose._judge(primary[mine], k[mine], unsure)
            open_[mine] = found
            asked[mine] = unsure & ~found
            self.programmes += still.programmes + loose.programmes
        return open_ | self._judge(primary, k, asked)

    def _parts(self, mine: Numbers, elsewhere: Floats) -> tuple[_Component, _Component]:
        """The unknowns `mine`, while all others are as in `elsewhere`; and the same without the
        equations in which others are."""
        equation, column, signs, right = self._entries
        local = np.full(self.size, -1)
        local[mine] = np.arange(len(mine))
        inside = local[column] >= 0
        rows, renumbered = np.unique(equation[inside], return_inverse=True)
        outside = np.bincount(
            equation[~inside], (signs * elsewhere[column])[~inside], minlength=len(right)
        )
        entries = local[column[inside]], signs[inside]
        still = _Component(mine, renumbered, *entries, (right - outside)[rows])
        closed = np.bincount(equation[~inside], minlength=len(right))[rows] == 0
        kept = closed[renumbered]
        again = (np.cumsum(closed) - 1)[renumbered[kept]]
        loose = _Component(mine, again, entries[0][kept], entries[1][kept], right[rows][closed])
        return still, loose

    def _judge(self, primary: Mask, k: Floats, asked: Mask) -> Mask:
        """Which of the unknowns `asked` are open in this system, taken by itself."""
        low, high = np.full(self.size, np.inf), np.full(self.size, -np.inf)

        def up() -> Mask:
            """Those not yet seen high enough."""
            return asked & np.where(primary, high < k - EXACT, high - low < 1 - EXACT)

        def down() -> Mask:
            """Those not yet seen low enough."""
            return asked & np.where(primary, low > EXACT, high - low < 1 - EXACT)

        def look(wanted: Mask, direction: int) -> None:
            many = bool(wanted.sum() > _MANY)
            found = self._solve(np.where(wanted, float(direction), 0.0), many)
            if found is not None:
                np.minimum(low, found, out=low)
                np.maximum(high, found, out=high)
            elif wanted.sum() == 1:
                # Several together may grow without end: that says nothing of each.
                high[wanted] = np.inf

        # Many at once, while that settles many.
        left = int(asked.sum())
        before = 2 * left
        while left and left < 0.9 * before:
            before = left
            look(down(), 1)
            look(up(), -1)
            left = int((down() | up()).sum())
        # Then one by one.
        for unknown in np.flatnonzero(up() | down()):
            alone = np.zeros(self.size, dtype=bool)
            alone[unknown] = True
            if up()[unknown]:
                look(alone, -1)
            if down()[unknown]:
                look(alone, 1)
        return up() | down()

    def _solve(self, costs: Floats, afresh: bool = False) -> Floats | None:
        """The values of the unknowns at an optimum, or None if it is infinite.

        After a small change of the objective the last solution is nearly optimal, and the primal
        simplex goes on from there; after a big one it is faster to start afresh.

        :raises ValueError: the equations contradict each other.
        """
        if afresh:
            self._solver.clearSolver()
        self._solver.setOptionValue("presolve", "on" if afresh else "off")
        self._solver.setOptionValue("simplex_strategy", _DUAL if afresh else _PRIMAL)
        self._solver.changeColsCost(self.size, self._columns, costs)
        self._solver.run()
        self.programmes += 1
        status = self._solver.getModelStatus()
        if status in _UNBOUNDED:
            return None
        if status != highspy.HighsModelStatus.kOptimal:
            raise ValueError(f"The attacker's programme ended as {status}.")
        return np.array(self._solver.getSolution().col_value)


_BIG = 1_000
"""Unknowns of a component that is worth looking at area by area."""

_MANY = 300
"""Unknowns asked at once for which it is faster to start afresh."""

_OPTIONS: Mapping[str, bool | int | str] = {"output_flag": False, "threads": 1, "solver": "simplex"}
_DUAL, _PRIMAL = 1, 4
# Presolve cannot tell the two apart; that the programme is feasible, what is published shows.
_UNBOUNDED = (
    highspy.HighsModelStatus.kUnbounded,
    highspy.HighsModelStatus.kUnboundedOrInfeasible,
)
