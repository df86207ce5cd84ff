"""The stream of changes as documents: a root that leads to pages, and pages of activities.

Sources: Linked Data Event Streams 1.0 and the TREE hypermedia specification (SEMIC), DCAT-AP
Feeds, ActivityStreams 2.0.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from ckanext.hcmedu.dcat import documents, moments, problems
from ckanext.hcmedu.dcat.changes import Change, Stretch
from ckanext.hcmedu.dcat.documents import Format, Statement, Typed, Worded, expand, statements

_TURTLE, _TRIPLES = documents.FORMATS["ttl"], documents.FORMATS["nt"]

FORMATS = {
    "trig": Format("trig", "application/trig", _TURTLE.head, "", ""),
    "nq": Format("nq", "application/n-quads", "", "", ""),
    "jsonld": documents.FORMATS["jsonld"],
}
"""By file ending."""

FRAGMENTS = {"trig": "ttl", "nq": "nt", "jsonld": "jsonld"}
"""What the stream's formats are joined of."""

LONGEST = 1000
"""The most positions that a page may have."""

_PAGE = re.compile(r"(?P<log>[0-9a-f]{12})-(?P<first>[1-9]\d{0,17})-(?P<last>[1-9]\d{0,17})")
_ACTIVITIES = {"create": "as:Create", "update": "as:Update", "delete": "as:Delete"}


@dataclass(frozen=True)
class Page:
    """The positions from `first` to `last` of a log: the same ones for good, whatever is the size
    of other pages."""

    log: str
    first: int
    last: int

    @classmethod
    def named(cls, name: str) -> Page | None:
        """The page of that name; None if there cannot be one."""
        found = _PAGE.fullmatch(name)
        if found is None:
            return None
        page = cls(found["log"], int(found["first"]), int(found["last"]))
        return page if 0 <= page.last - page.first < LONGEST else None

    @property
    def name(self) -> str:
        """How addresses name it."""
        return f"{self.log}-{self.first}-{self.last}"

    def is_one_of(self, size: int) -> bool:
        """Whether the root leads to it if pages have `size` positions."""
        return (self.first - 1) % size == 0 and self.last - self.first + 1 == size


@dataclass(frozen=True)
class Stream:
    """The stream at `address`, as it is read at `path`: the same, with or without the ending of a
    format. The nodes are what the reader asked for, and members are named for good."""

    address: str
    path: str

    @property
    def iri(self) -> str:
        """The event stream itself."""
        return f"{self.address}#stream"

    def page(self, page: Page) -> str:
        """The address of a page."""
        return f"{self.path}?{urlencode({'page': page.name})}"

    def member(self, change: Change) -> str:
        """The activity's IRI; that of another log is never the same."""
        return f"{self.address}#{change.position}-{change.chain[:12]}"

    def root(self, format_name: str, log: str, stretches: Iterable[Stretch], newest: int) -> str:
        """The document that leads to all pages.

        :param newest: the log's last position; pages that end before it are closed.
        """
        said: list[Statement] = [
            *self._described(),
            (self.path, "rdf:type", expand("tree:Node")),
            (self.path, "ldes:retentionPolicy", f"{self.address}#retention"),
            (f"{self.address}#retention", "rdf:type", expand("ldes:RetentionPolicy")),
            (f"{self.address}#retention", "ldes:versionAmount", Typed("1", "xsd:integer")),
        ]
        for stretch in stretches:
            said += self._relations(Page(log, stretch.first, stretch.last), stretch, newest)
        return FORMATS[format_name].document([_written(format_name, said)])

    def document(self, format_name: str, page: Page, changes: Sequence[Change]) -> str:
        """A page: each change as an activity, and what it says in a graph named by it."""
        said: list[Statement] = [
            *self._described(),
            (self.page(page), "rdf:type", expand("tree:Node")),
        ]
        for change in changes:
            said += self._activity(change)
        graphs = [
            named_graph(format_name, self.member(change), change.fragment)
            for change in changes
            if change.fragment
        ]
        return FORMATS[format_name].document([_written(format_name, said), *graphs])

    def _described(self) -> list[Statement]:
        return [
            (self.iri, "rdf:type", expand("ldes:EventStream")),
            (self.iri, "tree:view", self.path),
            (self.iri, "ldes:timestampPath", expand("as:published")),
            (self.iri, "ldes:versionOfPath", expand("as:object")),
            (self.iri, "ldes:versionCreateObject", expand("as:Create")),
            (self.iri, "ldes:versionUpdateObject", expand("as:Update")),
            (self.iri, "ldes:versionDeleteObject", expand("as:Delete")),
        ]

    def _relations(self, page: Page, stretch: Stretch, newest: int) -> list[Statement]:
        """How the root leads to a page. Bounds hold for good: a closed page gains nothing, and
        whatever is written to an open one is later."""
        bounds = [("tree:GreaterThanOrEqualToRelation", "from", stretch.earliest)]
        if page.last <= newest:
            bounds.append(("tree:LessThanOrEqualToRelation", "to", stretch.latest))
        said: list[Statement] = []
        for kind, word, moment in bounds:
            relation = f"{self.path}#{word}-{page.name}"
            said += [
                (self.path, "tree:relation", relation),
                (relation, "rdf:type", expand(kind)),
                (relation, "tree:path", expand("as:published")),
                (relation, "tree:value", Typed(moments.write(moment), "xsd:dateTime")),
                (relation, "tree:node", self.page(page)),
            ]
        return said

    def _activity(self, change: Change) -> list[Statement]:
        member = self.member(change)
        said: list[Statement] = [
            (self.iri, "tree:member", member),
            (member, "rdf:type", expand(_ACTIVITIES[change.kind])),
            (member, "as:object", change.iri),
            (member, "as:published", Typed(moments.write(change.at), "xsd:dateTime")),
        ]
        if change.kind == "delete":
            reason = problems.GONE[change.reason or "deleted"]
            said += [(member, "as:summary", Worded(reason[one], one)) for one in ("vi", "en")]
        return said


def named_graph(format_name: str, iri: str, fragment: str) -> str:
    """What a fragment of `FRAGMENTS[format_name]` says, said in the graph called `iri`."""
    if format_name == "nq":
        # Ends of lines stand only at the ends of statements: those in literals are escaped.
        return fragment.replace(" .\n", f" <{iri}> .\n")
    if format_name == "trig":
        return f"<{iri}> {{\n{fragment}}}\n"
    return f'{{"@id": "{iri}", "@graph": [\n{fragment}\n]}}'


def _written(format_name: str, said: Sequence[Statement]) -> str:
    return statements(FRAGMENTS[format_name], said)
