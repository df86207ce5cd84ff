"""The services that `make up` and `make test` start: shut to others, and hard to keep down."""

import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import psycopg2
import pytest
import redis
from ckan.plugins import toolkit as tk
from ckan.tests import helpers

import stores
from layout import Layout, read_secrets
from supervision import Supervisor

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def layout(state: Path) -> Layout:
    # The tests' port is in the address that their portal has.
    port = re.search(r"(?m)^ckan.site_url = .*:(\d+)$", (state / "ckan.ini").read_text())
    assert port
    return Layout(state, int(port[1]), testing=True)


@pytest.fixture(scope="module")
def secrets(layout: Layout) -> dict[str, str]:
    return read_secrets(layout)


def pids(layout: Layout) -> dict[str, int]:
    return {one["name"]: one["pid"] for one in Supervisor(layout).processes() if one["pid"]}


def listening() -> dict[int, set[str]]:
    """Ports that are listened on, and the addresses, as the kernel writes them."""
    found: dict[int, set[str]] = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A":
                address, port = fields[1].split(":")
                found.setdefault(int(port, 16), set()).add(address)
    return found


def test_stores_listen_on_the_machine_itself_only(layout: Layout) -> None:
    # 127.0.0.1, and the same as an IPv6 address.
    local = {"0100007F", "0000000000000000FFFF00000100007F"}
    for port in (layout.postgres_port, layout.redis_port, layout.solr_port):
        assert listening()[port] <= local


def test_files_with_secrets_are_the_owners_alone(layout: Layout) -> None:
    for file in (layout.secrets_file, layout.ini, layout.admin_password):
        assert file.stat().st_mode & 0o077 == 0, file
    for folder in (layout.run, layout.log, layout.state / "drop"):
        assert folder.stat().st_mode & 0o077 == 0, folder


def test_no_secret_stands_in_the_list_of_processes(secrets: dict[str, str]) -> None:
    hidden = [
        value.encode() for name, value in secrets.items() if "PASSWORD" in name or "SECRET" in name
    ]
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
        except OSError:
            continue
        assert not any(value in command for value in hidden), process


@pytest.mark.parametrize("password", ["", "wrong"])
def test_postgres_wants_the_password(layout: Layout, password: str) -> None:
    with pytest.raises(psycopg2.OperationalError):
        psycopg2.connect(
            host="127.0.0.1",
            port=layout.postgres_port,
            user="postgres",
            password=password,
            passfile=os.devnull,
        )


def test_redis_wants_the_password(layout: Layout) -> None:
    with pytest.raises(redis.AuthenticationError):
        redis.Redis(port=layout.redis_port).ping()


def test_the_harvests_role_reads_the_central_database_and_no_more(secrets: dict[str, str]) -> None:
    owner = psycopg2.connect(secrets["HCMEDU_CENTRAL_ADMIN_URL"])
    owner.autocommit = True
    reader = psycopg2.connect(secrets["HCMEDU_CENTRAL_DATABASE_URL"])
    reader.autocommit = True
    with owner.cursor() as owning, reader.cursor() as reading:
        owning.execute("DROP TABLE IF EXISTS thu_quyen")
        owning.execute("CREATE TABLE thu_quyen AS SELECT 1 AS so")
        try:
            reading.execute("SELECT so FROM thu_quyen")
            assert reading.fetchall() == [(1,)]
            # The role's own default is a read-only transaction; that it may switch off.
            reading.execute("SET default_transaction_read_only = off")
            for attempt in ("DELETE FROM thu_quyen", "CREATE TABLE mine (so int)"):
                with pytest.raises(psycopg2.errors.InsufficientPrivilege):
                    reading.execute(attempt)
        finally:
            owning.execute("DROP TABLE thu_quyen")
    owner.close()
    reader.close()


def test_a_database_is_shut_to_the_roles_of_others(layout: Layout, secrets: dict[str, str]) -> None:
    reader = secrets["HCMEDU_CENTRAL_DATABASE_URL"]
    for database in ("ckan", "datastore"):
        with pytest.raises(psycopg2.OperationalError, match="permission denied"):
            psycopg2.connect(reader.rpartition("/")[0] + f"/{database}")


def test_a_second_start_restarts_nothing(layout: Layout, stack: Callable[..., None]) -> None:
    stack("services-up")
    before = pids(layout)
    began = time.monotonic()
    stack("services-up")
    assert pids(layout) == before
    assert time.monotonic() - began < 20


@pytest.mark.parametrize("name", ["redis", "solr", "postgres"])
def test_a_store_that_is_killed_comes_back(
    layout: Layout, secrets: dict[str, str], stack: Callable[..., None], name: str
) -> None:
    answers = {
        "redis": lambda: stores.redis_answers(layout, secrets),
        "solr": lambda: stores.solr_answers(layout),
        "postgres": lambda: stores.postgres_answers(layout, secrets),
    }[name]
    before = pids(layout)[name]
    stack("kill", name)
    deadline = time.monotonic() + 120
    while pids(layout).get(name) in (None, before) or answers() is not None:
        assert time.monotonic() < deadline, answers()
        time.sleep(0.3)


@pytest.mark.usefixtures("with_plugins")
@pytest.mark.parametrize(
    "action",
    ["user_create", "package_create", "organization_create", "group_create", "resource_create",
     "harvest_source_create", "datastore_create", "user_list"],
)  # fmt: skip
def test_a_reader_may_do_nothing_but_read(action: str) -> None:
    with pytest.raises(tk.NotAuthorized):
        helpers.call_auth(action, {"user": "", "auth_user_obj": None})


@pytest.mark.usefixtures("with_plugins")
def test_sql_over_the_api_is_switched_off() -> None:
    with pytest.raises(KeyError):
        tk.get_action("datastore_search_sql")
