"""Releases: numbered, immutable folders of one table's published files. They are the truth.

``releases/<table>/<n>/`` holds the files and ``manifest.json``; beside the folder,
``<n>.approved.json`` says that a publisher let it out and ``<n>.withdrawn.json`` that it was
taken back, and with it every release that holds a part it revokes. Everything else that readers
meet is made from these.
"""

from __future__ import annotations

import datetime
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from harvesters.disclosure import Refused
from harvesters.disclosure.personal_data import refuse_personal_reason
from harvesters.files import PRIVATE, locked, new_folder, read_json, write_json
from harvesters.ladder import share_suppressed
from harvesters.parts import FORMAT, Part
from harvesters.writers import SIMULATED, write_files
from schemas import Declarations, Table

TIME_ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
MANIFEST = "manifest.json"


class UnknownRelease(Exception):
    """There is no such table or release."""


@dataclass(frozen=True)
class Release:
    """One release of a table. `state` is ``published``, ``waiting`` (for approval) or
    ``withdrawn``; `withdrawal` then says when and why, and which parts it revokes."""

    table: str
    number: int
    path: Path
    manifest: Mapping[str, Any]
    state: str
    withdrawal: Mapping[str, Any] | None

    def file(self, name: str) -> Path | None:
        """The path of the file called `name` in the manifest; None where there is none, or the
        release is not published."""
        if self.state != "published":
            return None
        if any(file["name"] == name for file in self.manifest["files"]):
            return self.path / name
        return None

    @property
    def digests(self) -> list[str]:
        """The digests of the parts that the release is made of."""
        return [part["digest"] for part in self.manifest["parts"]]


class ReleaseStore:
    """The folder of releases under a state folder."""

    def __init__(self, state: Path):
        self.state = state
        self.root = state / "releases"

    def tables(self) -> list[str]:
        """The names of the tables that have a release, whatever its state."""
        return sorted(path.parent.parent.name for path in self.root.glob(f"*/1/{MANIFEST}"))

    def releases(self, table: str) -> list[Release]:
        """The releases of `table`, the first one first."""
        marks = self._withdrawals(table)
        return [self._release(table, number, marks) for number in self._numbers(table)]

    def get(self, table: str, number: int) -> Release:
        """Release `number` of `table`.

        :raises UnknownRelease: there is none.
        """
        try:
            return self._release(table, number, self._withdrawals(table))
        except FileNotFoundError:
            raise UnknownRelease(f"{table} has no release {number}.") from None

    def current(self, table: str) -> Release | None:
        """The highest release of `table` that is published, or None."""
        return self._highest(table, {"published"})

    def latest(self, table: str) -> Release | None:
        """The highest release of `table` that was not withdrawn, or None."""
        return self._highest(table, {"published", "waiting"})

    def revoked(self, table: str) -> set[str]:
        """The digests of parts that must not be published again: those that withdrawn releases
        brought in."""
        return set().union(*(mark["revoked"] for mark in self._withdrawals(table).values()))

    def _highest(self, table: str, states: set[str]) -> Release | None:
        marks = self._withdrawals(table)
        for number in reversed(self._numbers(table)):
            release = self._release(table, number, marks)
            if release.state in states:
                return release
        return None

    def _numbers(self, table: str) -> list[int]:
        folders = (self.root / table).glob(f"[0-9]*/{MANIFEST}")
        return sorted(int(path.parent.name) for path in folders)

    def _withdrawals(self, table: str) -> dict[int, Mapping[str, Any]]:
        """The marks of withdrawn releases, by number."""
        paths = (self.root / table).glob("[0-9]*.withdrawn.json")
        return {int(path.name.split(".")[0]): read_json(path) for path in sorted(paths)}

    def _release(
        self, table: str, number: int, withdrawals: Mapping[int, Mapping[str, Any]]
    ) -> Release:
        path = self.root / table / str(number)
        manifest = read_json(path / MANIFEST)
        approved = self.root / table / f"{number}.approved.json"
        digests = {part["digest"] for part in manifest["parts"]}
        # One mark takes back every release with what it revokes, so that a kill between two marks
        # leaves none of them to readers.
        revoking = (mark for mark in withdrawals.values() if digests & set(mark["revoked"]))
        withdrawal = withdrawals.get(number) or next(revoking, None)
        if withdrawal is not None:
            state = "withdrawn"
        elif manifest["approval_required"] and not approved.exists():
            state = "waiting"
        else:
            state = "published"
        return Release(table, number, path, manifest, state, withdrawal)

    def approve(self, table: str, number: int, by: str, reason: str) -> None:
        """Let a waiting release out.

        :raises UnknownRelease: there is none, or it is not waiting.
        """
        if self.get(table, number).state != "waiting":
            raise UnknownRelease(f"Release {number} of {table} does not wait for approval.")
        mark = {"by": by, "reason": reason, "at": _now()}
        write_json(self.root / table / f"{number}.approved.json", mark)

    def withdraw(self, table: str, number: int | None, reason: str) -> list[int]:
        """Take back release `number` of `table`, and every later one that carries what it
        brought in; all releases without a number. Their files move out of every reader's reach.

        Returns the numbers of the releases taken back; doing it again finishes what a kill left.

        :raises UnknownRelease: there is none.
        :raises Refused: the reason, which readers are shown, holds personal data.
        """
        refuse_personal_reason(table, reason)
        with locked(self.root / ".lock"):
            releases = self.releases(table)
            if not releases:
                raise UnknownRelease(f"{table} has no release.")
            first = releases[0] if number is None else self.get(table, number)
            before = {
                digest
                for release in releases
                if release.number < first.number and release.state != "withdrawn"
                for digest in release.digests
            }
            bad = releases if number is None else [first]
            brought = {digest for release in bad for digest in release.digests} - before
            taken = [
                release
                for release in releases
                if release in bad
                or (release.number > first.number and brought & set(release.digests))
            ]
            mark = {"reason": reason, "at": _now(), "revoked": sorted(brought)}
            for release in taken:
                path = self.root / table / f"{release.number}.withdrawn.json"
                if not path.exists():
                    write_json(path, mark)
            for release in taken:
                self._put_away(release)
            return [release.number for release in taken]

    def _put_away(self, release: Release) -> None:
        """Move a withdrawn release's files to a private folder; the manifest stays."""
        away = self.state / "withdrawn" / release.table / str(release.number)
        for folder in (self.state / "withdrawn", away.parent, away):
            folder.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        for file in release.manifest["files"]:
            path = release.path / file["name"]
            if path.exists():
                os.replace(path, away / file["name"])

    def finish_withdrawals(self) -> None:
        """Put away what withdrawals that were killed left."""
        with locked(self.root / ".lock"):
            for table in self.tables():
                for release in self.releases(table):
                    if release.state == "withdrawn":
                        self._put_away(release)

    def create(
        self,
        table: Table,
        parts: Sequence[Part],
        declarations: Declarations,
        sources: Sequence[Mapping[str, Any]],
        organization: str,
        simulated: bool,
    ) -> Release:
        """Write the next release of `table`, made of `parts` in the order of their periods.

        :raises Refused: one of the parts was withdrawn.
        """
        # Under the lock of withdrawals: none comes between looking and publishing.
        with locked(self.root / ".lock"):
            if self.revoked(table.name) & {part.digest for part in parts}:
                raise Refused(table.name, "Some of its figures were withdrawn.")
            number = max(self._numbers(table.name), default=0) + 1
            self._write(number, table, parts, declarations, sources, organization, simulated)
        return self.get(table.name, number)

    def _write(
        self,
        number: int,
        table: Table,
        parts: Sequence[Part],
        declarations: Declarations,
        sources: Sequence[Mapping[str, Any]],
        organization: str,
        simulated: bool,
    ) -> None:
        before = self.latest(table.name)
        with new_folder(self.root / table.name / str(number)) as folder:
            files = write_files(
                table, [part.path for part in parts], declarations.codelists, folder, simulated
            )
            certificates = folder / "certificates"
            certificates.mkdir()
            for part in parts:
                write_json(certificates / f"{part.period}.json", part.certificate)
            left_out = [
                sum(snapshot["left_out"] for snapshot in part.certificate["snapshots"])
                for part in parts
            ]
            manifest = {
                "format": FORMAT,
                "table": table.name,
                "release": number,
                "issued": _now(),
                "simulated": simulated,
                "sources": list(sources),
                "organization": organization,
                "declaration": table.digest,
                "periods": [part.period for part in parts],
                "parts": [
                    {
                        "period": part.period,
                        "digest": part.digest,
                        "certificate": f"certificates/{part.period}.json",
                        "rows": part.certificate["cells"],
                        "suppressed": part.certificate["suppressed"],
                        "given_up": part.certificate["given_up"],
                        "left_out": missing,
                    }
                    for part, missing in zip(parts, left_out, strict=True)
                ],
                "rows": sum(part.certificate["cells"] for part in parts),
                "files": files,
                "columns": [column.as_dict() for column in table.columns],
                "changes": _changes(table, before, parts, folder),
                "notes": _notes(table, parts, left_out, simulated),
                "approval_required": table.approval,
            }
            write_json(folder / MANIFEST, manifest)


def _now() -> str:
    return datetime.datetime.now(TIME_ZONE).replace(microsecond=0).isoformat()


_PERSONS = {"vi": "bảo vệ dữ liệu cá nhân", "en": "protect personal information"}
_AMOUNTS = {
    "vi": "không lộ số liệu riêng của từng cơ sở",
    "en": "protect the amounts of single institutions",
}
_PROTECTED: Mapping[tuple[bool, bool], Mapping[str, str]] = {
    (True, False): _PERSONS,
    (False, True): _AMOUNTS,
    (False, False): _PERSONS,
    (True, True): {
        "vi": f"{_PERSONS['vi']} và {_AMOUNTS['vi']}",
        "en": f"{_PERSONS['en']} and the amounts of single institutions",
    },
}
"""What is protected, by whether a table is about persons, and about amounts."""


def _notes(
    table: Table, parts: Sequence[Part], left_out: Sequence[int], simulated: bool
) -> list[Mapping[str, str]]:
    """What a reader should know of this release, in words."""
    notes: list[Mapping[str, str]] = [SIMULATED] if simulated else []
    why = _PROTECTED[table.about_persons, table.about_amounts]
    given_up: dict[tuple[str, ...], list[str]] = {}
    for part in parts:
        given_up.setdefault(tuple(part.certificate["given_up"]), []).append(part.period)
    for columns, periods in given_up.items():
        if columns:
            titles = {
                key: ", ".join(table.column(name).title[key] for name in columns)
                for key in ("vi", "en")
            }
            notes.append(
                {
                    "vi": f"Kỳ {', '.join(periods)}: không công bố chi tiết theo {titles['vi']}, "
                    f"để {why['vi']}.",
                    "en": f"{', '.join(periods)}: no detail by {titles['en']}, to {why['en']}.",
                }
            )
    for part, missing in zip(parts, left_out, strict=True):
        share = share_suppressed(table, part.certificate["suppressed"], part.certificate["cells"])
        if share > table.disclosure.most_suppressed:
            notes.append(
                {
                    "vi": f"Kỳ {part.period}: {share:.0%} số liệu được ẩn để {why['vi']}; bảng đã "
                    "được rút gọn đến mức khai báo cho phép.",
                    "en": f"{part.period}: {share:.0%} of the figures are suppressed to "
                    f"{why['en']}; the table is as coarse as its declaration allows.",
                }
            )
        if missing:
            notes.append(
                {
                    "vi": f"Kỳ {part.period}: {missing} bản ghi không hợp lệ không được tính.",
                    "en": f"{part.period}: {missing} invalid records are not counted.",
                }
            )
    return notes


def _changes(
    table: Table, before: Release | None, parts: Sequence[Part], folder: Path
) -> dict[str, Any]:
    """What changed since the release before: periods, and rows of the periods in both."""
    rows = sum(int(part.certificate["cells"]) for part in parts)
    if before is None:
        periods = [part.period for part in parts]
        return {
            "previous": None, "periods_added": periods, "periods_removed": [],
            "rows_added": rows, "rows_changed": 0, "rows_removed": 0,
        }  # fmt: skip
    old = {part["period"]: part for part in before.manifest["parts"]}
    new = {part.period: part for part in parts}
    added = [period for period in new if period not in old]
    removed = [period for period in old if period not in new]
    changed = [
        period for period in new if period in old and old[period]["digest"] != new[period].digest
    ]
    counts = {
        "rows_added": sum(int(new[period].certificate["cells"]) for period in added),
        "rows_changed": 0,
        "rows_removed": sum(int(old[period]["rows"]) for period in removed),
    }
    if changed:
        for name, number in _compare(table, before, folder, changed).items():
            counts[name] += number
    return {
        "previous": before.number, "periods_added": added, "periods_removed": removed, **counts
    }  # fmt: skip


def _compare(table: Table, before: Release, folder: Path, periods: Sequence[str]) -> dict[str, int]:
    """Rows added, changed and removed in `periods` between two releases, by the table's key."""
    file = f"{table.name}.parquet"
    keys = ", ".join(f'"{name}"' for name in table.key)
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.read_parquet(str(before.path / file)).create_view("old")
        connection.read_parquet(str(folder / file)).create_view("new")
        where = f'WHERE "{table.period}" IN ({", ".join("?" for _ in periods)})'

        def count(query: str, times: int) -> int:
            row = connection.execute(query, list(periods) * times).fetchone()
            return int(row[0]) if row else 0

        both = count(
            f"SELECT count(*) FROM (SELECT {keys} FROM old {where}) "
            f"JOIN (SELECT {keys} FROM new {where}) USING ({keys})",
            2,
        )
        if {c.name for c in table.columns} == {c["name"] for c in before.manifest["columns"]}:
            names = ", ".join(f'"{column.name}"' for column in table.columns)
            same = count(
                f"SELECT count(*) FROM (SELECT {names} FROM old {where} "
                f"INTERSECT SELECT {names} FROM new {where})",
                2,
            )
        else:
            same = 0
        total_old = count(f"SELECT count(*) FROM old {where}", 1)
        total_new = count(f"SELECT count(*) FROM new {where}", 1)
    return {
        "rows_added": total_new - both,
        "rows_changed": both - same,
        "rows_removed": total_old - both,
    }
