"""Files that may come in: full of what looks like personal data at first, and is none."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import xlsxwriter

from tests.harvesters.disclosure.personal_data.poison import old_workbook, text, workbook
from tests.harvesters.disclosure.personal_data.values import digits, own_tax_code

_EPONYMS = (
    "Nguyễn Thị Minh Khai", "Võ Thị Sáu", "Lê Quý Đôn", "Trần Hưng Đạo", "Nguyễn Du", "Lê Lợi",
    "Lê Hồng Phong", "Trần Đại Nghĩa", "Bùi Thị Xuân", "Nguyễn Bỉnh Khiêm", "Phan Đình Phùng",
    "Lương Thế Vinh", "Hoàng Hoa Thám", "Nguyễn Văn Trỗi", "Mạc Đĩnh Chi", "Trương Vĩnh Ký",
    "Kim Đồng", "Hồ Thị Kỷ", "Đặng Thùy Trâm", "Huỳnh Thúc Kháng", "Ngô Quyền", "Tôn Đức Thắng",
)  # fmt: skip
# Made up after nobody: no list knows them, the word before them does.
_UNKNOWN = ("Phạm Hữu Xuyến", "Trần Thị Thu Vy", "Lê Gia Khang", "Bùi Ngọc Uyên", "Đỗ Minh Đạt")
_KINDS = (
    "Trường Tiểu học", "Trường THCS", "Trường THPT", "Trường Mầm non", "Trường TH, THCS và THPT",
    "THPT", "MN", "Trường THPT chuyên", "Trung tâm GDTX", "Trường Mầm non Tư thục", "TRƯỜNG THCS",
)  # fmt: skip
_WARDS = (
    "Phường Võ Thị Sáu", "Phường Nguyễn Cư Trinh", "Phường Sài Gòn", "Xã Lê Minh Xuân",
    "Phường Bến Thành", "Xã Phạm Văn Cội", "Đặc khu Côn Đảo", "Phường Phan Thiết Đông",
)  # fmt: skip
_STREETS = ("Đường Lê Lợi", "Nguyễn Huệ", "Đường số 5", "đường Võ Văn Kiệt", "Trần Hưng Đạo")


def _school(dice: random.Random) -> str:
    name = dice.choice(_EPONYMS + _UNKNOWN)
    kind = dice.choice(_KINDS)
    return f"{kind} {name.upper() if kind.isupper() and len(kind) > 4 else name}"


def _grouped(dice: random.Random) -> str:
    return f"{dice.randint(10**8, 10**11):,}".replace(",", ".")


def _date(dice: random.Random, since: int = 2012) -> str:
    return f"{dice.randint(1, 28):02}/{dice.randint(1, 12):02}/{dice.randint(since, 2026)}"


_Column = tuple[str, Callable[[random.Random], str]]
_COLUMNS: tuple[_Column, ...] = (
    ("Mã trường", lambda dice: f"79{digits(dice, 6)}"),
    ("Mã đơn vị", lambda dice: f"79{digits(dice, 6)}"),
    ("Mã phường", lambda dice: str(dice.randint(26_500, 27_700))),
    ("Tên trường", _school),
    ("Đơn vị", _school),
    ("Trường", lambda dice: dice.choice(_EPONYMS)),
    ("Địa bàn", lambda dice: dice.choice(_WARDS)),
    ("Đường", lambda dice: dice.choice(_STREETS)),
    ("Lớp", lambda dice: f"{dice.randint(1, 12)}A{dice.randint(1, 19)}"),
    ("Lớp", lambda dice: f"Lớp {dice.randint(10, 12)}C{dice.randint(1, 9)} (2025)"),
    ("Năm học", lambda dice: f"20{dice.randint(20, 24)}-2025"),
    ("Số học sinh", lambda dice: str(dice.randint(0, 2500))),
    ("Tổng kinh phí (đồng)", lambda dice: str(dice.randint(10**8, 10**11))),
    ("Số tiền", lambda dice: str(dice.randint(10**9, 10**10 - 1))),
    ("Kinh phí thực hiện", _grouped),
    ("Mức thu (đồng/tháng)", lambda dice: _grouped(dice) + ",00"),
    ("Năm 2025", lambda dice: f"{dice.randint(1, 10 ** dice.randint(3, 8))}000"),
    ("Tổng số lượt truy cập", lambda dice: str(dice.randint(10**9, 10**10 - 1))),
    ("Diện tích (m2)", lambda dice: f"{dice.uniform(100, 90000):.8f}"),
    ("Vĩ độ", lambda dice: f"{dice.uniform(10.2, 11.5):.9f}"),
    ("Kinh độ", lambda dice: f"{dice.uniform(106.2, 107.5):.8f}"),
    ("Tỷ lệ", lambda dice: f"{dice.random():.15f}"),
    ("Số quyết định", lambda dice: f"{dice.randint(1, 9999)}/QĐ-SGDĐT"),
    ("Văn bản", lambda dice: f"Quyết định số {dice.randint(1, 9999)}/{dice.randint(2019, 2026)}/"
                             f"QĐ-UBND ngày {_date(dice)}"),
    ("Ngày ban hành", _date),
    ("Ngày báo cáo", lambda dice: _date(dice, 2022)),
    ("Ngày thành lập trường", lambda dice: _date(dice, 1975)),
    ("Ngày nộp hồ sơ", lambda dice: f"{_date(dice, 2023)} 0{dice.randint(7, 9)}:30"),
    ("Mã số thuế", own_tax_code),
    ("Địa chỉ trường", lambda dice: f"{dice.randint(1, 400)} đường Lê Lợi, khu phố 3"),
    ("Điểm trường", lambda dice: f"Điểm trường ấp {dice.randint(1, 9)}"),
    ("Khu phố", lambda dice: f"Khu phố {dice.randint(1, 9)}"),
    ("Khối", lambda dice: "Khối 6, 7, 8, 9, 10, 11, 12"),
    ("Môn", lambda dice: dice.choice(("Vật Lý", "Toán, Lý, Hóa", "Lý Thuyết", "Ngữ văn"))),
    ("Cấp học", lambda dice: dice.choice(("Tiểu học", "Cao Đẳng", "Mầm Non", "Trung Học"))),
    ("Nội dung", lambda dice: dice.choice((
        "Hồ Sơ", "Danh Sách", "Đào Tạo", "Phong trào Trần Quốc Toản", "Học bổng Nguyễn Đức Cảnh",
        "Đoàn TNCS Hồ Chí Minh", "Thành phố Hồ Chí Minh", "Ho Chi Minh City", "Phạm Vi Áp Dụng",
        "Sinh hoạt hè ngày 12/06/2018", "Gồm 3 tổ chuyên môn, tổ 5", "Có 2 đường truyền 500 Mbps",
        "Chia làm 3 đợt: 01/09/2025 - 31/05/2026", "Dự án 1.250.000.000 đồng", "Nhà vệ sinh",
        "Danh sách học sinh ngày 05/09/2025", "Vo Thi Sau Ward", "Nguyen Du High School",
        "Số 12/2025/TT-BGDĐT", "Công văn 4567 ngày 12-3-2025", "Từ 7:30 đến 16:45",
    ))),
    ("Năm sinh", lambda dice: str(dice.randint(2006, 2019))),
    ("Giới tính", lambda dice: dice.choice(("Nam", "Nữ"))),
    ("Tổng", lambda dice: str(dice.randint(0, 10**9))),
    ("Ghi chú", lambda dice: dice.choice(("", "Không", "Đã kiểm tra", "Trường mới"))),
)  # fmt: skip
_TITLES = (
    "BÁO CÁO THƯ VIỆN TRƯỜNG HỌC NĂM HỌC 2025-2026",
    "DANH SÁCH TRƯỜNG HỌC THÔNG MINH – TRƯỜNG HỌC KHÔNG DÙNG TIỀN MẶT",
    "UBND PHƯỜNG VÕ THỊ SÁU",
    "SỞ GIÁO DỤC VÀ ĐÀO TẠO THÀNH PHỐ HỒ CHÍ MINH",
    "TỶ LỆ HỌC SINH ĐỖ TỐT NGHIỆP THEO ĐỊA BÀN VÀ PHẠM VI QUẢN LÝ",
    "Biểu số 05/2025/GDĐT – Đơn vị tính: đồng",
)
_FOOTERS = (
    "TP. Hồ Chí Minh, ngày 5 tháng 9 năm 2025",
    "Người lập bảng",
    "Ghi chú: số liệu chốt ngày 31/05/2022 theo Quyết định 2345/QĐ-UBND",
    "HIỆU TRƯỞNG (ký tên, đóng dấu)",
)
_NAMES = (
    "26734-phuong-vo-thi-sau.xlsx", "thu-vien/2025-2026/27007-phuong-sai-gon.csv",
    "hoc-phi/2025-2026/26737-xa-le-minh-xuan.csv", "bao-cao-2025-26734.csv",
    "THPT Nguyễn Thị Minh Khai.xls", "Bao cao THCS Le Quy Don 2025-09-05.xlsx",
    "20250905_bao_cao.csv", "Biểu 05 – Danh sách trường.xlsx",
)  # fmt: skip


@dataclass(frozen=True)
class File:
    """A clean file."""

    case: str
    name: str
    content: bytes


def _rows(dice: random.Random) -> list[list[str]]:
    """A table of some of the columns, with titles above and lines below, as people make them."""
    chosen = dice.sample(_COLUMNS, dice.randint(3, 9))
    headings = [heading for heading, _ in chosen]
    if "Năm sinh" in headings and "Giới tính" in headings:
        # Together with the school that would be a person's.
        chosen = [column for column in chosen if column[0] != "Giới tính"]
    width = len(chosen) + 1
    rows = [[title] + [""] * (width - 1) for title in dice.sample(_TITLES, dice.randint(0, 2))]
    rows.append(["STT", *(heading for heading, _ in chosen)])
    for number in range(1, dice.randint(5, 60)):
        rows.append([str(number), *(make(dice) for _, make in chosen)])
    rows += [["", line] + [""] * (width - 2) for line in dice.sample(_FOOTERS, dice.randint(0, 2))]
    return rows


def _decorated(book: xlsxwriter.Workbook, sheet: xlsxwriter.worksheet.Worksheet) -> None:
    book.set_properties({"title": "Báo cáo thư viện", "author": "Phòng Khảo thí", "company": "Sở"})
    book.define_name("Tong_cong", "=Sheet1!$A$1:$C$9")
    sheet.set_header('&L&"Arial"&14Trường THPT Nguyễn Du&RTrang &P/&N')
    sheet.write_comment("C2", "Số liệu tháng 9/2025", {"author": "Trường Nguyễn Du"})
    sheet.write_formula("Z3", "=SUM(B2:B9)", None, 451_234)
    chart = book.add_chart({"type": "column"})
    chart.add_series({"values": "=Sheet1!$A$2:$A$6", "name": "Số học sinh"})
    sheet.insert_chart("AA2", chart)
    other = book.add_worksheet("THPT Nguyễn Du")
    other.write(0, 0, "Ghi số nhan đề, không ghi số bản; lượt đọc tính cả đọc tại chỗ.")


def clean(count: int = 200) -> Iterator[File]:
    """So many clean files; the same ones each time."""
    dice = random.Random(20_260_202)
    for number in range(count):
        rows = _rows(dice)
        name = dice.choice(_NAMES)
        form = number % 4
        if form == 0:
            content = text(rows, dice.choice(";,\t"), dice.choice(("utf-8-sig", "utf-16")))
        elif form == 1:
            content = workbook(rows, numbers=dice.random() < 0.5)
        elif form == 2:
            content = workbook(rows, _decorated, numbers=True)
        else:
            content = old_workbook(rows, numbers=dice.random() < 0.5, name="Võ Thị Sáu")
        yield File(f"{number}", name, content)
