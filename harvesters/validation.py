"""Holding what a source delivers against the record type: types, codes, ranges, the register.

Works on whole Arrow columns. A bad record is reported by place and rule, never with its value,
and left out of what goes on; whether so many may be left out is decided by whoever seals.
"""

from __future__ import annotations

import secrets
import unicodedata
from collections.abc import Mapping
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from harvesters.connectors.base import SourceBatch
from harvesters.errors import RecordProblem
from harvesters.periods import is_period
from schemas import CodeList, Field, RecordType, Text
from schemas.record import REGISTER

MAX_NAME = 200
MAX_INSTITUTION = 32

Mask = npt.NDArray[np.bool_]

_ARROW = {
    "institution": pa.string(),
    "name": pa.string(),
    "code": pa.string(),
    "period": pa.string(),
    "integer": pa.int64(),
    "decimal": pa.float64(),
}


def schema_of(record: RecordType) -> pa.Schema:
    """The Arrow schema of a snapshot of `record`: its stored fields."""
    return pa.schema([(field.name, _ARROW[field.type]) for field in record.stored])


def normalised(text: str) -> str:
    """`text` as labels are compared: NFC, no letter case, single spaces."""
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


class Keys(Protocol):
    """Where the keys of records go, to find those that stand twice."""

    def add(self, keys: npt.NDArray[np.uint64], origin: str, rows: npt.NDArray[np.int64]) -> None:
        """Take the hashed keys of a batch and where each stood."""


class Validator:
    """Checks the batches of one source, record type and period, one after the other.

    `seen` and `bad` count records; `problems` holds the first `most_problems` problems found.
    """

    def __init__(
        self,
        source: str,
        record: RecordType,
        period: str,
        codelists: Mapping[str, CodeList],
        institutions: pa.Array | None,
        keys: Keys,
        most_problems: int = 500,
    ):
        self.source = source
        self.record = record
        self.period = period
        self.seen = 0
        self.bad = 0
        self.problems: list[RecordProblem] = []
        self._codelists = codelists
        self._institutions = institutions
        self._keys = keys
        self._most = most_problems
        # Forgotten with this object: a key's hash means nothing to anyone afterwards.
        self._salt = secrets.token_hex(8)
        self._names: dict[str, dict[str, str]] = {}
        self._seen: dict[str, set[object]] = {}

    def check(self, batch: SourceBatch) -> pa.RecordBatch:
        """The good records of `batch`, typed as `schema_of` says."""
        rows = np.asarray(batch.rows, dtype=np.int64)
        good = np.ones(batch.batch.num_rows, dtype=bool)
        typed: dict[str, pa.Array] = {}
        for field in self.record.fields.values():
            column = _plain(_column(batch.batch, field.name))
            missing = np.asarray(pc.is_null(column).to_numpy(zero_copy_only=False))
            if field.required:
                self._report(missing, "required", field, batch.origin, rows)
                good &= ~missing
            if field.type == "key":
                self._add_key(column, batch.origin, rows)
                continue
            value, wrong = self._typed(field, column)
            if field.unique:
                wrong["unique"] = self._repeated(field.name, value)
            for rule, mask in wrong.items():
                mask = mask & ~missing
                self._report(mask, rule, field, batch.origin, rows)
                good &= ~mask
            typed[field.name] = value
        self.seen += len(good)
        self.bad += int((~good).sum())
        arrays = [typed[field.name] for field in self.record.stored]
        checked = pa.RecordBatch.from_arrays(arrays, schema=schema_of(self.record))
        return checked if good.all() else checked.filter(pa.array(good))

    def report(
        self, rule: str, field: str, origin: str, row: int, expected: Text, remedy: Text
    ) -> None:
        """Note a problem, as long as there is room for it."""
        if len(self.problems) < self._most:
            self.problems.append(
                RecordProblem(
                    source=self.source,
                    record=self.record.name,
                    period=self.period,
                    origin=origin,
                    row=row,
                    field=field,
                    rule=rule,
                    expected=expected,
                    remedy=remedy,
                )
            )

    def _report(
        self, mask: Mask, rule: str, field: Field, origin: str, rows: npt.NDArray[np.int64]
    ) -> None:
        room = self._most - len(self.problems)
        if room <= 0 or not mask.any():
            return
        expected, remedy = explain(rule, field, self._codelists)
        for row in rows[mask][:room]:
            self.report(rule, field.name, origin, int(row), expected, remedy)

    def _add_key(self, column: pa.Array, origin: str, rows: npt.NDArray[np.int64]) -> None:
        text = pc.utf8_trim_whitespace(column.cast(pa.string()))
        values = text.to_numpy(zero_copy_only=False)
        present = ~pd.isna(values)
        hashed = pd.util.hash_array(values[present], hash_key=self._salt, categorize=False)
        self._keys.add(hashed, origin, rows[present])

    def _typed(self, field: Field, column: pa.Array) -> tuple[pa.Array, dict[str, Mask]]:
        """The column in its type, null where it is wrong, and where it breaks which rule."""
        if field.type in ("integer", "decimal"):
            return _numbers(field, column)
        if field.type == "code":
            codelist = self._codelists[field.codelist or ""]
            return _bands(codelist, column) if codelist.is_banded else self._codes(codelist, column)
        text = pc.utf8_trim_whitespace(column.cast(pa.string()))
        wrong: dict[str, Mask] = {}
        if field.type == "period":
            encoded = text.dictionary_encode()
            good = pa.array([_is_any_period(value) for value in encoded.dictionary.to_pylist()])
            wrong["period"] = _mask(pc.invert(good.cast(pa.bool_()).take(encoded.indices)))
        elif field.type == "name":
            length = pc.utf8_length(text)
            good = pc.and_(pc.greater(length, 0), pc.less_equal(length, MAX_NAME))
            wrong["name"] = _mask(pc.invert(good))
            text = _nfc(text)
        else:
            # It starts with no underscore: `_T` is the code of a total.
            form = rf"^[0-9A-Za-z][0-9A-Za-z._-]{{0,{MAX_INSTITUTION - 1}}}$"
            shape = pc.match_substring_regex(text, form)
            wrong["institution"] = _mask(pc.invert(shape))
            if self.record.name != REGISTER and self._institutions is not None:
                known = pc.is_in(text, value_set=self._institutions)
                wrong["register"] = _mask(pc.invert(known)) & ~wrong["institution"]
        return text, wrong

    def _repeated(self, name: str, values: pa.Array) -> Mask:
        """Where a value stood before; for registers, which are small."""
        seen, repeated = self._seen.setdefault(name, set()), np.zeros(len(values), dtype=bool)
        for index, value in enumerate(values.to_pylist()):
            repeated[index] = value is not None and value in seen
            seen.add(value)
        return repeated

    def _codes(self, codelist: CodeList, column: pa.Array) -> tuple[pa.Array, dict[str, Mask]]:
        encoded = pc.utf8_trim_whitespace(column.cast(pa.string())).dictionary_encode()
        names = self._names.get(codelist.id)
        if names is None:
            names = self._names[codelist.id] = _names(codelist)
        found = [
            value if value in codelist.codes else names.get(normalised(value))
            for value in encoded.dictionary.to_pylist()
        ]
        value = pa.array(found, pa.string()).take(encoded.indices)
        return value, {"code": _mask(pc.is_null(value))}


def _names(codelist: CodeList) -> dict[str, str]:
    """The codes by everything a source may call them, save what is the name of several: there is
    a Ward 1 in many a district, and which one is meant is not for us to say."""
    codes: dict[str, set[str]] = {}
    for code in codelist.codes.values():
        for name in (code.code, *code.aliases, *code.label.values(), code.notation or code.code):
            codes.setdefault(normalised(name), set()).add(code.code)
    return {name: found.pop() for name, found in codes.items() if len(found) == 1}


def _is_any_period(text: str) -> bool:
    return any(is_period(kind, text) for kind in ("school_year", "month", "date"))


def _column(batch: pa.RecordBatch, name: str) -> pa.Array:
    index = batch.schema.get_field_index(name)
    return batch.column(index) if index >= 0 else pa.nulls(batch.num_rows, pa.string())


def _plain(column: pa.Array) -> pa.Array:
    """The column without dictionaries, with empty texts as nulls."""
    if pa.types.is_dictionary(column.type):
        column = column.dictionary_decode()
    if pa.types.is_null(column.type):
        return column.cast(pa.string())
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        text = column.cast(pa.string())
        empty = pc.equal(pc.utf8_length(pc.utf8_trim_whitespace(text)), 0)
        return pc.if_else(empty, pa.scalar(None, pa.string()), text)
    return column


def _mask(array: pa.Array) -> Mask:
    return np.asarray(pc.fill_null(array, False).to_numpy(zero_copy_only=False), dtype=bool)


def _nfc(text: pa.Array) -> pa.Array:
    return pc.utf8_normalize(text, form="NFC")


def _floats(column: pa.Array) -> npt.NDArray[np.float64]:
    """The column as numbers; NaN where it is none."""
    if pa.types.is_string(column.type):
        values = column.to_numpy(zero_copy_only=False)
        return np.asarray(pd.to_numeric(pd.Series(values), errors="coerce"), dtype=np.float64)
    if not any(
        is_kind(column.type)
        for is_kind in (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal)
    ):
        return np.full(len(column), np.nan)
    # Unsafe: a safe cast raises over whole numbers past 2^53, and tells their value.
    numbers = column.cast(pa.float64(), safe=False)
    return np.asarray(numbers.to_numpy(zero_copy_only=False), dtype=np.float64)


def _numbers(field: Field, column: pa.Array) -> tuple[pa.Array, dict[str, Mask]]:
    values = _floats(column)
    wrong: dict[str, Mask] = {"number": ~np.isfinite(values)}
    if field.type == "integer":
        with np.errstate(invalid="ignore"):
            wrong["whole"] = ~wrong["number"] & (
                (values != np.floor(values)) | (np.abs(values) >= 2**53)
            )
    low = -np.inf if field.minimum is None else field.minimum
    high = np.inf if field.maximum is None else field.maximum
    with np.errstate(invalid="ignore"):
        wrong["range"] = ~wrong["number"] & ((values < low) | (values > high))
    bad = np.logical_or.reduce(list(wrong.values()))
    # Plus nothing: -0.0 becomes 0.0.
    array = pa.array(np.where(bad, 0, values) + 0.0, mask=bad)
    return array.cast(pa.int64() if field.type == "integer" else pa.float64()), wrong


def _bands(codelist: CodeList, column: pa.Array) -> tuple[pa.Array, dict[str, Mask]]:
    """The band that each number falls in: from included, to not, but for the last band."""
    bands = sorted(
        (code for code in codelist.codes.values() if code.lower is not None),
        key=lambda code: code.lower or 0.0,
    )
    starts = np.array([code.lower for code in bands])
    values = _floats(column)
    place = np.searchsorted(starts, values, side="right") - 1
    place = np.where(np.isfinite(values), place, -1)
    ends = np.array([np.inf if code.upper is None else code.upper for code in bands])
    inside = place >= 0
    safe = np.where(inside, place, 0)
    last = safe == len(bands) - 1
    with np.errstate(invalid="ignore"):
        inside &= (values < ends[safe]) | (last & (values <= ends[safe]))
    names = pa.array([code.code for code in bands], pa.string())
    text = pc.utf8_trim_whitespace(column.cast(pa.string()))
    value = names.take(pa.array(safe, mask=~inside))
    # A source may also send the band itself.
    coded = _mask(pc.is_in(text, value_set=names))
    value = pc.if_else(pa.array(coded), text, value)
    return value, {"range": _mask(pc.is_null(value))}


def explain(rule: str, field: Field, codelists: Mapping[str, CodeList]) -> tuple[Text, Text]:
    """What the rule expects of the field, and how to mend a record that breaks it."""
    expected, remedy = _EXPLANATIONS[rule]
    lowest, highest = field.minimum, field.maximum
    some = {"vi": "", "en": ""}
    codelist = codelists.get(field.codelist or "")
    if codelist is not None:
        codes = list(codelist.codes.values())
        lowest, highest = codes[0].lower, codes[-1].upper
        some = {key: ", ".join(code.label[key] for code in codes[:8]) for key in ("vi", "en")}
    low, high = ("…" if end is None else f"{end:.15g}" for end in (lowest, highest))
    return tuple(  # type: ignore[return-value]
        {
            key: text[key].format(title=field.title[key], low=low, high=high, some=some[key])
            for key in ("vi", "en")
        }
        for text in (expected, remedy)
    )


_EXPLANATIONS: Mapping[str, tuple[Text, Text]] = {
    "required": (
        {"vi": "“{title}” phải có giá trị.", "en": "“{title}” must have a value."},
        {"vi": "Điền vào ô còn trống.", "en": "Fill in the empty cell."},
    ),
    "number": (
        {"vi": "“{title}” phải là số.", "en": "“{title}” must be a number."},
        {"vi": "Chỉ ghi chữ số, không ghi chữ hay đơn vị.", "en": "Write digits only, no units."},
    ),
    "whole": (
        {"vi": "“{title}” phải là số nguyên.", "en": "“{title}” must be a whole number."},
        {"vi": "Ghi số không có phần thập phân.", "en": "Write it without decimals."},
    ),
    "range": (
        {
            "vi": "“{title}” phải nằm trong khoảng từ {low} đến {high}.",
            "en": "“{title}” must be from {low} to {high}.",
        },
        {"vi": "Kiểm tra lại số liệu và đơn vị tính.", "en": "Check the figure and its unit."},
    ),
    "code": (
        {
            "vi": "“{title}” phải là một giá trị trong danh mục: {some} …",
            "en": "“{title}” must be a value of the code list: {some} …",
        },
        {"vi": "Dùng đúng giá trị của danh mục.", "en": "Use a value of the code list."},
    ),
    "institution": (
        {
            "vi": "“{title}” phải là mã trường: chữ cái và chữ số, không có dấu cách.",
            "en": "“{title}” must be a school code: letters and digits, no spaces.",
        },
        {"vi": "Ghi mã trường như trong danh bạ trường.", "en": "Use the register's code."},
    ),
    "register": (
        {
            "vi": "“{title}” phải có trong danh bạ trường của kỳ này.",
            "en": "“{title}” must be in the register of schools for this period.",
        },
        {
            "vi": "Kiểm tra mã; nếu trường mới thành lập, bổ sung vào danh bạ trường trước.",
            "en": "Check the code; enter a new school in the register first.",
        },
    ),
    "name": (
        {
            "vi": f"“{{title}}” phải có từ 1 đến {MAX_NAME} ký tự.",
            "en": f"“{{title}}” must have 1 to {MAX_NAME} characters.",
        },
        {"vi": "Rút gọn hoặc điền tên.", "en": "Shorten the name or fill it in."},
    ),
    "period": (
        {"vi": "“{title}” phải là một kỳ số liệu.", "en": "“{title}” must be a period."},
        {"vi": "Ghi như 2025-2026 hoặc 2025-10.", "en": "Write 2025-2026 or 2025-10."},
    ),
    "unique": (
        {"vi": "Mỗi “{title}” chỉ được có một dòng.", "en": "Each “{title}” has one row only."},
        {"vi": "Xóa dòng trùng.", "en": "Delete the row that repeats it."},
    ),
    "duplicate": (
        {
            "vi": "Mỗi đối tượng chỉ được có một bản ghi trong kỳ.",
            "en": "Each person or thing has one record in a period.",
        },
        {"vi": "Xóa bản ghi trùng.", "en": "Delete the record that repeats another."},
    ),
}
