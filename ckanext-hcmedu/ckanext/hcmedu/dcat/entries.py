"""The log of the feed: what it says of each dataset, change by change.

Writing happens in the transaction of the change; reading asks for the feed as it stood at some
position. Neither needs CKAN's actions, an RDF library, Solr or Redis.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from ckanext.hcmedu.model import FeedEntry

CATALOG = ""
"""The `dataset_id` of the catalogue's own entries."""

FRAGMENTS = ("ttl", "rdf", "jsonld", "nt", "pod", "dcat_us", "croissant")

KEPT = timedelta(days=7)
"""How long entries that no longer hold stay, so that whoever reads a snapshot can finish."""

_LOCK = 0x666565646C6F67  # "feedlog"
_entry = FeedEntry.__table__


@dataclass(frozen=True)
class Description:
    """What is to be said of a dataset from now on."""

    dataset_id: str
    iri: str
    name: str
    modified: datetime | None
    recipe: str
    fragments: Mapping[str, str]

    @property
    def digest(self) -> str:
        """SHA-256 of the fragments."""
        content = "\0".join(self.fragments.get(name, "") for name in FRAGMENTS)
        return hashlib.sha256(content.encode()).hexdigest()


@dataclass(frozen=True)
class Current:
    """An entry that holds, without its fragments."""

    dataset_id: str
    recipe: str
    modified: datetime | None


def utc_now() -> datetime:
    """The time as the log writes it: UTC, without a time zone."""
    return datetime.now(UTC).replace(tzinfo=None)


# Writing ------------------------------------------------------------------------------------------


def lock(connection: Connection) -> None:
    """Let nobody else write until the transaction ends.

    Positions must be in the order of commits, or a reader would pass over an entry that is
    written under a lower number than the last it has seen. And who describes something has to
    hold the lock first: else what another transaction says of it meanwhile would be unsaid.
    """
    connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))


class TakenIri(Exception):
    """Two datasets cannot have one IRI: when one of them goes, consumers delete the other."""


def holder(connection: Connection, iri: str, dataset_id: str) -> str | None:
    """What is there and called `iri`, by its name; None where nothing is, or the dataset of that
    id."""
    found = connection.execute(
        sa.select(_entry.c.name).where(
            _entry.c.iri == iri,
            _entry.c.dataset_id != dataset_id,
            _entry.c.until.is_(None),
            _entry.c.kind != "delete",
        )
    ).first()
    return (found.name or "the catalogue") if found else None


def put(connection: Connection, description: Description) -> bool:
    """Say `description` from now on; whether that is another thing than was said before.

    What has another IRI from now on is gone under the one before, for whoever knows it by that.

    :raises TakenIri: something else is called so.
    """
    last = _lock_and_find_last(connection)
    current = _current(connection, description.dataset_id)
    taken = holder(connection, description.iri, description.dataset_id)
    if taken is not None:
        raise TakenIri(f"{description.iri}: {taken}")
    if (
        current is not None
        and current.kind != "delete"
        and current.iri not in ("", description.iri)
    ):
        remove(connection, description.dataset_id, "moved", description.recipe)
        return put(connection, description)
    if current is not None and current.kind != "delete" and current.digest == description.digest:
        connection.execute(
            sa.update(_entry)
            .where(_entry.c.position == current.position)
            .values(
                recipe=description.recipe,
                dataset_modified=description.modified,
                iri=description.iri,
                name=description.name,
            )
        )
        return False
    is_new = current is None or current.kind == "delete"
    values = {
        "dataset_id": description.dataset_id,
        "iri": description.iri,
        "name": description.name,
        "kind": "create" if is_new else "update",
        "reason": None,
        "digest": description.digest,
        "recipe": description.recipe,
        "dataset_modified": description.modified,
        **{name: description.fragments.get(name) for name in FRAGMENTS},
    }
    _append(connection, last, current, values)
    return True


def remove(connection: Connection, dataset_id: str, reason: str, recipe: str) -> bool:
    """Say nothing of a dataset any more, nor of what it was; whether anything was said of it.

    What its earlier entries said is erased: a snapshot that is being read shall not show it.
    """
    last = _lock_and_find_last(connection)
    current = _current(connection, dataset_id)
    if current is None or current.kind == "delete":
        return False
    values = {
        "dataset_id": dataset_id,
        "iri": current.iri,
        "name": current.name,
        "kind": "delete",
        "reason": reason,
        "digest": "",
        "recipe": recipe,
        "dataset_modified": None,
    }
    _append(connection, last, current, values)
    connection.execute(
        sa.update(_entry).where(_entry.c.dataset_id == dataset_id).values(dict.fromkeys(FRAGMENTS))
    )
    return True


def current(connection: Connection) -> list[Current]:
    """The entries that hold, those of datasets that are gone left out."""
    columns = (_entry.c.dataset_id, _entry.c.recipe, _entry.c.dataset_modified)
    found = connection.execute(
        sa.select(*columns).where(_entry.c.until.is_(None), _entry.c.kind != "delete")
    )
    return [Current(*row) for row in found]


def prune(connection: Connection, now: datetime) -> int:
    """Delete entries that stopped holding more than `KEPT` ago. Deletions stay, and so does the
    first entry, which tells this log from another, without what it said. Returns how many went.

    :param now: in UTC, without a time zone.
    """
    later, first = _entry.alias(), _entry.alias()
    old = sa.select(later.c.position).where(
        later.c.position == _entry.c.until, later.c.at < now - KEPT
    )
    is_due = (_entry.c.until.is_not(None), _entry.c.kind != "delete", old.exists())
    lowest = sa.select(sa.func.min(first.c.position)).scalar_subquery()
    gone = connection.execute(sa.delete(_entry).where(*is_due, _entry.c.position > lowest))
    connection.execute(
        sa.update(_entry)
        .where(*is_due, _entry.c.position == lowest, _entry.c.nt.is_not(None))
        .values(dict.fromkeys(FRAGMENTS))
    )
    return int(gone.rowcount)


def _lock_and_find_last(connection: Connection) -> Any:
    lock(connection)
    return connection.execute(
        sa.select(_entry.c.position, _entry.c.chain, _entry.c.at)
        .order_by(_entry.c.position.desc())
        .limit(1)
    ).one_or_none()


def _current(connection: Connection, dataset_id: str) -> Any:
    columns = (_entry.c.position, _entry.c.kind, _entry.c.digest, _entry.c.name, _entry.c.iri)
    return connection.execute(
        sa.select(*columns).where(_entry.c.dataset_id == dataset_id, _entry.c.until.is_(None))
    ).one_or_none()


def _append(connection: Connection, last: Any, current: Any, values: Mapping[str, Any]) -> None:
    position = last.position + 1 if last else 1
    at = utc_now()
    if last:
        # In the order of the positions, even where the clock was set back.
        at = max(at, last.at + timedelta(microseconds=1))
    linked = [last.chain if last else "", values["dataset_id"], values["digest"], at.isoformat()]
    chain = hashlib.sha256("\0".join(linked).encode()).hexdigest()
    if current is not None:
        connection.execute(
            sa.update(_entry).where(_entry.c.position == current.position).values(until=position)
        )
    connection.execute(
        sa.insert(_entry).values(position=position, chain=chain, at=at, until=None, **values)
    )


# Reading ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Snapshot:
    """The feed as it stood at a position."""

    position: int
    chain: str
    at: datetime
    """When the last change before it was made, in UTC."""
    erased: int
    """The position of the last deletion there was, before or since: what a deleted dataset was
    is erased from earlier snapshots as well."""
    erased_at: datetime | None = None
    """When that was, in UTC; None without one."""
    is_newest: bool = True

    @property
    def changed_at(self) -> datetime:
        """When what can be read of it last became another, in UTC."""
        return max(self.at, self.erased_at or self.at)

    @property
    def token(self) -> str:
        """How addresses name the snapshot; another log's is never the same."""
        return f"{self.position}-{self.chain[:12]}"


_deletion, _catalog = _entry.alias(), _entry.alias()
# Asked by every reader, so it is made once.
_NEWEST = (
    sa.select(
        _entry.c.position,
        _entry.c.chain,
        _entry.c.at,
        sa.func.coalesce(
            sa.select(sa.func.max(_deletion.c.position))
            .where(_deletion.c.kind == "delete")
            .scalar_subquery(),
            0,
        ),
        sa.select(_deletion.c.at)
        .where(_deletion.c.kind == "delete")
        .order_by(_deletion.c.position.desc())
        .limit(1)
        .scalar_subquery(),
    )
    # Described last when the log is begun: before that some datasets are not in it.
    .where(sa.select(_catalog.c.position).where(_catalog.c.dataset_id == CATALOG).exists())
    .order_by(_entry.c.position.desc())
    .limit(1)
)


def newest(connection: Connection) -> Snapshot | None:
    """The feed as it stands; None before all that there is was described for the first time."""
    row = connection.execute(_NEWEST).one_or_none()
    return Snapshot(*row) if row else None


def snapshot(
    connection: Connection, newest: Snapshot, token: str, now: datetime
) -> Snapshot | None:
    """The snapshot that `token` names; None if it is not of this log, or older than is kept.

    :param newest: the feed as it stands.
    :param now: in UTC, without a time zone.
    """
    number, _, chain = token.partition("-")
    if not (number.isdecimal() and len(number) < 19 and chain):
        return None
    position = int(number)
    if position >= newest.position:
        return newest if newest.token == token else None
    # Of what it shows, nothing has gone as long as the entry after it is young.
    row = connection.execute(
        sa.select(_entry.c.position, _entry.c.chain, _entry.c.at).where(
            _entry.c.position == position
        )
    ).one_or_none()
    following = connection.execute(
        sa.select(_entry.c.at).where(_entry.c.position == position + 1)
    ).scalar_one_or_none()
    if row is None or following is None or following < now - KEPT:
        return None
    named = Snapshot(*row, erased=newest.erased, erased_at=newest.erased_at, is_newest=False)
    return named if named.token == token else None


def _holding(position: int, since: datetime | None = None, entry: Any = _entry) -> Sequence[Any]:
    """The conditions under which `entry` is part of the snapshot at `position`, and is not from
    before `since`."""
    return (
        *(() if since is None else (entry.c.at >= since,)),
        entry.c.position <= position,
        sa.or_(entry.c.until.is_(None), entry.c.until > position),
        entry.c.kind != "delete",
        # Erased since.
        entry.c.nt.is_not(None),
    )


def dataset_ids(connection: Connection, position: int) -> list[str]:
    """The ids of the snapshot's datasets, in the order of its pages."""
    return list(
        connection.execute(
            sa.select(_entry.c.dataset_id)
            .where(*_holding(position), _entry.c.dataset_id != CATALOG)
            .order_by(_collated(_entry.c.dataset_id))
        ).scalars()
    )


def fragments(
    connection: Connection,
    position: int,
    name: str,
    first: str,
    last: str,
    since: datetime | None = None,
) -> Iterator[str]:
    """The fragments called `name` of the snapshot's datasets from id `first` to id `last`.

    :param since: only of those that changed then or later; in UTC, without a time zone.
    """
    key = _collated(_entry.c.dataset_id)
    found = connection.execute(
        sa.select(_entry.c[name])
        .where(
            *_holding(position, since),
            # Described before there were such fragments.
            _entry.c[name].is_not(None),
            key >= first,
            key <= last,
        )
        .order_by(key)
    )
    yield from found.scalars()


def changed_ids(connection: Connection, position: int, since: datetime) -> dict[str, bool]:
    """The ids of the snapshot's datasets that were changed or deleted at `since` or later, in the
    order of its pages, and whether they are there."""
    there = sa.select(_entry.c.dataset_id, sa.true().label("there")).where(
        *_holding(position, since), _entry.c.dataset_id != CATALOG
    )
    gone = sa.select(_entry.c.dataset_id, sa.false()).where(*_gone(position, since))
    # What has another IRI is both.
    either = sa.union_all(there, gone).subquery()
    found = connection.execute(
        sa.select(either.c.dataset_id, sa.func.bool_or(either.c.there).label("there"))
        .group_by(either.c.dataset_id)
        .order_by(_collated(either.c.dataset_id))
    )
    return {row.dataset_id: row.there for row in found}


@dataclass(frozen=True)
class Deletion:
    """What is gone, since when (in UTC) and why."""

    iri: str
    at: datetime
    reason: str


def deletions(
    connection: Connection, position: int, since: datetime, first: str, last: str
) -> list[Deletion]:
    """What was deleted at `since` or later and not there again in the snapshot, of the datasets
    from id `first` to id `last`."""
    key = _collated(_entry.c.dataset_id)
    found = connection.execute(
        sa.select(_entry.c.iri, _entry.c.at, _entry.c.reason)
        .where(*_gone(position, since), key >= first, key <= last)
        .order_by(_entry.c.position)
    )
    # Of a dataset that went more than once, the last time.
    return list({row.iri: Deletion(*row) for row in found}.values())


def _gone(position: int, since: datetime) -> Sequence[Any]:
    """The conditions under which an entry is of a deletion that the snapshot at `position` has."""
    other = _entry.alias()
    there = sa.select(other.c.position).where(
        other.c.iri == _entry.c.iri, *_holding(position, entry=other)
    )
    return (
        _entry.c.position <= position,
        _entry.c.at >= since,
        _entry.c.kind == "delete",
        _entry.c.dataset_id != CATALOG,
        _entry.c.iri != "",
        ~there.exists(),
    )


def catalog(connection: Connection, position: int, name: str) -> str:
    """What the snapshot says of the catalogue itself, in the fragment called `name`."""
    return (
        connection.execute(
            sa.select(_entry.c[name]).where(*_holding(position), _entry.c.dataset_id == CATALOG)
        ).scalar_one_or_none()
        or ""
    )


def _collated(column: Any) -> Any:
    """Byte by byte: the order of pages must not depend on the database's locale."""
    return sa.collate(column, "C")


@dataclass(frozen=True)
class Record:
    """What there is of one dataset: its fragment, or when and why it went."""

    dataset_id: str
    kind: str
    at: datetime
    reason: str | None
    digest: str
    fragment: str | None


def record(connection: Connection, id_or_name: str, name: str) -> Record | None:
    """The dataset's entry that holds, with the fragment called `name`; None of an unknown one.

    Of two datasets that had the same name one after the other, the one that is there is meant.
    """
    columns = (
        _entry.c.dataset_id,
        _entry.c.kind,
        _entry.c.at,
        _entry.c.reason,
        _entry.c.digest,
        _entry.c[name],
    )
    row = connection.execute(
        sa.select(*columns)
        .where(
            _entry.c.until.is_(None),
            _entry.c.dataset_id != CATALOG,
            sa.or_(_entry.c.dataset_id == id_or_name, _entry.c.name == id_or_name),
        )
        .order_by(_entry.c.kind == "delete", _entry.c.position.desc())
        .limit(1)
    ).one_or_none()
    return Record(*row) if row else None
