"""The source declarations: every word that the city sends is understood."""

from __future__ import annotations

import csv
import io
from functools import cache
from pathlib import Path

import openpyxl
import pytest

from demo import words
from demo.calibration import GRADES
from demo.central import TABLES
from demo.city import City
from demo.public_services import RESOURCES
from demo.ward_files import drop_files
from harvesters.sources import Source, load_sources
from schemas import Declarations

pytestmark = pytest.mark.unit
FOLDER = Path(__file__).parents[2] / "config" / "sources"
PERSONAL = {
    "ho_ten", "ngay_sinh", "dia_chi", "ho_ten_cha_me", "dien_thoai_cha_me", "dien_thoai",
    "hieu_truong", "thu_dien_tu", "ho_ten_nguoi_nop", "dien_thoai_nguoi_nop", "ngay_nhan",
}  # fmt: skip


@cache
def declarations() -> Declarations:
    return Declarations.load()


@cache
def sources() -> dict[str, Source]:
    return load_sources(FOLDER, declarations().records)


@cache
def city() -> City:
    return City(scale=0.02)


def test_every_record_type_has_a_source():
    delivered = [name for source in sources().values() for name in source.records]
    assert sorted(delivered) == sorted(declarations().records)


def test_only_the_list_of_areas_is_real():
    assert [name for name, source in sources().items() if not source.simulated] == ["nso-areas"]


def test_no_source_asks_for_what_names_or_reaches_a_person():
    for source in sources().values():
        for record in source.records.values():
            for mapping in record.fields.values():
                assert not PERSONAL & set(mapping.names)


def understood(record: str, field: str, text: str, source: str) -> bool:
    """Whether a source's `text` leads to a code of the field's code list."""
    about = declarations().records[record].fields[field]
    mapped = sources()[source].records[record].fields[field].text(text)
    codes = declarations().codelists[about.codelist].codes
    spellings = {
        spelling.casefold()
        for code in codes.values()
        for spelling in (code.code, code.label["vi"], *code.aliases)
    }
    return mapped is not None and mapped.casefold() in spellings


def check_rows(source: str, record: str, rows) -> None:
    declared = sources()[source].records[record]
    for field, mapping in declared.fields.items():
        assert mapping.names[0] in rows.column_names, (record, field)
        kind = declarations().records[record].fields[field]
        if kind.type != "code" or field == "score_band":
            continue
        for value in rows[mapping.names[0]].unique().to_pylist():
            text = str(value).lower() if isinstance(value, bool) else value
            assert understood(record, field, text, source), (record, field, value)


@pytest.mark.parametrize("record", list(load_sources(FOLDER)["central-database"].records))
def test_words_of_the_central_database_are_understood(record):
    name = sources()["central-database"].records[record].options["table"]
    table = next(table for table in TABLES if table.name == name)
    for year in (0, 4):
        for rows in table.rows(city(), year):
            check_rows("central-database", record, rows)


@pytest.mark.parametrize("record", list(load_sources(FOLDER)["city-services"].records))
def test_words_of_the_service_platform_are_understood(record):
    options = sources()["city-services"].records[record].options
    resource = RESOURCES[options["path"].removeprefix("/v1/")]
    assert options["paging"] == resource.paging
    assert options["period"]["parameter"] == resource.parameter
    for period in resource.periods:
        check_rows("city-services", record, resource.rows(city(), period))


def test_headings_of_the_wards_are_known():
    patterns = {"thu-vien": "library", "hoc-phi": "fee", "truong-hoc-thong-minh": "smart_school"}
    for name, content in drop_files(city()):
        if name.endswith(".csv"):
            table = csv.reader(io.StringIO(content.decode("utf-8-sig")), delimiter=";")
        else:
            table = openpyxl.load_workbook(io.BytesIO(content)).worksheets[0].values
        cells = {cell for row in table for cell in row if isinstance(cell, str)}
        record = patterns[name.split("/")[0]]
        for field, mapping in sources()["ward-files"].records[record].fields.items():
            assert cells & set(mapping.names), (name, field)


def test_words_of_the_wards_are_understood():
    for fee in words.FEES:
        assert understood("fee", "fee_type", fee, "ward-files")
    for stage in words.SMART_STAGES:
        assert understood("smart_school", "smart_stage", stage, "ward-files")


def test_grades_are_understood():
    for label, _ in GRADES:
        assert understood("pupil", "grade", label, "central-database")


def test_every_way_an_area_changed_is_understood():
    path = Path(__file__).parents[2] / "schemas/codelists/data/hcmc-ward-changes-2025-07-01.csv"
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len({row["new_code"] for row in rows}) == 168
    for row in rows:
        assert understood("area_change", "area_change_kind", row["note"], "nso-areas"), row
        assert understood("area_change", "area", row["new_code"], "nso-areas")
        assert understood("area_unit", "area_kind", row["new_name"], "nso-areas")
