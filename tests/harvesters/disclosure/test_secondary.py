"""Secondary figures: on any system of sums, held against every whole table that there can be."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvesters.disclosure.secondary import Unprotectable, suppress
from harvesters.disclosure.system import Sums, System
from tests.harvesters.disclosure.people import Bounds

pytestmark = pytest.mark.unit

Equation = tuple[str, Sequence[str]]


class Figures(NamedTuple):
    """Named figures, and sums between them: a total, and its parts."""

    value: Mapping[str, int]
    sums: Sequence[Equation]

    def system(
        self,
        asked: Mapping[str, tuple[float, float]],
        sensitive: Sequence[str] = (),
        open_: Sequence[str] = (),
        unpublished: Sequence[str] = (),
        block: Mapping[str, int] | None = None,
    ) -> System:
        """The system, with what is asked of some figures."""
        names = list(self.value)
        place = {name: index for index, name in enumerate(names)}
        low, high = (
            np.array([asked.get(name, (np.nan, np.nan))[end] for name in names]) for end in (0, 1)
        )
        return System(
            value=np.array([float(number) for number in self.value.values()]),
            sums=Sums(
                np.array([place[total] for total, _ in self.sums], np.int64),
                np.cumsum([0, *(len(parts) for _, parts in self.sums)]),
                np.array([place[one] for _, parts in self.sums for one in parts], np.int64),
            ),
            published=np.array([name not in unpublished for name in names]),
            sensitive=np.array(
                [name in (*sensitive, *asked) and name not in unpublished for name in names]
            ),
            open=np.array([name in open_ for name in names]),
            low=low,
            high=high,
            block=np.array([(block or {}).get(name, 0) for name in names]),
        )

    def hidden(self, system: System) -> set[str]:
        """The names of the figures that are hidden."""
        return set(itertools.compress(self.value, suppress(system).tolist()))

    def interval(self, hidden: set[str], name: str) -> tuple[float, float]:
        """What can be worked out of a figure, by two linear programmes."""
        names = list(self.value)
        equations = [
            ({names.index(total): -1.0, **{names.index(one): 1.0 for one in parts}}, 0.0, 0.0)
            for total, parts in self.sums
        ]
        equations += [
            ({names.index(one): 1.0}, number, number)
            for one, number in self.value.items()
            if one not in hidden
        ]
        bounds = Bounds(len(names), equations, [frozenset([names.index(name)])])
        bounds.contain(0, -np.inf, np.inf, np.inf)
        return float(bounds.low[0]), float(bounds.high[0])


def grid(rows: str, columns: str, numbers: Sequence[int]) -> Figures:
    """A table of two dimensions with its margins: `wa` is row w of column a, `w_` row w in all."""
    cells = {row + column: number
             for (row, column), number in zip(itertools.product(rows, columns), numbers,
                                              strict=True)}  # fmt: skip
    value = dict(cells)
    sums: list[Equation] = []
    for row in rows:
        value[row + "_"] = sum(cells[row + column] for column in columns)
        sums.append((row + "_", [row + column for column in columns]))
    for column in columns:
        value["_" + column] = sum(cells[row + column] for row in rows)
        sums.append(("_" + column, [row + column for row in rows]))
    value["__"] = sum(numbers)
    sums += [("__", [row + "_" for row in rows]), ("__", ["_" + column for column in columns])]
    return Figures(value, sums)


SQUARE = grid("wxyz", "abcd", [30, 47, 64, 89, 90, 124, 5, 31, 92, 100, 59, 85, 800, 991, 651, 685])
PATTERN = {"wa", "wb", "wc", "xa", "xc", "yb", "yd", "zb", "zd"}


def test_several_lines_together_do_not_give_a_figure_away() -> None:
    """Every line has two suppressed figures, and one of them follows all the same (sdcTable)."""
    assert SQUARE.interval(PATTERN, "wb") == (47, 47)
    assert SQUARE.interval({*PATTERN, "xd"}, "wb") == pytest.approx((0, 78))
    system = SQUARE.system({"wb": (0, 78)}, sensitive=sorted(PATTERN))
    hidden = SQUARE.hidden(system)
    assert hidden > PATTERN
    low, high = SQUARE.interval(hidden, "wb")
    assert low == pytest.approx(0) and high >= 78 - 1e-6
    # One more is enough, and no more is taken.
    assert len(hidden) == len(PATTERN) + 1


LETTERS = {"A": 2, "B": 2, "I": 8, "J": 8, "K": 3, "L": 3, "M": 3, "N": 7}
GROUPS = {"ABIJ": 20, "KLMN": 16, "ABIJKN": 30, "LM": 6, "all": 36}


def letters(*tables: Sequence[str]) -> Figures:
    """Letters, and tables that group them in different ways."""
    sums: list[Equation] = [(group, list(group)) for groups in tables for group in groups]
    sums += [("all", groups) for groups in tables]
    return Figures({**LETTERS, **GROUPS}, sums)


ONE, TWO = ("ABIJ", "KLMN"), ("ABIJKN", "LM")


def test_tables_that_are_safe_alone_are_made_safe_together() -> None:
    """Two ways to group the same figures (sdcTable)."""
    together, few = letters(ONE, TWO), set("ABKLM")
    assert np.diff(letters(ONE).interval(few, "K")) > 1
    assert np.diff(letters(TWO).interval(few, "K")) > 1
    assert together.interval(few, "K") == (3, 3)
    assert together.interval({*few, "N"}, "K") == pytest.approx((0, 10))
    system = together.system({"K": (0, 10), **dict.fromkeys("ABLM", (0, 4))}, sensitive=sorted(few))
    hidden = together.hidden(system)
    assert hidden > few
    low, high = together.interval(hidden, "K")
    assert low == pytest.approx(0) and high >= 10 - 1e-6


def whole_tables(figures: Figures, cells: Sequence[str], hidden: set[str], most: int) -> np.ndarray:
    """Every table of whole numbers up to `most` that agrees with what is published: the values of
    each figure, shape (tables, figures)."""
    unknown = [name for name in cells if name in hidden]
    tried = np.indices((most + 1,) * len(unknown)).reshape(len(unknown), -1)
    values = {name: np.full(tried.shape[1], figures.value[name]) for name in cells}
    values |= dict(zip(unknown, tried, strict=True))
    # The sums of a grid come from the finest up.
    for total, parts in figures.sums:
        values[total] = np.sum([values[part] for part in parts], axis=0)
    fits = np.ones(tried.shape[1], dtype=bool)
    for name, number in figures.value.items():
        if name not in hidden:
            fits &= values[name] == number
    return np.array([values[name][fits] for name in figures.value]).T


@given(
    st.sampled_from([("wx", "ab"), ("wx", "abc"), ("wxy", "ab")]),
    st.lists(st.integers(0, 5), min_size=6, max_size=6),
)
@settings(max_examples=250)
def test_no_whole_table_is_missing_from_what_a_reader_can_think_of(
    shape: tuple[str, str], numbers: list[int]
) -> None:
    """Of tables of two dimensions, whole numbers tell as much as linear programmes."""
    rows, columns = shape
    k = 3
    figures = grid(rows, columns, numbers[: len(rows) * len(columns)])
    asked = {name: (0, k) for name, number in figures.value.items() if 0 < number < k}
    system = figures.system(asked)
    hidden = figures.hidden(system)
    assert hidden >= set(asked)
    if not asked:
        assert not hidden
        return
    # A move by up to k changes no other figure by more.
    cells = [name for name in figures.value if "_" not in name]
    tables = whole_tables(figures, cells, hidden, max(numbers) + k)
    for place, name in enumerate(figures.value):
        possible = set(tables[:, place].tolist())
        if name in asked:
            assert {0, k} <= possible, (name, hidden)
        elif name in hidden:
            assert len(possible) > 1, (name, hidden)
    assert figures.hidden(system) == hidden


HIERARCHY = Figures(
    {"city": 41, "north": 21, "south": 20, "n1": 3, "n2": 18, "s1": 11, "s2": 9},
    [("city", ["north", "south"]), ("north", ["n1", "n2"]), ("south", ["s1", "s2"])],
)


def test_the_cheapest_companion_is_taken_and_no_more() -> None:
    assert HIERARCHY.hidden(HIERARCHY.system({"n1": (0, 5)})) == {"n1", "n2"}


def test_what_stands_open_is_never_hidden() -> None:
    hidden = HIERARCHY.hidden(HIERARCHY.system({"n1": (0, 5)}, open_=["n2"]))
    assert "n2" not in hidden
    low, high = HIERARCHY.interval(hidden, "n1")
    assert low == pytest.approx(0) and high >= 5


def test_where_all_others_stand_open_nothing_can_be_done() -> None:
    others = [name for name in HIERARCHY.value if name != "n1"]
    with pytest.raises(Unprotectable) as unprotectable:
        suppress(HIERARCHY.system({"n1": (0, 5)}, open_=others))
    assert unprotectable.value.figures == [list(HIERARCHY.value).index("n1")]


def test_a_small_figure_that_stands_open_cannot_be_protected() -> None:
    with pytest.raises(Unprotectable) as unprotectable:
        suppress(HIERARCHY.system({"n1": (0, 5)}, open_=["n1"]))
    assert unprotectable.value.figures == [list(HIERARCHY.value).index("n1")]


def test_where_nothing_is_asked_nothing_is_hidden() -> None:
    assert HIERARCHY.hidden(HIERARCHY.system({})) == set()
    assert SQUARE.hidden(SQUARE.system({})) == set()


def test_what_nobody_publishes_helps_to_hide_and_is_not_counted_as_hidden() -> None:
    """The rest of a filtered count moves, but there is nothing to suppress of it."""
    figures = Figures({"all": 40, "some": 3, "rest": 37}, [("all", ["some", "rest"])])
    assert figures.hidden(figures.system({"some": (0, 5)}, unpublished=["rest"])) == {"some"}


def test_a_rest_that_is_too_small_hides_what_tells_it() -> None:
    figures = Figures(
        {"all": 100, "a": 60, "b": 40, "some": 96, "some a": 59, "some b": 37,
         "rest": 4, "rest a": 1, "rest b": 3},
        [("all", ["a", "b"]), ("some", ["some a", "some b"]), ("all", ["some", "rest"]),
         ("a", ["some a", "rest a"]), ("b", ["some b", "rest b"])],
    )  # fmt: skip
    rests = ["rest", "rest a", "rest b"]
    hidden = figures.hidden(figures.system(dict.fromkeys(rests, (0, 5)), unpublished=rests))
    assert hidden
    for name in rests:
        low, high = figures.interval({*hidden, *rests}, name)
        assert low == pytest.approx(0) and high >= 5 - 1e-6


def test_what_helps_far_away_is_found_as_well() -> None:
    """Of thirty areas that add up, all but the largest stand open."""
    names = [f"a{index}" for index in range(30)]
    numbers = [3, *range(20, 48), 900]
    figures = Figures(
        {**dict(zip(names, numbers, strict=True)), "city": sum(numbers)}, [("city", names)]
    )
    block = {name: index for index, name in enumerate(names, start=1)}
    open_ = ["city", *names[1:29]]
    hidden = figures.hidden(figures.system({"a0": (0, 5)}, open_=open_, block=block))
    assert hidden == {"a0", "a29"}


def test_where_a_block_cannot_follow_another_way_is_found() -> None:
    """The small north is hidden beside the cheap east at first, whose schools stand open."""
    figures = Figures(
        {"city": 133, "north": 3, "east": 10, "south": 120, "n1": 3, "e1": 5, "e2": 5,
         "s1": 60, "s2": 60},
        [("city", ["north", "east", "south"]), ("north", ["n1"]), ("east", ["e1", "e2"]),
         ("south", ["s1", "s2"])],
    )  # fmt: skip
    block = {"n1": 1, "e1": 2, "e2": 2, "s1": 3, "s2": 3}
    asked = {"north": (0, 5), "n1": (0, 5)}
    hidden = figures.hidden(figures.system(asked, open_=["city", "e1", "e2"], block=block))
    assert hidden >= {"north", "n1", "south"} and not hidden & {"e1", "e2", "east"}
    for name in asked:
        low, high = figures.interval(hidden, name)
        assert low == pytest.approx(0) and high >= 5 - 1e-6


@pytest.mark.parametrize("seed", range(60))
def test_blocks_protect_as_the_whole_does(seed: int) -> None:
    """Areas one by one, following what they share, keep the same promises as all at once."""
    dice = np.random.default_rng(seed)
    areas, k = "nsw", 5
    value: dict[str, int] = {}
    sums: list[Equation] = []
    block: dict[str, int] = {}
    for number, area in enumerate(areas, start=1):
        schools = [f"{area}{index}" for index in range(dice.integers(1, 4))]
        for school in schools:
            made = grid(school[-1], "fm", dice.integers(0, dice.choice([4, 9, 30]), 2).tolist())
            for one in ("f", "m"):
                value[school + one] = made.value[school[-1] + one]
                block[school + one] = number
            value[school] = made.value["__"]
            block[school] = number
            sums.append((school, [school + "f", school + "m"]))
        for end in ("", "f", "m"):
            value[area + end] = sum(value[school + end] for school in schools)
            if len(schools) > 0:
                sums.append((area + end, [school + end for school in schools]))
        sums.append((area, [area + "f", area + "m"]))
    for end in ("", "f", "m"):
        value["city" + end] = sum(value[area + end] for area in areas)
        sums.append(("city" + end, [area + end for area in areas]))
    sums.append(("city", ["cityf", "citym"]))
    figures = Figures(value, sums)
    asked = {name: (0, k) for name, number in value.items() if 0 < number < k}
    hidden = figures.hidden(figures.system(asked, block=block))
    assert hidden >= set(asked)
    for name in hidden:
        low, high = figures.interval(hidden, name)
        if name in asked:
            assert low <= 1e-5 and high >= k - 1e-5, name
        else:
            assert high - low >= 1 - 1e-5, name
