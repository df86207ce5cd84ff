"""What a table's rules ask of its figures, before anything is hidden for them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from harvesters.disclosure import Refused, primary, protect
from harvesters.disclosure.primary import Asked, Use
from harvesters.disclosure.system import Sums
from schemas import Declarations, Measure, Table
from schemas.table import STRUCTURAL
from tests.harvesters.disclosure.builders import cells_of, declare_tables
from tests.schemas.builders import CITY, cube, declare, measure

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def declarations(tmp_path_factory: pytest.TempPathFactory) -> Declarations:
    return declare_tables(tmp_path_factory.mktemp("declared"))


def named(table: Table, name: str) -> Measure:
    return next(one for one in table.measures if one.name == name)


def uses(table: Table, name: str) -> list[tuple[str, int]]:
    return [(one.component.name, one.k) for one in primary.uses_of(table, named(table, name))]


def test_each_kind_of_measure_tells_its_counts_of_persons(declarations: Declarations) -> None:
    online, rates, money = (declarations.tables[name] for name in ("online", "rates", "money"))
    assert uses(online, "girls") == [("girls", 10)]
    assert uses(rates, "pupils") == [("pupils", 5)]
    # A rate's threshold is ten at least, whatever the table's is.
    assert uses(rates, "share_online") == [("share_online__n", 10), ("share_online__of", 10)]
    assert uses(money, "days") == [("days", 5)]
    assert uses(money, "mean_fee") == [("mean_fee__n", 10)]
    assert uses(money, "fee_a_day") == [("fee_a_day__of", 10)]
    # Money is told by whoever paid it: the first count beside it decides.
    assert uses(money, "fees") == [("days", 5)]


def test_a_higher_threshold_holds_for_rates_too(declarations: Declarations) -> None:
    table = declarations.tables["rates"]
    strict = dataclasses.replace(
        table, disclosure=dataclasses.replace(table.disclosure, threshold=30)
    )
    assert {k for _, k in uses(strict, "share_online")} == {30}


def test_a_sum_of_money_alone_cannot_be_judged(tmp_path: Path) -> None:
    fees = cube("fees", "pupil", [["sex"]], [measure("fees", sum="fees")])
    table = declare(tmp_path, [*CITY, fees]).tables["fees"]
    with pytest.raises(Refused, match="no count stands beside it"):
        protect(table, cells_of(table, {("male",): {"fees": 5.0}}))


def test_a_ratio_without_persons_cannot_be_judged(tmp_path: Path) -> None:
    ratio = measure("x", ratio={"of": "fees", "over": "fees"})
    table = declare(
        tmp_path, [*CITY, cube("fees", "pupil", [["sex"]], [ratio, measure("n")])]
    ).tables["fees"]
    cells = cells_of(table, {("male",): {"x__n": 5.0, "x__of": 5.0, "n": 9}})
    with pytest.raises(Refused, match="without a count of persons") as refused:
        protect(table, cells)
    assert refused.value.table == "fees"


def test_from_one_to_one_less_than_the_threshold_is_too_few() -> None:
    value = np.array([0.0, 1.0, 4.0, 5.0, 6.0])
    assert primary.too_few(value, np.full(5, 5.0)).tolist() == [False, True, True, False, False]


def test_what_was_not_delivered_counts_for_nothing() -> None:
    cells = pa.table({"days": pa.array([3, None, 0])})
    assert primary.numbers(cells, "days").tolist() == [3, 0, 0]


def test_the_ends_of_a_rate_are_what_is_shown_as_such(declarations: Declarations) -> None:
    table = declarations.tables["rates"]
    some = [0, 1, 500, 504, 506, 5_000, 9_494, 9_496, 9_500, 10_000, 0]
    everyone = [*[10_000] * 10, 0]
    cells = pa.table({"share_online__n": some, "share_online__of": everyone})
    low, high = primary.ends(named(table, "share_online"), cells)
    # 5.04 % is shown as 5.0 %, and 94.96 % as 95.0 %.
    assert low.tolist() == [True] * 4 + [False] * 7
    assert high.tolist() == [False] * 7 + [True] * 3 + [False]


def figures(*numbers: int) -> np.ndarray:
    return np.array(numbers, dtype=np.int64)


def settled(asked: Asked) -> list[tuple[float, float] | None]:
    asked.settle()
    return [
        None if np.isnan(low) else (low, high)
        for low, high in zip(asked.low, asked.high, strict=True)
    ]


def test_of_several_thresholds_the_highest_holds() -> None:
    asked = Asked(np.array([7.0, 7.0, 3.0, 0.0]))
    asked.threshold(figures(0, 1, 2, 3, -1), 5)
    asked.threshold(figures(0), 10)
    asked.threshold(figures(0), 6)
    assert settled(asked) == [(0, 10), None, (0, 5), None]
    assert asked.sensitive.tolist() == [True, False, True, False]


def test_nobody_is_hidden_among_the_few() -> None:
    asked = Asked(np.array([0.0, 40.0, 40.0, 40.0]))
    asked.threshold(figures(0, 1, 2, 3), 5)
    asked.nobody(figures(0, 2, -1))
    asked.hide(figures(1, -1))
    # Nobody may be up to the threshold, and so may 40 that are next to nothing of a large whole.
    assert settled(asked) == [(0, 5), None, (0, 5), None]
    assert asked.sensitive.tolist() == [True, True, True, False]


def test_a_sensitive_group_is_neither_empty_nor_everybody() -> None:
    value = np.array([0.0, 30.0, 30.0, 12.0, 0.0, 0.0])
    asked = Asked(value)
    asked.threshold(figures(*range(6)), 10)
    # Groups, and all there are: none of 30, all of 30, some of 30, and none of nobody.
    asked.category(figures(0, 1, 3, 4, -1), figures(2, 2, 2, 5, 2))
    assert settled(asked) == [(0, 10), (20, 30), None, None, None, None]
    assert asked.sensitive.tolist() == [True, True, False, False, False, False]


def test_what_is_known_to_be_nothing_asks_for_nothing_and_stays_open() -> None:
    asked = Asked(np.array([0.0, 0.0, 30.0, 3.0]))
    asked.threshold(figures(*range(4)), 10)
    asked.category(figures(0, 1), figures(2, 2))
    asked.nothing(figures(1, -1))
    assert settled(asked) == [(0, 10), None, None, (0, 10)]
    assert asked.sensitive.tolist() == [True, False, False, True]
    assert asked.open.tolist() == [False, True, False, False]


def test_cells_without_the_mark_may_all_be_something() -> None:
    cells = pa.table({"pupils": [0, 3]})
    assert primary.structural(cells).tolist() == [False, False]
    marked = cells.append_column(STRUCTURAL, pa.array([True, False]))
    assert primary.structural(marked).tolist() == [True, False]


def test_who_is_left_has_the_threshold_of_the_others() -> None:
    value = np.array([100.0, 96.0, 4.0, 60.0, 7.0])
    asked = Asked(value)
    asked.threshold(figures(0), 5)
    asked.threshold(figures(1), 10)
    # 100 = 96 + 4 are left, and 67 = 60 + 7, of which nothing is asked.
    asked.rest(Sums(figures(0, 0), figures(0, 2, 4), figures(1, 2, 3, 4)))
    assert settled(asked) == [None, None, (0, 10), None, None]


def test_what_is_published_stays_as_it_is() -> None:
    asked = Asked(np.full(5, 20.0))
    told = np.array([[0], [1], [-1]])
    asked.freeze(told, np.array([False, True, True]))
    asked.freeze(np.array([[2, 3], [4, -1], [0, 4]]), np.array([True, False, True]))
    asked.settle()
    assert asked.open.tolist() == [True, False, False, False, True]
    # Of a hidden quotient nobody knows which of its two counts is the hidden one: the first stays
    # so. Where both stand open already, nothing can be done.
    assert asked.sensitive.tolist() == [False, True, True, False, False]


def test_of_a_hidden_quotient_one_count_stays_hidden() -> None:
    asked = Asked(np.array([3.0, 20.0, 20.0, 20.0]))
    asked.threshold(figures(*range(4)), 5)
    asked.freeze(np.array([[1, 0], [1, 2]]), np.array([True, False]))
    asked.freeze(np.array([[2, 3], [-1, 1]]), np.array([True, True]))
    asked.settle()
    # The first is hidden by the small one; of 2 and 3 the one that is not open.
    assert asked.open.tolist() == [False, True, True, False]
    assert asked.sensitive.tolist() == [True, False, False, True]


def test_a_use_is_a_count_and_its_threshold(declarations: Declarations) -> None:
    table = declarations.tables["one-line"]
    (only,) = primary.persons(table)
    assert primary.uses_of(table, only) == [Use(only.numerator, 5)]
    assert list(primary.persons(declarations.tables["open"])) == []
