"""Files with made-up personal data, one value or one column each, in every place where it hides."""

from __future__ import annotations

import csv
import io
import json
import random
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import xlsxwriter
import xlwt

from harvesters.disclosure.personal_data import Place
from tests.harvesters.disclosure.personal_data.values import ANYWHERE, COLUMNS, Kind, year

HEADINGS = ["STT", "Mã trường", "Tên trường", "Thông tin", "Số lượng"]
ROWS = 24
_COLUMN = 4
_POISONED_ROW = 11


@dataclass(frozen=True)
class File:
    """A poisoned file: rule and place are to be reported, the values never."""

    case: str
    name: str
    content: bytes
    rule: str
    place: Place
    values: tuple[str, ...]


def table(heading: str = "Thông tin", values: Mapping[int, str] | None = None) -> list[list[str]]:
    """A clean table with its heading on row 1, and `values` by row in its fourth column."""
    values = values or {}
    rows = [[*HEADINGS[:3], heading, HEADINGS[4]]]
    for row in range(2, ROWS + 2):
        cell = values.get(row, f"Đợt {row % 7}")
        rows.append(
            [str(row - 1), str(79_000_100 + row), f"Trường Tiểu học Số {row}", cell, str(30 + row)]
        )
    return rows


def text(rows: list[list[str]], delimiter: str = ";", encoding: str = "utf-8") -> bytes:
    """`rows` as CSV."""
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=delimiter).writerows(rows)
    return out.getvalue().encode(encoding)


Extra = Callable[[xlsxwriter.Workbook, xlsxwriter.worksheet.Worksheet], None]


def workbook(
    rows: list[list[str]], extra: Extra | None = None, numbers: bool = False, name: str = "Sheet1"
) -> bytes:
    """`rows` as XLSX, with whatever `extra` adds; `numbers`: what looks like a number is one."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_urls": False})
    sheet = book.add_worksheet(name)
    for row, cells in enumerate(rows):
        for column, cell in enumerate(cells):
            if numbers and cell.isdigit():
                sheet.write_number(row, column, int(cell))
            else:
                sheet.write_string(row, column, cell)
    if extra is not None:
        extra(book, sheet)
    book.close()
    return out.getvalue()


def old_workbook(
    rows: list[list[str]],
    extra: Callable[[xlwt.Workbook, xlwt.Worksheet], None] | None = None,
    numbers: bool = False,
    name: str = "Sheet1",
) -> bytes:
    """`rows` as XLS."""
    book = xlwt.Workbook(encoding="utf-8")
    sheet = book.add_sheet(name)
    for row, cells in enumerate(rows):
        for column, cell in enumerate(cells):
            sheet.write(row, column, int(cell) if numbers and cell.isdigit() else cell)
    if extra is not None:
        extra(book, sheet)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def lines(rows: list[list[str]], **more: object) -> bytes:
    """`rows` as JSON Lines; `more` is added to one of them."""
    found = []
    for number, cells in enumerate(rows[1:], start=1):
        record: dict[str, object] = dict(zip(rows[0], cells, strict=True))
        if number == _POISONED_ROW:
            record |= more
        found.append(json.dumps(record, ensure_ascii=False))
    return ("\n".join(found) + "\n").encode()


def toneless(value: str) -> str:
    """`value` as it is typed on a keyboard without Vietnamese letters."""
    plain = unicodedata.normalize("NFD", value.replace("đ", "d").replace("Đ", "D"))
    return "".join(letter for letter in plain if not unicodedata.combining(letter))


def _in_place(value: str) -> Iterator[tuple[str, str, bytes, Place]]:
    """Files that hold `value` once: what the case is called, the file's name, its content, and the
    place."""
    clean = table()
    here = table(values={_POISONED_ROW: value})
    cell = Place("cell", None, _POISONED_ROW, _COLUMN)
    yield "csv cell", "a.csv", text(here), cell
    yield "csv with tabs", "a.csv", text(here, "\t", "utf-16"), cell
    sentence = table(values={_POISONED_ROW: f"Xem thêm: {value} (đã kiểm tra)"})
    yield "csv sentence", "a.csv", text(sentence), cell
    yield "csv heading", "a.csv", text(table(value)), Place("cell", None, 1, _COLUMN)
    beside = [*clean]
    beside[7] = [*beside[7], "", value]
    yield "csv beside the table", "a.csv", text(beside), Place("cell", None, 8, 7)
    below = [*clean, [], ["", "", "", value]]
    yield "csv below the table", "a.csv", text(below), Place("cell", None, ROWS + 3, _COLUMN)

    cell = Place("cell", 1, _POISONED_ROW, _COLUMN)
    yield "xlsx cell", "a.xlsx", workbook(here), cell
    yield "xls cell", "a.xls", old_workbook(here), cell
    yield (
        "xlsx hidden row",
        "a.xlsx",
        workbook(
            here, lambda _, sheet: sheet.set_row(_POISONED_ROW - 1, None, None, {"hidden": True})
        ),
        cell,
    )
    yield (
        "xlsx hidden column",
        "a.xlsx",
        workbook(here, lambda _, sheet: sheet.set_column(3, 3, None, None, {"hidden": True})),
        cell,
    )

    def hidden_sheet(book: xlsxwriter.Workbook, _: object) -> None:
        other = book.add_worksheet("Trang phụ")
        other.write(2, 1, value)
        other.very_hidden()

    yield "xlsx hidden sheet", "a.xlsx", workbook(clean, hidden_sheet), Place("cell", 2, 3, 2)

    def hidden_old_sheet(book: xlwt.Workbook, _: object) -> None:
        other = book.add_sheet("Trang phụ")
        other.write(2, 1, value)
        other.visibility = 2

    yield "xls hidden sheet", "a.xls", old_workbook(clean, hidden_old_sheet), Place("cell", 2, 3, 2)

    def note(_: object, sheet: xlsxwriter.worksheet.Worksheet) -> None:
        sheet.write_comment("C5", f"Xem: {value}")

    yield "xlsx comment", "a.xlsx", workbook(clean, note), Place("comment", 1, 5, 3)

    def author(_: object, sheet: xlsxwriter.worksheet.Worksheet) -> None:
        sheet.write_comment("C5", "Đã kiểm tra", {"author": value})

    yield "xlsx author of a comment", "a.xlsx", workbook(clean, author), Place("comment", 1)
    yield (
        "xlsx defined name",
        "a.xlsx",
        workbook(clean, lambda book, _: book.define_name("ghi_chu", f'="{value}"')),
        Place("defined-name"),
    )
    for key, kind in (
        ("author", "document-author"), ("title", "document-title"),
        ("subject", "document-property"), ("keywords", "document-property"),
        ("manager", "document-property"), ("company", "document-property"),
    ):  # fmt: skip
        yield (
            f"xlsx property {key}",
            "a.xlsx",
            workbook(clean, lambda book, _, key=key: book.set_properties({key: value})),
            Place(kind),
        )
    yield (
        "xlsx custom property",
        "a.xlsx",
        workbook(clean, lambda book, _: book.set_custom_property("Lưu ý", value, "text")),
        Place("document-property"),
    )
    yield (
        "xlsx header",
        "a.xlsx",
        workbook(clean, lambda _, sheet: sheet.set_header(f"&L&B{value}&C&P")),
        Place("header-footer", 1),
    )

    def old_footer(_: object, sheet: xlwt.Worksheet) -> None:
        # The library that writes these writes no tones here.
        sheet.footer_str = f"&L{toneless(value)}&R&P".encode()

    yield "xls footer", "a.xls", old_workbook(clean, old_footer), Place("header-footer")
    yield (
        "xlsx formula",
        "a.xlsx",
        workbook(clean, lambda _, sheet: sheet.write_formula("F9", f'=LEN("{value}")', None, 5)),
        Place("formula", 1, 9, 6),
    )
    yield (
        "xlsx text box",
        "a.xlsx",
        workbook(clean, lambda _, sheet: sheet.insert_textbox("H3", f"Ghi chú: {value}")),
        Place("drawing", 1),
    )

    def validation(_: object, sheet: xlsxwriter.worksheet.Worksheet) -> None:
        sheet.data_validation("D5", {"validate": "list", "source": ["Đợt 1", value[:200]]})

    yield "xlsx list of choices", "a.xlsx", workbook(clean, validation), Place("formula", 1)

    def link(_: object, sheet: xlsxwriter.worksheet.Worksheet) -> None:
        sheet.write_url("D5", "internal:Sheet1!A1", string="Xem", tip=value)

    yield "xlsx tip of a link", "a.xlsx", workbook(clean, link), Place("hyperlink", 1)
    yield (
        "json value",
        "a.jsonl",
        lines(clean, ghi_chu={"them": [value]}),
        Place("cell", None, _POISONED_ROW, 6),
    )
    yield "json key", "a.jsonl", lines(clean, **{value: "x"}), Place("key", row=_POISONED_ROW)
    twice = lines(clean).replace(
        b'"STT": "11"', f'"STT": {json.dumps(value)}, "STT": "11"'.encode()
    )
    yield "json key that stands twice", "a.jsonl", twice, Place("cell", None, _POISONED_ROW, 1)
    safe = value.replace("/", "-")
    yield "xlsx sheet name", "a.xlsx", workbook(clean, name=safe[:31]), Place("sheet-name")
    yield "xls sheet name", "a.xls", old_workbook(clean, name=safe[:31]), Place("sheet-name", 1)
    yield "file name", f"{safe}.csv", text(clean), Place("file-name")
    yield "folder's name", f"{safe}/a.csv", text(clean), Place("file-name")


def _in_column(kind: Kind, dice: random.Random) -> Iterator[tuple[str, str, bytes, Place, tuple]]:
    """Files that hold a column of values, as text and as numbers."""
    values = {row: kind.make(dice) for row in range(2, ROWS + 2)}
    rows = table(kind.heading, values)
    found = tuple(values.values())
    # The heading above says what comes: the first value is on the second row.
    yield "csv column", "a.csv", text(rows), Place("cell", None, 2, _COLUMN), found
    yield "xlsx column", "a.xlsx", workbook(rows), Place("cell", 1, 2, _COLUMN), found
    yield "xlsx numbers", "a.xlsx", workbook(rows, numbers=True), Place("cell", 1, 2, 4), found
    yield "xls numbers", "a.xls", old_workbook(rows, numbers=True), Place("cell", 1, 2, 4), found
    yield "json column", "a.jsonl", lines(rows), Place("cell", None, 1, _COLUMN), found


def poisoned() -> Iterator[File]:
    """Every rule in every place; the same files each time."""
    dice = random.Random(20_260_101)
    for title, kind in ANYWHERE.items():
        value = kind.make(dice)
        for where, name, content, place in _in_place(value):
            yield File(f"{title}: {where}", name, content, kind.rule, place, (value,))
    for title, kind in COLUMNS.items():
        for where, name, content, place, values in _in_column(kind, dice):
            yield File(f"{title}: {where}", name, content, kind.rule, place, values)
    years = {row: year(dice) for row in range(2, ROWS + 2)}
    rows = table("Năm sinh", years)
    for cells in rows:
        cells[4] = "Giới tính" if cells is rows[0] else dice.choice(("Nam", "Nữ"))
    place = Place("cell", None, 2, _COLUMN)
    yield File("year of birth: csv", "a.csv", text(rows), "birth-year", place, ())
    place = Place("cell", 1, 2, _COLUMN)
    yield File("year of birth: xlsx", "a.xlsx", workbook(rows), "birth-year", place, ())
