"""Nothing of a record leaves but through a release: a crawl of every exit for planted markers."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import shlex
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ckan.plugins.toolkit as tk
import psycopg2
import pyarrow.parquet as pq
import pytest
import redis
import requests

from demo.city import City
from demo.public_services import MONTHS, RESOURCES
from demo.settings import city_settings
from schemas import Declarations

from .conftest import ROOT, Portal
from .crawling import Crawler, text_of
from .planted import (
    MARKERS,
    YEAR,
    Planted,
    mark_workbook,
    pseudonyms,
    spoil_workbook,
)

pytestmark = pytest.mark.integration

EDITOR = "qa-editor"
PRIVATE_FOLDERS = ("snapshots", "withdrawn")
NOT_EXITS = {"drop", "postgres", "redis", "solr", "cache"}
"""In the state folder: the simulated wards' own files, and stores that are read by their own
means."""

_TOKEN = re.compile(r"[0-9a-z][0-9a-z.-]*")
_PERSONAL = ("enrolment", "internet-access")


class Needles:
    """What must not be found: the planted markers, every identifier of a person that any source
    has, and the portal's own secrets."""

    def __init__(self, identifiers: set[str], secrets: list[str]):
        self._markers = (*MARKERS, *pseudonyms(), *secrets)
        self._identifiers = identifiers

    def find(self, place: str, text: str) -> list[str]:
        """What of it stands in a text in small letters, each with the place."""
        found = [one for one in self._markers if one in text]
        found += self._identifiers.intersection(_TOKEN.findall(text))
        return [f"{place}: {one[:12]}" for one in found]


@pytest.fixture(scope="module")
def needles(portal: Portal, planted: Planted) -> Needles:
    chosen = city_settings(None, None)
    city = City(chosen.seed, chosen.scale)
    identifiers = planted.identifiers()
    for month in MONTHS:
        dossiers = RESOURCES["dossiers"].rows(city, month)
        for column in ("so_ho_so", "dien_thoai_nguoi_nop"):
            identifiers |= {value.lower() for value in dossiers[column].to_pylist()}
    assert len(identifiers) > 50_000
    secrets = [
        word.partition("=")[2]
        for line in (portal.state / "secrets.env").read_text(encoding="utf-8").splitlines()
        for word in shlex.split(line, comments=True)
        if word.partition("=")[0].endswith(("_PASSWORD", "_SECRET", "_KEY"))
    ]
    assert len(secrets) > 5
    return Needles(identifiers, secrets)


@pytest.fixture(scope="module")
def queues(portal: Portal) -> Iterator[Queues]:
    """What went through Redis while the planted year was harvested."""
    queues = Queues()
    queues.start()
    yield queues
    queues.stop()


@pytest.fixture(scope="module")
def refused(portal: Portal, planted: Planted, queues: Queues) -> str:
    """What the operator reads of records and a file that must be refused; they are mended then."""
    library = sorted((portal.state / "drop" / "thu-vien" / "2025-2026").glob("*.xlsx"))[0]
    good = library.read_bytes()
    planted.spoil()
    spoil_workbook(library)
    try:
        done = portal.run("hcmedu", "harvest", "central-database", "ward-files", check=False)
        assert done.returncode == 1
        said = done.stdout + done.stderr
    finally:
        planted.mend()
        library.write_bytes(good)
    said += portal.run("hcmedu", "reports").stdout
    for rule in ("pupil", "facility", library.name):
        assert rule in said
    return said


@pytest.fixture(scope="module")
def sealed(portal: Portal, planted: Planted, refused: str) -> dict[Path, tuple[int, set[str], str]]:
    """The planted year's snapshots as they stand until it is released: mode, columns, text.

    The reader of the central database may see nothing but declared columns meanwhile.
    """
    library = sorted((portal.state / "drop" / "thu-vien" / "2025-2026").glob("*.xlsx"))[0]
    good = library.read_bytes()
    mark_workbook(library)
    try:
        with planted.only_declared_columns():
            portal.run("hcmedu", "harvest", "central-database", "ward-files")
    finally:
        library.write_bytes(good)
    return {
        path: (
            stat.S_IMODE(path.stat().st_mode),
            set(pq.read_schema(path).names),
            text_of(path.name, path.read_bytes()),
        )
        for path in (portal.state / "snapshots").glob("*/*/*.parquet")
    }


@pytest.fixture(scope="module")
def published(portal: Portal, sealed: object, queues: Queues) -> Portal:
    """The portal with the planted year released."""
    portal.run("hcmedu", "release")
    portal.run("hcmedu", "reconcile")
    queues.stop()
    periods = {part["period"] for part in _current(portal, "enrolment").manifest["parts"]}
    assert YEAR in periods
    return portal


def _current(portal: Portal, table: str) -> Any:
    release = portal.releases.current(table)
    assert release is not None
    return release


@pytest.fixture(scope="module")
def editor(published: Portal) -> dict[str, str]:
    """The headers of an account that may edit the datasets of every organisation."""
    token = _at_the_desk(published, "editor", EDITOR).split()[-1]
    return {"Authorization": token}


def _at_the_desk(portal: Portal, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("desk.py")), *arguments],
        env=os.environ | {"CKAN_INI": str(portal.ini)},
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_operator_is_told_where_and_why_but_never_what(needles: Needles, refused: str) -> None:
    assert needles.find("output", refused.lower()) == []


def test_a_source_is_asked_for_declared_fields_only(
    portal: Portal, needles: Needles, sealed: dict[Path, tuple[int, set[str], str]]
) -> None:
    # That the harvest went well says it: the reader could see no other columns.
    declared = {
        name: {field.name for field in record.stored}
        for name, record in Declarations.load().records.items()
    }
    assert any(path.parent.name == "pupil" for path in sealed)
    for path, (mode, columns, text) in sealed.items():
        assert columns == declared[path.parent.name]
        assert mode == 0o600
        assert needles.find(str(path), text) == []


def test_folders_of_records_are_private_and_records_of_persons_go_once_published(
    published: Portal,
) -> None:
    for name in PRIVATE_FOLDERS:
        root = published.state / name
        folders = [path for path in (root, *root.rglob("*")) if path.is_dir()]
        assert {stat.S_IMODE(path.stat().st_mode) for path in folders} <= {0o700}
    left = (published.state / "snapshots").glob(f"*/pupil/{YEAR}*")
    assert [path.name for path in left if path.suffix == ".parquet"] == []
    assert list((published.state / "snapshots").rglob("*.keys")) == []
    assert list((published.state / "snapshots").rglob("*.unsealed")) == []


def test_the_planted_few_are_hidden_in_every_file_and_answer(
    published: Portal, planted: Planted
) -> None:
    grades = Declarations.load().codelists["grade"].codes.values()
    grade = next(one for one in grades if planted.grade in (one.label["vi"], *one.aliases))
    release = _current(published, "enrolment")
    part = next(one for one in release.manifest["parts"] if one["period"] == YEAR)
    # Where the gate gave up schools or grades, there is no such cell.
    hidden = not {"school", "grade"} & set(part["given_up"])
    expected = [(None, "c")] if hidden else []
    for sex in ("female", "_T"):
        cell = {"school_year": YEAR, "school": planted.school, "grade": grade.code, "sex": sex}
        where = [(column, "=", code) for column, code in cell.items()]
        rows = pq.read_table(release.path / "enrolment.parquet", filters=where).to_pylist()
        assert [(row["pupils"], row["pupils_status"]) for row in rows] == expected
        asked = {"resource_id": "enrolment", "filters": json.dumps(cell)}
        answer = published.get("/api/3/action/datastore_search", params=asked).json()["result"]
        shown = [(row["pupils"], row["pupils_status"]) for row in answer["records"]]
        assert shown == expected
        dump = published.get("/datastore/dump/enrolment", params={"filters": asked["filters"]})
        lines = list(csv.DictReader(io.StringIO(dump.content.decode("utf-8-sig"))))
        assert [(line["pupils"], line["pupils_status"]) for line in lines] == [
            ("", status) for _, status in expected
        ]


@pytest.mark.parametrize("reader", ["stranger", "editor"])
def test_no_page_file_or_feed_that_a_crawler_reaches_holds_a_marker(
    request: pytest.FixtureRequest, published: Portal, needles: Needles, reader: str
) -> None:
    headers = request.getfixturevalue("editor") if reader == "editor" else {}
    # An editor is shown the same datasets, and what staff only may see.
    crawler = Crawler(published.url, headers, brief=reader == "editor")
    found: list[str] = []
    for address, answer in crawler.crawl(_doors(published, reader)):
        assert answer.status_code < 500, f"{address}: {answer.status_code}"
        found += needles.find(address, text_of(address, answer.content))
        found += needles.find(f"headers of {address}", str(answer.headers).lower())
    assert found == []
    reached = " ".join(crawler.seen)
    for exit in ("/dataset/enrolment/release/", "manifest.json", "certificate.json", "/privacy",
                 ".xlsx", ".parquet", "/codelist/", "/changes.trig?page=", "/changes.nq?page=",
                 "/schema/", "/catalog", "/figures.xlsx", "/school/",
                 "/area/", "/feeds/", "/resource/", "/organization/"):  # fmt: skip
        assert exit in reached, exit
    if reader == "editor":
        assert "/harvest/" in reached


def _doors(portal: Portal, reader: str) -> list[str]:
    """The addresses that a crawler starts from; it finds the others."""
    doors = [
        "/", "/en/", "/dataset/", "/organization/", "/group/", "/about", "/codelist", "/robots.txt",
        "/sitemap.xml", "/catalog.ttl", "/catalog.rdf", "/catalog.jsonld", "/catalog.nt",
        "/data.json", "/dcat-us.json", "/catalog.ttl.manifest",
        "/catalog.ttl?modified_since=2000-01-01",
        "/changes", "/changes.trig", "/changes.nq", "/changes.jsonld",
        "/feeds/dataset.atom", "/feeds/custom.atom", "/activity", "/.well-known/security.txt",
        "/nothing-here", "/dataset/nothing-here", "/dataset/enrolment/release/99999/manifest.json",
        "/dataset/activity/enrolment", "/dataset/changes/enrolment", "/dataset/groups/enrolment",
        "/school", "/area", "/school.geojson", "/suggest?q=tr", "/school?q=truong",
        "/school/compare?q=truong", "/scoreboard.json",
    ]  # fmt: skip
    for table in _PERSONAL if reader == "editor" else portal.action("package_list"):
        doors += [f"/dataset/{table}", f"/dataset/{table}/releases", f"/schema/{table}.json"]
        doors += [f"/dataset/{table}.{ending}" for ending in ("ttl", "rdf", "jsonld", "nt")]
        doors.append(f"/dataset/{table}/croissant.jsonld")
        doors += [f"/dataset/activity/{table}", f"/datastore/dictionary_download/{table}"]
    for table in _PERSONAL:
        figures = f"/dataset/{table}/release/{_current(portal, table).number}/figures"
        for ending in ("", ".csv", ".xlsx", ".svg", ".png"):
            doors += [f"{figures}{ending}?{axis}=*" for axis in ("area", "level")]
        kinds = ("csv", "tsv", "json", "xml")
        doors += [f"/datastore/dump/{table}?format={kind}" for kind in kinds]
    if reader == "editor":
        doors += ["/harvest", "/harvest/admin/central-database", "/harvest/central-database/job",
                  "/harvest/ward-files/job", "/dashboard/", "/dashboard/datasets",
                  f"/user/{EDITOR}", "/user/"]  # fmt: skip
    return doors


@pytest.mark.parametrize("reader", ["stranger", "editor"])
def test_no_action_of_the_api_answers_with_a_marker(
    request: pytest.FixtureRequest, published: Portal, needles: Needles, reader: str
) -> None:
    headers = request.getfixturevalue("editor") if reader == "editor" else {}
    names = sorted(_at_the_desk(published, "actions").split())
    assert {"package_search", "datastore_search", "harvest_object_list"} <= set(names)
    dataset = published.action("package_show", id="enrolment")
    asked = ["", "id=central-database", *_harvested()]
    if reader == "stranger":
        known = (dataset, dataset["resources"][0], dataset["organization"])
        asked += ["resource_id=enrolment", *(f"id={one['id']}" for one in known)]
    paths = [f"/api/3/action/{name}?{query}" for name in names for query in asked]
    paths += [
        f"/api/3/action/package_show?id={table}" for table in published.action("package_list")
    ]
    paths += ["/api/3/action/package_search?rows=1000", "/api/3/action/datastore_search?limit=3"]
    found: list[str] = []
    # Only these: the pages have a test of their own.
    crawler = _WithoutLinks(published.url, headers)
    for address, answer in crawler.crawl(paths):
        # Actions of others fall over questions without the parameters that they want: what they
        # say then counts too.
        found += needles.find(address, answer.text.lower())
    assert found == []


class _WithoutLinks(Crawler):
    def _links(self, address: str, answer: requests.Response) -> Iterator[str]:
        return iter(())


def _harvested() -> list[str]:
    """The queries that name the job, the object and the source of the refused records."""
    with _database("ckan") as connection, connection.cursor() as cursor:
        cursor.execute(
            "select o.harvest_job_id, o.id, o.harvest_source_id from harvest_object o "
            "join harvest_object_error e on e.harvest_object_id = o.id where o.guid = %s limit 1",
            [f"central-database/pupil/{YEAR}"],
        )
        job, harvested, source = cursor.fetchone()
    return [f"id={job}", f"id={harvested}", f"source_id={source}"]


def _database(name: str) -> Any:
    """A connection of the superuser of the portal's databases."""
    url = tk.config["sqlalchemy.url"]
    server = re.search(r"@([^:/]+):(\d+)/", url)
    assert server is not None
    return psycopg2.connect(
        host=server[1],
        port=server[2],
        user="postgres",
        password=os.environ["HCMEDU_POSTGRES_PASSWORD"],
        dbname=name,
    )


@pytest.mark.parametrize("database", ["ckan", "datastore", "postgres"])
def test_no_column_of_the_portals_databases_holds_a_marker(
    published: Portal, needles: Needles, database: str
) -> None:
    found: list[str] = []
    with _database(database) as connection, connection.cursor() as cursor:
        cursor.execute(
            "select format('%I.%I', n.nspname, c.relname) from pg_class c "
            "join pg_namespace n on n.oid = c.relnamespace where c.relkind in ('r', 'm', 'p') "
            # What columns have most of, comments on whatever there is, and what is being asked.
            "and n.nspname not in ('pg_catalog', 'information_schema') "
            "union all select unnest(array['pg_stats', 'pg_description', 'pg_shdescription', "
            "'pg_largeobject', 'pg_prepared_statements'])"
        )
        tables = [name for (name,) in cursor.fetchall()]
        assert len(tables) >= 5
        for table in tables:
            cursor.execute(f"select t::text from {table} t")
            while rows := cursor.fetchmany(20_000):
                text = "\n".join(row for (row,) in rows).lower()
                found += needles.find(f"{database}.{table}", text)
        cursor.execute(
            "select query from pg_stat_activity where datname is distinct from 'central'"
        )
        text = "\n".join(query or "" for (query,) in cursor.fetchall()).lower()
        found += needles.find(f"{database}: activity", text)
    assert found == []


def test_no_field_of_the_search_index_holds_a_marker(published: Portal, needles: Needles) -> None:
    solr = tk.config["solr_url"]
    query = {"q": "*:*", "fl": "*", "rows": 100_000, "wt": "json"}
    documents = requests.get(f"{solr}/select", params=query, timeout=60)
    assert documents.json()["response"]["numFound"] >= len(published.action("package_list"))
    # What is indexed but not kept shows in its terms.
    fields = requests.get(f"{solr}/admin/luke", params={"numTerms": 0, "wt": "json"}, timeout=60)
    names = list(fields.json()["fields"])
    found = needles.find("documents", documents.text.lower())
    for name in names:
        query = {"terms.fl": name, "terms.limit": -1, "terms": "true", "qt": "/terms"}
        terms = requests.get(f"{solr}/terms", params=query, timeout=60)
        found += needles.find(f"terms of {name}", terms.text.lower())
    assert found == []


def test_no_queue_or_key_of_redis_holds_a_marker(
    published: Portal, needles: Needles, queues: Queues
) -> None:
    queues.look()
    # Jobs and objects of the harvests passed by; nothing is left of them now.
    assert any("harvest" in text for text in queues.seen)
    assert needles.find("redis", "\n".join(queues.seen)) == []


class Queues(threading.Thread):
    """Writes down whatever is in Redis, in all of its databases, until it is stopped."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seen: set[str] = set()
        self._url = tk.config["ckan.redis.url"]
        server = redis.Redis.from_url(self._url)
        self._databases = int(server.config_get("databases")["databases"])
        self._stopped = threading.Event()

    def run(self) -> None:
        while not self._stopped.wait(0.02):
            self.look()

    def stop(self) -> None:
        self._stopped.set()
        self.join()

    def look(self) -> None:
        """Take down what is there now."""
        for number in range(self._databases):
            store = redis.Redis.from_url(self._url, db=number)
            for key in store.scan_iter():
                self.seen.add(f"{key!r} {_value(store, key)!r}".lower())
            self.seen.add(str(store.slowlog_get(1000)).lower())
            store.close()


def _value(store: redis.Redis, key: bytes) -> object:
    match store.type(key):
        case b"string":
            return store.get(key)
        case b"list":
            return store.lrange(key, 0, -1)
        case b"set":
            return store.smembers(key)
        case b"hash":
            return store.hgetall(key)
        case b"zset":
            return store.zrange(key, 0, -1)
        case b"none":
            return None  # gone meanwhile
        case other:
            raise AssertionError(f"{key!r} is a {other!r}: read it too.")


def test_no_file_in_the_state_folder_holds_a_marker(published: Portal, needles: Needles) -> None:
    """Releases, parts, certificates, reports, snapshots, uploads, logs."""
    own = {"secrets.env", "admin-password", "redis.conf"}
    found: list[str] = []
    folders = set()
    for path in published.state.rglob("*"):
        inside = path.relative_to(published.state).parts
        if inside[0] in NOT_EXITS or not path.is_file():
            continue
        if path.name in own or path.suffix == ".ini":
            continue
        folders.add(inside[0])
        found += needles.find(str(path), text_of(str(path), path.read_bytes()))
    assert {"log", "parts", "releases", "reports", "snapshots"} <= folders
    assert found == []


def test_no_process_shows_a_marker_in_its_command(published: Portal, needles: Needles) -> None:
    commands = "\n".join(
        path.read_bytes().replace(b"\0", b" ").decode("utf-8", errors="replace")
        for path in _commands()
    )
    assert "gunicorn" in commands
    assert needles.find("process list", commands.lower()) == []


def _commands() -> Iterator[Path]:
    """The command lines of the processes that run and belong to us."""
    own = os.getpid()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if int(path.parent.name) != own and path.stat().st_uid == os.getuid():
                path.read_bytes()
                yield path
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue


def test_no_mail_about_a_harvest_holds_a_marker(published: Portal, needles: Needles) -> None:
    mails = _at_the_desk(published, "mails", "central-database")
    assert "pupil" in mails
    assert needles.find("mails", mails.lower()) == []
