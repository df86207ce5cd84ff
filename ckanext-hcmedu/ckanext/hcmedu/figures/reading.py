"""Rows of a release: from the DataStore where it is what readers are shown, else from its file.

The DataStore is read by the role that may only read, through columns that have an index; a file is
Parquet, of which only what is asked for is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import sqlalchemy as sa
from ckanext.datastore.backend.postgres import get_read_engine, identifier

from ckanext.hcmedu.figures.cube import Axis, Cube
from ckanext.hcmedu.figures.selection import EACH
from ckanext.hcmedu.published import published
from harvesters.releases import Release
from schemas import TOTAL

Conditions = Mapping[str, Sequence[str]]
"""For each column the codes that a row may have, the total among them where it is wanted; `EACH`
for all but the total."""

Row = Mapping[str, Any]


class NotReadable(Exception):
    """The release's rows are not there (any more)."""


def rows(
    release: Release,
    columns: Sequence[str],
    where: Conditions | Sequence[Conditions],
    most: int,
) -> list[Row]:
    """The rows that fulfil the conditions, or one of several sets of them, at most so many.

    :raises NotReadable: the release was withdrawn or replaced just now.
    """
    either = [where] if isinstance(where, Mapping) else list(where)
    shown = published().get(release.table)
    if shown is not None and shown.release == release.number:
        return _from_datastore(shown.datastore_id, columns, either, most)
    return _from_file(release, columns, either, most)


def codes_in(release: Release, column: str) -> list[str]:
    """The different codes in a column, in no order; by way of its index, without all its rows."""
    shown = published().get(release.table)
    if shown is None or shown.release != release.number:
        with _opened(release) as connection:
            found = connection.execute(f"SELECT DISTINCT {identifier(column)} FROM release")
            return [row[0] for row in found.fetchall()]
    name, table = identifier(column), identifier(shown.datastore_id)
    statement = (
        f"WITH RECURSIVE codes AS ((SELECT min({name}) AS code FROM {table}) UNION ALL "
        f"SELECT (SELECT min({name}) FROM {table} WHERE {name} > codes.code) FROM codes "
        "WHERE codes.code IS NOT NULL) SELECT code FROM codes WHERE code IS NOT NULL"
    )
    return [row[0] for row in _ask(statement, {})]


def codes_of(cube: Cube, axis: Axis) -> list[str]:
    """The codes that the release has of an axis with a code list, in the order of the list; the
    total, where there is one, comes first."""
    assert axis.codelist is not None
    present = set(codes_in(cube.release, axis.column))
    known = (TOTAL, *cube.declarations.codelists[axis.codelist].codes)
    return [code for code in known if code in present]


def _from_datastore(
    datastore_id: str, columns: Sequence[str], either: Sequence[Conditions], most: int
) -> list[Row]:
    statement, values = _statement(datastore_id, columns, either, most, ":")
    return [dict(row._mapping) for row in _ask(statement, values)]


def _ask(statement: str, values: Mapping[str, str]) -> Sequence[sa.Row[Any]]:
    try:
        with get_read_engine().connect() as connection:
            return connection.execute(sa.text(statement), values).fetchall()
    except sa.exc.ProgrammingError as error:
        raise NotReadable(str(error.orig)) from error


def _from_file(
    release: Release, columns: Sequence[str], either: Sequence[Conditions], most: int
) -> list[Row]:
    statement, values = _statement("release", columns, either, most, "$")
    with _opened(release) as connection:
        found = connection.execute(statement, values).fetchall()
    return [dict(zip(columns, row, strict=True)) for row in found]


def _opened(release: Release) -> duckdb.DuckDBPyConnection:
    path = release.file(f"{release.table}.parquet")
    if path is None or not path.is_file():
        raise NotReadable(release.table)
    connection = duckdb.connect(config={"threads": 1})
    connection.read_parquet(str(path)).create_view("release")
    return connection


def _statement(
    table: str, columns: Sequence[str], either: Sequence[Conditions], most: int, mark: str
) -> tuple[str, dict[str, str]]:
    """A query, and the values that are bound in it; `mark` stands before their names."""
    values: dict[str, str] = {}
    statement = (
        f"SELECT {', '.join(map(identifier, columns))} FROM {identifier(table)} "
        f"WHERE {_conditions(either, values, mark)} LIMIT {int(most)}"
    )
    return statement, values


def _conditions(either: Sequence[Conditions], values: dict[str, str], mark: str) -> str:
    """The conditions in SQL that both databases read; values are bound, never written into it."""
    ways = []
    for where in either:
        parts = []
        for column, codes in where.items():
            name = identifier(column)
            if EACH in codes:
                parts += [] if TOTAL in codes else [f"{name} <> '{TOTAL}'"]
                continue
            bound = []
            for code in codes:
                bound.append(f"{mark}v{len(values)}")
                values[f"v{len(values)}"] = code
            parts.append(f"{name} IN ({', '.join(bound)})" if bound else "FALSE")
        ways.append(" AND ".join(parts) or "TRUE")
    return " OR ".join(f"({way})" for way in ways) or "FALSE"
