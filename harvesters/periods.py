"""Reference periods: school years ``2024-2025``, months ``2025-10`` and dates ``2025-07-01``."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, timedelta

_FORMS = {
    "school_year": re.compile(r"([12]\d{3})-([12]\d{3})", re.ASCII),
    "month": re.compile(r"([12]\d{3})-(0[1-9]|1[0-2])", re.ASCII),
    "date": re.compile(r"([12]\d{3})-(\d{2})-(\d{2})", re.ASCII),
}

FIRST_MONTH = 9
"""A school year runs from September to August of the next year."""


def is_period(kind: str, period: str) -> bool:
    """Whether `period` is written as a period of `kind`: ``school_year``, ``month``, ``date``."""
    found = _FORMS[kind].fullmatch(period)
    if not found:
        return False
    if kind == "school_year":
        return int(found[2]) == int(found[1]) + 1
    if kind == "date":
        try:
            date.fromisoformat(period)
        except ValueError:
            return False
    return True


def school_year_of(kind: str, period: str) -> str:
    """The school year in which `period` lies."""
    if kind == "school_year":
        return period
    year, month = int(period[:4]), int(period[5:7])
    first = year if month >= FIRST_MONTH else year - 1
    return f"{first}-{first + 1}"


def bounds(kind: str, period: str) -> tuple[date, date]:
    """The first and the last day of `period`."""
    if kind == "date":
        return date.fromisoformat(period), date.fromisoformat(period)
    year = int(period[:4])
    if kind == "school_year":
        return date(year, FIRST_MONTH, 1), date(year + 1, FIRST_MONTH, 1) - timedelta(days=1)
    month = int(period[5:7])
    following = date(year + month // 12, month % 12 + 1, 1)
    return date(year, month, 1), following - timedelta(days=1)


def span(kind: str, periods: Iterable[str]) -> tuple[date, date]:
    """The first day of the earliest and the last day of the latest of `periods`."""
    ordered = sorted(periods)
    return bounds(kind, ordered[0])[0], bounds(kind, ordered[-1])[1]


def following(kind: str, period: str) -> str:
    """The period after a school year or month; of a date the same day a year later."""
    after = bounds(kind, period)[1] + timedelta(days=1)
    if kind == "school_year":
        return f"{after.year}-{after.year + 1}"
    if kind == "month":
        return f"{after:%Y-%m}"
    return f"{int(period[:4]) + 1}{period[4:]}"
