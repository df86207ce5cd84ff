"""Which encoding a text file is in, and whether its Vietnamese is Unicode at all.

Before Unicode, Vietnamese was written with fonts that drew other letters in the place of Latin-1
characters. Two of those survive in old templates: TCVN 3 (fonts named .Vn…) and VNI (fonts named
VNI-…). Read as Unicode they are not an error but nonsense (``Tr­êng``, ``Tröôøng``), which no code
list would ever match; so they are recognised and refused, with the way to convert them.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from typing import BinaryIO

from harvesters.connectors.faults import Fault, FaultyFileError

_CHUNK = 1 << 18
_SAMPLE = 4096

# Letters that Vietnamese has in Unicode and neither old encoding produces when read as Latin-1.
_MODERN = re.compile(r"[ăđĩũơưĂĐĨŨƠƯ\u0300\u0301\u0303\u0309\u0323\u1ea0-\u1ef9]")
# No Vietnamese word has these, in Unicode; as signs of their own (©, ², «) each may be meant.
_FOREIGN = re.compile(
    r"(?<=[A-Za-z])[µ¸¶·¹¨»¾¼½©®ª«¬\u00ad÷×þßÞÆÇÄÅÑÖØÛÜËÎÏäåæçëîïñöøûüÿ]"
    r"|[µ¸¶·¹¨¾¼½©®ª¬§\u00adäåæçëîïñöøûüÄÅÖØ](?=[a-z])"
)
# TCVN 3 puts signs where letters were; VNI puts a second letter behind a vowel.
_TCVN3 = re.compile(r"[µ¸¶·¹¨¾¼½©®ª¬\u00ad÷]")
_VNI = re.compile(r"[aeiouyAEIOUYöôÖÔ][øûïåäëüñçùõâàáãêéèØÛÏ]")
_FEW = 3

_VIETNAMESE_1258 = frozenset(
    "ÀÁÂĂÈÉÊÍĐÓÔƠÙÚƯàáâăèéêíđóôơùúư\u0300\u0301\u0303\u0309\u0323₫–—‘’“”•…²°\u00a0"
)
_LOOSE_MARK = re.compile(r"(?<=[^aeiouyAEIOUYâăêôơưÂĂÊÔƠƯ])[\u0300\u0301\u0303\u0309\u0323]")
_CAPITAL_INSIDE = re.compile(r"[a-z][ÀÁÂĂÈÉÊÍÓÔƠÙÚƯ][a-z]")
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")


def old_encoding(texts: Iterable[str]) -> str | None:
    """The old encoding (``TCVN3`` or ``VNI``) that `texts` were written in, if they were.

    Judged over all the texts together: one French name makes no old encoding.
    """
    modern = foreign = tcvn3 = vni = 0
    for each in texts:
        if each.isascii():
            continue
        modern += len(_MODERN.findall(each))
        foreign += len(_FOREIGN.findall(each))
        tcvn3 += len(_TCVN3.findall(each))
        vni += len(_VNI.findall(each))
    if foreign < _FEW or foreign <= modern:
        return None
    return "TCVN3" if tcvn3 >= vni else "VNI"


def detect(file: BinaryIO, wanted: str | None = None) -> str:
    """The Python codec that `file` is to be read with; the whole file is looked at, in chunks.

    :param wanted: ``utf-8``, ``utf-16`` or ``cp1258``, if the source declares one
    :raises FaultyFileError: the file is in none of them, or in an old Vietnamese encoding.
    """
    file.seek(0)
    head = file.read(_SAMPLE)
    if not head.strip():
        raise FaultyFileError([Fault("empty-file")])
    codec = _by_mark(head)
    if codec is None and wanted != "cp1258":
        codec = _without_mark(head)
    if codec is not None:
        if not _reads(file, codec):
            raise FaultyFileError([Fault("encoding")])
    elif wanted in (None, "utf-8") and _reads(file, "utf-8"):
        codec = "utf-8"
    elif wanted in (None, "cp1258") and _is_vietnamese_1258(file):
        codec = "cp1258"
    else:
        raise FaultyFileError([_undecodable(file)])
    _check_text(file, codec)
    file.seek(0)
    return codec


def _by_mark(head: bytes) -> str | None:
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    return None


def _without_mark(head: bytes) -> str | None:
    """UTF-16 without its mark: every other byte of plain letters is zero."""
    even, odd = head[0::2], head[1::2]
    if odd.count(0) > len(odd) / 3 and even.count(0) < len(even) / 20:
        return "utf-16-le"
    if even.count(0) > len(even) / 3 and odd.count(0) < len(odd) / 20:
        return "utf-16-be"
    return None


def _chunks(file: BinaryIO, codec: str) -> Iterable[str]:
    file.seek(0)
    decoder = codecs.getincrementaldecoder(codec)("strict")
    while chunk := file.read(_CHUNK):
        yield decoder.decode(chunk)
    yield decoder.decode(b"", final=True)


def _reads(file: BinaryIO, codec: str) -> bool:
    try:
        for _ in _chunks(file, codec):
            pass
    except UnicodeError:
        return False
    return True


def _is_vietnamese_1258(file: BinaryIO) -> bool:
    """Nearly any bytes are some text in a one-byte encoding: only Vietnamese letters count."""
    try:
        for chunk in _chunks(file, "cp1258"):
            foreign = {letter for letter in set(chunk) if not letter.isascii()} - _VIETNAMESE_1258
            if foreign or _LOOSE_MARK.search(chunk) or _CAPITAL_INSIDE.search(chunk):
                return False
    except UnicodeError:
        return False
    return True


def _undecodable(file: BinaryIO) -> Fault:
    file.seek(0)
    # Latin-1 shows the bytes as the fonts of old would have found them.
    old = old_encoding([file.read(_CHUNK).decode("latin-1")])
    return Fault("old-encoding", detail=old) if old else Fault("encoding")


def _check_text(file: BinaryIO, codec: str) -> None:
    for chunk in _chunks(file, codec):
        if _CONTROL.search(chunk):
            raise FaultyFileError([Fault("control-characters")])
        old = old_encoding([chunk])
        if old:
            raise FaultyFileError([Fault("old-encoding", detail=old)])
