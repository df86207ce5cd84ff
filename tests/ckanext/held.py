"""A revision of enrolment that waits for a decision, as the release step leaves it on disk."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from harvesters.files import write_json
from harvesters.parts import HELD, schema_of
from schemas import TOTAL, Declarations

YEAR = "2024-2025"


def hold(state: Path, declarations: Declarations, tables: Sequence[str] = ("enrolment",)) -> None:
    """What is published has thirty boys; the revision of `tables` would have one more."""
    table = declarations.tables["enrolment"]
    for number, boys in ((1, 30), (2, 31)):
        folder = state / "parts" / "pupil" / YEAR / f"{number:04d}"
        folder.mkdir(parents=True)
        rows: list[dict[str, Any]] = []
        for sex, pupils in ((TOTAL, boys + 40), ("male", boys), ("female", 40)):
            row: dict[str, Any] = {column.name: "" for column in table.columns}
            row |= dict.fromkeys(table.dimension_columns, TOTAL)
            rows.append({**row, "school_year": YEAR, "sex": sex, "pupils": pupils})
        pq.write_table(pa.Table.from_pylist(rows, schema_of(table)), folder / "enrolment.parquet")
        certificate = {
            "file_sha256": f"{number}",
            "snapshots": [],
            "register": "",
            "thresholds": {},
        }
        write_json(folder / "enrolment.json", certificate)
    held = {"record": "pupil", "period": YEAR, "tables": list(tables), "told": 2, "basis": "b",
            "snapshots": ["s"]}  # fmt: skip
    write_json(folder / HELD, held, mode=0o600)
