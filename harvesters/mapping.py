"""From a source's fields to a record's fields, by declaration.

A source's YAML says of each field of a record where its value comes from and how it is written
there. The steps, in this order, for each value:

1. blank space is trimmed, Unicode composed (NFC); what is left empty is null
2. ``map`` names a value outright; a value that it names goes through no other step
3. ``number`` reads a number as it is written in a language (``1.200.000,5`` in Vietnamese)
4. ``width`` gives back the leading zeros that a spreadsheet took from a code
5. ``prefix`` names a value by how it begins; the longest prefix wins
6. ``default`` stands in for null

A value that none of the steps knows is handed on as it is, so that the validation that follows
refuses it: nothing is guessed here. Work is done once for each distinct value of a column, not once
for each cell (dictionary encoding), which is what makes millions of records a matter of seconds.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

UNREADABLE = "\N{REPLACEMENT CHARACTER}"
"""Stands for a value that cannot be read as what it is declared to be; no type accepts it."""

_INVISIBLE = dict.fromkeys(
    map(ord, "\N{ZERO WIDTH SPACE}\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}\ufeff\u2060"), None
)
_MARKS = re.compile(r"[\u0300-\u036f]")
_NOT_WORD = re.compile(r"[\W_]+")


def tidy(value: str) -> str:
    """`value` composed (NFC), without invisible characters, with single plain spaces."""
    if value.isascii():
        return " ".join(value.split())
    return " ".join(unicodedata.normalize("NFC", value).translate(_INVISIBLE).split())


def fold(value: str) -> str:
    """`value` as headings are compared: no tones, no case, no punctuation; đ is d.

    Tones are typed in several ways (``Hoà``, ``Hòa``), composed or not, or left out; two headings
    that fold alike are the same heading.
    """
    plain = value.casefold()
    if not plain.isascii():
        plain = unicodedata.normalize("NFD", plain.translate(_INVISIBLE))
        plain = _MARKS.sub("", plain).replace("đ", "d")
    return _NOT_WORD.sub(" ", plain).strip()


_NUMBERS = {
    # Groups of three, the first of which does not start with zero: 0.500 is no grouped number.
    "vi": re.compile(r"(?P<sign>[-+\u2212]?)(?P<whole>[1-9]\d{0,2}(?:(?P<group>[. ])\d{3})"
                     r"(?:(?P=group)\d{3})*|\d+)(?:,(?P<fraction>\d+))?", re.ASCII),
    "en": re.compile(r"(?P<sign>[-+\u2212]?)(?P<whole>[1-9]\d{0,2}(?:(?P<group>[, ])\d{3})"
                     r"(?:(?P=group)\d{3})*|\d+)(?:\.(?P<fraction>\d+))?", re.ASCII),
    # Nothing is declared: three digits after the point may be a group or a fraction: neither.
    "plain": re.compile(r"(?P<sign>[-+\u2212]?)(?P<whole>\d+)(?:\.(?P<fraction>\d{1,2}|\d{4,}))?",
                        re.ASCII),
}  # fmt: skip


def read_number(value: str, style: str = "plain") -> str | None:
    """The number that `value` writes, in plain form (``-1234.5``), or None if it writes none.

    :param style: ``vi`` (1.234,5 or 1 234,5), ``en`` (1,234.5) or ``plain`` (1234.5; a number that
        could be read in two ways, as 1.234, is not read at all)
    """
    match = _NUMBERS[style].fullmatch(tidy(value))
    if match is None:
        return None
    whole = re.sub(r"\D", "", match["whole"]).lstrip("0") or "0"
    fraction = (match["fraction"] or "").rstrip("0")
    number = f"{whole}.{fraction}" if fraction else whole
    return f"-{number}" if match["sign"] in ("-", "\u2212") and number != "0" else number


def plain_text(value: Any) -> str | None:
    """One native value of a source as text: 12.0 is ``12``, True ``true``, a date is ISO 8601."""
    if value is None:
        return None
    if isinstance(value, str):
        return tidy(value) or None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            return UNREADABLE
        return str(int(value)) if value == int(value) else format(Decimal(repr(value)), "f")
    if isinstance(value, Decimal):
        if not value.is_finite():
            return UNREADABLE
        return str(int(value)) if value == int(value) else format(value.normalize(), "f")
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time() else value.isoformat()
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, bytes):
        return UNREADABLE
    # Lists and objects have no place in a record; UUIDs and the like have a plain text.
    return UNREADABLE if isinstance(value, (list, tuple, dict, set)) else tidy(str(value)) or None


def _key(value: Any) -> str:
    return (plain_text(value) or "").casefold()


@dataclass(frozen=True)
class FieldMapping:
    """How one field of a record is had from a source.

    `names` are the source's names for it, the first that is there counts (a file's headings differ
    from ward to ward); a `value` needs none.
    """

    names: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)
    prefixes: Mapping[str, str] = field(default_factory=dict)
    width: int | None = None
    number: str | None = None
    value: str | None = None
    default: str | None = None
    optional: bool = False

    @property
    def is_plain(self) -> bool:
        """Whether values are taken over as they come."""
        return not (self.values or self.prefixes or self.width or self.number)

    def text(self, value: str | None) -> str | None:
        """The record's value for the source's text `value` (steps 2 to 6 of the module)."""
        if value is None or value == "":
            return self.default
        if self.values:
            named = self.values.get(value.casefold())
            if named is not None:
                return named
        if self.number:
            read = read_number(value, self.number)
            value = UNREADABLE if read is None else read
        if self.width and len(value) < self.width and value.isascii() and value.isdigit():
            value = value.zfill(self.width)
        if self.prefixes:
            folded = value.casefold()
            for prefix in sorted(self.prefixes, key=len, reverse=True):
                if folded.startswith(prefix):
                    return self.prefixes[prefix]
        return value


def parse_mapping(declared: str | Mapping[str, Any]) -> FieldMapping:
    """The mapping that a source's YAML declares for one field: a source name, or more in detail.

    :raises ValueError: two keys of ``map`` or ``prefix`` are the same value, written otherwise.
    """
    if isinstance(declared, str):
        return FieldMapping(names=(declared,))
    names = declared.get("from", ())
    return FieldMapping(
        names=(names,) if isinstance(names, str) else tuple(names),
        values=_table(declared.get("map", {})),
        prefixes=_table(declared.get("prefix", {})),
        width=declared.get("width"),
        number=declared.get("number"),
        value=plain_text(declared.get("value")),
        default=plain_text(declared.get("default")),
        optional=declared.get("optional", False),
    )


def _table(declared: Mapping[Any, Any]) -> dict[str, str]:
    table: dict[str, str] = {}
    for key, value in declared.items():
        name, target = _key(key), plain_text(value) or ""
        if table.setdefault(name, target) != target:
            raise ValueError(f"`{key}` stands twice, with two meanings")
    return table


def text_array(column: pa.Array) -> pa.Array:
    """`column`, of whatever type, as trimmed NFC text with null for what is empty."""
    kind = column.type
    if pa.types.is_null(kind):
        return column.cast(pa.string())
    if pa.types.is_boolean(kind):
        return pc.if_else(column, "true", "false")
    if pa.types.is_integer(kind):
        return column.cast(pa.string())
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return pa.array([plain_text(value) for value in column.to_pylist()], pa.string())
    trimmed = column.cast(pa.string())
    if pc.all(pc.string_is_ascii(trimmed), min_count=0).as_py() is not False:
        trimmed = pc.utf8_trim_whitespace(trimmed)
    else:
        trimmed = pa.array([plain_text(value) for value in trimmed.to_pylist()], pa.string())
    return pc.if_else(pc.equal(trimmed, ""), pa.scalar(None, pa.string()), trimmed)


def _is_number(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)
    )


def map_column(column: pa.Array, mapping: FieldMapping, kind: str) -> pa.Array:
    """The record's column for a source's `column`.

    :param kind: the type of the record's field; native numbers stay numbers (int64 or float64) for
        ``integer`` and ``decimal``, all else becomes text
    """
    numeric = kind in ("integer", "decimal")
    if numeric and pa.types.is_null(column.type) and mapping.default is None:
        return column.cast(pa.int64() if kind == "integer" else pa.float64())
    if numeric and mapping.is_plain and mapping.default is None and _is_number(column.type):
        return _native(column)
    if numeric and _is_number(column.type) and mapping.number:
        # A number that came as a number is not written in any language.
        mapping = FieldMapping(values=mapping.values, default=mapping.default)
    encoded = column.dictionary_encode()
    distinct = text_array(encoded.dictionary)
    if not mapping.is_plain or mapping.default is not None:
        distinct = pa.array([mapping.text(value) for value in distinct.to_pylist()], pa.string())
    mapped = distinct.take(encoded.indices)
    return mapped if mapping.default is None else mapped.fill_null(mapping.default)


def _native(column: pa.Array) -> pa.Array:
    if pa.types.is_integer(column.type):
        return column.cast(pa.int64())
    if pa.types.is_decimal(column.type) and column.type.scale <= 0:
        return column.cast(pa.int64())
    return column.cast(pa.float64())


def native_array(values: Sequence[Any]) -> pa.Array:
    """A column of native values; what Arrow has no common type for becomes text."""
    try:
        made = pa.array(values)
    except (pa.ArrowInvalid, pa.ArrowTypeError, pa.ArrowNotImplementedError, OverflowError):
        return pa.array([plain_text(value) for value in values], pa.string())
    if pa.types.is_nested(made.type) or pa.types.is_binary(made.type):
        return pa.array([plain_text(value) for value in values], pa.string())
    return made


def map_columns(
    columns: Mapping[str, pa.Array],
    mappings: Mapping[str, FieldMapping],
    kinds: Mapping[str, str],
    rows: int,
) -> pa.RecordBatch:
    """One batch of records.

    :param columns: the source's columns, each under the name of the *record's* field it is for
    :param mappings: for each field of the record that the source delivers
    :param kinds: the type of each field
    :param rows: how many records there are
    """
    arrays: dict[str, pa.Array] = {}
    for name, mapping in mappings.items():
        if mapping.value is not None:
            arrays[name] = pa.repeat(pa.scalar(mapping.value, pa.string()), rows)
        elif name in columns:
            arrays[name] = map_column(columns[name], mapping, kinds[name])
        else:
            arrays[name] = pa.repeat(pa.scalar(mapping.default, pa.string()), rows)
    return pa.RecordBatch.from_pydict(arrays)
