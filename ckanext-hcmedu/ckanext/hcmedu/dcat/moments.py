"""Points in time as addresses and documents write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime

# RFC 3339, and a date alone. An offset's plus that was not escaped arrives as a blank.
_MOMENT = re.compile(
    r"(?P<date>\d{4}-\d\d-\d\d)"
    r"(?:[T ](?P<time>\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)\d*(?P<zone>Z|[-+ ]\d\d:?[0-5]\d)?)?",
    re.ASCII,
)


def parse(text: str) -> datetime | None:
    """The moment that `text` names, in UTC and without a time zone; None if it names none.

    A moment without a time zone is meant in UTC, a date alone is its first moment.
    """
    found = _MOMENT.fullmatch(text.strip().upper())
    if found is None:
        return None
    zone = (found["zone"] or "Z").replace(" ", "+")
    try:
        named = datetime.fromisoformat(f"{found['date']}T{found['time'] or '00:00'}{zone}")
        return named.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        return None


def write(moment: datetime) -> str:
    """The moment as ``xsd:dateTime``.

    :param moment: in UTC, without a time zone.
    """
    return f"{moment.isoformat()}Z"
