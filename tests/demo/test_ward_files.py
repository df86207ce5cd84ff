"""The drop folder: files as wards send them, labelled, and the same every time."""

from __future__ import annotations

import csv
import io
from functools import cache
from pathlib import Path

import numpy as np
import openpyxl
import pytest

from demo.city import City
from demo.drop import MANIFEST, drop
from demo.ward_files import LABEL, drop_files, library_figures

pytestmark = pytest.mark.unit
SCALE = 0.015


@pytest.fixture(scope="module")
def city() -> City:
    return City(scale=SCALE)


@pytest.fixture(scope="module")
def files(city) -> dict[str, bytes]:
    return dict(drop_files(city))


@cache
def sheet(content: bytes):
    return openpyxl.load_workbook(io.BytesIO(content)).worksheets[0]


def lines(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), delimiter=";"))


def test_there_are_files_of_every_kind_and_year(files):
    folders = {name.rsplit("/", 1)[0] for name in files}
    years = ["2021-2022", "2022-2023", "2023-2024", "2024-2025", "2025-2026"]
    assert folders == {
        *(f"thu-vien/{year}" for year in years),
        *(f"hoc-phi/{year}" for year in years),
        *(f"truong-hoc-thong-minh/{year}" for year in years[1:]),
    }


def test_every_file_says_that_it_is_simulated(files):
    assert LABEL.startswith("DỮ LIỆU MÔ PHỎNG")
    for name, content in files.items():
        if name.endswith(".csv"):
            assert lines(content)[0][0] == LABEL
        else:
            assert sheet(content).cell(1, 1).value == LABEL


def test_library_sheets_have_headings_on_two_rows_with_merged_cells(files):
    for name, content in files.items():
        if not name.startswith("thu-vien/"):
            continue
        page = sheet(content)
        merged = {str(cells) for cells in page.merged_cells.ranges}
        assert {"A5:A6", "B5:B6", "C5:C6", "D5:E5", "F5:G5"} <= merged
        assert page["D5"].value == "Vốn tài liệu" and page["E6"].value == "Nhan đề số"


def test_totals_of_library_sheets_are_the_sums(files):
    for name, content in files.items():
        if not name.startswith("thu-vien/"):
            continue
        rows = [[cell.value for cell in row] for row in sheet(content).iter_rows(min_row=7)]
        total = next(row for row in rows if row[0] == "Tổng cộng")
        data = [row for row in rows[: rows.index(total)] if isinstance(row[0], int)]
        assert data and total[3:] == [sum(row[column] for row in data) for column in range(3, 7)]


def test_habits_differ_codes_lose_zeros_and_amounts_have_points(files, city):
    fees = {name: content for name, content in files.items() if name.startswith("hoc-phi/")}
    marks = {content.startswith(b"\xef\xbb\xbf") for content in fees.values()}
    assert marks == {True, False}
    known = set(city.schools.code.tolist())
    short, styles = 0, set()
    for content in fees.values():
        rows = lines(content)
        header = rows.index(["Mã trường", "Tên trường", "Khoản thu", "Mức thu (đồng/tháng)"])
        assert rows[-1][0] == "Tổng cộng"
        amounts = []
        for code, _, _, amount in rows[header + 1 : -1]:
            assert code.zfill(8) in known
            short += len(code) == 7
            styles.add(("." in amount, "," in amount))
            amounts.append(int(amount.split(",")[0].replace(".", "")))
        assert int(rows[-1][3].split(",")[0].replace(".", "")) == sum(amounts)
    assert short > 0 and {(True, False), (True, True)} <= styles


def test_smart_schools_never_fall_back(files):
    order = ("Đăng ký", "Thí điểm", "Vận hành", "Hoàn thành")
    stage: dict[str, int] = {}
    for name in sorted(name for name in files if name.startswith("truong-hoc")):
        for row in sheet(files[name]).iter_rows(min_row=6, values_only=True):
            if isinstance(row[0], int):
                code = str(row[1]).zfill(8)
                now = order.index(row[3])
                assert now >= stage.get(code, 0)
                stage[code] = now
    assert len(stage) > 10


def test_bytes_are_the_same_every_time(files, city):
    assert dict(drop_files(City(scale=SCALE))) == files


def test_a_second_drop_changes_nothing(city, tmp_path):
    first = drop(city, tmp_path)
    assert first.written == first.files > 50
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.is_file()}
    second = drop(city, tmp_path)
    assert (second.written, second.removed) == (0, 0)
    assert {path: path.stat().st_mtime_ns for path in before} == before


def test_what_was_changed_is_mended_and_what_others_put_there_stays(city, tmp_path):
    drop(city, tmp_path)
    ours = sorted(path for path in tmp_path.rglob("*.csv"))
    ours[0].write_bytes(b"x")
    ours[1].unlink()
    foreign = ours[0].with_name("khac.csv")
    foreign.write_text("của người khác", encoding="utf-8")
    done = drop(city, tmp_path)
    assert (done.written, done.removed) == (2, 0)
    assert foreign.read_text(encoding="utf-8") == "của người khác"


def test_another_city_replaces_the_files_of_the_one_before(city, tmp_path):
    drop(city, tmp_path)
    done = drop(City(scale=0.008), tmp_path)
    left = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != MANIFEST]
    assert done.removed > 0 and len(left) == done.files
    assert not list(Path(tmp_path).rglob("*.part"))


def test_digital_titles_are_no_more_than_titles(city):
    for year in range(5):
        titles, digital, loans, visits = library_figures(city, year, np.arange(len(city.schools)))
        assert np.all(digital <= titles) and np.all(loans >= 0) and np.all(visits >= 0)
