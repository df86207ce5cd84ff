"""Releases of the project's own tables, with a handful of invented rows, to show on pages."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from harvesters.parts import Part
from harvesters.releases import Release, ReleaseStore
from schemas import TOTAL, Column, Declarations, Table

SOURCES = [{"name": "test", "title": {"vi": "Hệ thống thử", "en": "Test system"}}]
_ARROW = {"integer": pa.int64(), "decimal": pa.float64()}
_PERIODS = {"school_year": "2024-2025", "month": "2026-09", "date": "2025-07-01"}
ROWS = 6


def _value(column: Column, number: int, period: str, declarations: Declarations) -> Any:
    if column.role == "period":
        return period
    if column.role in ("status", "flag"):
        return ""
    if column.type == "code" and column.codelist:
        codes = list(declarations.codelists[column.codelist].codes)
        return codes[number % len(codes)]
    if column.type == "institution":
        return f"7900000{number}"
    return number if column.type in _ARROW else f"Trường thử {number}"


def enrolment(declarations: Declarations) -> list[dict[str, Any]]:
    """Rows of the table `enrolment`: the city, an area and a school of it, two levels, of which one
    is suppressed, and girls."""
    area = list(declarations.codelists["area"].codes)[1]
    total = dict.fromkeys(declarations.tables["enrolment"].dimension_columns, TOTAL)
    return [
        {**total, "pupils": 1000},
        {**total, "area": area, "pupils": 600},
        {**total, "area": area, "school": "79000001", "pupils": 300},
        {**total, "level": "primary", "pupils": 400},
        {**total, "level": "preschool", "pupils": None, "pupils_status": "c"},
        {**total, "sex": "female", "pupils": 500},
    ]


def make_release(
    store: ReleaseStore,
    table: Table,
    declarations: Declarations,
    periods: Iterable[str] = (),
    simulated: bool = True,
    suppressed: int = 0,
    given: Sequence[Mapping[str, Any]] = (),
) -> Release:
    """The next release of `table`, with `ROWS` rows a period, or those that are `given`, of which
    only what matters has to be said."""
    parts = []
    types = [(column.name, _ARROW.get(column.type, pa.string())) for column in table.columns]
    for period in periods or [_PERIODS[table.period]]:
        rows: list[Mapping[str, Any]] = [
            {column.name: _value(column, row, period, declarations) for column in table.columns}
            for row in range(len(given) or ROWS)
        ]
        rows = [{**row, **said} for row, said in zip(rows, given, strict=True)] if given else rows
        path = Path(store.state) / f"{table.name}-{period}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows, pa.schema(types)), path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        certificate = {
            "table": table.name,
            "period": period,
            "file_sha256": digest,
            "cells": len(rows),
            "suppressed": {table.measures[0].name: suppressed} if suppressed else {},
            "thresholds": {},
            "checks": ["Each row stands once."],
            "method": "Invented",
            "software": {"duckdb": "1"},
            "system": {"suppressed": suppressed, "linear_programmes": 7, "solver": "HiGHS 1"},
            "given_up": [],
            "snapshots": [],
        }
        parts.append(Part(table.name, period, digest, path, certificate))
    return store.create(table, parts, declarations, SOURCES, "so-gddt", simulated=simulated)
