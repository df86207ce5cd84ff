"""Databases, by SQLAlchemy: any dialect by its URL; PostgreSQL by its bulk protocol.

Only mapped columns are selected, periods are bound parameters, identifiers are quoted. A reading
is one read-only transaction that sees one state of the database (REPEATABLE READ), so that a
record counted on page one is not counted again on the last page.

PostgreSQL's rows come by ``COPY (SELECT …) TO STDOUT``: they are parsed by Arrow in columns and
never become Python objects, which is some five times as fast as a cursor. Other dialects are read
by a server-side cursor where the driver has one.
"""

from __future__ import annotations

import hashlib
import queue
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Self

import pyarrow as pa
import sqlalchemy as sa
from pyarrow import csv as arrow_csv
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.sql.expression import quoted_name

from harvesters.connectors.base import Meter, SourceBatch, declared, never_equal
from harvesters.connectors.network import AllowList, timed_out, unreachable
from harvesters.errors import (
    SourceConfigurationError,
    SourceError,
    SourceRefusedError,
    text,
)
from harvesters.mapping import map_columns, native_array, plain_text
from harvesters.sources import Limits, Source, SourceRecord
from schemas import RecordType

_CHUNK_BYTES = 4 * 2**20
_CHUNKS_AHEAD = 2
_MOST_TOKEN_ROWS = 1000
_PORTS = {"postgresql": 5432, "mysql": 3306, "mariadb": 3306, "oracle": 1521, "mssql": 1433}
# These lead a PostgreSQL driver to another server, or to files of the machine, past the allow-list.
_REDIRECTING = {"hostaddr", "service", "servicefile", "passfile", "dsn"}


class SqlConnector:
    """Reads a database.

    Options of a record: ``table`` (and ``schema``) or ``query``; ``where``; ``period: {column}``;
    ``periods: {query}``; ``change: {query}`` or ``{column}``. Queries may use ``:period``, and
    those of ``change`` also ``:table``.
    """

    def __init__(self, source: Source, limits: Limits):
        self._source = source
        self._limits = limits
        self._allow = AllowList(source.name, [source.resolved(entry) for entry in source.allow])
        try:
            self._url = make_url(source.resolved(source.address))
        except (SQLAlchemyError, ValueError):
            raise SourceConfigurationError(
                vi="Địa chỉ nguồn không phải là địa chỉ cơ sở dữ liệu.",
                en="The source's address is not the URL of a database.",
                where=source.name,
                expected=text(
                    "phương-ngữ+trình-điều-khiển://người-dùng:mật-khẩu@máy-chủ:cổng/tên.",
                    "dialect+driver://user:password@host:port/name.",
                ),
            ) from None
        self._dialect = self._url.get_backend_name()
        self._where = f"{source.name} ({self._dialect})"
        self._made: sa.Engine | None = None

    def close(self) -> None:
        """Close all connections."""
        if self._made is not None:
            self._made.dispose()
            self._made = None

    def periods(self, record: str) -> list[str]:
        """The periods that the database has of `record`, ascending."""
        about = declared(self._source, record)
        if about.fixed_period:
            return [about.fixed_period]
        wanted = about.options.get("periods")
        if isinstance(wanted, list):
            return sorted(wanted)
        if wanted:
            statement: Any = sa.text(wanted["query"])
        else:
            column = _column(about.options["period"]["column"])
            statement = sa.select(column).select_from(self._from(about, [column])).distinct()
        with self._reading(about) as connection:
            found = [plain_text(row[0]) for row in connection.execute(statement)]
        return sorted({about.own_period(period) for period in found if period})

    def change_token(self, record: str, period: str) -> str:
        """A digest of what ``change`` asks for; a new one each time where nothing is declared."""
        about = declared(self._source, record)
        change = about.options.get("change")
        if not change:
            return never_equal()
        if "query" in change:
            known = {"period": about.source_period(period), "table": about.options.get("table", "")}
            statement: Any = sa.text(change["query"])
            statement = statement.bindparams(
                **{name: known[name] for name in statement._bindparams if name in known}
            )
        else:
            column = _column(change["column"])
            statement = self._of_period(
                sa.select(sa.func.max(column), sa.func.count()), about, period, [column]
            )
        with self._reading(about) as connection:
            found = connection.execute(statement).fetchmany(_MOST_TOKEN_ROWS)
            rows = [[plain_text(value) for value in row] for row in found]
        if not rows:
            return never_equal()
        seen = hashlib.sha256(repr((about.digest, period, rows)).encode())
        return seen.hexdigest()

    def read(self, record: RecordType, period: str) -> Iterator[SourceBatch]:
        """The records of `period`, in one transaction."""
        about = declared(self._source, record.name)
        mapped = {name: each for name, each in about.fields.items() if each.names}
        kinds = {name: record.fields[name].type for name in about.fields}
        # A column that two fields are made of is asked for once.
        names = list(dict.fromkeys(each.names[0] for each in mapped.values()))
        columns = [_column(name) for name in names]
        statement = self._of_period(sa.select(*columns), about, period, columns)
        origin = about.options.get("table") or f"query: {record.name}"
        meter = Meter(f"{self._where}: {origin}", self._limits)
        with self._reading(about, streaming=True) as connection:
            if self._dialect == "postgresql" and connection.dialect.driver == "psycopg2":
                batches = self._copied(connection, statement, names)
            else:
                batches = self._fetched(connection, statement, names)
            for rows, arrays in batches:
                first = meter.rows + 1
                meter.add(rows, sum(array.nbytes for array in arrays.values()))
                batch = map_columns(
                    {name: arrays[each.names[0]] for name, each in mapped.items()},
                    about.fields,
                    kinds,
                    rows,
                )
                yield SourceBatch(batch, origin, range(first, first + rows))

    # Statements

    def _from(self, about: SourceRecord, columns: Sequence[sa.ColumnClause[Any]]) -> Any:
        options = about.options
        if "query" in options:
            asked = sa.text(options["query"]).columns(*columns)
            return asked.subquery("source")
        schema = options.get("schema")
        return sa.table(
            quoted_name(options["table"], quote=True),
            *columns,
            schema=quoted_name(schema, quote=True) if schema else None,
        )

    def _of_period(
        self,
        statement: sa.Select[Any],
        about: SourceRecord,
        period: str,
        columns: Sequence[sa.ColumnClause[Any]],
    ) -> sa.Select[Any]:
        options = about.options
        column = (options.get("period") or {}).get("column")
        by = _column(column) if column else None
        known = list(columns)
        if by is not None and by.name not in {each.name for each in columns}:
            known.append(by)
        statement = statement.select_from(self._from(about, known))
        if options.get("where"):
            statement = statement.where(sa.text(f"({options['where']})"))
        if by is not None:
            statement = statement.where(by == sa.bindparam("period", type_=sa.String()))
        return statement.params(period=about.source_period(period))

    # Reading

    def _fetched(
        self, connection: sa.Connection, statement: sa.Select[Any], names: Sequence[str]
    ) -> Iterator[tuple[int, dict[str, pa.Array]]]:
        streamed = {"stream_results": True, "max_row_buffer": self._limits.batch_rows}
        result = connection.execute(statement, execution_options=streamed)
        while rows := result.fetchmany(self._limits.batch_rows):
            columns = zip(*rows, strict=True)
            yield (
                len(rows),
                {name: native_array(values) for name, values in zip(names, columns, strict=True)},
            )

    def _copied(
        self, connection: sa.Connection, statement: sa.Select[Any], names: Sequence[str]
    ) -> Iterator[tuple[int, dict[str, pa.Array]]]:
        compiled = statement.compile(connection)
        driver = connection.connection.driver_connection
        with driver.cursor() as cursor:  # type: ignore[union-attr]
            query = cursor.mogrify(str(compiled), compiled.construct_params()).decode("utf-8")
            # The query again, for its columns' types; it is ours, its values quoted by the driver.
            cursor.execute(f"SELECT * FROM ({query}) AS columns LIMIT 0")  # noqa: S608
            types = {
                name: _arrow_type(about.type_code)
                for name, about in zip(names, cursor.description, strict=True)
            }
            convert = arrow_csv.ConvertOptions(
                column_types=types,
                null_values=[""],
                true_values=["t"],
                false_values=["f"],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            )
            read = arrow_csv.ReadOptions(
                column_names=list(names), use_threads=False, block_size=2 * _CHUNK_BYTES
            )
            # An empty line is a record whose only column is null.
            parse = arrow_csv.ParseOptions(newlines_in_values=True, ignore_empty_lines=False)
            copy = f"COPY ({query}) TO STDOUT WITH (FORMAT csv, ENCODING 'UTF8')"
            with _Copy(driver, cursor, copy, self._limits, self._where) as copying:
                for chunk in copying:
                    table = arrow_csv.read_csv(pa.BufferReader(chunk), read, parse, convert)
                    for batch in table.combine_chunks().to_batches(self._limits.batch_rows):
                        yield batch.num_rows, dict(zip(names, batch.columns, strict=True))

    @contextmanager
    def _reading(self, about: SourceRecord, streaming: bool = False) -> Iterator[sa.Connection]:
        """A read-only transaction; a driver's errors come out as ours, without what they quote."""
        try:
            with self._engine().connect() as connection, connection.begin():
                self._prepare(connection, streaming)
                yield connection
                # Nothing was written; a rollback also ends a cursor that was left half read.
                connection.rollback()
        except DBAPIError as error:
            raise self._explained(error.orig, about) from None
        except self._driver_errors() as error:
            raise self._explained(error, about) from None
        except SQLAlchemyError as error:
            raise self._not_understood(about, type(error).__name__) from None
        except pa.ArrowInvalid:
            raise self._not_understood(about, "ArrowInvalid") from None

    def _prepare(self, connection: sa.Connection, streaming: bool) -> None:
        if self._dialect == "postgresql":
            # A long reading is many answers in one statement: its silence is watched instead.
            seconds = self._limits.read_seconds if streaming else self._limits.timeout_seconds
            connection.execute(sa.text(f"SET LOCAL statement_timeout = {int(seconds * 1000)}"))
            idle = int(self._limits.read_seconds * 1000)
            connection.execute(sa.text(f"SET LOCAL idle_in_transaction_session_timeout = {idle}"))

    def _engine(self) -> sa.Engine:
        if self._made is None:
            arguments, options = self._guarded()
            try:
                self._made = sa.create_engine(
                    self._url,
                    connect_args=arguments,
                    poolclass=sa.pool.NullPool,
                    hide_parameters=True,
                    **options,
                )
            except (SQLAlchemyError, ImportError):
                raise SourceConfigurationError(
                    vi=f"Chưa cài trình điều khiển cho cơ sở dữ liệu {self._dialect}.",
                    en=f"The driver for {self._dialect} databases is not installed.",
                    where=self._source.name,
                ) from None
            if self._dialect == "sqlite":
                sa.event.listen(self._made, "connect", _read_only_sqlite)
        return self._made

    def _driver_errors(self) -> tuple[type[BaseException], ...]:
        """What the driver itself raises, where it is not used through SQLAlchemy."""
        driver = self._made.dialect.loaded_dbapi if self._made is not None else None
        return (driver.Error,) if driver is not None else ()

    def _guarded(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """The driver's arguments that keep it to the allow-list, and the engine's options."""
        url, seconds = self._url, max(int(self._limits.connect_seconds), 1)
        if self._dialect == "sqlite":
            self._url = self._sqlite(url)
            return {"timeout": self._limits.timeout_seconds}, {}
        if _REDIRECTING & set(url.query):
            raise self._bad_address()
        arguments: dict[str, Any] = {}
        socket_folder = url.query.get("host")
        if socket_folder and not url.host:
            self._check_socket(socket_folder)
        elif socket_folder or not url.host:
            raise self._bad_address()
        else:
            port = url.port or _PORTS.get(self._dialect, 0)
            addresses = self._allow.addresses(url.host, port)
            if self._dialect == "postgresql":
                # The name stays for TLS, the address that was checked is connected to.
                arguments["hostaddr"] = addresses[0]
        if self._dialect == "postgresql":
            arguments |= {
                "connect_timeout": seconds,
                "keepalives": 1,
                "keepalives_idle": 30,
                "keepalives_interval": 10,
                "keepalives_count": 3,
                "tcp_user_timeout": int(self._limits.timeout_seconds * 1000),
                "application_name": "hcmedu-harvest",
                "client_encoding": "utf8",
            }
            return arguments, {
                "execution_options": {
                    "isolation_level": "REPEATABLE READ",
                    "postgresql_readonly": True,
                }
            }
        if self._dialect in ("mysql", "mariadb"):
            arguments["connect_timeout"] = seconds
            return arguments, {"execution_options": {"isolation_level": "REPEATABLE READ"}}
        return arguments, {}

    def _sqlite(self, url: URL) -> URL:
        """`url` opened read-only, if its file is beneath an allowed folder."""
        path = Path(url.database or "")
        if not url.database or url.database.startswith("file:") or not path.is_absolute():
            raise self._bad_address()
        real = path.resolve()
        if not any(real.is_relative_to(folder) for folder in self._allow.folders):
            raise self._outside(path)
        return url.set(database=f"file:{real}", query={"mode": "ro", "uri": "true"})

    def _check_socket(self, folder: str | tuple[str, ...]) -> None:
        if not isinstance(folder, str) or not folder.startswith("/"):
            raise self._bad_address()
        if Path(folder).resolve() not in self._allow.folders:
            raise self._outside(Path(folder))

    # Errors

    def _bad_address(self) -> SourceConfigurationError:
        return SourceConfigurationError(
            vi="Địa chỉ cơ sở dữ liệu phải nêu đúng một máy chủ, hoặc một tệp tuyệt đối (SQLite).",
            en="A database's address names one host, or an absolute file (SQLite).",
            where=self._where,
            remedy=text(
                "Bỏ các tham số hostaddr, service, passfile, host khỏi địa chỉ.",
                "Take hostaddr, service, passfile and host out of the address.",
            ),
        )

    def _outside(self, path: Path) -> SourceRefusedError:
        return SourceRefusedError(
            vi="Tệp nằm ngoài các thư mục cho phép của nguồn.",
            en="The file is outside the source's allowed folders.",
            where=f"{self._source.name}: {path.name}",
            remedy=text("Thêm thư mục vào allow.", "Add the folder to `allow`."),
        )

    def _explained(self, error: BaseException | None, about: SourceRecord) -> SourceError:
        """What a driver's error means. Its own text is left out: it may quote values."""
        state = str(getattr(error, "pgcode", None) or getattr(error, "sqlstate", None) or "")
        where = f"{self._where}: {about.options.get('table') or about.name}"
        if state in ("57014", "25P03"):
            return timed_out(where, self._limits.timeout_seconds)
        if state.startswith("28") or state == "42501":
            return SourceRefusedError(
                vi=f"Cơ sở dữ liệu từ chối truy cập (SQLSTATE {state}).",
                en=f"The database denies access (SQLSTATE {state}).",
                where=where,
                remedy=text(
                    "Kiểm tra tài khoản và quyền SELECT trên các cột đã khai báo.",
                    "Check the account and its SELECT right on the declared columns.",
                ),
            )
        if state.startswith(("42", "3D", "3F", "22")):
            return self._not_understood(about, f"SQLSTATE {state}")
        if state.startswith(("08", "53", "57", "40")):
            return unreachable(where)
        name = type(error).__name__
        if name in ("OperationalError", "InterfaceError") and not state:
            if self._dialect == "sqlite":
                return self._not_understood(about, name)
            if "authentication failed" in str(error) or "no pg_hba.conf entry" in str(error):
                return SourceRefusedError(
                    vi="Cơ sở dữ liệu từ chối tài khoản.",
                    en="The database denies the account.",
                    where=where,
                    remedy=text("Kiểm tra người dùng và mật khẩu.", "Check user and password."),
                )
            return unreachable(where)
        return self._not_understood(about, state or name)

    def _not_understood(self, about: SourceRecord, what: str) -> SourceConfigurationError:
        names = sorted({name for each in about.fields.values() for name in each.names})
        return SourceConfigurationError(
            vi=f"Cơ sở dữ liệu không hiểu câu hỏi hoặc không có cột đã khai báo ({what}).",
            en=f"The database does not understand the question or lacks a column ({what}).",
            where=f"{self._where}: {about.options.get('table') or about.name}",
            expected=text(f"các cột: {', '.join(names)}.", f"the columns: {', '.join(names)}."),
            remedy=text(
                f"Sửa records.{about.name} trong {self._source.path.name}.",
                f"Mend records.{about.name} in {self._source.path.name}.",
            ),
        )


def _column(name: str) -> sa.ColumnClause[Any]:
    return sa.column(quoted_name(name, quote=True))


def _read_only_sqlite(connection: Any, _record: Any) -> None:
    connection.execute("PRAGMA query_only = ON")


_ARROW_TYPES: Mapping[int, pa.DataType] = {
    16: pa.bool_(),
    20: pa.int64(),
    21: pa.int64(),
    23: pa.int64(),
    700: pa.float64(),
    701: pa.float64(),
}
"""PostgreSQL's types (by OID) that are not taken as text."""


def _arrow_type(oid: int) -> pa.DataType:
    return _ARROW_TYPES.get(oid, pa.string())


class _Copy:
    """The bytes of a COPY, chunk by chunk, each of whole rows; at most a few chunks ahead.

    The driver pushes rows and blocks while it does, so it does so on a thread of its own; when
    nobody takes them, it waits, and so does the server.
    """

    def __init__(self, driver: Any, cursor: Any, copy: str, limits: Limits, where: str):
        self._driver = driver
        self._cursor = cursor
        self._copy = copy
        self._limits = limits
        self._where = where
        self._chunks: queue.Queue[bytes | None] = queue.Queue(_CHUNKS_AHEAD)
        self._stopped = threading.Event()
        self._failure: BaseException | None = None
        self._rows: list[bytes] = []
        self._size = 0
        self._thread = threading.Thread(target=self._run, name="copy", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stopped.set()
        if self._thread.is_alive():
            # Where the connection is gone already, there is nothing left to cancel.
            with suppress(Exception):
                self._driver.cancel()
            self._thread.join(self._limits.connect_seconds)

    def __iter__(self) -> Iterator[bytes]:
        while True:
            try:
                chunk = self._chunks.get(timeout=self._limits.timeout_seconds)
            except queue.Empty:
                raise timed_out(self._where, self._limits.timeout_seconds) from None
            if chunk is None:
                break
            yield chunk
        if self._failure is not None and self._driver.closed:
            # What the driver says of a connection that broke depends on where it broke.
            raise unreachable(self._where) from None
        if self._failure is not None:
            raise self._failure

    def write(self, row: bytes) -> None:
        """Take one row from the driver."""
        self._rows.append(row)
        self._size += len(row)
        if self._size >= _CHUNK_BYTES:
            self._hand_over()

    def _hand_over(self) -> None:
        if self._rows:
            self._put(b"".join(self._rows))
            self._rows, self._size = [], 0

    def _put(self, chunk: bytes | None) -> None:
        while not self._stopped.is_set():
            try:
                self._chunks.put(chunk, timeout=0.5)
            except queue.Full:
                continue
            return
        raise InterruptedError

    def _run(self) -> None:
        try:
            self._cursor.copy_expert(self._copy, self)
            self._hand_over()
        except InterruptedError:
            return
        except BaseException as error:
            # Raised where the rows are taken, whatever it is: a thread has nobody to tell.
            self._failure = error
        try:
            self._put(None)
        except InterruptedError:
            return
