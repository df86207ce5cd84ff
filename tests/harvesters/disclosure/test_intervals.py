"""What a reader can work out of a system, held against every whole solution there is."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvesters.disclosure.intervals import Intervals, Unsolved, intervals
from harvesters.disclosure.reader import Knowledge

pytestmark = pytest.mark.unit

Row = tuple[Mapping[str, float], float, float]
"""Factors of figures, and between which values their sum lies."""


def known(values: Mapping[str, float | None], rows: Sequence[Row]) -> Knowledge:
    """What a reader knows of named figures; None is suppressed."""
    names = list(values)
    shown = np.array([np.nan if one is None else float(one) for one in values.values()])
    terms = [
        (number, names.index(name), factor)
        for number, (factors, *_) in enumerate(rows)
        for name, factor in factors.items()
    ]
    return Knowledge(
        key=names,
        value=shown,
        hidden=np.isnan(shown),
        k=np.full(len(names), 5),
        k_before=np.zeros(len(names), np.int64),
        truth=shown,
        row=np.array([row for row, *_ in terms], np.int64),
        figure=np.array([figure for _, figure, _ in terms], np.int64),
        sign=np.array([factor for *_, factor in terms], float),
        least=np.array([least for _, least, _ in rows], float),
        greatest=np.array([greatest for *_, greatest in rows], float),
        clashes=0,
        before=np.zeros(len(names), dtype=bool),
        changed=np.empty((0, 2), np.int64),
        at_end=np.zeros(len(names), dtype=bool),
        hidden_rates=np.empty((0, 2), np.int64),
        amount=np.zeros(len(names), bool),
        unit=np.ones(len(names)),
        margin=np.full(len(names), np.nan),
        nobody=np.zeros(len(names), bool),
        everybody=np.zeros(len(names), bool),
        unseen=np.zeros(len(names), bool),
    )


def line(total: str, parts: Sequence[str]) -> Row:
    return {total: -1.0, **dict.fromkeys(parts, 1.0)}, 0.0, 0.0


def work_out(of: Knowledge) -> dict[str, tuple[float, float]]:
    """The interval of each suppressed figure: more is asked of each than there can be."""
    found = intervals(
        of, np.full(len(of.key), -1.0), np.full(len(of.key), 1e9), np.full(len(of.key), 1e9)
    )
    assert found.exact.all()
    return {
        of.key[figure]: (round(low, 6), round(high, 6))
        for figure, low, high in zip(found.figure, found.low, found.high, strict=True)
    }


def square(hidden: Sequence[str]) -> Knowledge:
    numbers = [30, 47, 64, 89, 90, 124, 5, 31, 92, 100, 59, 85, 800, 991, 651, 685]
    cells = dict(zip(map("".join, itertools.product("wxyz", "abcd")), numbers, strict=True))
    lines = {one: [name for name in cells if one in name] for one in "wxyzabcd"}
    totals = {one: sum(cells[name] for name in names) for one, names in lines.items()}
    return known(
        {name: None if name in hidden else value for name, value in {**cells, **totals}.items()},
        [line(one, names) for one, names in lines.items()],
    )


def test_a_figure_that_several_lines_tell_together_is_found() -> None:
    """Every line has two suppressed figures, and one of them follows all the same (sdcTable)."""
    pattern = ["wa", "wb", "wc", "xa", "xc", "yb", "yd", "zb", "zd"]
    assert work_out(square(pattern))["wb"] == (47, 47)
    assert work_out(square([*pattern, "xd"]))["wb"] == (0, 78)


def test_a_figure_that_two_tables_tell_together_is_found() -> None:
    """Two ways to group the same figures (sdcTable)."""
    counts = {"a": 2, "b": 2, "i": 8, "j": 8, "k": 3, "l": 3, "m": 3, "n": 7}

    def of_k(hidden: str, *groups: str) -> tuple[float, float]:
        values: dict[str, float | None] = {
            name: None if name in hidden else number for name, number in counts.items()
        }
        totals = {group: float(sum(counts[name] for name in group)) for group in groups}
        return work_out(known(values | totals, [line(one, list(one)) for one in groups]))["k"]

    assert of_k("abklm", "abij", "klmn") == (0, 9)
    assert of_k("abklm", "abijkn", "lm") == (0, 7)
    assert of_k("abklm", "abij", "klmn", "abijkn", "lm") == (3, 3)
    assert of_k("abklmn", "abij", "klmn", "abijkn", "lm") == (0, 10)


@given(
    st.lists(st.integers(0, 2), min_size=6, max_size=6),
    st.lists(st.booleans(), min_size=11, max_size=11),
)
@settings(max_examples=150)
def test_the_intervals_are_those_of_all_whole_tables(
    numbers: list[int], hidden: list[bool]
) -> None:
    """Of a table of two dimensions whose grand total is known, whole numbers tell no more."""
    cells = dict(zip(map("".join, itertools.product("wx", "abc")), numbers, strict=True))
    lines = {one: [name for name in cells if one in name] for one in "wxabc"}
    totals = {one: sum(cells[name] for name in names) for one, names in lines.items()}
    value = {**cells, **totals}
    out = dict(zip(value, hidden, strict=True))
    grand = sum(numbers)
    of = known(
        {name: None if out[name] else number for name, number in value.items()} | {"all": grand},
        [*(line(one, names) for one, names in lines.items()),
         line("all", ["w", "x"]), line("all", ["a", "b", "c"])],
    )  # fmt: skip
    unknown = [name for name in cells if out[name]]
    tried = np.indices((grand + 1,) * len(unknown), dtype=np.int8)
    possible = {name: np.full(tried[0].size if unknown else 1, cells[name]) for name in cells}
    possible |= {name: one.ravel() for name, one in zip(unknown, tried, strict=True)}
    for one, names in lines.items():
        possible[one] = sum((possible[name].astype(int) for name in names), np.zeros(1, int))
    fits = possible["w"] + possible["x"] == grand
    for name in value:
        if not out[name]:
            fits &= possible[name] == value[name]
    assert work_out(of) == {
        name: (possible[name][fits].min(), possible[name][fits].max())
        for name in value
        if out[name]
    }


def test_a_rate_narrows_what_it_is_of() -> None:
    """29.4 to 29.6 in a hundred of 200 are from 58.8 to 59.2."""
    rate: list[Row] = [
        ({"some": 1, "all": -0.294}, 0, np.inf), ({"some": 1, "all": -0.296}, -np.inf, 0),
    ]  # fmt: skip
    assert work_out(known({"some": None, "all": 200}, rate)) == {"some": (58.8, 59.2)}


def test_figures_that_hang_together_are_one_component_and_others_are_apart() -> None:
    found = ask(
        {"all": 9, "a": None, "b": None, "more": 9, "c": None, "d": None, "e": None},
        [line("all", ["a", "b"]), line("more", ["c", "d", "e"])], {},
    )  # fmt: skip
    assert (found.components, found.largest) == (2, 3)


def ask(
    values: Mapping[str, float | None],
    rows: Sequence[Row],
    asked: Mapping[str, tuple[float, float]],
) -> Intervals:
    of = known(values, rows)
    ends = [asked.get(name, (np.nan, np.nan)) for name in values]
    low, high = np.array(ends, float).T
    return intervals(of, low, high, np.full(len(values), np.nan))


def test_what_is_asked_is_shown_with_few_programmes_and_what_cannot_be_is_exact() -> None:
    parts = [f"p{number}" for number in range(20)]
    values: dict[str, float | None] = {"all": 100.0, **dict.fromkeys(parts)}
    found = ask(values, [line("all", parts)], dict.fromkeys(parts, (0.0, 5.0)))
    assert (found.low <= 0).all() and (found.high >= 5 - 1e-6).all() and not found.exact.any()
    assert found.programmes <= 4
    few = ask({**values, "all": 4.0}, [line("all", parts)], dict.fromkeys(parts, (0.0, 5.0)))
    assert few.exact.all() and few.high == pytest.approx(4)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=60)
def test_by_pieces_the_same_is_shown_as_of_the_whole_and_nothing_else(seed: int) -> None:
    """Of tables of two dimensions whose margins are known; pieces are smaller than components."""
    random = np.random.default_rng(seed)
    numbers = random.integers(0, 8, (6, 7))
    out = random.random(numbers.shape) < 0.7
    names = [[f"{row}-{column}" for column in range(7)] for row in range(6)]
    cells = {names[at[0]][at[1]]: float(number) for at, number in np.ndenumerate(numbers)}
    lines = {f"row {row}": names[row] for row in range(6)}
    lines |= {f"column {column}": [row[column] for row in names] for column in range(7)}
    truth = cells | {one: sum(cells[name] for name in parts) for one, parts in lines.items()}
    hidden = {names[row][column] for row, column in np.argwhere(out)}
    of = replace(
        known({name: None if name in hidden else value for name, value in truth.items()},
              [line(one, parts) for one, parts in lines.items()]),
        truth=np.array(list(truth.values())),
    )  # fmt: skip
    small = of.hidden & (of.truth < 5) & (of.truth > 0)
    low, high = np.where(small, 0, np.nan), np.where(small, 5, np.nan)
    width = np.where(of.hidden & ~small, 1, np.nan)

    def lacking(found: Intervals) -> np.ndarray:
        least, most, wide = (each[found.figure] for each in (low, high, width))
        lacks = (found.low > least + 1e-4) | (found.high < most - 1e-4)
        lacks |= found.high - found.low < wide - 1e-4
        assert found.exact[lacks].all()
        return lacks

    pieces, whole = (intervals(of, low, high, width, piece) for piece in (5, 1_000))
    assert lacking(pieces).tolist() == lacking(whole).tolist()
    possible = work_out(of)
    for figure, least, most in zip(pieces.figure, pieces.low, pieces.high, strict=True):
        reach = possible[of.key[figure]]
        assert reach[0] - 1e-4 <= least <= most <= reach[1] + 1e-4


def test_what_contradicts_itself_is_no_system() -> None:
    with pytest.raises(Unsolved):
        ask({"all": 3, "a": None, "b": 5}, [line("all", ["a", "b"])], {"a": (0, 5)})
    with pytest.raises(Unsolved, match="do not add up"):
        ask({"all": 8, "a": 2, "b": 5, "c": None}, [line("all", ["a", "b"])], {})
