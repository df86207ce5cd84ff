"""What is suppressed: thousands of small random tables, alone and linked, attacked by readers who
solve for the people behind them."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from harvesters.disclosure import Frozen, Refused, ends, figures, protect, protect_together
from schemas import TOTAL, Declarations, Table
from schemas.table import STRUCTURAL
from tests.harvesters.disclosure import cities
from tests.harvesters.disclosure.attacker import attack
from tests.harvesters.disclosure.builders import (
    TABLES,
    Key,
    cells_of,
    declare_tables,
    random_cells,
)
from tests.harvesters.disclosure.people import counted, random_people, weaknesses
from tests.schemas.builders import CITY, cube, declare, measure

pytestmark = pytest.mark.unit

COUNTED = ("by-school", "online", "rates", "one-line")
"""Tables that count people and nothing that people have."""


@pytest.fixture(scope="module")
def declarations(tmp_path_factory: pytest.TempPathFactory) -> Declarations:
    return declare_tables(tmp_path_factory.mktemp("declared"))


def is_hidden(table: Table, cells: pa.Table, mask: np.ndarray) -> dict[Key, bool]:
    keys = zip(*(cells[name].to_pylist() for name in table.dimension_columns), strict=True)
    return dict(zip(keys, mask.tolist(), strict=True))


def hold_against_an_attacker(tables: list[Table], seeds: range) -> None:
    suppressed = 0
    for seed in seeds:
        people = random_people(seed)
        cells = {table.name: counted(table, people) for table in tables}
        masks = protect_together(tables, cells)
        shown = [(table, cells[table.name], masks[table.name]) for table in tables]
        assert weaknesses(people, shown) == [], seed
        suppressed += sum(int(mask.sum()) for one in masks.values() for mask in one.values())
    # The examples are no idle ones.
    assert suppressed > len(seeds) / 4


@pytest.mark.parametrize(
    ("names", "seeds"),
    [
        (["by-school"], 200), (["online"], 100), (["rates"], 100), (["one-line"], 400),
        (["by-school", "one-line"], 60), (["by-school", "online"], 40), (["online", "rates"], 40),
        (list(COUNTED), 30),
    ],
)  # fmt: skip
def test_nobody_is_found_in_what_is_published(
    declarations: Declarations, names: list[str], seeds: int
) -> None:
    hold_against_an_attacker([declarations.tables[name] for name in names], range(seeds))


@pytest.mark.parametrize(
    ("names", "seeds"),
    [(["by-school"], 200), (["rates"], 60), (["by-school", "online", "one-line"], 40)],
)
def test_nor_where_areas_are_protected_one_by_one(
    declarations: Declarations,
    names: list[str],
    seeds: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(figures, "_MANY", 2)
    tables = [declarations.tables[name] for name in names]
    hold_against_an_attacker(tables, range(1000, 1000 + seeds))


@pytest.mark.parametrize(("name", "seeds"), [("by-school", 150), ("one-line", 400)])
def test_nor_by_an_attacker_who_solves_all_lines(
    declarations: Declarations, name: str, seeds: int
) -> None:
    table = declarations.tables[name]
    found = 0
    for seed in range(seeds):
        cells = random_cells(table, seed)
        if not cells.num_rows:
            continue
        masks = protect(table, cells)
        if not masks["pupils"].any():
            assert not {1, 2, 3, 4} & set(cells["pupils"].to_pylist())
            continue
        shown = cities.published(table, cells, masks)
        verdict = attack([(table, shown)], {name: cells})
        assert (verdict.open_primaries, verdict.open_secondaries) == (0, 0), seed
        found += verdict.primaries
    assert found > seeds / 10


def test_the_attackers_get_through_where_nothing_is_protected(declarations: Declarations) -> None:
    for name in COUNTED:
        table = declarations.tables[name]
        weak = 0
        for seed in range(20):
            people = random_people(seed)
            cells = counted(table, people)
            bare = {one.name: np.zeros(cells.num_rows, dtype=bool) for one in table.measures}
            weak += bool(weaknesses(people, [(table, cells, bare)]))
        assert weak > 3, name


@pytest.mark.parametrize("name", [table["table"] for table in TABLES])
def test_the_same_cells_in_any_order_are_protected_alike(
    declarations: Declarations, name: str
) -> None:
    table = declarations.tables[name]
    for seed in range(20):
        cells = random_cells(table, seed)
        masks = protect(table, cells)
        again = protect(table, cells)
        order = np.random.default_rng(seed).permutation(cells.num_rows)
        shuffled = protect(table, cells.take(order))
        for one, mask in masks.items():
            assert (again[one] == mask).all()
            assert (shuffled[one] == mask[order]).all(), seed


def test_protection_leaves_the_cells_as_they_are(declarations: Declarations) -> None:
    table = declarations.tables["rates"]
    cells = random_cells(table, 4)
    before = cells.to_pylist()
    protect(table, cells)
    assert cells.to_pylist() == before


@pytest.mark.parametrize("name", ["by-school", "one-line"])
def test_where_nothing_is_small_nothing_is_suppressed(
    declarations: Declarations, name: str
) -> None:
    table = declarations.tables[name]
    for seed in range(60):
        people = {kind: number * 5 for kind, number in random_people(seed).items()}
        assert not protect(table, counted(table, people))["pupils"].any()


@pytest.mark.parametrize(
    ("counts", "suppressed"),
    [
        ({"male": 7, "female": 9}, ""),
        ({"male": 5, "female": 5}, ""),
        ({"male": 0, "female": 5}, ""),
        ({"male": 0, "female": 0}, ""),
        # The other part hides it.
        ({"male": 4, "female": 60}, "male female"),
        ({"male": 1, "female": 1}, f"male female {TOTAL}"),
        # Two and two come to four: the total is small itself.
        ({"male": 2, "female": 2}, f"male female {TOTAL}"),
        # One alone and nothing beside it: the total is the same number.
        ({"male": 3, "female": 0}, f"male {TOTAL}"),
        ({"male": 3}, f"male {TOTAL}"),
        # Both parts small, together not.
        ({"male": 4, "female": 3}, "male female"),
    ],
)
def test_a_line_hides_what_is_small_and_what_would_tell_it(
    declarations: Declarations, counts: dict[str, int], suppressed: str
) -> None:
    table = declarations.tables["one-line"]
    cells = cells_of(table, {(code,): {"pupils": count} for code, count in counts.items()})
    hidden = is_hidden(table, cells, protect(table, cells)["pupils"])
    assert {code for (code,), out in hidden.items() if out} == set(suppressed.split())


def test_the_one_school_of_a_ward_is_hidden_with_its_ward(tmp_path: Path) -> None:
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
    hidden = is_hidden(table, cells, protect(table, cells)["pupils"])
    assert hidden["00100", "0001"] and hidden["00100", TOTAL]
    # A ward with one school is that school.
    assert hidden["00300", "0004"] == hidden["00300", TOTAL]


@pytest.mark.parametrize("name", [table["table"] for table in TABLES])
def test_a_table_without_cells_has_nothing_to_hide(declarations: Declarations, name: str) -> None:
    table = declarations.tables[name]
    masks = protect(table, cells_of(table, {}))
    assert {one: mask.tolist() for one, mask in masks.items()} == {
        one.name: [] for one in table.measures
    }


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
    out = is_hidden(table, cells, masks["online"])
    assert (
        out["00100", "primary", "g1"]
        or is_hidden(table, cells, masks["pupils"])["00100", "primary", "g1"]
    )
    assert not masks["girls"].any()


def test_money_and_what_is_a_head_are_hidden_with_the_people(declarations: Declarations) -> None:
    table = declarations.tables["money"]
    hidden = 0
    for seed in range(100):
        cells = random_cells(table, seed)
        masks = protect(table, cells)
        assert (masks["fees"] == masks["days"]).all()
        # A ratio of two published figures would give either away.
        assert (masks["fee_a_day"] == masks["days"]).all()
        payers = cells["mean_fee__n"].to_numpy()
        assert masks["mean_fee"][(payers > 0) & (payers < 10)].all()
        hidden += int(masks["fees"].sum())
    assert hidden > 100


def test_a_rate_is_hidden_wherever_one_of_its_counts_is_or_coded(
    declarations: Declarations,
) -> None:
    table = declarations.tables["rates"]
    (share,) = (one for one in table.measures if one.kind == "rate")
    some = 0
    for seed in range(100):
        cells = random_cells(table, seed)
        masks = protect(table, cells)
        low, high = ends(share, cells)
        coded = (low | high) & ~masks["share_online"]
        hidden = masks["online"] | masks["pupils"]
        assert (masks["share_online"] >= hidden)[~coded].all()
        # What is coded is of a number that is known, and never with the numerator beside it.
        assert masks["online"][coded].all() and not masks["pupils"][coded].any()
        some += int(coded.sum())
    assert some > 5


RATE_ALONE = cube("rate-alone", "pupil", [["area", "school"], ["sex"]],
                  [measure("share", rate={"of": {"internet": ["yes"]}})])  # fmt: skip


def test_a_rate_without_its_counts_keeps_the_same_promises(tmp_path: Path) -> None:
    table = declare(tmp_path, [*CITY, RATE_ALONE]).tables["rate-alone"]
    hidden = 0
    for seed in range(80):
        people = random_people(seed)
        cells = counted(table, people)
        masks = protect(table, cells)
        for row, out in zip(cells.to_pylist(), masks["share"], strict=True):
            some, everyone = row["share__n"], row["share__of"]
            if everyone:
                share = round(100 * some / everyone, 1)
                few = any(0 < one < 10 for one in (some, everyone, everyone - some))
                # Shown only where it tells of ten at least, on either side, or may.
                at_end = share <= 5 or share >= 95
                assert out or (everyone >= 200 if at_end else not few), seed
        hidden += int(masks["share"].sum())
    assert hidden > 80


@pytest.mark.parametrize(
    ("online", "of", "is_coded"),
    [
        (29_990, 30_000, True), (12, 30_000, True), (0, 200, True), (200, 200, True),
        (10, 200, True), (190, 200, True), (1_500, 30_000, True), (28_500, 30_000, True),
        # 5 % of 199 are no ten; and 5.04 % are more than 5 % but would be shown as such.
        (0, 199, False), (199, 199, False), (1_512, 30_000, False), (28_488, 30_000, False),
    ],
)  # fmt: skip
def test_a_rate_at_an_end_is_coded_where_that_leaves_room_and_its_count_is_hidden(
    declarations: Declarations, online: int, of: int, is_coded: bool
) -> None:
    table = declarations.tables["rates"]
    values = {"pupils": of, "online": online, "share_online__n": online, "share_online__of": of}
    half = {"pupils": of, "online": of // 2, "share_online__n": of // 2, "share_online__of": of}
    cells = cells_of(
        table, {("00100", "0001", "primary", grade): numbers
                for grade, numbers in (("g1", values), ("g2", half), ("g6", half))}
    )  # fmt: skip
    masks = protect(table, cells)
    at_end = [row["grade"] == "g1" for row in cells.to_pylist()]
    assert (masks["share_online"][at_end] == (not is_coded)).all()
    assert masks["online"][at_end].all()
    assert masks["pupils"][at_end].any() <= (not is_coded)
    # The others in the line are at no end, and only some of them have to help.
    assert not masks["share_online"].all()


def test_a_rate_of_nobody_says_nothing_and_stays(declarations: Declarations) -> None:
    table = declarations.tables["rates"]
    nobody = dict.fromkeys(("pupils", "online", "share_online__n", "share_online__of"), 0)
    cells = cells_of(table, {("00100", "0001", "primary", "g1"): nobody})
    assert not any(mask.any() for mask in protect(table, cells).values())


def test_what_institutions_have_is_open(declarations: Declarations) -> None:
    table = declarations.tables["open"]
    cells = cells_of(table, {("00100", "0001"): {"days": 1}, ("00100", "0002"): {"days": 0}})
    assert not protect(table, cells)["days"].any()


def test_nobody_and_everybody_of_a_sensitive_group_are_hidden(declarations: Declarations) -> None:
    table = declarations.tables["one-line"]
    (by_sex,) = table.dimensions
    sensitive = dataclasses.replace(
        table, dimensions=(dataclasses.replace(by_sex, sensitive={"sex": ("female",)}),)
    )

    def hidden(male: int, female: int) -> set[str]:
        cells = cells_of(sensitive, {("male",): {"pupils": male}, ("female",): {"pupils": female}})
        found = is_hidden(sensitive, cells, protect(sensitive, cells)["pupils"])
        return {code for (code,), out in found.items() if out}

    assert hidden(50, 40) == set()
    assert hidden(50, 0) == {"male", "female"}
    assert hidden(0, 50) >= {"female"}
    # Nobody at all is nobody's group.
    assert hidden(0, 0) == set()


def test_what_cannot_be_is_nobodys_secret(tmp_path: Path) -> None:
    """No boys where there never are any says nothing; no boys by chance tells of every pupil."""
    never = cube(
        "never", "pupil",
        [["area"], {"name": "sex", "hierarchy": ["sex"], "zeros": True, "sensitive": ["male"]}],
        [measure("pupils")], structural_zeros=[{"area": ["00100"], "sex": ["male"]}],
    )  # fmt: skip
    table = declare(tmp_path, [*CITY, never]).tables["never"]
    numbers = {
        ("00100", "male"): 0,
        ("00100", "female"): 40,
        ("00200", "male"): 0,
        ("00200", "female"): 30,
        ("00300", "male"): 20,
        ("00300", "female"): 10,
    }
    cells = cells_of(table, {key: {"pupils": number} for key, number in numbers.items()})
    marks = [(row["area"], row["sex"]) == ("00100", "male") for row in cells.to_pylist()]
    marked = cells.append_column(STRUCTURAL, pa.array(marks))
    hidden = is_hidden(table, marked, protect(table, marked)["pupils"])
    assert hidden["00200", "male"]
    # Hiding what everybody knows would hide nothing.
    assert not hidden["00100", "male"] and not hidden["00100", "female"]
    assert is_hidden(table, cells, protect(table, cells)["pupils"])["00100", "male"]


def test_tables_of_different_things_are_left_alone(tmp_path: Path) -> None:
    documents = [
        *CITY,
        cube("days", "pupil", [["sex"]], [measure("days", sum="absences")]),
        cube("heads", "pupil", [["sex"]], [measure("heads")]),
    ]
    tables = [declare(tmp_path, documents).tables[name] for name in ("days", "heads")]
    cells = {
        "days": cells_of(tables[0], {("male",): {"days": 3}, ("female",): {"days": 90}}),
        "heads": cells_of(tables[1], {("male",): {"heads": 50}, ("female",): {"heads": 60}}),
    }
    masks = protect_together(tables, cells)
    assert masks["days"]["days"].sum() == 2
    assert not masks["heads"]["heads"].any()


def test_tables_without_a_common_column_share_their_total(tmp_path: Path) -> None:
    documents = [
        *CITY,
        cube("by-sex", "pupil", [["sex"]], [measure("pupils")]),
        cube("by-grade", "pupil", [["level", "grade"]], [measure("all_of_them")]),
    ]
    tables = [declare(tmp_path, documents).tables[name] for name in ("by-sex", "by-grade")]
    cells = {
        "by-sex": cells_of(tables[0], {("male",): {"pupils": 3}, ("female",): {"pupils": 60}}),
        "by-grade": cells_of(tables[1], {("primary", "g1"): {"all_of_them": 63}}),
    }
    masks = protect_together(tables, cells)
    assert is_hidden(tables[0], cells["by-sex"], masks["by-sex"]["pupils"])[("female",)]
    few = dict(cells, **{
        "by-sex": cells_of(tables[0], {("male",): {"pupils": 3}, ("female",): {"pupils": 0}}),
        "by-grade": cells_of(tables[1], {("primary", "g1"): {"all_of_them": 3}}),
    })  # fmt: skip
    masks = protect_together(tables, few)
    assert masks["by-grade"]["all_of_them"].all()


def test_apart_the_tables_would_have_contradicted_one_another(declarations: Declarations) -> None:
    tables = [declarations.tables[name] for name in ("by-school", "one-line")]
    contradicting = 0
    for seed in range(60):
        people = random_people(seed)
        cells = {table.name: counted(table, people) for table in tables}
        shown = [(table, cells[table.name], protect(table, cells[table.name])) for table in tables]
        contradicting += bool(weaknesses(people, shown))
    assert contradicting > 10


@pytest.mark.parametrize(
    ("early", "late"),
    [("by-school", "one-line"), ("one-line", "by-school"), ("online", "by-school"),
     ("rates", "one-line")],
)  # fmt: skip
def test_a_table_that_comes_late_keeps_to_what_is_published(
    declarations: Declarations, early: str, late: str
) -> None:
    first, second = declarations.tables[early], declarations.tables[late]
    joined = 0
    for seed in range(30):
        people = random_people(seed)
        cells = {table.name: counted(table, people) for table in (first, second)}
        standing = protect(first, cells[early])
        try:
            masks = protect_together(
                [second], {late: cells[late]}, [Frozen(first, cells[early], standing)]
            )
        except Refused as refused:
            assert refused.table == late
            continue
        assert set(masks) == {late}
        shown = [(first, cells[early], standing), (second, cells[late], masks[late])]
        assert weaknesses(people, shown) == [], seed
        joined += 1
    assert joined > 12


def test_what_is_open_already_cannot_be_hidden_any_more(tmp_path: Path) -> None:
    """Seven stand open by a threshold of 5; a late table with one of 10 cannot have them."""
    documents = [
        *CITY,
        cube("early", "pupil", [["sex"]], [measure("pupils")]),
        cube("late", "pupil", [["sex"], ["level", "grade"]], [measure("pupils")],
             disclosure={"threshold": 10}),
    ]  # fmt: skip
    tables = declare(tmp_path, documents).tables
    early, late = tables["early"], tables["late"]
    cells = {
        "early": cells_of(early, {("male",): {"pupils": 7}, ("female",): {"pupils": 60}}),
        "late": cells_of(late, {(sex, "primary", "g1"): {"pupils": number}
                                for sex, number in (("male", 7), ("female", 60))}),
    }  # fmt: skip
    standing = protect(early, cells["early"])
    assert not standing["pupils"].any()
    with pytest.raises(Refused, match="cannot be hidden") as refused:
        protect_together([late], {"late": cells["late"]}, [Frozen(early, cells["early"], standing)])
    assert refused.value.table == "late"
