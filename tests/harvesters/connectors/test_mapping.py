"""From a source's fields to a record's: numbers, headings, codes, constants."""

from __future__ import annotations

import unicodedata
from datetime import date, datetime
from decimal import Decimal
from uuid import UUID

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvesters.mapping import (
    UNREADABLE,
    FieldMapping,
    fold,
    map_column,
    map_columns,
    native_array,
    parse_mapping,
    plain_text,
    read_number,
    tidy,
)

pytestmark = pytest.mark.unit


def vietnamese(number: int, decimals: str = "", group: str = ".") -> str:
    whole = f"{number:,}".replace(",", group)
    return f"{whole},{decimals}" if decimals else whole


@given(st.integers(-(10**15), 10**15), st.text("0123456789", max_size=6), st.sampled_from(". "))
def test_a_number_written_in_vietnamese_is_read_back(number: int, decimals: str, group: str):
    read = read_number(vietnamese(number, decimals, group), "vi")
    sign = -1 if number < 0 else 1
    exact = Decimal(number) + sign * Decimal(f"0.{decimals or '0'}")
    assert read is not None
    assert Decimal(read) == exact


@given(st.integers(-(10**15), 10**15), st.integers(0, 99))
def test_an_english_number_is_read_back(number: int, cents: int):
    assert Decimal(read_number(f"{number:,}.{cents:02d}", "en")) == (
        Decimal(number) + (-1 if number < 0 else 1) * Decimal(cents) / 100
    )


@given(st.text(max_size=12), st.sampled_from(["vi", "en", "plain"]))
def test_what_is_read_is_a_plain_number_or_nothing(text: str, style: str):
    read = read_number(text, style)
    assert read is None or Decimal(read).is_finite()


@pytest.mark.parametrize(
    ("text", "style", "read"),
    [
        ("1.200.000", "vi", "1200000"),
        ("12,5", "vi", "12.5"),
        ("1 200 000", "vi", "1200000"),
        ("350.000,50", "vi", "350000.5"),
        ("1.200\u00a0000", "vi", None),  # groups of two kinds
        ("0.500", "vi", None),  # a grouped number does not start with zero
        ("1.2", "vi", None),
        ("12.5", "vi", None),
        ("1,200", "vi", "1.2"),
        ("1,200", "en", "1200"),
        ("1.200", "plain", None),  # 1200 or 1.2: nobody knows
        ("1.25", "plain", "1.25"),
        ("\u22125", "vi", "-5"),
        ("-0", "vi", "0"),
        ("007", "vi", "7"),
        ("1e5", "plain", None),
        ("nan", "plain", None),
        ("", "vi", None),
        ("12 %", "vi", None),
        ("１２", "vi", None),
    ],
)
def test_numbers(text: str, style: str, read: str | None):
    assert read_number(text, style) == read


@given(st.text(max_size=40))
def test_folding_again_changes_nothing(text: str):
    assert fold(fold(text)) == fold(text)


@given(st.text("aăâbcdđeêghiklmnoôơpqrstuưvxyáàảãạấầẩẫậắằẳẵặ ", max_size=40))
def test_composed_or_not_a_heading_is_the_same(text: str):
    forms = {fold(unicodedata.normalize(form, text)) for form in ("NFC", "NFD", "NFKC", "NFKD")}
    assert forms == {fold(text.upper())}


def test_headings_fold_alike():
    assert fold("Mã  Trường") == fold("MA TRUONG") == fold("mã_trường:") == "ma truong"
    assert fold("Vốn tài liệu / Nhan đề số") == fold("Von tai lieu (Nhan de so)")
    assert fold("Hoà") == fold("Hòa")


def test_tidy():
    assert tidy("  Nữ\u200b \u00a0 sinh\n") == "Nữ sinh"
    assert tidy("Nu\u031b\u0303") == "Nữ"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, None),
        ("  ", None),
        (True, "true"),
        (7, "7"),
        (79012345.0, "79012345"),
        (1e21, "1000000000000000000000"),
        (0.1, "0.1"),
        (1.5e-7, "0.00000015"),
        (float("nan"), UNREADABLE),
        (Decimal("1200.00"), "1200"),
        (Decimal("NaN"), UNREADABLE),
        (datetime(2025, 9, 5), "2025-09-05"),
        (datetime(2025, 9, 5, 7, 30), "2025-09-05T07:30:00"),
        (date(2025, 9, 5), "2025-09-05"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ({"a": 1}, UNREADABLE),
        (b"x", UNREADABLE),
    ],
)
def test_plain_text(value: object, text: str | None):
    assert plain_text(value) == text


def column(values: list, declared: object, kind: str = "code") -> list:
    return map_column(native_array(values), parse_mapping(declared), kind).to_pylist()


def test_codes_are_mapped_and_unknown_ones_handed_on():
    declared = {"from": "gt", "map": {"Nam": "male", "Nữ": "female"}}
    sent = ["Nam", " nam", "NỮ", "Nu\u031b\u0303", "khác", "", None]
    assert column(sent, declared) == ["male", "male", "female", "female", "khác", None, None]


def test_booleans_and_numbers_are_keys_of_a_map():
    declared = {"from": "x", "map": {True: "yes", False: "no"}}
    assert column([True, False, None], declared) == ["yes", "no", None]
    assert column([1, 0], {"from": "x", "map": {1: "yes", 0: "no"}}) == ["yes", "no"]
    assert column(["1", "0"], {"from": "x", "map": {1: "yes", 0: "no"}}) == ["yes", "no"]


def test_zeros_that_a_spreadsheet_took_come_back():
    declared = {"from": "x", "width": 8}
    sent = [7904012, "07904012", "79040123", "7904A"]
    assert column([str(value) for value in sent], declared) == [
        "07904012", "07904012", "79040123", "7904A",
    ]  # fmt: skip
    assert column([7904012.0], declared, "institution") == ["07904012"]


def test_the_longest_prefix_wins():
    declared = {"from": "x", "prefix": {"Nhập": "whole", "Nhập một phần": "part"}}
    sent = ["Nhập toàn bộ", "nhập một phần diện tích", "Giữ nguyên"]
    assert column(sent, declared) == ["whole", "part", "Giữ nguyên"]


def test_default_stands_in_for_nothing_only():
    assert column([None, "", "x"], {"from": "x", "default": "z"}) == ["z", "z", "x"]


def test_a_number_that_cannot_be_read_is_refused_later_not_guessed():
    declared = {"from": "x", "number": "vi"}
    assert column(["1.200", "12.5", "–"], declared, "integer") == ["1200", UNREADABLE, UNREADABLE]


def test_a_native_number_is_not_written_in_any_language():
    assert column([12.5, None], {"from": "x", "number": "vi"}, "decimal") == ["12.5", None]
    assert map_column(pa.array([12.5]), parse_mapping("x"), "decimal").type == pa.float64()
    assert map_column(pa.array([1], pa.int16()), parse_mapping("x"), "integer").type == pa.int64()
    money = pa.array([Decimal("12.50")])
    assert map_column(money, parse_mapping("x"), "decimal").to_pylist() == [12.5]


def test_mixed_values_become_text():
    assert native_array([1, "a", None, True]).to_pylist() == ["1", "a", None, "true"]
    assert native_array([{"a": 1}]).to_pylist() == [UNREADABLE]
    assert column([10**30, 1], "x") == [str(10**30), "1"]


def test_constants_and_columns_that_are_not_there():
    mappings = {"a": parse_mapping({"value": "x"}), "b": FieldMapping(("b",), optional=True)}
    batch = map_columns({}, mappings, {"a": "code", "b": "code"}, 2)
    assert batch.to_pydict() == {"a": ["x", "x"], "b": [None, None]}


def test_two_meanings_of_one_value_are_refused():
    with pytest.raises(ValueError, match="stands twice"):
        parse_mapping({"from": "x", "map": {"Nam": "male", "NAM ": "female"}})


@given(st.lists(st.one_of(st.none(), st.text(max_size=8)), max_size=30))
def test_mapping_keeps_the_number_of_records(values: list):
    array = pa.array(values, pa.string())
    for declared in ("x", {"from": "x", "width": 4, "map": {"a": "b"}, "default": "d"}):
        assert len(map_column(array, parse_mapping(declared), "code")) == len(values)
