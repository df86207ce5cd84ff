"""The central education database: the city's rows, loaded into PostgreSQL.

Everything happens in one transaction, so a reader sees the city before or the city after, and a
seeding that is cut off leaves nothing behind. Rows stream through COPY: memory does not grow with
the city.
"""

from __future__ import annotations

import io
import queue
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg2
import psycopg2.extensions
import pyarrow as pa
import pyarrow.csv
from sqlalchemy.engine import make_url

from demo import NOTICE, institutions, people
from demo.calibration import SCHOOL_YEARS
from demo.city import City
from demo.fingerprint import fingerprint

_LOCK = 20_250_701
"""Number of the advisory lock that lets one seeding run at a time."""

Rows = Callable[[City, int], Iterator[pa.Table]]


@dataclass(frozen=True)
class CentralTable:
    """A table of the central database: who makes its rows, and its key within a school year."""

    name: str
    rows: Rows
    key: tuple[str, ...]
    partitioned: bool = False

    def partition(self, year: str) -> str:
        """The relation that rows of a school year are loaded into."""
        return f"{self.name}_{year.replace('-', '_')}" if self.partitioned else self.name


TABLES = (
    CentralTable("truong", institutions.school_rows, ("ma_truong",)),
    CentralTable("hoc_sinh", people.pupil_rows, ("ma_dinh_danh",), partitioned=True),
    CentralTable("bien_dong", people.movement_rows, ("so_bien_dong",)),
    CentralTable("nhan_su", people.staff_rows, ("ma_nhan_su",), partitioned=True),
    CentralTable("ket_qua", people.outcome_rows, ("ma_dinh_danh",), partitioned=True),
    CentralTable("ket_qua_thi", people.exam_rows, ("ma_bai_thi",), partitioned=True),
    CentralTable("lop", institutions.class_rows, ("ma_lop",)),
    CentralTable("tuyen_sinh", institutions.admission_rows, ("ma_truong",)),
    CentralTable("phan_cong_giang_day", institutions.teaching_rows, ("ma_truong", "khoi", "mon")),
    CentralTable("co_so_vat_chat", institutions.facility_rows, ("ma_truong", "loai")),
    CentralTable("dien_tich", institutions.floor_rows, ("ma_truong",)),
    CentralTable("ung_dung_cntt", institutions.it_rows, ("ma_truong", "chuc_nang")),
    CentralTable("duong_truyen", institutions.connection_rows, ("ma_truong",)),
)

_NO_HEADER = pyarrow.csv.WriteOptions(include_header=False)


class _Stream(io.RawIOBase):
    """What COPY reads from: CSV made of Arrow tables by a thread that is a little ahead.

    An error of the thread is raised where the text is read, so that COPY fails.
    """

    def __init__(self, tables: Iterator[pa.Table]):
        self.rows = 0
        self._ready: queue.Queue[tuple[int, bytes] | BaseException | None] = queue.Queue(3)
        self._text = b""
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._make, args=(tables,), daemon=True)
        self._thread.start()

    def _offer(self, item: tuple[int, bytes] | BaseException | None) -> None:
        while not self._stopped.is_set():
            try:
                self._ready.put(item, timeout=0.5)
                return
            except queue.Full:
                continue

    def _make(self, tables: Iterator[pa.Table]) -> None:
        try:
            for table in tables:
                if self._stopped.is_set():
                    return
                sink = io.BytesIO()
                pyarrow.csv.write_csv(table, sink, _NO_HEADER)
                self._offer((table.num_rows, sink.getvalue()))
            self._offer(None)
        except BaseException as error:  # handed over to the reading side
            self._offer(error)

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        """The next at most `size` bytes; empty at the end."""
        if not self._text:
            item = self._ready.get()
            if isinstance(item, BaseException):
                raise item
            if item is None:
                self._ready.put(None)
                return b""
            self.rows += item[0]
            self._text = item[1]
        part, self._text = (self._text, b"") if size < 0 else (self._text[:size], self._text[size:])
        return part

    def close(self) -> None:
        self._stopped.set()
        self._thread.join()
        super().close()


def connect(url: str) -> psycopg2.extensions.connection:
    """A connection to the PostgreSQL database of an SQLAlchemy URL.

    :raises ValueError: the URL is not one of PostgreSQL.
    """
    parts = make_url(url)
    if parts.get_backend_name() != "postgresql":
        raise ValueError(
            f"The central database is seeded in PostgreSQL, not in {parts.get_backend_name()}: "
            "set HCMEDU_CENTRAL_ADMIN_URL to a URL that starts with postgresql://."
        )
    return psycopg2.connect(
        parts.set(drivername="postgresql").render_as_string(hide_password=False)
    )


def is_seeded(connection: psycopg2.extensions.connection, city: City) -> bool:
    """Whether the database already holds exactly this city, made by exactly this code."""
    with connection.cursor() as cursor:
        cursor.execute("select to_regclass('mo_phong') is not null")
        if not cursor.fetchone()[0]:
            return False
        cursor.execute("select hat_giong, ti_le, phien_ban from mo_phong")
        return cursor.fetchone() == (city.seed, city.scale, fingerprint())


def seed(
    connection: psycopg2.extensions.connection,
    city: City,
    reader: str = "central_reader",
    report: Callable[[str, str, int], None] = lambda table, year, rows: None,
) -> dict[str, int]:
    """Load `city` into the connection's schema in one transaction; nothing if it is there already.

    :param reader: the role that may read everything.
    :param report: called with table, school year and rows after each part.
    :returns: rows loaded by table; empty if nothing had to be done.
    """
    counts: dict[str, int] = {}
    with connection, connection.cursor() as cursor:
        cursor.execute("select pg_advisory_xact_lock(%s)", [_LOCK])
        if is_seeded(connection, city):
            return counts
        _create(cursor)
        for table in TABLES:
            for index, year in enumerate(SCHOOL_YEARS):
                rows = _load(cursor, table, city, index)
                counts[table.name] = counts.get(table.name, 0) + rows
                report(table.name, year, rows)
            _finish(cursor, table)
        cursor.execute(
            "insert into mo_phong (thong_bao_vi, thong_bao_en, hat_giong, ti_le, phien_ban)"
            " values (%s, %s, %s, %s, %s)",
            [NOTICE["vi"], NOTICE["en"], city.seed, city.scale, fingerprint()],
        )
        _grant(cursor, reader)
    return counts


def _create(cursor: psycopg2.extensions.cursor) -> None:
    """Empty tables, and a notice on the database that all of it is simulated."""
    names = [table.name for table in TABLES]
    for name in ("mo_phong", "nhat_ky_thay_doi", *names):
        cursor.execute(f"drop table if exists {name} cascade")
    cursor.execute(
        "drop procedure if exists them_nhat_ky; drop function if exists ghi_gio_sua cascade;"
        "drop function if exists ghi_nhat_ky cascade;"
        "drop function if exists ghi_nhat_ky_xoa_sach cascade"
    )
    cursor.execute(Path(__file__).with_name("central.sql").read_text("utf-8"))
    for table in TABLES:
        if table.partitioned:
            for year in SCHOOL_YEARS:
                cursor.execute(
                    f"create table {table.partition(year)} partition of {table.name}"
                    f" for values in ('{year}')"
                )
    # Only a database's owner may comment on it; every table carries the notice too.
    cursor.execute(
        "select datname from pg_database"
        " where datname = current_database() and pg_has_role(datdba, 'usage')"
    )
    for (database,) in cursor.fetchall():
        quoted = psycopg2.extensions.quote_ident(database, cursor)
        cursor.execute(f"comment on database {quoted} is %s", [NOTICE["vi"]])


def _load(cursor: psycopg2.extensions.cursor, table: CentralTable, city: City, year: int) -> int:
    """COPY the rows of one school year; also puts down the first entry of the change log."""
    label = SCHOOL_YEARS[year]
    tables = table.rows(city, year)
    first = next(tables, None)
    rows = 0
    if first is not None:

        def everything() -> Iterator[pa.Table]:
            yield first
            yield from tables

        stream = _Stream(everything())
        try:
            cursor.copy_expert(
                f"copy {table.partition(label)} ({', '.join(first.column_names)})"
                " from stdin (format csv, freeze)",
                stream,
                size=1 << 18,
            )
        finally:
            stream.close()
        rows = stream.rows
    cursor.execute(
        "insert into nhat_ky_thay_doi values (%s, %s, 1, %s, clock_timestamp())",
        [table.name, label, rows],
    )
    return rows


def _finish(cursor: psycopg2.extensions.cursor, table: CentralTable) -> None:
    """Keys and triggers, once the rows are in."""
    # Within a partition the year is the same everywhere: sorting by the key first is much faster.
    key = (*table.key, "nam_hoc") if table.partitioned else ("nam_hoc", *table.key)
    cursor.execute(f"alter table {table.name} add primary key ({', '.join(key)})")
    cursor.execute(
        f"create trigger gio_sua before update on {table.name}"
        " for each row execute function ghi_gio_sua()"
    )
    partitions = [table.partition(year) for year in SCHOOL_YEARS] if table.partitioned else []
    for relation in (table.name, *partitions):
        cursor.execute("call them_nhat_ky(%s, %s)", [relation, table.name])


def _grant(cursor: psycopg2.extensions.cursor, reader: str) -> None:
    cursor.execute("select 1 from pg_roles where rolname = %s", [reader])
    if cursor.fetchone() is None:
        raise ValueError(
            f"There is no role {reader}. Create it (create role {reader} login), or set "
            "HCMEDU_CENTRAL_DATABASE_URL to the URL of the role that reads."
        )
    cursor.execute("select current_schema()")
    schema = psycopg2.extensions.quote_ident(cursor.fetchone()[0], cursor)
    role = psycopg2.extensions.quote_ident(reader, cursor)
    cursor.execute(f"grant usage on schema {schema} to {role}")
    cursor.execute(f"grant select on all tables in schema {schema} to {role}")
