"""Dates of birth: dates to the day in the age range, as text, as dates or as serial numbers."""

from __future__ import annotations

import re
from datetime import date

from harvesters.disclosure.personal_data.text import fold

_ELDEST = 1920
_YOUNGEST_AGE = 2

DATE = r"[0-9]{1,4}[-/. ]{1,3}[0-9]{1,2}[-/. ]{1,3}[0-9]{1,4}|(?i:sinh|dob|born)"
"""RE2: what may hold a date, or speaks of a birth."""

SERIAL = r"^[1-4][0-9]{4}(?:\.0+)?$"
"""RE2: a day as spreadsheets count it, from 1927 to 2036."""

_DAY_FIRST = re.compile(
    r"(?<!\d)([0-3]?\d) ?(?:[-/. ]|thang) ?([01]?\d) ?(?:[-/. ]|nam) ?((?:19|20)\d\d)(?!\d)"
)
_YEAR_FIRST = re.compile(r"(?<!\d)((?:19|20)\d\d) ?[-/. ] ?([01]?\d) ?[-/. ] ?([0-3]?\d)(?!\d)")
_COMPACT = re.compile(r"(?<!\d)([0-3]\d)([01]\d)((?:19|20)\d\d)(?!\d)")
_BORN = re.compile(
    r"(?<![a-z])(?:(?<!hoc )sinh(?: ngay)?|ngay(?: thang)?(?: nam)? sinh|dob|born(?: on)?"
    r"|date of birth|sn|ns)\W{0,4}(?:ngay )?(?=\d)"
)
_EPOCH = date(1899, 12, 30)


def _dates(folded: str, compact: bool) -> list[tuple[date, int, int]]:
    """The dates in `folded`, with where each begins and ends."""
    found = []
    patterns = [(_DAY_FIRST, (3, 2, 1)), (_YEAR_FIRST, (1, 2, 3))]
    if compact:
        patterns.append((_COMPACT, (3, 2, 1)))
    for pattern, (year, month, day) in patterns:
        for match in pattern.finditer(folded):
            try:
                made = date(int(match[year]), int(match[month]), int(match[day]))
            except ValueError:
                continue
            found.append((made, match.start(), match.end()))
    return found


def is_birth_date(value: str, headed: bool) -> bool:
    """Whether a normalised `value` tells a date of birth: by the column's heading, or its words.

    :param headed: whether the column is headed as dates of birth
    """
    folded = fold(value)
    if headed:
        serial = re.fullmatch(SERIAL, folded) is not None
        return serial or bool(_dates(folded, compact=True))
    for match in _BORN.finditer(folded):
        if any(start == match.end() for _, start, _ in _dates(folded, compact=True)):
            return True
    return False


def in_age_range(value: str, today: date) -> bool:
    """Whether a normalised `value` is, as a whole, a day on which a pupil or an adult of today may
    have been born."""
    folded = fold(value)
    for made, start, end in _dates(folded, compact=False):
        rest = re.sub(r"[T ]*\d\d:\d\d(?::\d\d(?:\.\d+)?)?", "", folded[end:], flags=re.IGNORECASE)
        alone = not folded[:start].strip() and not rest.strip()
        if alone and _ELDEST <= made.year <= today.year - _YOUNGEST_AGE:
            return True
    return False


def serials_in_age_range(today: date) -> tuple[int, int]:
    """The first and the last serial number of such days."""
    first, last = date(_ELDEST, 1, 1), date(today.year - _YOUNGEST_AGE, 12, 31)
    return (first - _EPOCH).days, (last - _EPOCH).days
