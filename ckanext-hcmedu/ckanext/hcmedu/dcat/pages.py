"""Pages of the feed: where a snapshot is cut, and how one page leads to the next.

Pages are cut by the datasets' ids, which never change, over a snapshot, which does not either:
what is edited, made or deleted during a crawl neither hides a dataset from it nor shows one twice.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from ckanext.hcmedu.dcat.documents import Statement, Typed


@dataclass(frozen=True)
class Cut:
    """The page of a snapshot that begins after the id `after`.

    `ids` are those of all the snapshot's datasets, in order; `size` is that of a page; `gone` says
    how many of them are deleted, which a page with changes tells as well.
    """

    ids: Sequence[str]
    size: int
    after: str
    gone: int = 0

    @property
    def start(self) -> int:
        """How many datasets come before the page."""
        return bisect_right(self.ids, self.after)

    @property
    def own(self) -> Sequence[str]:
        """The ids of the page's datasets."""
        return self.ids[self.start : self.start + self.size]

    @property
    def is_regular(self) -> bool:
        """Whether a crawl from the first page comes by; one that began before a dataset was
        deleted may go on between two pages."""
        begins = self.start % self.size == 0 and self.after == self._before(self.start)
        return begins and (not self.after or bool(self.own))

    @property
    def next(self) -> str | None:
        """What the next page begins after; None on the last."""
        end = self.start + self.size
        return self._before(end) if end < len(self.ids) else None

    @property
    def previous(self) -> str | None:
        """What the page before begins after; None on the first."""
        return self._before(max(0, self.start - self.size)) if self.start else None

    @property
    def last(self) -> str:
        """What the last page begins after."""
        beyond = max(0, len(self.ids) - 1 - self.start) // self.size
        return self._before(self.start + beyond * self.size)

    def _before(self, start: int) -> str:
        """The id that the page from `start` on begins after; empty for the first."""
        return self.ids[start - 1] if start else ""


@dataclass(frozen=True)
class Addresses:
    """The addresses of a snapshot's pages: `path` with the snapshot's token and what they begin
    after."""

    path: str
    token: str
    since: str = ""
    """Only what changed then or later is on the pages."""

    def page(self, after: str) -> str:
        """The address of the page after `after`."""
        parts = {"at": self.token, "modified_since": self.since, "after": after}
        return f"{self.path}?{urlencode({name: text for name, text in parts.items() if text})}"

    @property
    def manifest(self) -> str:
        """The address of what says what all the pages are."""
        return f"{self.path}.manifest?{urlencode({'at': self.token})}"

    def links(self, cut: Cut) -> Iterator[tuple[str, str]]:
        """The page's relations and where they lead: first, last, previous, next."""
        yield "first", self.page("")
        yield "last", self.page(cut.last)
        if cut.previous is not None:
            yield "previous", self.page(cut.previous)
        if cut.next is not None:
            yield "next", self.page(cut.next)

    def describe(self, cut: Cut, catalog: str) -> list[Statement]:
        """The page in Hydra, in its old and its new terms: consumers know one or the other."""
        page = self.page(cut.after)
        total = Typed(str(len(cut.ids) - cut.gone), "xsd:integer")
        size = Typed(str(cut.size), "xsd:integer")
        said: list[Statement] = [
            (catalog, "rdf:type", f"{_HYDRA}Collection"),
            (catalog, "hydra:view", page),
            (catalog, "hydra:totalItems", total),
            (page, "rdf:type", f"{_HYDRA}PartialCollectionView"),
            (page, "rdf:type", f"{_HYDRA}PagedCollection"),
            (page, "hydra:totalItems", total),
            (page, "hydra:itemsPerPage", size),
        ]
        for relation, address in self.links(cut):
            said += [(page, f"hydra:{relation}", address), (page, f"hydra:{relation}Page", address)]
        return said


_HYDRA = "http://www.w3.org/ns/hydra/core#"


def link_header(links: Iterable[tuple[str, str]]) -> str:
    """The relations as RFC 8288 writes them."""
    names = {"previous": "prev"}
    return ", ".join(f'<{address}>; rel="{names.get(name, name)}"' for name, address in links)
