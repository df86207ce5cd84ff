"""The attacker finds what can be found, and no more."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from schemas import TOTAL, Table
from tests.harvesters.disclosure import attacker, cities, greedy
from tests.harvesters.disclosure.attacker import attack, intervals, system
from tests.harvesters.disclosure.builders import PLACE, SEX, cells_of, lines
from tests.schemas.builders import CITY, SCHOOL, codelist, cube, declare, measure, record

pytestmark = pytest.mark.unit


def hide(cells: pa.Table, mask: Sequence[bool] | np.ndarray) -> pa.Table:
    """The cells with null where the mask hides."""
    values = pa.array(cells["pupils"].to_numpy(), mask=np.asarray(mask))
    return cells.set_column(cells.schema.get_field_index("pupils"), "pupils", values)


def by_hand(table: Table, cells: pa.Table, mask: np.ndarray) -> dict[int, tuple[int, int]]:
    """The least and greatest count of each suppressed row, from all tables of whole numbers that
    agree with what is published. The grand total has to be published, and small."""
    rows = cells.to_pylist()
    keys = [tuple(row[name] for name in table.dimension_columns) for row in rows]
    finest = [index for index, key in enumerate(keys) if TOTAL not in key]
    most = rows[keys.index((TOTAL,) * len(keys[0]))]["pupils"]
    hidden = [index for index in finest if mask[index]]
    grids = np.meshgrid(*[np.arange(most + 1)] * len(hidden), indexing="ij")
    tried = dict(zip(hidden, (grid.ravel() for grid in grids), strict=True))
    number = (most + 1) ** len(hidden)
    values = {
        keys[index]: tried.get(index, np.full(number, rows[index]["pupils"])) for index in finest
    }
    # From the finest level up, so that the parts are there before their total.
    for total, parts in sorted(lines(table, keys), key=lambda line: line[0].count(TOTAL)):
        values[total] = np.sum([values[part] for part in parts], axis=0)
    fits = np.ones(number, dtype=bool)
    for index, key in enumerate(keys):
        if not mask[index]:
            fits &= values[key] == rows[index]["pupils"]
    return {
        index: (int(values[key][fits].min()), int(values[key][fits].max()))
        for index, key in enumerate(keys)
        if mask[index]
    }


def test_where_nothing_is_hidden_nothing_is_found(tmp_path: Path) -> None:
    city = cities.plain(tmp_path, 3)
    (table,) = city.tables
    found = attack([(table, city.cells[table.name])], city.cells)
    assert (found.components, found.largest, found.programmes) == (0, 0, 0)


def test_bounds_are_those_of_all_tables_that_agree(tmp_path: Path) -> None:
    """Of one hierarchy and one other column the linear programmes have whole solutions."""
    table = declare(
        tmp_path, [*CITY, cube("small", "pupil", [PLACE, SEX], [measure("pupils")])]
    ).tables["small"]
    compared = 0
    for seed in range(120):
        dice = random.Random(seed)
        schools = [(dice.choice(["00100", "00200"]), f"{n:04d}") for n in range(3)]
        cells = cells_of(table, {
            (*school, sex): {"pupils": dice.choice([0, 1, 1, 2, 3])}
            for school, sex in itertools.product(schools, ["female", "male"])
        })  # fmt: skip
        mask = np.array([dice.random() < 0.6 for _ in range(cells.num_rows)])
        totals = [set(row.values()) - {row["pupils"]} == {TOTAL} for row in cells.to_pylist()]
        mask &= ~np.array(totals)
        finest = [TOTAL not in row.values() for row in cells.to_pylist()]
        if (mask & finest).sum() > 5:
            continue
        of = system([(table, hide(cells, mask))])
        low, high = intervals(of)
        place = of.places["small"]
        for row, (least, greatest) in by_hand(table, cells, mask).items():
            assert (low[place[row]], high[place[row]]) == pytest.approx((least, greatest)), seed
            compared += 1
    assert compared > 300


def test_several_lines_together_give_a_count_away(tmp_path: Path) -> None:
    """Every line has two suppressed counts, and one of them follows all the same."""
    codes = [codelist("row", "wxyz"), codelist("column", "abcd")]
    fields = [{"name": name, "type": "code"} for name in ("row", "column")]
    counted = cube("square", "pupil", [["row"], ["column"]], [measure("pupils")])
    documents = [*codes, codelist("area", ["1"]), codelist("ownership", ["1"]), SCHOOL,
                 record("pupil", fields), counted]  # fmt: skip
    table = declare(tmp_path, documents).tables["square"]
    numbers = [30, 47, 64, 89, 90, 124, 5, 31, 92, 100, 59, 85, 800, 991, 651, 685]
    cells = cells_of(
        table,
        {
            key: {"pupils": number}
            for key, number in zip(itertools.product("wxyz", "abcd"), numbers, strict=True)
        },
    )
    names = [row["row"] + row["column"] for row in cells.to_pylist()]

    def bounds(hidden: set[str]) -> tuple[float, float]:
        of = system([(table, hide(cells, [name in hidden for name in names]))])
        low, high = intervals(of)
        unknown = of.places["square"][names.index("wb")]
        return low[unknown], high[unknown]

    hidden = {"wa", "wb", "wc", "xa", "xc", "yb", "yd", "zb", "zd"}
    assert bounds(hidden) == pytest.approx((47, 47))
    assert bounds({*hidden, "xd"}) == pytest.approx((0, 78))


def test_tables_that_are_safe_alone_are_not_together(tmp_path: Path) -> None:
    one, two = ("abij", "klmn"), ("abijkn", "lm")
    codes = [codelist("letter", "abijklmn"), codelist("one", ["p", "q"]),
             codelist("two", ["r", "s"])]  # fmt: skip
    fields = [{"name": name, "type": "code"} for name in ("letter", "one", "two")]
    cubes = [cube(f"by-{name}", "pupil", [[name, "letter"]], [measure("pupils")])
             for name in ("one", "two")]  # fmt: skip
    documents = [*codes, codelist("area", ["1"]), codelist("ownership", ["1"]), SCHOOL,
                 record("pupil", fields), *cubes]  # fmt: skip
    tables = declare(tmp_path, documents).tables
    counts = dict(zip("abijklmn", [2, 2, 8, 8, 3, 3, 3, 7], strict=True))
    cells = {
        name: cells_of(tables[name], {
            (groups[letter in parts[1]], letter): {"pupils": number}
            for letter, number in counts.items()
        })
        for name, parts, groups in (("by-one", one, "pq"), ("by-two", two, "rs"))
    }  # fmt: skip

    def of_k(names: Sequence[str], hidden: str) -> tuple[float, float]:
        shown = [
            (tables[name], hide(cells[name], [row["letter"] in set(hidden) for row in
                                              cells[name].to_pylist()]))
            for name in names
        ]  # fmt: skip
        of = system(shown)
        low, high = intervals(of)
        unknown = of.places[names[0]][cells[names[0]]["letter"].to_pylist().index("k")]
        return low[unknown], high[unknown]

    assert np.diff(of_k(["by-one"], "abklm")) > 1
    assert np.diff(of_k(["by-two"], "abklm")) > 1
    assert of_k(["by-one", "by-two"], "abklm") == pytest.approx((3, 3))
    assert of_k(["by-one", "by-two"], "abklmn") == pytest.approx((0, 10))


@pytest.mark.parametrize("make", [cities.plain, cities.groups, cities.linked])
def test_verdicts_are_those_of_the_bounds(
    make: cities.Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All at once and area by area say the same as two programmes a count."""
    city = make(tmp_path, 30)
    masks = greedy.suppressed(city.tables, city.cells)
    dice = np.random.default_rng(3)
    # Some of the baseline's suppressed counts are opened, so that there is more to find.
    shown = []
    for table in city.tables:
        mask, values = masks[table.name]["pupils"], city.cells[table.name]["pupils"].to_numpy()
        opened = dice.random(len(mask)) < 0.02
        mask = mask & ~(opened & ((values == 0) | (values >= 5)))
        shown.append((table, hide(city.cells[table.name], mask)))
    of = system(shown)
    low, high = intervals(of)
    expected = {}
    for table, rows in shown:
        values = city.cells[table.name]["pupils"].to_numpy()
        place = of.places[table.name]
        small, hidden = (values > 0) & (values < 5), rows["pupils"].is_null().to_numpy()
        narrow = np.where(small, (low[place] > 1e-5) | (high[place] < 5 - 1e-5),
                          high[place] - low[place] < 1 - 1e-5)  # fmt: skip
        expected[table.name] = np.where(place < 0, hidden, narrow)
    assert any(mask.any() for mask in expected.values())
    for big in (10_000, 40):
        monkeypatch.setattr(attacker, "_BIG", big)
        found = attack(shown, city.cells)
        for name, mask in expected.items():
            np.testing.assert_array_equal(found.exposed[name], mask)


def test_a_small_count_that_stands_open_somewhere_is_found(tmp_path: Path) -> None:
    city = cities.linked(tmp_path, 30)
    masks = greedy.suppressed(city.tables, city.cells)
    shown = [(table, hide(city.cells[table.name], masks[table.name]["pupils"]))
             for table in city.tables]  # fmt: skip
    before = attack(shown, city.cells)
    table, rows = shown[0]
    values = city.cells[table.name]["pupils"].to_numpy()
    total = rows["sex"].to_numpy() == TOTAL
    small = np.flatnonzero(total & (values > 0) & (values < 5))[0]
    mask = masks[table.name]["pupils"].copy()
    mask[small] = False
    shown[0] = (table, hide(city.cells[table.name], mask))
    after = attack(shown, city.cells)
    assert after.open_primaries > before.open_primaries
    assert all(after.exposed[one.name].sum() > before.exposed[one.name].sum()
               for one in city.tables)  # fmt: skip


def test_what_does_not_add_up_is_refused(tmp_path: Path) -> None:
    city = cities.plain(tmp_path, 30)
    (table,) = city.tables
    cells = city.cells[table.name]
    values = cells["pupils"].to_numpy().copy()
    values[5] += 1
    with pytest.raises(ValueError, match="add up"):
        system([(table, cells.set_column(cells.num_columns - 1, "pupils", pa.array(values)))])
