"""Held revisions: a publisher sees what would change, and decides.

A revision is held where a reader who kept what was published before could tell by how few persons
a figure has changed (`harvesters.disclosure.audit`). Nothing of it is public, not even that there
is one. What is decided, by whom and why stands beside the part (`harvesters.parts.PartStore`).
"""

from __future__ import annotations

import datetime
import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from harvesters.disclosure.reader import quoted
from harvesters.files import locked, read_json, write_json
from harvesters.parts import HELD, PartStore
from harvesters.releases import TIME_ZONE
from schemas import Declarations, Table

log = logging.getLogger(__name__)


class UnknownRevision(Exception):
    """There is no such revision, or it was decided already."""


class Busy(Exception):
    """The release step is at work; whoever decides tries again when it is done."""


@dataclass(frozen=True)
class Change:
    """A published value that a revision changes: the codes of its row, by column, and the value
    and status before and after (None and ``""`` where there is no such row)."""

    table: str
    measure: str
    codes: dict[str, str]
    before: float | None
    before_status: str
    after: float | None
    after_status: str


@dataclass(frozen=True)
class Revision:
    """A revision of a record type's tables for a period that waits for a decision. `told` is how
    many figures tell by how few persons they have changed."""

    record: str
    period: str
    number: int
    tables: tuple[str, ...]
    told: int
    made: datetime.datetime
    folder: Path


def held(state: Path) -> list[Revision]:
    """The revisions that wait for a decision, by record type and period."""
    store = PartStore(state)
    folders = (store.held(path.parent.name, path.name) for path in sorted(store.root.glob("*/*")))
    return [_revision(folder) for folder in folders if folder is not None]


def find(state: Path, record: str, period: str) -> Revision:
    """The revision of `record` for `period` that waits.

    :raises UnknownRevision: none does.
    """
    folder = PartStore(state).held(record, period)
    if folder is None:
        waiting = ", ".join(f"{one.record} {one.period}" for one in held(state)) or "none"
        raise UnknownRevision(
            f"No revision of {record} for {period} waits for a decision. Waiting: {waiting}."
        )
    return _revision(folder)


def changes(revision: Revision, state: Path, declarations: Declarations) -> Iterator[Change]:
    """What readers would see change, table by table, row by row."""
    store = PartStore(state)
    for name in revision.tables:
        table = declarations.tables[name]
        versions = store.versions(table, revision.period)
        if versions:
            yield from _changes(table, versions[-1].path, revision.folder / f"{name}.parquet")


def accept(state: Path, record: str, period: str, by: str, reason: str) -> Revision:
    """Let a revision out: the next release step publishes it.

    :raises UnknownRevision: none waits.
    :raises Busy: see there.
    """
    with _deciding(state):
        revision = find(state, record, period)
        mark = revision.folder.with_name(f"{revision.folder.name}.accepted.json")
        write_json(mark, _decision(by, reason), mode=0o600)
    log.warning("%s accepted the revision of %s for %s.", by, record, period)
    return revision


def reject(state: Path, record: str, period: str, by: str, reason: str) -> Revision:
    """Leave what is published as it is; the same records are not proposed again.

    :raises UnknownRevision: none waits.
    :raises Busy: see there.
    """
    with _deciding(state):
        revision = find(state, record, period)
        why = read_json(revision.folder / HELD)
        mark = revision.folder.with_name(f"{revision.folder.name}.rejected.json")
        write_json(mark, {**why, **_decision(by, reason)}, mode=0o600)
        shutil.rmtree(revision.folder)
    log.warning("%s rejected the revision of %s for %s.", by, record, period)
    return revision


def decisions(state: Path) -> list[dict[str, Any]]:
    """Every decision that was taken: record type, period, number, what, by whom, why and when."""
    found = []
    for path in sorted(PartStore(state).root.glob("*/*/[0-9]*.*ed.json")):
        number, decision, _ = path.name.split(".")
        mark = read_json(path)
        found.append(
            {
                "record": path.parent.parent.name,
                "period": path.parent.name,
                "number": int(number),
                "decision": decision,
                **{key: mark[key] for key in ("by", "reason", "at")},
            }
        )
    return sorted(found, key=lambda one: str(one["at"]))


@contextmanager
def _deciding(state: Path) -> Iterator[None]:
    try:
        # The lock of the release step: it must not build another part meanwhile.
        with locked(state / "releases" / ".building.lock", wait=False):
            yield
    except BlockingIOError:
        raise Busy("The release step is at work. Try again when it is done.") from None


def _decision(by: str, reason: str) -> dict[str, str]:
    now = datetime.datetime.now(TIME_ZONE).replace(microsecond=0)
    return {"by": by, "reason": reason, "at": now.isoformat()}


def _revision(folder: Path) -> Revision:
    why = read_json(folder / HELD)
    made = datetime.datetime.fromtimestamp((folder / HELD).stat().st_mtime, TIME_ZONE)
    return Revision(
        why["record"], why["period"], int(folder.name), tuple(why["tables"]), why["told"],
        made.replace(microsecond=0), folder,
    )  # fmt: skip


def _changes(table: Table, before: Path, after: Path) -> Iterator[Change]:
    keys = ", ".join(quoted(name) for name in table.key)
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.read_parquet(str(before)).create_view("old")
        connection.read_parquet(str(after)).create_view("new")
        for measure in table.measures:
            value, status = quoted(measure.name), quoted(f"{measure.name}_status")
            rows = connection.execute(
                f"SELECT {keys}, old.{value}, coalesce(old.{status}, ''), "
                f"new.{value}, coalesce(new.{status}, '') FROM old FULL JOIN new USING ({keys}) "
                f"WHERE old.{value} IS DISTINCT FROM new.{value} "
                f"OR coalesce(old.{status}, '') <> coalesce(new.{status}, '') ORDER BY {keys}"
            )
            while batch := rows.fetchmany(1000):
                for row in batch:
                    codes = dict(zip(table.key, row, strict=False))
                    yield Change(table.name, measure.name, codes, *row[len(table.key) :])
