"""Audits again what is published now: each protection set and period, as a reader has it."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harvesters.disclosure import Between, Published, Refused, audit_together
from harvesters.files import sha256
from harvesters.parts import Part, PartStore, as_published
from harvesters.release import protection_sets
from harvesters.releases import ReleaseStore
from schemas import Declarations, Table

log = logging.getLogger(__name__)

CHANGED, UNSAFE, ERROR = "changed", "unsafe", "error"
"""The kinds of problems: a file is not the one that was audited; more can be worked out than was
promised; the audit could not be carried through."""


@dataclass(frozen=True)
class Version:
    """A table's part for a period, as a reader has it or may have kept it: `number` is 0 for what
    is published now, else that of the part."""

    table: Table
    part: Part
    number: int

    @property
    def published(self) -> Published:
        """The same, for an audit."""
        table = as_published(self.table, self.part)
        return Published(table, self.part.path, self.part.cells, self.number)


@dataclass(frozen=True)
class Result:
    """What an audit of the tables of one record type and period came to.

    `files` are the digests of what was audited, by table, and `earlier` how many versions before
    were audited with them; `problem` is why it failed and `kind` of what kind that is, or None.
    """

    record: str
    period: str
    files: Mapping[str, str] = field(default_factory=dict)
    earlier: int = 0
    suppressed: int = 0
    programmes: int = 0
    problem: str | None = None
    kind: str | None = None

    @property
    def tables(self) -> tuple[str, ...]:
        """The names of the tables that were audited together."""
        return tuple(self.files)


def reaudit(
    state: Path, declarations: Declarations, names: Collection[str] = ()
) -> Iterator[Result]:
    """Audit the tables of all current releases in which something may be suppressed, together with
    every version that was let out before; only the protection sets of the tables called `names`,
    where there are any.

    Whatever goes wrong with one protection set, the others are audited too.
    """
    for record, tables in audited_sets(declarations, names).items():
        for period, versions in versions_of(state, tables).items():
            yield reaudit_set(state, record, period, versions)


def reaudit_set(state: Path, record: str, period: str, versions: Sequence[Version]) -> Result:
    """Audit the tables of one record type and period, as `versions_of` tells them."""
    files, earlier = standing(versions), earlier_versions(versions)
    problem = changed_files(state, versions)
    if problem is not None:
        return Result(record, period, files, earlier, problem=problem, kind=CHANGED)
    try:
        found = audit_together(
            period, [one.published for one in versions], between(state, record, period, versions)
        ).certificates
    except Refused as refused:
        return Result(record, period, files, earlier, problem=str(refused), kind=UNSAFE)
    except Exception as error:
        # Where it went wrong and not what it says: that may hold a value.
        where = "".join(traceback.format_tb(error.__traceback__))
        log.error("The audit of %s failed: %s at\n%s", record, type(error).__name__, where)
        problem = f"An unforeseen error, {type(error).__name__}; the log has where."
        return Result(record, period, files, earlier, problem=problem, kind=ERROR)
    system = next(iter(found.values())).system
    return Result(record, period, files, earlier, system["suppressed"], system["linear_programmes"])


def between(state: Path, record: str, period: str, versions: Sequence[Version]) -> list[Between]:
    """What lies between `versions` of tables that cross, for an audit."""
    known = [(one.table, one.part, one.number) for one in versions]
    return PartStore(state).between(record, period, known)


def standing(versions: Sequence[Version]) -> dict[str, str]:
    """The digests of the parts that are published now, by table."""
    return {one.table.name: one.part.digest for one in versions if not one.number}


def earlier_versions(versions: Sequence[Version]) -> int:
    """How many versions there were before."""
    return len({one.number for one in versions if one.number})


def changed_files(state: Path, versions: Sequence[Version]) -> str | None:
    """Which tables have a file that is not the one that was audited, in words; None where all are:
    the parts, and what readers download."""
    releases = ReleaseStore(state)
    changed = []
    for one in versions:
        current = None if one.number else releases.current(one.table.name)
        files = {one.part.path: one.part.digest}
        if current is not None:
            files |= {
                current.path / file["name"]: file["sha256"] for file in current.manifest["files"]
            }
        if any(not path.is_file() or sha256(path) != digest for path, digest in files.items()):
            changed.append(one.table.name)
    if not changed:
        return None
    return f"The file of {', '.join(dict.fromkeys(changed))} is not the one that was audited."


def audited_sets(declarations: Declarations, names: Collection[str] = ()) -> dict[str, list[Table]]:
    """The tables about persons by the record type that they are counted from, in order; only the
    sets that one of `names` belongs to, where there are any."""
    return {
        record: tables
        for record, every in sorted(protection_sets(declarations).items())
        if (tables := [one for one in every if one.is_protected])
        and (not names or any(table.name in names for table in tables))
    }


def versions_of(state: Path, tables: Sequence[Table]) -> dict[str, list[Version]]:
    """What was let out of `tables`, which are counted from one record type, by period; only
    periods of which something is published now."""
    store, releases = PartStore(state), ReleaseStore(state)
    current = {table.name: releases.current(table.name) for table in tables}
    public = {name: set(one.digests) if one else set() for name, one in current.items()}
    found = {}
    for period in sorted({period for table in tables for period in store.periods(table)}):
        versions = [
            Version(table, part, 0 if part.digest in public[table.name] else part.number)
            for table in tables
            for part in store.versions(table, period)
        ]
        if any(not one.number for one in versions):
            found[period] = versions
    return found
