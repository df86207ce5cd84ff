"""Sealed snapshots: what one source delivered of one record type for one reference period.

Private: records about persons exist nowhere else in the portal, in files that only its own user
can read (folders of mode 0700), and only for as long as their period is open.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from harvesters.files import PRIVATE, read_json, write_json

_PERIODS = "periods.json"


@dataclass(frozen=True)
class Snapshot:
    """A sealed snapshot. `sha256` is of its records whatever their order; `left_out` counts the
    bad records that the source's tolerance allowed to leave out; `token` is the source's change
    token at the time of sealing."""

    source: str
    record: str
    period: str
    path: Path
    sha256: str
    rows: int
    left_out: int
    token: str

    def reference(self) -> dict[str, str | int]:
        """What a certificate keeps of the snapshot: digests and counts."""
        return {
            "source": self.source,
            "record": self.record,
            "period": self.period,
            "sha256": self.sha256,
            "rows": self.rows,
            "left_out": self.left_out,
        }


class SnapshotStore:
    """The folder of snapshots: ``<source>/<record>/<period>.json`` points at the Parquet file
    beside it that holds the records, so that replacing the one replaces the snapshot at once."""

    def __init__(self, state: Path):
        self.root = state / "snapshots"

    def get(self, source: str, record: str, period: str) -> Snapshot | None:
        """The sealed snapshot, or None."""
        folder = self.root / source / record
        try:
            pointer = read_json(folder / f"{period}.json")
        except FileNotFoundError:
            return None
        path = folder / pointer.pop("file")
        return Snapshot(source, record, period, path, **pointer)

    def all(self, record: str, period: str) -> list[Snapshot]:
        """The snapshots of `record` for `period`, of all sources, by name of source."""
        paths = sorted(self.root.glob(f"*/{record}/{period}.json"))
        found = (self.get(path.parent.parent.name, record, period) for path in paths)
        return [snapshot for snapshot in found if snapshot is not None]

    def periods(self, source: str, record: str) -> list[str]:
        """The periods that the source had when it was last asked; empty if it never was."""
        try:
            return list(read_json(self.root / source / record / _PERIODS))
        except FileNotFoundError:
            return []

    def set_periods(self, source: str, record: str, periods: Iterable[str]) -> None:
        """Remember the periods that the source has."""
        wanted = sorted(set(periods))
        if wanted != self.periods(source, record):
            write_json(self.folder(source, record) / _PERIODS, wanted, mode=0o600)

    def folder(self, source: str, record: str) -> Path:
        """The private folder of the source's snapshots of `record`, made where it is missing."""
        folder = self.root / source / record
        for path in (self.root, self.root / source, folder):
            path.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        return folder

    def seal(
        self,
        source: str,
        record: str,
        period: str,
        schema: pa.Schema,
        batches: Iterator[pa.RecordBatch],
        token: str,
        left_out: Callable[[], int] = lambda: 0,
    ) -> Snapshot:
        """Write the records to the snapshot, in place of the one before, at once.

        `left_out` is asked when the batches have come to their end. Memory does not grow with the
        number of records. Where the batches raise, the snapshot before stays.
        """
        folder = self.folder(source, record)
        for stale in folder.glob(f".sealing-{period}-*"):
            stale.unlink(missing_ok=True)
        unsealed = folder / f".sealing-{period}-{uuid.uuid4().hex}"
        try:
            rows = 0
            with pq.ParquetWriter(unsealed, schema, compression="zstd") as writer:
                for batch in batches:
                    writer.write_batch(batch)
                    rows += batch.num_rows
            unsealed.chmod(0o600)
            sha256 = _content_digest(unsealed, schema.names)
            target = folder / f"{period}.{sha256[:16]}.parquet"
            with unsealed.open("rb") as file:
                os.fsync(file.fileno())
            os.replace(unsealed, target)
        finally:
            unsealed.unlink(missing_ok=True)
        snapshot = Snapshot(
            source, record, period, target, sha256, rows, left_out=left_out(), token=token
        )
        self._point(snapshot)
        for other in folder.glob(f"{period}.*.parquet"):
            if other != target:
                other.unlink(missing_ok=True)
        return snapshot

    def _point(self, snapshot: Snapshot) -> None:
        pointer = {
            "file": snapshot.path.name,
            "sha256": snapshot.sha256,
            "rows": snapshot.rows,
            "left_out": snapshot.left_out,
            "token": snapshot.token,
        }
        write_json(snapshot.path.parent / f"{snapshot.period}.json", pointer, mode=0o600)

    def discard(self, snapshot: Snapshot) -> None:
        """Delete a snapshot whose period is closed."""
        (snapshot.path.parent / f"{snapshot.period}.json").unlink(missing_ok=True)
        for path in snapshot.path.parent.glob(f"{snapshot.period}.*.parquet"):
            path.unlink(missing_ok=True)


def _content_digest(path: Path, columns: list[str]) -> str:
    """SHA-256 of the multiset of records: the same records in another order are the same."""
    names = ", ".join(f'"{name}"' for name in columns)
    digest = hashlib.sha256()
    with duckdb.connect(config={"threads": 2}) as connection:
        # Sorted groups reach the digest as one stream of batches, never all at once in Python.
        reader = connection.sql(
            f"SELECT {names}, count(*) AS n FROM read_parquet(?) GROUP BY ALL ORDER BY ALL",
            params=[str(path)],
        ).to_arrow_reader(100_000)
        for batch in reader:
            sink = pa.BufferOutputStream()
            options = pacsv.WriteOptions(include_header=False)
            pacsv.write_csv(pa.Table.from_batches([batch]), sink, options)
            digest.update(sink.getvalue())
    return digest.hexdigest()
