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

from harvesters.disclosure import CONFIDENTIAL, Refused, audit, protect
from harvesters.files import digest_of, new_folder, read_json, write_json
from harvesters.periods import school_year_of
from harvesters.snapshots import Snapshot, SnapshotStore
from harvesters.tabulate import tabulate, without
from schemas import TOTAL, TOTAL_LABEL, Declarations, Measure, Table
from schemas.record import INSTITUTION, REGISTER

FORMAT = 1
"""Raised when the same cells would be written differently, so that digests tell."""


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

    def references(self, record: str, period: str) -> list[list[Mapping[str, Any]]]:
        """The snapshots that each table frozen for this period was counted from."""
        paths = sorted((self.root / record / period).glob("[0-9]*/*.json"))
        return [read_json(path)["snapshots"] for path in paths]

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

    :raises Refused: something is in doubt; nothing is written.
    """
    record = tables[0].record
    snapshots = SnapshotStore(state)
    sealed = snapshots.all(record, period)
    if not sealed:
        raise Refused(tables[0].name, f"There is no snapshot of {record} for {period}.")
    register: list[Snapshot] = []
    if record == REGISTER:
        register = sealed
    elif any(field.type == "institution" for field in declarations.records[record].fields.values()):
        register = snapshots.all(REGISTER, school_year_of(tables[0].period, period))
    store = PartStore(state)
    _same_records(tables, sealed, store.references(record, period), revoked, store, period)
    with new_folder(store.next_folder(record, period)) as folder:
        for table in tables:
            _write_part(table, period, sealed, register, declarations, folder, revoked)
    return [part for table in tables if (part := store.get(table, period, revoked)) is not None]


def _same_records(
    tables: Sequence[Table],
    sealed: Sequence[Snapshot],
    frozen: Sequence[Sequence[Mapping[str, Any]]],
    revoked: Collection[str],
    store: PartStore,
    period: str,
) -> None:
    """A period's tables are all counted from the same records, or differences would tell."""
    now = sorted(snapshot.sha256 for snapshot in sealed)
    for references in frozen:
        if sorted(reference["sha256"] for reference in references) != now:
            raise Refused(
                tables[0].name,
                f"{period} is frozen: other tables of {tables[0].record} were published from "
                "other records. The table can be counted for periods that are not yet published.",
            )


def _write_part(
    table: Table,
    period: str,
    sealed: Sequence[Snapshot],
    register: Sequence[Snapshot],
    declarations: Declarations,
    folder: Path,
    revoked: Collection[str],
) -> None:
    path = folder / f"{table.name}.parquet"
    rungs = [()] if table.kind == "register" else _rungs(table)
    for rung in rungs:
        if table.kind == "register":
            data = _register_rows(table, period, sealed, register, declarations)
        else:
            data = _cube_rows(table, period, sealed, register, declarations, rung)
        pq.write_table(data, path, compression="zstd", row_group_size=100_000)
        try:
            certificate = audit(table, period, path)
            break
        except Refused:
            if rung == rungs[-1]:
                raise
    if certificate.file_sha256 in revoked:
        raise Refused(
            table.name,
            f"The figures for {period} are the ones that were withdrawn; they are not published "
            "again. Correct the source or the declaration first.",
        )
    write_json(
        path.with_suffix(".json"),
        {
            **certificate.as_dict(),
            "declaration": table.digest,
            "given_up": list(rung),
            "snapshots": [snapshot.reference() for snapshot in sealed],
            "register": digest_of([snapshot.sha256 for snapshot in register]),
        },
    )


def _rungs(table: Table) -> list[tuple[str, ...]]:
    """What is given up at each rung of the table's ladder: nothing, then more and more."""
    ladder = table.disclosure.ladder
    return [ladder[:length] for length in range(len(ladder) + 1)]


def _cube_rows(
    table: Table,
    period: str,
    sealed: Sequence[Snapshot],
    register: Sequence[Snapshot],
    declarations: Declarations,
    rung: Sequence[str],
) -> pa.Table:
    backend = ibis.duckdb.connect(threads=2)
    cells = tabulate(
        table,
        [snapshot.path for snapshot in sealed],
        [snapshot.path for snapshot in register],
        declarations,
        backend,
    )
    cells = without(cells, rung)
    masks = protect(table, cells)
    columns: dict[str, pa.Array] = {}
    for column in table.columns:
        if column.role == "period":
            columns[column.name] = pa.repeat(period, cells.num_rows)
        elif column.role == "dimension":
            columns[column.name] = cells[column.name]
        elif column.role == "label":
            coded = column.name.removesuffix("_name")
            names = _names(table, coded, register, declarations)
            columns[column.name] = _labelled(cells[coded], names)
    for measure in table.measures:
        value, status, flag = _published(measure, cells, masks[measure.name])
        columns[measure.name] = value
        columns[f"{measure.name}_status"] = status
        columns[f"{measure.name}_flag"] = flag
    return pa.table({column.name: columns[column.name] for column in table.columns})


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
    rounded = np.round(np.where(shown, values, 0), measure.decimals)
    flag = np.where(shown & (rounded == 0) & (np.where(shown, values, 0) != 0), "low", "")
    kind = pa.int64() if measure.decimals == 0 else pa.float64()
    value = pa.array(rounded, mask=~shown).cast(kind)
    return value, pa.array(status.tolist(), pa.string()), pa.array(flag.tolist(), pa.string())


def _labelled(codes: pa.ChunkedArray, names: Mapping[str, str]) -> pa.Array:
    encoded = codes.combine_chunks().dictionary_encode()
    labels = [names.get(code, "") for code in encoded.dictionary.to_pylist()]
    return pa.array(labels, pa.string()).take(encoded.indices)


def _names(
    table: Table, coded: str, register: Sequence[Snapshot], declarations: Declarations
) -> dict[str, str]:
    """The Vietnamese names of a column's codes: of schools by the register, else by the list."""
    column = table.column(coded)
    if column.codelist is not None:
        codelist = declarations.codelists[column.codelist]
        names = {code.code: code.label["vi"] for code in codelist.codes.values()}
        return {**names, TOTAL: codelist.total_label["vi"]}
    names = {TOTAL: TOTAL_LABEL["vi"]}
    for snapshot in register:
        schools = pq.read_table(snapshot.path, columns=[INSTITUTION, "school_name"])
        pairs = zip(
            schools[INSTITUTION].to_pylist(), schools["school_name"].to_pylist(), strict=True
        )
        names.update(pairs)
    return names


def _register_rows(
    table: Table,
    period: str,
    sealed: Sequence[Snapshot],
    register: Sequence[Snapshot],
    declarations: Declarations,
) -> pa.Table:
    records = pa.concat_tables(pq.read_table(snapshot.path) for snapshot in sealed)
    records = records.sort_by([(name, "ascending") for name in table.identity])
    columns: dict[str, pa.Array] = {}
    for column in table.columns:
        if column.role == "period":
            columns[column.name] = pa.repeat(period, records.num_rows)
        elif column.role == "label":
            coded = column.name.removesuffix("_name")
            columns[column.name] = _labelled(
                pc.fill_null(records[coded], ""), _names(table, coded, register, declarations)
            )
        else:
            columns[column.name] = records[column.name]
    return pa.table(columns)
