"""Rates at the ends: told as bounds where nobody learns from them how few there are."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvesters.disclosure import (
    Frozen,
    Published,
    Refused,
    audit,
    audit_together,
    ends,
    figures,
    protect,
    protect_together,
    secondary,
)
from harvesters.disclosure.coded import Ends, may_be, narrowed, with_others
from harvesters.disclosure.secondary import Unprotectable
from harvesters.disclosure.system import Sums
from schemas import TOTAL, Declarations, Table
from tests.harvesters.builders import YEAR
from tests.harvesters.disclosure.builders import (
    Masks,
    cells_of,
    declare_tables,
    published,
    write,
)
from tests.harvesters.disclosure.people import GRADES, People, counted, weaknesses
from tests.schemas.builders import CITY, cube, declare, measure

pytestmark = pytest.mark.unit

SHARE = cube(
    "share", "pupil", [["area", "school"]],
    [measure("pupils"), measure("share", rate={"of": {"internet": ["yes"]}})],
)  # fmt: skip
ALONE = cube(
    "alone", "pupil", [["area", "school"], ["sex"]],
    [measure("share", rate={"of": {"internet": ["yes"]}})],
)  # fmt: skip
COUNTS = cube(
    "counts", "pupil", [["area"], ["sex"]],
    [measure("pupils"), measure("online", count={"where": {"internet": ["yes"]}})],
)  # fmt: skip


@pytest.fixture(scope="module")
def declarations(tmp_path_factory: pytest.TempPathFactory) -> Declarations:
    folder = tmp_path_factory.mktemp("declared")
    declare_tables(folder)
    return declare(folder, [*CITY, SHARE, ALONE, COUNTS])


def lopsided_people(seed: int) -> People:
    """The people of a small city of large grades, in which nearly everybody, or hardly anybody,
    has internet in many places."""
    dice = random.Random(seed)
    areas = dice.sample(["00100", "00200"], dice.randint(1, 2))
    schools = [(dice.choice(areas), f"{n:04d}") for n in range(dice.randint(1, 3))]
    grades = dice.sample(GRADES, dice.randint(1, 2))
    found = {}
    for school, grade, sex in itertools.product(schools, grades, ("male", "female")):
        everyone = dice.choice([dice.randint(0, 30), dice.randint(150, 400), 1000])
        few = min(everyone, dice.choice([0, dice.randint(0, 12), everyone // 20, everyone // 3]))
        some = dice.choice([few, everyone - few])
        found[(*school, *grade, sex, "yes")] = some
        found[(*school, *grade, sex, "no")] = everyone - some
    return found


def files(
    tables: Sequence[Table], cells: dict[str, pa.Table], masks: dict[str, Masks], folder: Path
) -> list[Published]:
    found = []
    for table in tables:
        rows = published(table, cells[table.name], masks[table.name])
        found.append(put(table, rows, cells[table.name], folder))
    return found


def put(table: Table, rows: list[dict[str, Any]], cells: pa.Table, folder: Path) -> Published:
    file = write(table, rows, folder / f"{table.name}.parquet")
    pq.write_table(cells, file.with_suffix(".cells"))
    return Published(table, file, file.with_suffix(".cells"))


@pytest.mark.parametrize(
    ("names", "seeds", "least"),
    [(["rates"], 8, 20), (["share"], 24, 12), (["alone"], 12, 15),
     (["share", "counts"], 12, 6), (["rates", "alone", "counts"], 4, 6)],
)  # fmt: skip
def test_nobody_is_found_behind_a_coded_rate(
    declarations: Declarations, names: list[str], seeds: int, least: int, tmp_path: Path
) -> None:
    tables = [declarations.tables[name] for name in names]
    coded = 0
    for seed in range(seeds):
        people = lopsided_people(seed)
        cells = {table.name: counted(table, people) for table in tables}
        masks = protect_together(tables, cells)
        shown = [(table, cells[table.name], masks[table.name]) for table in tables]
        assert weaknesses(people, shown) == [], seed
        audit_together(YEAR, files(tables, cells, masks, tmp_path))
        coded += sum(coded_rows(table, cells[table.name], masks[table.name]) for table in tables)
    assert coded > least


def coded_rows(table: Table, cells: pa.Table, masks: Masks) -> int:
    found = 0
    for one in table.measures:
        if one.kind == "rate":
            low, high = ends(one, cells)
            found += int(((low | high) & ~masks[one.name]).sum())
    return found


def test_nor_where_areas_are_protected_one_by_one(
    declarations: Declarations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(figures, "_MANY", 2)
    table = declarations.tables["share"]
    coded = 0
    for seed in range(100, 120):
        people = lopsided_people(seed)
        cells = counted(table, people)
        masks = protect(table, cells)
        assert weaknesses(people, [(table, cells, masks)]) == [], seed
        coded += coded_rows(table, cells, masks)
    assert coded > 10


# Every table there is, tried one by one ---------------------------------------------------------

LINE = cube(
    "line", "pupil", [["sex"]],
    [measure("pupils"), measure("share", rate={"of": {"internet": ["yes"]}})],
)  # fmt: skip
NEAR = 15
"""How far from the truth, and from nobody and everybody, other numbers are tried."""

a_group = st.tuples(
    st.one_of(st.integers(0, 25), st.integers(195, 260), st.sampled_from([199, 200, 201])),
    st.one_of(st.integers(0, 13), st.sampled_from([40, 1_000])),
    st.booleans(),
).map(lambda drawn: (drawn[0], min(drawn[0], drawn[1]), drawn[2]))


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> Table:
    return declare(tmp_path_factory.mktemp("line"), [*CITY, LINE]).tables["line"]


@given(a_group, a_group)
@settings(max_examples=150, deadline=None)
def test_few_may_be_any_number_up_to_the_threshold(
    line: Table, first: tuple[int, int, bool], second: tuple[int, int, bool]
) -> None:
    """Of all tables of whole numbers near the true one that a reader cannot tell from it, some
    have nobody among the few, some one, and so on up to the threshold."""
    numbers = {}
    for sex, (everyone, few, is_low) in (("male", first), ("female", second)):
        some = few if is_low else everyone - few
        numbers[sex,] = {"pupils": everyone, "share__n": some, "share__of": everyone}
    cells = cells_of(line, numbers)
    rows = {row["sex"]: row for row in published(line, cells, protect(line, cells))}
    truth = {row["sex"]: (row["pupils"], row["share__n"]) for row in cells.to_pylist()}
    possible = like(rows, truth)
    assert len(possible["male"])
    for sex, row in rows.items():
        everyone, some = truth[sex]
        alike, chosen = possible[sex].T
        if row["pupils_status"] == "c" and 0 < everyone < 10:
            assert set(range(11)) <= set(alike.tolist())
        if everyone and 20 * some <= everyone:
            assert row["share_flag"] == "le" or row["share_status"] == "c"
            assert set(range(11)) <= set(chosen.tolist())
        if everyone and 20 * (everyone - some) <= everyone:
            assert row["share_flag"] == "ge" or row["share_status"] == "c"
            assert set(range(11)) <= set((alike - chosen).tolist())


def like(
    rows: dict[str, dict[str, Any]], truth: dict[str, tuple[int, int]]
) -> dict[str, np.ndarray]:
    """Pupils and those online, shape (tables, 2), in tables that would be published alike."""
    male, female = (np.array(list(alone(rows[sex], *truth[sex]))) for sex in ("male", "female"))
    first, second = np.indices((len(male), len(female))).reshape(2, -1)
    found = {"male": male[first], "female": female[second]}
    found[TOTAL] = found["male"] + found["female"]
    fits = alike(rows[TOTAL], *found[TOTAL].T)
    return {sex: pairs[fits] for sex, pairs in found.items()}


def alone(row: dict[str, Any], everyone: int, some: int) -> Iterator[tuple[int, int]]:
    """Numbers near the true ones with which a row would be the same."""
    for all_of_them in near(everyone) if row["pupils"] is None else [everyone]:
        these = np.array(sorted(
            {one for one in [*near(some), *range(all_of_them - NEAR, all_of_them + 1)]
             if 0 <= one <= all_of_them}
        ))  # fmt: skip
        for one in these[alike(row, np.full(len(these), all_of_them), these)]:
            yield all_of_them, int(one)


def near(number: int) -> list[int]:
    return sorted({*range(NEAR + 1), *range(max(0, number - NEAR), number + NEAR + 1)})


def alike(row: dict[str, Any], everyone: np.ndarray, some: np.ndarray) -> np.ndarray:
    """Whether a row would say the same of these numbers."""
    fits = np.ones(len(some), dtype=bool) if row["pupils"] is None else everyone == row["pupils"]
    if row["share_status"] == "z":
        return fits & (everyone == 0)
    if row["share_flag"] == "le":
        return fits & (20 * some <= everyone)
    if row["share_flag"] == "ge":
        return fits & (20 * some >= 19 * everyone)
    if row["share_status"] == "":
        return fits & (np.abs(100 * some - row["share"] * everyone) <= 0.0501 * everyone)
    return fits


# What the rule is made of ------------------------------------------------------------------------


def numbers(*given: int) -> np.ndarray:
    return np.array(given, dtype=np.int64)


def test_who_is_not_counted_at_a_high_end_is_a_figure_of_its_own() -> None:
    # Figure 0 is 1 and 5 more, 2 is all of 3, and 2 is 3, 4 and 6 more.
    rests = [Sums(numbers(0, 2), numbers(0, 2, 5), numbers(1, 5, 3, 4, 6))]
    ends_ = {
        "a": Ends(numbers(0, 4, 7), numbers(1, 3, 1), numbers(0, 2, 2), numbers(-1, -1, 1)),
        "b": Ends(numbers(2, 3), numbers(3, 4), numbers(2, 2), numbers(-1, -1)),
    }
    found, sums = with_others(ends_, rests, 10)
    assert found["a"].few.tolist() == [5, 10, 1]
    assert found["b"].few.tolist() == [10, 11]
    assert sums.total.tolist() == [2, 2] and sums.start.tolist() == [0, 2, 4]
    assert sums.part.tolist() == [3, 10, 4, 11]
    assert ends_["a"].few.tolist() == [-1, -1, 1]
    nothing, none = with_others({}, [], 10)
    assert nothing == {} and len(none) == 0


def test_an_end_may_be_coded_where_it_is_one_and_leaves_room() -> None:
    value = np.array([200.0, 199.0, 400.0, 10.0, 11.0, 0.0])
    few, below = numbers(3, 4, 5, 5, 4, 5), numbers(0, 0, 0, 1, 2, 2)
    rates = Ends(np.arange(6), few, below, few)
    # 10 and 11 of 200, nobody of 200 and of 199, 11 and nobody of 400.
    ten = np.full(6, 10.0)
    assert may_be(rates, value, ten).tolist() == [True, False, True, False, True, True]
    assert may_be(rates, value, ten + 1).tolist() == [False, False, False, False, True, True]


def test_what_is_coded_bounds_the_few() -> None:
    value = np.array([250.0, 400.0, 0.0, 3.0])
    first = narrowed(None, Ends(*(numbers(*one) for one in ((0,), (2,), (1,), (2,)))), value)
    assert first.tolist() == [np.inf, np.inf, 20.0, np.inf]
    both = Ends(*(numbers(*one) for one in ((0, 1), (2, 3), (0, 0), (2, 3))))
    # 5 % of 250 are 12 and a half; the lower of two bounds holds.
    assert narrowed(first, both, value).tolist() == [np.inf, np.inf, 12.0, 12.0]
    assert first.tolist() == [np.inf, np.inf, 20.0, np.inf]


@pytest.mark.parametrize(("seed", "some_are_coded"), [(2, False), (3, True)])
def test_where_codes_would_leave_others_unprotected_fewer_ends_are_coded(
    declarations: Declarations, seed: int, some_are_coded: bool
) -> None:
    """A rate that is coded fixes its denominator; here some other needs it."""
    table = declarations.tables["alone"]
    people = lopsided_people(seed)
    cells = counted(table, people)
    plain = figures.figures_of([table], {"alone": cells}, {})
    with pytest.raises(Unprotectable):
        secondary.suppress(plain.coded(plain.system.sensitive).system)
    hidden = secondary.suppress(plain.system)
    masks = protect(table, cells)
    assert weaknesses(people, [(table, cells, masks)]) == []
    assert bool(coded_rows(table, cells, masks)) == some_are_coded
    if not some_are_coded:
        with pytest.raises(Unprotectable):
            secondary.suppress(plain.coded(hidden).system)
        assert (masks["share"] == plain.masks(hidden)["alone"]["share"]).all()


def test_the_denominators_of_coded_rates_stay_open(declarations: Declarations) -> None:
    """To hide how many pupils there are would be cheaper, and leave no rate to be coded."""
    table = declarations.tables["share"]
    online = {("00100", "0001"): (3, 240), ("00100", "0002"): (250, 250),
              ("00200", "0003"): (90, 210)}  # fmt: skip
    cells = cells_of(table, {
        place: {"pupils": of, "share__n": some, "share__of": of}
        for place, (some, of) in online.items()
    })  # fmt: skip
    masks = protect(table, cells)
    assert not masks["pupils"].any()
    assert coded_rows(table, cells, masks) == 2


def test_nobody_at_all_may_be_somebody_in_every_part(declarations: Declarations) -> None:
    """Nobody has internet in any school, of either sex: what tells so in a table without rates is
    hidden too."""
    tables = [declarations.tables[name] for name in ("share", "counts")]
    people = {
        ("00100", "0001", "primary", "g1", sex, internet): number
        for sex in ("male", "female") for internet, number in (("yes", 0), ("no", 150))
    }  # fmt: skip
    cells = {table.name: counted(table, people) for table in tables}
    masks = protect_together(tables, cells)
    assert not masks["share"]["share"].any()
    # The totals, and enough of their parts.
    assert masks["counts"]["online"].sum() >= 4
    shown = [(table, cells[table.name], masks[table.name]) for table in tables]
    assert weaknesses(people, shown) == []


# What is published already -----------------------------------------------------------------------


@pytest.mark.parametrize(("early", "late"), [("share", "counts"), ("alone", "share")])
def test_a_table_that_comes_late_tells_no_coded_or_hidden_rate(
    declarations: Declarations, early: str, late: str, tmp_path: Path
) -> None:
    first, second = declarations.tables[early], declarations.tables[late]
    joined = 0
    for seed in range(10):
        people = lopsided_people(seed)
        cells = {table.name: counted(table, people) for table in (first, second)}
        standing = protect(first, cells[early])
        try:
            masks = protect_together(
                [second], {late: cells[late]}, [Frozen(first, cells[early], standing)]
            )
        except Refused as refused:
            assert refused.table == late
            continue
        both = {early: standing, late: masks[late]}
        shown = [(table, cells[table.name], both[table.name]) for table in (first, second)]
        assert weaknesses(people, shown) == [], seed
        audit_together(YEAR, files([first, second], cells, both, tmp_path))
        joined += 1
    assert joined > 4


# What the audit refuses --------------------------------------------------------------------------


def a_city(
    declarations: Declarations, online: dict[str, tuple[int, int]], name: str = "share"
) -> tuple[Table, pa.Table]:
    table = declarations.tables[name]
    people = {}
    for school, (some, everyone) in online.items():
        kind = ("00100", school, "primary", "g1", "male")
        people |= {(*kind, "yes"): some, (*kind, "no"): everyone - some}
    return table, counted(table, people)


def row_of(rows: list[dict[str, Any]], school: str) -> dict[str, Any]:
    return next(row for row in rows if row["school"] == school and row["area"] != TOTAL)


SCHOOLS = {"0001": (6, 300), "0002": (180, 400), "0003": (12, 500), "0004": (500, 500)}


def test_a_safe_city_has_coded_rates_and_passes(declarations: Declarations, tmp_path: Path) -> None:
    table, cells = a_city(declarations, SCHOOLS)
    rows = published(table, cells, protect(table, cells))
    told = {row["school"]: (row["share"], row["share_flag"]) for row in rows}
    assert told["0001"] == told["0003"] == (5.0, "le") and told["0004"] == (95.0, "ge")
    certificates = audit_together(YEAR, [put(table, rows, cells, tmp_path)]).certificates
    assert any("coded rates are true" in one for one in certificates["share"].checks)
    assert audit(table, YEAR, tmp_path / "share.parquet").suppressed["pupils"] == 0


@pytest.mark.parametrize(
    ("school", "changes", "total", "reason"),
    [
        # 45 % are not 5 at most, nor is everybody.
        ("0002", {"share": 5.0, "share_flag": "le"}, False, "of too few, or false"),
        ("0004", {"share": 5.0, "share_flag": "le"}, False, "of too few, or false"),
        ("0001", {"share": 95.0, "share_flag": "ge"}, False, "of too few, or false"),
        # The total and all but one: the last is known.
        ("0002", {"share": 45.0, "share_flag": ""}, True, "worked out"),
    ],
)
def test_a_code_that_is_wrong_or_that_others_undo_is_refused(
    declarations: Declarations,
    school: str,
    changes: dict[str, Any],
    total: bool,
    reason: str,
    tmp_path: Path,
) -> None:
    table, cells = a_city(declarations, SCHOOLS)
    rows = published(table, cells, protect(table, cells))
    row_of(rows, school).update(changes, share_status="")
    if total:
        for row in rows:
            if row["school"] == TOTAL:
                # 698 of 1,700.
                row.update(share=41.1, share_status="", share_flag="")
    with pytest.raises(Refused, match=reason) as refused:
        audit_together(YEAR, [put(table, rows, cells, tmp_path)])
    assert refused.value.table == "share"


def test_a_code_of_too_few_is_refused(declarations: Declarations, tmp_path: Path) -> None:
    table, cells = a_city(declarations, {**SCHOOLS, "0001": (6, 199)})
    rows = published(table, cells, protect(table, cells))
    assert row_of(rows, "0001")["share_status"] == "c"
    row_of(rows, "0001").update(share=5.0, share_status="", share_flag="le")
    with pytest.raises(Refused, match="of too few, or false"):
        audit_together(YEAR, [put(table, rows, cells, tmp_path)])


def test_a_numerator_beside_a_code_is_refused(declarations: Declarations, tmp_path: Path) -> None:
    table, cells = a_city(declarations, {"0001": (14, 300), "0002": (180, 400)}, "rates")
    rows = published(table, cells, protect(table, cells))
    of_school = [row for row in rows if row["school"] == "0001"]
    assert {row["share_online_flag"] for row in of_school} == {"le"}
    for row in of_school:
        row.update(online=14, online_status="")
    with pytest.raises(Refused, match="figures stand open beside"):
        audit_together(YEAR, [put(table, rows, cells, tmp_path)])


def test_a_hidden_rate_of_what_stands_open_is_refused(
    declarations: Declarations, tmp_path: Path
) -> None:
    table, cells = a_city(declarations, {"0001": (100, 300), "0002": (180, 400)}, "rates")
    masks = {name: mask.copy() for name, mask in protect(table, cells).items()}
    assert not any(mask.any() for mask in masks.values())
    audit_together(YEAR, files([table], {"rates": cells}, {"rates": masks}, tmp_path))
    masks["share_online"][0] = True
    with pytest.raises(Refused, match="1 suppressed rates can be worked out"):
        audit_together(YEAR, files([table], {"rates": cells}, {"rates": masks}, tmp_path))


def test_a_rate_of_institutions_is_never_coded(tmp_path: Path) -> None:
    rate = measure("share", rate={"of": {"ownership": ["private"]}})
    table = declare(tmp_path, [*CITY, cube("owners", "school", [["area"]], [rate])]).tables[
        "owners"
    ]
    cells = cells_of(table, {("00100",): {"share__n": 0, "share__of": 900}})
    rows = published(table, cells, protect(table, cells))
    assert {(row["share"], row["share_flag"]) for row in rows} == {(0.0, "")}
    audit(table, YEAR, write(table, rows, tmp_path / "owners.parquet"))
    rows[0].update(share=5.0, share_flag="le")
    with pytest.raises(Refused, match="contradict their status"):
        audit(table, YEAR, write(table, rows, tmp_path / "owners.parquet"))
