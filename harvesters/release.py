"""The second step: from sealed snapshots to releases. Nothing changed: no release."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq

from harvesters.disclosure import Refused
from harvesters.files import locked
from harvesters.parts import Part, PartStore, build_parts
from harvesters.releases import Release, ReleaseStore
from harvesters.snapshots import SnapshotStore
from harvesters.sources import Source
from schemas import Declarations, Table

log = logging.getLogger(__name__)

Progress = Callable[[str, str], None]
"""Told what is being worked on: a table, and a period or an empty text."""


@dataclass
class Outcome:
    """What a run of the release step came to."""

    releases: list[Release] = field(default_factory=list)
    refusals: list[Refused] = field(default_factory=list)


def release(
    sources: Sequence[Source],
    state: Path,
    declarations: Declarations,
    progress: Progress = lambda table, period: None,
) -> Outcome:
    """Release every table whose parts are not those of its last release.

    A protection set that is refused keeps its last releases; the others go on. Snapshots about
    persons are deleted once their period is frozen in every table that counts them.
    """
    outcome = Outcome()
    with locked(state / "releases" / ".building.lock"):
        for record, tables in _protection_sets(declarations).items():
            feeding = [source for source in sources if record in source.records]
            for period in open_periods(record, tables, feeding, state):
                missing = [table for table in tables if not _standing(table, period, state)]
                try:
                    progress(", ".join(table.name for table in missing), period)
                    _build(missing, period, state, declarations)
                except Refused as refused:
                    log.error("%s of %s is not published: %s", period, record, refused)
                    outcome.refusals.append(refused)
            for table in tables:
                try:
                    made = _release_table(table, feeding, state, declarations, progress)
                except Refused as refused:
                    log.error("%s is not released: %s", table.name, refused)
                    outcome.refusals.append(refused)
                    continue
                if made is not None:
                    outcome.releases.append(made)
            _forget(record, tables, state, declarations)
    return outcome


def needed(record: str, period: str, state: Path, declarations: Declarations) -> bool:
    """Whether a snapshot of `record` for `period` could still lead to anything: records about
    institutions serve as registers, those about persons only tables that are not yet frozen."""
    if declarations.records[record].about == "institutions":
        return True
    tables = _protection_sets(declarations).get(record, [])
    return any(not _standing(table, period, state) for table in tables)


def _protection_sets(declarations: Declarations) -> dict[str, list[Table]]:
    """The tables by the record type that they are counted from."""
    sets: dict[str, list[Table]] = {}
    for table in declarations.tables.values():
        sets.setdefault(table.record, []).append(table)
    return sets


def _standing(table: Table, period: str, state: Path) -> Part | None:
    revoked = ReleaseStore(state).revoked(table.name)
    return PartStore(state).get(table, period, revoked)


def open_periods(
    record: str, tables: Sequence[Table], sources: Sequence[Source], state: Path
) -> Iterator[str]:
    """The periods that some table lacks and that every source that has them has delivered."""
    snapshots = SnapshotStore(state)
    listed = {source.name: set(snapshots.periods(source.name, record)) for source in sources}
    for period in sorted(set().union(*listed.values())):
        owing = [
            name
            for name, periods in listed.items()
            if period in periods and snapshots.get(name, record, period) is None
        ]
        if not owing and any(not _standing(table, period, state) for table in tables):
            yield period


def _build(tables: Sequence[Table], period: str, state: Path, declarations: Declarations) -> None:
    revoked: set[str] = set()
    for table in tables:
        revoked |= ReleaseStore(state).revoked(table.name)
    build_parts(tables, period, state, declarations, revoked)


def _release_table(
    table: Table,
    sources: Sequence[Source],
    state: Path,
    declarations: Declarations,
    progress: Progress,
) -> Release | None:
    """The next release of `table`, or None where it would be the same as the last."""
    store, parts = ReleaseStore(state), PartStore(state)
    revoked = store.revoked(table.name)
    standing = [
        part
        for period in parts.periods(table)
        if (part := parts.get(table, period, revoked)) is not None
    ]
    last = store.latest(table.name)
    if not standing or (
        last is not None
        and last.digests == [part.digest for part in standing]
        and last.manifest["declaration"] == table.digest
    ):
        return None
    columns = [column.name for column in table.columns]
    for part in standing:
        if pq.read_schema(part.path).names != columns:
            raise Refused(
                table.name,
                f"The declared columns are not those that {part.period} was published with, and "
                "that period is frozen. Undo the change, or declare a table of a new name.",
            )
    progress(table.name, "")
    publishers = [table.organization, *(source.organization for source in sources)]
    organization = next(name for name in publishers if name)
    described: list[Mapping[str, object]] = [
        {"name": source.name, "title": dict(source.title), "simulated": source.simulated}
        for source in sources
    ]
    simulated = any(source.simulated for source in sources)
    return store.create(table, standing, declarations, described, organization, simulated)


def _forget(record: str, tables: Sequence[Table], state: Path, declarations: Declarations) -> None:
    """Delete the snapshots about persons that no table needs any more."""
    if declarations.records[record].about != "persons":
        return
    snapshots = SnapshotStore(state)
    for folder in snapshots.root.glob(f"*/{record}"):
        for period in snapshots.periods(folder.parent.name, record):
            snapshot = snapshots.get(folder.parent.name, record, period)
            if snapshot is not None and all(_standing(table, period, state) for table in tables):
                snapshots.discard(snapshot)
