"""Files as people send them: CSV, XLSX, XLS and JSON Lines, from wherever they lie.

A file is read only if everything about it is as it should be; else it is refused with all that is
wrong in it, and with it the snapshot that it was to be part of. The other files are still looked
at, so that all wards hear of their mistakes at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa

from harvesters.connectors.base import Meter, SourceBatch, declared, never_equal
from harvesters.connectors.delimited import jsonl_layout, open_csv
from harvesters.connectors.encodings import old_encoding
from harvesters.connectors.faults import Fault, Faults, FaultyFileError
from harvesters.connectors.layout import TOTALS, Body, Layout, Sheet, find_layout, head
from harvesters.connectors.stores import Entry, Pattern, Store, open_store, periods_of
from harvesters.connectors.workbooks import kind_of, open_workbook
from harvesters.disclosure.personal_data import (
    Declared,
    Finding,
    Public,
    safe_name,
    scan_file,
    scan_file_name,
)
from harvesters.errors import RecordProblem, RefusedFile, SourceAnswerError, text
from harvesters.mapping import FieldMapping, map_columns
from harvesters.sources import Limits, Source, SourceRecord
from schemas import RecordType

_MOST_PROBLEMS = 1000
_SUFFIXES = {
    ".csv": "csv", ".txt": "csv", ".tsv": "csv", ".xlsx": "workbook", ".xls": "workbook",
    ".jsonl": "jsonl", ".ndjson": "jsonl",
}  # fmt: skip


class FilesConnector:
    """Reads files.

    Options of a record: ``pattern``, ``period: {fixed}``, ``format``, ``sheet``, ``encoding``,
    ``delimiter``, ``totals``, ``check_totals``, ``distinct``.
    """

    def __init__(self, source: Source, limits: Limits, schools: Iterable[str] = ()):
        self._source = source
        self._limits = limits
        self._public = Public(schools)
        self._store: Store = open_store(source, limits)

    def close(self) -> None:
        """Let go of connections."""
        self._store.close()

    def periods(self, record: str) -> list[str]:
        """The periods of which there are files, ascending."""
        about = declared(self._source, record)
        entries = self._entries(about)
        if about.fixed_period:
            return [about.fixed_period] if entries else []
        return periods_of(entries, about)

    def change_token(self, record: str, period: str) -> str:
        """A digest of the names, sizes and stamps of the files of `period`."""
        about = declared(self._source, record)
        entries = self._of(about, period)
        stamps = [self._store.stamp(entry) for entry in entries]
        if not entries or not all(stamps):
            return never_equal()
        files = zip((entry.name for entry in entries), stamps, strict=True)
        seen = [about.digest, period, *files]
        return hashlib.sha256(repr(seen).encode()).hexdigest()

    def read(self, record: RecordType, period: str) -> Iterator[SourceBatch]:
        """The records in the files of `period`.

        :raises RefusedFile: something is wrong with files; it lists what is wrong with all.
        """
        about = declared(self._source, record.name)
        entries = self._of(about, period)
        if not entries:
            raise SourceAnswerError(
                vi=f"Không có tệp nào của kỳ {period}.",
                en=f"There is no file of the period {period}.",
                where=f"{self._source.name}: {about.options['pattern']}",
                remedy=text("Gửi tệp vào đúng thư mục.", "Put the files in the right folder."),
            )
        problems: list[RecordProblem] = []
        total = 0
        meter = Meter(self._source.name, self._limits)
        seen: set[tuple[str | None, ...]] = set()
        for number, entry in enumerate(entries, start=1):
            meter.add(size=entry.size)
            reading = _Reading(self._source, about, record, self._limits, entry, seen, self._public)
            with self._opened(entry) as file:
                for batch in reading.batches(file):
                    meter.add(rows=batch.batch.num_rows)
                    if not problems and not reading.is_refused:
                        yield batch
            total += reading.faults.total + len(reading.findings)
            origin = safe_name(entry.name, number, self._public)
            wrong: list[Finding | Fault] = [*reading.findings, *reading.faults.listed]
            problems += [
                each.problem(self._source.name, record.name, period, origin)
                for each in wrong[: _MOST_PROBLEMS - len(problems)]
            ]
        if problems:
            raise RefusedFile(problems, total)

    def _opened(self, entry: Entry) -> AbstractContextManager[BinaryIO]:
        opened: AbstractContextManager[BinaryIO] = self._store.open(entry)
        return opened

    def _entries(self, about: SourceRecord) -> list[Entry]:
        pattern = Pattern(about.options["pattern"], about.period_map)
        wanted = about.options.get("periods") or [about.fixed_period or ""]
        return self._store.find(pattern, [about.source_period(period) for period in wanted])

    def _of(self, about: SourceRecord, period: str) -> list[Entry]:
        if about.fixed_period:
            return self._entries(about) if about.fixed_period == period else []
        wanted = about.source_period(period)
        return [entry for entry in self._entries(about) if entry.period == wanted]


@dataclass
class _Reading:
    """One file on its way to records; `faults` and `findings` (of personal data) are complete once
    all batches are taken."""

    source: Source
    about: SourceRecord
    record: RecordType
    limits: Limits
    entry: Entry
    seen: set[tuple[str | None, ...]]
    public: Public
    faults: Faults = field(default_factory=Faults)
    findings: list[Finding] = field(default_factory=list)

    @property
    def is_refused(self) -> bool:
        """Whether something was found wrong with the file so far."""
        return bool(self.faults) or bool(self.findings)

    def batches(self, file: BinaryIO) -> Iterator[SourceBatch]:
        """The file's records, until something is found wrong with it.

        The whole file is looked through for personal data before the first record is taken.
        """
        try:
            self.findings += scan_file_name(self.entry.name, self.public)
            self.findings += scan_file(
                file, self._kind(file), self.limits, self.public, self._declared()
            )
            sheet, layout = self._table(file)
            yield from self._records(sheet, layout)
        except FaultyFileError as faulty:
            for fault in faulty.faults:
                self.faults.add(fault)

    # The table

    def _table(self, file: BinaryIO) -> tuple[Sheet, Layout]:
        options, fields = self.about.options, self.about.fields
        kind = self._kind(file)
        if kind == "jsonl":
            sheet, layout = jsonl_layout(file, self.limits, fields, options.get("encoding"))
        elif kind == "workbook":
            sheet, layout = self._sheet(open_workbook(file, self.limits))
        else:
            delimiter = options.get("delimiter")
            sheet = open_csv(file, self.limits, fields, options.get("encoding"), delimiter)
            layout = find_layout(head(sheet), (), fields)
        self._check(sheet, layout)
        return sheet, layout

    def _declared(self) -> Declared:
        options = self.about.options
        types = {name: self.record.fields[name].type for name in self.about.fields}
        return Declared(self.about.fields, types, options.get("encoding"), options.get("delimiter"))

    def _kind(self, file: BinaryIO) -> str:
        wanted = self.about.options.get("format")
        if wanted:
            return "workbook" if wanted in ("xlsx", "xls") else str(wanted)
        found = _SUFFIXES.get(f".{self.entry.name.rpartition('.')[2].lower()}")
        # What was exported as .csv may be a workbook all the same, and is then read as one.
        if found is None or (found == "csv" and kind_of(file) is not None):
            return "workbook"
        return found

    def _sheet(self, sheets: Sequence[Sheet]) -> tuple[Sheet, Layout]:
        """The sheet with the table: the declared one, else the one that has the headings."""
        wanted = self.about.options.get("sheet")
        candidates = [
            sheet for sheet in sheets if wanted is None or wanted in (sheet.number, sheet.name)
        ]
        if not candidates:
            raise FaultyFileError([Fault("sheet-missing")])
        found = [(sheet, self._layout(sheet)) for sheet in candidates]
        complete = [pair for pair in found if not self._missing(pair[1]) and not pair[1].twice]
        if len(complete) > 1:
            raise FaultyFileError([Fault("two-tables", sheet=complete[1][0].number)])
        return complete[0] if complete else max(found, key=lambda pair: pair[1].found)

    def _layout(self, sheet: Sheet) -> Layout:
        return find_layout(head(sheet), sheet.merges, self.about.fields)

    def _missing(self, layout: Layout) -> list[str]:
        return [name for name in layout.missing if not self.about.fields[name].optional]

    def _check(self, sheet: Sheet, layout: Layout) -> None:
        missing = self._missing(layout)
        if missing or layout.twice:
            cells = (cell for _, cells in head(sheet) for cell in cells)
            old = old_encoding(cell for cell in cells if isinstance(cell, str))
            if old:
                raise FaultyFileError([Fault("old-encoding", sheet=sheet.number, detail=old)])
        faults = [
            Fault(rule, sheet=sheet.number, row=layout.last_row or None, field=name,
                  detail=" / ".join(self.about.fields[name].names[:1]))
            for rule, names in (("headings-missing", missing), ("heading-twice", layout.twice))
            for name in names
        ]  # fmt: skip
        if faults:
            raise FaultyFileError(faults)

    # The records

    def _records(self, sheet: Sheet, layout: Layout) -> Iterator[SourceBatch]:
        options = self.about.options
        kinds = {name: self.record.fields[name].type for name in self.about.fields}
        body = Body(
            sheet,
            layout,
            self.about.fields,
            kinds,
            [name for name, each in self.record.fields.items() if each.required],
            self.faults,
            options.get("totals", TOTALS),
            options.get("check_totals", True),
        )
        # The body has read the measures, since it has to add them up.
        mappings = {
            name: replace(each, number=None, values={}, default=None)
            if name in body.names and kinds[name] in ("integer", "decimal")
            else each
            for name, each in self.about.fields.items()
        }
        numbers: list[int] = []
        rows: list[list[str | None]] = []
        records = 0
        for number, values in body.records():
            numbers.append(number)
            rows.append(values)
            if len(rows) >= self.limits.batch_rows:
                records += len(rows)
                yield self._batch(body.names, numbers, rows, mappings, kinds)
                numbers, rows = [], []
        records += len(rows)
        if rows:
            yield self._batch(body.names, numbers, rows, mappings, kinds)
        if records == 0 and not self.faults:
            self.faults.add(Fault("no-records", sheet=sheet.number))

    def _batch(
        self,
        names: Sequence[str],
        numbers: Sequence[int],
        rows: Sequence[Sequence[str | None]],
        mappings: Mapping[str, FieldMapping],
        kinds: Mapping[str, str],
    ) -> SourceBatch:
        columns = dict(zip(names, zip(*rows, strict=True), strict=True))
        old = old_encoding(
            value
            for name, values in columns.items()
            for value in set(values)
            if value is not None and kinds[name] in ("code", "name")
        )
        if old:
            raise FaultyFileError([Fault("old-encoding", detail=old)])
        arrays = {name: pa.array(values, pa.string()) for name, values in columns.items()}
        batch = map_columns(arrays, mappings, kinds, len(rows))
        places = pa.array(numbers, pa.int64())
        distinct: Any = self.about.options.get("distinct")
        if distinct:
            keep = self._first_of(batch, distinct)
            batch, places = batch.filter(keep), places.filter(keep)
        return SourceBatch(batch, self.entry.name, places)

    def _first_of(self, batch: pa.RecordBatch, distinct: Sequence[str]) -> pa.Array:
        """Which records are the first with their values of the fields `distinct`."""
        keep = np.zeros(batch.num_rows, dtype=bool)
        keys = zip(*(batch.column(name).to_pylist() for name in distinct), strict=True)
        for index, key in enumerate(keys):
            if key not in self.seen:
                self.seen.add(key)
                keep[index] = True
        return pa.array(keep)
