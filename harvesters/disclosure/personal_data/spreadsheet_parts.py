"""What a workbook holds beside its cells, where people forget what they left.

XLSX: every part of the archive (ECMA-376): comments, names, properties, headers and footers, links,
drawings, charts, caches of pivot tables and of other workbooks, texts that no cell shows any more.
XLS: notes, names, links, headers and footers, texts that no cell shows, and every other stream of
the file ([MS-XLS], [MS-OLEPS]).
"""

from __future__ import annotations

import posixpath
import re
import struct
import unicodedata
import zipfile
from collections.abc import Callable, Iterator
from typing import IO, Any, BinaryIO

import olefile  # type: ignore[import-untyped]
import xlrd
from defusedxml.ElementTree import iterparse  # type: ignore[import-untyped]
from openpyxl.utils.cell import column_index_from_string, coordinate_from_string

from harvesters.connectors.faults import Fault, FaultyFileError
from harvesters.connectors.workbooks import open_xls
from harvesters.disclosure.personal_data.findings import Place
from harvesters.sources import Limits

Found = Iterator[tuple[Place, str]]

_NAMESPACE = re.compile(r"^\{[^}]*\}")
_LITERALS = re.compile(r'"((?:[^"]|"")*)"|(?<![A-Za-z$\d.])(\d{9,})(?![\d.])')
_PRINT_CODES = re.compile(r'&(?:"[^"]*"|\d+|[A-Za-z])')
# Whose texts are read as a whole, however many runs of letters they are made of.
_BLOCKS = frozenset({"c", "comment", "threadedComment", "si", "p"})
_XML = (".xml", ".rels", ".vml")
_HARMLESS = re.compile(r"^xl/printersettings/[^/]+\.bin$|/$|^\[content_types\]\.xml$")
_WITHOUT_TEXT = re.compile(
    r"^xl/(?:theme/|calcchain|worksheets/_rels/.*printersettings)|^xl/metadata\.xml$"
)


def xlsx_parts(file: BinaryIO) -> Found:
    """The texts of the XLSX workbook in `file`, cells apart, each with its place.

    The archive has been held to its limits (`harvesters.connectors.workbooks.look_into`).

    :raises FaultyFileError: a part is broken.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            yield from _Archive(archive).texts()
    except FaultyFileError:
        raise
    except Exception:
        raise FaultyFileError([Fault("not-a-workbook", detail="XLSX")]) from None


def holds_what_cannot_be_read(file: BinaryIO) -> bool:
    """Whether there are pictures, embedded files or other parts in the XLSX workbook in `file` that
    are no text."""
    with zipfile.ZipFile(file) as archive:
        return any(
            not part.filename.lower().endswith(_XML) and not _HARMLESS.search(part.filename.lower())
            for part in archive.infolist()
        )


class _Archive:
    def __init__(self, archive: zipfile.ZipFile):
        self._archive = archive
        self._sheets = self._numbers()
        self._used: set[int] = set()

    def texts(self) -> Found:
        names = [info.filename for info in self._archive.infolist()]
        # Sheets before the texts that they share: to know which of those no cell shows.
        for name in sorted(names, key=lambda name: name.lower().endswith("sharedstrings.xml")):
            if name.lower().endswith(_XML) and not _WITHOUT_TEXT.search(name.lower()):
                with self._archive.open(name) as part:
                    yield from self._part(name, part)

    def _targets(self, name: str) -> dict[str, str]:
        """The parts that the part `name` refers to, by the identifier of the relation."""
        folder, base = posixpath.split(name)
        try:
            part = self._archive.open(f"{folder}/_rels/{base}.rels")
        except KeyError:
            return {}
        with part:
            return {
                element.get("Id", ""): posixpath.normpath(
                    posixpath.join("/", folder, element.get("Target", ""))
                ).lstrip("/")
                for tag, element, _ in _elements(part)
                if tag == "Relationship" and element.get("TargetMode") != "External"
            }

    def _numbers(self) -> dict[str, int]:
        """The number of the sheet that each part belongs to: sheets, their comments, drawings."""
        book = next(
            (name for name in self._archive.namelist() if name.lower() == "xl/workbook.xml"), None
        )
        if book is None:
            return {}
        targets = self._targets(book)
        with self._archive.open(book) as part:
            identifiers = [
                next((v for k, v in element.attrib.items() if k.endswith("}id")), "")
                for tag, element, _ in _elements(part)
                if tag == "sheet"
            ]
        paths = [targets.get(identifier, "") for identifier in identifiers]
        sheets = [path for path in paths if "chartsheet" not in path.lower()]
        numbers: dict[str, int] = {}
        for number, path in enumerate(sheets, start=1):
            numbers[path] = number
            numbers |= dict.fromkeys(self._targets(path).values(), number)
        return numbers

    def _part(self, name: str, part: IO[bytes]) -> Found:
        sheet = self._sheets.get(name)
        lower = name.lower()
        if sheet is not None and "worksheets/" in lower:
            yield from self._sheet(part, sheet)
        elif lower.endswith("sharedstrings.xml"):
            index = 0
            for tag, element, _ in _elements(part):
                if tag == "si":
                    if index not in self._used:
                        yield Place("leftover"), _text(element)
                    index += 1
        else:
            read = next(read for pattern, read in _READERS if re.search(pattern, lower))
            for tag, element, parent in _elements(part):
                yield from read(tag, element, parent, sheet)

    def _sheet(self, part: IO[bytes], number: int) -> Found:
        row = column = 0
        for tag, element, _ in _elements(part):
            if tag == "c":
                row, column = _cell(element.get("r"), (row, column + 1))
                children = {_tag(child): child for child in element}
                value, formula = children.get("v"), children.get("f")
                if element.get("t") == "s" and value is not None and (value.text or "").isdigit():
                    self._used.add(int(value.text or ""))
                if formula is not None:
                    for text in _literals(formula.text):
                        yield Place("formula", number, row, column), text
            elif tag in ("oddHeader", "oddFooter", "evenHeader", "evenFooter", "firstHeader",
                         "firstFooter"):  # fmt: skip
                for text in _PRINT_CODES.split(element.text or ""):
                    yield Place("header-footer", number), text
            elif tag in ("formula", "formula1", "formula2", "f"):
                for text in _literals(element.text):
                    yield Place("formula", number), text
            elif tag == "hyperlink":
                for key in ("display", "tooltip"):
                    yield Place("hyperlink", number), element.get(key, "")
            else:
                for key in ("prompt", "promptTitle", "error", "errorTitle", "text", "title"):
                    yield Place("leftover", number), element.get(key, "")


def _comments(tag: str, element: Any, _parent: str, sheet: int | None) -> Found:
    if tag in ("comment", "threadedComment"):
        row, column = _cell(element.get("ref"), (0, 0))
        yield Place("comment", sheet, row or None, column or None), _text(element)
    elif tag in ("author", "t"):
        yield Place("comment", sheet), element.text or ""
    elif tag == "person":
        yield Place("comment", sheet), element.get("displayName", "")
        yield Place("comment", sheet), element.get("userId", "")


def _book(tag: str, element: Any, _parent: str, _sheet: int | None) -> Found:
    if tag == "sheet":
        yield Place("sheet-name"), element.get("name", "")
    elif tag == "definedName":
        yield Place("defined-name"), element.get("name", "")
        yield Place("defined-name"), element.get("comment", "")
        for text in _literals(element.text):
            yield Place("defined-name"), text
    elif tag == "fileSharing":
        yield Place("document-author"), element.get("userName", "")


def _core(tag: str, element: Any, _parent: str, _sheet: int | None) -> Found:
    kind = {
        "creator": "document-author", "lastModifiedBy": "document-author",
        "title": "document-title",
    }.get(tag, "document-property")  # fmt: skip
    yield Place(kind), element.text or ""


def _properties(tag: str, element: Any, parent: str, _sheet: int | None) -> Found:
    if parent == "vector" or tag == "AppVersion":
        # The titles of parts are the names of sheets.
        yield Place("sheet-name"), "" if tag == "AppVersion" else element.text or ""
    else:
        yield Place("document-property"), element.get("name", "")
        yield Place("document-property"), element.text or ""


def _relations(tag: str, element: Any, _parent: str, _sheet: int | None) -> Found:
    if tag == "Relationship" and element.get("TargetMode") == "External":
        yield Place("hyperlink"), element.get("Target", "")


def _drawing(tag: str, element: Any, parent: str, sheet: int | None) -> Found:
    if tag == "p":
        yield Place("drawing", sheet), _text(element)
    elif tag == "v" and parent == "pt" and not _is_number(element.text):
        yield Place("drawing", sheet), element.text or ""
    elif tag == "f":
        for text in _literals(element.text):
            yield Place("drawing", sheet), text
    elif tag in ("div", "font", "span", "textbox", "textpath"):
        yield Place("drawing", sheet), element.text or ""
        yield Place("drawing", sheet), element.get("string", "")
    for key in ("descr", "title", "alt", "name"):
        yield Place("drawing", sheet), element.get(key, "")


def _styles(_tag: str, element: Any, _parent: str, _sheet: int | None) -> Found:
    for text in _literals(element.get("formatCode")):
        yield Place("leftover"), text


def _everything(_tag: str, element: Any, _parent: str, sheet: int | None) -> Found:
    yield Place("leftover", sheet), _text(element)
    for key, value in element.attrib.items():
        # Identifiers that a program made up are nobody's.
        if not re.search(r"(?:uid|guid|id|ref|version|date|count)$", key, re.IGNORECASE):
            yield Place("leftover", sheet), value


def _is_number(text: str | None) -> bool:
    return re.fullmatch(r"-?[\d.]+(?:[eE][-+]?\d+)?", text or "") is not None


_READERS: tuple[tuple[str, Callable[[str, Any, str, int | None], Found]], ...] = (
    (r"comments?/?[^/]*\.xml$|persons/", _comments),
    (r"^xl/workbook\.xml$", _book),
    (r"^docprops/core\.xml$", _core),
    (r"^docprops/", _properties),
    (r"\.rels$", _relations),
    (r"drawing|charts?/|diagrams/|\.vml$|chartsheets/", _drawing),
    (r"^xl/styles\.xml$", _styles),
    (r"", _everything),
)


def _tag(element: Any) -> str:
    return _NAMESPACE.sub("", element.tag) if isinstance(element.tag, str) else ""


def _elements(part: IO[bytes]) -> Iterator[tuple[str, Any, str]]:
    """Each element that is complete, with its name and its parent's; forgotten after that.

    What is within a block comes with the block.
    """
    open_elements: list[Any] = []
    blocks = 0
    for event, element in iterparse(part, events=("start", "end"), forbid_dtd=True):
        tag = _tag(element)
        if event == "start":
            open_elements.append(element)
            blocks += tag in _BLOCKS
            continue
        open_elements.pop()
        blocks -= tag in _BLOCKS
        if blocks:
            continue
        parent = open_elements[-1] if open_elements else None
        yield tag, element, "" if parent is None else _tag(parent)
        if parent is not None:
            parent.remove(element)


def _text(element: Any) -> str:
    return "".join(element.itertext())


def _literals(formula: str | None) -> Iterator[str]:
    for match in _LITERALS.finditer(formula or ""):
        yield match[1].replace('""', '"') if match[1] is not None else match[2]


def _cell(reference: str | None, default: tuple[int, int]) -> tuple[int, int]:
    if not reference:
        return default
    letters, row = coordinate_from_string(reference.partition(":")[0])
    return int(row), int(column_index_from_string(letters))


# XLS

_HEADER, _FOOTER, _BOX, _CONTINUED = 0x14, 0x15, 0x1B6, 0x3C
# Bytes read in the wrong encoding are letters that Vietnamese does not have.
_VOWELS = "aăâeêioôơuưy"
_TONES = "\u0300\u0301\u0303\u0309\u0323"
_ALPHABET = "đĐ" + "".join(
    unicodedata.normalize("NFC", vowel + tone)
    for vowel in _VOWELS + _VOWELS.upper()
    for tone in ("", *_TONES)
)
_RUN = re.compile(f"[\\x20-\\x7e{_ALPHABET}{_TONES}]{{4,}}")
_BOOKS = ("Workbook", "Book")


def xls_parts(file: BinaryIO, limits: Limits) -> Found:
    """The texts of the XLS workbook in `file`, cells apart, each with its place.

    :raises FaultyFileError: it cannot be read.
    """
    book = open_xls(file, limits, on_demand=True)
    try:
        yield Place("document-author"), str(book.user_name or "")
        shown: set[str] = set()
        for number, sheet in enumerate(book.sheets(), start=1):
            yield Place("sheet-name", number), sheet.name
            for (row, column), note in sheet.cell_note_map.items():
                place = Place("comment", number, row + 1, column + 1)
                yield place, note.text or ""
                yield place, note.author or ""
            for link in sheet.hyperlink_list:
                for text in (link.url_or_path, link.desc, link.quicktip):
                    yield Place("hyperlink", number), _decoded(text)
            for row in range(sheet.nrows):
                shown.update(
                    cell.value for cell in sheet.row(row) if cell.ctype == xlrd.XL_CELL_TEXT
                )
        for name in book.name_obj_list:
            yield Place("defined-name"), name.name
            for run in _runs(name.raw_formula or b""):
                yield Place("defined-name"), run
        for text in dict.fromkeys(book._sharedstrings or ()):
            if text not in shown:
                yield Place("leftover"), text
        yield from _streams(file)
    except FaultyFileError:
        raise
    except Exception:
        raise FaultyFileError([Fault("not-a-workbook", detail="XLS")]) from None


def xls_holds_what_cannot_be_read(file: BinaryIO) -> bool:
    """Whether there are storages in the XLS file beside the workbook: embedded files, macros."""
    file.seek(0)
    with olefile.OleFileIO(file) as container:
        return any(len(path) > 1 for path in container.listdir())


def _streams(file: BinaryIO) -> Found:
    file.seek(0)
    with olefile.OleFileIO(file) as container:
        for path in container.listdir():
            content = container.openstream(path).read()
            if path[-1] in _BOOKS:
                yield from _printed(content)
            else:
                kind = "document-property" if path[-1].startswith("\x05") else "leftover"
                for run in _runs(content):
                    yield Place(kind), run


def _printed(stream: bytes) -> Found:
    """Headers, footers and text boxes: records of type and length, one after the other."""
    position = begun = 0
    while position + 4 <= len(stream):
        kind, size = struct.unpack_from("<HH", stream, position)
        body = stream[position + 4 : position + 4 + size]
        if kind in (_HEADER, _FOOTER):
            for run in _runs(body):
                for text in _PRINT_CODES.split(run):
                    yield Place("header-footer"), text
        elif kind == _CONTINUED and begun == _BOX:
            for run in _runs(body[1:]):
                yield Place("drawing"), run
        if kind != _CONTINUED:
            begun = kind
        position += 4 + size


def _runs(content: bytes) -> Iterator[str]:
    """What may be text in `content`, whichever way it is encoded."""
    for start in (0, 1):
        yield from _RUN.findall(content[start:].decode("utf-16-le", "replace"))
    for codec in ("utf-8", "cp1258"):
        yield from _RUN.findall(content.decode(codec, "replace"))


def _decoded(text: Any) -> str:
    return text.decode("latin-1") if isinstance(text, bytes) else str(text or "")
