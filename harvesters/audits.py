"""The outcome of the last audit of what is published, kept in one small file for who asks later.

``audits/latest.json`` says when the tables of each record type and period were last audited, of
which files, and what came of it. It holds no figure of a table, and no place in one.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harvesters.disclosure.highs import version
from harvesters.files import locked, read_json, write_json
from harvesters.reaudit import (
    Result,
    Version,
    audited_sets,
    changed_files,
    earlier_versions,
    reaudit,
    reaudit_set,
    standing,
    versions_of,
)
from harvesters.releases import TIME_ZONE, ReleaseStore
from schemas import Declarations

OVERDUE = datetime.timedelta(hours=26)
"""An audit each night is missing after this long, with room for one that takes its time."""


@dataclass(frozen=True)
class Audited:
    """The last audit of the tables of one record type and period: when, the digests of their files
    by table, how many earlier versions were audited with them, and the kind of the problem
    (`harvesters.reaudit`) or None."""

    record: str
    period: str
    at: str
    files: Mapping[str, str]
    earlier: int
    suppressed: int
    programmes: int
    problem: str | None


@dataclass(frozen=True)
class Audit:
    """What is known of the audits of what is published. `at` is the moment since when all of it
    has been audited (ISO 8601): that of the set whose last audit is the oldest."""

    at: str
    solver: str
    sets: tuple[Audited, ...]

    @property
    def tables(self) -> list[str]:
        """The names of the tables that were audited, in order."""
        return sorted({name for one in self.sets for name in one.files})

    @property
    def suppressed(self) -> int:
        """How many suppressed figures were audited."""
        return sum(one.suppressed for one in self.sets)

    @property
    def problems(self) -> list[Audited]:
        """What did not pass."""
        return [one for one in self.sets if one.problem is not None]

    @property
    def is_overdue(self) -> bool:
        """Whether a nightly audit is missing."""
        return datetime.datetime.now(TIME_ZONE) - datetime.datetime.fromisoformat(self.at) > OVERDUE

    def of(self, digests: Collection[str]) -> str | None:
        """When the parts with these `digests` had all been audited again and found safe; None
        where one was not."""
        passed = {
            digest: one.at
            for one in self.sets
            if one.problem is None
            for digest in one.files.values()
        }
        times = [passed.get(digest) for digest in digests]
        known = [time for time in times if time is not None]
        return min(known) if known and len(known) == len(times) else None

    def as_dict(self) -> dict[str, Any]:
        """The audit as it is kept."""
        return {
            "at": self.at,
            "tables": len(self.tables),
            "periods": len({one.period for one in self.sets}),
            "suppressed": self.suppressed,
            "linear_programmes": sum(one.programmes for one in self.sets),
            "solver": self.solver,
            "problems": [
                {"tables": list(one.files), "period": one.period, "kind": one.problem}
                for one in self.problems
            ],
            "sets": [
                {
                    "record": one.record,
                    "period": one.period,
                    "at": one.at,
                    "files": dict(one.files),
                    "earlier_versions": one.earlier,
                    "suppressed": one.suppressed,
                    "linear_programmes": one.programmes,
                    "problem": one.problem,
                }
                for one in self.sets
            ],
        }


def audit_and_keep(
    state: Path, declarations: Declarations, names: Collection[str] = ()
) -> list[Result]:
    """Audit again what is published, of the protection sets of `names` or all, and keep what came
    of it."""
    audited = audited_sets(declarations, names)
    with _alone(state):
        now = _now()
        results = list(reaudit(state, declarations, names))
        last = last_audit(state) if names else None
        others = [one for one in last.sets if one.record not in audited] if last else []
        _write(state, [*others, *(_audited(one, now) for one in results)])
    return results


def audit_changes(state: Path, declarations: Declarations) -> list[Result]:
    """Bring what is kept up to date with what is published otherwise than when it was last
    audited; the results of that.

    Files that were audited together before they were published stand by their certificates, as
    long as they are the same to the byte; all else is audited.
    """
    with _alone(state):
        last = last_audit(state)
        before = {(one.record, one.period): one for one in last.sets} if last else {}
        results, sets = [], []
        for record, tables in audited_sets(declarations).items():
            for period, versions in versions_of(state, tables).items():
                known = before.get((record, period))
                published = standing(versions), earlier_versions(versions)
                if known and (known.files, known.earlier) == published:
                    sets.append(known)
                    continue
                certified = _certified(state, record, period, versions)
                if certified is None:
                    results.append(reaudit_set(state, record, period, versions))
                    sets.append(_audited(results[-1], _now()))
                else:
                    results.append(certified[0])
                    sets.append(_audited(*certified))
        if last is None or sets != list(last.sets):
            _write(state, sets)
    return results


def _certified(
    state: Path, record: str, period: str, versions: Sequence[Version]
) -> tuple[Result, str] | None:
    """What a certificate says of just these files and as many versions before, and when they had
    all been published; None where there is no such certificate."""
    files, earlier = standing(versions), earlier_versions(versions)
    systems = [one.part.certificate["system"] for one in versions if not one.number]
    asked = sorted(files.values()), earlier
    system = next(
        (
            one for one in systems
            if (sorted(one.get("files_sha256", ())), one.get("earlier_versions")) == asked
        ),
        None,
    )  # fmt: skip
    if system is None or changed_files(state, versions) is not None:
        return None
    releases = ReleaseStore(state)
    issued = [
        next(
            str(release.manifest["issued"])
            for release in releases.releases(name)
            if digest in release.digests
        )
        for name, digest in files.items()
    ]
    result = Result(
        record, period, files, earlier, system["suppressed"], system["linear_programmes"]
    )
    return result, max(issued)


def _audited(result: Result, at: str) -> Audited:
    return Audited(
        result.record, result.period, at, result.files, result.earlier, result.suppressed,
        result.programmes, result.kind,
    )  # fmt: skip


def _alone(state: Path) -> AbstractContextManager[None]:
    """Audits wait for one another, or one would put back what the other found."""
    return locked(state / "audits" / ".lock")


def _now() -> str:
    return datetime.datetime.now(TIME_ZONE).replace(microsecond=0).isoformat()


def _write(state: Path, sets: Iterable[Audited]) -> None:
    """Keep `sets` in place of what was kept."""
    kept = tuple(sorted(sets, key=lambda one: (one.record, one.period)))
    oldest = min((one.at for one in kept), default=_now())
    write_json(_file(state), Audit(oldest, f"HiGHS {version()}", kept).as_dict())


def last_audit(state: Path) -> Audit | None:
    """The outcome of the last audit, or None where there was none yet."""
    try:
        kept = read_json(_file(state))
    except FileNotFoundError:
        return None
    return Audit(
        kept["at"],
        kept["solver"],
        tuple(
            Audited(
                one["record"], one["period"], one["at"], one["files"], one["earlier_versions"],
                one["suppressed"], one["linear_programmes"], one["problem"],
            )
            for one in kept["sets"]
        ),
    )  # fmt: skip


def _file(state: Path) -> Path:
    return state / "audits" / "latest.json"
