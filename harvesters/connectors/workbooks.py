"""Workbooks: XLSX by openpyxl, XLS by xlrd, held to what a workbook may be before they are read.

An XLSX file is a ZIP of XML: its unpacked size, packing and entities are bounded. Hidden sheets,
rows and columns are refused: whoever sent the file did not see them, so nobody has looked whether
they hold what must not be sent.
"""

from __future__ import annotations

import re
import warnings
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import IO, Any, BinaryIO

import openpyxl
import xlrd
from defusedxml.ElementTree import iterparse  # type: ignore[import-untyped]
from openpyxl.utils.cell import range_boundaries

from harvesters.connectors.faults import Fault, FaultyFileError
from harvesters.connectors.layout import CELL_ERROR, Merge, Row, Sheet
from harvesters.sources import Limits

_MOST_PARTS = 2000
_MOST_RATIO = 400
_SMALL_PART = 1 << 20
_MOST_SHEETS = 50
_MOST_MERGES = 2000
_MOST_XLS = 64 * 2**20
_MOST_LISTED = 100_000
_CHUNK = 1 << 20

_CELL = re.compile(r"([A-Z]{1,3})(\d{1,7})")
_NAMESPACE = re.compile(r"^\{[^}]*\}")
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_ZIP = b"PK\x03\x04"
_ENCRYPTED = "EncryptedPackage".encode("utf-16-le")

if not openpyxl.DEFUSEDXML:
    # openpyxl takes Python's own XML parser otherwise, which expands entities without end.
    raise ImportError("openpyxl does not use defusedxml; unset OPENPYXL_DEFUSEDXML")


def kind_of(file: BinaryIO) -> str | None:
    """``xlsx``, ``xls`` or ``encrypted`` by the first bytes of `file`; None for anything else."""
    file.seek(0)
    head = file.read(8)
    if head.startswith(_ZIP):
        return "xlsx"
    if head != _OLE:
        return None
    # A password turns an XLSX file into an OLE container; its directory names what is inside.
    file.seek(0)
    found = False
    tail = b""
    while not found and (chunk := file.read(1 << 20)):
        found = _ENCRYPTED in tail + chunk
        tail = chunk[-len(_ENCRYPTED) :]
    return "encrypted" if found else "xls"


def open_workbook(file: BinaryIO, limits: Limits) -> list[Sheet]:
    """The sheets of the workbook in `file`, whichever of the two formats it is in.

    The sheets read from `file`, which must stay open.

    :raises FaultyFileError: it is no workbook, or one that is not to be read.
    """
    sheets, faults = look_into(file, limits)
    if faults:
        raise FaultyFileError(faults)
    return sheets


def look_into(file: BinaryIO, limits: Limits) -> tuple[list[Sheet], list[Fault]]:
    """The sheets of the workbook in `file`, the hidden ones too, and why it is not to be read.

    :raises FaultyFileError: it is no workbook, or one that cannot be looked into.
    """
    kind = kind_of(file)
    if kind == "encrypted":
        raise FaultyFileError([Fault("encrypted")])
    if kind == "xlsx":
        return _open_xlsx(file, limits)
    if kind == "xls":
        return _open_xls(file, limits)
    raise FaultyFileError([Fault("not-a-workbook", detail="XLSX")])


# XLSX


@dataclass
class _Facts:
    """What the XML of a sheet says beside its values."""

    hidden_rows: list[int] = field(default_factory=list)
    hidden_columns: list[int] = field(default_factory=list)
    merges: list[Merge] = field(default_factory=list)
    unset: set[tuple[int, int]] = field(default_factory=set)
    columns: int = 0


def _open_xlsx(file: BinaryIO, limits: Limits) -> tuple[list[Sheet], list[Fault]]:
    file.seek(0)
    try:
        with zipfile.ZipFile(file) as archive:
            _check_archive(archive, limits)
        file.seek(0)
        with warnings.catch_warnings():
            # About styles and validations that openpyxl does not keep; nothing of them is read.
            warnings.simplefilter("ignore")
            book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
        faults = [
            Fault("hidden-sheet", sheet=number)
            for number, sheet in enumerate([*book.worksheets, *book.chartsheets], start=1)
            if sheet.sheet_state != "visible"
        ]
        if len(book.worksheets) > _MOST_SHEETS:
            raise FaultyFileError([Fault("too-many-columns", detail=str(_MOST_SHEETS))])
        sheets = []
        with zipfile.ZipFile(file) as archive:
            for number, sheet in enumerate(book.worksheets, start=1):
                with archive.open(sheet._worksheet_path) as part:
                    facts = _facts(part)
                faults.extend(_sheet_faults(number, facts, limits))
                sheet.reset_dimensions()
                sheets.append(_xlsx_sheet(number, sheet, facts))
    except FaultyFileError:
        raise
    except Exception:
        # What is broken in a workbook shows itself in as many ways as it has parts.
        raise FaultyFileError([Fault("not-a-workbook", detail="XLSX")]) from None
    return sheets, faults


def _check_archive(archive: zipfile.ZipFile, limits: Limits) -> None:
    parts = archive.infolist()
    names = {part.filename.lower() for part in parts}
    if any(part.flag_bits & 1 for part in parts):
        raise FaultyFileError([Fault("encrypted")])
    if "xl/workbook.xml" not in names and "[content_types].xml" not in names:
        raise FaultyFileError([Fault("not-a-workbook", detail="XLSX")])
    if any(name.endswith("vbaproject.bin") for name in names):
        raise FaultyFileError([Fault("macros")])
    if len(parts) > _MOST_PARTS or any(
        part.file_size > _SMALL_PART and part.file_size > _MOST_RATIO * max(part.compress_size, 1)
        for part in parts
    ):
        raise FaultyFileError([Fault("zip-bomb")])
    if sum(part.file_size for part in parts) > limits.max_file_bytes:
        raise FaultyFileError([Fault("too-large", detail=f"{limits.max_file_bytes}")])
    for part in parts:
        if part.filename.lower().endswith((".xml", ".rels", ".vml")):
            with archive.open(part) as xml:
                if _has_doctype(xml):
                    raise FaultyFileError([Fault("not-a-workbook", detail="XLSX")])


def _has_doctype(xml: IO[bytes]) -> bool:
    """Whether there is a document type in `xml`: a workbook has none, an attack on parsers does."""
    tail = b""
    while chunk := xml.read(_CHUNK):
        # UTF-16 is the same letters with zeros between.
        if b"<!DOCTYPE" in (tail + chunk).replace(b"\0", b""):
            return True
        tail = chunk[-20:]
    return False


def _sheet_faults(number: int, facts: _Facts, limits: Limits) -> Iterator[Fault]:
    if facts.columns > limits.max_columns:
        yield Fault("too-many-columns", sheet=number, detail=str(limits.max_columns))
    if len(facts.merges) > _MOST_MERGES:
        yield Fault("too-many-merged-cells", sheet=number)
    yield from (Fault("hidden-row", sheet=number, row=row) for row in facts.hidden_rows[:20])
    yield from (
        Fault("hidden-column", sheet=number, column=column) for column in facts.hidden_columns[:20]
    )


def _is_on(value: str | None) -> bool:
    return value in ("1", "true")


def _facts(part: IO[bytes]) -> _Facts:
    """Read through a sheet's XML once, keeping nothing of its values."""
    facts = _Facts()
    row = column = 0
    data: Any = None
    for event, element in iterparse(part, events=("start", "end"), forbid_dtd=True):
        tag = _NAMESPACE.sub("", element.tag)
        if event == "start":
            if tag == "sheetData":
                data = element
            elif tag == "row":
                row = int(element.get("r", row + 1))
                column = 0
                if _is_on(element.get("hidden")) or element.get("ht") in ("0", "0.0"):
                    facts.hidden_rows.append(row)
            elif tag == "sheetFormatPr" and _is_on(element.get("zeroHeight")):
                facts.hidden_rows.append(1)
            elif tag == "col" and (_is_on(element.get("hidden")) or element.get("width") == "0"):
                facts.hidden_columns.append(int(element.get("min", 1)))
            continue
        if tag == "c":
            match = _CELL.fullmatch(element.get("r", ""))
            column = _number(match[1]) if match else column + 1
            facts.columns = max(facts.columns, column)
            children = {_NAMESPACE.sub("", child.tag): child for child in element}
            if "f" in children and "is" not in children:
                value = children.get("v")
                if (value is None or value.text is None) and len(facts.unset) < _MOST_LISTED:
                    facts.unset.add((row, column))
        elif tag == "row" and data is not None:
            data.clear()
        elif tag == "mergeCell" and len(facts.merges) <= _MOST_MERGES:
            left, top, right, bottom = range_boundaries(element.get("ref", ""))
            facts.merges.append(Merge(int(top), int(left), int(bottom), int(right)))
    return facts


def _number(letters: str) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - ord("A") + 1
    return number


def _xlsx_sheet(number: int, sheet: Any, facts: _Facts) -> Sheet:
    def rows() -> Iterator[Row]:
        try:
            for row, cells in enumerate(sheet.iter_rows(), start=1):
                yield (
                    row,
                    [CELL_ERROR if cell.data_type == "e" else cell.value for cell in cells],
                )
        except Exception:
            raise FaultyFileError([Fault("not-a-workbook", sheet=number, detail="XLSX")]) from None

    return Sheet(number, sheet.title, rows, tuple(facts.merges), frozenset(facts.unset))


# XLS


class _Silence:
    """xlrd writes what it finds odd to a log file; it may quote what stands in the workbook."""

    def write(self, _text: str) -> None:
        """Nothing is kept."""

    def flush(self) -> None:
        """Nothing is kept."""


def open_xls(file: BinaryIO, limits: Limits, on_demand: bool = False) -> Any:
    """The XLS workbook in `file` as xlrd's book.

    :param on_demand: whether sheets are read when they are asked for; the book then keeps the texts
        that they share
    :raises FaultyFileError: it is none, too large, or has a password.
    """
    most = min(limits.max_file_bytes, _MOST_XLS)
    file.seek(0)
    content = file.read(most + 1)
    if len(content) > most:
        raise FaultyFileError([Fault("too-large", detail=f"{most}")])
    try:
        return xlrd.open_workbook(
            file_contents=content,
            formatting_info=True,
            logfile=_Silence(),
            ragged_rows=True,
            on_demand=on_demand,
        )
    except Exception as error:
        if "encrypted" in str(error).lower() or "password" in str(error).lower():
            raise FaultyFileError([Fault("encrypted")]) from None
        raise FaultyFileError([Fault("not-a-workbook", detail="XLS")]) from None


def _open_xls(file: BinaryIO, limits: Limits) -> tuple[list[Sheet], list[Fault]]:
    book = open_xls(file, limits)
    faults: list[Fault] = []
    sheets = []
    for number, sheet in enumerate(book.sheets(), start=1):
        if sheet.visibility:
            faults.append(Fault("hidden-sheet", sheet=number))
        facts = _Facts(
            hidden_rows=[row + 1 for row, about in sheet.rowinfo_map.items() if about.hidden],
            hidden_columns=[
                column + 1 for column, about in sheet.colinfo_map.items() if about.hidden
            ],
            merges=[
                Merge(top + 1, left + 1, bottom, right)
                for top, bottom, left, right in sheet.merged_cells
            ],
            columns=sheet.ncols,
        )
        faults.extend(_sheet_faults(number, facts, limits))
        sheets.append(_xls_sheet(number, sheet, facts, book.datemode))
    return sheets, faults


def _xls_sheet(number: int, sheet: Any, facts: _Facts, datemode: int) -> Sheet:
    def value(cell: Any) -> Any:
        if cell.ctype in (xlrd.XL_CELL_EMPTY, xlrd.XL_CELL_BLANK):
            return None
        if cell.ctype == xlrd.XL_CELL_ERROR:
            return CELL_ERROR
        if cell.ctype == xlrd.XL_CELL_BOOLEAN:
            return bool(cell.value)
        if cell.ctype == xlrd.XL_CELL_DATE:
            try:
                return xlrd.xldate_as_datetime(cell.value, datemode)
            except (ValueError, OverflowError):
                return cell.value
        return cell.value

    def rows() -> Iterator[Row]:
        for row in range(sheet.nrows):
            yield row + 1, [value(cell) for cell in sheet.row(row)]

    return Sheet(number, sheet.name, rows, tuple(facts.merges))
