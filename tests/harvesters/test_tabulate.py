"""Every cell of a cube, held against counting with plain Python."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harvesters.disclosure import Refused
from harvesters.tabulate import components, tabulate, without
from schemas import TOTAL, Declarations, Table
from schemas.table import STRUCTURAL
from tests.harvesters.builders import Row, school, seal
from tests.schemas.builders import AREAS, CITY, codelist, cube, declare, measure, record

pytestmark = pytest.mark.unit

EVERYTHING = cube(
    "everything",
    "pupil",
    [
        {"name": "place", "hierarchy": ["area", "school"]},
        {"name": "education", "hierarchy": ["level", "grade"]},
        {"name": "sex", "hierarchy": ["sex"], "zeros": True},
    ],
    [
        measure("pupils"),
        measure("girls", count={"where": {"sex": ["female"]}}),
        measure("online_girls", count={"where": {"sex": ["female"], "internet": ["yes"]}}),
        measure("in_private", count={"where": {"ownership": ["private"]}}),
        measure("in_primary", count={"where": {"level": ["primary"]}}),
        measure("absences", sum="absences"),
        measure("fees", sum="fees"),
        measure("mean_fee", mean={"of": "fees"}),
        measure("online", rate={"of": {"internet": ["yes"]}}),
        measure("fee_a_day", ratio={"of": "fees", "over": "absences"}),
    ],
)

OFFERED = cube(
    "offered",
    "pupil",
    [
        {"name": "place", "hierarchy": ["area", "school"]},
        {"name": "education", "hierarchy": ["level", "grade"], "zeros": "offered"},
        {"name": "sex", "hierarchy": ["sex"], "zeros": True},
    ],
    [measure("pupils"), measure("absences", sum="absences")],
)

SINGLE_SEX = cube(
    "single-sex",
    "pupil",
    [
        {"name": "place", "hierarchy": ["area"]},
        {"name": "education", "hierarchy": ["level"]},
        {"name": "sex", "hierarchy": ["sex"], "zeros": True},
    ],
    [measure("pupils")],
    structural_zeros=[
        {"area": [AREAS[0]], "level": ["primary"], "sex": ["male"]},
        {"area": [AREAS[1]], "sex": ["male", "female"]},
    ],
)

PARENTS = {"g1": "primary", "g2": "primary", "g6": "secondary"}

one_pupil = st.fixed_dictionaries(
    {
        "school": st.sampled_from(["0001", "0002", "0003"]),
        "grade": st.sampled_from(["g1", "g2", "g6"]),
        "sex": st.sampled_from(["male", "female"]),
        "internet": st.sampled_from(["yes", "no"]),
        "absences": st.none() | st.integers(0, 9),
        "fees": st.none() | st.integers(0, 40).map(lambda quarters: quarters / 4),
    }
)

SCHOOLS = [school(1), school(2, AREAS[0], "private"), school(3, AREAS[1]), school(4, AREAS[2])]


@pytest.fixture(scope="module")
def declarations(tmp_path_factory: pytest.TempPathFactory) -> Declarations:
    documents = [*CITY, EVERYTHING, OFFERED, SINGLE_SEX]
    return declare(tmp_path_factory.mktemp("declared"), documents)


def count(
    state: Path, declarations: Declarations, table: str, rows: list[Row], schools: list[Any]
) -> pa.Table:
    chosen = declarations.tables[table]
    snapshots = [seal(state, declarations, chosen.record, rows).path]
    register = [seal(state, declarations, "school", schools).path] if schools else []
    return tabulate(chosen, snapshots, register, declarations)


def by_cell(table: Table, cells: pa.Table) -> dict[tuple[str, ...], dict[str, Any]]:
    columns = table.dimension_columns
    found = {tuple(row[name] for name in columns): row for row in cells.to_pylist()}
    assert len(found) == cells.num_rows
    return {
        key: {name: value for name, value in row.items() if name not in columns}
        for key, row in found.items()
    }


def added(values: list[Any]) -> Any:
    """The sum of what there is; nothing where there is nothing."""
    known = [value for value in values if value is not None]
    return sum(known) if known else None


Numbers = dict[str, Callable[[list[Row]], Any]]

EXPECTED: Numbers = {
    "pupils": len,
    "girls": lambda rows: sum(row["sex"] == "female" for row in rows),
    "online_girls": lambda rows: sum(
        row["sex"] == "female" and row["internet"] == "yes" for row in rows
    ),
    "in_private": lambda rows: sum(row["school"] == "0002" for row in rows),
    "in_primary": lambda rows: sum(row["grade"] != "g6" for row in rows),
    "absences": lambda rows: added([row["absences"] for row in rows]),
    "fees": lambda rows: added([row["fees"] for row in rows]),
    "mean_fee__sum": lambda rows: added([row["fees"] for row in rows]),
    "mean_fee__n": lambda rows: sum(row["fees"] is not None for row in rows),
    "online__n": lambda rows: sum(row["internet"] == "yes" for row in rows),
    "online__of": len,
    "fee_a_day__n": lambda rows: added([row["fees"] for row in rows]),
    "fee_a_day__of": lambda rows: added([row["absences"] for row in rows]),
}


def rolled_up(path: tuple[str, ...]) -> list[tuple[str, ...]]:
    """A combination of a hierarchy's codes, and the totals above it."""
    return [path[:depth] + (TOTAL,) * (len(path) - depth) for depth in range(len(path) + 1)]


@given(st.lists(one_pupil, min_size=1, max_size=12))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=8)
def test_every_cell_is_what_plain_counting_gives(
    tmp_path: Path, declarations: Declarations, rows: list[Row]
) -> None:
    areas = {one["school"]: one["area"] for one in SCHOOLS}
    expected: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in rows:
        place = rolled_up((areas[row["school"]], row["school"]))
        education = rolled_up((PARENTS[row["grade"]], row["grade"]))
        for up, across in itertools.product(place, education):
            # Zeros: each sex has a cell wherever there is a pupil at all.
            for sex in ("male", "female", TOTAL):
                expected[(*up, *across, sex)] += [row] if sex in (TOTAL, row["sex"]) else []
    table = declarations.tables["everything"]
    cells = count(tmp_path, declarations, "everything", rows, SCHOOLS)
    assert by_cell(table, cells) == {
        key: {name: number(inside) for name, number in EXPECTED.items()}
        for key, inside in expected.items()
    }
    assert cells.column_names == [*table.dimension_columns, *EXPECTED]
    keys = list(zip(*(cells[name].to_pylist() for name in table.dimension_columns), strict=True))
    assert keys == sorted(keys)


def test_numbers_have_the_types_that_they_are_written_in(
    tmp_path: Path, declarations: Declarations
) -> None:
    rows = [{"school": "0001", "grade": "g1", "sex": "male", "internet": "no", "fees": 1.5}]
    cells = count(tmp_path, declarations, "everything", rows, SCHOOLS)
    types = {name: cells.schema.field(name).type for name in EXPECTED}
    decimals = {"fees", "mean_fee__sum", "fee_a_day__n"}
    assert {name for name, kind in types.items() if kind == pa.float64()} == decimals
    assert {types[name] for name in set(EXPECTED) - decimals} == {pa.int64()}


def test_each_number_is_counted_once_whatever_measures_use_it(declarations: Declarations) -> None:
    names = [component.name for component in components(declarations.tables["everything"])]
    assert names == list(EXPECTED)


def test_the_records_of_several_sources_are_counted_together(
    tmp_path: Path, declarations: Declarations
) -> None:
    rows = [{"school": "0001", "grade": "g1", "sex": "male", "internet": "no"}] * 3
    paths = [
        seal(tmp_path, declarations, "pupil", rows, source=source).path for source in ("a", "b")
    ]
    register = seal(tmp_path, declarations, "school", SCHOOLS).path
    table = declarations.tables["enrolment"]
    cells = by_cell(table, tabulate(table, paths, [register], declarations))
    assert cells[(TOTAL,) * 5] == {"pupils": 6}


def test_a_table_of_records_of_its_own_needs_no_register(tmp_path: Path) -> None:
    documents = [
        codelist("area", AREAS), codelist("kind", ["a", "b"]),
        record("office", [{"name": "area", "type": "code"}], about="institutions"),
        cube("offices", "office", [["area"]], [measure("offices")]),
    ]  # fmt: skip
    declarations = declare(tmp_path / "declared", documents)
    rows = [{"area": AREAS[0]}, {"area": AREAS[1]}, {"area": AREAS[0]}]
    cells = count(tmp_path, declarations, "offices", rows, [])
    assert by_cell(declarations.tables["offices"], cells) == {
        (AREAS[0],): {"offices": 2}, (AREAS[1],): {"offices": 1}, (TOTAL,): {"offices": 3},
    }  # fmt: skip


def test_a_table_that_needs_the_register_is_not_counted_without_it(
    tmp_path: Path, declarations: Declarations
) -> None:
    path = seal(tmp_path, declarations, "pupil", []).path
    with pytest.raises(ValueError, match="register"):
        tabulate(declarations.tables["enrolment"], [path], [], declarations)


def test_two_records_may_use_one_column_name_for_different_lists(tmp_path: Path) -> None:
    def coded(name: str, codes: str) -> dict[str, Any]:
        field = {"name": "kind", "type": "code", "codelist": codes}
        return record(name, [field], about="institutions")

    documents = [
        codelist("animal", ["cat", "dog"]), codelist("plant", ["oak", "fir"]),
        coded("a_zoo", "animal"), coded("garden", "plant"),
        cube("plants", "garden", [{"name": "kind", "hierarchy": ["kind"], "zeros": True}],
             [measure("plants")]),
    ]  # fmt: skip
    declarations = declare(tmp_path / "declared", documents)
    cells = count(tmp_path, declarations, "plants", [{"kind": "oak"}], [])
    assert by_cell(declarations.tables["plants"], cells) == {
        ("oak",): {"plants": 1}, ("fir",): {"plants": 0}, (TOTAL,): {"plants": 1},
    }  # fmt: skip


def test_zeros_fill_every_code_of_a_hierarchy_but_no_sums(tmp_path: Path) -> None:
    documents = [
        codelist("mode", ["cash", "cashless"]),
        codelist("channel", [{"code": "desk", "parent": "cash"}, {"code": "app", "parent":
                 "cashless"}, {"code": "card", "parent": "cashless"}], parent="mode"),
        record("payment", [{"name": "channel", "type": "code"},
                           {"name": "payers", "type": "integer"}]),
        cube("paid", "payment",
             [{"name": "channel", "hierarchy": ["mode", "channel"], "zeros": True}],
             [measure("records"), measure("payers", sum="payers")]),
    ]  # fmt: skip
    declarations = declare(tmp_path / "declared", documents)
    rows = [{"channel": "app", "payers": 7}]
    cells = count(tmp_path, declarations, "paid", rows, [])
    assert by_cell(declarations.tables["paid"], cells) == {
        ("cash", "desk"): {"records": 0, "payers": None},
        ("cash", TOTAL): {"records": 0, "payers": None},
        ("cashless", "app"): {"records": 1, "payers": 7},
        ("cashless", "card"): {"records": 0, "payers": None},
        ("cashless", TOTAL): {"records": 1, "payers": 7},
        (TOTAL, TOTAL): {"records": 1, "payers": 7},
    }


def test_a_school_that_left_the_register_has_no_area(
    tmp_path: Path, declarations: Declarations
) -> None:
    rows = [{"school": "0009", "grade": "g1", "sex": "male", "internet": "no"}]
    cells = count(tmp_path, declarations, "everything", rows, SCHOOLS)
    assert cells["area"].null_count > 0


@given(st.lists(one_pupil, min_size=1, max_size=12))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=8)
def test_a_grade_that_no_school_there_offers_cannot_have_anybody(
    tmp_path: Path, declarations: Declarations, rows: list[Row]
) -> None:
    areas = {one["school"]: one["area"] for one in SCHOOLS}
    offered = {(row["school"], row["grade"]) for row in rows}
    levels = {(row["school"], PARENTS[row["grade"]]) for row in rows}
    # A place, an education and a sex have a cell where a school there has the level.
    expected: dict[tuple[str, ...], list[bool]] = defaultdict(list)
    for one, level in levels:
        for grade in (grade for grade, above in PARENTS.items() if above == level):
            for up in rolled_up((areas[one], one)):
                for across in rolled_up((level, grade)):
                    for sex in ("male", "female", TOTAL):
                        expected[(*up, *across, sex)].append((one, grade) in offered)
    table = declarations.tables["offered"]
    found = by_cell(table, count(tmp_path, declarations, "offered", rows, SCHOOLS))
    assert {key: cell[STRUCTURAL] for key, cell in found.items()} == {
        key: not any(somewhere) for key, somewhere in expected.items()
    }
    for key, cell in found.items():
        inside = [
            row for row in rows
            if all(code in (TOTAL, mine) for code, mine in zip(
                key, (areas[row["school"]], row["school"], PARENTS[row["grade"]], row["grade"],
                      row["sex"]), strict=True))
        ]  # fmt: skip
        assert cell["pupils"] == len(inside)
        assert not (cell[STRUCTURAL] and inside)


def test_combinations_that_cannot_occur_are_marked_and_totals_of_nothing_else(
    tmp_path: Path, declarations: Declarations
) -> None:
    rows = [
        {"school": one, "grade": grade, "sex": sex, "internet": "no"}
        for one, grade, sex in [("0001", "g1", "female"), ("0001", "g6", "female"),
                                ("0004", "g1", "male")]
    ]  # fmt: skip
    table = declarations.tables["single-sex"]
    found = by_cell(table, count(tmp_path, declarations, "single-sex", rows, SCHOOLS))
    marked = {key for key, cell in found.items() if cell[STRUCTURAL]}
    # Elsewhere nobody is male, or female, by chance.
    assert marked == {(AREAS[0], "primary", "male")}
    assert found[AREAS[0], "secondary", "male"] == {"pupils": 0, STRUCTURAL: False}
    assert found[TOTAL, "primary", "male"] == {"pupils": 1, STRUCTURAL: False}


def test_a_record_in_a_combination_that_cannot_occur_refuses_the_table(
    tmp_path: Path, declarations: Declarations
) -> None:
    rows = [
        {"school": "0003", "grade": "g6", "sex": sex, "internet": "no"}
        for sex in ("male", "female", "female")
    ]
    with pytest.raises(Refused) as refused:
        count(tmp_path, declarations, "single-sex", rows, SCHOOLS)
    assert refused.value.table == "single-sex"
    assert f"(area: {AREAS[1]}; sex: male, female)" in str(refused.value)
    # By place and rule, not with how many there are.
    assert not {"2", "3"} & set(str(refused.value).replace(AREAS[1], ""))


def test_giving_up_columns_leaves_the_totals_over_them(
    tmp_path: Path, declarations: Declarations
) -> None:
    rows = [
        {"school": one, "grade": grade, "sex": "male", "internet": "no"}
        for one in ("0001", "0003") for grade in ("g1", "g6")
    ]  # fmt: skip
    table = declarations.tables["enrolment"]
    cells = count(tmp_path, declarations, "enrolment", rows, SCHOOLS)
    left = by_cell(table, without(cells, ["grade", "school"]))
    assert {key[1] for key in left} == {key[3] for key in left} == {TOTAL}
    assert left[(AREAS[0], TOTAL, "primary", TOTAL, "male")] == {"pupils": 1}
    assert left[(TOTAL,) * 5] == {"pupils": 4}
    assert without(cells, []).equals(cells)
