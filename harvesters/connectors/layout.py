"""Finding the table on a sheet that a person made: headings, data, totals, the rest.

A sheet as wards send it has title lines, headings on one to three rows with merged cells, a row
that numbers the columns, records with empty rows between, a total, and a line for signatures.
Columns are found by their headings, compared without tones, case and punctuation. A column whose
heading is not declared is not read.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from harvesters.connectors.faults import Fault, Faults
from harvesters.mapping import UNREADABLE, FieldMapping, fold, plain_text, read_number, tidy

HEAD_ROWS = 40
"""How far down the headings are looked for."""

_MOST_HEADING_ROWS = 3
_ZERO = Decimal(0)
_MOST_LABELS = 10_000
_LABEL_CELLS = 4

TOTALS = (
    "Tổng cộng", "Tổng số", "Tổng", "Cộng", "Toàn trường", "Toàn phường", "Toàn xã",
    "Toàn đặc khu", "Total",
)  # fmt: skip
"""How a row of totals begins, where a source does not declare it."""


def _beginnings(labels: Iterable[str]) -> re.Pattern[str]:
    """Matches a folded text that is one of `labels` or begins with one, as whole words."""
    return re.compile(f"(?:{'|'.join(re.escape(fold(label)) for label in labels)})(?: |$)")


_FOOTERS = _beginnings(
    (
        "Ghi chú", "Người lập", "Người tổng hợp", "Hiệu trưởng", "Thủ trưởng", "Kế toán",
        "Nơi nhận", "TM", "KT", "TP. Hồ Chí Minh, ngày", "TP.HCM, ngày", "Ngày", "Note",
    )
)  # fmt: skip

_NUMBERING = re.compile(r"\(?\s*(\d{1,2}|[A-Z])\s*\)?(\s*=.*)?")
_EXCEL_TEXT = re.compile(r'="(.*)"')


class CellError:
    """Stands for a cell that shows a formula's error."""


CELL_ERROR = CellError()

Cells = Sequence[Any]
Row = tuple[int, Cells]


@dataclass(frozen=True)
class Merge:
    """A merged range; all four from 1, inclusive."""

    top: int
    left: int
    bottom: int
    right: int


@dataclass(frozen=True)
class Sheet:
    """A sheet of a file, or the one table of a text file.

    `rows` starts from the top each time it is called; cells are native values, None where empty,
    `CELL_ERROR` where a formula failed. `unset` are the cells (row, column) of formulas that hold
    no stored value.
    """

    number: int | None
    name: str | None
    rows: Callable[[], Iterator[Row]]
    merges: Sequence[Merge] = ()
    unset: frozenset[tuple[int, int]] = frozenset()


@dataclass(frozen=True)
class Layout:
    """Where the table of a sheet is: columns count from 0."""

    first_row: int
    last_row: int
    columns: Mapping[str, int]
    missing: Sequence[str] = ()
    twice: Sequence[str] = ()
    width: int = 0

    @property
    def found(self) -> int:
        """How many fields have a column."""
        return len(self.columns)


def head(sheet: Sheet) -> list[Row]:
    """The first rows of `sheet`."""
    rows: list[Row] = []
    for row in sheet.rows():
        if row[0] > HEAD_ROWS:
            break
        rows.append(row)
    return rows


def find_layout(
    rows: Sequence[Row], merges: Sequence[Merge], mappings: Mapping[str, FieldMapping]
) -> Layout:
    """The headings among `rows`: where most of the fields of `mappings` have a column each.

    Of equals, the fewest rows and the highest place win.
    """
    sought = {name: each for name, each in mappings.items() if each.names}
    labels = {number: _labels(number, cells, merges) for number, cells in rows}
    numbers = [number for number, _ in rows]
    best = Layout(0, 0, {}, missing=list(sought))
    for depth in range(1, _MOST_HEADING_ROWS + 1):
        for index in range(len(numbers) - depth + 1):
            span = numbers[index : index + depth]
            if span[-1] - span[0] != depth - 1:
                continue
            layout = _match([labels[number] for number in span], span, sought, bool(merges))
            if layout.found > best.found:
                best = layout
    return best


def _labels(number: int, cells: Cells, merges: Sequence[Merge]) -> list[str]:
    """The texts of a row; a merged range's text stands in each of its cells on its top row."""
    texts = [tidy(cell) if isinstance(cell, str) else "" for cell in cells]
    for merge in merges:
        if merge.top == number and merge.left <= len(texts) and texts[merge.left - 1]:
            right = min(merge.right, 16384)
            texts.extend([""] * (right - len(texts)))
            texts[merge.left - 1 : right] = [texts[merge.left - 1]] * (right - merge.left + 1)
    return texts


def _match(
    rows: Sequence[list[str]],
    span: Sequence[int],
    sought: Mapping[str, FieldMapping],
    has_merges: bool,
) -> Layout:
    width = max(len(texts) for texts in rows)
    padded = [texts + [""] * (width - len(texts)) for texts in rows]
    if not has_merges:
        padded = [_spread(padded, depth) for depth in range(len(padded))]
    parts = [[texts[column] for texts in padded if texts[column]] for column in range(width)]
    exact = [" / ".join(each).casefold() for each in parts]
    joined = [fold(" ".join(each)) for each in parts]
    last = [fold(each[-1]) if each else "" for each in parts]
    columns: dict[str, int] = {}
    twice: list[str] = []
    missing: list[str] = []
    for name, mapping in sought.items():
        column, double = _column(mapping.names, exact, joined, last)
        if column is not None:
            columns[name] = column
        elif double:
            twice.append(name)
        else:
            missing.append(name)
    used = max((index + 1 for index, each in enumerate(parts) if each), default=0)
    return Layout(span[0], span[-1], columns, missing, twice, used)


def _spread(rows: Sequence[list[str]], depth: int) -> list[str]:
    """A text file has lost which headings were merged: a heading reaches to the next on its row,
    as long as there are headings below it."""
    texts = list(rows[depth])
    if depth == len(rows) - 1:
        return texts
    for column in range(1, len(texts)):
        below = any(rows[lower][column] for lower in range(depth + 1, len(rows)))
        if not texts[column] and below:
            texts[column] = texts[column - 1]
    return texts


def _column(
    names: Iterable[str], exact: Sequence[str], joined: Sequence[str], last: Sequence[str]
) -> tuple[int | None, bool]:
    """The one column with one of `names`, the earlier name and the closer likeness first; whether
    there were several."""
    double = False
    for name in names:
        folded = fold(name)
        for wanted, labels in ((tidy(name).casefold(), exact), (folded, joined), (folded, last)):
            hits = [index for index, label in enumerate(labels) if label and label == wanted]
            if len(hits) == 1:
                return hits[0], False
            if hits:
                double = True
                break
    return None, double


@dataclass
class _Sums:
    """Sums of the measures since the last total, and of all records."""

    section: dict[str, Decimal] = field(default_factory=dict)
    overall: dict[str, Decimal] = field(default_factory=dict)

    def add(self, name: str, value: Decimal) -> None:
        self.section[name] = self.section.get(name, _ZERO) + value
        self.overall[name] = self.overall.get(name, _ZERO) + value


class Body:
    """The records of a table, told apart from everything else that stands below its headings.

    :param kinds: the types of the record's fields
    :param required: the fields that every record must have
    :param totals: how a row of totals begins
    :param check_totals: whether totals must be the sums of the rows above them
    :param faults: takes what is found wrong
    """

    def __init__(
        self,
        sheet: Sheet,
        layout: Layout,
        mappings: Mapping[str, FieldMapping],
        kinds: Mapping[str, str],
        required: Iterable[str],
        faults: Faults,
        totals: Iterable[str] = TOTALS,
        check_totals: bool = True,
    ):
        self.names = list(layout.columns)
        self._sheet = sheet
        self._layout = layout
        self._mappings = mappings
        self._measures = {name for name in self.names if kinds[name] in ("integer", "decimal")}
        self._columns = list(layout.columns.items())
        self._texts = [name for name in self.names if name not in self._measures]
        self._identity = [
            name for name in required if name in layout.columns and name not in self._measures
        ]
        self._faults = faults
        self._totals = _beginnings(totals)
        self._labels: dict[str, bool] = {}
        self._check_totals = check_totals
        self._sums = _Sums()
        self._after_total = False
        self._carried: dict[int, tuple[int, Any]] = {}
        wanted = set(layout.columns.values())
        self._merges = [
            merge
            for merge in sheet.merges
            if merge.bottom > layout.last_row
            and any(merge.left <= column + 1 <= merge.right for column in wanted)
        ]
        self._merged_rows = {
            row for merge in self._merges for row in range(merge.top, merge.bottom + 1)
        }

    def records(self) -> Iterator[tuple[int, list[str | None]]]:
        """Each record's row and its values as text, in the order of `names`."""
        headed = True
        for number, cells in self._sheet.rows():
            if number <= self._layout.last_row or _is_blank(cells):
                continue
            if headed and _is_numbering(cells):
                continue
            headed = False
            picked = self._pick(number, cells)
            identified = bool(self._identity) and all(picked[name] for name in self._identity)
            if self._is_total(cells, picked, identified):
                self._total(number, picked)
            elif not self._is_aside(number, cells, picked, identified):
                yield number, self._record(number, cells, picked)

    def _pick(self, number: int, cells: Cells) -> dict[str, Any]:
        """The declared cells of a row: measures as they are, the rest as text."""
        picked = {
            name: cells[column] if column < len(cells) else None for name, column in self._columns
        }
        if self._merges:
            self._fill_down(number, picked)
        for name in self._texts:
            picked[name] = _text(picked[name])
        return picked

    def _fill_down(self, number: int, picked: dict[str, Any]) -> None:
        """A value merged down over several rows stands for each of them."""
        for name, column in self._columns:
            bottom, value = self._carried.get(column, (0, None))
            if number <= bottom and picked[name] is None:
                picked[name] = value
        if number not in self._merged_rows:
            return
        for merge in self._merges:
            if merge.top == number < merge.bottom and merge.left == merge.right:
                for name, column in self._columns:
                    if column == merge.left - 1 and name not in self._measures:
                        self._carried[column] = (merge.bottom, picked[name])

    def _is_total(self, cells: Cells, picked: Mapping[str, Any], identified: bool) -> bool:
        # "Cộng Hòa" may be a school's name: a record says what it is of, a total does not.
        if identified:
            return any(self._is_label(picked[name]) for name in self._identity)
        filled = [cell for cell in cells if not _is_empty(cell)]
        return any(self._is_label(cell) for cell in filled[:_LABEL_CELLS])

    def _is_label(self, cell: Any) -> bool:
        if not isinstance(cell, str) or cell[:1].isdigit():
            return False
        known = self._labels.get(cell)
        if known is None:
            known = self._totals.match(fold(cell)) is not None
            if len(self._labels) < _MOST_LABELS:
                self._labels[cell] = known
        return known

    def _is_aside(
        self, number: int, cells: Cells, picked: Mapping[str, Any], identified: bool
    ) -> bool:
        """Whether a row is no record: notes, signatures, a section's heading."""
        if identified:
            return False
        if all(_is_empty(value) for value in picked.values()):
            return True
        if self._after_total and self._identity:
            return True
        filled = [cell for cell in cells if not _is_empty(cell)]
        noted = len(filled) <= 2 and isinstance(filled[0], str)
        if noted and _FOOTERS.match(fold(filled[0])):
            return True
        # A title within the table is merged over several of its columns.
        return len(filled) == 1 and any(
            merge.top <= number <= merge.bottom and merge.right > merge.left
            for merge in self._merges
        )

    def _record(self, number: int, cells: Cells, picked: Mapping[str, Any]) -> list[str | None]:
        self._after_total = False
        self._check_cells(number, cells)
        values: list[str | None] = []
        for name, column in self._columns:
            value = picked[name]
            if value is None or value is CELL_ERROR:
                self._check_empty(number, cells, column, name)
            if name in self._measures:
                value = None if value is CELL_ERROR else measure(value, self._mappings[name])
                if value == UNREADABLE:
                    self._fault("number", number, column, name)
                elif value is not None:
                    self._sums.add(name, Decimal(value))
            values.append(value)
        return values

    def _check_empty(self, number: int, cells: Cells, column: int, name: str) -> None:
        """A cell that is empty for a reason of its own is a fault."""
        if column < len(cells) and cells[column] is CELL_ERROR:
            self._fault("cell-error", number, column, name)
        elif (number, column + 1) in self._sheet.unset:
            self._fault("formula-without-value", number, column, name)

    def _check_cells(self, number: int, cells: Cells) -> None:
        if number in self._merged_rows:
            for merge in self._merges:
                if not merge.top <= number <= merge.bottom:
                    continue
                for name, column in self._columns:
                    if not merge.left <= column + 1 <= merge.right:
                        continue
                    # One number for several records is nobody's; a code may stand for each.
                    tall = name in self._measures and merge.bottom > merge.top
                    if tall or column + 1 != merge.left:
                        self._fault("merged-cells", number, column, name)
        extra = cells[self._layout.width :] if self._sheet.number is None else ()
        if extra and not _is_blank(extra):
            # In a text file a separator within a value moves all that follows by one column.
            self._fault("row-too-long", number, self._layout.width, None)

    def _total(self, number: int, picked: Mapping[str, Any]) -> None:
        for name in self.names:
            if name not in self._measures or not self._check_totals:
                continue
            value = measure(picked[name], self._mappings[name])
            if value in (None, UNREADABLE):
                continue
            sums = (self._sums.section.get(name), self._sums.overall.get(name))
            if not any(_agrees(str(value), total or _ZERO) for total in sums):
                self._fault("total", number, self._layout.columns[name], name)
        self._sums.section = {}
        self._after_total = True

    def _fault(self, rule: str, row: int, column: int, name: str | None) -> None:
        self._faults.add(
            Fault(rule, sheet=self._sheet.number, row=row, column=column + 1, field=name)
        )


def measure(value: Any, mapping: FieldMapping) -> str | None:
    """A measure's cell as a plain number, None where it is empty, `UNREADABLE` where it is none.

    A cell of numeric type is a number whatever language the rest is written in.
    """
    if isinstance(value, bool):
        return UNREADABLE
    if isinstance(value, (int, float, Decimal)):
        return plain_text(value)
    words = _text(value)
    if words is None:
        return mapping.default
    named = mapping.values.get(words.casefold())
    if named is not None:
        return named
    read = read_number(words, mapping.number or "plain")
    return UNREADABLE if read is None else read


def _agrees(value: str, total: Decimal) -> bool:
    """Whether a total is `total`, to the digits that it is written with."""
    written = Decimal(value)
    decimals = -int(written.as_tuple().exponent)
    rounding = Decimal(5).scaleb(-decimals - 1) if decimals > 0 else Decimal(0)
    # Spreadsheets add in binary: the last digits of a sum of decimals may be off.
    return abs(written - total) <= max(rounding, abs(total) * Decimal("1e-9"))


def _text(value: Any) -> str | None:
    if value is None or value is CELL_ERROR:
        return None
    if not isinstance(value, str):
        return plain_text(value)
    if value[:1] == "=":
        # ="00123" and '00123 are how zeros are kept from Excel.
        quoted = _EXCEL_TEXT.fullmatch(value.strip())
        value = quoted[1] if quoted else value
    return tidy(value).removeprefix("'") or None


def _is_empty(cell: Any) -> bool:
    if not isinstance(cell, str):
        return cell is None
    words = cell.strip()
    return not words or (not words.isascii() and not tidy(words))


def _is_blank(cells: Cells) -> bool:
    return all(_is_empty(cell) for cell in cells)


def _is_numbering(cells: Cells) -> bool:
    """Whether a row numbers the columns, as forms do: (1) (2) (3), A B 1 2, 4=2+3."""
    numbers: list[int] = []
    letters = 0
    bracketed = 0
    filled = 0
    for cell in cells:
        if _is_empty(cell):
            continue
        filled += 1
        words = plain_text(cell) or ""
        match = _NUMBERING.fullmatch(words)
        if match is None:
            return False
        bracketed += words.startswith("(")
        if match[1].isdigit():
            numbers.append(int(match[1]))
        else:
            letters += 1
    if filled == 0 or (bracketed == filled):
        return filled > 0
    consecutive = numbers == list(range(numbers[0], numbers[0] + len(numbers))) if numbers else True
    return filled >= 3 and consecutive and (not numbers or numbers[0] <= 1 + letters)
