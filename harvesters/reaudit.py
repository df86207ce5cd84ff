"""Audits again what is published now: each protection set and period, as a reader has it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from harvesters.disclosure import Published, Refused, audit_together
from harvesters.files import sha256
from harvesters.parts import Part, PartStore, as_published
from harvesters.release import protection_sets
from harvesters.releases import ReleaseStore
from schemas import Declarations, Table


@dataclass(frozen=True)
class Result:
    """What an audit of the tables of one record type and period came to; `problem` is why it
    failed, or None."""

    tables: tuple[str, ...]
    period: str
    suppressed: int = 0
    programmes: int = 0
    problem: str | None = None


def reaudit(
    state: Path, declarations: Declarations, names: Collection[str] = ()
) -> Iterator[Result]:
    """Audit the tables of all current releases in which something may be suppressed, together with
    every version that was let out before; only the protection sets of the tables called `names`,
    where there are any."""
    store = PartStore(state)
    for _, every in sorted(protection_sets(declarations).items()):
        tables = [one for one in every if one.is_protected]
        if names and not any(table.name in names for table in tables):
            continue
        public = {table.name: _public(state, table) for table in tables}
        for period in sorted({period for table in tables for period in store.periods(table)}):
            versions = [
                (table, part, 0 if part.digest in public[table.name] else part.number)
                for table in tables for part in store.versions(table, period)
            ]  # fmt: skip
            if any(not version for _, _, version in versions):
                yield _audit(period, versions)


def _audit(period: str, versions: list[tuple[Table, Part, int]]) -> Result:
    standing = [(table, part) for table, part, version in versions if not version]
    audited = tuple(table.name for table, _ in standing)
    changed = [table.name for table, part in standing if sha256(part.path) != part.digest]
    if changed:
        problem = f"The file of {', '.join(changed)} is not the one that was audited."
        return Result(audited, period, problem=problem)
    try:
        published = [
            Published(as_published(table, part), part.path, part.cells, version)
            for table, part, version in versions
        ]
        certificates = audit_together(period, published).certificates
    except Refused as refused:
        return Result(audited, period, problem=str(refused))
    system = next(iter(certificates.values())).system
    return Result(audited, period, system["suppressed"], system["linear_programmes"])


def _public(state: Path, table: Table) -> set[str]:
    """The digests of the parts in the table's current release."""
    current = ReleaseStore(state).current(table.name)
    return set(current.digests) if current is not None else set()
