"""Consumers of the feed as others write them, from the specifications alone.

Each keeps a copy of the portal's datasets and brings it up to date when it is told to read. What a
feed must never do makes it fail: a page that leads back, a dataset twice in one crawl, a member
where the stream has promised none.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol
from urllib.parse import quote

import requests
from rdflib import Graph, Namespace, URIRef
from rdflib.namespace import DCAT, DCTERMS, FOAF, RDF
from rdflib.term import Node

from tests.ckanext.site.by_hand import HYDRA, RDFLIB
from tests.ckanext.site.replica import Replica

ADMS = Namespace("http://www.w3.org/ns/adms#")
DELETED = URIRef("http://purl.org/adms/changetype/deleted")
PATIENCE = 60
"""Seconds for which a consumer asks again where nobody answers."""


@dataclass(frozen=True)
class Known:
    """What a consumer knows of a dataset."""

    title: str
    modified: datetime


Copy = Mapping[str, Known]
"""Datasets by their identifier."""


@dataclass(frozen=True)
class Answer:
    """An answer over HTTP; its names are those of Werkzeug's."""

    status_code: int
    headers: Mapping[str, str]
    data: bytes

    @property
    def text(self) -> str:
        return self.data.decode()

    @property
    def mimetype(self) -> str:
        return self.headers["Content-Type"].partition(";")[0]


Get = Callable[[str, Mapping[str, str]], Answer]


def over_http() -> Get:
    """Answers to an address and request headers, in one session; asks again where the connection
    is refused or breaks off, as while the server starts anew."""
    session = requests.Session()

    def get(address: str, headers: Mapping[str, str]) -> Answer:
        end = time.monotonic() + PATIENCE
        while True:
            try:
                answer = session.get(address, headers=dict(headers), timeout=PATIENCE)
                return Answer(answer.status_code, answer.headers, answer.content)
            except (requests.ConnectionError, requests.exceptions.ChunkedEncodingError):
                if time.monotonic() > end:
                    raise
                time.sleep(0.1)

    return get


class Consumer(Protocol):
    """Whoever keeps a copy of the portal's datasets."""

    @property
    def copy(self) -> Copy:
        """What it has of the portal now."""

    def read(self) -> None:
        """Take over what is new, and let go what is gone."""


def moment(text: object) -> datetime:
    """The moment that `text` names; one without a time zone is meant in UTC."""
    found = datetime.fromisoformat(str(text))
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)


def described(graph: Any) -> Iterator[tuple[str, Node, Known]]:
    """The identifiers of the graph's datasets, their IRIs, and what is known of them."""
    for subject in graph.subjects(RDF.type, DCAT.Dataset, unique=True):
        [identifier] = graph.objects(subject, DCTERMS.identifier)
        [title] = [one for one in graph.objects(subject, DCTERMS.title) if one.language == "vi"]
        # As it is written: rdflib has a string of its own for some moments.
        [modified] = graph.objects(subject, DCTERMS.modified)
        yield str(identifier), subject, Known(str(title), moment(modified))


class HydraCrawler:
    """Reads the catalogue page by page, in one of its formats; nothing if it has not changed."""

    def __init__(self, get: Get, portal: str, ending: str):
        self._get = get
        self._start = f"{portal}/catalog.{ending}"
        self._format = RDFLIB[ending]
        self._etag: str | None = None
        self.copy: dict[str, Known] = {}

    def read(self) -> None:
        found: dict[str, Known] = {}
        following, seen, etag = self._start, set[str](), None
        while following:
            assert following not in seen, "a page leads back"
            seen.add(following)
            condition = {"If-None-Match": self._etag} if self._etag and not etag else {}
            answer = self._get(following, condition)
            if answer.status_code == 304:
                assert condition
                return
            assert answer.status_code == 200, answer.text
            etag = etag or answer.headers["ETag"]
            page = Graph().parse(data=answer.data, format=self._format)
            for identifier, _, known in described(page):
                assert identifier not in found, "a dataset is repeated"
                found[identifier] = known
            [view] = page.subjects(RDF.type, HYDRA.PartialCollectionView)
            following = str(page.value(view, HYDRA.next) or "")
        self.copy, self._etag = found, etag


class IncrementalReader:
    """Asks for what has changed since it asked last; the first time, for everything."""

    def __init__(self, get: Get, portal: str, ending: str = "nt"):
        self._get = get
        self._portal = portal
        self._start = f"{portal}/catalog.{ending}"
        self._format = RDFLIB[ending]
        self._since = ""
        self._known: dict[str, tuple[str, Known]] = {}

    @property
    def copy(self) -> Copy:
        return dict(self._known.values())

    def read(self) -> None:
        following = f"{self._start}?modified_since={quote(self._since)}" if self._since else ""
        following = following or self._start
        since, seen = "", set[str]()
        while following:
            assert following not in seen, "a page leads back"
            seen.add(following)
            answer = self._get(following, {})
            assert answer.status_code == 200, answer.text
            page = Graph().parse(data=answer.data, format=self._format)
            for identifier, subject, known in described(page):
                self._known[str(subject)] = (identifier, known)
            for record in page.subjects(ADMS.status, DELETED):
                self._known.pop(str(page.value(record, FOAF.primaryTopic)), None)
            since = since or str(page.value(URIRef(self._portal), DCTERMS.modified))
            [view] = page.subjects(RDF.type, HYDRA.PartialCollectionView)
            following = str(page.value(view, HYDRA.next) or "")
        self._since = since


class StreamFollower:
    """Follows the event stream."""

    def __init__(self, get: Get, portal: str, accept: str = "application/n-quads"):
        self._replica = Replica(get, f"{portal}/changes", accept)

    @property
    def copy(self) -> Copy:
        found = {}
        for about, payload in self._replica.state.items():
            graph = Graph()
            for triple in payload:
                graph.add(triple)
            for identifier, subject, known in described(graph):
                assert str(subject) == about
                found[identifier] = known
        return found

    def read(self) -> None:
        self._replica.sync()


class WholeReader:
    """Reads all datasets from one JSON document and matches them by identifier, as DKAN's
    harvest does: what is new or differs it takes over, what is missing it lets go."""

    def __init__(self, get: Get, portal: str, path: str):
        self._get = get
        self._address = portal + path
        self._etag: str | None = None
        self._items: dict[str, dict[str, Any]] = {}

    @property
    def copy(self) -> Copy:
        return {
            identifier: Known(item["title"], moment(item["modified"]))
            for identifier, item in self._items.items()
        }

    def read(self) -> None:
        answer = self._get(self._address, {"If-None-Match": self._etag} if self._etag else {})
        if answer.status_code == 304:
            assert self._etag
            return
        assert answer.status_code == 200, answer.text
        met = set()
        for item in json.loads(answer.data)["dataset"]:
            identifier = item["identifier"]
            assert identifier not in met, "a dataset is repeated"
            met.add(identifier)
            if self._items.get(identifier) != item:
                self._items[identifier] = item
        for orphaned in set(self._items) - met:
            del self._items[orphaned]
        self._etag = answer.headers["ETag"]


CONSUMERS: Mapping[str, Callable[[Get, str], Consumer]] = {
    **{
        f"hydra-{ending}": lambda get, portal, ending=ending: HydraCrawler(get, portal, ending)
        for ending in RDFLIB
    },
    "stream": StreamFollower,
    "incremental": IncrementalReader,
    "data.json": lambda get, portal: WholeReader(get, portal, "/data.json"),
    "dcat-us.json": lambda get, portal: WholeReader(get, portal, "/dcat-us.json"),
}
"""How to make each kind of consumer, of what answers it and the portal's address."""
