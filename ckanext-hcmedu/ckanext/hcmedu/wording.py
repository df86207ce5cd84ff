"""Texts, numbers, dates and codes as they are written in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import babel.dates
import babel.numbers
import ckan.plugins.toolkit as tk
from ckan.lib.i18n import get_lang
from flask import has_request_context

from ckanext.hcmedu import settings
from ckanext.hcmedu.validators import LANGUAGES
from schemas import TOTAL, CodeList, Column

_DATE_FORMATS = {"vi": "dd/MM/yyyy", "en": "d MMMM yyyy"}
_MOMENT_FORMATS = {"vi": "HH:mm dd/MM/yyyy", "en": "d MMMM yyyy, HH:mm"}


def language() -> str:
    """The language of the request, `vi` or `en`."""
    found = str(get_lang()).split("_")[0] if has_request_context() else LANGUAGES[0]
    return found if found in LANGUAGES else LANGUAGES[0]


def text(value: Any) -> Any:
    """Of a text in both languages the reader's, or the Vietnamese where that is missing."""
    if not isinstance(value, Mapping):
        return value or ""
    return value.get(language()) or value.get(LANGUAGES[0]) or next(iter(value.values()), "")


def number(value: float | Decimal | None) -> str:
    """A number as it is written in the reader's language: 2.528.789 or 2,528,789."""
    return "" if value is None else babel.numbers.format_decimal(value, locale=language())


def day(value: str | date | None) -> str:
    """A date as it is written in the reader's language: 23/11/2026 or 23 November 2026.

    A moment with a time zone is taken at its day in the portal's own zone.
    """
    if not value:
        return ""
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
        if isinstance(moment, datetime) and moment.tzinfo:
            moment = moment.astimezone(ZoneInfo(tk.config["ckan.display_timezone"]))
    except (ValueError, OverflowError):
        # No date, or one at the end of the calendar, which another time zone does not have.
        return str(value)
    return babel.dates.format_date(moment, _DATE_FORMATS[language()], locale=language())


def today() -> str:
    """The day, in the city's time and the reader's language."""
    return day(datetime.now(UTC))


def moment(value: str | datetime) -> str:
    """A moment with a time zone, at the portal's own clock: 14:05 26/11/2026."""
    found = datetime.fromisoformat(value) if isinstance(value, str) else value
    local = found.astimezone(ZoneInfo(tk.config["ckan.display_timezone"]))
    return babel.dates.format_datetime(local, _MOMENT_FORMATS[language()], locale=language())


def duration(seconds: float) -> str:
    """So many seconds, in the unit that suits them: 23 giây, 2 phút."""
    return babel.dates.format_timedelta(timedelta(seconds=seconds), locale=language())


def percent(share: float) -> str:
    """A share as it is written in the reader's language, with at most one decimal: 12,5%."""
    if 0 < share < 0.001:
        return f"< {percent(0.001)}"
    return babel.numbers.format_percent(share, "#,##0.#%", locale=language())


def file_size(size: int | str | None) -> str:
    """A size of so many bytes, in the unit that suits it: 12,3 KB."""
    if size in (None, ""):
        return ""
    amount, unit = float(size), "B"
    for larger in ("KB", "MB", "GB"):
        if amount < 1000:
            break
        amount, unit = amount / 1000, larger
    digits = "0" if unit == "B" or amount >= 100 else "0.0"
    return f"{babel.numbers.format_decimal(amount, digits, locale=language())} {unit}"


def period_span(periods: list[str]) -> str:
    """The periods that a release covers: the only one, or the first and the last."""
    if not periods:
        return ""
    named = [period_name(period) for period in (min(periods), max(periods))]
    return named[0] if named[0] == named[1] else " – ".join(named)


def period_name(period: str) -> str:
    """A school year, a month or a date as it is written in the reader's language."""
    parts = period.split("-")
    if len(parts) == 2 and len(parts[1]) == 2:
        return f"{parts[1]}/{parts[0]}" if language() == "vi" else _month(period)
    if len(parts) == 2 and len(parts[1]) == 4:
        return period if language() == "vi" else "–".join(parts)
    return day(period)


def _month(period: str) -> str:
    return babel.dates.format_date(date.fromisoformat(f"{period}-01"), "MMMM yyyy", locale="en")


def codelist(name: str | None) -> CodeList | None:
    """A code list by its id."""
    return settings.declarations().codelists.get(name or "")


def code_label(codelist_id: str, code: str) -> str:
    """What a code stands for, in the reader's language; the code itself if it is not known."""
    found = codelist(codelist_id)
    if found is None or (code != TOTAL and code not in found.codes):
        return code
    return text(found.label(code))


def column_type(column: Column | Mapping[str, Any]) -> str:
    """The kind of value in a column, in the reader's language."""
    kind = column["type"] if isinstance(column, Mapping) else column.type
    names = {
        "code": tk._("code"),
        "institution": tk._("institution code"),
        "name": tk._("name"),
        "period": tk._("reference period"),
        "integer": tk._("whole number"),
        "decimal": tk._("number"),
        "status": tk._("status of the value"),
        "flag": tk._("flag of the value"),
        "count": tk._("count"),
        "rate": tk._("rate"),
        "magnitude": tk._("amount"),
    }
    return names.get(kind, kind)


def status(symbol: str) -> str:
    """Why there is no figure."""
    meanings = {
        "c": tk._("suppressed to protect personal information"),
        "z": tk._("not applicable"),
        "x": tk._("not available"),
    }
    return meanings.get(symbol, meanings["x"])


def flag(symbol: str) -> str:
    """What qualifies a figure."""
    meanings = {
        "p": tk._("provisional figure"),
        "r": tk._("revised figure"),
        "low": tk._("below the rounding unit, but not zero"),
        "le": tk._("at most this value: the exact rate would tell of nearly everyone"),
        "ge": tk._("at least this value: the exact rate would tell of nearly everyone"),
    }
    return meanings.get(symbol, symbol)
