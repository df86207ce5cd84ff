"""The full city: pupil records to published tables, in a process of its own.

``python -m tests.bench.city STATE`` harvests the register and the pupils of all years from the
central database, releases what is counted from them, harvests again with nothing changed, and
prints its figures as JSON. Memory is the peak of this one process.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import sys
import time
from contextlib import closing
from pathlib import Path

import psycopg2

from harvesters.connectors import open_connector
from harvesters.harvest import harvest
from harvesters.release import release
from harvesters.snapshots import SnapshotStore
from harvesters.sources import load_source
from schemas import Declarations

SOURCE = Path(__file__).parents[2] / "config" / "sources" / "central-database.yaml"
RECORDS = ("school", "pupil")


def _declarations() -> Declarations:
    """Only what is counted from the records that are harvested here."""
    whole = Declarations.load()
    tables = {name: table for name, table in whole.tables.items() if table.record in RECORDS}
    return Declarations(whole.codelists, whole.records, tables)


def _harvest(state: Path, declarations: Declarations) -> tuple[int, int, float]:
    """Harvest every period of each record type: records, changed snapshots, seconds."""
    source = load_source(SOURCE, declarations.records)
    rows = changed = 0
    began = time.perf_counter()
    with closing(open_connector(source)) as connector:
        for name in RECORDS:
            periods = connector.periods(name)
            SnapshotStore(state).set_periods(source.name, name, periods)
            for period in periods:
                record = declarations.records[name]
                sealed = harvest(source, record, period, connector, state, declarations)
                rows += sealed.snapshot.rows
                changed += sealed.changed
    return rows, changed, time.perf_counter() - began


def _peak() -> float:
    """Peak memory of this process so far, in GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def main(state: Path) -> dict[str, float]:
    """Measure; figures by name (records, seconds, GiB)."""
    shutil.rmtree(state, ignore_errors=True)
    state.mkdir(parents=True)
    declarations = _declarations()
    rows, _, first = _harvest(state, declarations)
    harvest_peak = _peak()
    _, changed, again = _harvest(state, declarations)
    if changed:
        raise RuntimeError(f"{changed} snapshots changed although nothing else did.")
    source = load_source(SOURCE, declarations.records)
    began = time.perf_counter()
    outcome = release([source], state, declarations)
    released = time.perf_counter() - began
    if outcome.refusals:
        raise RuntimeError(f"Refused: {outcome.refusals[0]}")
    # What a reader of the same rows without a portal would need: the driver, nothing else.
    began = time.perf_counter()
    read = _plain_read()
    plain = time.perf_counter() - began
    return {
        "records": rows,
        "harvest_seconds": first,
        "harvest_peak_gib": harvest_peak,
        "unchanged_seconds": again,
        "release_seconds": released,
        "peak_gib": _peak(),
        "published_rows": sum(one.manifest["rows"] for one in outcome.releases),
        "plain_rows": read,
        "plain_seconds": plain,
    }


def _plain_read() -> int:
    """Read the same columns of one year with psycopg2's server-side cursor; rows read."""
    url = os.environ["HCMEDU_CENTRAL_DATABASE_URL"].replace("postgresql+psycopg2", "postgresql")
    rows = 0
    with closing(psycopg2.connect(url)) as link, link.cursor("plain") as cursor:
        cursor.itersize = 50_000
        cursor.execute(
            "SELECT ma_dinh_danh, ma_truong, khoi, gioi_tinh, internet_tai_nha, "
            "thiet_bi_hoc_tap, dung_kho_hoc_lieu FROM hoc_sinh WHERE nam_hoc = '2025-2026'"
        )
        for _ in cursor:
            rows += 1
    return rows


if __name__ == "__main__":
    print(json.dumps(main(Path(sys.argv[1]))))
