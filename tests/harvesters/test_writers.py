"""The files of a release: all say the same, and none does harm where it is opened."""

from __future__ import annotations

import csv
import json
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harvesters import writers
from harvesters.files import sha256
from harvesters.parts import schema_of
from harvesters.writers import KINDS, write_files
from schemas import TOTAL, Declarations, Table
from tests.schemas.builders import CITY, cube, declare, measure, text

pytestmark = pytest.mark.unit

Rows = Sequence[dict[str, Any]]

FEES = cube(
    "fees",
    "pupil",
    [["area", "school"], ["sex"]],
    [measure("pupils"), measure("fee", mean={"of": "fees"})],
    title=text("Học phí", "Fees"),
)


@pytest.fixture(scope="module")
def declarations(tmp_path_factory: pytest.TempPathFactory) -> Declarations:
    return declare(tmp_path_factory.mktemp("declared"), [*CITY, FEES])


def row(
    area: str = "00100",
    school: str = "0001",
    name: str = "Trường An Bình",
    sex: str = "male",
    pupils: int | None = 12,
    fee: float | None = 1234567.25,
    year: str = "2025-2026",
) -> dict[str, Any]:
    return {
        "school_year": year, "area": area, "area_name": "Phường Sài Gòn", "school": school,
        "school_name": name, "sex": sex, "pupils": pupils,
        "pupils_status": "" if pupils is not None else "c", "pupils_flag": "",
        "fee": fee, "fee_status": "" if fee is not None else "x",
        "fee_flag": "low" if fee == 0 else "",
    }  # fmt: skip


PUBLISHED = [
    row(TOTAL, TOTAL, "Tổng số", TOTAL, 70, 0.0),
    row(),
    row(sex="female", pupils=None, fee=None),
    row("00200", "0000000012", 'Trường "Hòa; Bình", cơ sở 2', pupils=0, fee=-0.5),
    row("00200", "7E5", "=1+1", "female", 3_000_000_000, 1e15),
]


def make(
    declarations: Declarations, folder: Path, *parts: Rows, simulated: bool = True
) -> dict[str, Path]:
    """The files of a release whose parts are `parts`, by key."""
    table = declarations.tables["fees"]
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for index, rows in enumerate(parts):
        path = folder / f"part-{index}.parquet"
        pq.write_table(pa.Table.from_pylist(list(rows), schema=schema_of(table)), path)
        paths.append(path)
    described = write_files(table, paths, declarations.codelists, folder, simulated)
    for one in described:
        path = folder / str(one["name"])
        assert (one["bytes"], one["sha256"]) == (path.stat().st_size, sha256(path))
    assert [one["key"] for one in described] == [kind.key for kind in KINDS]
    return {str(one["key"]): folder / str(one["name"]) for one in described}


def from_csv(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def as_text(rows: Rows, numbers: str = "{!r}") -> list[dict[str, str]]:
    """The rows as plain CSV has them, numbers read back as numbers."""
    return [
        {name: "" if value is None else value if isinstance(value, str) else numbers.format(value)
         for name, value in one.items()}
        for one in rows
    ]  # fmt: skip


def test_csv_json_and_parquet_hold_the_very_rows(
    declarations: Declarations, tmp_path: Path
) -> None:
    files = make(declarations, tmp_path, PUBLISHED)
    assert pq.read_table(files["parquet"]).to_pylist() == PUBLISHED
    assert json.loads(files["json"].read_text("utf-8")) == PUBLISHED
    read = from_csv(files["csv"])
    for one, expected in zip(read, PUBLISHED, strict=True):
        for name, value in expected.items():
            if isinstance(value, int | float):
                assert type(value)(one[name]) == value
            else:
                assert one[name] == (value or "")
    assert not files["csv"].read_bytes().startswith(b"\xef\xbb\xbf")


COLUMNS = ["Năm học", "Trường area (mã)", "Tên danh mục area", "Trường school", "Tên trường",
           "Trường sex (mã)", "Trường sex", "Số pupils", "Số pupils – tình trạng số liệu",
           "Số pupils – ghi chú số liệu", "Số fee", "Số fee – tình trạng số liệu",
           "Số fee – ghi chú số liệu"]  # fmt: skip

KEYS = ["school_year", "area", "area_name", "school", "school_name", "sex", None, "pupils",
        "pupils_status", "pupils_flag", "fee", "fee_status", "fee_flag"]  # fmt: skip

SEXES = {"male": "Mã male", "female": "Mã female", TOTAL: "Tổng số"}


def test_xlsx_holds_the_same_rows_with_labels_beside_codes(
    declarations: Declarations, tmp_path: Path
) -> None:
    book = openpyxl.load_workbook(make(declarations, tmp_path, PUBLISHED)["xlsx"])
    assert book.sheetnames == ["Giới thiệu", "2025-2026"]
    heading, *found = book["2025-2026"].iter_rows(values_only=True)
    assert list(heading) == COLUMNS
    for cells, expected in zip(found, PUBLISHED, strict=True):
        values = [expected[key] if key else SEXES[expected["sex"]] for key in KEYS]
        assert [cell if cell is not None else "" for cell in cells] == [
            "" if value is None else value for value in values
        ]
    codes = [cell for (cell,) in book["2025-2026"].iter_rows(min_row=2, min_col=4, max_col=4)]
    assert {cell.data_type for cell in codes} <= {"s", "inlineStr"}
    (formula_like,) = [cell for (cell,) in book["2025-2026"].iter_rows(min_row=6, min_col=5,
                                                                       max_col=5)]  # fmt: skip
    assert (formula_like.value, formula_like.data_type) != ("=1+1", "f")


def excel(value: str) -> str:
    """What Excel shows of a CSV cell."""
    if value.startswith('="') and value.endswith('"'):
        return value[2:-1]
    assert not value.startswith(("=", "+", "@", "\t", "\r")), value
    return value.removeprefix("'")


def test_excel_csv_says_the_same_in_vietnamese(declarations: Declarations, tmp_path: Path) -> None:
    path = make(declarations, tmp_path, PUBLISHED)["csv-excel"]
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    with path.open(encoding="utf-8-sig", newline="") as file:
        heading, *found = list(csv.reader(file, delimiter=";"))
    assert heading == COLUMNS
    for cells, expected in zip(found, PUBLISHED, strict=True):
        for cell, key in zip(cells, KEYS, strict=True):
            value = expected[key] if key else SEXES[expected["sex"]]
            if isinstance(value, int | float):
                assert float(cell.replace(",", ".")) == value
                assert "." not in cell
            else:
                assert excel(cell) == (value or "")


@pytest.mark.parametrize(
    "code",
    ["00123", "0", "7E5", "12e3", "5-6", "2025-10", "2024-2025", "1/2", "12:30", "1.5", "1,5",
     "50%", "-5", "+84"],
)  # fmt: skip
def test_excel_takes_no_code_for_a_number_a_date_or_a_time(
    declarations: Declarations, tmp_path: Path, code: str
) -> None:
    path = make(declarations, tmp_path, [row(school=code)])["csv-excel"]
    with path.open(encoding="utf-8-sig", newline="") as file:
        (_, cells) = csv.reader(file, delimiter=";")
    assert cells[3] == f'="{code}"'


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t", "\r", "\n"])
def test_a_name_like_a_formula_is_harmless_in_excel(
    declarations: Declarations, tmp_path: Path, sign: str
) -> None:
    name = f'{sign}HYPERLINK("https://x.example";"Trường")'
    files = make(declarations, tmp_path, [row(name=name)])
    with files["csv-excel"].open(encoding="utf-8-sig", newline="") as file:
        (_, cells) = csv.reader(file, delimiter=";")
    assert cells[4] == "'" + name
    cell = openpyxl.load_workbook(files["xlsx"])["2025-2026"].cell(2, 5)
    assert cell.data_type != "f"
    with zipfile.ZipFile(files["xlsx"]) as archive:
        sheets = b"".join(archive.read(one) for one in archive.namelist() if "sheets/" in one)
    assert b"<f>" not in sheets and b"<hyperlink" not in sheets


names = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc", "Cn"]), min_size=1, max_size=12
) | st.sampled_from(['"', ";", ",", '""";', "a;b", "Trường “A”"])


@given(st.lists(names, min_size=1, max_size=5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=12)
def test_any_name_comes_back_from_every_file(
    declarations: Declarations, tmp_path: Path, given_names: list[str]
) -> None:
    files = make(declarations, tmp_path, [row(name=name) for name in given_names])
    assert [one["school_name"] for one in from_csv(files["csv"])] == given_names
    assert [one["school_name"] for one in json.loads(files["json"].read_text())] == given_names
    with files["csv-excel"].open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file, delimiter=";"))[1:]
    for name, cells in zip(given_names, rows, strict=True):
        shown = cells[4]
        assert name in (shown, shown.removeprefix("'"), shown[2:-1])


def test_the_same_parts_give_the_same_bytes(declarations: Declarations, tmp_path: Path) -> None:
    first = make(declarations, tmp_path / "a", PUBLISHED, [row(year="2024-2025")])
    again = make(declarations, tmp_path / "b", PUBLISHED, [row(year="2024-2025")])
    assert {key: sha256(path) for key, path in first.items()} == {
        key: sha256(path) for key, path in again.items()
    }


def test_every_period_has_a_sheet_and_its_rows_in_order(
    declarations: Declarations, tmp_path: Path
) -> None:
    years = ["2023-2024", "2024-2025", "2025-2026"]
    files = make(declarations, tmp_path, *([row(year=year), row(year=year)] for year in years))
    assert openpyxl.load_workbook(files["xlsx"]).sheetnames == ["Giới thiệu", *years]
    assert [one["school_year"] for one in from_csv(files["csv"])] == sorted(years * 2)


@pytest.mark.parametrize(("rows", "sheets"), [(1, 1), (3, 1), (4, 2), (6, 2), (7, 3)])
def test_more_rows_than_a_sheet_holds_go_on_in_another(
    declarations: Declarations,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    rows: int,
    sheets: int,
) -> None:
    monkeypatch.setattr(writers, "XLSX_ROWS", 4)
    published = [row(school=f"{number:04d}") for number in range(rows)]
    book = openpyxl.load_workbook(make(declarations, tmp_path, published)["xlsx"])
    extra = [f"2025-2026 ({number})" for number in range(2, sheets + 1)]
    assert book.sheetnames == ["Giới thiệu", "2025-2026", *extra]
    found = []
    for name in book.sheetnames[1:]:
        heading, *cells = book[name].iter_rows(values_only=True)
        assert list(heading) == COLUMNS
        assert 1 <= len(cells) <= 3
        found += [cell[3] for cell in cells]
    assert found == [one["school"] for one in published]


def test_the_sheet_limit_is_that_of_the_format() -> None:
    assert writers.XLSX_ROWS == 2**20


@pytest.mark.parametrize("simulated", [True, False])
def test_simulated_data_say_so_in_the_files_that_can(
    declarations: Declarations, tmp_path: Path, simulated: bool
) -> None:
    files = make(declarations, tmp_path, PUBLISHED, simulated=simulated)
    about = openpyxl.load_workbook(files["xlsx"])["Giới thiệu"]
    words = [cell for cells in about.iter_rows(values_only=True) for cell in cells]
    assert any("MÔ PHỎNG" in str(word) for word in words) == simulated
    assert "Học phí" in words
    metadata = pq.read_schema(files["parquet"]).metadata
    assert (metadata.get(b"simulated") == b"true") == simulated
    assert metadata[b"table"] == b"fees"


def test_no_file_names_who_made_it_or_when(declarations: Declarations, tmp_path: Path) -> None:
    files = make(declarations, tmp_path, PUBLISHED)
    properties = openpyxl.load_workbook(files["xlsx"]).properties
    assert not properties.creator or properties.creator == "openpyxl"
    assert properties.created is not None and properties.created.year == 2025
    for path in files.values():
        assert str(tmp_path).encode() not in path.read_bytes()


def test_a_folder_with_a_quote_in_its_name_is_written_to(
    declarations: Declarations, tmp_path: Path
) -> None:
    files = make(declarations, tmp_path / "it's", PUBLISHED)
    assert len(from_csv(files["csv"])) == len(PUBLISHED)


def test_columns_of_a_file_are_those_of_the_declaration(
    declarations: Declarations, tmp_path: Path
) -> None:
    table: Table = declarations.tables["fees"]
    files = make(declarations, tmp_path, PUBLISHED)
    names_ = [column.name for column in table.columns]
    assert list(from_csv(files["csv"])[0]) == names_
    assert list(json.loads(files["json"].read_text())[0]) == names_
    assert pq.read_schema(files["parquet"]).names == names_
