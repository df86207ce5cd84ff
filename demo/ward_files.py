"""What the wards drop into a folder: libraries (XLSX), fees (CSV), smart schools (XLSX).

The files look as people really send them: titles above the table, headings on two rows with
merged cells, codes that a spreadsheet took for numbers and stripped of their zeros, amounts with
points between the thousands, a line of totals, a place to sign. Habits differ from ward to ward.
The bytes depend on the city alone.
"""

from __future__ import annotations

import csv
import io
import unicodedata
from collections.abc import Iterator
from datetime import datetime

import numpy as np
import xlsxwriter

from demo import NOTICE, words
from demo.areas import Area
from demo.calibration import SCHOOL_YEARS
from demo.city import PRIVATE, PUBLIC, City
from demo.dice import Ints
from demo.institutions import CONTINUING, LOWER, PRESCHOOL, PRIMARY, UPPER, has_library

LABEL = NOTICE["vi"]


def drop_files(city: City) -> Iterator[tuple[str, bytes]]:
    """Path below the drop folder and content of every file, one a ward, kind and school year."""
    makers = (
        ("thu-vien", "xlsx", library_file),
        ("hoc-phi", "csv", fee_file),
        ("truong-hoc-thong-minh", "xlsx", smart_file),
    )
    for year, label in enumerate(SCHOOL_YEARS):
        open_schools = city.schools.open_in(year)
        for index in np.unique(city.schools.area[open_schools]):
            schools = open_schools[city.schools.area[open_schools] == index]
            area = city.areas[index]
            for folder, suffix, make in makers:
                content = make(city, year, area, schools)
                if content is not None:
                    yield f"{folder}/{label}/{area.code}-{_plain(area.name)}.{suffix}", content


def _plain(name: str) -> str:
    """A name for a file: without tones, in lower case, with hyphens."""
    folded = unicodedata.normalize("NFD", name.lower().replace("đ", "d"))
    kept = "".join(letter for letter in folded if not unicodedata.combining(letter))
    return "-".join(kept.split())


def _habit(city: City, area: Area, topic: str, share: float) -> bool:
    """Whether the clerk of a ward has a habit, the same in every year."""
    return bool(city.dice.uniform(f"habit {topic}", int(area.code))[0] < share)


def _code(city: City, school: int, as_number: bool) -> str | int:
    """A school's code as it stands in a cell: as text, or as a number without its zero."""
    code = str(city.schools.code[school])
    return int(code) if as_number else code


class _Sheet:
    """One workbook with a sheet in the making."""

    def __init__(self, name: str, width: int):
        self._buffer = io.BytesIO()
        self.book = xlsxwriter.Workbook(self._buffer, {"in_memory": True})
        self.book.set_properties(
            {"title": LABEL, "created": datetime(2026, 9, 1), "comments": NOTICE["en"]}
        )
        self.bold = self.book.add_format({"bold": True, "align": "center", "valign": "vcenter"})
        self.box = self.book.add_format(
            {"bold": True, "align": "center", "valign": "vcenter", "border": 1, "text_wrap": True}
        )
        self.number = self.book.add_format({"num_format": "#,##0", "border": 1})
        self.cell = self.book.add_format({"border": 1})
        self.sheet = self.book.add_worksheet(name)
        self._width = width
        self.sheet.set_column(0, 0, 6)
        self.sheet.set_column(1, 1, 12)
        self.sheet.set_column(2, 2, 44)
        self.sheet.set_column(3, width - 1, 14)

    def titles(self, *lines: str) -> int:
        """Lines over the whole width; returns the row after them and an empty one."""
        for row, line in enumerate(lines):
            self.sheet.merge_range(row, 0, row, self._width - 1, line, self.bold)
        return len(lines) + 1

    def row(self, row: int, values: list[object]) -> None:
        """A row of cells with borders; numbers are shown with separators, codes are not."""
        for column, value in enumerate(values):
            amount = isinstance(value, int) and column > 2
            self.sheet.write(row, column, value, self.number if amount else self.cell)

    def finish(self, row: int) -> bytes:
        """The place to sign, and the bytes of the file."""
        self.sheet.write(row + 1, self._width - 2, "Người lập bảng", self.bold)
        self.book.close()
        return self._buffer.getvalue()


def library_figures(city: City, year: int, school: Ints) -> tuple[Ints, Ints, Ints, Ints]:
    """Titles, digital titles, loans and visits of the libraries of `school` in a school year."""
    dice = city.dice
    pupils = city.pupils_of_school(year)[school]
    level = city.schools.level[school]
    per_pupil = np.array([0.8, 2.6, 2.2, 3.0, 3.0])[level]
    base = np.where(level == CONTINUING, 600, 120 + pupils * per_pupil)
    titles = np.round(base * np.exp(0.35 * dice.normal("titles", school)) * (1 + 0.03 * year))
    digital = titles * np.clip(0.03 + 0.05 * year + 0.04 * dice.normal("digital", school), 0, 0.8)
    readers = np.where(level == CONTINUING, 200, pupils) * np.exp(
        0.3 * dice.normal("readers", school)
    )
    term = (0.55, 0.85, 1.0, 1.08, 1.15)[year]
    loans = readers * 4.5 * term
    visits = readers * 11 * term
    return tuple(np.round(figure).astype(np.int64) for figure in (titles, digital, loans, visits))


def library_file(city: City, year: int, area: Area, schools: Ints) -> bytes | None:
    """The library report of a ward as XLSX, headings on two rows; None without libraries."""
    school = schools[has_library(city, year)[schools]]
    if not len(school):
        return None
    out = _Sheet("Thư viện" if _habit(city, area, "sheet name", 0.5) else "Sheet1", 7)
    top = out.titles(
        LABEL,
        f"UBND {area.name.upper()}",
        f"BÁO CÁO THƯ VIỆN TRƯỜNG HỌC NĂM HỌC {SCHOOL_YEARS[year]}",
    )
    code_heading = "Mã đơn vị" if _habit(city, area, "code heading", 0.2) else "Mã trường"
    for column, heading in enumerate(("STT", code_heading, "Tên trường")):
        out.sheet.merge_range(top, column, top + 1, column, heading, out.box)
    out.sheet.merge_range(top, 3, top, 4, "Vốn tài liệu", out.box)
    out.sheet.merge_range(top, 5, top, 6, "Phục vụ bạn đọc", out.box)
    for column, heading in enumerate(("Số nhan đề", "Nhan đề số", "Lượt mượn", "Lượt đọc")):
        out.sheet.write(top + 1, column + 3, heading, out.box)
    row = top + 2
    if _habit(city, area, "column numbers", 0.6):
        for column in range(7):
            out.sheet.write(row, column, f"({column + 1})", out.box)
        row += 1
    as_number = _habit(city, area, "codes as numbers", 0.7)
    figures = library_figures(city, year, school)
    for place, index in enumerate(school):
        values = [int(figure[place]) for figure in figures]
        code = _code(city, index, as_number)
        out.row(row, [place + 1, code, city.schools.name[index], *values])
        row += 1
    out.sheet.merge_range(row, 0, row, 2, "Tổng cộng", out.box)
    for column, figure in enumerate(figures):
        out.sheet.write(row, column + 3, int(figure.sum()), out.number)
    if _habit(city, area, "guide", 0.3):
        guide = out.book.add_worksheet("Hướng dẫn")
        guide.write(0, 0, LABEL)
        guide.write(1, 0, "Ghi số nhan đề, không ghi số bản; lượt đọc tính cả đọc tại chỗ.")
    return out.finish(row + 1)


_TUITION = {PRESCHOOL: 160_000, LOWER: 60_000, UPPER: 120_000}
_PRIVATE_TUITION = {PRESCHOOL: 2_600_000, PRIMARY: 4_200_000, LOWER: 4_800_000, UPPER: 5_200_000}


def fees(city: City, year: int, school: int) -> dict[str, int]:
    """The monthly fees of a school in đồng, by kind; pupils of public schools pay no tuition from
    2025-2026 on."""
    schools, dice = city.schools, city.dice
    level = int(schools.level[school])
    private = schools.ownership[school] != PUBLIC
    growth = 1.055**year

    def amount(topic: str, middle: float, step: int = 5_000) -> int:
        chance = float(dice.normal(f"fee {topic}", school)[0])
        return int(round(middle * growth * np.exp(0.22 * chance) / step) * step)

    def offers(topic: str, share: float) -> bool:
        return bool(dice.uniform(f"offers {topic}", school)[0] < share)

    result: dict[str, int] = {}
    if level == CONTINUING:
        return {words.FEES[0]: 0 if year == len(SCHOOL_YEARS) - 1 else 120_000}
    if private:
        wealth = float(np.exp(0.45 * dice.normal("expensive", school)[0]))
        kind = 0.6 if schools.ownership[school] != PRIVATE else 1.0
        result[words.FEES[0]] = amount("tuition", _PRIVATE_TUITION[level] * wealth * kind, 50_000)
    elif level in _TUITION:
        result[words.FEES[0]] = 0 if year == len(SCHOOL_YEARS) - 1 else _TUITION[level]
    boards = offers("boarding", (1.0, 0.75, 0.4, 0.2)[level] + (0.25 if private else 0.0))
    if boards:
        result[words.FEES[1]] = amount("meals", 720_000 * (1.3 if private else 1.0))
        result[words.FEES[2]] = amount("boarding", 220_000)
    if level != PRESCHOOL and not private and offers("second session", 0.7):
        result[words.FEES[3]] = amount("second session", 130_000)
    if offers("enrichment", 0.65):
        result[words.FEES[4]] = amount("enrichment", 140_000)
    if offers("transport", 0.35 if private else 0.02):
        result[words.FEES[5]] = amount("transport", 1_300_000, 10_000)
    return result


def _dots(amount: int) -> str:
    return f"{amount:,}".replace(",", ".")


def fee_file(city: City, year: int, area: Area, schools: Ints) -> bytes | None:
    """The fee table of a ward as CSV with semicolons, with or without a BOM."""
    cents = _habit(city, area, "cents", 0.35)
    bare = not cents and _habit(city, area, "bare numbers", 0.15)
    as_number = _habit(city, area, "codes as numbers", 0.7)

    def written(amount: int) -> str:
        if bare:
            return str(amount)
        return _dots(amount) + (",00" if cents else "")

    text = io.StringIO(newline="")
    out = csv.writer(text, delimiter=";", lineterminator="\r\n")
    out.writerow([LABEL, "", "", ""])
    title = f"MỨC THU HỌC PHÍ VÀ CÁC KHOẢN THU NĂM HỌC {SCHOOL_YEARS[year]} – {area.name}"
    out.writerow([title, "", "", ""])
    out.writerow(["", "", "", ""])
    out.writerow(["Mã trường", "Tên trường", "Khoản thu", "Mức thu (đồng/tháng)"])
    total = 0
    for school in schools:
        for kind, amount in fees(city, year, int(school)).items():
            code = _code(city, int(school), as_number)
            out.writerow([code, city.schools.name[school], kind, written(amount)])
            total += amount
    out.writerow(["Tổng cộng", "", "", written(total)])
    encoding = "utf-8-sig" if _habit(city, area, "byte order mark", 0.5) else "utf-8"
    return text.getvalue().encode(encoding)


def smart_file(city: City, year: int, area: Area, schools: Ints) -> bytes | None:
    """The ward's smart and cashless schools as XLSX; None where there are none (yet)."""
    # The programme began in 2022-2023; a school goes through a stage a year.
    begins = 1 + city.dice.below("smart school begins", 6, schools)
    joins = city.dice.uniform("smart school", schools) < 0.55
    stage = np.minimum(year - begins, len(words.SMART_STAGES) - 1)
    some = joins & (stage >= 0) & (city.schools.level[schools] != CONTINUING)
    if year == 0 or not some.any():
        return None
    out = _Sheet("DS truong", 5)
    top = out.titles(
        LABEL,
        f"UBND {area.name.upper()}",
        "DANH SÁCH TRƯỜNG HỌC THÔNG MINH – TRƯỜNG HỌC KHÔNG DÙNG TIỀN MẶT",
        f"Năm học {SCHOOL_YEARS[year]}",
    )
    headings = ("STT", "Mã trường", "Tên trường", "Giai đoạn", "Ghi chú")
    for column, heading in enumerate(headings):
        out.sheet.write(top, column, heading, out.box)
    as_number = _habit(city, area, "codes as numbers", 0.7)
    row = top + 1
    for place, index in enumerate(np.flatnonzero(some)):
        school = schools[index]
        code = _code(city, school, as_number)
        label = words.SMART_STAGES[stage[index]]
        out.row(row, [place + 1, code, city.schools.name[school], label, ""])
        row += 1
    out.sheet.merge_range(row, 0, row, 2, f"Cộng: {int(some.sum())} trường", out.box)
    return out.finish(row + 1)
