"""A consumer of event streams, written from the TREE and LDES specifications.

It knows nothing of the portal but the address of the stream's root: what is a page, a member, its
time, its object and its kind it reads from the stream itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rdflib import Dataset, Graph, Namespace, URIRef
from rdflib.namespace import RDF
from rdflib.term import Node

from tests.ckanext.site.conftest import Site

LDES = Namespace("https://w3id.org/ldes#")
TREE = Namespace("https://w3id.org/tree#")
RDFLIB = {
    "application/trig": "trig",
    "application/n-quads": "nquads",
    "application/ld+json": "json-ld",
}

Triple = tuple[Node, Node, Node]


class Replica:
    """What the members of a stream add up to.

    :param get: answers to an address and request headers, as Werkzeug's test client does.
    """

    def __init__(self, get: Callable[..., Any], root: str, accept: str | None = None):
        self._get = get
        self._root = root
        self._accept = {"Accept": accept} if accept else {}
        self._immutable: set[str] = set()
        self._etags: dict[str, str] = {}
        self._seen: set[Node] = set()
        self._bounds: dict[str, list[tuple[str, Any]]] = {}
        self.fetched: list[str] = []
        self.deletions: dict[str, Graph] = {}
        self.state: dict[str, frozenset[Triple]] = {}
        """What each object is, by IRI."""

    def sync(self) -> None:
        """Take over what is new."""
        self.fetched = []
        waiting, visited = [self._root], set()
        members: list[tuple[Any, Node, Dataset]] = []
        while waiting:
            address = waiting.pop()
            if address in visited or address in self._immutable:
                continue
            visited.add(address)
            read = self._read(address)
            if read is None:
                continue
            [stream] = read.subjects(RDF.type, LDES.EventStream)
            path = read.value(stream, LDES.timestampPath)
            for member in read.objects(stream, TREE.member):
                if member not in self._seen:
                    self._seen.add(member)
                    when = read.value(member, path).toPython()  # type: ignore[union-attr]
                    members.append((when, member, read))
                    self._hold(address, when)
            for relation in read.objects(URIRef(address), TREE.relation):
                waiting.append(str(read.value(relation, TREE.node)))
                self._bound(read, relation)
        for _, member, read in sorted(members, key=lambda one: one[0]):
            self._apply(member, read)

    def _bound(self, read: Dataset, relation: Node) -> None:
        """Keep what is promised of the page that `relation` leads to."""
        kind = read.value(relation, RDF.type)
        [value] = read.objects(relation, TREE.value)
        bounds = self._bounds.setdefault(str(read.value(relation, TREE.node)), [])
        bounds.append((str(kind), value.toPython()))  # type: ignore[attr-defined]

    def _hold(self, address: str, when: Any) -> None:
        """What was promised of a page has to be true of its members, whenever it was."""
        for kind, value in self._bounds.get(address, []):
            if kind == str(TREE.GreaterThanOrEqualToRelation):
                assert when >= value
            else:
                assert kind == str(TREE.LessThanOrEqualToRelation)
                assert when <= value

    def _read(self, address: str) -> Dataset | None:
        """The page; None if it has not changed."""
        headers = dict(self._accept)
        if address in self._etags:
            headers["If-None-Match"] = self._etags[address]
        answer = self._get(address, headers)
        self.fetched.append(address)
        if answer.status_code == 304:
            return None
        assert answer.status_code == 200, answer.text
        if "immutable" in answer.headers["Cache-Control"]:
            self._immutable.add(address)
        self._etags[address] = answer.headers["ETag"]
        read = Dataset()
        read.parse(data=answer.data, format=RDFLIB[answer.mimetype])
        return read

    def _apply(self, member: Node, read: Dataset) -> None:
        [stream] = read.subjects(RDF.type, LDES.EventStream)
        about = str(read.value(member, read.value(stream, LDES.versionOfPath)))
        kind = read.value(member, RDF.type)
        if kind == read.value(stream, LDES.versionDeleteObject):
            self.state.pop(about, None)
            said = Graph()
            for triple in read.triples((member, None, None)):
                said.add(triple)
            self.deletions[about] = said
            return
        created = read.value(stream, LDES.versionCreateObject)
        assert kind in (created, read.value(stream, LDES.versionUpdateObject))
        payload = frozenset(read.graph(member))
        assert payload
        self.state[about] = payload


def follow(site: Site, address: str, path: str = "/changes", accept: str | None = None) -> Replica:
    """A consumer of the stream of `site`, whose address is `address`, that has nothing yet."""
    browser = site.app.flask_app.test_client(use_cookies=False)

    def get(asked: str, headers: dict[str, str]) -> Any:
        assert asked.startswith(address)
        return browser.get(asked.removeprefix(address), headers=headers)

    return Replica(get, f"{address}{path}", accept)
