"""Text as it is judged: one spelling of what can be written in many.

Unicode composed, compatibility forms folded (full-width digits, no-break spaces; NFKC, Unicode
Standard Annex 15), invisible characters taken out, digits of all scripts written 0 to 9. Tone marks
and case stay, since a name is told by them; `fold` takes them too.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from functools import cache

import pyarrow as pa
import pyarrow.compute as pc

# Format characters, enclosing marks and what else has no width (Default_Ignorable_Code_Point).
_INVISIBLE = (
    r"[\p{Cf}\p{Me}\x{34F}\x{115F}\x{1160}\x{17B4}\x{17B5}\x{180B}-\x{180F}\x{3164}\x{FFA0}"
    r"\x{FE00}-\x{FE0F}\x{E0100}-\x{E01EF}]+"
)
_MARKED_DIGIT = r"([0-9])\p{M}+"
_SPACES = r"[\s\p{Z}]+"
_ODD_SPACES = r"[\s\p{Z}]{2}|[\t\r\n\v\f]|^\s|\s$"
_DASHES = r"[\p{Pd}\x{2212}]"
_MARKS = re.compile(r"[\u0300-\u036f]")


def normalised(texts: pa.Array) -> pa.Array:
    """`texts` (strings, nulls allowed) in the one spelling that rules are written for."""
    if pc.all(pc.string_is_ascii(texts), min_count=0).as_py() is False:
        texts = pc.utf8_normalize(texts, form="NFKC")
        texts = pc.replace_substring_regex(texts, pattern=_INVISIBLE, replacement="")
        texts = pc.replace_substring_regex(texts, pattern=_DASHES, replacement="-")
        texts = pc.replace_substring_regex(texts, pattern=_SPACES, replacement=" ")
        texts = _plain_digits(texts)
        texts = pc.replace_substring_regex(texts, pattern=_MARKED_DIGIT, replacement=r"\1")
        # What stood between a letter and its mark may be gone: composed once more.
        return pc.utf8_trim_whitespace(pc.utf8_normalize(texts, form="NFKC"))
    if pc.any(pc.match_substring_regex(texts, pattern=_ODD_SPACES), min_count=0).as_py():
        texts = pc.replace_substring_regex(texts, pattern=_SPACES, replacement=" ")
        texts = pc.utf8_trim_whitespace(texts)
    return texts


def _plain_digits(texts: pa.Array) -> pa.Array:
    pattern, table = _foreign_digits()
    if not pc.any(pc.match_substring_regex(texts, pattern=pattern), min_count=0).as_py():
        return texts
    plain = [None if text is None else text.translate(table) for text in texts.to_pylist()]
    return pa.array(plain, pa.string())


@cache
def _foreign_digits() -> tuple[str, dict[int, str]]:
    """A pattern of the decimal digits of other scripts, and what each of them is."""
    table = {
        code: str(unicodedata.decimal(chr(code)))
        for code in range(0x80, sys.maxunicode + 1)
        if unicodedata.category(chr(code)) == "Nd"
    }
    zeros = [code for code, digit in table.items() if digit == "0"]
    ranges = "".join(f"\\x{{{zero:X}}}-\\x{{{zero + 9:X}}}" for zero in zeros)
    return f"[{ranges}]", table


def normalise(text: str) -> str:
    """One text in that spelling."""
    if text.isascii():
        return " ".join(text.split())
    return str(normalised(pa.array([text], pa.string()))[0].as_py())


def fold(text: str) -> str:
    """A normalised `text` without tones and case, đ as d; punctuation stays."""
    plain = text.casefold()
    if plain.isascii():
        return plain
    return _MARKS.sub("", unicodedata.normalize("NFD", plain)).replace("đ", "d")
