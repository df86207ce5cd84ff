"""The feed's log as a stream of changes: which there are, and what each of them says.

A stretch of positions never gains a change once a later one is written. It may lose some: what a
deleted dataset was is erased, and what no longer holds is kept for a while only.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ckanext.hcmedu.model import FeedEntry

_entry = FeedEntry.__table__

# Erased entries are not told any more. Deletions name what is gone, except those from before the
# log was a stream.
_TOLD: Sequence[Any] = (
    _entry.c.iri != "",
    sa.or_(_entry.c.kind == "delete", _entry.c.nt.is_not(None)),
)


@dataclass(frozen=True)
class Change:
    """One entry: `kind` is ``create``, ``update`` or ``delete``, `at` is in UTC.

    `fragment` says what `iri` is from then on; a deletion has a `reason` instead.
    """

    position: int
    chain: str
    kind: str
    iri: str
    at: datetime
    reason: str | None
    fragment: str | None


@dataclass(frozen=True)
class Stretch:
    """The changes at the positions from `first` to `last`: when the earliest and the latest was
    made, and how many there are."""

    first: int
    last: int
    earliest: datetime
    latest: datetime
    count: int


def log_name(connection: Connection) -> str:
    """What the log is called: another log, made anew from nothing, has another name."""
    chain = connection.execute(
        sa.select(_entry.c.chain).order_by(_entry.c.position).limit(1)
    ).scalar_one()
    return str(chain)[:12]


def stretches(connection: Connection, size: int) -> list[Stretch]:
    """The log cut every `size` positions, in order; where nothing is told there is no stretch."""
    number = ((_entry.c.position - 1) // sa.literal_column(str(size))).label("number")
    found = connection.execute(
        sa.select(number, sa.func.min(_entry.c.at), sa.func.max(_entry.c.at), sa.func.count())
        .where(*_TOLD)
        .group_by(number)
        .order_by(number)
    )
    return [
        Stretch(int(index) * size + 1, (int(index) + 1) * size, earliest, latest, count)
        for index, earliest, latest, count in found
    ]


def contents(connection: Connection, first: int, last: int) -> str:
    """What is told at the positions from `first` to `last`: the same as long as it is the same."""
    row = connection.execute(
        sa.select(sa.func.max(_entry.c.position), sa.func.count()).where(
            _entry.c.position.between(first, last), *_TOLD
        )
    ).one()
    return f"{row[0]}-{row[1]}"


def changes(connection: Connection, first: int, last: int, name: str) -> Iterator[Change]:
    """What is told at the positions from `first` to `last`, with the fragments called `name`."""
    columns = (
        _entry.c.position,
        _entry.c.chain,
        _entry.c.kind,
        _entry.c.iri,
        _entry.c.at,
        _entry.c.reason,
        _entry.c[name],
    )
    found = connection.execute(
        sa.select(*columns)
        .where(_entry.c.position.between(first, last), *_TOLD)
        .order_by(_entry.c.position)
    )
    return (Change(*row) for row in found)
