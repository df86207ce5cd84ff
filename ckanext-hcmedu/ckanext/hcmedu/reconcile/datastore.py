"""The DataStore tables of releases: one a release, typed, loaded whole, named by an alias.

CKAN's `datastore_create` takes rows as JSON through the web process, inserts them one statement a
row, needs the resource to be there first, and commits on its own in between. A release is a large
file that must appear at once, before the resource that names it. So this module talks to the
DataStore's database itself: CKAN's own `create_table` makes the table (its columns and data
dictionary are CKAN's, whatever the version), PostgreSQL's COPY fills it, and one transaction holds
both. What the read-only role may see is granted by the default privileges that `ckan datastore
set-permissions` has set up for new tables.
"""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import ckan.plugins.toolkit as tk
import sqlalchemy as sa
from ckanext.datastore.backend.postgres import (
    create_table,
    get_write_engine,
    identifier,
    literal_string,
)

from harvesters.files import digest_of

LAYOUT = 2
"""Counted up when this module makes tables in another way, so that all are made anew."""

_TYPES: Mapping[str, str] = {
    "integer": "bigint",
    # Exact: a rate of 12.3 must not come out of the API as 12.300000000000001.
    "decimal": "numeric",
}
"""PostgreSQL types by column type; every other column is text: codes keep their zeros."""

_NEVER_NULL = ("status", "flag")
"""Columns in which an empty field says something, so that it stays an empty text."""

_INDEXED = ("period", "dimension")
"""Roles of the columns that readers filter by."""

_CODES = ("code", "institution")
"""Types of the columns that they filter a register by."""

# A reader who holds a table while we wait for it holds up every reader behind us: give up soon.
_LOCK_WAIT = "SET LOCAL lock_timeout = '5s'"


class BadReleaseFile(Exception):
    """A release's file is not what its manifest says; nothing of it was loaded."""


@dataclass(frozen=True)
class Contents:
    """What a release's DataStore table must hold.

    `columns` are the manifest's; `sha256` and `rows` are what the CSV file must turn out to have.
    """

    table: str
    release: int
    datastore_id: str
    path: Path
    sha256: str
    rows: int
    columns: Sequence[Mapping[str, Any]]

    @property
    def fields(self) -> list[dict[str, Any]]:
        """The columns as DataStore fields: type, and the data dictionary in both languages."""
        return [_field(column) for column in self.columns]

    @property
    def mark(self) -> dict[str, Any]:
        """What is written on the finished table, so that it can be recognised and compared."""
        return {
            "table": self.table,
            "release": self.release,
            "rows": self.rows,
            "made_from": digest_of([LAYOUT, _language(), self.sha256, self.fields]),
        }


@dataclass(frozen=True)
class Prepared:
    """The releases that stand in the DataStore: marks by resource id, aliases by name."""

    marks: Mapping[str, Mapping[str, Any]]
    aliases: Mapping[str, str]

    def of(self, table: str) -> set[str]:
        """The ids of all DataStore tables made for `table`."""
        return {key for key, mark in self.marks.items() if mark["table"] == table}

    def holds(self, contents: Contents) -> bool:
        """Whether the table of `contents` is there, whole and as it would be made today."""
        return self.marks.get(contents.datastore_id) == contents.mark


def _language() -> str:
    return str(tk.config["ckan.datastore.default_fts_lang"])


def _field(column: Mapping[str, Any]) -> dict[str, Any]:
    info: dict[str, str] = {}
    for language, suffix in (("vi", ""), ("en", "_en")):
        info[f"label{suffix}"] = column["title"][language]
        notes = [column["description"][language]] if column.get("description") else []
        if column.get("unit"):
            word = {"vi": "Đơn vị", "en": "Unit"}[language]
            notes.append(f"{word}: {column['unit'][language]}.")
        if notes:
            info[f"notes{suffix}"] = " ".join(notes)
    if column.get("codelist"):
        info["codelist"] = column["codelist"]
    if column.get("unit"):
        info |= {"unit": column["unit"]["vi"], "unit_en": column["unit"]["en"]}
    return {"id": column["name"], "type": _TYPES.get(column["type"], "text"), "info": info}


def observe() -> Prepared:
    """What stands in the DataStore's database now; one look for all tables."""
    marked = sa.text(
        "SELECT relname, obj_description(oid, 'pg_class') FROM pg_class "
        "WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace "
        "AND obj_description(oid, 'pg_class') LIKE '{\"hcmedu\"%'"
    )
    named = sa.text('SELECT name, alias_of FROM "_table_metadata" WHERE alias_of IS NOT NULL')
    with get_write_engine().connect() as connection:
        marks = {name: json.loads(mark)["hcmedu"] for name, mark in connection.execute(marked)}
        aliases = {row.name: row.alias_of for row in connection.execute(named)}
    return Prepared(marks, aliases)


def count_rows(datastore_id: str) -> int:
    """The rows that a DataStore table really has; reads the whole table."""
    with get_write_engine().connect() as connection:
        count = connection.scalar(sa.select(sa.func.count()).select_from(sa.table(datastore_id)))
    return int(count or 0)


def prepare(contents: Contents) -> None:
    """Make the release's table and load it, in one transaction; no reader knows its id yet.

    A table of that id that was made otherwise is replaced, together with its alias.

    :raises BadReleaseFile: the file's heading, digest or number of rows is not the manifest's.
    """
    with get_write_engine().begin() as connection:
        connection.execute(sa.text(_LOCK_WAIT))
        aliased = connection.scalar(
            sa.text('SELECT 1 FROM "_table_metadata" WHERE name = :alias AND alias_of = :id'),
            {"alias": contents.table, "id": contents.datastore_id},
        )
        _drop(connection, contents.datastore_id)
        _create(connection, contents)
        _load(connection, contents)
        _index(connection, contents)
        if aliased:
            _point(connection, contents.table, contents.datastore_id)


def point_alias(table: str, datastore_id: str) -> None:
    """Let the alias `table` name the DataStore table `datastore_id`; readers see the one or the
    other."""
    with get_write_engine().begin() as connection:
        connection.execute(sa.text(_LOCK_WAIT))
        _point(connection, table, datastore_id)


def drop(datastore_ids: Collection[str]) -> None:
    """Drop DataStore tables with their aliases."""
    for datastore_id in sorted(datastore_ids):
        with get_write_engine().begin() as connection:
            connection.execute(sa.text(_LOCK_WAIT))
            _drop(connection, datastore_id)


def _create(connection: sa.Connection, contents: Contents) -> None:
    table = identifier(contents.datastore_id)
    create_table(
        {"connection": connection},
        {"resource_id": contents.datastore_id, "fields": contents.fields},
        {},
    )
    # CKAN fills `_full_text` by a trigger that turns each row into JSON and back. A generated
    # column of the text columns gives the same searches and takes part in a COPY at little cost.
    texts = [identifier(field["id"]) for field in contents.fields if field["type"] == "text"]
    words = " || ' ' || ".join(f"coalesce({name}, '')" for name in texts) or "''"
    connection.exec_driver_sql(
        f"ALTER TABLE {table} DROP COLUMN _full_text, ADD COLUMN _full_text tsvector "
        f"GENERATED ALWAYS AS (to_tsvector({literal_string(_language())}, {words})) STORED"
    )


class _Hashing:
    """A file that is hashed while it is read."""

    def __init__(self, file: BinaryIO):
        self.file = file
        self.digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        block = self.file.read(size)
        self.digest.update(block)
        return block


def _load(connection: sa.Connection, contents: Contents) -> None:
    names = [column["name"] for column in contents.columns]
    with contents.path.open(encoding="utf-8", newline="") as text:
        heading = next(csv.reader(text), [])
    if heading != names:
        raise BadReleaseFile(
            f"{contents.path}: the heading is {', '.join(heading) or 'empty'}; the manifest has "
            f"{', '.join(names)}. Restore the release from a backup or withdraw it."
        )
    never_null = [
        identifier(column["name"]) for column in contents.columns if column["type"] in _NEVER_NULL
    ]
    options = "FORMAT csv, HEADER true, NULL ''"
    if never_null:
        options += f", FORCE_NOT_NULL ({', '.join(never_null)})"
    columns = ", ".join(map(identifier, names))
    statement = f"COPY {identifier(contents.datastore_id)} ({columns}) FROM STDIN ({options})"
    driver = connection.connection.driver_connection
    assert driver is not None
    with contents.path.open("rb") as file, driver.cursor() as cursor:
        hashing = _Hashing(file)
        cursor.copy_expert(statement, hashing, 1 << 20)
        rows = cursor.rowcount
    if hashing.digest.hexdigest() != contents.sha256 or rows != contents.rows:
        raise BadReleaseFile(
            f"{contents.path}: {rows} rows, SHA-256 {hashing.digest.hexdigest()}; the manifest has "
            f"{contents.rows} rows, {contents.sha256}. Restore the release from a backup or "
            "withdraw it."
        )


def _index(connection: sa.Connection, contents: Contents) -> None:
    table = identifier(contents.datastore_id)
    for column in contents.columns:
        if column["role"] in _INDEXED or column["type"] in _CODES:
            connection.exec_driver_sql(f"CREATE INDEX ON {table} ({identifier(column['name'])})")
    connection.exec_driver_sql(f"CREATE INDEX ON {table} USING gin (_full_text)")
    mark = json.dumps({"hcmedu": contents.mark})
    connection.exec_driver_sql(f"COMMENT ON TABLE {table} IS {literal_string(mark)}")
    # CKAN counts a table when it is first asked for its total; here the total is known.
    connection.execute(
        sa.text(
            "INSERT INTO _table_stats "
            "VALUES (:id, jsonb_build_object('rows', cast(:rows AS bigint))) "
            "ON CONFLICT (resource_id) DO UPDATE SET stats = excluded.stats"
        ),
        {"id": contents.datastore_id, "rows": contents.rows},
    )
    connection.exec_driver_sql(f"ANALYZE {table}")


def _point(connection: sa.Connection, table: str, datastore_id: str) -> None:
    alias = identifier(table)
    connection.exec_driver_sql(f"DROP VIEW IF EXISTS {alias}")
    connection.exec_driver_sql(f"CREATE VIEW {alias} AS TABLE {identifier(datastore_id)}")


def _drop(connection: sa.Connection, datastore_id: str) -> None:
    connection.exec_driver_sql(f"DROP TABLE IF EXISTS {identifier(datastore_id)} CASCADE")
    connection.execute(
        sa.text("DELETE FROM _table_stats WHERE resource_id = :id"), {"id": datastore_id}
    )
