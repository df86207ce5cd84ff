"""Text files: CSV with whatever separator and encoding, and JSON Lines."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, BinaryIO

from harvesters.connectors.documents import holds, pick, read_json
from harvesters.connectors.encodings import detect
from harvesters.connectors.faults import Fault, FaultyFileError
from harvesters.connectors.layout import HEAD_ROWS, Layout, Row, Sheet, find_layout, head
from harvesters.errors import SourceAnswerError
from harvesters.mapping import FieldMapping
from harvesters.sources import Limits

_DELIMITERS = (";", ",", "\t", "|")
_MOST_LINE = 1 << 20
_SAMPLE_ROWS = 200


def open_csv(
    file: BinaryIO,
    limits: Limits,
    mappings: Mapping[str, FieldMapping],
    encoding: str | None = None,
    delimiter: str | None = None,
) -> Sheet:
    """The table in the CSV file `file`, which must stay open.

    :param mappings: the separator is the one under which most of their headings are found, and
        then the one that most rows have equally often
    :param encoding: as the source declares it, else found out
    :param delimiter: as the source declares it, else found out
    :raises FaultyFileError: the file is not text, or not in an encoding that is read.
    """
    codec = detect(file, encoding)
    if delimiter is None:
        found: dict[str, tuple[int, int, int]] = {}
        for candidate in _DELIMITERS:
            rows = head(_csv_sheet(file, codec, candidate, limits))
            layout = find_layout(rows, (), mappings)
            found[candidate] = (layout.found, *_regularity(rows))
        delimiter = max(_DELIMITERS, key=lambda candidate: found[candidate])
    return _csv_sheet(file, codec, delimiter, limits)


def _regularity(rows: Sequence[Row]) -> tuple[int, int]:
    """How many of `rows` have as many cells as most rows of a table have, and how many that is."""
    widths = Counter(len(cells) for _, cells in rows if len(cells) > 1)
    return max(((count, width) for width, count in widths.items()), default=(0, 0))


def _csv_sheet(file: BinaryIO, codec: str, delimiter: str, limits: Limits) -> Sheet:
    def rows() -> Iterator[Row]:
        file.seek(0)
        reader = csv.reader(lines(file, codec), delimiter=delimiter)
        number = 0
        try:
            for number, cells in enumerate(reader, start=1):
                if len(cells) > limits.max_columns:
                    detail = str(limits.max_columns)
                    raise FaultyFileError([Fault("too-many-columns", row=number, detail=detail)])
                yield number, [cell or None for cell in cells]
        except csv.Error:
            raise FaultyFileError([Fault("broken-quotes", row=number + 1)]) from None

    return Sheet(None, None, rows)


def lines(file: BinaryIO, codec: str) -> Iterator[str]:
    """The lines of `file`, none of them longer than a line may be.

    :raises FaultyFileError: one is longer.
    """
    text = io.TextIOWrapper(file, encoding=codec, newline="")
    try:
        number = 0
        while line := text.readline(_MOST_LINE):
            number += 1
            if len(line) >= _MOST_LINE:
                raise FaultyFileError([Fault("broken-quotes", row=number)])
            yield line
    finally:
        # The file is not ours to close.
        text.detach()


def jsonl_layout(
    file: BinaryIO, limits: Limits, mappings: Mapping[str, FieldMapping], encoding: str | None
) -> tuple[Sheet, Layout]:
    """The JSON Lines file `file` as a table, and where its fields are: one column a field.

    A field is found by its name, or by a path (``school.code``), in any of the first lines.

    :raises FaultyFileError: the file is not text, or a line is no JSON object.
    """
    codec = detect(file, encoding)
    sought = {name: each for name, each in mappings.items() if each.names}

    def objects() -> Iterator[tuple[int, Any]]:
        file.seek(0)
        for number, line in enumerate(lines(file, codec), start=1):
            if not line.strip():
                continue
            try:
                document = read_json(line.encode(), "", limits.max_depth)
            except SourceAnswerError:
                raise FaultyFileError([Fault("not-json", row=number)]) from None
            if not isinstance(document, dict):
                raise FaultyFileError([Fault("not-json", row=number)])
            yield number, document

    def rows() -> Iterator[Row]:
        for number, document in objects():
            cells = []
            for each in sought.values():
                name = next((name for name in each.names if holds(document, name)), None)
                cells.append(None if name is None else pick(document, name))
            yield number, cells

    seen: set[str] = set()
    for number, document in objects():
        seen |= {
            field
            for field, each in sought.items()
            if any(holds(document, name) for name in each.names)
        }
        if number > max(_SAMPLE_ROWS, HEAD_ROWS) or len(seen) == len(sought):
            break
    columns = {field: index for index, field in enumerate(sought) if field in seen}
    missing = [field for field in sought if field not in seen]
    return Sheet(None, None, rows), Layout(0, 0, columns, missing, (), len(sought))
