"""What is suppressed: attacked line by line on thousands of small random tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from harvesters.disclosure import Refused, protect
from schemas import TOTAL, Declarations, Table
from schemas.table import SENSITIVE_THRESHOLD
from tests.harvesters.disclosure.builders import (
    TABLES,
    Key,
    Masks,
    cells_of,
    declare_tables,
    random_cells,
    truth,
    weaknesses,
)
from tests.schemas.builders import CITY, cube, declare, measure

pytestmark = pytest.mark.unit

EXAMPLES = 350
"""Random tables of each kind."""


@pytest.fixture(scope="module")
def declarations(tmp_path_factory: pytest.TempPathFactory) -> Declarations:
    return declare_tables(tmp_path_factory.mktemp("declared"))


def numbers(table: Table, cells: pa.Table, component: str) -> dict[Key, float]:
    keys = zip(*(cells[name].to_pylist() for name in table.dimension_columns), strict=True)
    return {
        key: float(value or 0)
        for key, value in zip(keys, cells[component].to_pylist(), strict=True)
    }


def hidden(table: Table, cells: pa.Table, mask: np.ndarray) -> dict[Key, bool]:
    keys = zip(*(cells[name].to_pylist() for name in table.dimension_columns), strict=True)
    return dict(zip(keys, mask.tolist(), strict=True))


def attack(table: Table, cells: pa.Table, masks: Masks) -> list[str]:
    """Every way found to work out a number of persons that is too small."""
    found = []
    whole = next((one for one in table.measures if one.name == "pupils"), None)
    for one in table.measures:
        if one.about == "institutions":
            continue
        concealed = hidden(table, cells, masks[one.name])
        top = numbers(table, cells, one.numerator.name)
        k = table.disclosure.threshold
        if one.kind == "count" or (one.kind == "sum" and one.numerator.whole):
            found += weaknesses(table, top, concealed, k)
            if one.numerator.where and whole is not None:
                everyone = numbers(table, cells, whole.numerator.name)
                rest = {key: everyone[key] - top[key] for key in top}
                found += weaknesses(table, rest, concealed, k)
                all_hidden = hidden(table, cells, masks[whole.name])
                found += [
                    f"open beside all {key}" for key, out in all_hidden.items()
                    if out and not concealed[key]
                ]  # fmt: skip
        if one.kind == "rate" and one.denominator is not None:
            below = numbers(table, cells, one.denominator.name)
            rest = {key: below[key] - top[key] for key in top}
            for values in (top, below, rest):
                found += weaknesses(table, values, concealed, SENSITIVE_THRESHOLD)
            shares = {key: round(100 * top[key] / below[key], 1) for key in top if below[key]}
            found += [
                f"end {key}" for key, share in shares.items()
                if share in (0, 100) and not concealed[key]
            ]  # fmt: skip
        if one.kind in ("mean", "ratio") and one.denominator is not None:
            below = numbers(table, cells, one.denominator.name)
            found += weaknesses(table, below, concealed, SENSITIVE_THRESHOLD)
    return found


@pytest.mark.parametrize("name", [table["table"] for table in TABLES])
def test_no_line_of_any_table_gives_a_small_number_away(
    declarations: Declarations, name: str
) -> None:
    table = declarations.tables[name]
    suppressed = 0
    for seed in range(EXAMPLES):
        cells = random_cells(table, seed)
        if not cells.num_rows:
            continue
        masks = protect(table, cells)
        assert attack(table, cells, masks) == [], seed
        suppressed += sum(int(mask.sum()) for mask in masks.values())
    # The examples are no idle ones: something was to be hidden, except where all is open.
    assert (suppressed > EXAMPLES / 2) != (name == "open")


def test_the_attack_finds_what_is_open(declarations: Declarations) -> None:
    """The attacker of these tests is no fool: without protection it gets through."""
    for name in ("by-school", "online", "rates", "money"):
        table = declarations.tables[name]
        cells = random_cells(table, 1)
        bare = {one.name: np.zeros(cells.num_rows, dtype=bool) for one in table.measures}
        assert attack(table, cells, bare)


@pytest.mark.parametrize("name", ["by-school", "online", "rates", "money"])
def test_protecting_again_suppresses_nothing_more(declarations: Declarations, name: str) -> None:
    table = declarations.tables[name]
    for seed in range(60):
        cells = random_cells(table, seed)
        once = protect(table, cells)
        again = protect(table, cells, hidden=once)
        assert all((again[one] == mask).all() for one, mask in once.items())


@pytest.mark.parametrize("name", ["by-school", "one-line"])
def test_where_nothing_is_small_nothing_is_suppressed(
    declarations: Declarations, name: str
) -> None:
    table = declarations.tables[name]
    for seed in range(60):
        cells = random_cells(table, seed)
        large = pc_times(cells, "pupils", 5)
        assert not protect(table, large)["pupils"].any()


def pc_times(cells: pa.Table, name: str, factor: int) -> pa.Table:
    index = cells.column_names.index(name)
    return cells.set_column(
        index, name, pa.chunked_array([[value * factor for value in cells[name].to_pylist()]])
    )


def line(table: Table, **counts: int) -> dict[str, str]:
    """Which of a line's cells are suppressed: the codes of one column, and ``total``."""
    cells = cells_of(table, {(code,): {"pupils": count} for code, count in counts.items()})
    mask = protect(table, cells)["pupils"]
    return {
        ("total" if code == TOTAL else code): "c" if out else ""
        for code, out in zip(cells["sex"].to_pylist(), mask.tolist(), strict=True)
    }


@pytest.mark.parametrize(
    ("counts", "suppressed"),
    [
        ({"male": 7, "female": 9}, ""),
        ({"male": 5, "female": 5}, ""),
        ({"male": 0, "female": 5}, ""),
        ({"male": 0, "female": 0}, ""),
        # The other part hides it.
        ({"male": 4, "female": 60}, "male female"),
        ({"male": 1, "female": 1}, "male female total"),
        # Two and two come to four: the total is small itself.
        ({"male": 2, "female": 2}, "male female total"),
        # One alone and nothing beside it: the total is the same number.
        ({"male": 3, "female": 0}, "male total"),
        ({"male": 3}, "male total"),
        # Both parts small, together not.
        ({"male": 4, "female": 3}, "male female"),
    ],
)
def test_a_line_hides_what_is_small_and_one_cell_more(
    declarations: Declarations, counts: dict[str, int], suppressed: str
) -> None:
    found = line(declarations.tables["one-line"], **counts)
    assert {code for code, status in found.items() if status} == set(suppressed.split())


def test_the_one_school_of_a_ward_is_hidden_with_its_ward(tmp_path: Any) -> None:
    places = cube(
        "places", "pupil", [{"name": "place", "hierarchy": ["area", "school"]}],
        [measure("pupils")],
    )  # fmt: skip
    table = declare(tmp_path, [*CITY, places]).tables["places"]
    finest = {
        ("00100", "0001"): {"pupils": 3}, ("00200", "0002"): {"pupils": 40},
        ("00200", "0003"): {"pupils": 50}, ("00300", "0004"): {"pupils": 12},
    }  # fmt: skip
    cells = cells_of(table, finest)
    out = {
        key for key, gone in hidden(table, cells, protect(table, cells)["pupils"]).items() if gone
    }
    # The ward is as small as its school; the smallest other ward hides it in the city's line, and
    # that ward's own school would tell it.
    assert out == {("00100", "0001"), ("00100", TOTAL), ("00300", TOTAL), ("00300", "0004")}


def test_a_table_without_cells_has_nothing_to_hide(declarations: Declarations) -> None:
    table = declarations.tables["by-school"]
    cells = cells_of(table, {})
    assert protect(table, cells)["pupils"].tolist() == []


def test_those_who_are_left_over_are_protected_too(declarations: Declarations) -> None:
    """96 of 100 online: the four who are not would be told by the difference."""
    table = declarations.tables["online"]
    finest = {
        ("00100", "primary", "g1"): {"pupils": 100, "online": 96, "girls": 50},
        ("00100", "primary", "g2"): {"pupils": 100, "online": 50, "girls": 50},
        ("00100", "secondary", "g6"): {"pupils": 100, "online": 60, "girls": 50},
    }
    cells = cells_of(table, finest)
    masks = protect(table, cells)
    out = hidden(table, cells, masks["online"])
    assert out[("00100", "primary", "g1")] and out[("00100", "primary", "g2")]
    assert not masks["pupils"].any() and not masks["girls"].any()


def test_money_is_hidden_with_the_people_who_paid_it(declarations: Declarations) -> None:
    table = declarations.tables["money"]
    for seed in range(100):
        masks = protect(table, random_cells(table, seed))
        assert (masks["fees"] == masks["days"]).all()
        # A ratio of two published figures would give either away.
        assert (masks["fee_a_day"] == masks["days"]).all()


def test_a_rate_and_its_count_are_hidden_together(declarations: Declarations) -> None:
    table = declarations.tables["rates"]
    for seed in range(100):
        masks = protect(table, random_cells(table, seed))
        assert (masks["share_online"] == masks["online"]).all()
        assert (masks["pupils"] <= masks["online"]).all()


def test_a_rate_that_is_rounded_to_an_end_is_hidden(declarations: Declarations) -> None:
    table = declarations.tables["rates"]
    values = {"pupils": 30000, "online": 29990, "share_online__n": 29990, "share_online__of": 30000}
    cells = cells_of(table, {("00100", "0001", "primary", "g1"): values})
    (share,) = [one for one in table.measures if one.kind == "rate"]
    for row in cells.to_pylist():
        assert round(truth(table, share, row) or 0, 1) == 100.0
    assert protect(table, cells)["share_online"].all()


def test_what_institutions_have_is_open(declarations: Declarations) -> None:
    table = declarations.tables["open"]
    cells = cells_of(table, {("00100", "0001"): {"days": 1}, ("00100", "0002"): {"days": 0}})
    assert not protect(table, cells)["days"].any()


def test_a_sum_of_money_alone_cannot_be_judged(tmp_path: Any) -> None:
    fees = cube("fees", "pupil", [["sex"]], [measure("fees", sum="fees")])
    table = declare(tmp_path, [*CITY, fees]).tables["fees"]
    with pytest.raises(Refused, match="no count stands beside it"):
        protect(table, cells_of(table, {("male",): {"fees": 5.0}}))


def test_a_ratio_without_persons_cannot_be_judged(tmp_path: Any) -> None:
    documents = [
        *CITY,
        cube("fees", "pupil", [["sex"]],
             [measure("x", ratio={"of": "fees", "over": "fees"}), measure("n")]),
    ]  # fmt: skip
    table = declare(tmp_path, documents).tables["fees"]
    cells = cells_of(table, {("male",): {"x__n": 5.0, "x__of": 5.0, "n": 9}})
    with pytest.raises(Refused, match="without a count of persons"):
        protect(table, cells)


def test_a_cell_that_is_known_elsewhere_hides_nothing(declarations: Declarations) -> None:
    table = declarations.tables["by-school"]
    for seed in range(150):
        cells = random_cells(table, seed)
        free = protect(table, cells)["pupils"]
        values = np.asarray(cells["pupils"].to_pylist())
        known = (values >= 5) & free
        out = protect(table, cells, known={"pupils": known})["pupils"]
        assert not (out & known).any()
        assert (out[(values > 0) & (values < 5)]).all()


def test_a_cell_that_must_be_hidden_is_and_no_line_gives_it_away(
    declarations: Declarations,
) -> None:
    table = declarations.tables["by-school"]
    for seed in range(150):
        cells = random_cells(table, seed)
        must = np.zeros(cells.num_rows, dtype=bool)
        must[seed % cells.num_rows] = True
        masks = protect(table, cells, hidden={"pupils": must})
        assert masks["pupils"][must].all()
        assert attack(table, cells, masks) == []
