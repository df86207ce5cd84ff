"""What can be wrong with a file, in words for whoever fills it in. Never with what stands in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harvesters.errors import RecordProblem, Text, text

MOST_FAULTS = 100
"""Faults of one file that are listed; a file with more has one fault many times over."""


@dataclass(frozen=True)
class Fault:
    """One thing wrong with a file: `sheet`, `row` and `column` count from 1."""

    rule: str
    sheet: int | None = None
    row: int | None = None
    column: int | None = None
    field: str | None = None
    detail: str = ""

    def problem(self, source: str, record: str, period: str, origin: str) -> RecordProblem:
        """The fault as it is reported."""
        expected, remedy = _RULES[self.rule]
        return RecordProblem(
            source=source,
            record=record,
            period=period,
            origin=origin,
            row=self.row,
            field=self.field,
            rule=self.rule,
            expected={key: value.format(detail=self.detail) for key, value in expected.items()},
            remedy={key: value.format(detail=self.detail) for key, value in remedy.items()},
            sheet=None if self.sheet is None else str(self.sheet),
            column=None if self.column is None else column_letter(self.column),
        )


class FaultyFileError(Exception):
    """A file cannot be read as what it should be."""

    def __init__(self, faults: Iterable[Fault]):
        self.faults = list(faults)
        super().__init__(", ".join(sorted({fault.rule for fault in self.faults})))


class Faults:
    """The faults found in a file so far, and how many there were in all."""

    def __init__(self) -> None:
        self.listed: list[Fault] = []
        self.total = 0

    def add(self, fault: Fault) -> None:
        """Note `fault`; beyond `MOST_FAULTS` it is only counted."""
        self.total += 1
        if len(self.listed) < MOST_FAULTS:
            self.listed.append(fault)

    def __bool__(self) -> bool:
        return self.total > 0


def column_letter(number: int) -> str:
    """A spreadsheet's name for its column `number`, from 1: A … Z, AA …"""
    letters = ""
    while number > 0:
        number, rest = divmod(number - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


_RULES: dict[str, tuple[Text, Text]] = {
    "empty-file": (
        text("Tệp phải có dữ liệu.", "The file must hold data."),
        text("Gửi lại tệp; có thể lần gửi trước bị ngắt.",
             "Send the file again; it may have been cut off."),
    ),
    "too-large": (
        text("Tệp sau khi giải nén có nhiều nhất {detail} byte.",
             "Unpacked, the file has at most {detail} bytes."),
        text("Chia tệp, hoặc xóa hình ảnh và trang tính không cần.",
             "Split the file, or delete pictures and sheets that are not needed."),
    ),
    "too-many-columns": (
        text("Bảng có nhiều nhất {detail} cột.", "The table has at most {detail} columns."),
        text("Xóa các cột thừa ở bên phải bảng.", "Delete the columns to the right of the table."),
    ),
    "zip-bomb": (
        text("Sổ tính không nén quá mức bình thường.",
             "The workbook is not packed more tightly than workbooks are."),
        text("Mở tệp bằng phần mềm bảng tính, lưu thành tệp mới rồi gửi lại.",
             "Open the file in a spreadsheet program, save it as a new file and send that."),
    ),
    "not-a-workbook": (
        text("Tệp là sổ tính {detail} đọc được.", "The file is a readable {detail} workbook."),
        text("Mở tệp bằng phần mềm bảng tính, chọn “Lưu thành” đúng định dạng rồi gửi lại.",
             "Open it in a spreadsheet program, “Save as” the right format and send that."),
    ),
    "encrypted": (
        text("Tệp không đặt mật khẩu.", "The file has no password."),
        text("Bỏ mật khẩu mở tệp rồi gửi lại.", "Take the password off and send it again."),
    ),
    "macros": (
        text("Tệp không chứa macro.", "The file holds no macros."),
        text("Lưu thành .xlsx (không macro) rồi gửi lại.", "Save it as .xlsx (without macros)."),
    ),
    "hidden-sheet": (
        text("Mọi trang tính đều hiện.", "Every sheet is visible."),
        text("Bỏ ẩn trang tính, xem lại và xóa nếu không cần; trang ẩn có thể chứa dữ liệu "
             "không được gửi.",
             "Unhide the sheet, look at it and delete what is not needed; hidden sheets may hold "
             "what must not be sent."),
    ),
    "hidden-row": (
        text("Mọi dòng đều hiện.", "Every row is visible."),
        text("Bỏ ẩn dòng hoặc bỏ bộ lọc, xem lại và xóa dòng không cần.",
             "Unhide the rows or take off the filter, and delete rows that are not needed."),
    ),
    "hidden-column": (
        text("Mọi cột đều hiện.", "Every column is visible."),
        text("Bỏ ẩn cột, xem lại và xóa cột không cần.",
             "Unhide the columns, and delete those that are not needed."),
    ),
    "encoding": (
        text("Tệp văn bản mã hóa UTF-8, UTF-16 hoặc Windows-1258.",
             "A text file in UTF-8, UTF-16 or Windows-1258."),
        text("Lưu lại bằng “CSV UTF-8” rồi gửi lại.", "Save it as “CSV UTF-8” and send that."),
    ),
    "old-encoding": (
        text("Chữ Việt theo Unicode, không theo bảng mã cũ {detail}.",
             "Vietnamese in Unicode, not in the old encoding {detail}."),
        text("Chuyển mã {detail} sang Unicode (ví dụ bằng UniKey: Ctrl+Shift+F6), dùng phông "
             "Unicode như Times New Roman, rồi gửi lại.",
             "Convert {detail} to Unicode (for example with UniKey: Ctrl+Shift+F6), use a Unicode "
             "font such as Times New Roman, and send it again."),
    ),
    "control-characters": (
        text("Tệp chỉ chứa văn bản.", "The file holds text only."),
        text("Xuất lại tệp từ phần mềm gốc.", "Export the file again."),
    ),
    "broken-quotes": (
        text("Dấu ngoặc kép đi từng cặp, mỗi bản ghi một dòng.",
             "Quotation marks come in pairs, one record a line."),
        text("Sửa dấu ngoặc kép ở gần dòng này.", "Mend the quotation marks near this row."),
    ),
    "not-json": (
        text("Mỗi dòng là một đối tượng JSON.", "Each line is one JSON object."),
        text("Sửa dòng này.", "Mend this line."),
    ),
    "headings-missing": (
        text("Bảng có cột với tiêu đề: {detail}.", "The table has a column headed: {detail}."),
        text("Ghi đúng tiêu đề cột như trong biểu mẫu.", "Head the column as the form does."),
    ),
    "heading-twice": (
        text("Chỉ một cột có tiêu đề: {detail}.", "Only one column is headed: {detail}."),
        text("Xóa hoặc đổi tên cột trùng.", "Delete or rename the other column."),
    ),
    "two-tables": (
        text("Chỉ một trang tính có bảng số liệu.", "Only one sheet holds the table."),
        text("Để bảng cần gửi trong một trang tính, xóa bản sao.",
             "Keep the table on one sheet and delete copies."),
    ),
    "sheet-missing": (
        text("Sổ tính có trang tính đã khai báo.", "The workbook has the declared sheet."),
        text("Đặt lại tên hoặc thứ tự trang tính như biểu mẫu.",
             "Name or order the sheets as the form does."),
    ),
    "formula-without-value": (
        text("Ô công thức có kết quả đã lưu.", "A formula's cell holds its stored result."),
        text("Mở tệp bằng phần mềm bảng tính, lưu lại; hoặc dán giá trị thay công thức.",
             "Open the file in a spreadsheet program and save it; or paste values."),
    ),
    "cell-error": (
        text("Ô không báo lỗi công thức.", "The cell shows no formula error."),
        text("Sửa công thức hoặc nhập giá trị.", "Mend the formula or type the value."),
    ),
    "number": (
        text("Ô là một số.", "The cell is a number."),
        text("Chỉ ghi số, ví dụ 1.200.000 hoặc 12,5; không ghi chữ hay đơn vị.",
             "Write a number only, no words or units."),
    ),
    "merged-cells": (
        text("Mỗi ô số liệu của một bản ghi đứng riêng.",
             "Each cell of a record stands on its own."),
        text("Bỏ gộp ô và ghi giá trị vào từng ô.", "Unmerge the cells and fill in each."),
    ),
    "row-too-long": (
        text("Dòng không có nhiều ô hơn tiêu đề.", "The row has no more cells than the heading."),
        text("Đặt giá trị có chứa dấu phân cách trong ngoặc kép.",
             "Put values that contain the separator in quotation marks."),
    ),
    "total": (
        text("Dòng tổng bằng tổng các dòng phía trên.",
             "The total is the sum of the rows above it."),
        text("Kiểm tra có thiếu dòng, thừa dòng hoặc sai số liệu không.",
             "Look for rows missing, rows too many, or a wrong figure."),
    ),
    "too-many-merged-cells": (
        text("Bảng ít ô gộp.", "The table has few merged cells."),
        text("Bỏ gộp ô trong phần số liệu.", "Unmerge the cells of the data."),
    ),
    "no-records": (
        text("Bảng có ít nhất một dòng số liệu.", "The table has at least one row of data."),
        text("Điền số liệu hoặc không gửi tệp.", "Fill in the table, or do not send the file."),
    ),
}  # fmt: skip
