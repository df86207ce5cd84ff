"""Parts: what is safe to publish of a protection set for one reference period, for good.

All tables that are counted from one record type share their margins, so they are one protection
set: tabulated, protected and audited together, and written as one folder or not at all. A period
freezes when its part is written. A table that is declared later joins it; other records make a
*revision*: a new part of all the tables, protected and audited together with those before it. A
revision that tells that a few persons came or went is *held* until a publisher has decided.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from harvesters.disclosure import (
    CONFIDENTIAL,
    Between,
    Certificate,
    Crossing,
    Frozen,
    FrozenCrossing,
    Published,
    Refused,
    audit,
    audit_together,
    crossings,
    ends,
    protect_together,
    structural,
)
from harvesters.files import PRIVATE, digest_of, new_folder, read_json, write_json
from harvesters.ladder import next_down, too_dear
from harvesters.periods import school_year_of
from harvesters.snapshots import Snapshot, SnapshotStore
from harvesters.tabulate import components, tabulate, without
from schemas import TOTAL, TOTAL_LABEL, Declarations, Measure, Table
from schemas.record import INSTITUTION, REGISTER
from schemas.table import AT_LEAST, AT_MOST, HIGH_END, LOW_END, STRUCTURAL

FORMAT = 1
"""Raised when the same cells would be written differently, so that digests tell."""


REVISED = "r"
"""The flag of a value that is not the one published before (SDMX OBS_STATUS, in small)."""

HELD = "held.json"
"""The file in a part's folder that says why it is held; who decided stands beside the folder."""


BETWEEN = ".between"
"""How the files in a part's folder (Parquet) end that have what was counted in the cells that lie
between tables which cross: for the audits of later versions only, and for nobody else."""

CROSSES = " x "
"""Stands between the names of those tables."""


@dataclass(frozen=True)
class Part:
    """One table's share of a part: a Parquet file of one period, and its certificate. `number` is
    that of the part."""

    table: str
    period: str
    digest: str
    path: Path
    certificate: Mapping[str, Any]

    @property
    def number(self) -> int:
        """The number of the part among those of the same record type and period."""
        return int(self.path.parent.name)

    @property
    def cells(self) -> Path:
        """What was counted in each row of a cube. Private: it is there for the audits of later
        versions, and never served."""
        return self.path.with_suffix(".cells")

    @property
    def snapshots(self) -> list[str]:
        """The digests of the snapshots that the part was counted from."""
        return sorted(snapshot["sha256"] for snapshot in self.certificate["snapshots"])

    @property
    def basis(self) -> str:
        """A digest of the records and the register that the part was counted from."""
        return digest_of([self.snapshots, self.certificate["register"]])


class PartStore:
    """The folder of parts: ``<record>/<period>/<number>/<table>.parquet`` and ``.json``.

    A part that is held counts for nothing until ``<number>.accepted.json`` stands beside it; of
    one that a publisher rejected only ``<number>.rejected.json`` is left.
    """

    def __init__(self, state: Path):
        self.root = state / "parts"

    def get(self, table: Table, period: str, revoked: Collection[str] = ()) -> Part | None:
        """The part of `table` for `period` that stands; those in `revoked` (digests) do not."""
        for part in reversed(self.versions(table, period)):
            if part.digest not in revoked:
                return part
        return None

    def periods(self, table: Table) -> list[str]:
        """The periods for which there is a part of `table`, whether it stands or not."""
        files = (self.root / table.record).glob(f"*/[0-9]*/{table.name}.json")
        return sorted({path.parent.parent.name for path in files if not _is_held(path.parent)})

    def versions(self, table: Table, period: str) -> list[Part]:
        """Every part of `table` for `period` that was let out, the first one first: a reader may
        have kept each of them."""
        folders = self._folders(table.record, period)
        return [
            part for folder in folders
            if not _is_held(folder) and (part := _read(folder, table.name)) is not None
        ]  # fmt: skip

    def newest(self, table: Table, period: str) -> Part | None:
        """The last part of `table` for `period`, held or not."""
        folders = reversed(self._folders(table.record, period))
        found = (_read(folder, table.name) for folder in folders)
        return next((part for part in found if part is not None), None)

    def held(self, record: str, period: str) -> Path | None:
        """The folder of the part that waits for a publisher's decision, or None."""
        waiting = [
            one for one in self._folders(record, period)
            if _is_held(one) and not one.with_name(f"{one.name}.rejected.json").exists()
        ]  # fmt: skip
        return waiting[-1] if waiting else None

    def rejected(self, record: str, period: str) -> set[str]:
        """The digests of snapshots from which nothing was let out that came of them."""
        return {sha256 for mark in self._rejected(record, period) for sha256 in mark["snapshots"]}

    def decided(self, record: str, period: str) -> set[str]:
        """What the parts that are held or were rejected were counted from (`Part.basis`)."""
        held = self.held(record, period)
        waiting = {read_json(held / HELD)["basis"]} if held is not None else set()
        return waiting | {mark["basis"] for mark in self._rejected(record, period)}

    def _rejected(self, record: str, period: str) -> list[Any]:
        marks = (self.root / record / period).glob("[0-9]*.rejected.json")
        return [read_json(mark) for mark in sorted(marks)]

    def between(
        self, record: str, period: str, versions: Sequence[tuple[Table, Part, int]]
    ) -> list[Between]:
        """What lies between the tables of `versions`, each of which is a table, its part and its
        version: 0 for what stands."""
        found: dict[tuple[str, ...], list[Between]] = {}
        for folder in self._folders(record, period):
            if _is_held(folder):
                continue
            for path in sorted(folder.glob(f"*{BETWEEN}")):
                of = tuple(path.name.removesuffix(BETWEEN).split(CROSSES))
                stood = [_stood(name, int(folder.name), versions) for name in of]
                if None not in stood:
                    version = int(folder.name) if any(stood) else 0
                    versions_then = tuple(one or 0 for one in stood)
                    found.setdefault(of, []).append(Between(of, path, version, versions_then))
        return [
            # Only the last one is of what stands.
            replace(one, version=one.version or (int(one.cells.parent.name) if number else 0))
            for every in found.values() for number, one in enumerate(reversed(every))
        ]  # fmt: skip

    def next_folder(self, record: str, period: str) -> Path:
        """The folder that the next part of this protection set goes into."""
        names = (path.name.split(".")[0] for path in (self.root / record / period).glob("[0-9]*"))
        return self.root / record / period / f"{max(map(int, names), default=0) + 1:04d}"

    def _folders(self, record: str, period: str) -> list[Path]:
        found = (self.root / record / period).glob("[0-9]*")
        return sorted(path for path in found if path.is_dir())


def _stood(name: str, number: int, versions: Sequence[tuple[Table, Part, int]]) -> int | None:
    """The version of the table called `name` that stood when the part with that number was made;
    None where there was none."""
    those = [(part.number, version) for table, part, version in versions
             if table.name == name and part.number <= number]  # fmt: skip
    return max(those)[1] if those else None


def _is_held(folder: Path) -> bool:
    accepted = folder.with_name(f"{folder.name}.accepted.json")
    return (folder / HELD).exists() and not accepted.exists()


def _read(folder: Path, table: str) -> Part | None:
    path = folder / f"{table}.json"
    if not path.exists():
        return None
    certificate = read_json(path)
    digest = certificate["file_sha256"]
    return Part(table, folder.parent.name, digest, path.with_suffix(".parquet"), certificate)


def build_parts(
    tables: Sequence[Table],
    period: str,
    state: Path,
    declarations: Declarations,
    revoked: Collection[str] = (),
) -> list[Part]:
    """Count, protect, audit and write the parts of `tables` (one record type) for `period`.

    `revoked` are the digests of withdrawn parts, of any table of that record type. The parts are
    not among those that stand where they have to wait for a publisher's decision.

    :raises Refused: something is in doubt; nothing is written.
    """
    record, name = tables[0].record, tables[0].name
    snapshots, store = SnapshotStore(state), PartStore(state)
    sealed = snapshots.all(record, period)
    if not any(snapshot.rows for snapshot in sealed):
        raise Refused(name, f"There are no records of {record} for {period}.")
    register = register_of(record, tables[0], period, state, declarations)
    if declarations.records[record].names_institutions and record != REGISTER:
        _check_register(name, register)
    basis = _Basis(period, sealed, register, declarations)
    before = _Before(tables, basis, store, revoked)
    waiting = store.held(record, period)
    with new_folder(store.next_folder(record, period), PRIVATE) as folder:
        with snapshots.database_settings() as settings:
            certificates, told = _write_tables(tables, basis, settings, folder, before)
        for table in tables:
            certificate = certificates[table.name]
            _refuse_withdrawn(table, folder, store.versions(table, period), revoked)
            reference = {
                "declaration": table.digest,
                "snapshots": [snapshot.reference() for snapshot in sealed],
                "register": digest_of([snapshot.sha256 for snapshot in register]),
            }
            write_json(folder / f"{table.name}.json", {**certificate, **reference})
        if told:
            held = {
                "record": record,
                "period": period,
                "tables": [table.name for table in tables],
                "told": told,
                "basis": basis.digest,
                "snapshots": sorted(snapshot.sha256 for snapshot in sealed),
            }
            write_json(folder / HELD, held, mode=0o600)
    if waiting is not None:
        # What waited is superseded by what the sources have now.
        shutil.rmtree(waiting)
    return [part for table in tables if (part := store.get(table, period, revoked)) is not None]


def _refuse_withdrawn(
    table: Table, folder: Path, versions: Sequence[Part], revoked: Collection[str]
) -> None:
    """What was withdrawn is not published again, whatever flags stand beside the values."""
    figures = [one.name for one in table.columns if one.role != "flag"]
    rows = pq.read_table(folder / f"{table.name}.parquet").select(figures)
    for part in versions:
        if part.digest not in revoked or not set(figures) <= set(pq.read_schema(part.path).names):
            continue
        if pq.read_table(part.path, columns=figures).equals(rows):
            raise Refused(
                table.name,
                f"The figures for {part.period} are the ones that were withdrawn; they are not "
                "published again. Correct the source or the declaration first.",
            )


def register_of(
    record: str, table: Table, period: str, state: Path, declarations: Declarations
) -> list[Snapshot]:
    """The snapshots of the register of schools that `table` is counted with for `period`."""
    snapshots = SnapshotStore(state)
    if record == REGISTER:
        return snapshots.all(record, period)
    if declarations.records[record].names_institutions:
        return snapshots.all(REGISTER, school_year_of(table.period, period))
    return []


def basis_of(sealed: Sequence[Snapshot], register: Sequence[Snapshot]) -> str:
    """The `Part.basis` of a part that would be counted from these snapshots."""
    return digest_of(
        [
            sorted(snapshot.sha256 for snapshot in sealed),
            digest_of([snapshot.sha256 for snapshot in register]),
        ]
    )


@dataclass(frozen=True)
class _Basis:
    """What the tables of a protection set are counted from."""

    period: str
    sealed: Sequence[Snapshot]
    register: Sequence[Snapshot]
    declarations: Declarations

    @property
    def digest(self) -> str:
        return basis_of(self.sealed, self.register)


class _Before:
    """What was published of a protection set and period before some `tables` are built.

    The other tables that stand were counted from the same records, and are of version 0. Every
    other part, of any table, is an earlier version, whether it was withdrawn or not: a reader may
    have kept it.

    :raises Refused: a table that stands was counted from other records.
    """

    def __init__(
        self,
        tables: Sequence[Table],
        basis: _Basis,
        store: PartStore,
        revoked: Collection[str],
    ):
        self._versions = {one.name: store.versions(one, basis.period) for one in tables}
        self._parts: list[tuple[Table, Part, int]] = []
        for table in basis.declarations.tables.values():
            if table.record != tables[0].record or not table.is_protected:
                continue
            stands = None if table in tables else store.get(table, basis.period, revoked)
            if stands is not None and stands.basis != basis.digest:
                reason = f"{table.name} was published for {basis.period} from other records."
                raise Refused(tables[0].name, f"{reason} All tables have to be counted anew.")
            self._parts += [
                (as_published(table, part), part, 0 if part == stands else part.number)
                for part in store.versions(table, basis.period)
            ]
        self._between = store.between(tables[0].record, basis.period, self._parts)

    def standing(self) -> list[Table]:
        """The tables of version 0."""
        return [table for table, _, version in self._parts if not version]

    def given_up(self) -> dict[str, list[str]]:
        """The columns that the tables of version 0 have given up, by name."""
        return {
            table.name: part.certificate["given_up"]
            for table, part, version in self._parts if not version
        }  # fmt: skip

    def lying(self) -> list[FrozenCrossing]:
        """What lay between earlier versions, as the protection takes it. Between tables of version
        0 all is counted anew."""
        return [
            FrozenCrossing(
                tuple(one.versions), pq.read_table(one.cells), one.version
            )
            for one in self._between if one.version
        ]  # fmt: skip

    def between(self) -> list[Between]:
        """What lies between all of these parts, as the audit reads it."""
        return self._between

    def frozen(self) -> list[Frozen]:
        """The parts as the protection takes them."""
        return [_frozen(*one) for one in self._parts]

    def published(self) -> list[Published]:
        """The parts as the audit reads them."""
        return [
            Published(table, part.path, part.cells, version) for table, part, version in self._parts
        ]

    def cells(self, table: Table) -> list[pa.Table]:
        """The cells of each earlier version of a table about persons."""
        return [pq.read_table(part.cells) for one, part, _ in self._parts if one.name == table.name]

    def rows(self, table: Table) -> pa.Table | None:
        """The rows of the table's latest version, as they were published."""
        versions = self._versions[table.name]
        return pq.read_table(versions[-1].path) if versions else None


def _check_register(table: str, register: Sequence[Snapshot]) -> None:
    """A school stands in the register once, or what is counted at it would be counted twice."""
    if not register:
        raise Refused(table, "There is no register of schools for the period.")
    schools = pa.concat_tables(
        pq.read_table(snapshot.path, columns=[INSTITUTION]) for snapshot in register
    )[INSTITUTION]
    twice = len(schools) - len(pc.unique(schools))
    if twice:
        raise Refused(table, f"{twice} schools stand twice in the register.")


def _write_tables(
    tables: Sequence[Table],
    basis: _Basis,
    settings: Mapping[str, Any],
    folder: Path,
    before: _Before,
) -> tuple[dict[str, dict[str, Any]], int]:
    """Write the Parquet file of each table; their certificates, by name, and how many figures tell
    by how few persons they have changed. A table that cannot be made safe, or of which too much
    would be suppressed, goes down its ladder."""
    for table in tables:
        if table.kind == "register":
            pq.write_table(_register_rows(table, basis), folder / f"{table.name}.parquet")
    cubes = [table for table in tables if table.kind == "cube"]
    crossed = crossings([*before.standing(), *cubes])
    counted = {
        table.name: _with_rows(table, _count(table, basis, settings), before.cells(table))
        for table in cubes
    }
    counted |= {one.table.name: _count(one.table, basis, settings) for one in crossed}
    frozen, lying = before.frozen(), before.lying()
    earlier = {table.name: before.rows(table) for table in cubes}
    rungs = {table.name: 0 for table in tables}
    while True:
        given_up = {table.name: table.disclosure.ladder[: rungs[table.name]] for table in tables}
        cells = {table.name: without(counted[table.name], given_up[table.name]) for table in cubes}
        lost = before.given_up() | given_up
        for crossing in crossed:
            name = crossing.table.name
            cells[name] = without(counted[name], _lost(crossing, lost))
        try:
            masks = protect_together(cubes, cells, frozen, crossed, lying)
            dear = too_dear(cubes, masks, rungs)
            if dear is not None:
                rungs[dear] += 1
                continue
            for table in cubes:
                rows = _cube_rows(table, basis, cells[table.name], masks[table.name])
                rows = _with_revised_flags(table, rows, earlier[table.name])
                file = folder / f"{table.name}.parquet"
                pq.write_table(rows, file, compression="zstd", row_group_size=100_000)
            # What lies between tables that both stand was written with the later of them.
            between = [
                _write_between(one, cells[one.table.name], folder)
                for one in crossed if any(table.name in one.of for table in cubes)
            ]  # fmt: skip
            certificates, told = _certified(tables, cells, basis.period, folder, before, between)
        except Refused as refused:
            rows = {name: cube.num_rows for name, cube in cells.items()}
            down = next_down(tables, rows, rungs, refused.table)
            if down is None:
                raise
            rungs[down] += 1
            continue
        return {
            name: {**certificate.as_dict(), "given_up": list(given_up[name])}
            for name, certificate in certificates.items()
        }, told


def _certified(
    tables: Sequence[Table],
    cells: Mapping[str, pa.Table],
    period: str,
    folder: Path,
    before: _Before,
    between: Sequence[Between],
) -> tuple[dict[str, Certificate], int]:
    """Audit the files of `tables`, together with those published `before`; also how many figures
    tell by how few persons they have changed."""
    certificates = {
        table.name: audit(table, period, folder / f"{table.name}.parquet")
        for table in tables if table.kind == "register"
    }  # fmt: skip
    cubes = [table for table in tables if table.kind == "cube"]
    if not cubes:
        return certificates, 0
    now = [
        Published(
            table,
            folder / f"{table.name}.parquet",
            _write_cells(table, cells[table.name], folder),
        )
        for table in cubes
    ]
    audited = audit_together(period, [*before.published(), *now], [*before.between(), *between])
    for table, one in zip(cubes, now, strict=True):
        certificates[table.name] = audited.certificates[table.name]
        if not table.is_protected:
            one.cells.unlink()
    return certificates, audited.told


def _with_rows(table: Table, cells: pa.Table, earlier: Sequence[pa.Table]) -> pa.Table:
    """The cells, and zeros for those that only earlier versions have: a row that was published
    does not vanish."""
    keys = list(table.dimension_columns)
    names = [name for name in cells.column_names if name not in keys]
    # Nobody is there now; that nobody can be is for the source to show.
    counted = {one.name for one in components(table) if one.source is None or one.counted}
    counted.add(STRUCTURAL)
    for version in earlier:
        gone = version.select(keys).join(cells.select(keys), keys, join_type="left anti")
        if gone.num_rows:
            zeros = {
                name: pa.array(np.zeros(gone.num_rows)) if name in counted
                else pa.nulls(gone.num_rows)
                for name in names
            }  # fmt: skip
            more = pa.table({**{name: gone[name] for name in keys}, **zeros})
            cells = pa.concat_tables([cells, more.select(cells.column_names).cast(cells.schema)])
    return cells.sort_by([(name, "ascending") for name in keys]) if earlier else cells


def _with_revised_flags(table: Table, rows: pa.Table, before: pa.Table | None) -> pa.Table:
    """The rows, with `r` beside each value that is not the one published before."""
    if before is None or not set(rows.column_names) <= set(before.column_names):
        return rows
    place = rows.select(table.key).append_column("place", pa.array(np.arange(rows.num_rows)))
    for measure in table.measures:
        old = before.select([*table.key, measure.name]).rename_columns([*table.key, "old"])
        both = old.join(place, list(table.key), join_type="inner")
        both = both.filter(pc.is_valid(both["old"]))
        now = rows[measure.name].take(both["place"])
        changed = both["place"].filter(pc.fill_null(pc.not_equal(now, both["old"]), False))
        name = f"{measure.name}_flag"
        flags = rows[name].to_numpy(zero_copy_only=False).copy()
        is_bound = np.isin(flags, (AT_MOST, AT_LEAST))
        is_changed = np.isin(np.arange(len(flags)), changed.to_numpy())
        # A bound without its flag would be taken for the value.
        flags[is_changed & ~is_bound] = REVISED
        rows = rows.set_column(rows.column_names.index(name), name, pa.array(flags, pa.string()))
    return rows


def _write_cells(table: Table, cells: pa.Table, folder: Path) -> Path:
    file = folder / f"{table.name}.cells"
    pq.write_table(cells, file, compression="zstd")
    file.chmod(0o600)
    return file


def as_published(table: Table, part: Part) -> Table:
    """The table with the measures and the threshold that it had when the part was made.

    :raises Refused: what was counted in the part is gone, or it had other dimensions.
    """
    if not part.cells.exists():
        reason = f"What was counted for {part.period} before is gone: {part.cells.name}."
        raise Refused(table.name, f"{reason} Put it back from the backup of the state folder.")
    columns = set(pq.read_schema(part.path).names)
    counted = set(pq.read_schema(part.cells).names)
    if not set(table.dimension_columns) <= columns & counted:
        raise Refused(
            table.name,
            f"It had other dimensions when {part.period} was published. Undo the change, or "
            "declare a table of a new name.",
        )
    measures = tuple(
        measure for measure in table.measures
        if measure.name in columns
        and all(one.name in counted for one in (measure.numerator, measure.denominator) if one)
    )  # fmt: skip
    amounts = [one for measure in measures for one in measure.magnitudes]
    if not {name for one in amounts for name in (one.contributors, *one.largest)} <= counted:
        raise Refused(
            table.name,
            f"{part.period} was published when its amounts were open, and they are not any more. "
            "Declare a table of a new name.",
        )
    thresholds = part.certificate["thresholds"].values()
    k = min(thresholds, default=table.disclosure.threshold)
    return replace(table, measures=measures, disclosure=replace(table.disclosure, threshold=k))


def _lost(crossing: Crossing, given_up: Mapping[str, Sequence[str]]) -> list[str]:
    """The columns of a crossing that one of its tables has given up."""
    lost = {name for table in crossing.of for name in given_up[table]}
    return [name for name in crossing.table.dimension_columns if name in lost]


def _write_between(crossing: Crossing, cells: pa.Table, folder: Path) -> Between:
    """Write what lies between tables."""
    file = folder / f"{CROSSES.join(crossing.of)}{BETWEEN}"
    pq.write_table(cells, file)
    file.chmod(0o600)
    return Between(crossing.of, file)


def _frozen(table: Table, part: Part, version: int) -> Frozen:
    """A part as it was published.

    :raises Refused: its cells do not have its rows.
    """
    rows, cells = pq.read_table(part.path), pq.read_table(part.cells)
    columns = list(table.dimension_columns)
    if not rows.select(columns).equals(cells.select(columns)):
        reason = f"The cells of {part.period} are not the ones that were published."
        raise Refused(table.name, reason)
    hidden = {
        measure.name: np.asarray(pc.equal(rows[f"{measure.name}_status"], CONFIDENTIAL))
        for measure in table.measures
    }
    return Frozen(table, cells, hidden, version)


def _count(table: Table, basis: _Basis, settings: Mapping[str, Any]) -> pa.Table:
    """The cells of a cube.

    :raises Refused: records fall in no cell of a dimension.
    """
    backend = ibis.duckdb.connect(**settings)
    try:
        cells = tabulate(
            table,
            [snapshot.path for snapshot in basis.sealed],
            [snapshot.path for snapshot in basis.register],
            basis.declarations,
            backend,
        )
    finally:
        backend.disconnect()
    for name in table.dimension_columns:
        if cells[name].null_count:
            raise Refused(
                table.name,
                f"Some records have no `{name}`. Harvest the register of schools and the records "
                "anew, so that they fit each other.",
            )
    return cells


def schema_of(table: Table) -> pa.Schema:
    """The Arrow schema of the table's parts."""
    kinds = {"integer": pa.int64(), "decimal": pa.float64()}
    return pa.schema([(one.name, kinds.get(one.type, pa.string())) for one in table.columns])


def _cube_rows(
    table: Table, basis: _Basis, cells: pa.Table, masks: Mapping[str, np.ndarray]
) -> pa.Table:
    """The rows that are published of a cube, with what is suppressed left out."""
    columns: dict[str, pa.Array] = {}
    for column in table.columns:
        if column.role == "period":
            columns[column.name] = pa.repeat(basis.period, cells.num_rows)
        elif column.role == "dimension":
            columns[column.name] = cells[column.name]
        elif column.role == "label":
            coded = column.name.removesuffix("_name")
            columns[column.name] = _labelled(cells[coded], _names(table, coded, basis))
    for measure in table.measures:
        value, status, flag = _published(measure, cells, masks[measure.name])
        columns[measure.name] = value
        columns[f"{measure.name}_status"] = status
        columns[f"{measure.name}_flag"] = flag
    return pa.table(columns).select(schema_of(table).names).cast(schema_of(table))


def _published(
    measure: Measure, cells: pa.Table, suppressed: np.ndarray
) -> tuple[pa.Array, pa.Array, pa.Array]:
    """A measure's values, statuses and flags.

    What cannot be anything but nothing does not apply, whatever is measured in it. A rate about
    persons that is at an end and not suppressed is coded.
    """
    top = cells[measure.numerator.name].to_numpy(zero_copy_only=False).astype(np.float64)
    if measure.denominator is None:
        values = top
        applicable = np.ones(len(top), dtype=bool)
    else:
        below = cells[measure.denominator.name].to_numpy(zero_copy_only=False).astype(np.float64)
        applicable = ~(below == 0)
        values = np.divide(
            top * measure.scale, below, out=np.full(len(top), np.nan), where=applicable
        )
    available = np.isfinite(values)
    status = np.where(~applicable, "z", np.where(available, "", "x"))
    status = np.where(structural(cells), "z", status)
    status = np.where(suppressed, CONFIDENTIAL, status)
    shown = status == ""
    # Plus nothing: -0.0 becomes 0.0.
    rounded = np.round(np.where(shown, values, 0), measure.decimals) + 0.0
    flag = np.where(shown & (rounded == 0) & (np.where(shown, values, 0) != 0), "low", "")
    if measure.kind == "rate" and measure.about == "persons":
        low, high = ends(measure, cells)
        for at_end, bound, sign in ((low, LOW_END, AT_MOST), (high, HIGH_END, AT_LEAST)):
            rounded = np.where(at_end & shown, bound, rounded)
            flag = np.where(at_end & shown, sign, flag)
    kind = pa.int64() if measure.decimals == 0 else pa.float64()
    value = pa.array(rounded, mask=~shown).cast(kind)
    return value, pa.array(status.tolist(), pa.string()), pa.array(flag.tolist(), pa.string())


def _labelled(codes: pa.ChunkedArray, names: Mapping[str, str]) -> pa.Array:
    encoded = codes.combine_chunks().dictionary_encode()
    labels = [names.get(code, "") for code in encoded.dictionary.to_pylist()]
    return pa.array(labels, pa.string()).take(encoded.indices)


def _names(table: Table, coded: str, basis: _Basis) -> dict[str, str]:
    """The Vietnamese names of a column's codes: of schools by the register, else by the list."""
    column = table.column(coded)
    if column.codelist is not None:
        codelist = basis.declarations.codelists[column.codelist]
        names = {code.code: code.label["vi"] for code in codelist.codes.values()}
        return {**names, TOTAL: codelist.total_label["vi"]}
    names = {TOTAL: TOTAL_LABEL["vi"]}
    for snapshot in basis.register:
        schools = pq.read_table(snapshot.path, columns=[INSTITUTION, "school_name"])
        pairs = zip(
            schools[INSTITUTION].to_pylist(), schools["school_name"].to_pylist(), strict=True
        )
        names.update(pairs)
    return names


def _register_rows(table: Table, basis: _Basis) -> pa.Table:
    """The rows that are published of a register: its records, in order."""
    records = pa.concat_tables(pq.read_table(snapshot.path) for snapshot in basis.sealed)
    records = records.sort_by([(name, "ascending") for name in table.identity])
    columns: dict[str, pa.Array] = {}
    for column in table.columns:
        if column.role == "period":
            columns[column.name] = pa.repeat(basis.period, records.num_rows)
        elif column.role == "label":
            coded = column.name.removesuffix("_name")
            codes = pc.fill_null(records[coded], "")
            columns[column.name] = _labelled(codes, _names(table, coded, basis))
        else:
            columns[column.name] = records[column.name]
    return pa.table(columns).cast(schema_of(table))
