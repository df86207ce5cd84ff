"""Each rule finds what breaks it, where it stands, and never tells a value."""

from __future__ import annotations

import datetime
import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvesters.connectors.base import SourceBatch
from harvesters.validation import Validator, normalised, schema_of
from schemas import Declarations
from tests.harvesters.builders import YEAR
from tests.schemas.builders import codelist, declare, record, text

pytestmark = pytest.mark.unit

WARDS = codelist(
    "ward",
    [
        {"code": "00001", "label": text("Phường 1", "Ward 1")},
        {"code": "00002", "label": text("Phường 1", "Ward 1")},
        {"code": "00003", "label": text("Phường Bến Thành", "Bến Thành Ward")},
    ],
)

SUBJECTS = codelist(
    "subject",
    [
        {
            "code": "maths", "label": text("Toán học", "Mathematics"), "notation": "M1",
            "aliases": ["Toán", "TOÁN A"],
        },
        {"code": "letters", "label": text("Ngữ văn", "Literature"), "aliases": ["Văn", "1"]},
    ],
)  # fmt: skip

BANDS = codelist(
    "band",
    [
        {"code": "0-5", "from": 0, "to": 5},
        {"code": "5-8", "from": 5, "to": 8},
        {"code": "8-10", "from": 8, "to": 10},
    ],
)

OPEN_BANDS = codelist("size", [{"code": "small", "from": 1, "to": 10}, {"code": "big", "from": 10}])

TITLE = {"title": text("Số lượng", "Quantity")}

FIELDS: dict[str, dict[str, Any]] = {
    "thing_key": {"type": "key"},
    "school": {"type": "institution", "required": False},
    "subject": {"type": "code", "required": False},
    "ward": {"type": "code", "required": False},
    "band": {"type": "code", "required": False},
    "size": {"type": "code", "required": False},
    "books": {"type": "integer", "required": False, "minimum": 0, "maximum": 1_000_000_000} | TITLE,
    "price": {"type": "decimal", "required": False, "minimum": -1.5, "maximum": 2.5}
    | TITLE
    | {"open": {"vi": "Giá niêm yết.", "en": "A list price."}},
    "month": {"type": "period", "required": False},
}

THING = record("thing", [{"name": name, **rest} for name, rest in FIELDS.items()])
PLACE = record(
    "place",
    [
        {"name": "place", "type": "institution", "unique": True},
        {"name": "subject", "type": "code", "unique": True, "required": False},
        {"name": "place_name", "type": "name", "required": False},
        {"name": "books", "type": "integer", "title": text("Sách")},
    ],
    about="institutions",
)


@pytest.fixture(scope="module")
def declarations(tmp_path_factory: pytest.TempPathFactory) -> Declarations:
    documents = [WARDS, SUBJECTS, BANDS, OPEN_BANDS, THING, PLACE]
    return declare(tmp_path_factory.mktemp("declared"), documents)


class Keys:
    """Keeps the hashes of keys for the test to look at."""

    def __init__(self) -> None:
        self.seen: list[tuple[int, str, int]] = []

    def add(self, keys: npt.NDArray[np.uint64], origin: str, rows: npt.NDArray[np.int64]) -> None:
        self.seen += [
            (int(key), origin, int(row)) for key, row in zip(keys, rows, strict=True)
        ]  # fmt: skip


def validator(
    declarations: Declarations, name: str = "thing", keys: Keys | None = None, most: int = 500
) -> Validator:
    return Validator(
        "ward-files", declarations.records[name], YEAR, declarations.codelists,
        pa.array(["0001", "0002"]) if name == "thing" else None, keys or Keys(), most,
    )  # fmt: skip


def source_batch(columns: dict[str, Any], first_row: int = 2) -> SourceBatch:
    batch = pa.RecordBatch.from_pydict(
        {name: one if isinstance(one, pa.Array) else pa.array(one) for name, one in columns.items()}
    )
    return SourceBatch(batch, "Tháng 9.xlsx", range(first_row, first_row + batch.num_rows))


def check(
    declarations: Declarations, field: str, values: Sequence[Any] | pa.Array
) -> tuple[list[Any], list[tuple[str, int]]]:
    """The values that are kept of a column of things, and the rules that others break where."""
    one = validator(declarations)
    count = len(values)
    columns = {"thing_key": [f"k{n}" for n in range(count)], field: values}
    kept = one.check(source_batch(columns))
    assert one.seen == count
    assert one.bad == count - kept.num_rows
    assert all(problem.field == field for problem in one.problems)
    found = [(problem.rule, problem.row or 0) for problem in one.problems]
    return kept.column(field).to_pylist(), found


CASES: list[tuple[str, list[Any], list[Any], list[tuple[str, int]]]] = [
    ("school", ["0001", " 0002 ", None, ""], ["0001", "0002", None, None], []),
    ("school", ["0003", "0001"], ["0001"], [("register", 2)]),
    ("school", ["a b", "x" * 33, "=1+1", "0001"], ["0001"],
     [("institution", 2), ("institution", 3), ("institution", 4)]),
    ("school", ["_T", "_total", "-1", "0001"], ["0001"],
     [("institution", 2), ("institution", 3), ("institution", 4)]),
    ("subject", ["maths", "MATHS", " toán ", "Toán  học", "literature", "m1", "1"],
     ["maths"] * 4 + ["letters", "maths", "letters"], []),
    ("subject", ["physics", None, "  ", "maths"], [None, None, "maths"], [("code", 2)]),
    ("subject", [1, 1], ["letters", "letters"], []),
    ("subject", [1.0, 2.0], ["letters"], [("code", 3)]),
    ("ward", ["00001", "1", "Phường 1", "phường bến thành"], ["00001", "00003"],
     [("code", 3), ("code", 4)]),
    ("band", ["0", "4.999", "5", 7.99, "8", "10"], [], []),
    ("band", [-0.001, 10.001, float("nan"), float("inf"), 0.0], ["0-5"],
     [("range", 2), ("range", 3), ("range", 4), ("range", 5)]),
    ("band", ["0-5", " 5-8 ", "eight"], ["0-5", "5-8"], [("range", 4)]),
    ("size", [1, 9.9, 10, 1e12], ["small", "small", "big", "big"], []),
    ("size", ["inf", "0.5", "1e400"], [], [("range", 2), ("range", 3), ("range", 4)]),
    ("books", ["0", " 12 ", "1e3", 5.0, None], [], []),
    ("books", ["twelve", "1,5", "12 quyển", "0x10", "1_000", "nan", "inf"], [],
     [("number", row) for row in range(2, 9)]),
    ("books", ["1.5", "-1", "1000000001", "7"], [7], [("whole", 2), ("range", 3), ("range", 4)]),
    ("books", [2**53 + 1, 2**62, 3], [3], [("whole", 2), ("whole", 3), ("range", 2), ("range", 3)]),
    ("books", [True, False], [], [("number", 2), ("number", 3)]),
    ("books", [datetime.date(2025, 9, 5)], [], [("number", 2)]),
    ("books", [Decimal("3"), Decimal("4.5")], [3], [("whole", 3)]),
    ("price", ["-1.5", "2.5", "-1.51", "2.51"], [-1.5, 2.5], [("range", 4), ("range", 5)]),
    ("month", ["2025-10", "2025-2026", "2025-10-01", "10/2025", "2025-13"],
     ["2025-10", "2025-2026", "2025-10-01"], [("period", 5), ("period", 6)]),
]  # fmt: skip


@pytest.mark.parametrize(("field", "values", "kept", "problems"), CASES)
def test_each_rule_finds_what_breaks_it_and_where(
    declarations: Declarations,
    field: str,
    values: list[Any],
    kept: list[Any],
    problems: list[tuple[str, int]],
) -> None:
    mixed = len({type(value) for value in values if value is not None}) > 1
    column = [None if one is None else str(one) for one in values] if mixed else values
    found, broken = check(declarations, field, column)
    assert sorted(broken) == sorted(problems)
    if kept or len(problems) >= len(values):
        assert found == kept
    else:
        assert len(found) == len(values) and None not in found[:4]


@pytest.mark.parametrize(
    "kind", [pa.int8(), pa.int32(), pa.uint64(), pa.float32(), pa.decimal128(21, 2), pa.string(),
             pa.large_string(), pa.dictionary(pa.int32(), pa.string())],
)  # fmt: skip
def test_a_source_may_send_numbers_in_any_type(
    declarations: Declarations, kind: pa.DataType
) -> None:
    texts = pa.array(["7", "0", None])
    column = texts if pa.types.is_dictionary(kind) else texts.cast(pa.int64()).cast(kind)
    if pa.types.is_dictionary(kind):
        column = texts.dictionary_encode()
    assert check(declarations, "books", column) == ([7, 0, None], [])


def test_minus_nothing_is_nothing(declarations: Declarations) -> None:
    (kept,), _ = check(declarations, "price", [-0.0])
    assert str(kept) == "0.0"


@given(st.floats(-1, 11) | st.sampled_from([0.0, 5.0, 8.0, 10.0]))
def test_a_number_is_in_the_one_band_that_holds_it(declarations: Declarations, mark: float) -> None:
    kept, problems = check(declarations, "band", [mark])
    if 0 <= mark <= 10:
        assert kept == ["0-5" if mark < 5 else "5-8" if mark < 8 else "8-10"]
    else:
        assert problems == [("range", 2)]


@given(st.lists(st.none() | st.text(max_size=6) | st.sampled_from(["maths", "Toán", "VĂN"])))
def test_every_record_is_kept_or_counted_as_bad(
    declarations: Declarations, values: list[str | None]
) -> None:
    kept, problems = check(declarations, "subject", pa.array(values, pa.string()))
    assert len(kept) + len(problems) == len(values)
    assert set(kept) <= {"maths", "letters", None}


def test_a_column_that_is_missing_is_a_column_of_nothing(declarations: Declarations) -> None:
    one = validator(declarations, "place")
    kept = one.check(source_batch({"place": ["0001", "0002"]}))
    assert kept.num_rows == 0
    assert [(problem.rule, problem.field, problem.row) for problem in one.problems] == [
        ("required", "books", 2), ("required", "books", 3),
    ]  # fmt: skip


def test_what_is_sent_beside_the_declared_fields_is_not_kept(declarations: Declarations) -> None:
    one = validator(declarations, "place")
    sent = {"place": ["0001"], "books": [3], "headmaster": ["…"]}
    kept = one.check(source_batch(sent))
    assert kept.schema == schema_of(declarations.records["place"])
    assert one.bad == 0


def test_a_unique_value_stands_once_over_all_batches(declarations: Declarations) -> None:
    one = validator(declarations, "place")
    first = one.check(
        source_batch({"place": ["a", "b"], "subject": ["maths", None], "books": [1, 2]})
    )
    second = one.check(
        source_batch(
            {"place": ["c", "b "], "subject": ["Toán", None], "books": [3, 4]}, first_row=10
        )
    )
    assert (first.num_rows, second.num_rows) == (2, 0)
    assert [(problem.rule, problem.field, problem.row) for problem in one.problems] == [
        ("unique", "place", 11), ("unique", "subject", 10),
    ]  # fmt: skip


def test_the_register_is_not_checked_against_itself(declarations: Declarations) -> None:
    fields = [{"name": "school", "type": "institution"}]
    register = declare(
        Path(declarations.records["place"].document.path).parents[1] / "register",
        [record("school", fields, about="institutions")],
    )
    one = validator(register, "school")
    assert one.check(source_batch({"school": ["9999"]})).num_rows == 1


def test_names_are_composed_and_of_some_length(declarations: Declarations) -> None:
    one = validator(declarations, "place")
    names = ["Tru\u031bo\u031b\u0300ng", "x" * 200, "x" * 201]
    kept = one.check(
        source_batch({"place": ["a", "b", "c"], "place_name": names, "books": [1] * 3})
    )
    assert kept.column("place_name").to_pylist() == ["Trường", "x" * 200]
    assert [(problem.rule, problem.row) for problem in one.problems] == [("name", 4)]


def test_keys_are_hashed_with_a_salt_that_nobody_keeps(declarations: Declarations) -> None:
    first, second = Keys(), Keys()
    for keys in (first, second):
        one = validator(declarations, keys=keys)
        one.check(source_batch({"thing_key": ["079123456789", " 079123456789 ", "1", None]}))
        assert [problem.rule for problem in one.problems] == ["required"]
    hashes = [key for key, _, _ in first.seen]
    assert hashes[0] == hashes[1] != hashes[2]
    assert [(origin, row) for _, origin, row in first.seen] == [
        ("Tháng 9.xlsx", 2), ("Tháng 9.xlsx", 3), ("Tháng 9.xlsx", 4),
    ]  # fmt: skip
    assert {key for key, _, _ in first.seen}.isdisjoint(key for key, _, _ in second.seen)


def test_no_key_is_in_what_is_kept(declarations: Declarations) -> None:
    one = validator(declarations)
    kept = one.check(source_batch({"thing_key": ["079123456789"]}))
    assert "thing_key" not in kept.schema.names
    assert "079123456789" not in str(kept.to_pylist())


SECRET = "Nguyễn Văn Bí Mật 079123456789"


@pytest.mark.parametrize("field", [name for name in FIELDS if name != "thing_key"])
def test_a_problem_never_tells_the_value(declarations: Declarations, field: str) -> None:
    one = validator(declarations)
    one.check(source_batch({"thing_key": ["k"], field: [SECRET]}))
    (problem,) = one.problems
    told = json.dumps(problem.as_dict(), ensure_ascii=False) + problem.vi + problem.en
    assert "Bí Mật" not in told and "0791" not in told
    assert (problem.source, problem.record, problem.period) == ("ward-files", "thing", YEAR)
    assert (problem.origin, problem.row, problem.field) == ("Tháng 9.xlsx", 2, field)
    assert problem.expected["vi"] and problem.remedy["vi"]
    assert "{" not in problem.vi + problem.en


def test_a_problem_says_what_is_expected_in_both_languages(declarations: Declarations) -> None:
    one = validator(declarations)
    one.check(source_batch({"thing_key": ["k"], "books": ["-1"], "band": ["11"], "subject": ["x"]}))
    told = {problem.field: problem for problem in one.problems}
    assert told["books"].vi == (
        "Tháng 9.xlsx, dòng 2, trường dữ liệu books: “Số lượng” phải nằm trong khoảng từ 0 đến "
        "1000000000. Kiểm tra lại số liệu và đơn vị tính."
    )
    assert "from 0 to 10" in told["band"].en
    assert "Mathematics, Literature" in told["subject"].en


def test_only_the_first_problems_are_kept_but_all_are_counted(declarations: Declarations) -> None:
    one = validator(declarations, most=3)
    for start in (2, 12):
        count = 10
        columns = {"thing_key": [f"{start}-{n}" for n in range(count)], "books": ["x"] * count}
        one.check(source_batch(columns, first_row=start))
    assert [problem.row for problem in one.problems] == [2, 3, 4]
    assert (one.seen, one.bad) == (20, 20)


def rows_of(batches: Iterator[pa.RecordBatch]) -> list[dict[str, Any]]:
    return [row for batch in batches for row in batch.to_pylist()]


@given(
    st.lists(st.sampled_from(["1", "x", None, "2.5", "-4", "8"]), max_size=12), st.integers(1, 5)
)
def test_how_records_come_in_batches_makes_no_difference(
    declarations: Declarations, values: list[str | None], size: int
) -> None:
    def run(size: int) -> tuple[list[dict[str, Any]], list[tuple[str, int | None]]]:
        one = validator(declarations)
        kept = rows_of(
            one.check(
                source_batch(
                    {
                        "thing_key": [str(n) for n in range(start, start + len(chunk))],
                        "books": pa.array(chunk, pa.string()),
                    },
                    first_row=start + 2,
                )
            )
            for start in range(0, len(values), size)
            if (chunk := values[start : start + size])
        )
        return kept, [(problem.rule, problem.row) for problem in one.problems]

    assert run(size)[0] == run(100)[0]
    assert sorted(map(str, run(size)[1])) == sorted(map(str, run(100)[1]))


@pytest.mark.parametrize(
    ("one", "other"), [("TOÁN  A", "toán a"), ("Tru\u031bo\u031b\u0300ng", "trường"), (" A ", "a")]
)
def test_labels_are_compared_without_case_and_spaces(one: str, other: str) -> None:
    assert normalised(one) == normalised(other)


def test_tones_tell_words_apart() -> None:
    assert normalised("Toán") != normalised("Toan")
