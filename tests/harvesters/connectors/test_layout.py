"""Finding the table on a sheet, whatever stands around it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvesters.connectors.encodings import old_encoding
from harvesters.connectors.faults import Faults, column_letter
from harvesters.connectors.layout import Body, Layout, Merge, Row, Sheet, find_layout, head
from harvesters.mapping import FieldMapping

pytestmark = pytest.mark.unit

MAPPINGS = {
    "school": FieldMapping(("Mã trường",)),
    "grade": FieldMapping(("Khối lớp", "Khối")),
    "pupils": FieldMapping(("Số học sinh / Tổng", "Số học sinh"), number="vi"),
    "girls": FieldMapping(("Số học sinh / Nữ",), number="vi", optional=True),
}
KINDS = {"school": "institution", "grade": "code", "pupils": "integer", "girls": "integer"}


def sheet(rows: Sequence[Sequence[Any]], merges: Sequence[Merge] = ()) -> Sheet:
    def numbered() -> Iterator[Row]:
        yield from enumerate([list(cells) for cells in rows], start=1)

    return Sheet(1, "Trang 1", numbered, merges)


def layout(rows: Sequence[Sequence[Any]], merges: Sequence[Merge] = ()) -> Layout:
    return find_layout(head(sheet(rows, merges)), merges, MAPPINGS)


def body(rows: Sequence[Sequence[Any]], merges: Sequence[Merge] = ()) -> tuple[list, Faults]:
    faults = Faults()
    made = sheet(rows, merges)
    reading = Body(made, layout(rows, merges), MAPPINGS, KINDS, ["school", "grade"], faults)
    return list(reading.records()), faults


def test_headings_on_two_rows():
    rows = [
        ["BÁO CÁO"],
        ["Mã trường", "Khối lớp", "Số học sinh", None],
        [None, None, "Tổng", "Nữ"],
        ["01", "Lớp 1", 30, 14],
    ]
    merges = [Merge(2, 1, 3, 1), Merge(2, 2, 3, 2), Merge(2, 3, 2, 4)]
    for with_merges in (merges, []):
        found = layout(rows, with_merges)
        assert (found.first_row, found.last_row) == (2, 3)
        assert found.columns == {"school": 0, "grade": 1, "pupils": 2, "girls": 3}
        assert not found.missing and not found.twice


def test_one_row_of_headings_does_not_swallow_the_first_record():
    rows = [["Mã trường", "Khối", "Số học sinh"], ["01", "Lớp 1", 30]]
    found = layout(rows)
    assert found.last_row == 1
    assert found.missing == ["girls"]
    assert body(rows)[0] == [(2, ["01", "Lớp 1", "30"])]


def test_the_heading_alone_where_it_is_the_only_one():
    rows = [["Mã trường", "Khối", "A", "B"], [None, None, "Số học sinh", "x"]]
    assert layout(rows).columns["pupils"] == 2


def test_a_heading_that_two_columns_share_is_not_guessed():
    rows = [["Mã trường", "Khối", "Số học sinh", "SO HOC SINH"]]
    assert layout(rows).columns["pupils"] == 2  # written exactly so
    rows = [["Mã trường", "Khối", "SỐ HOC SINH", "SO HOC SINH"]]
    assert layout(rows).twice == ["pupils"]


@pytest.mark.parametrize(
    "numbering",
    [
        ["(1)", "(2)", "(3)"],
        ["A", "B", "1"],
        [1, 2, 3],
        ["1", "2", "3=1+2"],
        ["(A)", None, "(1)"],
    ],
)
def test_a_row_that_numbers_the_columns_is_no_record(numbering: list):
    rows = [["Mã trường", "Khối", "Số học sinh"], numbering, ["01", "Lớp 1", 30]]
    assert body(rows)[0] == [(3, ["01", "Lớp 1", "30"])]


def test_small_numbers_are_no_numbering_further_down():
    rows = [["Mã trường", "Khối", "Số học sinh"], ["01", "Lớp 1", 3], [1, 2, 3]]
    assert body(rows)[0][1] == (3, ["1", "2", "3"])


def test_notes_and_signatures_are_no_records():
    rows = [
        ["Mã trường", "Khối", "Số học sinh", None],
        ["01", "Lớp 1", 30, "ghi chú riêng"],
        ["Ghi chú: số liệu tạm tính"],
        [None, None, None, "TP. Hồ Chí Minh, ngày 5 tháng 9 năm 2025"],
        ["Người lập bảng", None, None, "Hiệu trưởng"],
    ]
    records, faults = body(rows)
    assert records == [(2, ["01", "Lớp 1", "30"])]
    assert not faults


def test_totals_are_checked_to_the_digits_they_have():
    rows = [["Mã trường", "Khối", "Số học sinh"], ["01", "a", 0.1], ["02", "b", 0.2]]
    assert not body([*rows, ["Tổng", None, 0.3]])[1]
    assert not body([*rows, ["Tổng", None, 0.30000000000000004]])[1]
    assert body([*rows, ["Tổng", None, 0.4]])[1].total == 1
    assert body([*rows, ["Tổng", None, 1]])[1].total == 1


@settings(max_examples=60)
@given(
    st.lists(st.integers(0, 10**9), min_size=1, max_size=12),
    st.integers(0, 5),
    st.lists(st.integers(0, 11), max_size=4),
    st.booleans(),
)
def test_any_records_come_back_with_their_rows(
    amounts: list[int], titles: int, gaps: list[int], totalled: bool
):
    rows: list[list[Any]] = [[f"Tiêu đề {number}"] for number in range(titles)]
    rows.append(["Mã trường", "Khối", "Số học sinh"])
    expected = []
    for index, amount in enumerate(amounts):
        if index in gaps:
            rows.append([None, "  "])
        rows.append([f"T{index:03d}", "Lớp 1", f"{amount:,}".replace(",", ".")])
        expected.append((len(rows), [f"T{index:03d}", "Lớp 1", str(amount)]))
    if totalled:
        rows.append(["Tổng cộng", None, sum(amounts)])
    records, faults = body(rows)
    assert records == expected
    assert not faults
    # One thousand more in the total is noticed.
    if totalled:
        rows[-1][2] += 1000
        assert body(rows)[1].listed[0].rule == "total"


@given(st.integers(1, 20000))
def test_columns_are_named_as_spreadsheets_do(number: int):
    letters = column_letter(number)
    back = 0
    for letter in letters:
        back = back * 26 + ord(letter) - 64
    assert back == number


@pytest.mark.parametrize(
    ("words", "old"),
    [
        (["Trường Tiểu học", "Học phí"], None),
        (["Lycée français", "École", "Nuñez"], None),
        (["diện tích m²", "© 2025", "«Trường»", "37 °C", "½"], None),
        (["Tr­êng TiÓu häc", "Häc phÝ"], "TCVN3"),
        (["Tröôøng Tieåu hoïc", "Hoïc phí"], "VNI"),
        (["Hà Nội", "Đà Lạt", "cà phê"], None),
        (["ha noi"], None),
        ([], None),
    ],
)
def test_old_encodings(words: list[str], old: str | None):
    assert old_encoding(words) == old


@given(st.lists(st.text("aàáảãạăằắẳẵặâầấẩẫậbcdđeèéẻẽẹêềếểễệghiìíỉĩịklmnoòóỏõọôồốổỗộơờớởỡợ "
                        "pqrstuùúủũụưừứửữựvxyỳýỷỹỵ²°")))  # fmt: skip
def test_modern_vietnamese_is_never_taken_for_old(words: list[str]):
    assert old_encoding(words) is None


def test_sums_are_exact():
    rows: list[list[Any]] = [["Mã trường", "Khối", "Số học sinh"]]
    rows += [["01", "a", "0,1"] for _ in range(1000)]
    rows.append(["Tổng", None, "100"])
    assert not body(rows)[1]
    assert Decimal("0.1") * 1000 == 100
