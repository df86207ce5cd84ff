"""Audits again what is published now: each protection set and period, as a reader has it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from harvesters.disclosure import Published, Refused, audit_together
from harvesters.files import sha256
from harvesters.parts import PartStore
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
    """Audit the tables about persons of all current releases; only the protection sets of the
    tables called `names`, where there are any."""
    for record, every in sorted(protection_sets(declarations).items()):
        tables = [one for one in every if any(m.about == "persons" for m in one.measures)]
        if names and not any(table.name in names for table in tables):
            continue
        public = {table.name: _public(state, table) for table in tables}
        store = PartStore(state)
        for period in sorted({period for table in tables for period in store.periods(table)}):
            standing = [
                (table, part) for table in tables
                if (part := store.get(table, period)) and part.digest in public[table.name]
            ]  # fmt: skip
            if not standing:
                continue
            audited = tuple(table.name for table, _ in standing)
            changed = [table.name for table, part in standing if sha256(part.path) != part.digest]
            if changed:
                problem = f"The file of {', '.join(changed)} is not the one that was audited."
                yield Result(audited, period, problem=problem)
                continue
            published = [Published(table, part.path) for table, part in standing]
            between = store.between(record, period, [table for table, _ in standing])
            primary = store.primary(record, period)
            try:
                found, _ = audit_together(period, published, primary, between)
            except Refused as refused:
                yield Result(audited, period, problem=str(refused))
                continue
            system = next(iter(found.values())).system
            yield Result(audited, period, system["suppressed"], system["linear_programmes"])


def _public(state: Path, table: Table) -> set[str]:
    """The digests of the parts in the table's current release."""
    current = ReleaseStore(state).current(table.name)
    return set(current.digests) if current is not None else set()
