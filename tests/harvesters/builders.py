"""A source in memory, and a small city that goes through the steps."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from harvesters.connectors.base import SourceBatch
from harvesters.files import digest_of
from harvesters.harvest import Sealed, harvest
from harvesters.release import Outcome, release
from harvesters.releases import ReleaseStore
from harvesters.snapshots import Snapshot, SnapshotStore
from harvesters.sources import Limits, Source, SourceRecord
from harvesters.validation import schema_of
from schemas import Declarations, RecordType
from schemas.record import REGISTER
from tests.schemas.builders import AREAS, CITY, declare, text, write

YEAR = "2025-2026"

Row = Mapping[str, Any]


def make_source(
    name: str = "city",
    records: Iterable[str] = ("school", "pupil"),
    tolerance: float = 0.0,
    simulated: bool = True,
    organization: str = "so-gddt",
) -> Source:
    """A source that delivers `records`; nothing stands behind its address."""
    return Source(
        name=name,
        title=text(f"Nguồn {name}", f"Source {name}"),
        organization=organization,
        simulated=simulated,
        connector="files",
        address="nowhere",
        allow=(),
        schedule=None,
        limits=Limits(tolerance=tolerance),
        auth={},
        tls={},
        records={one: SourceRecord(one, {}, {}, digest=f"declared-{one}") for one in records},
        digest=f"declared-{name}",
        path=Path(f"{name}.yaml"),
    )


def batches(rows: Sequence[Row], names: Iterable[str], size: int = 1000) -> Iterator[SourceBatch]:
    """The rows as a connector delivers them: raw values, `size` a batch, numbered from 2 (the
    first row of a file is its heading)."""
    for start in range(0, len(rows), size):
        chunk = rows[start : start + size]
        columns = {name: pa.array([row.get(name) for row in chunk]) for name in names}
        yield SourceBatch(
            pa.RecordBatch.from_pydict(columns), "records.csv",
            range(start + 2, start + 2 + len(chunk)),
        )  # fmt: skip


@dataclass
class MemoryConnector:
    """Delivers what is in `data`, by record and period; an equal token means equal rows."""

    data: dict[str, dict[str, list[Row]]] = field(default_factory=dict)
    reads: list[tuple[str, str]] = field(default_factory=list)

    def periods(self, record: str) -> list[str]:
        return sorted(self.data.get(record, {}))

    def change_token(self, record: str, period: str) -> str:
        return digest_of(self.data[record][period])

    def read(self, record: RecordType, period: str) -> Iterator[SourceBatch]:
        self.reads.append((record.name, period))
        yield from batches(self.data[record.name][period], record.fields)

    def close(self) -> None:
        """There is nothing to let go of."""


def typed(record: RecordType, rows: Iterable[Row]) -> pa.RecordBatch:
    """The rows as a snapshot holds them."""
    chosen = [{field.name: row.get(field.name) for field in record.stored} for row in rows]
    return pa.RecordBatch.from_pylist(chosen, schema=schema_of(record))


def seal(
    state: Path,
    declarations: Declarations,
    record: str,
    rows: Iterable[Row],
    period: str = YEAR,
    source: str = "city",
) -> Snapshot:
    """Seal the rows without checking them."""
    declared = declarations.records[record]
    batch = typed(declared, rows)
    return SnapshotStore(state).seal(
        source, record, period, schema_of(declared), iter([batch]), token=f"token-{batch.num_rows}"
    )


def school(number: int, area: str = AREAS[0], ownership: str = "public") -> dict[str, Any]:
    """A school of the register."""
    return {
        "school": f"{number:04d}", "school_name": f"Trường số {number}", "area": area,
        "ownership": ownership,
    }  # fmt: skip


_keys = itertools.count()


def pupils(
    number: int, school: str, grade: str = "g1", sex: str = "male", **more: Any
) -> list[Row]:
    """So many pupils alike, each with a key of its own."""
    return [
        {
            "pupil_key": f"{next(_keys):010d}", "school": school, "grade": grade, "sex": sex,
            "internet": "yes", **more,
        }
        for _ in range(number)
    ]  # fmt: skip


def many_pupils() -> list[Row]:
    """Pupils in three schools of two areas, with a cell of two that has to be suppressed; the same
    ones each time."""
    counts = {
        ("0001", "g1", "male"): 12, ("0001", "g1", "female"): 9, ("0001", "g2", "male"): 2,
        ("0001", "g2", "female"): 20, ("0002", "g1", "male"): 30, ("0002", "g1", "female"): 31,
        ("0002", "g6", "male"): 8, ("0002", "g6", "female"): 14, ("0003", "g1", "male"): 25,
        ("0003", "g1", "female"): 22, ("0003", "g2", "male"): 17, ("0003", "g2", "female"): 11,
    }  # fmt: skip
    alike = [
        pupil
        for (school_id, grade, sex), number in counts.items()
        for pupil in pupils(number, school_id, grade, sex)
    ]
    return [{**pupil, "pupil_key": f"same-{place}"} for place, pupil in enumerate(alike)]


SCHOOLS = [school(1, AREAS[0]), school(2, AREAS[0]), school(3, AREAS[1], "private")]


class City:
    """Sources, a state folder and declarations, and the steps over them."""

    def __init__(self, folder: Path, documents: Iterable[Mapping[str, Any]] = CITY):
        self.state = folder / "state"
        self.declared = write(folder / "declared", documents)
        self.declarations = Declarations.load(own=self.declared)
        self.connectors: dict[str, MemoryConnector] = {}
        self.sources: dict[str, Source] = {}
        self.use(make_source())

    @property
    def store(self) -> ReleaseStore:
        return ReleaseStore(self.state)

    def use(self, source: Source) -> MemoryConnector:
        """Add a source, or put it in place of the one of the same name."""
        self.sources[source.name] = source
        return self.connectors.setdefault(source.name, MemoryConnector())

    def declare(self, *documents: Mapping[str, Any]) -> None:
        """Add documents, or put them in place of those of the same name."""
        self.declarations = declare(self.declared, documents)

    def deliver(
        self, record: str, rows: Iterable[Row], period: str = YEAR, source: str = "city"
    ) -> None:
        """What the source has of a record and period from now on."""
        self.connectors[source].data.setdefault(record, {})[period] = list(rows)

    def harvest(self) -> list[Sealed]:
        """Ask every source for everything, the register first."""
        sealed = []
        for name, source in self.sources.items():
            connector = self.connectors[name]
            for record in sorted(source.records, key=lambda one: one != REGISTER):
                periods = connector.periods(record)
                SnapshotStore(self.state).set_periods(name, record, periods)
                sealed += [
                    harvest(
                        source, self.declarations.records[record], period, connector, self.state,
                        self.declarations,
                    )
                    for period in periods
                ]  # fmt: skip
        return sealed

    def release(self) -> Outcome:
        """The release step, over all sources."""
        return release(list(self.sources.values()), self.state, self.declarations)

    def publish(self, rows: Iterable[Row] | None = None, period: str = YEAR) -> Outcome:
        """Deliver schools and pupils, harvest and release."""
        self.deliver("school", SCHOOLS, period)
        self.deliver("pupil", many_pupils() if rows is None else rows, period)
        self.harvest()
        return self.release()


def released(outcome: Outcome) -> list[tuple[str, int]]:
    """What a release step made: tables and numbers."""
    return sorted((one.table, one.number) for one in outcome.releases)
