"""The values of targets are those of the files that readers download, and nothing beyond."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvesters.parts import schema_of
from harvesters.targets import BOUND, NOT_APPLICABLE, NOT_AVAILABLE, Values, compute
from harvesters.writers import write_files
from schemas import TOTAL, Declarations
from tests.schemas.builders import AREAS, CITY, cube, declare, measure, target

pytestmark = pytest.mark.unit

BY_SEX = cube("sexes", "pupil", [["area"], ["sex"]], [measure("pupils")])
PUPILS = {"table": "sexes", "measure": "pupils"}
GIRLS = {**PUPILS, "where": {"sex": ["female"]}}
BOTH = {**PUPILS, "where": {"sex": ["female", "male"]}}
PUBLIC = {"table": "schools", "rows": True, "where": {"ownership": ["public"]}}
SCHOOLS = {"table": "schools", "rows": True}

TARGETS = (
    target("girls", GIRLS, PUPILS, by="area"),
    target("both", BOTH, PUPILS),
    target("pupils", PUPILS, by="area"),
    target("public", PUBLIC, SCHOOLS, by="area"),
    target("public-schools", PUBLIC, SCHOOLS, by="school"),
    target("girls-a-school", GIRLS, SCHOOLS, by="area"),
)

YEARS = ("2023-2024", "2024-2025")


@pytest.fixture(scope="module")
def declarations(tmp_path_factory: pytest.TempPathFactory) -> Declarations:
    return declare(tmp_path_factory.mktemp("declared"), [*CITY, BY_SEX, *TARGETS])


def cell(year: str, area: str, sex: str, value: int | None, mark: str = "") -> dict[str, Any]:
    """A published cell; `mark` is the status of one without a value, the flag of one with."""
    return {
        "school_year": year, "area": area, "area_name": "", "sex": sex, "pupils": value,
        "pupils_status": mark if value is None else "",
        "pupils_flag": "" if value is None else mark,
    }  # fmt: skip


def school(code: str, area: str, ownership: str, year: str = YEARS[-1]) -> dict[str, Any]:
    return {
        "school_year": year, "school": code, "school_name": f"Trường {code}", "area": area,
        "area_name": "", "ownership": ownership, "latitude": None,
    }  # fmt: skip


def publish(
    declarations: Declarations, folder: Path, tables: Mapping[str, Sequence[Mapping[str, Any]]]
) -> dict[str, Path]:
    """Write the files of a release of each table; the Parquet file of each."""
    files = {}
    for name, rows in tables.items():
        table, part = declarations.tables[name], folder / f"{name}-part.parquet"
        pq.write_table(pa.Table.from_pylist(list(rows), schema_of(table)), part)
        write_files(table, [part], declarations.codelists, folder, simulated=True)
        files[name] = folder / f"{name}.parquet"
    return files


def values(
    declarations: Declarations, folder: Path, name: str, **tables: Sequence[Mapping[str, Any]]
) -> Values:
    return compute(declarations.targets[name], publish(declarations, folder, tables))


CELLS = st.one_of(
    st.integers(0, 5000).map(lambda value: (value, "")),
    st.sampled_from([(None, "c"), (None, "x"), (None, "z"), (7, "le"), (7, "ge"), (9, "r")]),
)


@given(
    st.lists(CELLS, min_size=3 * 2 * 4, max_size=3 * 2 * 4),
    st.sets(st.integers(0, 23), max_size=4),
)
def test_every_value_is_what_the_published_csv_says(
    declarations: Declarations, figures: list[tuple[int | None, str]], absent: set[int]
) -> None:
    keys = [
        (year, area, sex)
        for year in YEARS for area in (TOTAL, *AREAS) for sex in (TOTAL, "female", "male")
    ]  # fmt: skip
    cells = [
        cell(*key, *figure)
        for index, (key, figure) in enumerate(zip(keys, figures, strict=True))
        if index not in absent
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        found = values(declarations, folder, "girls", sexes=cells)
        with (folder / "sexes.csv").open(encoding="utf-8", newline="") as file:
            published = {
                (row["school_year"], row["area"], row["sex"]): row for row in csv.DictReader(file)
            }
    told = {(year, TOTAL): figure for year, figure in found.city.items()}
    newest = max(found.city, default="")
    told |= {(newest, area): figure for area, figure in found.behind.items()}
    for (year, area), figure in told.items():
        part, whole = (published.get((year, area, sex)) for sex in ("female", TOTAL))
        known = [
            row is not None and row["pupils"] != "" and row["pupils_flag"] not in ("le", "ge")
            for row in (part, whole)
        ]
        if part and whole and all(known) and whole["pupils"] != "0":
            exact = Fraction(100 * int(part["pupils"]), int(whole["pupils"]))
            assert figure.value == pytest.approx(float(exact), rel=1e-12)
            assert figure.status == ""
        else:
            assert figure.value is None and figure.status


@pytest.mark.parametrize(
    ("value", "mark", "status"),
    [(None, "c", "c"), (None, "z", "z"), (9, "le", BOUND), (9, "ge", BOUND)],
)
def test_what_a_table_does_not_tell_is_not_worked_out(
    declarations: Declarations, tmp_path: Path, value: int | None, mark: str, status: str
) -> None:
    """Girls could be had as all pupils without the boys; who may not know them is not told."""
    year = YEARS[-1]
    cells = [
        cell(year, TOTAL, TOTAL, 30),
        cell(year, TOTAL, "female", value, mark),
        cell(year, TOTAL, "male", 21),
    ]
    for name in ("girls", "both"):
        figure = values(declarations, tmp_path, name, sexes=cells).city[year]
        assert (figure.value, figure.status) == (None, status)


def test_the_share_of_nobody_does_not_apply(declarations: Declarations, tmp_path: Path) -> None:
    cells = [cell(YEARS[-1], TOTAL, sex, 0) for sex in (TOTAL, "female")]
    figure = values(declarations, tmp_path, "girls", sexes=cells).city[YEARS[-1]]
    assert (figure.value, figure.status) == (None, NOT_APPLICABLE)


def test_rows_of_a_register_are_counted_and_none_means_nothing(
    declarations: Declarations, tmp_path: Path
) -> None:
    rows = [
        school("1", AREAS[0], "public"), school("2", AREAS[0], "private"),
        school("3", AREAS[1], "private"),
        school("4", AREAS[1], "public", YEARS[0]), school("5", AREAS[1], "private", YEARS[0]),
    ]  # fmt: skip
    found = values(declarations, tmp_path, "public", schools=rows)
    assert {year: figure.value for year, figure in found.city.items()} == {
        YEARS[0]: 50.0, YEARS[1]: pytest.approx(100 / 3),
    }  # fmt: skip
    assert {area: figure.value for area, figure in found.behind.items()} == {
        AREAS[0]: 50.0, AREAS[1]: 0.0,
    }  # fmt: skip
    listed = values(declarations, tmp_path, "public-schools", schools=rows)
    assert (dict(listed.names), listed.others) == ({"1": "Trường 1"}, 2)


def test_two_tables_are_set_against_one_another_in_the_periods_of_both(
    declarations: Declarations, tmp_path: Path
) -> None:
    cells = [cell(year, area, "female", 8) for year in YEARS for area in (TOTAL, AREAS[0])]
    rows = [school("1", AREAS[0], "public"), school("2", AREAS[1], "public")]
    found = values(declarations, tmp_path, "girls-a-school", sexes=cells, schools=rows)
    assert {year: figure.value for year, figure in found.city.items()} == {YEARS[1]: 400.0}
    assert found.behind[AREAS[0]].value == 800.0
    # The cube does not have this area: that is not nothing.
    assert (found.behind[AREAS[1]].value, found.behind[AREAS[1]].status) == (None, NOT_AVAILABLE)


def test_a_measure_alone_is_told_as_it_is(declarations: Declarations, tmp_path: Path) -> None:
    cells = [cell(YEARS[0], TOTAL, TOTAL, 30), cell(YEARS[0], AREAS[0], TOTAL, None, "c")]
    found = values(declarations, tmp_path, "pupils", sexes=cells)
    assert found.city[YEARS[0]].value == 30
    assert found.behind[AREAS[0]].status == "c"
