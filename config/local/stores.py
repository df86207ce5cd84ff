"""The stores under CKAN: a private PostgreSQL cluster, Redis and Solr.

Every `prepare_*` can be repeated: it makes what is missing and leaves the rest. None starts a
process; `supervision` does.
"""

import hashlib
import os
import pwd
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg2
import redis
from psycopg2 import sql

import maven
import rendering
from layout import ROOT, Layout, StackError, digest
from rendering import write_private
from solr_schema import solr_schema

# The unprivileged user that PostgreSQL runs as when root starts the portal (Debian's package
# makes it).
_POSTGRES_USER = "postgres"

# Database -> its owner.
_DATABASES = {"ckan": "ckan", "datastore": "ckan", "central": "central_owner"}
_SECOND_DATABASES = {"second_ckan": "ckan", "second_datastore": "ckan"}

# Role -> the secret that holds its password.
_ROLES = {
    "ckan": "HCMEDU_CKAN_DATABASE_PASSWORD",
    "datastore_reader": "HCMEDU_DATASTORE_READER_PASSWORD",
    "central_owner": "HCMEDU_CENTRAL_OWNER_PASSWORD",
    "central_reader": "HCMEDU_CENTRAL_READER_PASSWORD",
}


# PostgreSQL ---------------------------------------------------------------------------------


def postgres_binaries() -> Path:
    """Folder of the newest PostgreSQL server (15 or later) that Debian's packages installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=_major)
    if not found or _major(found[-1]) < 15:
        raise StackError(
            "No PostgreSQL server of version 15 or later in /usr/lib/postgresql. Install the "
            "package postgresql-15, or run config/local/install.sh."
        )
    return found[-1].parent


def _major(server: Path) -> int:
    return int(server.parts[-3])


def postgres_user() -> str:
    """User that the cluster belongs to: PostgreSQL refuses to run as root."""
    return _POSTGRES_USER if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name


def postgres_data(layout: Layout) -> Path:
    """Folder of the cluster: in the state folder if its user can get there, else in his home."""
    if os.geteuid() != 0:
        return layout.state / "postgres"
    reachable = subprocess.run(
        ["test", "-x", str(layout.state)],
        **_as_postgres(pwd.getpwnam(_POSTGRES_USER)),
        check=False,
    )
    if reachable.returncode == 0:
        return layout.state / "postgres"
    name = hashlib.sha256(os.fsencode(layout.state)).hexdigest()[:12]
    return Path(pwd.getpwnam(_POSTGRES_USER).pw_dir) / f"hcmedu-{name}"


def prepare_postgres(layout: Layout, secrets: Mapping[str, str]) -> None:
    """Make the cluster, with password access over 127.0.0.1 only, and write its settings."""
    data = postgres_data(layout)
    account = pwd.getpwnam(postgres_user())
    marker = layout.state / "cluster-made"
    if (data / "PG_VERSION").exists() and not marker.exists():
        raise StackError(
            f"There is a database cluster in {data}, but {layout.state} does not know its "
            f"password: the state folder was deleted without it. Delete {data} too."
        )
    if not marker.exists():
        shutil.rmtree(data, ignore_errors=True)
        data.mkdir(mode=0o700)
        os.chown(data, account.pw_uid, account.pw_gid)
        password_file = data.parent / f".{data.name}-password"
        write_private(password_file, secrets["HCMEDU_POSTGRES_PASSWORD"])
        os.chown(password_file, account.pw_uid, account.pw_gid)
        try:
            subprocess.run(
                [
                    str(postgres_binaries() / "initdb"),
                    "--pgdata", str(data),
                    "--username=postgres",
                    "--auth=scram-sha-256",
                    f"--pwfile={password_file}",
                    "--encoding=UTF8",
                    "--locale=C.UTF-8",
                    *(["--no-sync"] if layout.testing else []),
                ],
                **_as_postgres(account), check=True, capture_output=True, text=True,
            )  # fmt: skip
        except subprocess.CalledProcessError as error:
            raise StackError(
                f"initdb could not make a cluster in {data}:\n{error.stderr}"
            ) from error
        finally:
            password_file.unlink()
        _write_setting_files(data, account)
        marker.touch(mode=0o600)
        if data.parent != layout.state:
            print(f"The database cluster is in {data}: the user {account.pw_name} cannot reach "
                  f"{layout.state}.")  # fmt: skip
    settings = {
        "listen_addresses": "'127.0.0.1'",
        "port": str(layout.postgres_port),
        "unix_socket_directories": "''",
        "password_encryption": "'scram-sha-256'",
        "shared_buffers": "'256MB'",
        "work_mem": "'16MB'",
        "maintenance_work_mem": "'128MB'",
        "timezone": "'UTC'",
        "log_timezone": "'Asia/Ho_Chi_Minh'",
    }
    if layout.testing:
        # A crash of the machine may cost the tests their data; a crash of a process may not.
        settings |= {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
    file = data / "hcmedu.conf"
    if write_private(file, "".join(f"{key} = {value}\n" for key, value in settings.items())):
        os.chown(file, account.pw_uid, account.pw_gid)


def _as_postgres(account: pwd.struct_passwd) -> dict[str, Any]:
    # Its own home as working folder: it may not read the caller's.
    if os.geteuid() != 0:
        return {"cwd": "/"}
    return {"cwd": "/", "user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def _write_setting_files(data: Path, account: pwd.struct_passwd) -> None:
    with (data / "postgresql.conf").open("a", encoding="utf-8") as file:
        file.write("\ninclude 'hcmedu.conf'\n")
    access = data / "pg_hba.conf"
    write_private(access, "host all all 127.0.0.1/32 scram-sha-256\n")
    os.chown(access, account.pw_uid, account.pw_gid)


def connect(layout: Layout, secrets: Mapping[str, str], database: str = "postgres"):
    """Connection of the cluster's superuser, each statement a transaction of its own."""
    connection = psycopg2.connect(
        host="127.0.0.1",
        port=layout.postgres_port,
        user="postgres",
        password=secrets["HCMEDU_POSTGRES_PASSWORD"],
        dbname=database,
        connect_timeout=3,
    )
    connection.autocommit = True
    return connection


def postgres_answers(layout: Layout, secrets: Mapping[str, str]) -> str | None:
    """None if the cluster takes connections, else what is wrong."""
    try:
        connect(layout, secrets).close()
    except psycopg2.OperationalError as error:
        return str(error).strip()
    return None


def prepare_databases(layout: Layout, secrets: Mapping[str, str]) -> None:
    """Make roles and databases that are missing; nobody connects to a database unless allowed."""
    databases = _DATABASES | (_SECOND_DATABASES if layout.testing else {})
    server = connect(layout, secrets)
    with server.cursor() as cursor:
        cursor.execute("SELECT rolname FROM pg_roles")
        roles = {name for (name,) in cursor.fetchall()}
        for role, secret in _ROLES.items():
            if role not in roles:
                cursor.execute(
                    sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(
                        sql.Identifier(role), sql.Literal(secrets[secret])
                    )
                )
        if "central_reader" not in roles:
            cursor.execute("ALTER ROLE central_reader SET default_transaction_read_only = on")
        cursor.execute("SELECT datname FROM pg_database")
        existing = {name for (name,) in cursor.fetchall()}
        for database, owner in databases.items():
            if database in existing:
                continue
            cursor.execute(
                sql.SQL("CREATE DATABASE {} OWNER {}").format(
                    sql.Identifier(database), sql.Identifier(owner)
                )
            )
            cursor.execute(
                sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(database))
            )
            if database.endswith("datastore"):
                cursor.execute(
                    sql.SQL("GRANT CONNECT ON DATABASE {} TO datastore_reader").format(
                        sql.Identifier(database)
                    )
                )
    server.close()
    if "central" not in existing:
        _open_central(layout, secrets)


def _open_central(layout: Layout, secrets: Mapping[str, str]) -> None:
    # Whatever the owner makes later, the reader may read it and nothing else.
    central = connect(layout, secrets, "central")
    with central.cursor() as cursor:
        cursor.execute("GRANT CONNECT ON DATABASE central TO central_reader")
        cursor.execute("ALTER SCHEMA public OWNER TO central_owner")
        cursor.execute("GRANT USAGE ON SCHEMA public TO central_reader")
        cursor.execute(
            "ALTER DEFAULT PRIVILEGES FOR ROLE central_owner IN SCHEMA public "
            "GRANT SELECT ON TABLES TO central_reader"
        )
    central.close()


def database_mark(layout: Layout, secrets: Mapping[str, str], database: str) -> str | None:
    """What `set_database_mark` last noted with a database; it lives and dies with it."""
    server = connect(layout, secrets)
    with server.cursor() as cursor:
        cursor.execute(
            "SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = %s",
            [database],
        )
        row = cursor.fetchone()
    server.close()
    return row[0] if row else None


def set_database_mark(layout: Layout, secrets: Mapping[str, str], database: str, mark: str) -> None:
    """Note with a database how far it has been set up."""
    server = connect(layout, secrets)
    with server.cursor() as cursor:
        cursor.execute(
            sql.SQL("COMMENT ON DATABASE {} IS {}").format(
                sql.Identifier(database), sql.Literal(mark)
            )
        )
    server.close()


def run_sql_script(layout: Layout, secrets: Mapping[str, str], script: str) -> None:
    """Run a script of SQL and psql's own commands as superuser; stops at the first error."""
    done = subprocess.run(
        ["psql", "--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--host=127.0.0.1",
         f"--port={layout.postgres_port}", "--username=postgres", "--dbname=postgres"],
        input=script, capture_output=True, text=True, check=False,
        env=os.environ | {"PGPASSWORD": secrets["HCMEDU_POSTGRES_PASSWORD"]},
    )  # fmt: skip
    if done.returncode != 0:
        raise StackError(f"PostgreSQL refused a set-up script:\n{done.stderr}")


# Redis --------------------------------------------------------------------------------------


def redis_url(layout: Layout, secrets: Mapping[str, str]) -> str:
    """Address of Redis for CKAN."""
    return rendering.redis_url(secrets["HCMEDU_REDIS_PASSWORD"], f"127.0.0.1:{layout.redis_port}")


def prepare_redis(layout: Layout, secrets: Mapping[str, str]) -> None:
    """Write Redis' configuration: password, 127.0.0.1 only, queues that outlive a restart."""
    data = layout.state / "redis"
    data.mkdir(mode=0o700, exist_ok=True)
    write_private(
        layout.run / "redis.conf",
        f"""bind 127.0.0.1
port {layout.redis_port}
requirepass {secrets["HCMEDU_REDIS_PASSWORD"]}
dir {data}
pidfile {layout.run}/redis.pid
save ""
appendonly yes
set-proc-title no
""",
    )


def redis_answers(layout: Layout, secrets: Mapping[str, str]) -> str | None:
    """None if Redis answers, else what is wrong."""
    try:
        with redis.Redis.from_url(redis_url(layout, secrets), socket_connect_timeout=3) as client:
            client.ping()
    except redis.RedisError as error:
        return str(error)
    return None


# Solr ---------------------------------------------------------------------------------------


def java() -> str:
    """Java 17's command, or the newest later one that there is."""
    debian = Path("/usr/lib/jvm/java-17-openjdk-amd64/bin/java")
    candidates = [debian, *Path("/usr/lib/jvm").glob("java-17-*/bin/java")]
    for candidate in candidates:
        if candidate.exists():
            return str(candidate)
    found = shutil.which("java")
    if not found:
        raise StackError(
            "There is no Java. Install the package openjdk-17-jdk-headless, or run "
            "config/local/install.sh."
        )
    return found


def solr_libraries(layout: Layout) -> Path:
    """Folder with Solr's libraries and our main class."""
    return layout.cache / f"solr-{digest(ROOT / 'config/solr/pom.xml', _solr_main())[:16]}"


def _solr_main() -> Path:
    return ROOT / "config" / "solr" / "server" / "SolrServer.java"


def solr_cores(layout: Layout) -> list[str]:
    return ["ckan", "second"] if layout.testing else ["ckan"]


def solr_url(layout: Layout, core: str = "ckan") -> str:
    return f"http://127.0.0.1:{layout.solr_port}/solr/{core}"


def fetch_solr(layout: Layout) -> None:
    """Bring Solr's libraries and compile its main class, unless it is done."""
    compiler = Path(java()).resolve().with_name("javac")
    maven.fetch(
        "Solr",
        ROOT / "config" / "solr" / "pom.xml",
        solr_libraries(layout),
        lambda folder: maven.run(
            str(compiler), "-cp", f"{folder}/*", "-d", str(folder), str(_solr_main())
        ),
    )


def prepare_solr(layout: Layout) -> None:
    """Lay out Solr's home: our configset with the schema of the CKAN that is installed."""
    import ckan

    home = layout.state / "solr"
    configset = home / "configsets" / "ckan" / "conf"
    configset.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(ROOT / "config/solr/solr.xml", home / "solr.xml")
    for file in (ROOT / "config/solr/conf").iterdir():
        shutil.copyfile(file, configset / file.name)
    ckans = Path(ckan.__file__).parent / "config" / "solr" / "schema.xml"
    schema = solr_schema(ckans, ROOT / "config" / "solr" / "vietnamese.xml")
    (configset / "schema.xml").write_bytes(schema)
    # Another CKAN has the schema that it comes with.
    stock = home / "configsets" / "stock"
    shutil.copytree(configset.parent, stock, dirs_exist_ok=True)
    shutil.copyfile(ckans, stock / "conf" / "schema.xml")
    for core in solr_cores(layout):
        folder = home / core
        folder.mkdir(exist_ok=True)
        kind = "stock" if core == "second" else "ckan"
        (folder / "core.properties").write_text(
            f"name={core}\nconfigSet={kind}\n", encoding="utf-8"
        )


def solr_answers(layout: Layout) -> str | None:
    """None if every core answers a query, else what is wrong."""
    for core in solr_cores(layout):
        try:
            address = f"{solr_url(layout, core)}/select?q=*:*&rows=0"
            with urllib.request.urlopen(address, timeout=5) as answer:  # noqa: S310
                answer.read()
        except (urllib.error.URLError, OSError) as error:
            return f"core {core}: {error}"
    return None
