"""What was found when something was last looked at: kept whole, read by pages and commands.

A failed look leaves what the one before found, and says so beside it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from ckan import model
from sqlalchemy.dialects.postgresql import insert

from ckanext.hcmedu.model import Report as Row
from harvesters.audits import OVERDUE

_report = Row.__table__


@dataclass(frozen=True)
class Report:
    """The last look. `at` is when `content` was found, `failed_at` and `failure` (in both
    languages) when and why a later look failed; moments are in UTC, with their time zone."""

    at: datetime | None
    content: Mapping[str, Any] | None
    failed_at: datetime | None
    failure: Mapping[str, str] | None

    @property
    def is_due(self) -> bool:
        """Whether it is time to look again: the last time it failed, or was too long ago."""
        return self.failed_at is not None or self.is_overdue

    @property
    def is_overdue(self) -> bool:
        """Whether a nightly look is missing."""
        return self.at is None or datetime.now(UTC) - self.at > OVERDUE


def named(word: str, *kinds: type) -> str:
    """What a report is called whose content holds `kinds`, which are dataclasses.

    It is called otherwise when these change: what an older version of the portal found is not
    read as the newer one's, but looked for anew.
    """
    form = [[kind.__name__, *(f"{one.name}: {one.type}" for one in fields(kind))] for kind in kinds]
    return f"{word}-{hashlib.sha256(json.dumps(form).encode()).hexdigest()[:8]}"


def last(name: str, part: tuple[str, ...] = ()) -> Report | None:
    """The report called `name`; None where nobody has looked yet.

    :param part: leads to what alone is wanted of the content, key by key.
    """
    content = _report.c.content[part] if part else _report.c.content
    row = model.Session.execute(
        sa.select(_report.c.at, content, _report.c.failed_at, _report.c.failure).where(
            _report.c.name == name
        )
    ).one_or_none()
    return Report(_zoned(row[0]), row[1], _zoned(row[2]), row[3]) if row else None


def keep(name: str, at: datetime, content: Mapping[str, Any]) -> None:
    """Put what was found at `at` in the place of what was found before."""
    _write(name, at=_plain(at), content=dict(content), failed_at=None, failure=None)


def keep_failure(name: str, at: datetime, failure: Mapping[str, str]) -> None:
    """Say beside what was found before that the look at `at` failed, and why."""
    _write(name, failed_at=_plain(at), failure=dict(failure))


def _write(name: str, **values: Any) -> None:
    statement = insert(_report).values(name=name, **values)
    model.Session.execute(statement.on_conflict_do_update(index_elements=["name"], set_=values))
    # What the same look found when it was called otherwise nobody reads any more.
    word = name.partition("-")[0]
    older = sa.or_(_report.c.name == word, _report.c.name.startswith(f"{word}-", autoescape=True))
    model.Session.execute(sa.delete(_report).where(older, _report.c.name != name))
    model.Session.commit()


def _zoned(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment else None


def _plain(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
