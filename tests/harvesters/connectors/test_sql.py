"""Databases: PostgreSQL as it is harvested, SQLite as any other dialect."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from harvesters.connectors import Connector
from harvesters.connectors.sql import SqlConnector
from harvesters.errors import (
    SourceConfigurationError,
    SourceConnectionError,
    SourceError,
    SourceRefusedError,
    SourceTimeoutError,
    SourceTooLargeError,
)
from tests.harvesters.connectors.helpers import connector, record_type, table

YEAR = "2025-2026"
PUPIL = record_type(
    "pupil",
    {"pupil_key": "key", "school": "institution", "grade": "code", "sex": "code",
     "internet": "code", "score": "decimal"},
    ["score"],
)  # fmt: skip
FIELDS = {
    "pupil_key": "Mã định danh",
    "school": {"from": "ma_truong", "width": 8},
    "grade": "khoi",
    "sex": {"from": "gioi_tinh", "map": {"Nam": "male", "Nữ": "female"}},
    "internet": {"from": "internet", "map": {True: "yes", False: "no", "1": "yes", "0": "no"}},
    "score": "diem",
}
PUPILS = [
    {"pupil_key": "HS1", "school": "07904012", "grade": "Lớp 1", "sex": "male",
     "internet": "yes", "score": 8.25},
    {"pupil_key": "HS2", "school": "07904012", "grade": 'Lớp "2", tổ 1', "sex": "female",
     "internet": "no", "score": None},
    {"pupil_key": "HS3", "school": "07904013", "grade": None, "sex": None,
     "internet": None, "score": 0.5},
]  # fmt: skip

Open = Callable[..., Connector]


def create(connection: sa.Connection, kind: str, schema: str = "") -> None:
    """A table of pupils, with columns that are not to be read."""
    prefix = f'"{schema}".' if schema else ""
    connection.execute(
        sa.text(
            f'CREATE TABLE {prefix}"hoc sinh" ("Mã định danh" text, ho_ten text, '
            f"ma_truong integer, khoi text, gioi_tinh varchar(10), internet boolean, "
            f"diem {kind}, nam_hoc varchar(9), cap_nhat timestamp)"
        )
    )
    rows = [
        ("HS1", "Nguyễn Văn A", 7904012, "Lớp 1", "Nam", True, 8.25, YEAR),
        ("HS2", "Trần Thị B", 7904012, 'Lớp "2", tổ\n1', "Nữ", False, None, YEAR),
        ("HS3", "Lê C", 7904013, None, "", None, 0.5, YEAR),
        ("HS4", "Phạm D", 7904013, "Lớp 4", "Nam", True, 1, "2024-2025"),
    ]
    for row in rows:
        connection.execute(
            sa.text(
                f'INSERT INTO {prefix}"hoc sinh" VALUES '
                "(:a, :b, :c, :d, :e, :f, :g, :h, '2025-09-05 07:00:00')"
            ),
            dict(zip("abcdefgh", row, strict=True)),
        )


def options(**changed: Any) -> dict[str, Any]:
    return {
        "table": "hoc sinh",
        "period": {"column": "nam_hoc"},
        "change": {"column": "cap_nhat"},
        "fields": FIELDS,
        **changed,
    }


@pytest.fixture(params=["sqlite", "postgresql"])
def opened(request: pytest.FixtureRequest) -> Open:
    """A connector for a database of pupils, of either kind."""
    made: Open = request.getfixturevalue(request.param)
    return made


@pytest.fixture
def sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Open:
    (tmp_path / "db").mkdir()
    engine = sa.create_engine(f"sqlite:///{tmp_path}/db/truong.db")
    with engine.begin() as connection:
        create(connection, "real")
    monkeypatch.setenv("TEST_DATABASE_URL", f"sqlite:///{tmp_path}/db/truong.db")

    def made(source: dict[str, Any] | None = None, **changed: Any) -> Connector:
        return connector(
            tmp_path,
            **{
                "connector": "sql",
                "address": "${TEST_DATABASE_URL}",
                "allow": [str(tmp_path / "db")],
                "records": {"pupil": options(**changed)},
                **(source or {}),
            },
        )

    return made


@pytest.fixture(scope="session")
def server() -> sa.URL:
    """The tests' PostgreSQL server, as someone who may create schemas in it."""
    url = os.environ.get("HCMEDU_CENTRAL_ADMIN_URL")
    if not url:
        pytest.fail("This test needs the tests' services: run it with `make test`.")
    return sa.make_url(url)


@pytest.fixture
def schema(server: sa.URL) -> Iterator[str]:
    """A schema of the test's own, with the table of pupils."""
    name = f"test_{secrets.token_hex(6)}"
    engine = sa.create_engine(server, poolclass=sa.pool.NullPool)
    with engine.begin() as connection:
        connection.execute(sa.text(f'CREATE SCHEMA "{name}"'))
        create(connection, "numeric(4, 2)", name)
    yield name
    with engine.begin() as connection:
        connection.execute(sa.text(f'DROP SCHEMA "{name}" CASCADE'))


@pytest.fixture
def postgresql(
    server: sa.URL, schema: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Open:
    monkeypatch.setenv("TEST_DATABASE_URL", server.render_as_string(hide_password=False))

    def made(source: dict[str, Any] | None = None, **changed: Any) -> Connector:
        declared = options(**changed)
        if "table" in declared and "schema" not in declared:
            declared["schema"] = schema
        return connector(
            tmp_path,
            **{
                "connector": "sql",
                "address": "${TEST_DATABASE_URL}",
                "allow": ["127.0.0.1"],
                "records": {"pupil": declared},
                **(source or {}),
            },
        )

    return made


both = [
    pytest.param("sqlite", marks=pytest.mark.unit),
    pytest.param("postgresql", marks=pytest.mark.integration),
]
either = pytest.mark.parametrize("opened", both, indirect=True)
only_postgresql = pytest.mark.integration


def records(opened: Connector) -> list[dict[str, Any]]:
    found = table(opened.read(PUPIL, YEAR)).drop_columns(["_origin", "_row"]).to_pylist()
    for record in found:
        if isinstance(record["score"], str):
            record["score"] = float(record["score"])
    return sorted(found, key=lambda record: record["pupil_key"])


@either
def test_mapped_columns_of_one_period(opened: Open):
    found = table(opened().read(PUPIL, YEAR))
    assert records(opened()) == PUPILS
    assert found["_row"].to_pylist() == [1, 2, 3]
    assert set(found["_origin"].to_pylist()) == {"hoc sinh"}
    assert "Nguyễn" not in str(found.to_pydict())
    assert opened().periods("pupil") == ["2024-2025", YEAR]


@either
def test_conditions_and_periods_called_otherwise(opened: Open):
    only = opened(where="khoi IS NOT NULL OR diem > 0.75")
    assert [record["pupil_key"] for record in records(only)] == ["HS1", "HS2"]
    renamed = opened(period={"column": "nam_hoc", "map": {"2024-2025": YEAR, YEAR: "2030-2031"}})
    assert renamed.periods("pupil") == [YEAR, "2030-2031"]
    assert [record["pupil_key"] for record in records(renamed)] == ["HS4"]
    fixed = opened(period={"fixed": YEAR}, where="nam_hoc = :period")
    assert fixed.periods("pupil") == [YEAR]
    assert records(fixed) == PUPILS


@either
def test_a_query_in_place_of_a_table(opened: Open, request: pytest.FixtureRequest):
    prefix = ""
    if "postgresql" in request.node.name:
        prefix = f'"{request.getfixturevalue("schema")}".'
    query = f"SELECT * FROM {prefix}\"hoc sinh\" WHERE nam_hoc = :period AND gioi_tinh <> '100%'"
    declared = {
        "table": None,
        "query": query,
        "period": {"parameter": "period"},
        "periods": {"query": f"SELECT nam_hoc FROM {prefix}\"hoc sinh\" WHERE khoi LIKE 'L%'"},
        "change": {"query": f'SELECT count(*) FROM {prefix}"hoc sinh" WHERE nam_hoc = :period'},
    }
    made = {key: value for key, value in options(**declared).items() if value is not None}
    source = {"records": {"pupil": made}}
    assert records(opened(source)) == PUPILS
    assert opened(source).periods("pupil") == ["2024-2025", YEAR]
    token = opened(source).change_token("pupil", YEAR)
    assert token == opened(source).change_token("pupil", YEAR)
    assert token != opened(source).change_token("pupil", "2024-2025")


@either
def test_the_token_follows_what_is_declared(opened: Open):
    token = opened().change_token("pupil", YEAR)
    assert opened().change_token("pupil", YEAR) == token
    assert opened().change_token("pupil", "2024-2025") != token
    assert opened(where="1 = 1").change_token("pupil", YEAR) != token
    by_query = opened(change={"query": "SELECT 1, :period, :table"})
    assert by_query.change_token("pupil", YEAR) == by_query.change_token("pupil", YEAR)
    assert by_query.change_token("pupil", YEAR) != by_query.change_token("pupil", "2024-2025")
    silent = opened(change={"query": "SELECT 1 WHERE 1 = 2"})
    assert silent.change_token("pupil", YEAR) != silent.change_token("pupil", YEAR)


@either
def test_an_empty_period(opened: Open):
    assert list(opened().read(PUPIL, "1999-2000")) == []


@either
def test_a_period_is_a_value_not_sql(opened: Open):
    assert list(opened().read(PUPIL, "x' OR '1' = '1")) == []
    assert list(opened().read(PUPIL, "%(period)s %s :period \\")) == []


@either
def test_identifiers_are_names_not_sql(opened: Open):
    hostile = FIELDS | {"grade": 'khoi" FROM "hoc sinh"; DROP TABLE "hoc sinh"; --'}
    with pytest.raises(SourceConfigurationError):
        records(opened(fields=hostile))
    assert records(opened()) == PUPILS


@either
@pytest.mark.parametrize(
    "changed",
    [
        {"table": "giao_vien"},
        {"fields": FIELDS | {"grade": "khong_co"}},
        {"where": "khong phai sql"},
        {"period": {"column": "khong_co"}},
    ],
)
def test_what_is_not_there_is_told(opened: Open, changed: dict[str, Any]):
    with pytest.raises(SourceConfigurationError) as error:
        records(opened(**changed))
    assert "records.pupil" in error.value.vi
    assert "nguon.yaml" in error.value.en


@either
def test_nothing_can_be_written(opened: Open, request: pytest.FixtureRequest):
    prefix = ""
    if "postgresql" in request.node.name:
        prefix = f'"{request.getfixturevalue("schema")}".'
    write = {"query": f"UPDATE {prefix}\"hoc sinh\" SET khoi = 'x' WHERE 1 = 1 RETURNING khoi"}
    with pytest.raises(SourceError):
        opened(change=write).change_token("pupil", YEAR)
    assert records(opened()) == PUPILS


@either
def test_limits(opened: Open):
    with pytest.raises(SourceTooLargeError, match="max_rows"):
        records(opened({"limits": {"max_rows": 2}}))
    with pytest.raises(SourceTooLargeError, match="max_bytes"):
        records(opened({"limits": {"max_bytes": 20}}))
    batches = list(opened({"limits": {"batch_rows": 2}}).read(PUPIL, YEAR))
    assert [batch.batch.num_rows for batch in batches] == [2, 1]
    assert [batch.rows for batch in batches] == [range(1, 3), range(3, 4)]


@either
def test_a_reading_may_be_left_half_way(opened: Open):
    client = opened({"limits": {"batch_rows": 1}})
    reading = client.read(PUPIL, YEAR)
    next(reading)
    reading.close()
    assert records(client) == PUPILS
    client.close()
    client.close()


# SQLite


@pytest.mark.unit
@pytest.mark.parametrize(
    "address",
    ["sqlite://", "sqlite:///relative.db", "sqlite:////etc/passwd", "sqlite:///file:x?uri=true"],
)
def test_sqlite_files_outside(sqlite: Open, monkeypatch: pytest.MonkeyPatch, address: str):
    monkeypatch.setenv("TEST_DATABASE_URL", address)
    with pytest.raises((SourceRefusedError, SourceConfigurationError)):
        records(sqlite())


@pytest.mark.unit
def test_a_linked_sqlite_file(sqlite: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "ngoai.db").write_bytes((tmp_path / "db" / "truong.db").read_bytes())
    (tmp_path / "db" / "link.db").symlink_to(tmp_path / "ngoai.db")
    monkeypatch.setenv("TEST_DATABASE_URL", f"sqlite:///{tmp_path}/db/link.db")
    with pytest.raises(SourceRefusedError):
        records(sqlite())


@pytest.mark.unit
@pytest.mark.parametrize(
    "address",
    ["postgresql://10.0.0.1/x", "postgresql:///x", "postgresql://127.0.0.1/x?host=10.0.0.1",
     "postgresql://127.0.0.1/x?hostaddr=10.0.0.1", "postgresql:///x?service=a",
     "postgresql:///x?host=/tmp", "postgresql:///x?host=127.0.0.1:1&host=10.0.0.1:2",
     "mysql://127.0.0.1/x", "nothing://127.0.0.1/x", "not a url"],
)  # fmt: skip
def test_addresses_past_the_allow_list(sqlite: Open, monkeypatch: pytest.MonkeyPatch, address: str):
    monkeypatch.setenv("TEST_DATABASE_URL", address)
    with pytest.raises((SourceRefusedError, SourceConfigurationError)):
        records(sqlite({"allow": ["127.0.0.1"]}))


# PostgreSQL


@only_postgresql
def test_wrong_passwords_are_not_shown(
    postgresql: Open, server: sa.URL, monkeypatch: pytest.MonkeyPatch
):
    wrong = server.set(password="sai-mat-khau")
    monkeypatch.setenv("TEST_DATABASE_URL", wrong.render_as_string(hide_password=False))
    with pytest.raises(SourceRefusedError) as error:
        records(postgresql())
    client = postgresql()
    shown = f"{error.value} {error.value!r} {error.value.__cause__} {client!r}"
    assert "sai-mat-khau" not in shown
    assert "sai-mat-khau" not in repr(vars(client))


@only_postgresql
def test_rights_that_are_missing(postgresql: Open, monkeypatch: pytest.MonkeyPatch):
    reader = os.environ["HCMEDU_CENTRAL_DATABASE_URL"]
    monkeypatch.setenv("TEST_DATABASE_URL", reader)
    with pytest.raises(SourceRefusedError, match="42501"):
        records(postgresql())


@only_postgresql
def test_nobody_listens(postgresql: Open, server: sa.URL, monkeypatch: pytest.MonkeyPatch):
    away = server.set(port=1).render_as_string(hide_password=False)
    monkeypatch.setenv("TEST_DATABASE_URL", away)
    with pytest.raises(SourceConnectionError) as error:
        records(postgresql())
    assert error.value.transient


@only_postgresql
def test_a_query_that_takes_too_long(postgresql: Open):
    slow = {"query": "SELECT pg_sleep(30)"}
    began = time.monotonic()
    with pytest.raises(SourceTimeoutError):
        postgresql({"limits": {"timeout_seconds": 0.5}}, change=slow).change_token("pupil", YEAR)
    # A reading that falls silent is given up as well.
    with pytest.raises(SourceTimeoutError):
        records(postgresql({"limits": {"timeout_seconds": 0.5}}, where="pg_sleep(30) IS NULL"))
    assert time.monotonic() - began < 20


@only_postgresql
def test_a_value_that_fails_is_not_quoted(postgresql: Open):
    with pytest.raises(SourceConfigurationError) as error:
        records(postgresql(where="CAST(ho_ten AS integer) > 0"))
    assert "22P02" in error.value.vi
    assert "Nguyễn" not in f"{error.value} {error.value.__cause__}"


@only_postgresql
def test_a_reading_sees_one_state(postgresql: Open, server: sa.URL, schema: str):
    engine = sa.create_engine(server, poolclass=sa.pool.NullPool)
    with engine.begin() as connection:
        connection.execute(
            sa.text(
                f"INSERT INTO \"{schema}\".\"hoc sinh\" SELECT 'X' || i, '', 1, 'Lớp 1', "
                f"'Nam', true, 1, '{YEAR}', now() FROM generate_series(1, 200000) i"
            )
        )
    reading = postgresql({"limits": {"batch_rows": 1000}}).read(PUPIL, YEAR)
    first = next(reading)
    with engine.begin() as connection:
        connection.execute(sa.text(f'DELETE FROM "{schema}"."hoc sinh"'))
    assert first.batch.num_rows + sum(batch.batch.num_rows for batch in reading) == 200_003


@only_postgresql
def test_a_connection_that_is_cut(postgresql: Open, server: sa.URL):
    mark = secrets.token_hex(8)
    # Far more than can be on its way: the server is still sending when it is cut off.
    endless = {
        "query": f"SELECT 'Lớp 1' AS khoi, '{mark}' AS dau FROM generate_series(1, 20000000)",
        "period": {"fixed": YEAR},
        "fields": {"grade": "khoi", "sex": "dau"},
    }
    two = record_type("pupil", {"grade": "code", "sex": "code"})
    reading = postgresql({"records": {"pupil": endless}}).read(two, YEAR)
    next(reading)
    engine = sa.create_engine(server, poolclass=sa.pool.NullPool)
    with engine.begin() as connection:
        ended = connection.execute(
            sa.text(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                "WHERE application_name = 'hcmedu-harvest' AND query LIKE :query"
            ),
            {"query": f"%{mark}%"},
        ).scalar()
    assert ended == 1
    with pytest.raises(SourceConnectionError):
        list(reading)
    assert "copy" not in {thread.name for thread in threading.enumerate()}


@only_postgresql
def test_types_are_the_same_by_copy_and_by_cursor(postgresql: Open, schema: str):
    client = postgresql()
    copied = records(client)
    # The way of other dialects, on the same database.
    slow = postgresql()
    assert isinstance(slow, SqlConnector)
    slow._copied = slow._fetched  # type: ignore[method-assign]
    assert records(slow) == copied == PUPILS


@only_postgresql
def test_one_column_that_may_be_null(postgresql: Open):
    one = record_type("pupil", {"grade": "code"})
    reading = postgresql(fields={"grade": "khoi"}).read(one, YEAR)
    assert set(table(reading)["grade"].to_pylist()) == {'Lớp "2", tổ 1', "Lớp 1", None}


_MEASURED = """
import resource, sys
from pathlib import Path
from tests.harvesters.connectors.helpers import connector
from tests.harvesters.connectors.test_sql import PUPIL, YEAR, options
client = connector(
    Path(sys.argv[1]), connector="sql", address="${TEST_DATABASE_URL}", allow=["127.0.0.1"],
    records={"pupil": options(schema=sys.argv[2])},
)
rows = sum(batch.batch.num_rows for batch in client.read(PUPIL, YEAR))
print(rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@only_postgresql
def test_memory_does_not_grow_with_the_source(
    postgresql: Open, server: sa.URL, schema: str, tmp_path: Path
):
    engine = sa.create_engine(server, poolclass=sa.pool.NullPool)
    peaks = []
    for rows in (100_000, 1_000_000):
        with engine.begin() as connection:
            connection.execute(sa.text(f'DELETE FROM "{schema}"."hoc sinh"'))
            connection.execute(
                sa.text(
                    f"INSERT INTO \"{schema}\".\"hoc sinh\" SELECT 'X' || i, '', i % 5000, "
                    f"'Lớp 1', 'Nam', true, 1, '{YEAR}', now() FROM generate_series(1, {rows}) i"
                )
            )
        done = subprocess.run(
            [sys.executable, "-c", _MEASURED, str(tmp_path), schema],
            capture_output=True,
            text=True,
            check=False,
            env=dict(os.environ),
        )
        assert done.returncode == 0, done.stderr
        read, peak = (int(word) for word in done.stdout.split())
        assert read == rows
        peaks.append(peak)
    # Kilobytes, for ten times the records: some more for what is in flight.
    assert peaks[1] - peaks[0] < 100_000
