"""Codes as numbers: the same persons have the same ones in every table, or nothing is said."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from harvesters.disclosure import (
    Crossing,
    Refused,
    coordinates,
    crossings,
    protect,
    protect_together,
)
from harvesters.disclosure.coordinates import Coordinates
from schemas import Declarations, Table
from tests.harvesters.disclosure.builders import PLACE, cells_of, declare_tables
from tests.harvesters.disclosure.people import GRADES, counted
from tests.schemas.builders import CITY, cube, declare, measure

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def declarations(tmp_path_factory: pytest.TempPathFactory) -> Declarations:
    return declare_tables(tmp_path_factory.mktemp("declared"))


PEOPLE = {
    (*school, *grade, sex, internet): 30
    for school in (("00100", "0001"), ("00200", "0002"))
    for grade in GRADES
    for sex in ("male", "female")
    for internet in ("yes", "no")
}


def made(
    tables: Sequence[Table], crossed: Sequence[Crossing] = ()
) -> tuple[Coordinates, dict[str, pa.Table]]:
    every = [*tables, *(one.table for one in crossed)]
    cells = {table.name: counted(table, PEOPLE) for table in every}
    components = {table.name: [one.numerator for one in table.measures] for table in every}
    return Coordinates(tables, cells, components, crossed), cells


def found(of: Coordinates, table: Table, name: str, where: dict[str, str], cells: pa.Table) -> Any:
    """The coordinates of a component in the row of the given codes, and whether nobody is there."""
    (component,) = (one.numerator for one in table.measures if one.name == name)
    rows = [all(row[column] == code for column, code in where.items()) for row in cells.to_pylist()]
    places, nobody = of.of(table, component)
    return places[rows.index(True)].tolist(), bool(nobody[rows.index(True)])


def test_a_filter_is_a_code_like_that_of_a_dimension(declarations: Declarations) -> None:
    by_school, online = declarations.tables["by-school"], declarations.tables["online"]
    of, cells = made([by_school, online])
    total = dict.fromkeys(("area", "level", "grade"), "_T")
    girls = found(of, online, "girls", total, cells["online"])
    female = {**total, "school": "_T", "sex": "female"}
    assert girls == found(of, by_school, "pupils", female, cells["by-school"])
    assert girls != found(of, online, "online", total, cells["online"])
    assert girls != found(of, online, "pupils", total, cells["online"])


def test_who_is_of_another_code_cannot_pass_a_filter(tmp_path: Path) -> None:
    documents = [
        *CITY,
        cube("girls", "pupil", [["sex"]], [measure("girls", count={"where": {"sex": ["female"]}})]),
    ]
    table = declare(tmp_path, documents).tables["girls"]
    of, cells = made([table])
    nobody = {
        code: found(of, table, "girls", {"sex": code}, cells["girls"])[1]
        for code in ("_T", "male", "female")
    }
    assert nobody == {"_T": False, "male": True, "female": False}


def test_a_code_brings_those_above_it_into_every_table(tmp_path: Path) -> None:
    documents = [
        *CITY,
        cube("by-place", "pupil", [PLACE], [measure("pupils")]),
        cube("by-school-alone", "pupil", [["school"]], [measure("pupils")]),
    ]
    tables = [declare(tmp_path, documents).tables[name] for name in ("by-place", "by-school-alone")]
    of, cells = made(tables)
    school = next(code for code in cells["by-school-alone"]["school"].to_pylist() if code != "_T")
    assert found(of, tables[0], "pupils", {"school": school}, cells["by-place"]) == found(
        of, tables[1], "pupils", {"school": school}, cells["by-school-alone"]
    )


def test_tables_that_count_by_unlinked_columns_are_refused(tmp_path: Path) -> None:
    """A school is in an area, but no table says which: their crossing has to."""
    documents = [
        *CITY,
        cube("schools-alone", "pupil", [["school"]], [measure("pupils")]),
        cube("areas-alone", "pupil", [["area"]], [measure("pupils")]),
    ]
    tables = [
        declare(tmp_path, documents).tables[name] for name in ("schools-alone", "areas-alone")
    ]
    for order in (tables, tables[::-1]):
        with pytest.raises(
            Refused, match=r"neither is above the other .*\(area, school\)"
        ) as refused:
            made(order)
        assert refused.value.table == order[-1].name
        of, cells = made(order, crossings(order))
        # The school brings its area along.
        name = cells["schools-alone"]["school"].to_pylist().index("0001")
        area = cells["areas-alone"]["area"].to_pylist().index("00100")
        places = [of.of(table, table.measures[0].numerator)[0] for table in tables]
        column = of.columns.index("area")
        assert places[0][name, column] == places[1][area, column] > 0


def test_tables_that_count_by_columns_which_cross_each_other_are_refused(tmp_path: Path) -> None:
    """Public schools of a ward would be what the ward has more than the private ones."""
    documents = [
        *CITY,
        cube("areas", "pupil", [["area"], ["sex"]], [measure("pupils")]),
        cube("owners", "pupil", [["ownership"], ["sex"]], [measure("pupils")]),
    ]
    declared = declare(tmp_path, documents).tables
    cells = {
        "areas": cells_of(declared["areas"], {("00100", "male"): {"pupils": 30}}),
        "owners": cells_of(declared["owners"], {("public", "male"): {"pupils": 30}}),
    }
    for names in (("areas", "owners"), ("owners", "areas")):
        with pytest.raises(
            Refused, match=r"neither is above the other .*area, ownership"
        ) as refused:
            protect_together([declared[name] for name in names], cells)
        assert refused.value.table == names[1]


def test_parents_by_a_code_list_are_linked_as_well(tmp_path: Path) -> None:
    documents = [
        *CITY,
        cube("grades-alone", "pupil", [["grade"]], [measure("pupils")]),
        cube("levels-alone", "pupil", [["level"]], [measure("pupils")]),
    ]
    tables = [
        declare(tmp_path, documents).tables[name] for name in ("grades-alone", "levels-alone")
    ]
    with pytest.raises(Refused, match=r"neither is above the other .*\(grade, level\)"):
        made(tables)
    made(tables, crossings(tables))


@pytest.mark.parametrize(
    ("first", "second", "fits"),
    [
        ({"grade": ["g1"]}, {"grade": ["g2"]}, True),
        ({"grade": ["g1"]}, {"grade": ["g1"]}, True),
        ({"grade": ["g1", "g2"]}, {"grade": ["g6"]}, True),
        ({"grade": ["g1", "g2"]}, {"grade": ["g2", "g1"]}, True),
        ({"grade": ["g1", "g2"]}, {"grade": ["g2"]}, False),
        ({"grade": ["g1", "g2"]}, {"grade": ["g2", "g6"]}, False),
        # The column is a dimension beside: two of its codes overlap each of them.
        ({"sex": ["male"]}, {"grade": ["g1"]}, True),
        ({"sex": ["male", "female"]}, {"grade": ["g1"]}, False),
    ],
)
def test_filters_may_not_overlap(
    tmp_path: Path, first: dict[str, list[str]], second: dict[str, list[str]], fits: bool
) -> None:
    documents = [
        *CITY,
        cube("one", "pupil", [["sex"]], [measure("n", count={"where": first})]),
        cube("two", "pupil", [["sex"]], [measure("m", count={"where": second})]),
    ]
    tables = [declare(tmp_path, documents).tables[name] for name in ("one", "two")]
    cells = {table.name: counted(table, PEOPLE) for table in tables}
    if fits:
        assert set(protect_together(tables, cells)) == {"one", "two"}
    else:
        with pytest.raises(Refused, match="overlap"):
            protect_together(tables, cells)


def test_a_code_below_two_others_is_refused(declarations: Declarations) -> None:
    table = declarations.tables["by-school"]
    numbers = {"pupils": 30}
    cells = cells_of(
        table,
        {
            ("00100", "0001", "primary", "g1", "male"): numbers,
            ("00200", "0001", "primary", "g1", "male"): numbers,
        },
    )
    with pytest.raises(Refused, match="stands below two of area"):
        protect(table, cells)


def test_a_code_below_another_one_in_another_table_is_refused(tmp_path: Path) -> None:
    documents = [
        *CITY,
        cube("one", "pupil", [PLACE], [measure("pupils")]),
        cube("two", "pupil", [PLACE, ["sex"]], [measure("pupils")]),
    ]
    tables = [declare(tmp_path, documents).tables[name] for name in ("one", "two")]
    cells = {
        "one": cells_of(tables[0], {("00100", "0001"): {"pupils": 30}}),
        "two": cells_of(tables[1], {("00200", "0001", "male"): {"pupils": 30}}),
    }
    with pytest.raises(Refused, match="stands below two of area"):
        protect_together(tables, cells)


def test_more_combinations_than_numbers_are_refused(
    declarations: Declarations, monkeypatch: pytest.MonkeyPatch
) -> None:
    of, _ = made([declarations.tables["one-line"]])

    class Small:
        max = 2

    monkeypatch.setattr(coordinates.np, "iinfo", lambda _: Small())
    with pytest.raises(Refused, match="too many combinations"):
        of.keys(np.zeros((1, 1), dtype=np.int64), np.zeros(1, dtype=np.int64), 1)
