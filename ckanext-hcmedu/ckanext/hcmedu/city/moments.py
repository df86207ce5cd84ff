"""Dates of change as other catalogues write them, compared as exactly as both are told."""

from __future__ import annotations

from datetime import UTC, date, datetime

from harvesters.releases import TIME_ZONE

Moment = datetime | date


def parse(text: str | None) -> Moment | None:
    """The moment or day that `text` tells (ISO 8601); None if it tells none.

    A moment without a time zone is meant in UTC, as CKAN writes them.
    """
    value = (text or "").strip()
    try:
        if len(value) == len("2026-11-26"):
            return date.fromisoformat(value)
        moment = datetime.fromisoformat(value)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
        # At the ends of the calendar there is none in another time zone, nor in UTC on the way.
        moment.astimezone(TIME_ZONE)
    except (ValueError, OverflowError):
        return None
    return moment


def order(one: Moment, other: Moment) -> int:
    """-1, 0 or 1: whether `one` is before, the same as or after `other`.

    Where one of them is a day only, days are compared, in the portal's time zone. Fractions of a
    second are not: many programs cut them off.
    """
    if isinstance(one, datetime) and isinstance(other, datetime):
        pair = one.replace(microsecond=0), other.replace(microsecond=0)
        return (pair[0] > pair[1]) - (pair[0] < pair[1])
    days = _day(one), _day(other)
    return (days[0] > days[1]) - (days[0] < days[1])


def _day(moment: Moment) -> date:
    if isinstance(moment, datetime):
        return moment.astimezone(TIME_ZONE).date()
    return moment
