"""A file that comes in, looked through from end to end before anything of it is taken.

Sheets are read as the connector reads them, in batches of rows, so that memory does not grow with
the file; every column is judged as a whole (`columns`). What is not a cell is judged by itself
(`texts`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest
from typing import Any, BinaryIO

import pyarrow as pa

from harvesters.connectors.delimited import lines, open_csv
from harvesters.connectors.documents import depth
from harvesters.connectors.encodings import detect
from harvesters.connectors.faults import Fault, FaultyFileError
from harvesters.connectors.layout import CELL_ERROR, Row, Sheet, find_layout, head
from harvesters.connectors.workbooks import kind_of, look_into
from harvesters.disclosure.personal_data.columns import Column
from harvesters.disclosure.personal_data.findings import Finding, Place
from harvesters.disclosure.personal_data.headings import Heading
from harvesters.disclosure.personal_data.public import Public
from harvesters.disclosure.personal_data.spreadsheet_parts import (
    holds_what_cannot_be_read,
    xls_holds_what_cannot_be_read,
    xls_parts,
    xlsx_parts,
)
from harvesters.disclosure.personal_data.texts import scan_texts
from harvesters.mapping import FieldMapping, plain_text
from harvesters.sources import Limits

_BATCH_CELLS = 500_000
_SUFFIXES = {".jsonl": "jsonl", ".ndjson": "jsonl"}
_KEYS = "key"


@dataclass(frozen=True)
class Declared:
    """What a source's declaration says of a file; nothing is declared of a file that somebody only
    tries.

    :param fields: for each field of the record, the headings that it is found under
    :param types: the type of each of those fields
    """

    fields: Mapping[str, FieldMapping] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)
    encoding: str | None = None
    delimiter: str | None = None


def kind_of_file(file: BinaryIO, name: str) -> str:
    """``workbook``, ``jsonl`` or ``csv``, by the content of `file` first, then its `name`."""
    if kind_of(file) is not None:
        return "workbook"
    return _SUFFIXES.get(f".{name.rpartition('.')[2].lower()}", "csv")


def scan_file(
    file: BinaryIO,
    kind: str,
    limits: Limits,
    public: Public,
    declared: Declared | None = None,
) -> list[Finding]:
    """What personal data there is in `file`, its name apart; the first place of each rule and
    column.

    :param kind: ``csv``, ``workbook`` or ``jsonl``
    :raises FaultyFileError: the file cannot be read, so that nothing can be said of it.
    """
    declared = declared or Declared()
    if kind == "workbook":
        return _workbook(file, limits, public, declared)
    if kind == "jsonl":
        return _json_lines(file, limits, public, declared)
    sheet = open_csv(file, limits, declared.fields, declared.encoding, declared.delimiter)
    return _sheet(sheet, limits, public, declared)


def _workbook(file: BinaryIO, limits: Limits, public: Public, declared: Declared) -> list[Finding]:
    # Hidden sheets, rows and columns are a fault that the connector reports; they are read here.
    sheets, _ = look_into(file, limits)
    findings = [finding for sheet in sheets for finding in _sheet(sheet, limits, public, declared)]
    if kind_of(file) == "xlsx":
        findings += scan_texts(xlsx_parts(file), public)
        unreadable = holds_what_cannot_be_read(file)
    else:
        findings += scan_texts(xls_parts(file, limits), public)
        unreadable = xls_holds_what_cannot_be_read(file)
    if unreadable:
        findings.append(Finding("not-scannable", Place("file")))
    return findings


# Sheets


def _sheet(sheet: Sheet, limits: Limits, public: Public, declared: Declared) -> list[Finding]:
    top = head(sheet)
    headings, fields, last = _headings(sheet, top, declared)
    columns: dict[int, Column] = {}
    for numbers, rows in _batches(sheet.rows(), limits.batch_rows):
        for index, cells in enumerate(zip_longest(*rows)):
            texts = pa.array([_text(cell) for cell in cells], pa.string())
            if index not in columns:
                heading = headings.get(index, Heading())
                columns[index] = Column(heading, public, last)
            columns[index].add(texts, numbers)
    findings = [
        Finding(rule, Place("cell", sheet.number, row or None, index + 1, fields.get(index)))
        for index, column in columns.items()
        for rule, row in column.findings()
    ]
    return findings + [
        Finding("birth-year", Place("cell", sheet.number, row, index + 1, fields.get(index)))
        for index, row in _quasi_identifiers(columns)
    ]


def _quasi_identifiers(columns: Mapping[int, Column]) -> Iterator[tuple[int, int]]:
    """The columns of years of birth, with their first row, where sex and school stand beside."""
    headings = [column.heading for column in columns.values()]
    if any(each.is_sex for each in headings) and any(each.is_school for each in headings):
        for index, column in columns.items():
            if column.birth_year is not None:
                yield index, column.birth_year


def _text(cell: Any) -> str | None:
    if cell is None or isinstance(cell, str):
        return cell
    return None if cell is CELL_ERROR else plain_text(cell)


def _batches(rows: Iterable[Row], most: int) -> Iterator[tuple[list[int], list[Sequence[Any]]]]:
    """Rows with their numbers, `most` at a time, fewer where they are wide."""
    numbers: list[int] = []
    batch: list[Sequence[Any]] = []
    cells = 0
    for number, row in rows:
        numbers.append(number)
        batch.append(row)
        cells += len(row)
        if cells >= _BATCH_CELLS or len(batch) >= most:
            yield numbers, batch
            numbers, batch, cells = [], [], 0
    if batch:
        yield numbers, batch


def _headings(
    sheet: Sheet, top: Sequence[Row], declared: Declared
) -> tuple[dict[int, Heading], dict[int, str], int]:
    """The heading of each column, the field that it is mapped to, and the last row of headings."""
    fields: dict[int, str] = {}
    span = _heading_rows(top)
    if declared.fields:
        layout = find_layout(top, sheet.merges, declared.fields)
        if layout.found:
            fields = {index: name for name, index in layout.columns.items()}
            span = range(layout.first_row, layout.last_row + 1)
    words = _words([(number, cells) for number, cells in top if number in span], sheet)
    width = max([*words, *fields], default=-1) + 1
    headings = {
        index: Heading(words.get(index, ""), declared.types.get(fields.get(index, "")))
        for index in range(width)
    }
    return headings, fields, span[-1] if len(span) else 0


def _heading_rows(top: Sequence[Row]) -> range:
    """The rows that look like headings where none are declared: the first of those with the most
    texts, and the next one if it has texts only, and texts below what is empty above."""
    texts = [[isinstance(cell, str) and _is_words(cell) for cell in cells] for _, cells in top]
    if not any(any(row) for row in texts):
        return range(0)
    widest = max(range(len(top)), key=lambda index: (sum(texts[index]), -index))
    number = top[widest][0]
    if widest + 1 < len(top) and top[widest + 1][0] == number + 1:
        above, below = top[widest][1], top[widest + 1][1]
        filled = [
            index for index, cell in enumerate(below) if cell is not None and str(cell).strip()
        ]
        only_words = filled and all(texts[widest + 1][index] for index in filled)
        gaps = any(index >= len(above) or not above[index] for index in filled)
        if only_words and gaps:
            return range(number, number + 2)
    return range(number, number + 1)


def _is_words(cell: str) -> bool:
    return any(letter.isalpha() for letter in cell)


def _words(rows: Sequence[Row], sheet: Sheet) -> dict[int, str]:
    """The words of the headings by column; what stands over several columns stands for each."""
    labels = [
        [cell if isinstance(cell, str) and cell.strip() else "" for cell in cells]
        for _, cells in rows
    ]
    for (number, _), row in zip(rows, labels, strict=True):
        for merge in sheet.merges:
            if merge.top == number and merge.left <= len(row):
                right = min(merge.right, len(row))
                row[merge.left - 1 : right] = [row[merge.left - 1]] * (right - merge.left + 1)
    words: dict[int, list[str]] = {}
    for level, row in enumerate(labels):
        left = ""
        for index, own in enumerate(row):
            # A text file has lost which headings were merged: one reaches on over those below it.
            below = any(index < len(lower) and lower[index] for lower in labels[level + 1 :])
            left = own or (left if below and not sheet.merges else "")
            if left:
                words.setdefault(index, []).append(left)
    return {index: " / ".join(each) for index, each in words.items()}


# JSON Lines


class _Pairs(list[tuple[str, Any]]):
    """An object's keys and values as they stand: a key that stands twice hides its first value."""


def _json_lines(
    file: BinaryIO, limits: Limits, public: Public, declared: Declared
) -> list[Finding]:
    codec = detect(file, declared.encoding)
    named = {
        name.casefold(): each for each, found in declared.fields.items() for name in found.names
    }
    columns: dict[str, Column] = {_KEYS: Column(Heading(), public)}
    places: dict[str, int] = {}

    def flush(cells: Mapping[str, tuple[list[str], list[int]]]) -> None:
        for path, (texts, numbers) in cells.items():
            columns[path].add(pa.array(texts, pa.string()), numbers)

    file.seek(0)
    pending: dict[str, tuple[list[str], list[int]]] = {}
    count = objects = 0
    for number, line in enumerate(lines(file, codec), start=1):
        if not line.strip():
            continue
        for path, key, text in _flat(_parsed(line, number, limits), ""):
            # Past the limit all further fields are one: their keys are data, not names.
            path = path if path in columns or len(columns) < limits.max_columns else ""
            if path not in columns:
                field_name = named.get(path.casefold())
                heading = Heading(key, declared.types.get(field_name or ""))
                columns[path] = Column(heading, public)
                places[path] = len(places) + 1
            for target, value in ((path, text), (_KEYS, key)):
                texts, numbers = pending.setdefault(target, ([], []))
                texts.append(value)
                numbers.append(number)
            count += 1
        objects += 1
        if count >= _BATCH_CELLS or objects >= limits.batch_rows:
            flush(pending)
            pending, count, objects = {}, 0, 0
    flush(pending)

    def place(path: str, row: int) -> Place:
        if path == _KEYS:
            return Place("key", row=row)
        return Place("cell", None, row, places[path], named.get(path.casefold()))

    findings = [
        Finding(rule, place(path, row))
        for path, column in columns.items()
        for rule, row in column.findings()
    ]
    index = {places[path]: column for path, column in columns.items() if path != _KEYS}
    years = [
        Finding("birth-year", Place("cell", None, row, number))
        for number, row in _quasi_identifiers(index)
    ]
    return findings + years


def _parsed(line: str, number: int, limits: Limits) -> Any:
    try:
        if depth(line.encode()) > limits.max_depth:
            raise ValueError
        return json.loads(line, object_pairs_hook=_Pairs, parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        raise FaultyFileError([Fault("not-json", row=number)]) from None


def _flat(value: Any, path: str, key: str = "") -> Iterator[tuple[str, str, str]]:
    """The values below `value` with their path and last key; items of a list share a path."""
    if isinstance(value, _Pairs):
        for name, each in value:
            yield from _flat(each, f"{path}.{name}" if path else name, name)
    elif isinstance(value, list):
        for each in value:
            yield from _flat(each, path, key)
    elif value is not None and not isinstance(value, bool):
        yield path, key, str(value)
