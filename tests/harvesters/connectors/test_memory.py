"""Memory does not grow with what a source has."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from harvesters.connectors import Connector
from tests.harvesters.connectors.helpers import connector, record_type
from tests.harvesters.connectors.service import Reply, Request, Service

pytestmark = pytest.mark.unit

PERIOD = "2025-10"
LOAN = record_type("loan", {"school": "institution", "kind": "code", "amount": "integer"})
FIELDS = {
    "school": {"from": "ma", "width": 8},
    "kind": {"from": "loai", "map": {"Sách": "book"}},
    "amount": {"from": "so", "number": "vi"},
}
FEW, MANY = 2_000, 20_000

Make = Callable[[int], Connector]


@pytest.fixture
def csv_file(tmp_path: Path) -> Make:
    def made(rows: int) -> Connector:
        with (tmp_path / f"{PERIOD}.csv").open("w", encoding="utf-8") as file:
            file.write("ma;loai;so\n")
            file.writelines(f"{row % 9000};Sách;{row}\n" for row in range(rows))
        return connector(
            tmp_path,
            connector="files",
            address=str(tmp_path),
            allow=[str(tmp_path)],
            limits={"batch_rows": 1000},
            records={"loan": {"pattern": "{period}.csv", "fields": FIELDS}},
        )

    return made


@pytest.fixture
def json_lines(tmp_path: Path) -> Make:
    def made(rows: int) -> Connector:
        with (tmp_path / f"{PERIOD}.jsonl").open("w", encoding="utf-8") as file:
            file.writelines(
                f'{{"ma": {row % 9000}, "loai": "Sách", "so": {row}}}\n' for row in range(rows)
            )
        return connector(
            tmp_path,
            connector="files",
            address=str(tmp_path),
            allow=[str(tmp_path)],
            limits={"batch_rows": 1000},
            records={"loan": {"pattern": "{period}.jsonl", "fields": FIELDS}},
        )

    return made


@pytest.fixture
def rest(tmp_path: Path, service: Service) -> Make:
    def made(rows: int) -> Connector:
        def route(request: Request) -> Reply:
            start = int(request.query.get("cursor", 0))
            stop = min(start + 500, rows)
            data = [{"ma": row % 9000, "loai": "Sách", "so": row} for row in range(start, stop)]
            return Reply({"data": data, "next_cursor": stop if stop < rows else None})

        service.routes["/loans"] = route
        return connector(
            tmp_path,
            connector="rest",
            address=service.address,
            allow=["127.0.0.1"],
            limits={"batch_rows": 1000},
            records={
                "loan": {
                    "path": "/loans",
                    "period": {"parameter": "thang"},
                    "periods": [PERIOD],
                    "paging": "cursor",
                    "items": "data",
                    "fields": FIELDS,
                }
            },
        )

    return made


@pytest.fixture
def measured() -> Iterator[Callable[[Connector], tuple[int, int]]]:
    """Reads everything and forgets it; how many records there were and the peak in bytes."""

    def read(opened: Connector) -> tuple[int, int]:
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0] + pa.total_allocated_bytes()
        rows = arrow = 0
        for batch in opened.read(LOAN, PERIOD):
            rows += batch.batch.num_rows
            arrow = max(arrow, pa.total_allocated_bytes())
        peak = tracemalloc.get_traced_memory()[1] + arrow - before
        opened.close()
        return rows, peak

    tracemalloc.start()
    yield read
    tracemalloc.stop()


@pytest.mark.parametrize("kind", ["csv_file", "json_lines", "rest"])
def test_ten_times_the_records_take_no_more_memory(
    kind: str,
    request: pytest.FixtureRequest,
    measured: Callable[[Connector], tuple[int, int]],
    service: Service,
):
    make: Make = request.getfixturevalue(kind)
    measured(make(FEW))  # what is loaded on first use does not count
    few, small = measured(make(FEW))
    service.requests.clear()
    many, large = measured(make(MANY))
    assert (few, many) == (FEW, MANY)
    assert large < small * 1.5 + 2_000_000
