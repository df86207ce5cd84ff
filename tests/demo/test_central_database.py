"""The central database: seeded once, streaming, with a change log that can be trusted."""

from __future__ import annotations

import os
from collections.abc import Iterator

import psycopg2
import psycopg2.errors
import pytest

from demo import central, people
from demo.calibration import SCHOOL_YEARS
from demo.city import City

pytestmark = pytest.mark.integration
SCHEMA = "thu_nghiem"


@pytest.fixture(scope="module")
def city() -> City:
    return City(scale=0.004)


@pytest.fixture(scope="module")
def connection() -> Iterator[psycopg2.extensions.connection]:
    """The owner of the central database, in a schema of its own that goes away again."""
    if "HCMEDU_CENTRAL_ADMIN_URL" not in os.environ:
        pytest.fail("HCMEDU_CENTRAL_ADMIN_URL is not set: run the tests with `make test`.")
    made = central.connect(os.environ["HCMEDU_CENTRAL_ADMIN_URL"])
    with made, made.cursor() as cursor:
        cursor.execute(f"drop schema if exists {SCHEMA} cascade; create schema {SCHEMA}")
        cursor.execute(f"set search_path = {SCHEMA}")
    yield made
    made.rollback()
    with made, made.cursor() as cursor:
        cursor.execute(f"drop schema {SCHEMA} cascade")
    made.close()


@pytest.fixture(scope="module")
def counts(connection, city) -> dict[str, int]:
    return central.seed(connection, city)


@pytest.fixture
def cursor(connection, counts) -> Iterator[psycopg2.extensions.cursor]:
    """A cursor whose changes are undone."""
    with connection.cursor() as made:
        yield made
    connection.rollback()


def one(cursor, query: str, *values: object):
    cursor.execute(query, values)
    return cursor.fetchone()


def version(cursor, table: str, year: str) -> tuple[int, int]:
    return one(
        cursor,
        "select phien_ban, so_dong from nhat_ky_thay_doi where bang = %s and nam_hoc = %s",
        table,
        year,
    )


def test_it_holds_what_the_city_has(cursor, counts, city):
    assert set(counts) == {table.name for table in central.TABLES}
    for year, label in enumerate(SCHOOL_YEARS):
        held = one(cursor, "select count(*) from hoc_sinh where nam_hoc = %s", label)[0]
        assert held == city.pupils[:, :, year].sum()


def test_seeding_again_is_a_no_op(connection, counts, city):
    with connection, connection.cursor() as cursor:
        before = one(cursor, "select max(cap_nhat_luc), count(*) from nhat_ky_thay_doi")
    assert central.is_seeded(connection, city)
    assert central.seed(connection, City(scale=0.004)) == {}
    with connection, connection.cursor() as cursor:
        assert one(cursor, "select max(cap_nhat_luc), count(*) from nhat_ky_thay_doi") == before


def test_a_seeding_that_fails_leaves_the_city_before(connection, counts, city, monkeypatch):
    def broken(city, year):
        yield from people.staff_rows(city, year)
        raise RuntimeError("no more")

    tables = tuple(
        central.CentralTable(table.name, broken, table.key, table.partitioned)
        if table.name == "nhan_su"
        else table
        for table in central.TABLES
    )
    monkeypatch.setattr(central, "TABLES", tables)
    with pytest.raises(psycopg2.errors.QueryCanceled, match="no more"):
        central.seed(connection, City(scale=0.003))
    assert central.is_seeded(connection, city)


def test_it_says_that_it_is_simulated(cursor):
    assert one(cursor, "select thong_bao_vi from mo_phong")[0].startswith("DỮ LIỆU MÔ PHỎNG")
    for table in central.TABLES:
        note = one(cursor, "select obj_description(%s::regclass)", table.name)[0]
        assert "DỮ LIỆU MÔ PHỎNG" in note
    database = one(cursor, "select shobj_description(oid, 'pg_database') from pg_database"
                           " where datname = current_database()")[0]  # fmt: skip
    assert "DỮ LIỆU MÔ PHỎNG" in database


def test_the_change_log_starts_with_what_was_loaded(cursor, counts):
    for table, rows in counts.items():
        logged = one(
            cursor,
            "select sum(so_dong), min(phien_ban), count(*) from nhat_ky_thay_doi where bang = %s",
            table,
        )
        assert logged == (rows, 1, len(SCHOOL_YEARS))


@pytest.mark.parametrize("relation", ["hoc_sinh", "hoc_sinh_2025_2026"])
def test_an_update_is_logged_for_its_year_only(cursor, relation):
    others = version(cursor, "hoc_sinh", "2024-2025")
    before = version(cursor, "hoc_sinh", "2025-2026")
    stamp = one(cursor, "select max(cap_nhat_luc) from hoc_sinh where nam_hoc = '2025-2026'")[0]
    cursor.execute(
        f"update {relation} set khoi = 'Lớp 2' where nam_hoc = '2025-2026' and ma_dinh_danh ="
        " (select min(ma_dinh_danh) from hoc_sinh where nam_hoc = '2025-2026')"
    )
    assert version(cursor, "hoc_sinh", "2025-2026") == (before[0] + 1, before[1])
    assert version(cursor, "hoc_sinh", "2024-2025") == others
    after = one(cursor, "select max(cap_nhat_luc) from hoc_sinh where nam_hoc = '2025-2026'")[0]
    assert after > stamp


def test_deletes_and_inserts_are_counted(cursor):
    before = version(cursor, "lop", "2023-2024")
    cursor.execute("create temp table giu as select * from lop where nam_hoc = '2023-2024' limit 3")
    cursor.execute("delete from lop using giu where lop.nam_hoc = giu.nam_hoc"
                   " and lop.ma_lop = giu.ma_lop")  # fmt: skip
    assert version(cursor, "lop", "2023-2024") == (before[0] + 1, before[1] - 3)
    cursor.execute("insert into lop select * from giu")
    assert version(cursor, "lop", "2023-2024") == (before[0] + 2, before[1])
    cursor.execute("delete from lop where nam_hoc = '1999-2000'")
    assert version(cursor, "lop", "2023-2024") == (before[0] + 2, before[1])


def test_a_truncated_table_counts_as_changed(cursor):
    before = version(cursor, "tuyen_sinh", "2025-2026")
    cursor.execute("truncate tuyen_sinh")
    assert version(cursor, "tuyen_sinh", "2025-2026") == (before[0] + 1, 0)


def test_the_reader_may_read_everything_and_change_nothing(connection, counts):
    reader = central.connect(os.environ["HCMEDU_CENTRAL_DATABASE_URL"])
    try:
        # Read-only is only a default that the role could undo: its rights must forbid it too.
        reader.set_session(readonly=False)
        with reader.cursor() as cursor:
            cursor.execute(f"set search_path = {SCHEMA}")
            for name in ("mo_phong", "nhat_ky_thay_doi", *counts):
                cursor.execute(f"select * from {name} limit 1")
            with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                cursor.execute("delete from hoc_sinh")
    finally:
        reader.close()


def test_a_role_that_is_not_there_is_named(connection, counts):
    with pytest.raises(ValueError, match="no role nobody_at_all"):
        central.seed(connection, City(scale=0.003), reader="nobody_at_all")
