"""The second step: from sealed snapshots to releases. Nothing changed: no release."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq

from harvesters.disclosure import Refused
from harvesters.disclosure.personal_data import refuse_personal_metadata
from harvesters.files import locked, sha256
from harvesters.parts import (
    Part,
    PartStore,
    basis_of,
    build_parts,
    register_of,
    schema_of,
)
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
    held: list[tuple[str, str]] = field(default_factory=list)
    """Record types and periods whose revision waits for a publisher's decision from now on."""


def release(
    sources: Sequence[Source],
    state: Path,
    declarations: Declarations,
    progress: Progress = lambda table, period: None,
) -> Outcome:
    """Release every table whose parts are not those of its last release.

    A protection set that is refused keeps its last releases; the others go on. A release that was
    withdrawn is not made again. A revision that tells by how few persons a figure has changed waits
    for a publisher's decision. Snapshots about persons are deleted once they have led to parts of
    every table that counts them.
    """
    outcome = Outcome()
    with locked(state / "releases" / ".building.lock"):
        ReleaseStore(state).finish_withdrawals()
        for record, tables in protection_sets(declarations).items():
            feeding = [source for source in sources if record in source.records]
            for period in open_periods(record, tables, feeding, state):
                due = _due(record, tables, period, state, declarations)
                if not due:
                    continue
                names = ", ".join(table.name for table in due)
                with _refusing(names, outcome):
                    progress(names, period)
                    build_parts(due, period, state, declarations, _revoked(tables, state))
                    if PartStore(state).held(record, period) is not None:
                        log.warning("A revision of %s for %s waits for a decision.", names, period)
                        outcome.held.append((record, period))
            for table in tables:
                with _refusing(table.name, outcome):
                    made = _release_table(table, feeding, state, declarations, progress)
                    if made is not None:
                        outcome.releases.append(made)
            with _refusing(", ".join(table.name for table in tables), outcome):
                _forget(record, tables, state, declarations)
    return outcome


@contextmanager
def _refusing(tables: str, outcome: Outcome) -> Iterator[None]:
    """Whatever goes wrong inside, an operator is told, and the other tables go on."""
    try:
        yield
    except Refused as refused:
        log.error("Not published: %s", refused)
        outcome.refusals.append(refused)
    except Exception as error:
        # Where it went wrong and not what it says: that may hold a value of a record.
        where = "".join(traceback.format_tb(error.__traceback__))
        log.error("Not published: %s: %s at\n%s", tables, type(error).__name__, where)
        reason = f"An unforeseen error, {type(error).__name__}; the log has where."
        outcome.refusals.append(Refused(tables, reason))


def needed(record: str, period: str, state: Path, declarations: Declarations) -> bool:
    """Whether a snapshot of `record` for `period` is needed even if its source changed nothing:
    some table has no part, or another source brings a revision. Registers always are."""
    if declarations.records[record].about == "institutions":
        return True
    tables = protection_sets(declarations).get(record, [])
    store, revoked = PartStore(state), _revoked(tables, state)
    newest = [store.newest(table, period) for table in tables]
    parts = [part for part in newest if part is not None and part.digest not in revoked]
    if len(parts) < len(tables):
        return True
    # What the newest parts, held or not, were counted from has led to all that it could.
    used = store.rejected(record, period).union(*(part.snapshots for part in parts))
    return any(one.sha256 not in used for one in SnapshotStore(state).all(record, period))


def _due(
    record: str, tables: Sequence[Table], period: str, state: Path, declarations: Declarations
) -> list[Table]:
    """The tables to build for a period from what is sealed: those without a part, or all of them
    where those that stand were counted from something else."""
    store, revoked = PartStore(state), _revoked(tables, state)
    sealed = SnapshotStore(state).all(record, period)
    basis = basis_of(sealed, register_of(record, tables[0], period, state, declarations))
    standing = {table.name: _standing(table, period, state, revoked) for table in tables}
    missing = [table for table in tables if standing[table.name] is None]
    outdated = any(part is not None and part.basis != basis for part in standing.values())
    due = list(tables) if outdated else missing
    return [] if due and basis in store.decided(record, period) else due


def protection_sets(declarations: Declarations) -> dict[str, list[Table]]:
    """The tables by the record type that they are counted from."""
    sets: dict[str, list[Table]] = {}
    for table in declarations.tables.values():
        sets.setdefault(table.record, []).append(table)
    return sets


def _revoked(tables: Sequence[Table], state: Path) -> set[str]:
    """The digests of the tables' parts that were withdrawn."""
    store = ReleaseStore(state)
    return set().union(*(store.revoked(table.name) for table in tables))


def _standing(table: Table, period: str, state: Path, revoked: set[str]) -> Part | None:
    return PartStore(state).get(table, period, revoked)


def open_periods(
    record: str, tables: Sequence[Table], sources: Sequence[Source], state: Path
) -> Iterator[str]:
    """The periods that every source that has them has delivered; none as long as one of the
    sources was never asked what it has."""
    snapshots = SnapshotStore(state)
    if not all(snapshots.was_asked(source.name, record) for source in sources):
        return
    listed = {source.name: set(snapshots.periods(source.name, record)) for source in sources}
    for period in sorted(set().union(*listed.values())):
        if all(
            snapshots.get(name, record, period) is not None
            for name, periods in listed.items()
            if period in periods
        ):
            yield period


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
    digests = [part.digest for part in standing]
    releases = store.releases(table.name)
    last = [one for one in releases if one.state != "withdrawn"][-1:]
    withdrawn = [one for one in releases if one.state == "withdrawn"]
    if not standing or any(
        one.digests == digests and one.manifest["declaration"] == table.digest
        for one in (*last, *withdrawn)
    ):
        return None
    for part in standing:
        if sha256(part.path) != part.digest:
            raise Refused(table.name, f"The file of {part.period} is not the one that was audited.")
        if not pq.read_schema(part.path).remove_metadata().equals(schema_of(table)):
            raise Refused(
                table.name,
                f"The declared columns are not those that {part.period} was published with, and "
                "that period is frozen. Undo the change, or declare a table of a new name.",
            )
    progress(table.name, "")
    publishers = [table.organization, *(source.organization for source in sources)]
    organization = next((name for name in publishers if name), None)
    if organization is None:
        raise Refused(table.name, f"No source delivers {table.record} any more.")
    described: list[Mapping[str, object]] = [
        {"name": source.name, "title": dict(source.title), "simulated": source.simulated}
        for source in sources
    ]
    refuse_personal_metadata(table, described)
    # What was once simulated stays so, whatever becomes of the source.
    carried = {digest for one in releases if one.manifest["simulated"] for digest in one.digests}
    simulated = bool(carried & set(digests)) or any(source.simulated for source in sources)
    return store.create(table, standing, declarations, described, organization, simulated)


def _forget(record: str, tables: Sequence[Table], state: Path, declarations: Declarations) -> None:
    """Delete the snapshots about persons that no table needs any more."""
    if declarations.records[record].about != "persons":
        return
    snapshots = SnapshotStore(state)
    for source, period in snapshots.kept(record):
        if not needed(record, period, state, declarations):
            snapshots.discard(source, record, period)
