"""A school year of the simulated city whose records carry markers that nobody else writes.

Whatever reader, log or store shows one of them has got hold of what no source may give away.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import openpyxl
import psycopg2
import psycopg2.extensions
from openpyxl.comments import Comment
from openpyxl.worksheet.worksheet import Worksheet

YEAR = "2026-2027"
_LIKE = "2025-2026"
"""The year whose register and pupils the planted year has too."""

FEW = 3
"""How many pupils the planted small cell has: fewer than any threshold."""

NAME, ADDRESS, PARENT = "Đỗ Quyên Qzname", "77/7 hẻm Qzaddress", "Hồ Lan Qzparent"
PHONE, MAIL = "0977731331", "qzmail@qzmail.invalid"
KEY = "QZKEY79130"
CODE, LONG, SCHOOL = "QZCODE", "QZLONG" + "x" * 5000, "QZ777313"
NUMBER = 977_731_337
FILE = "Qzsheet"

MARKERS = ("qzname", "qzaddress", "qzparent", PHONE, "qzmail", "qzkey", "qzcode", "qzlong",
           "qz777313", str(NUMBER), "qzsheet")  # fmt: skip
"""In small letters, as they are searched for."""


def pseudonyms() -> list[str]:
    """What the planted keys would look like if they were only hashed or encoded."""
    forms = []
    for number in range(FEW):
        key = f"{KEY}{number}".encode()
        forms += [hashlib.new(name, key).hexdigest() for name in ("md5", "sha1", "sha256")]
        # The last characters of Base64 depend on what follows.
        forms.append(base64.b64encode(key).decode()[:12].lower())
    return forms


class Planted:
    """The planted year in the central database, and the cell with `FEW` pupils."""

    def __init__(self) -> None:
        self._central = psycopg2.connect(
            os.environ["HCMEDU_CENTRAL_ADMIN_URL"].replace("+psycopg2", "")
        )
        self._central.autocommit = True
        self.school = self.grade = ""

    def close(self) -> None:
        """Take the year out of the central database."""
        self._clear()
        self._central.close()

    def sow(self) -> None:
        """Put the year in: the register, all pupils, and `FEW` girls in a grade of their own."""
        self._clear()
        with self._central.cursor() as cursor:
            cursor.execute(
                f"create table hoc_sinh_planted partition of hoc_sinh for values in ('{YEAR}')"
            )
            cursor.execute("call them_nhat_ky('hoc_sinh_planted', 'hoc_sinh')")
            self._copy(cursor, "truong", dia_chi=ADDRESS, hieu_truong=NAME, dien_thoai=PHONE,
                       thu_dien_tu=MAIL)  # fmt: skip
            self._copy(cursor, "hoc_sinh", ho_ten=NAME, dia_chi=ADDRESS, ho_ten_cha_me=PARENT,
                       dien_thoai_cha_me=PHONE)  # fmt: skip
            # Any school with a grade of more than a dozen: all but a few of them leave.
            cursor.execute(
                "select ma_truong, khoi from hoc_sinh where nam_hoc = %s group by 1, 2 "
                "having count(*) > 12 order by 1, 2 limit 1",
                [YEAR],
            )
            self.school, self.grade = cursor.fetchone() or ("", "")
            here = [YEAR, self.school, self.grade]
            cursor.execute(
                "delete from hoc_sinh where nam_hoc = %s and ma_truong = %s and khoi = %s", here
            )
            for number in range(FEW):
                self._pupil(cursor, f"{KEY}{number}", self.school, self.grade, "Nữ")

    def spoil(self) -> None:
        """Add records that must be refused: an unknown grade, an endless text, an unknown school
        and a number out of range."""
        with self._central.cursor() as cursor:
            self._pupil(cursor, f"{KEY}91", self.school, CODE, "Nữ")
            self._pupil(cursor, f"{KEY}92", self.school, self.grade, LONG)
            self._pupil(cursor, f"{KEY}93", SCHOOL, self.grade, "Nam")
            cursor.execute(
                "insert into co_so_vat_chat values (%s, %s, 'classroom', %s, now())",
                [YEAR, self.school, NUMBER],
            )

    def mend(self) -> None:
        """Take the spoilt records out again."""
        with self._central.cursor() as cursor:
            cursor.execute(
                "delete from hoc_sinh where nam_hoc = %s and ma_dinh_danh like %s",
                [YEAR, f"{KEY}9%"],
            )
            cursor.execute("delete from co_so_vat_chat where nam_hoc = %s", [YEAR])

    def one_leaves(self) -> None:
        """Take one of the pupils out who are many in their grade."""
        with self._central.cursor() as cursor:
            cursor.execute(
                "delete from hoc_sinh where nam_hoc = %s and ma_dinh_danh = (select "
                "max(ma_dinh_danh) from hoc_sinh where nam_hoc = %s and ma_truong <> %s)",
                [YEAR, YEAR, self.school],
            )

    @contextmanager
    def only_declared_columns(self) -> Iterator[None]:
        """Within, who reads the central database may read no column that is not declared."""
        reader = "central_reader"
        with self._central.cursor() as cursor:
            cursor.execute(f"revoke select on truong, hoc_sinh from {reader}")
            for table, columns in _DECLARED.items():
                cursor.execute(f"grant select ({columns}) on {table} to {reader}")
            try:
                yield
            finally:
                for table, columns in _DECLARED.items():
                    cursor.execute(f"revoke select ({columns}) on {table} from {reader}")
                cursor.execute(f"grant select on truong, hoc_sinh to {reader}")

    def identifiers(self) -> set[str]:
        """Every number and code by which a person of the central database could be called or
        looked up: keys, telephone numbers."""
        found: set[str] = set()
        with self._central.cursor() as cursor:
            for column, table in (
                ("ma_dinh_danh", "hoc_sinh"),
                ("dien_thoai_cha_me", "hoc_sinh"),
                ("ma_nhan_su", "nhan_su"),
                ("dien_thoai", "nhan_su"),
                ("so_bien_dong", "bien_dong"),
                ("ma_bai_thi", "ket_qua_thi"),
            ):
                cursor.execute(f"select distinct {column} from {table} where {column} is not null")
                found |= {value.lower() for (value,) in cursor.fetchall()}
        return found

    def _pupil(
        self, cursor: psycopg2.extensions.cursor, key: str, school: str, grade: str, sex: str
    ) -> None:
        cursor.execute(
            "insert into hoc_sinh values (%s, %s, %s, '2015-03-07', %s, %s, %s, '1', %s, %s, %s, "
            "true, true, false, now())",
            [YEAR, key, NAME, sex, school, grade, ADDRESS, PARENT, PHONE],
        )

    def _copy(self, cursor: psycopg2.extensions.cursor, table: str, **values: str) -> None:
        cursor.execute(
            "select column_name from information_schema.columns where table_name = %s "
            "order by ordinal_position",
            [table],
        )
        names = [name for (name,) in cursor.fetchall()]
        values["nam_hoc"] = YEAR
        chosen = ", ".join("%s" if name in values else name for name in names)
        cursor.execute(
            f"insert into {table} select {chosen} from {table} where nam_hoc = %s",
            [*(values[name] for name in names if name in values), _LIKE],
        )

    def _clear(self) -> None:
        with self._central.cursor() as cursor:
            cursor.execute("drop table if exists hoc_sinh_planted")
            for table in ("truong", "co_so_vat_chat", "nhat_ky_thay_doi"):
                cursor.execute(f"delete from {table} where nam_hoc = %s", [YEAR])


_DECLARED = {
    "truong": "nam_hoc, ma_truong, ten_truong, loai_truong, cap_hoc, loai_hinh, ma_phuong_xa, "
    "ma_phuong_xa_cu, vi_do, kinh_do, dat_chuan_quoc_gia",
    "hoc_sinh": "nam_hoc, ma_dinh_danh, ma_truong, khoi, gioi_tinh, internet_tai_nha, "
    "thiet_bi_hoc_tap, dung_kho_hoc_lieu",
}
"""What config/sources/central-database.yaml names of the two tables."""


def mark_workbook(path: Path) -> None:
    """Leave in a ward's file, beside what is asked for, what people leave in files: nothing that
    would have it refused, but nothing that anyone asked for."""
    book = openpyxl.load_workbook(path)
    sheet = book.worksheets[0]
    column, first = sheet.max_column + 1, _first_figures(sheet)
    heading = next(row for row in range(1, first) if sheet.cell(row, 1).value == "STT")
    sheet.cell(heading, column, "Ghi chú")
    sheet.cell(first, column, f"{FILE} đã nộp")
    sheet.cell(first, 1).comment = Comment(f"{FILE} đã xem", FILE)
    book.properties.creator = book.properties.lastModifiedBy = FILE
    book.properties.description = FILE
    book.save(path)


def spoil_workbook(path: Path) -> None:
    """Write a text where a ward's file has a number, and hide a sheet: the file is refused."""
    book = openpyxl.load_workbook(path)
    sheet = book.worksheets[0]
    row = sheet[_first_figures(sheet)]
    next(cell for cell in reversed(row) if isinstance(cell.value, int)).value = f"{FILE} {NAME}"
    book.create_sheet(FILE).append([FILE, NAME, PHONE])
    book[FILE].sheet_state = "hidden"
    book.save(path)


def _first_figures(sheet: Worksheet) -> int:
    """The number of the first row with figures in it."""
    rows = enumerate(sheet.iter_rows(values_only=True), start=1)
    return next(n for n, row in rows if sum(isinstance(value, int) for value in row) >= 4)
