"""Sealed snapshots: what one source delivered of one record type for one reference period.

Private: records about persons exist nowhere else in the portal, in files that only its own user
can read (folders of mode 0700), and only for as long as their period is open.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq

from harvesters.files import PRIVATE, locked, read_json, write_json

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
    beside it that holds the records, so that replacing the one replaces the snapshot at once.

    Every file with records in it is called ``<period>.<something>``."""

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

    def was_asked(self, source: str, record: str) -> bool:
        """Whether the source was ever asked for its periods."""
        return (self.root / source / record / _PERIODS).exists()

    def set_periods(self, source: str, record: str, periods: Iterable[str]) -> None:
        """Remember the periods that the source has."""
        wanted = sorted(set(periods))
        if wanted != self.periods(source, record) or not self.was_asked(source, record):
            write_json(self.folder(source, record) / _PERIODS, wanted, mode=0o600)

    def folder(self, source: str, record: str) -> Path:
        """The private folder of the source's snapshots of `record`, made where it is missing."""
        folder = self.root / source / record
        for path in (self.root, self.root / source, folder):
            path.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        return folder

    def lock(
        self, source: str, record: str, period: str, wait: bool = True
    ) -> AbstractContextManager[None]:
        """What whoever changes the snapshot holds; see `harvesters.files.locked`."""
        return locked(self.folder(source, record) / f".{period}.lock", wait)

    def working_file(self, source: str, record: str, period: str, kind: str) -> Path:
        """A new, empty, private file beside the snapshot; those of its kind that a kill left
        behind are deleted. Whoever asks holds the lock."""
        folder = self.folder(source, record)
        for stale in folder.glob(f"{period}.*.{kind}"):
            stale.unlink(missing_ok=True)
        path = folder / f"{period}.{uuid.uuid4().hex}.{kind}"
        path.touch(mode=0o600)
        return path

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
        unsealed = self.working_file(source, record, period, "unsealed")
        try:
            rows = 0
            with pq.ParquetWriter(unsealed, schema, compression="zstd") as writer:
                for batch in batches:
                    writer.write_batch(batch)
                    rows += batch.num_rows
            sha256 = self._content_digest(unsealed, schema.names)
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

    def kept(self, record: str) -> set[tuple[str, str]]:
        """The sources and periods of which there are files with records, whatever they are."""
        files = self.root.glob(f"*/{record}/[0-9]*.*")
        return {(file.parent.parent.name, file.name.split(".")[0]) for file in files}

    def discard(self, source: str, record: str, period: str) -> None:
        """Delete every file of a period that is closed, a killed harvest's included; the change
        token stays, so that a later change of the source is noticed.

        Where a harvest is at work on it, nothing is done: another time.
        """
        try:
            with self.lock(source, record, period, wait=False):
                folder = self.folder(source, record)
                snapshot = self.get(source, record, period)
                if snapshot is not None:
                    write_json(folder / f"closed.{period}.json", snapshot.token, mode=0o600)
                # The pointer first: it never points at nothing.
                for path in (folder / f"{period}.json", *folder.glob(f"{period}.*")):
                    path.unlink(missing_ok=True)
        except BlockingIOError:
            return

    def closed_token(self, source: str, record: str, period: str) -> str | None:
        """The change token of the snapshot that was discarded last, or None."""
        try:
            token: str = read_json(self.root / source / record / f"closed.{period}.json")
        except FileNotFoundError:
            return None
        return token

    @contextmanager
    def database_settings(self) -> Iterator[dict[str, Any]]:
        """DuckDB's settings where it reads records: what does not fit in memory it puts in a
        private folder, which is gone afterwards."""
        with tempfile.TemporaryDirectory(prefix=".spill-", dir=self.root) as spill:
            yield {"threads": 2, "memory_limit": "1GiB", "temp_directory": spill}

    def _content_digest(self, path: Path, columns: list[str]) -> str:
        """SHA-256 of the multiset of records: the same records in another order are the same."""
        names = ", ".join(f'"{name}"' for name in columns)
        digest = hashlib.sha256()
        with self.database_settings() as settings, duckdb.connect(config=settings) as connection:
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
