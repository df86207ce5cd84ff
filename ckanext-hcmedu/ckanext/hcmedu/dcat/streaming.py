"""The stream of changes, answered: its root and its pages, and what cannot be."""

from __future__ import annotations

from dataclasses import dataclass

from ckan.plugins import toolkit as tk
from sqlalchemy.engine import Connection
from werkzeug.wrappers import Request, Response

from ckanext.hcmedu import settings
from ckanext.hcmedu.dcat import changes, entries, problems, store
from ckanext.hcmedu.dcat.changes import Stretch
from ckanext.hcmedu.dcat.problems import problem
from ckanext.hcmedu.dcat.sending import Document, negotiated, send
from ckanext.hcmedu.dcat.stream import FORMATS, FRAGMENTS, LONGEST, Page, Stream

_CHANGING = "public, no-cache"
# Whoever has read a closed page need not ask again: what it loses is told as a deletion. A cache
# that many read from shall not go on showing what was erased.
_CLOSED = "public, max-age=604800, s-maxage=300, immutable"


@dataclass(frozen=True)
class _Asked:
    """What is asked of the log as it stands, and in which form."""

    connection: Connection
    request: Request
    name: str
    """That of the format."""
    stream: Stream
    log: str
    newest: entries.Snapshot

    def send(self, document: Document, cache_control: str) -> Response:
        """The answer with `document`, to be kept as `cache_control` says."""
        response = send(self.request, document, settings.feed_path())
        response.headers["Cache-Control"] = cache_control
        return response


class Changes:
    """Answers for ``/changes``; remembers how the log is cut until the log changes."""

    def __init__(self) -> None:
        self._stretches: tuple[object, list[Stretch]] = (None, [])

    def answer(
        self, connection: Connection, request: Request, ending: str | None
    ) -> Response | None:
        """The root, or the page that `page` names; None before there is a log."""
        newest = entries.newest(connection)
        if newest is None:
            return None
        name = ending if ending in FORMATS else None
        if ending is None:
            name = negotiated(request, {each.media_type: each.name for each in FORMATS.values()})
        if name is None:
            return problem(404 if ending else 406, problems.STREAM_FORMAT)
        address = f"{settings.public_url()}/changes"
        stream = Stream(address, f"{address}.{name}" if ending else address)
        asked = _Asked(connection, request, name, stream, changes.log_name(connection), newest)
        page = request.args.get("page")
        response = self._root(asked) if page is None else _page(asked, page)
        if not ending:
            response.vary.add("Accept")
        return response

    def _root(self, asked: _Asked) -> Response:
        size = _page_size()
        state = (asked.newest, size)
        known, stretches = self._stretches
        if known != state:
            stretches = changes.stretches(asked.connection, size)
            self._stretches = (state, stretches)
        name, stream, log, newest = asked.name, asked.stream, asked.log, asked.newest
        document = Document(
            key=("changes", log, name, stream.path, str(newest.position), repr(stretches)),
            group="",
            media_type=FORMATS[name].media_type,
            at=newest.at,
            make=lambda: stream.root(name, log, stretches, newest.position).encode(),
        )
        return asked.send(document, _CHANGING)


def _page(asked: _Asked, named: str) -> Response:
    page = Page.named(named)
    if page is None:
        return problem(400, problems.STREAM_PAGE)
    if page.log != asked.log:
        return problem(410, problems.LOG, Link=f'<{asked.stream.path}>; rel="first"')
    if page.first > asked.newest.position:
        return problem(404, problems.STREAM_BEYOND)
    name, connection = asked.name, asked.connection
    contents = changes.contents(connection, page.first, page.last)

    def make() -> bytes:
        told = list(changes.changes(connection, page.first, page.last, FRAGMENTS[name]))
        return asked.stream.document(name, page, told).encode()

    document = Document(
        key=("changes", page.name, name, asked.stream.path, contents),
        # A folder for each state of a page, so that it goes when the page has another.
        group=store.group(f"changes-{page.name}", contents) if page.is_one_of(_page_size()) else "",
        media_type=FORMATS[name].media_type,
        at=asked.newest.at,
        make=make,
    )
    return asked.send(document, _CLOSED if page.last <= asked.newest.position else _CHANGING)


def _page_size() -> int:
    return min(max(1, tk.config["hcmedu.feed_page_size"]), LONGEST)
