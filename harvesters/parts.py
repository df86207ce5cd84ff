"""Parts: what is safe to publish of a protection set for one reference period, for good.

All tables that are counted from one record type share their margins, so they are one protection
set: tabulated, protected and audited together, and written as one folder or not at all. A period
freezes when its part is written. A table that is declared later may still join, but only from
the very records that the frozen tables were counted from.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
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
    Published,
    Refused,
    audit,
    audit_together,
    crossings,
    protect_together,
)
from harvesters.files import digest_of, new_folder, read_json, write_json
from harvesters.periods import school_year_of
from harvesters.snapshots import Snapshot, SnapshotStore
from harvesters.tabulate import tabulate, without
from schemas import TOTAL, TOTAL_LABEL, Declarations, Measure, Table
from schemas.record import INSTITUTION, REGISTER

FORMAT = 1
"""Raised when the same cells would be written differently, so that digests tell."""


PRIMARY = "primary.keys"
"""The file in a part's folder (JSON) that names the figures which are too small: for later audits
only, and for nobody else."""


BETWEEN = ".between"
"""How the files in a part's folder (Parquet) end that say who is where between two tables which
cross, without numbers: for later audits only, and for nobody else."""


@dataclass(frozen=True)
class Part:
    """One table's share of a part: a Parquet file of one period, and its certificate."""

    table: str
    period: str
    digest: str
    path: Path
    certificate: Mapping[str, Any]


class PartStore:
    """The folder of parts: ``<record>/<period>/<number>/<table>.parquet`` and ``.json``."""

    def __init__(self, state: Path):
        self.root = state / "parts"

    def get(self, table: Table, period: str, revoked: Collection[str] = ()) -> Part | None:
        """The part of `table` for `period` that stands; those in `revoked` (digests) do not."""
        for part in reversed(self._all(table, period)):
            if part.digest not in revoked:
                return part
        return None

    def periods(self, table: Table) -> list[str]:
        """The periods for which there is a part of `table`, whether it stands or not."""
        files = (self.root / table.record).glob(f"*/*/{table.name}.json")
        return sorted({path.parent.parent.name for path in files})

    def _all(self, table: Table, period: str) -> list[Part]:
        folder = self.root / table.record / period
        found = []
        for path in sorted(folder.glob(f"[0-9]*/{table.name}.json")):
            certificate = read_json(path)
            digest = certificate["file_sha256"]
            found.append(
                Part(table.name, period, digest, path.with_suffix(".parquet"), certificate)
            )
        return found

    def references(
        self, record: str, period: str, revoked: Collection[str] = ()
    ) -> list[list[Mapping[str, Any]]]:
        """The snapshots that each table frozen for this period was counted from; parts in
        `revoked` (digests) do not count."""
        paths = sorted((self.root / record / period).glob("[0-9]*/*.json"))
        certificates = (read_json(path) for path in paths)
        return [one["snapshots"] for one in certificates if one["file_sha256"] not in revoked]

    def primary(self, record: str, period: str) -> set[str]:
        """The figures of a period that are too small, by the names that the audit gave them."""
        files = (self.root / record / period).glob(f"[0-9]*/{PRIMARY}")
        return {key for file in files for key in read_json(file)}

    def between(self, record: str, period: str, tables: Sequence[Table]) -> list[Between]:
        """What lies between some tables of a period, as the last audit of them had it."""
        names = {table.name for table in tables}
        found: dict[tuple[str, ...], Path] = {}
        for path in sorted((self.root / record / period).glob(f"[0-9]*/*{BETWEEN}")):
            of = tuple(path.name.removesuffix(BETWEEN).split(" x "))
            if names.issuperset(of):
                found[of] = path
        return [Between(of, path) for of, path in found.items()]

    def next_folder(self, record: str, period: str) -> Path:
        """The folder that the next part of this protection set goes into."""
        numbers = [int(path.name) for path in (self.root / record / period).glob("[0-9]*")]
        return self.root / record / period / f"{max(numbers, default=0) + 1:04d}"


def build_parts(
    tables: Sequence[Table],
    period: str,
    state: Path,
    declarations: Declarations,
    revoked: Collection[str] = (),
) -> list[Part]:
    """Count, protect, audit and write the parts of `tables` (one record type) for `period`.

    `revoked` are the digests of withdrawn parts, of any table of that record type.

    :raises Refused: something is in doubt; nothing is written.
    """
    record, name = tables[0].record, tables[0].name
    snapshots, store = SnapshotStore(state), PartStore(state)
    sealed = snapshots.all(record, period)
    if not any(snapshot.rows for snapshot in sealed):
        raise Refused(name, f"There are no records of {record} for {period}.")
    register: list[Snapshot] = []
    if record == REGISTER:
        register = sealed
    elif declarations.records[record].names_institutions:
        register = snapshots.all(REGISTER, school_year_of(tables[0].period, period))
        _check_register(name, register)
    _same_records(name, sealed, store.references(record, period, revoked), period)
    frozen = [
        (table, part)
        for table in declarations.tables.values()
        if table.record == record and table not in tables
        and (part := store.get(table, period, revoked)) is not None
    ]  # fmt: skip
    basis = _Basis(period, sealed, register, declarations)
    with new_folder(store.next_folder(record, period)) as folder:
        with snapshots.database_settings() as settings:
            certificates = _write_tables(tables, basis, settings, folder, frozen)
        for table in tables:
            certificate = certificates[table.name]
            if certificate["file_sha256"] in revoked:
                raise Refused(
                    table.name,
                    f"The figures for {period} are the ones that were withdrawn; they are not "
                    "published again. Correct the source or the declaration first.",
                )
            reference = {
                "declaration": table.digest,
                "snapshots": [snapshot.reference() for snapshot in sealed],
                "register": digest_of([snapshot.sha256 for snapshot in register]),
            }
            write_json(folder / f"{table.name}.json", {**certificate, **reference})
    return [part for table in tables if (part := store.get(table, period, revoked)) is not None]


@dataclass(frozen=True)
class _Basis:
    """What the tables of a protection set are counted from."""

    period: str
    sealed: Sequence[Snapshot]
    register: Sequence[Snapshot]
    declarations: Declarations


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


def _same_records(
    table: str,
    sealed: Sequence[Snapshot],
    frozen: Sequence[Sequence[Mapping[str, Any]]],
    period: str,
) -> None:
    """A period's tables are all counted from the same records, or differences would tell."""
    now = sorted(snapshot.sha256 for snapshot in sealed)
    for references in frozen:
        if sorted(reference["sha256"] for reference in references) != now:
            raise Refused(
                table,
                f"{period} is frozen: other tables were published from other records. It can be "
                "counted for periods that are not yet published, or after those are withdrawn.",
            )


def _write_tables(
    tables: Sequence[Table],
    basis: _Basis,
    settings: Mapping[str, Any],
    folder: Path,
    frozen: Sequence[tuple[Table, Part]],
) -> dict[str, dict[str, Any]]:
    """Write the Parquet file of each table; their certificates, by name. A table that cannot be
    made safe goes down its ladder."""
    for table in tables:
        if table.kind == "register":
            pq.write_table(_register_rows(table, basis), folder / f"{table.name}.parquet")
    cubes = [table for table in tables if table.kind == "cube"]
    crossed = crossings([*(table for table, _ in frozen if table.kind == "cube"), *cubes])
    every = [*cubes, *(one.table for one in crossed)]
    counted = {table.name: _count(table, basis, settings) for table in every}
    standing, before = [], []
    for table, part in frozen:
        if table.kind == "cube":
            one = _frozen(table, part, basis, settings)
            standing.append(one)
            before.append(Published(table, part.path, _write_cells(table, one.cells, folder)))
    rungs = {table.name: 0 for table in tables}
    while True:
        given_up = {table.name: table.disclosure.ladder[: rungs[table.name]] for table in tables}
        cells = {table.name: without(counted[table.name], given_up[table.name]) for table in cubes}
        lost = given_up | {table.name: part.certificate["given_up"] for table, part in frozen}
        for crossing in crossed:
            name = crossing.table.name
            cells[name] = without(counted[name], _lost(crossing, lost))
        try:
            masks = protect_together(cubes, cells, standing, crossed)
            for table in cubes:
                rows = _cube_rows(table, basis, cells[table.name], masks[table.name])
                file = folder / f"{table.name}.parquet"
                pq.write_table(rows, file, compression="zstd", row_group_size=100_000)
            between = [_write_between(one, cells, _lost(one, lost), folder) for one in crossed]
            certificates = _certified(tables, cells, basis.period, folder, before, between)
        except Refused as refused:
            ladder = next((t.disclosure.ladder for t in tables if t.name == refused.table), ())
            if rungs.get(refused.table, 0) == len(ladder):
                raise
            rungs[refused.table] += 1
            continue
        # What was counted leaves no trace beside what is published.
        for file in folder.glob("*.cells"):
            file.unlink()
        for crossing, lying in zip(crossed, between, strict=True):
            names = pq.read_schema(lying.cells).names
            codes = [name for name in names if name in crossing.table.dimension_columns]
            pq.write_table(pq.read_table(lying.cells, columns=codes), lying.cells)
        return {
            name: {**certificate.as_dict(), "given_up": list(given_up[name])}
            for name, certificate in certificates.items()
        }


def _certified(
    tables: Sequence[Table],
    cells: Mapping[str, pa.Table],
    period: str,
    folder: Path,
    before: Sequence[Published],
    between: Sequence[Between],
) -> dict[str, Certificate]:
    """Audit the files of `tables`, together with those published `before`."""
    certificates = {
        table.name: audit(table, period, folder / f"{table.name}.parquet")
        for table in tables if table.kind == "register"
    }  # fmt: skip
    cubes = [table for table in tables if table.kind == "cube"]
    if cubes:
        now = [
            Published(
                table,
                folder / f"{table.name}.parquet",
                _write_cells(table, cells[table.name], folder),
            )
            for table in cubes
        ]
        found, primary = audit_together(period, [*before, *now], between=between)
        certificates |= {table.name: found[table.name] for table in cubes}
        write_json(folder / PRIMARY, primary)
    return certificates


def _write_cells(table: Table, cells: pa.Table, folder: Path) -> Path:
    file = folder / f"{table.name}.cells"
    pq.write_table(cells, file)
    return file


def _lost(crossing: Crossing, given_up: Mapping[str, Sequence[str]]) -> list[str]:
    """The columns of a crossing that one of its tables has given up."""
    lost = {name for table in crossing.of for name in given_up[table]}
    return [name for name in crossing.table.dimension_columns if name in lost]


def _write_between(
    crossing: Crossing, cells: Mapping[str, pa.Table], lost: Collection[str], folder: Path
) -> Between:
    """Write the finest cells of a crossing, without what is `lost`."""
    table = cells[crossing.table.name]
    for name in crossing.table.dimension_columns:
        if name not in lost:
            table = table.filter(pc.not_equal(table[name], TOTAL))
    file = folder / f"{' x '.join(crossing.of)}{BETWEEN}"
    pq.write_table(table.drop_columns(list(lost)), file)
    return Between(crossing.of, file)


def _frozen(table: Table, part: Part, basis: _Basis, settings: Mapping[str, Any]) -> Frozen:
    """A published table, its cells counted again from the same records.

    :raises Refused: they are not the cells that were published.
    """
    columns = list(table.dimension_columns)
    order = [(name, "ascending") for name in columns]
    rows = pq.read_table(part.path).sort_by(order)
    cells = without(_count(table, basis, settings), part.certificate["given_up"]).sort_by(order)
    if not rows.select(columns).equals(cells.select(columns)):
        reason = f"The cells of {basis.period} are not the ones that were published."
        raise Refused(table.name, reason)
    hidden = {
        measure.name: np.asarray(pc.equal(rows[f"{measure.name}_status"], CONFIDENTIAL))
        for measure in table.measures
    }
    return Frozen(table, cells, hidden)


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
    """A measure's values, statuses and flags."""
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
    status = np.where(suppressed, CONFIDENTIAL, status)
    shown = status == ""
    # Plus nothing: -0.0 becomes 0.0.
    rounded = np.round(np.where(shown, values, 0), measure.decimals) + 0.0
    flag = np.where(shown & (rounded == 0) & (np.where(shown, values, 0) != 0), "low", "")
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
