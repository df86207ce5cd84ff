"""Addresses of persons: a house number with its street, or two of alley, group, quarter, hamlet."""

from __future__ import annotations

import re

from harvesters.disclosure.personal_data.text import fold

ADDRESS = (
    r"(?i:s[ốo] nh[àa]|h[ẻe]m|ng[õo] [0-9]|ki[ệe]t [0-9]|t[ổo] [0-9]|t[ổo] d[âa]n ph[ốo]"
    r"|khu ph[ốo]|[ấa]p|th[ôo]n|kp ?[0-9]|[0-9] ?[a-z]?,? (?:đường|duong|phố|pho)"
    r"|^[0-9]+[a-z]?(?:/[0-9]+[a-z]?)* \pL)"
)
"""RE2: what may hold an address."""

_HOUSE = re.compile(
    r"(?<![a-z0-9])so nha \W?\d|(?<![a-z0-9/])(?:so )?\d+[a-z]?(?:/\d+[a-z]?)*,? (?:duong|pho)"
    r" (?!truyen|day|dan|bo|sat|ong|bay|tron|thu)"
)
_ALLEY = re.compile(r"(?<![a-z0-9])(?:hem|ngo|kiet) (?:so )?\d")
_GROUP = re.compile(r"(?<![a-z0-9])(?:to(?: dan pho)?(?: so)? \d|tdp \d)")
_QUARTER = re.compile(r"(?<![a-z0-9])(?:khu pho|kp) ?\d")
_HAMLET = re.compile(r"(?<![a-z0-9])(?:ap|thon) (?:\d|[a-z])")
_BARE = re.compile(
    r"(?:[Ss]ố )?\d+[A-Za-z]?(?:/\d+[A-Za-z]?)* (?:[A-ZĐÀ-Ỹ][^\W\d_]*\s?){2,5},\s*"
    r"(?:[Pp]hường|[Xx]ã|[Pp]\.|[Qq]uận|[Qq]\.|[Kk]hu phố|[Tt]ổ|TP|[Kk][Pp])"
)
_INSTITUTION = re.compile(
    r"\W*(?:truong|thpt|thcs|th|mn|mam non|tieu hoc|trung tam|tru so|ubnd|diem truong|co so)\b"
)


def is_address(value: str) -> bool:
    """Whether a normalised `value` is or holds an address that is not an institution's."""
    folded = fold(value)
    if _INSTITUTION.match(folded):
        return False
    if _HOUSE.search(folded) or _BARE.match(value):
        return True
    parts = (_ALLEY, _GROUP, _QUARTER, _HAMLET)
    return sum(pattern.search(folded) is not None for pattern in parts) >= 2
