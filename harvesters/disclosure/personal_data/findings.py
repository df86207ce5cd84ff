"""What the scanner says: which rule, where, and how to mend it. Never what stands there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from harvesters.connectors.faults import column_letter
from harvesters.errors import RecordProblem, Text, text


@dataclass(frozen=True)
class Place:
    """Where in a file: `sheet`, `row` and `column` count from 1; `kind` is one of `KINDS`.

    `field` is the record's field that the column is mapped to, or the name of a text of metadata:
    never a heading, which may itself be what must not be shown.
    """

    kind: str = "cell"
    sheet: int | None = None
    row: int | None = None
    column: int | None = None
    field: str | None = None

    def _words(self, language: str) -> str:
        words = [KINDS[self.kind][language]]
        for value, (vi, en) in (
            (self.sheet, ("trang tính", "sheet")),
            (self.row, ("dòng", "row")),
            (self.column and column_letter(self.column), ("cột", "column")),
            (self.field, ("trường", "field")),
        ):
            if value:
                words.append(f"{vi if language == 'vi' else en} {value}")
        return ", ".join(words)

    @property
    def vi(self) -> str:
        """The place in Vietnamese."""
        return self._words("vi")

    @property
    def en(self) -> str:
        """The place in English."""
        return self._words("en")


@dataclass(frozen=True)
class Finding:
    """Personal data found, or what cannot be looked through: the rule, and the first place."""

    rule: str
    place: Place

    @property
    def what(self) -> Text:
        """What is not to be there, in both languages."""
        return RULES[self.rule][0]

    @property
    def remedy(self) -> Text:
        """How to mend it, in both languages."""
        return RULES[self.rule][1]

    def problem(self, source: str, record: str, period: str, origin: str) -> RecordProblem:
        """The finding as it is reported of a delivery."""
        place = self.place
        where = KINDS[place.kind]
        return RecordProblem(
            source=source,
            record=record,
            period=period,
            origin=origin,
            row=place.row,
            field=place.field,
            rule=self.rule,
            expected={
                "vi": f"{self.what['vi']} (nơi tìm thấy: {where['vi']}).",
                "en": f"{self.what['en']} (found in: {where['en']}).",
            },
            remedy=self.remedy,
            sheet=None if place.sheet is None else str(place.sheet),
            column=None if place.column is None else column_letter(place.column),
        )


KINDS: Mapping[str, Text] = {
    "cell": text("ô", "a cell"),
    "formula": text("công thức", "a formula"),
    "file-name": text("tên tệp", "the file's name"),
    "sheet-name": text("tên trang tính", "a sheet's name"),
    "comment": text("ghi chú của ô", "a cell's comment"),
    "defined-name": text("tên vùng được đặt", "a defined name"),
    "header-footer": text("đầu trang hoặc chân trang in", "a printed header or footer"),
    "hyperlink": text("siêu liên kết", "a hyperlink"),
    "drawing": text("hình vẽ, hộp văn bản hoặc biểu đồ", "a drawing, text box or chart"),
    "document-author": text("thuộc tính tài liệu “tác giả”", "document property author"),
    "document-title": text("thuộc tính tài liệu “tiêu đề”", "document property title"),
    "document-property": text("thuộc tính tài liệu", "a document property"),
    "leftover": text(
        "phần không hiển thị của tệp (bộ nhớ tạm, chữ đã xóa)",
        "a part of the file that is not shown (caches, deleted texts)",
    ),
    "key": text("tên khóa JSON", "a JSON key"),
    "file": text("tệp", "the file"),
    "metadata": text("siêu dữ liệu", "metadata"),
}
"""The kinds of places, in both languages."""

_COLUMN = text(
    "Xóa cột hoặc giá trị này; chỉ gửi số liệu tổng hợp và mã trường.",
    "Delete the column or the value; send counts and school codes only.",
)
_NUMBER = text(
    "Xóa giá trị này. Nếu đó là số lượng hoặc số tiền, đặt tiêu đề cột nói rõ (Số lượng, Số tiền) "
    "và ghi dạng số.",
    "Delete the value. If it is a count or an amount, head its column so (Số lượng, Số tiền) and "
    "write it as a number.",
)

RULES: Mapping[str, tuple[Text, Text]] = {
    "personal-number": (
        text("Không có số định danh cá nhân hay số căn cước",
             "No personal identification number"),
        _NUMBER,
    ),
    "identity-card": (
        text("Không có số chứng minh nhân dân (9 chữ số)", "No identity card number (9 digits)"),
        _NUMBER,
    ),
    "sector-code": (
        text("Không có mã học sinh, mã giáo viên hay mã khác gồm 10 chữ số",
             "No code of a pupil or of staff, or any other code of 10 digits"),
        _NUMBER,
    ),
    "tax-code": (
        text("Không có mã số thuế của cá nhân", "No tax code of a person"),
        text("Xóa giá trị này. Mã số thuế của chính đơn vị được giữ lại nếu tiêu đề cột là "
             "“Mã số thuế”.",
             "Delete the value. An institution's own tax code may stay where the column is headed "
             "“Mã số thuế”."),
    ),
    "social-insurance": (
        text("Không có số sổ bảo hiểm xã hội", "No social insurance number"), _COLUMN),
    "health-card": (text("Không có số thẻ bảo hiểm y tế", "No health insurance card number"),
                    _COLUMN),
    "phone": (text("Không có số điện thoại", "No telephone number"), _NUMBER),
    "plate": (text("Không có biển số xe", "No vehicle plate"), _COLUMN),
    "email": (text("Không có địa chỉ thư điện tử", "No e-mail address"), _COLUMN),
    "bank-account": (text("Không có số tài khoản ngân hàng", "No bank account number"), _COLUMN),
    "ip-address": (text("Không có địa chỉ IP", "No IP address"), _COLUMN),
    "token": (
        text("Không có UUID hay mã băm trên từng dòng", "No UUID or hash in every row"),
        text("Xóa cột này: mã băm của một người vẫn là dữ liệu cá nhân.",
             "Delete the column: a hash of a person's key is still personal data."),
    ),
    "name": (
        text("Không có họ tên người", "No names of persons"),
        text("Xóa họ tên. Nếu đó là tên trường hay tên đường, ghi đủ “Trường …”, “Đường …”.",
             "Delete the names. If it is the name of a school or a street, write “Trường …”, "
             "“Đường …” in full."),
    ),
    "birth-date": (
        text("Không có ngày sinh", "No dates of birth"),
        text("Xóa cột này; nếu là ngày khác, đặt tiêu đề nói rõ (Ngày báo cáo, Ngày ban hành).",
             "Delete the column; if it is another date, head it so (Ngày báo cáo, Ngày ban hành)."),
    ),
    "birth-year": (
        text("Không có năm sinh cùng với giới tính và trường",
             "No year of birth together with sex and school"),
        text("Xóa cột năm sinh, hoặc gửi số liệu đã tổng hợp.",
             "Delete the year of birth, or send counts."),
    ),
    "address": (
        text("Không có địa chỉ của cá nhân", "No address of a person"),
        text("Xóa địa chỉ; chỉ ghi tên phường, xã, đặc khu. Địa chỉ trường ghi ở cột “Địa chỉ "
             "trường”.",
             "Delete the address; write the ward only. A school's address goes under “Địa chỉ "
             "trường”."),
    ),
    "old-encoding": (
        text("Chữ Việt theo Unicode, không theo bảng mã cũ (TCVN3, VNI)",
             "Vietnamese in Unicode, not in an old encoding (TCVN3, VNI)"),
        text("Chuyển mã sang Unicode (ví dụ bằng UniKey: Ctrl+Shift+F6) rồi gửi lại.",
             "Convert it to Unicode (for example with UniKey: Ctrl+Shift+F6) and send it again."),
    ),
    "not-scannable": (
        text("Không có hình ảnh hay tệp nhúng, vì không kiểm tra được bên trong",
             "No pictures and no embedded files, which cannot be looked through"),
        text("Xóa hình ảnh và đối tượng nhúng rồi gửi lại.",
             "Delete pictures and embedded objects, and send it again."),
    ),
}  # fmt: skip
"""For each rule what is not to be there and how to mend it, in both languages."""

_BY_LENGTH = ("identity-card", "sector-code")
PRIORITY = tuple(rule for rule in RULES if rule not in _BY_LENGTH) + _BY_LENGTH
"""Where several rules fit a number equally well, the first of them is named."""
