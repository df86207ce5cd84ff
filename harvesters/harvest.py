"""The first step: seal a source's records of one type and period in a snapshot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from harvesters.connectors import Connector
from harvesters.errors import RecordProblem, RefusedFile, RefusedRecords, SourceError
from harvesters.files import digest_of, write_json
from harvesters.periods import school_year_of
from harvesters.snapshots import Snapshot, SnapshotStore
from harvesters.sources import Source
from harvesters.validation import Validator, explain, schema_of
from schemas import Declarations, RecordType
from schemas.record import INSTITUTION, REGISTER

_KEYS = pa.schema([("key", pa.uint64()), ("origin", pa.string()), ("row", pa.int64())])
_MOST_DUPLICATES = 100


@dataclass(frozen=True)
class Sealed:
    """What harvesting one record type and period of a source came to; no snapshot where the
    records were discarded and the source has the same ones still."""

    snapshot: Snapshot | None
    changed: bool


def harvest(
    source: Source,
    record: RecordType,
    period: str,
    connector: Connector,
    state: Path,
    declarations: Declarations,
    needed: bool = True,
) -> Sealed:
    """Seal `period` of `record` as `source` has it now, unless nothing changed since last time.

    Records that were discarded are sealed again where they are `needed`, or have changed. What was
    wrong with records goes to ``reports/`` under `state`, by place and rule.

    :raises SourceError: the source could not be read; the last snapshot stays.
    :raises RefusedRecords: more records were bad than the source's tolerance allows; the last
        snapshot stays.
    """
    store = SnapshotStore(state)
    with store.lock(source.name, record.name, period):
        institutions = _institutions(store, record, period)
        token = _token(source, record, period, connector, institutions, declarations)
        last = store.get(source.name, record.name, period)
        if token == _last_token(store, source, record, period, needed):
            return Sealed(last, changed=False)
        with _KeyFile(store, source.name, record.name, period) as keys:
            validator = Validator(
                source.name, record, period, declarations.codelists, institutions, keys
            )
            sealing = _Sealing(source, record, period, connector, validator, keys, state)
            snapshot = store.seal(
                source.name,
                record.name,
                period,
                schema_of(record),
                sealing.batches(),
                token,
                left_out=lambda: validator.bad,
            )
        changed = last is None or last.sha256 != snapshot.sha256
        return Sealed(snapshot, changed=changed)


def is_current(
    source: Source,
    record: RecordType,
    period: str,
    connector: Connector,
    state: Path,
    declarations: Declarations,
    needed: bool = True,
) -> bool:
    """Whether harvesting `period` again would change nothing: the snapshot is there, or was
    discarded and is not `needed`, and the source has what it had.

    :raises SourceError: the source could not be asked.
    """
    store = SnapshotStore(state)
    last = _last_token(store, source, record, period, needed)
    if last is None:
        return False
    institutions = _institutions(store, record, period)
    return last == _token(source, record, period, connector, institutions, declarations)


def _last_token(
    store: SnapshotStore, source: Source, record: RecordType, period: str, needed: bool
) -> str | None:
    last = store.get(source.name, record.name, period)
    if last is not None:
        return last.token
    return None if needed else store.closed_token(source.name, record.name, period)


def _token(
    source: Source,
    record: RecordType,
    period: str,
    connector: Connector,
    institutions: pa.Array | None,
    declarations: Declarations,
) -> str:
    """What decides what a snapshot comes to: the source's own change token, what is declared of
    source, record and code lists, and the schools that there are."""
    lists = {field.codelist for field in record.stored if field.codelist}
    return digest_of(
        [
            connector.change_token(record.name, period),
            source.records[record.name].digest,
            record.document.digest,
            [declarations.codelists[name].document.digest for name in sorted(lists)],
            None if institutions is None else sorted(institutions.to_pylist()),
        ]
    )


def _institutions(store: SnapshotStore, record: RecordType, period: str) -> pa.Array | None:
    """The ids in the register of schools for `period`, where the record needs them."""
    if record.name == REGISTER or not record.names_institutions:
        return None
    year = school_year_of(record.period, period)
    registers = store.all(REGISTER, year)
    if not registers:
        raise SourceError(
            "register",
            vi=f"Chưa có danh bạ trường năm học {year}, nên chưa thể đối chiếu mã trường. "
            "Hãy thu thập nguồn có danh bạ trường trước.",
            en=f"There is no register of schools for {year} yet to check school codes against. "
            "Harvest the source that has it first.",
        )
    columns = [pq.read_table(register.path, columns=[INSTITUTION]) for register in registers]
    return pc.unique(pa.concat_tables(columns)[INSTITUTION])


def school_names(state: Path) -> frozenset[str]:
    """The names and codes of all schools in the sealed registers under `state`."""
    store = SnapshotStore(state)
    found: set[str] = set()
    for _source, period in store.kept(REGISTER):
        for register in store.all(REGISTER, period):
            columns = pq.read_table(register.path, columns=[INSTITUTION, f"{INSTITUTION}_name"])
            found.update(*(column.to_pylist() for column in columns.columns))
    return frozenset(found - {None})


class _KeyFile:
    """Hashed keys on disk while a snapshot is being sealed, so that memory does not grow."""

    def __init__(self, store: SnapshotStore, source: str, record: str, period: str):
        self._store = store
        self._path = store.working_file(source, record, period, "keys")
        self._writer: pq.ParquetWriter | None = None

    def __enter__(self) -> _KeyFile:
        return self

    def __exit__(self, *error: object) -> None:
        if self._writer is not None:
            self._writer.close()
        self._path.unlink(missing_ok=True)

    def add(self, keys: npt.NDArray[np.uint64], origin: str, rows: npt.NDArray[np.int64]) -> None:
        """Take the hashed keys of a batch and where each stood."""
        if self._writer is None:
            self._writer = pq.ParquetWriter(self._path, _KEYS)
        origins = pa.array([origin]).take(pa.array(np.zeros(len(keys), dtype=np.int64)))
        self._writer.write_table(pa.table([pa.array(keys), origins, pa.array(rows)], schema=_KEYS))

    def duplicates(self) -> tuple[int, list[tuple[str, int]]]:
        """How many records repeat the key of another, and where the first of them stand."""
        if self._writer is None:
            return 0, []
        self._writer.close()
        self._writer = None
        with (
            self._store.database_settings() as settings,
            duckdb.connect(config=settings) as connection,
        ):
            keys = connection.read_parquet(str(self._path))  # noqa: F841 - read by the SQL below
            count = connection.execute("SELECT count(*) - count(DISTINCT key) FROM keys").fetchone()
            if not count or not count[0]:
                return 0, []
            places = connection.execute(
                "SELECT origin, row FROM keys WHERE key IN "
                "(SELECT key FROM keys GROUP BY key HAVING count(*) > 1) "
                f"ORDER BY origin, row LIMIT {_MOST_DUPLICATES}"
            ).fetchall()
            return int(count[0]), [(origin, int(row)) for origin, row in places]


@dataclass
class _Sealing:
    """The batches on their way from a connector to a snapshot, and the verdict at their end."""

    source: Source
    record: RecordType
    period: str
    connector: Connector
    validator: Validator
    keys: _KeyFile
    state: Path

    def batches(self) -> Iterator[pa.RecordBatch]:
        try:
            for batch in self.connector.read(self.record, self.period):
                yield self.validator.check(batch)
        except RefusedFile as refused:
            self._report(refused.problems, refused.total, 0)
            raise
        self._verdict()

    def _verdict(self) -> None:
        validator, record = self.validator, self.record
        twice, places = self.keys.duplicates()
        key = next((field for field in record.fields.values() if field.type == "key"), None)
        if twice and key is not None:
            expected, remedy = explain("duplicate", key, {})
            for origin, row in places:
                validator.report("duplicate", key.name, origin, row, expected, remedy)
        self._report(validator.problems, validator.bad, twice)
        allowed = int(self.source.limits.tolerance * validator.seen)
        # A record that stands twice would be counted twice: it cannot be left out, since which
        # of the two is the right one is not for us to say.
        if validator.bad > allowed or twice:
            raise RefusedRecords(
                self.source.name,
                record.name,
                self.period,
                validator.problems,
                bad=validator.bad + twice,
                seen=validator.seen,
            )

    def _report(self, problems: Sequence[RecordProblem], bad: int, twice: int) -> None:
        """Write what an operator reads of this delivery: places and rules, no values."""
        path = self.state / "reports" / self.source.name / self.record.name
        write_json(
            path / f"{self.period}.json",
            {
                "source": self.source.name,
                "record": self.record.name,
                "period": self.period,
                "seen": self.validator.seen,
                "bad": bad,
                "repeated": twice,
                "problems": [problem.as_dict() for problem in problems],
            },
            mode=0o600,
        )
