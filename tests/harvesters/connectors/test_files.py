"""Files as wards send them: read in the right way, or refused with place, rule and remedy."""

from __future__ import annotations

import datetime
import os
import unicodedata
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pyarrow as pa
import pytest
import xlsxwriter
import xlwt
from openpyxl.worksheet.worksheet import Worksheet

from harvesters.connectors import Connector, open_connector
from harvesters.errors import (
    RefusedFile,
    SourceAnswerError,
    SourceChangedError,
    SourceConfigurationError,
    SourceConnectionError,
    SourceError,
    SourceRefusedError,
    SourceTooLargeError,
)
from tests.harvesters.connectors.helpers import connector, dedent, record_type, source, table

pytestmark = pytest.mark.unit

YEAR = "2025-2026"
FEE = record_type("fee", {"school": "institution", "fee_type": "code", "amount": "integer"})
FEE_FIELDS = {
    "school": {"from": ["Mã trường", "Mã cơ sở"], "width": 8},
    "fee_type": {"from": "Khoản thu", "map": {"Học phí": "tuition", "Bán trú": "boarding"}},
    "amount": {"from": "Mức thu (đồng/tháng)", "number": "vi"},
}
LIBRARY = record_type(
    "library",
    {"school": "institution", "titles": "integer", "digital_titles": "integer", "loans": "integer"},
)
LIBRARY_FIELDS = {
    "school": {"from": "Mã trường", "width": 8},
    "titles": {"from": "Số nhan đề", "number": "vi"},
    "digital_titles": {"from": ["Vốn tài liệu / Nhan đề số"], "number": "vi"},
    "loans": {"from": "Lượt mượn", "number": "vi"},
}

Open = Callable[..., Connector]


@pytest.fixture
def fees(tmp_path: Path) -> Open:
    """A connector for the fee files in ``hoc-phi/<year>/`` of a drop folder."""

    def opened(**options: Any) -> Connector:
        declared = {"pattern": "hoc-phi/{period}/*", "fields": FEE_FIELDS, **options}
        return connector(
            tmp_path,
            connector="files",
            address=str(tmp_path / "drop"),
            allow=[str(tmp_path / "drop")],
            records={"fee": declared},
        )

    (tmp_path / "drop" / "hoc-phi" / YEAR).mkdir(parents=True)
    return opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "drop" / "hoc-phi" / YEAR


PLAIN = dedent(
    """
    DỮ LIỆU MÔ PHỎNG;;;
    Biểu thu học phí năm học 2025-2026;;;

    STT;Mã trường;Khoản thu;Mức thu (đồng/tháng)
    1;07904012;Học phí;350.000
    2;7904013;Bán trú;1.200.000

    3;07904014;học phí;0
    ;Tổng cộng;;1.550.000
    ;;;TP. Hồ Chí Minh, ngày 5 tháng 9 năm 2025
    ;;;Người lập bảng
    """
)
RECORDS = [
    {"school": "07904012", "fee_type": "tuition", "amount": "350000"},
    {"school": "07904013", "fee_type": "boarding", "amount": "1200000"},
    {"school": "07904014", "fee_type": "tuition", "amount": "0"},
]


def read(opened: Connector, record: Any = FEE) -> list[dict[str, Any]]:
    found = table(opened.read(record, YEAR))
    return found.drop_columns(["_origin", "_row"]).to_pylist()


def refused(opened: Connector, record: Any = FEE) -> list[tuple[Any, ...]]:
    with pytest.raises(RefusedFile) as error:
        read(opened, record)
    for problem in error.value.problems:
        assert problem.vi and problem.en
        assert problem.expected["vi"] and problem.remedy["vi"]
    return [
        (problem.rule, problem.row, problem.column, problem.field)
        for problem in error.value.problems
    ]


# CSV


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_csv_in_the_encodings_and_separators_of_spreadsheets(
    fees: Open, folder: Path, encoding: str, delimiter: str, newline: str
):
    content = PLAIN.replace(";", delimiter).replace("\n", newline)
    (folder / "phuong.csv").write_bytes(content.encode(encoding))
    assert read(fees()) == RECORDS


def test_csv_with_commas(fees: Open, folder: Path):
    (folder / "a.csv").write_text(
        "Mã trường,Khoản thu,Mức thu (đồng/tháng)\n7904012,Học phí,350.000\n", "utf-8"
    )
    assert read(fees()) == RECORDS[:1]


def test_windows_1258_is_vietnamese(fees: Open, folder: Path):
    # Tones are characters of their own there.
    (folder / "a.csv").write_bytes(_decomposed_tones(PLAIN).encode("cp1258"))
    assert read(fees()) == RECORDS


def _decomposed_tones(text: str) -> str:
    made = []
    for letter in unicodedata.normalize("NFC", text):
        try:
            letter.encode("cp1258")
            made.append(letter)
        except UnicodeEncodeError:
            parts = unicodedata.normalize("NFD", letter)
            tones = [part for part in parts if part in "\u0300\u0301\u0303\u0309\u0323"]
            base = "".join(part for part in parts if part not in tones)
            made.append(unicodedata.normalize("NFC", base) + "".join(tones))
    return "".join(made)


@pytest.mark.parametrize(
    ("content", "old"),
    [
        ("M· tr­êng;Kho¶n thu;Møc thu\n7904012;Häc phÝ;350.000\n7904013;B¸n tró;1\n", "TCVN3"),
        ("Maõ tröôøng;Khoaûn thu;Möùc thu\n7904012;Hoïc phí;350.000\n7904013;Baùn truù;1\n", "VNI"),
    ],
)
@pytest.mark.parametrize("encoding", ["latin-1", "utf-8"])
def test_old_vietnamese_encodings_are_refused_with_the_way_out(
    fees: Open, folder: Path, content: str, old: str, encoding: str
):
    (folder / "a.csv").write_bytes(content.encode(encoding))
    with pytest.raises(RefusedFile) as error:
        read(fees())
    problem = error.value.problems[0]
    assert problem.rule == "old-encoding"
    assert old in problem.vi and "UniKey" in problem.vi


def test_bytes_that_are_no_text_are_refused(fees: Open, folder: Path):
    (folder / "a.csv").write_bytes("Mã trường;ä\n".encode() + b"\xff\xfe\x81")
    (folder / "b.csv").write_bytes(b"a;b\n\x01\x02;c\n")
    (folder / "c.csv").write_bytes(b"")
    rules = [rule for rule, *_ in refused(fees())]
    assert rules == ["encoding", "control-characters", "empty-file"]


def test_a_declared_encoding_is_the_only_one(fees: Open, folder: Path):
    (folder / "a.csv").write_bytes(_decomposed_tones(PLAIN).encode("cp1258"))
    assert refused(fees(encoding="utf-8"))[0][0] == "encoding"


def test_rows_are_counted_as_a_person_sees_them(fees: Open, folder: Path):
    (folder / "a.csv").write_text(PLAIN, "utf-8")
    found = table(fees().read(FEE, YEAR))
    assert found["_row"].to_pylist() == [5, 6, 8]
    assert set(found["_origin"].to_pylist()) == {f"hoc-phi/{YEAR}/a.csv"}


def test_ways_to_keep_zeros_from_excel(fees: Open, folder: Path):
    (folder / "a.csv").write_text(
        'Mã trường;Khoản thu;Mức thu (đồng/tháng)\n="07904012";Học phí;1\n\'07904013;Học phí;2\n',
        "utf-8",
    )
    assert [record["school"] for record in read(fees())] == ["07904012", "07904013"]


def test_an_undeclared_column_is_never_read(fees: Open, folder: Path):
    (folder / "a.csv").write_text(
        "Mã trường;Ghi chú;Khoản thu;Mức thu (đồng/tháng)\n7904012;thu hai kỳ;Học phí;350.000\n",
        "utf-8",
    )
    (batch,) = fees().read(FEE, YEAR)
    assert batch.batch.schema.names == ["school", "fee_type", "amount"]
    assert "thu hai kỳ" not in str(batch.batch.to_pydict())


def test_a_name_in_an_undeclared_column_refuses_the_file(fees: Open, folder: Path):
    (folder / "a.csv").write_text(
        "Mã trường;Họ và tên kế toán;Khoản thu;Mức thu (đồng/tháng)\n"
        "7904012;Nguyễn Văn A;Học phí;350.000\n",
        "utf-8",
    )
    assert refused(fees()) == [("name", 2, "B", None)]


def test_a_person_in_a_files_name_is_not_shown(fees: Open, folder: Path):
    (folder / "nguyen-van-phuc.csv").write_text(PLAIN, "utf-8")
    opened = fees()
    assert refused(opened) == [("name", None, None, None)]
    with pytest.raises(RefusedFile) as error:
        read(opened)
    shown = f"{error.value} {error.value.as_dict()} {error.value.problems!r}"
    assert "phuc" not in shown
    assert error.value.problems[0].origin == f"hoc-phi/{YEAR}/#1.csv"


def test_one_file_with_personal_data_refuses_them_all(fees: Open, folder: Path):
    (folder / "a.csv").write_text(PLAIN, "utf-8")
    (folder / "b.csv").write_text(f"{PLAIN};;;Liên hệ 0981 234 567\n", "utf-8")
    with pytest.raises(RefusedFile) as error:
        read(fees())
    (problem,) = error.value.problems
    assert (problem.origin, problem.rule) == (f"hoc-phi/{YEAR}/b.csv", "phone")
    assert "981" not in f"{error.value.as_dict()}"


def test_a_school_of_the_register_may_have_a_persons_name(fees: Open, folder: Path):
    named = "Mã trường;Tên gọi;Khoản thu;Mức thu (đồng/tháng)\n7904012;Phạm Gia Khang;Học phí;1\n"
    (folder / "a.csv").write_text(named, "utf-8")
    assert refused(fees()) == [("name", 2, "B", None)]
    options = {"pattern": "hoc-phi/{period}/*", "fields": FEE_FIELDS}
    declared = source(
        folder.parents[2],
        connector="files",
        address=str(folder.parents[1]),
        allow=[str(folder.parents[1])],
        records={"fee": options},
    )
    known = open_connector(declared, schools=["Phạm Gia Khang"])
    assert len(list(known.read(FEE, YEAR))) == 1


def test_a_separator_within_a_value_is_noticed(fees: Open, folder: Path):
    (folder / "a.csv").write_text(
        "Mã trường;Khoản thu;Mức thu (đồng/tháng)\n7904012;Học; phí;350.000\n", "utf-8"
    )
    assert ("row-too-long", 2, "D", None) in refused(fees())


def test_quoted_values_may_hold_separators_and_lines(fees: Open, folder: Path):
    (folder / "a.csv").write_text(
        'Mã trường;"Ghi\nchú";Khoản thu;Mức thu (đồng/tháng)\n7904012;"a;b\nc";Học phí;350.000\n',
        "utf-8",
    )
    assert read(fees()) == RECORDS[:1]


def test_a_quotation_mark_that_is_never_closed(fees: Open, folder: Path):
    rows = "7904012;Học phí;1\n" * 20_000
    (folder / "a.csv").write_text(
        f'Mã trường;Khoản thu;Mức thu (đồng/tháng)\n7904012;"Học phí;1\n{rows}', "utf-8"
    )
    assert refused(fees())[0][0] == "broken-quotes"


def test_missing_and_doubled_headings(fees: Open, folder: Path):
    (folder / "a.csv").write_text("Mã trường;Khoản thu\n1;2\n", "utf-8")
    (folder / "b.csv").write_text(
        "Mã trường;MA TRUONG;Khoản thu;Mức thu (đồng/tháng)\n1;2;3;4\n", "utf-8"
    )
    # The closer likeness wins where there is one.
    (folder / "c.csv").write_text("không có gì\nở đây\n", "utf-8")
    problems = refused(fees())
    assert ("headings-missing", 1, None, "amount") in problems
    assert [problem for problem in problems if problem[0] == "heading-twice"] == []
    assert {field for rule, _, _, field in problems if rule == "headings-missing"} == {
        "school", "fee_type", "amount",
    }  # fmt: skip


def test_a_heading_that_stands_twice_is_not_guessed(fees: Open, folder: Path):
    (folder / "b.csv").write_text(
        "Mã trường;mã trường;Khoản thu;Mức thu (đồng/tháng)\n1;2;3;4\n", "utf-8"
    )
    assert refused(fees()) == [("heading-twice", 1, None, "school")]


def test_numbers_that_are_none(fees: Open, folder: Path):
    (folder / "a.csv").write_text(
        "Mã trường;Khoản thu;Mức thu (đồng/tháng)\n"
        "7904012;Học phí;350 nghìn\n7904013;Học phí;12.5\n7904014;Học phí;\n",
        "utf-8",
    )
    assert refused(fees()) == [("number", 2, "C", "amount"), ("number", 3, "C", "amount")]


def test_a_problem_never_quotes_a_value(fees: Open, folder: Path):
    (folder / "a.csv").write_text(
        "Mã trường;Khoản thu;Mức thu (đồng/tháng)\n7904012;Học phí;Nguyễn Văn Bí Mật\n", "utf-8"
    )
    with pytest.raises(RefusedFile) as error:
        read(fees())
    shown = f"{error.value} {error.value.as_dict()} {error.value.problems!r}"
    assert "Bí Mật" not in shown


def test_a_total_that_is_not_the_sum(fees: Open, folder: Path):
    (folder / "a.csv").write_text(PLAIN.replace("1.550.000", "1.550.001"), "utf-8")
    assert refused(fees()) == [("total", 9, "D", "amount")]
    assert read(fees(check_totals=False)) == RECORDS


def test_subtotals_and_totals(fees: Open, folder: Path):
    (folder / "a.csv").write_text(
        dedent(
            """
            Mã trường;Khoản thu;Mức thu (đồng/tháng)
            7904012;Học phí;100
            7904013;Học phí;200
            Cộng mầm non;;300
            7904014;Học phí;50
            Cộng tiểu học;;50
            TỔNG SỐ;;350
            """
        ),
        "utf-8",
    )
    assert [record["amount"] for record in read(fees())] == ["100", "200", "50"]


def test_a_school_called_like_a_total_is_a_record(fees: Open, folder: Path):
    (folder / "a.csv").write_text(
        "Tên trường;Mã trường;Khoản thu;Mức thu (đồng/tháng)\n"
        "Cộng Hòa;7904012;Học phí;350.000\nTổng cộng;;;350.000\n",
        "utf-8",
    )
    assert read(fees()) == RECORDS[:1]


def test_a_record_that_lacks_something_is_handed_on_to_be_reported(fees: Open, folder: Path):
    (folder / "a.csv").write_text(
        "Mã trường;Khoản thu;Mức thu (đồng/tháng)\n;Học phí;5\n7904012;;6\n", "utf-8"
    )
    assert read(fees()) == [
        {"school": None, "fee_type": "tuition", "amount": "5"},
        {"school": "07904012", "fee_type": None, "amount": "6"},
    ]


def test_all_files_are_looked_at(fees: Open, folder: Path):
    (folder / "a.csv").write_text("x\n", "utf-8")
    (folder / "b.csv").write_text(PLAIN, "utf-8")
    (folder / "c.csv").write_text(PLAIN.replace("0;Học", "x;Học").replace("1.550", "9"), "utf-8")
    with pytest.raises(RefusedFile) as error:
        read(fees())
    assert {problem.origin for problem in error.value.problems} == {
        f"hoc-phi/{YEAR}/a.csv", f"hoc-phi/{YEAR}/c.csv",
    }  # fmt: skip


# XLSX


def workbook(path: Path, fill: Callable[[openpyxl.Workbook, Worksheet], None]) -> Path:
    book = openpyxl.Workbook()
    fill(book, book.active)
    book.save(path)
    return path


def library_sheet(book: openpyxl.Workbook, sheet: Worksheet) -> None:
    """A library's sheet: titles, headings on two rows, merged cells, column numbers, totals."""
    sheet["A1"] = "DỮ LIỆU MÔ PHỎNG"
    sheet.merge_cells("A1:F1")
    sheet["A2"] = "Báo cáo thư viện năm học 2025-2026"
    sheet.append([])
    sheet.append(["TT", "Mã trường", "Tên trường", "Vốn tài liệu", None, "Lượt mượn"])
    sheet.append([None, None, None, "Số nhan đề", "Nhan đề số", None])
    for merged in ("A4:A5", "B4:B5", "C4:C5", "D4:E4", "F4:F5"):
        sheet.merge_cells(merged)
    sheet.append(["(1)", "(2)", "(3)", "(4)", "(5)", "(6)"])
    sheet.append([1, 7904012, "Trường Tiểu học A", 1200, "1.050", 30])
    sheet.append([2, "07904013", "Trường THCS B", 800, 20, 12])
    sheet.append([])
    sheet.append(["Tổng cộng", None, None, 2000, 1070, "=F7+F8"])
    sheet.append([None, None, None, None, None, "Người lập bảng"])


LIBRARIES = [
    {"school": "07904012", "titles": "1200", "digital_titles": "1050", "loans": "30"},
    {"school": "07904013", "titles": "800", "digital_titles": "20", "loans": "12"},
]


@pytest.fixture
def libraries(tmp_path: Path) -> Open:
    """A connector for the library files in ``thu-vien/<year>/`` of a drop folder."""

    def opened(**options: Any) -> Connector:
        limits = options.pop("limits", {})
        fields = options.pop("fields", LIBRARY_FIELDS)
        return connector(
            tmp_path,
            connector="files",
            address=str(tmp_path / "drop"),
            allow=[str(tmp_path / "drop")],
            limits=limits,
            records={"library": {"pattern": "thu-vien/{period}/*", "fields": fields, **options}},
        )

    (tmp_path / "drop" / "thu-vien" / YEAR).mkdir(parents=True)
    return opened


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    return tmp_path / "drop" / "thu-vien" / YEAR


def test_a_workbook_as_wards_send_it(libraries: Open, shelf: Path):
    workbook(shelf / "phuong.xlsx", library_sheet)
    assert read(libraries(), LIBRARY) == LIBRARIES
    assert table(libraries().read(LIBRARY, YEAR))["_row"].to_pylist() == [7, 8]


def test_other_visible_sheets_do_not_matter(libraries: Open, shelf: Path):
    def fill(book: openpyxl.Workbook, sheet: Worksheet) -> None:
        sheet["A1"] = "Hướng dẫn"
        library_sheet(book, book.create_sheet("Số liệu"))

    workbook(shelf / "a.xlsx", fill)
    assert read(libraries(), LIBRARY) == LIBRARIES
    assert read(libraries(sheet="Số liệu"), LIBRARY) == LIBRARIES
    assert read(libraries(sheet=2), LIBRARY) == LIBRARIES
    assert refused(libraries(sheet="Khác"), LIBRARY)[0][0] == "sheet-missing"


def test_two_sheets_with_the_table_are_one_too_many(libraries: Open, shelf: Path):
    def fill(book: openpyxl.Workbook, sheet: Worksheet) -> None:
        library_sheet(book, sheet)
        library_sheet(book, book.create_sheet("Bản sao"))

    workbook(shelf / "a.xlsx", fill)
    assert refused(libraries(), LIBRARY)[0][0] == "two-tables"


def hide(what: str) -> Callable[[openpyxl.Workbook, Worksheet], None]:
    def fill(book: openpyxl.Workbook, sheet: Worksheet) -> None:
        library_sheet(book, sheet)
        if what == "sheet":
            book.create_sheet("Danh sách").sheet_state = "hidden"
        elif what == "very hidden sheet":
            book.create_sheet("Danh sách").sheet_state = "veryHidden"
        elif what == "row":
            sheet.row_dimensions[8].hidden = True
        elif what == "filtered":
            sheet.auto_filter.ref = "A5:F8"
            sheet.row_dimensions[7].hidden = True
        elif what == "column":
            sheet.column_dimensions["C"].hidden = True

    return fill


@pytest.mark.parametrize(
    ("what", "problem"),
    [
        ("sheet", ("hidden-sheet", None, None, None)),
        ("very hidden sheet", ("hidden-sheet", None, None, None)),
        ("row", ("hidden-row", 8, None, None)),
        ("filtered", ("hidden-row", 7, None, None)),
        ("column", ("hidden-column", None, "C", None)),
    ],
)
def test_what_is_hidden_is_refused(libraries: Open, shelf: Path, what: str, problem: tuple):
    workbook(shelf / "a.xlsx", hide(what))
    assert refused(libraries(), LIBRARY) == [problem]


def test_a_formula_without_a_stored_result_is_refused(libraries: Open, shelf: Path):
    def fill(book: openpyxl.Workbook, sheet: Worksheet) -> None:
        library_sheet(book, sheet)
        sheet["D8"] = "=400+400"

    workbook(shelf / "a.xlsx", fill)  # openpyxl stores formulas without results
    assert ("formula-without-value", 8, "D", "titles") in refused(libraries(), LIBRARY)


def test_a_formula_is_read_by_its_stored_result(libraries: Open, shelf: Path):
    def fill(book: openpyxl.Workbook, sheet: Worksheet) -> None:
        library_sheet(book, sheet)
        sheet["D8"] = "=400+400"

    path = workbook(shelf / "a.xlsx", fill)
    rewrite(path, lambda xml: xml.replace(b"<f>400+400</f><v />", b"<f>400+400</f><v>800</v>")
            .replace(b"<f>400+400</f><v></v>", b"<f>400+400</f><v>800</v>"))  # fmt: skip
    assert read(libraries(), LIBRARY) == LIBRARIES


def rewrite(path: Path, change: Callable[[bytes], bytes], part: str = "sheet1.xml") -> None:
    """Change the XML of one part of the workbook at `path`."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, change(content) if name.endswith(part) else content)


def test_error_cells_merged_data_and_bad_numbers(libraries: Open, shelf: Path):
    def fill(book: openpyxl.Workbook, sheet: Worksheet) -> None:
        library_sheet(book, sheet)
        sheet["D7"] = "#REF!"
        sheet["D7"].data_type = "e"
        sheet["E8"] = "hai mươi"
        sheet.merge_cells("F7:F8")

    workbook(shelf / "a.xlsx", fill)
    problems = refused(libraries(check_totals=False), LIBRARY)
    assert ("cell-error", 7, "D", "titles") in problems
    assert ("number", 8, "E", "digital_titles") in problems
    assert ("merged-cells", 7, "F", "loans") in problems


def test_a_code_merged_down_stands_for_all_its_rows(fees: Open, folder: Path):
    def fill(book: openpyxl.Workbook, sheet: Worksheet) -> None:
        sheet.append(["Mã trường", "Khoản thu", "Mức thu (đồng/tháng)"])
        sheet.append([7904012, "Học phí", 350000])
        sheet.append([None, "Bán trú", 1200000])
        sheet.merge_cells("A2:A3")
        sheet.append([7904014, "Học phí", "1.000.000"])

    workbook(folder / "a.xlsx", fill)
    assert [record["school"] for record in read(fees())] == ["07904012", "07904012", "07904014"]


def test_a_heading_of_a_section_is_no_record(fees: Open, folder: Path):
    def fill(book: openpyxl.Workbook, sheet: Worksheet) -> None:
        sheet.append(["Mã trường", "Khoản thu", "Mức thu (đồng/tháng)"])
        sheet.append(["I. Mầm non"])
        sheet.merge_cells("A2:C2")
        sheet.append([7904012, "Học phí", 350000])

    workbook(folder / "a.xlsx", fill)
    assert read(fees()) == RECORDS[:1]


def test_old_encoding_in_a_workbook(fees: Open, folder: Path):
    def fill(book: openpyxl.Workbook, sheet: Worksheet) -> None:
        sheet.append(["M· tr­êng", "Kho¶n thu", "Møc thu (®ång/th¸ng)"])
        sheet.append([7904012, "Häc phÝ", 350000])

    workbook(folder / "a.xlsx", fill)
    assert refused(fees())[0][0] == "old-encoding"


def test_old_encoding_in_the_data_alone(fees: Open, folder: Path):
    def fill(book: openpyxl.Workbook, sheet: Worksheet) -> None:
        sheet.append(["Mã trường", "Khoản thu", "Mức thu (đồng/tháng)"])
        for words in ("Häc phÝ", "B¸n tró", "TiÒn ¨n", "Xe ®­a ®ãn"):
            sheet.append([7904012, words, 350000])

    workbook(folder / "a.xlsx", fill)
    assert refused(fees())[0][0] == "old-encoding"


def test_dates_and_booleans_in_cells(fees: Open, folder: Path):
    def fill(book: openpyxl.Workbook, sheet: Worksheet) -> None:
        sheet.append(["Mã trường", "Khoản thu", "Mức thu (đồng/tháng)"])
        sheet.append([datetime.date(2025, 9, 5), True, 1])

    workbook(folder / "a.xlsx", fill)
    assert read(fees()) == [{"school": "2025-09-05", "fee_type": "true", "amount": "1"}]


def test_a_wrong_dimension_does_not_cut_the_sheet(libraries: Open, shelf: Path):
    path = workbook(shelf / "a.xlsx", library_sheet)
    rewrite(path, lambda xml: xml.replace(b'<dimension ref="A1:F11"', b'<dimension ref="A1"'))
    assert read(libraries(), LIBRARY) == LIBRARIES


@pytest.mark.parametrize(
    "content",
    [b"PK\x03\x04 broken", b"", b"<html></html>", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1x"],
)
def test_what_is_no_workbook(libraries: Open, shelf: Path, content: bytes):
    (shelf / "a.xlsx").write_bytes(content)
    assert refused(libraries(), LIBRARY)[0][0] == "not-a-workbook"


def test_a_workbook_cut_off_half_way(libraries: Open, shelf: Path):
    path = workbook(shelf / "a.xlsx", library_sheet)
    path.write_bytes(path.read_bytes()[:-300])
    assert refused(libraries(), LIBRARY)[0][0] == "not-a-workbook"


def test_a_workbook_with_a_password(libraries: Open, shelf: Path):
    container = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)
    (shelf / "a.xlsx").write_bytes(container + "EncryptedPackage".encode("utf-16-le") + bytes(60))
    assert refused(libraries(), LIBRARY)[0][0] == "encrypted"


def test_a_workbook_with_macros(libraries: Open, shelf: Path):
    path = workbook(shelf / "a.xlsx", library_sheet)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("xl/vbaProject.bin", b"x")
    assert refused(libraries(), LIBRARY)[0][0] == "macros"


def test_a_zip_bomb(libraries: Open, shelf: Path):
    path = workbook(shelf / "a.xlsx", library_sheet)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/picture.bin", bytes(50_000_000))
    assert refused(libraries(), LIBRARY)[0][0] == "zip-bomb"


def test_a_workbook_that_unpacks_to_too_much(libraries: Open, shelf: Path):
    path = workbook(shelf / "a.xlsx", library_sheet)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("xl/media/picture.bin", os.urandom(300_000))
    opened = libraries(limits={"max_file_bytes": 200_000})
    assert refused(opened, LIBRARY)[0][0] == "too-large"


def shared(path: Path) -> Path:
    """A library's workbook with its texts in a part of their own, as spreadsheet programs do."""
    book = xlsxwriter.Workbook(path)
    sheet = book.add_worksheet()
    bold = book.add_format({"bold": True})
    for column, heading in enumerate(["Mã trường", "Số nhan đề", "Nhan đề số", "Lượt mượn"]):
        sheet.write(2, column, heading)
    # Some letters of a cell in bold.
    sheet.write_rich_string(2, 1, "Số ", bold, "nhan đề")
    sheet.write_row(3, 0, ["07904012", 1200, "1.050", 30])
    sheet.write_row(4, 0, ["07904013"])
    sheet.write_formula(4, 1, "=400+400", None, 800)
    sheet.write_row(4, 2, [20, 12])
    book.close()
    return path


SHARED_FIELDS = LIBRARY_FIELDS | {"digital_titles": {"from": "Nhan đề số", "number": "vi"}}


def test_a_workbook_with_shared_and_rich_texts(libraries: Open, shelf: Path):
    shared(shelf / "a.xlsx")
    assert read(libraries(fields=SHARED_FIELDS), LIBRARY) == LIBRARIES


@pytest.mark.parametrize("part", ["sheet1.xml", "sharedStrings.xml", "workbook.xml"])
def test_entities_in_xml_are_refused(libraries: Open, shelf: Path, part: str):
    path = shared(shelf / "a.xlsx")
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 9))
    bomb = f'<!DOCTYPE x [<!ENTITY l0 "ha">{laughs}]>'.encode()

    def change(xml: bytes) -> bytes:
        body = xml.split(b"?>", 1)[1] if xml.startswith(b"<?xml") else xml
        return b'<?xml version="1.0"?>' + bomb + body.replace(b"Tr", b"&l8;Tr", 1)

    rewrite(path, change, part)
    assert refused(libraries(), LIBRARY)[0][0] == "not-a-workbook"


def test_too_many_columns(libraries: Open, shelf: Path):
    def fill(book: openpyxl.Workbook, sheet: Worksheet) -> None:
        library_sheet(book, sheet)
        sheet["XFD7"] = "x"

    workbook(shelf / "a.xlsx", fill)
    assert refused(libraries(), LIBRARY)[0][0] == "too-many-columns"


# XLS


def xls(path: Path, hidden: str = "") -> None:
    book = xlwt.Workbook()
    sheet = book.add_sheet("Thư viện")
    sheet.write_merge(0, 0, 0, 5, "Báo cáo thư viện")
    sheet.write_merge(3, 4, 0, 0, "TT")
    sheet.write_merge(3, 4, 1, 1, "Mã trường")
    sheet.write_merge(3, 4, 2, 2, "Tên trường")
    sheet.write_merge(3, 3, 3, 4, "Vốn tài liệu")
    sheet.write(4, 3, "Số nhan đề")
    sheet.write(4, 4, "Nhan đề số")
    sheet.write_merge(3, 4, 5, 5, "Lượt mượn")
    rows = [
        [1, 7904012, "Trường Tiểu học A", 1200, "1.050", 30],
        [2, "07904013", "Trường THCS B", 800, 20, 12],
        ["Cộng", None, None, 2000, 1070, 42],
    ]
    for number, cells in enumerate(rows, start=5):
        for column, cell in enumerate(cells):
            if cell is not None:
                sheet.write(number, column, cell)
    if hidden == "sheet":
        other = book.add_sheet("Danh sách")
        other.visibility = 1
    elif hidden == "row":
        sheet.row(6).hidden = True
    elif hidden == "column":
        sheet.col(2).hidden = True
    book.save(str(path))


def test_an_xls_workbook(libraries: Open, shelf: Path):
    xls(shelf / "a.xls")
    assert read(libraries(), LIBRARY) == LIBRARIES


@pytest.mark.parametrize(
    ("hidden", "problem"),
    [
        ("sheet", ("hidden-sheet", None, None, None)),
        ("row", ("hidden-row", 7, None, None)),
        ("column", ("hidden-column", None, "C", None)),
    ],
)
def test_what_is_hidden_in_an_xls_is_refused(
    libraries: Open, shelf: Path, hidden: str, problem: tuple
):
    xls(shelf / "a.xls", hidden)
    assert refused(libraries(), LIBRARY) == [problem]


def test_a_format_is_known_by_its_content(libraries: Open, shelf: Path):
    workbook(shelf / "moi.xls", library_sheet)
    xls(shelf / "cu.csv")
    assert sorted(record["school"] for record in read(libraries(), LIBRARY)) == [
        "07904012", "07904012", "07904013", "07904013",
    ]  # fmt: skip


# JSON Lines


def test_json_lines(fees: Open, folder: Path):
    fields = {
        "school": {"from": "truong.ma", "width": 8},
        "fee_type": {"from": "khoan", "map": {"Học phí": "tuition"}},
        "amount": {"from": "muc", "number": "vi"},
    }
    (folder / "a.jsonl").write_text(
        '{"truong": {"ma": 7904012}, "khoan": "Học phí", "muc": 350000, "ghi_chu": "x"}\n'
        "\n"
        '{"truong": {"ma": "07904013"}, "khoan": "Học phí", "muc": "1.200.000"}\n'
        '{"truong": {"ma": "07904013"}, "khoan": null, "muc": null}\n',
        "utf-8",
    )
    found = table(fees(fields=fields).read(FEE, YEAR))
    assert found["school"].to_pylist() == ["07904012", "07904013", "07904013"]
    assert found["fee_type"].to_pylist() == ["tuition", "tuition", None]
    assert found["amount"].to_pylist() == ["350000", "1200000", None]
    assert found["_row"].to_pylist() == [1, 3, 4]


@pytest.mark.parametrize("line", ["[1]", "{", '{"a": NaN}', '{"a": ' + "[" * 50 + "]" * 50 + "}"])
def test_lines_that_are_no_json_objects(fees: Open, folder: Path, line: str):
    (folder / "a.jsonl").write_text(line + "\n", "utf-8")
    assert refused(fees())[0][:2] == ("not-json", 1)


# Folders, periods, change


def test_periods_are_the_folders_that_have_files(fees: Open, folder: Path):
    for year in ("2023-2024", "2024-2025"):
        (folder.parent / year).mkdir()
        (folder.parent / year / "a.csv").write_text(PLAIN, "utf-8")
    (folder.parent / "bao-cao").mkdir()
    (folder.parent / "bao-cao" / "a.csv").write_text(PLAIN, "utf-8")
    (folder / ".a.csv").write_text("x", "utf-8")
    (folder / "~$a.xlsx").write_text("x", "utf-8")
    (folder / "a.csv.part").write_text("x", "utf-8")
    assert fees().periods("fee") == ["2023-2024", "2024-2025"]


def test_no_file_of_the_period(fees: Open):
    with pytest.raises(SourceAnswerError):
        read(fees())


def test_the_token_changes_with_content_and_declaration_only(fees: Open, folder: Path):
    path = folder / "a.csv"
    path.write_text(PLAIN, "utf-8")
    token = fees().change_token("fee", YEAR)
    os.utime(path, (1, 1))
    assert fees().change_token("fee", YEAR) == token
    assert fees(check_totals=False).change_token("fee", YEAR) != token
    path.write_text(PLAIN.replace("350.000", "350.001"), "utf-8")
    assert fees().change_token("fee", YEAR) != token
    path.write_text(PLAIN, "utf-8")
    assert fees().change_token("fee", YEAR) == token
    (folder / "b.csv").write_text(PLAIN, "utf-8")
    assert fees().change_token("fee", YEAR) != token


def test_a_file_that_changes_while_it_is_read(fees: Open, folder: Path):
    path = folder / "a.csv"
    path.write_text(PLAIN, "utf-8")
    reading = fees().read(FEE, YEAR)
    next(reading)
    path.write_text(PLAIN + "7904019;Học phí;5\n", "utf-8")
    with pytest.raises(SourceChangedError):
        list(reading)


def test_a_link_out_of_the_folder_is_refused(fees: Open, folder: Path, tmp_path: Path):
    secret = tmp_path / "mat.csv"
    secret.write_text(PLAIN, "utf-8")
    (folder / "a.csv").symlink_to(secret)
    for attempt in (fees().periods, lambda record: fees().change_token(record, YEAR)):
        with pytest.raises(SourceRefusedError):
            attempt("fee")
    with pytest.raises(SourceRefusedError):
        read(fees())


def test_a_linked_folder_is_refused(fees: Open, folder: Path, tmp_path: Path):
    (tmp_path / "ngoai").mkdir()
    (folder.parent / "2024-2025").symlink_to(tmp_path / "ngoai")
    with pytest.raises(SourceRefusedError):
        fees().periods("fee")


def test_a_named_pipe_does_not_hang(fees: Open, folder: Path):
    os.mkfifo(folder / "a.csv")
    with pytest.raises(SourceConnectionError):
        fees().periods("fee")


@pytest.mark.parametrize("address", ["relative/folder", "gopher://host/", "/etc"])
def test_addresses_that_are_not_allowed(tmp_path: Path, address: str):
    with pytest.raises((SourceConfigurationError, SourceRefusedError)):
        connector(
            tmp_path,
            connector="files",
            address=address,
            allow=[str(tmp_path)],
            records={"fee": {"pattern": "{period}.csv", "fields": FEE_FIELDS}},
        )


def test_a_folder_that_is_not_there_is_not_an_empty_one(tmp_path: Path):
    opened = connector(
        tmp_path,
        connector="files",
        address=str(tmp_path / "drop"),
        allow=[str(tmp_path)],
        records={"fee": {"pattern": "{period}.csv", "fields": FEE_FIELDS}},
    )
    with pytest.raises(SourceConnectionError):
        opened.periods("fee")


def test_limits(tmp_path: Path):
    (tmp_path / "drop").mkdir()
    rows = "".join(f"{n:08d};Học phí;5\n" for n in range(100))
    (tmp_path / "drop" / f"{YEAR}.csv").write_text(
        "Mã trường;Khoản thu;Mức thu (đồng/tháng)\n" + rows, "utf-8"
    )

    def opened(**limits: int) -> Connector:
        return connector(
            tmp_path,
            connector="files",
            address=str(tmp_path / "drop"),
            allow=[str(tmp_path / "drop")],
            limits=limits,
            records={"fee": {"pattern": "{period}.csv", "fields": FEE_FIELDS}},
        )

    with pytest.raises(SourceTooLargeError):
        list(opened(max_rows=99).read(FEE, YEAR))
    with pytest.raises(SourceTooLargeError):
        list(opened(max_bytes=100).read(FEE, YEAR))
    batches = list(opened(max_rows=100, batch_rows=30).read(FEE, YEAR))
    assert [batch.batch.num_rows for batch in batches] == [30, 30, 30, 10]


# Package data: the list of areas


AREA_UNIT = record_type("area_unit", {"area": "code", "area_name": "name", "area_kind": "code"})
AREA_CHANGE = record_type(
    "area_change", {"area": "code", "old_area": "code", "area_change_kind": "code"}, ["old_area"]
)


def test_the_areas_come_from_package_data(tmp_path: Path):
    opened = connector(
        tmp_path,
        connector="files",
        address="package://schemas/codelists/data",
        allow=["package://schemas"],
        records={
            "area_unit": {
                "pattern": "hcmc-ward-changes-2025-07-01.csv",
                "period": {"fixed": "2025-07-01"},
                "distinct": ["area"],
                "fields": {
                    "area": "new_code",
                    "area_name": "new_name",
                    "area_kind": {
                        "from": "new_name",
                        "prefix": {"Phường": "ward", "Xã": "commune", "Đặc khu": "special_zone"},
                    },
                },
            },
            "area_change": {
                "pattern": "hcmc-ward-changes-2025-07-01.csv",
                "period": {"fixed": "2025-07-01"},
                "fields": {
                    "area": "new_code",
                    "old_area": "old_code",
                    "area_change_kind": {
                        "from": "note",
                        "prefix": {"Nhập": "whole", "Nhập một phần": "part", "Giữ": "whole"},
                    },
                },
            },
        },
    )
    assert opened.periods("area_unit") == ["2025-07-01"]
    units = table(opened.read(AREA_UNIT, "2025-07-01"))
    assert units.num_rows == 168
    kinds = units["area_kind"].to_pylist()
    counts = [kinds.count(kind) for kind in ("ward", "commune", "special_zone")]
    assert counts == [113, 54, 1]
    assert all(len(code) == 5 for code in units["area"].to_pylist())
    changes = table(opened.read(AREA_CHANGE, "2025-07-01"))
    assert changes.num_rows == 493
    assert changes["old_area"].null_count == 1


def test_a_package_that_is_not_allowed(tmp_path: Path):
    with pytest.raises(SourceRefusedError):
        connector(
            tmp_path,
            connector="files",
            address="package://harvesters",
            allow=["package://schemas"],
            records={"fee": {"pattern": "{period}.csv", "fields": FEE_FIELDS}},
        )


def test_refusals_are_source_errors_with_both_languages(fees: Open, folder: Path):
    (folder / "a.csv").write_text("x\n", "utf-8")
    with pytest.raises(SourceError) as error:
        read(fees())
    assert "bị từ chối" in error.value.vi and "refused" in error.value.en
    assert error.value.as_dict()["problems"][0]["rule"] == "headings-missing"


def test_native_columns_are_text(libraries: Open, shelf: Path):
    workbook(shelf / "a.xlsx", library_sheet)
    (batch,) = libraries().read(LIBRARY, YEAR)
    assert {column.type for column in batch.batch.columns} == {pa.string()}
