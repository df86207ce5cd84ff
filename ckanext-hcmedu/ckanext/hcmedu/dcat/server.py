"""The feed, answered ahead of Flask: joined fragments, from the database or from disk.

Nothing here needs an RDF library, the search index, Redis or an action of CKAN. What the feed
does not know (searches of the catalogue, datasets it never had) goes on to CKAN.
"""

from __future__ import annotations

import logging
import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime
from typing import Any

import ckan.plugins.toolkit as tk
import sqlalchemy as sa
from ckan import model
from sqlalchemy.engine import Connection
from werkzeug.exceptions import PreconditionFailed
from werkzeug.wrappers import Request, Response

from ckanext.hcmedu import settings
from ckanext.hcmedu.dcat import deletions, entries, moments, problems, store
from ckanext.hcmedu.dcat.asking import (
    CATALOG,
    SEARCHED,
    SEARCHES,
    Start,
    Wsgi,
    is_personal,
    own_path,
)
from ckanext.hcmedu.dcat.documents import CROISSANT, FORMATS, Format, Typed, statements
from ckanext.hcmedu.dcat.freshness import Newest
from ckanext.hcmedu.dcat.manifest import Sealed, manifest
from ckanext.hcmedu.dcat.pages import Addresses, Cut, link_header
from ckanext.hcmedu.dcat.problems import problem
from ckanext.hcmedu.dcat.sending import Document, content, negotiated, send
from ckanext.hcmedu.dcat.streaming import Changes

log = logging.getLogger(__name__)

_MANIFEST = re.compile(r"/catalog\.(?P<ending>\w+)\.manifest")
_CHANGES = re.compile(r"/changes(?:\.(?P<ending>\w+))?")
_DATASET = re.compile(r"/dataset/(?P<dataset>[\w-]+)\.(?P<ending>[^/]+)")
_CROISSANT = re.compile(r"/dataset/(?P<dataset>[\w-]+)/croissant\.jsonld")
WHOLE = {"/data.json": "pod", "/dcat-us.json": "dcat_us"}
"""Addresses of the feed in one piece, and the fragments that they are joined of."""
# Turtle is N3 (https://www.w3.org/TeamSubmission/n3/), which ckanext-dcat has as well.
_ENDINGS = {**{name: name for name in FORMATS}, "xml": "rdf", "n3": "ttl"}
_MEDIA_TYPES = {each.media_type: each.name for each in FORMATS.values()}
_CURSOR = re.compile(r"[\w-]{1,100}")

_REMEMBERED = 8
"""Snapshots whose ids a process remembers."""

_ALLOWED = "GET, HEAD, OPTIONS"
_EXPOSED = "Content-Location, ETag, Link"
"""What scripts of other sites may read of an answer, besides what they may of any."""


class _Database(ExitStack):
    """A connection for the time of a request, opened when something is asked of it."""

    _connection: Connection | None = None

    def __call__(self) -> Connection:
        if self._connection is None:
            self._connection = self.enter_context(model.ensure_engine().connect())
        return self._connection


class Feed:
    """A WSGI application that answers for the feed and leaves the rest to `application`."""

    def __init__(self, application: Wsgi):
        self.application = application
        self._ids: OrderedDict[tuple[str, int], list[str]] = OrderedDict()
        self._changes = Changes()
        self._newest = Newest()

    def __call__(self, environ: dict[str, Any], start_response: Start) -> Iterable[bytes]:
        request = Request(environ)
        response = self._answer(request)
        if response is None:
            return self.application(environ, start_response)
        response.headers["Access-Control-Allow-Origin"] = "*"
        response.headers["Access-Control-Expose-Headers"] = _EXPOSED
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response(environ, start_response)

    def _answer(self, request: Request) -> Response | None:
        """The answer; None if CKAN has to give it."""
        path = own_path(request)
        if "\0" in path:
            # The database would refuse it, in the middle of an answer.
            return problem(400, problems.ADDRESS)
        sealed, changes = _MANIFEST.fullmatch(path), _CHANGES.fullmatch(path)
        catalog = None if sealed else CATALOG.fullmatch(path)
        dataset, croissant = _DATASET.fullmatch(path), _CROISSANT.fullmatch(path)
        if not (catalog or dataset or sealed or changes or croissant or path in WHOLE):
            return None
        if dataset and dataset["ending"] not in _ENDINGS:
            return problem(404, problems.DATASET_FORMAT)
        if catalog and catalog["ending"] and catalog["ending"] not in _ENDINGS:
            return problem(404, problems.FORMAT)
        asked = catalog or dataset
        if asked and SEARCHES & set(request.args):
            is_known = (asked["ending"] or "ttl") in SEARCHED
            return None if is_known else problem(404, problems.SEARCHED)
        if request.method == "OPTIONS":
            return _preflight()
        if request.method not in ("GET", "HEAD"):
            return problem(405, problems.METHOD, Allow=_ALLOWED)
        try:
            with _Database() as database:
                if catalog:
                    return self._catalog(database, request, catalog["ending"])
                if dataset:
                    kind = FORMATS[_ENDINGS[dataset["ending"]]]
                    return self._dataset(database, request, dataset["dataset"], kind)
                if croissant:
                    return self._dataset(database, request, croissant["dataset"], CROISSANT)
                if sealed:
                    return self._manifest(database, request, sealed["ending"])
                if changes:
                    return self._changes.answer(database(), request, changes["ending"])
                return self._whole(database, request, path)
        except PreconditionFailed:
            return problem(412, problems.CONDITION)
        except sa.exc.ProgrammingError:
            log.exception("The feed has no table: `ckan db pending-migrations --apply`")
            return None
        except sa.exc.OperationalError:
            log.exception("The feed cannot read the database")
            return problem(503, problems.NO_DATABASE, **{"Retry-After": "30"})

    # One dataset

    def _dataset(
        self, database: _Database, request: Request, dataset: str, kind: Format
    ) -> Response | None:
        """One dataset in a format; None if CKAN has to answer."""
        record = entries.record(database(), dataset, kind.name)
        if record is None or record.kind == "delete":
            # Whoever edits it may see it even so.
            if is_personal(request) or self._newest_of(database) is None:
                return None
            return _gone(record) if record else problem(404, problems.UNKNOWN)
        if record.fragment is None:
            return None
        fragment = record.fragment
        document = Document(
            key=(record.dataset_id, record.digest, kind.name),
            group="",
            media_type=kind.media_type,
            at=record.at,
            make=lambda: kind.document([fragment]).encode(),
        )
        response = send(request, document, settings.feed_path())
        response.headers["Cache-Control"] = "public, no-cache"
        return response

    # The catalogue, page by page

    def _catalog(
        self, database: _Database, request: Request, ending: str | None
    ) -> Response | None:
        newest = self._newest_of(database)
        if newest is None:
            return None
        name = _ENDINGS[ending] if ending else negotiated(request, _MEDIA_TYPES)
        if name is None:
            return problem(406, problems.FORMAT)
        path = f"{settings.public_url()}/catalog.{name}"
        token, after = request.args.get("at"), request.args.get("after", "")
        snapshot = _snapshot(database, newest, token)
        if snapshot is None:
            return problem(410, problems.SNAPSHOT, Link=link_header([("first", path)]))
        since = None
        if "modified_since" in request.args:
            since = moments.parse(request.args["modified_since"])
            if since is None:
                return problem(400, problems.SINCE)
        if after and (token is None or not _CURSOR.fullmatch(after)):
            return problem(400, problems.CURSOR)
        if since is None:
            cut = Cut(self._ids_of(database, snapshot), _page_size(), after)
        else:
            changed = entries.changed_ids(database(), snapshot.position, since)
            gone = list(changed.values()).count(False)
            cut = Cut(list(changed), _page_size(), after, gone)
        # What the page had may have been deleted meanwhile, as may be what it begins after.
        if after and not (cut.own or entries.record(database(), after, name)):
            return problem(404, problems.BEYOND)
        addresses = Addresses(path, snapshot.token, moments.write(since) if since else "")

        def make() -> bytes:
            return _page(database(), snapshot, name, cut, addresses, since)

        document = Document(
            key=(snapshot.token, str(snapshot.erased), name, after, addresses.since),
            # There are too many moments to keep a page for each.
            group=_group(snapshot) if cut.is_regular and since is None else "",
            media_type=FORMATS[name].media_type,
            at=snapshot.changed_at,
            make=make,
            is_current=snapshot.is_newest,
        )
        response = send(request, document, settings.feed_path())
        links = [*addresses.links(cut)]
        if since is None:
            links.append(("describedby", addresses.manifest))
            links += [("alternate", f"{settings.public_url()}{each}") for each in WHOLE]
        response.headers["Link"] = link_header(links)
        response.headers["Content-Location"] = addresses.page(after)
        # What an address without a snapshot answers changes; with one, only by a deletion, which is
        # to be known everywhere after five minutes: behind nginx, which does not say for how long
        # it has kept a page, another cache may keep it for as long once more.
        response.headers["Cache-Control"] = (
            "public, no-cache" if token is None else "public, max-age=150"
        )
        if not ending:
            response.vary.add("Accept")
        return response

    def _newest_of(self, database: _Database) -> entries.Snapshot | None:
        return self._newest(lambda: entries.newest(database()))

    def _ids_of(self, database: _Database, snapshot: entries.Snapshot) -> Sequence[str]:
        key = (snapshot.token, snapshot.erased)
        ids = self._ids.get(key)
        if ids is None:
            ids = self._ids[key] = _kept_ids(database, snapshot)
            while len(self._ids) > _REMEMBERED:
                self._ids.popitem(last=False)
        return ids

    # What all its pages are

    def _manifest(self, database: _Database, request: Request, ending: str) -> Response | None:
        newest = self._newest_of(database)
        if newest is None:
            return None
        name = _ENDINGS.get(ending)
        if name is None:
            return problem(404, problems.FORMAT)
        path = f"{settings.public_url()}/catalog.{name}"
        token = request.args.get("at")
        snapshot = _snapshot(database, newest, token)
        if snapshot is None:
            return problem(410, problems.SNAPSHOT, Link=link_header([("first", path)]))
        addresses = Addresses(path, snapshot.token)
        ids = self._ids_of(database, snapshot)

        def seal() -> Iterator[Sealed]:
            after: str | None = ""
            while after is not None:
                cut = Cut(ids, _page_size(), after)
                content = _page(database(), snapshot, name, cut, addresses)
                yield Sealed(addresses.page(after), content, cut.own)
                after = cut.next

        at, media_type = moments.write(snapshot.at), FORMATS[name].media_type
        document = Document(
            key=(snapshot.token, str(snapshot.erased), name, "manifest"),
            group=_group(snapshot),
            media_type="application/json",
            at=snapshot.changed_at,
            is_current=snapshot.is_newest,
            make=lambda: manifest(snapshot.token, at, media_type, seal()),
        )
        response = send(request, document, settings.feed_path())
        response.headers["Cache-Control"] = "public, no-cache"
        response.headers["Content-Location"] = addresses.manifest
        return response

    # All of it in one piece

    def _whole(self, database: _Database, request: Request, path: str) -> Response | None:
        snapshot = self._newest_of(database)
        name = WHOLE[path]
        head = entries.catalog(database(), snapshot.position, name) if snapshot else ""
        if snapshot is None or not head:
            return None
        document = Document(
            key=(snapshot.token, str(snapshot.erased), path),
            group=_group(snapshot),
            media_type="application/json",
            at=snapshot.at,
            make=lambda: _in_one_piece(
                database(), snapshot, name, head, self._ids_of(database, snapshot)
            ),
        )
        response = send(request, document, settings.feed_path())
        response.headers["Cache-Control"] = "public, no-cache"
        return response


def _group(snapshot: entries.Snapshot) -> str:
    return store.group("catalog", snapshot.token)


def _kept_ids(database: _Database, snapshot: entries.Snapshot) -> Sequence[str]:
    """The ids of the snapshot's datasets, from disk where another process has asked for them: a
    crawl that begins anew shall not wait for each process to count the catalogue."""
    document = Document(
        key=(snapshot.token, str(snapshot.erased), "ids"),
        group=_group(snapshot),
        media_type="text/plain",
        at=snapshot.at,
        make=lambda: "\n".join(entries.dataset_ids(database(), snapshot.position)).encode(),
        is_current=snapshot.is_newest,
    )
    return content(document, settings.feed_path()).decode().splitlines()


def _gone(record: entries.Record) -> Response:
    return problem(410, problems.GONE[record.reason or "deleted"], at=moments.write(record.at))


def _page(
    connection: Connection,
    snapshot: entries.Snapshot,
    name: str,
    cut: Cut,
    addresses: Addresses,
    since: datetime | None = None,
) -> bytes:
    """The bytes of a page: the catalogue, how the page leads on, the datasets.

    :param since: of the datasets only those that changed then or later, and what was deleted.
    """
    catalog = settings.catalog_iri()
    said = addresses.describe(cut, catalog)
    said.append((catalog, "dct:modified", Typed(moments.write(snapshot.at), "xsd:dateTime")))
    fragments: Iterable[str] = ()
    if cut.own:
        ids = cut.own[0], cut.own[-1]
        fragments = entries.fragments(connection, snapshot.position, name, *ids, since)
        if since is not None:
            gone = entries.deletions(connection, snapshot.position, since, *ids)
            said += deletions.records(catalog, gone)
    head = entries.catalog(connection, snapshot.position, name)
    parts = [head, statements(name, said), *fragments]
    return FORMATS[name].document(parts).encode()


def _in_one_piece(
    connection: Connection, snapshot: entries.Snapshot, name: str, head: str, ids: Sequence[str]
) -> bytes:
    """The catalogue, which `head` describes, with all its datasets, in the dialect of that name."""
    found: Iterable[str] = ()
    if ids:
        found = entries.fragments(connection, snapshot.position, name, ids[0], ids[-1])
    # Project Open Data does not say when a catalogue changed.
    modified = f',"modified":"{moments.write(snapshot.at)}"' if name == "dcat_us" else ""
    members = ",\n".join(found)
    return f'{head.removesuffix("}")}{modified},"dataset":[\n{members}\n]}}\n'.encode()


def _snapshot(
    database: _Database, newest: entries.Snapshot, token: str | None
) -> entries.Snapshot | None:
    """The snapshot that `token` names, the newest without one; None if there is no such one."""
    # Most readers are in the newest, and a connection costs as much as all the rest of a page.
    if token in (None, newest.token):
        return newest
    return entries.snapshot(database(), newest, token, entries.utc_now())


def _page_size() -> int:
    return max(1, tk.config["hcmedu.feed_page_size"])


def _preflight() -> Response:
    """Any site's scripts may read the feed."""
    response = Response(status=204)
    response.headers["Allow"] = _ALLOWED
    response.headers["Access-Control-Allow-Methods"] = _ALLOWED
    response.headers["Access-Control-Allow-Headers"] = "If-None-Match, If-Modified-Since, Accept"
    response.headers["Access-Control-Max-Age"] = "86400"
    return response
