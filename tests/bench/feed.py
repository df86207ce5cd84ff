"""The feed with 10,000 datasets, beside ckanext-dcat's own catalogue in the same CKAN.

``python -m tests.bench.feed`` starts services of its own, fills them (`tests.bench.datasets`) and
reads both over HTTP from the same processes, in one run; of the feed some of it once more through
the nginx that is shipped. ckanext-dcat is asked for its own profile
(``?page=…&profiles=euro_dcat_ap_3``); of its catalogue a few pages are read, and a whole crawl is
reckoned from their mean. ``HCMEDU_BENCH_DATASETS`` makes the catalogue smaller.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import brotli
import urllib3
from requests.utils import parse_header_links
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from tests.bench.services import ROOT, Services, services, through_nginx

DATASETS = int(os.environ.get("HCMEDU_BENCH_DATASETS", "10000"))
PAGE = 100
PAGES = -(-DATASETS // PAGE)
STOCK_PAGES = sorted({1, max(1, PAGES // 2), PAGES})
CHANGES = 10
CRAWLERS = 50
FORMATS = ("ttl", "rdf", "jsonld", "nt")


@dataclass(frozen=True)
class Answer:
    """What came, as it came: readers would unpack it while they read on."""

    headers: urllib3.HTTPHeaderDict
    data: bytes

    @property
    def text(self) -> str:
        """The content, unpacked."""
        is_packed = self.headers.get("Content-Encoding") == "br"
        return (brotli.decompress(self.data) if is_packed else self.data).decode()

    @property
    def next(self) -> str | None:
        """The address of the next page."""
        links = parse_header_links(self.headers.get("Link", ""))
        return next((link["url"] for link in links if link.get("rel") == "next"), None)


@dataclass
class Reader:
    """Reads one address after the other, and notes the seconds and bytes of each answer.

    It does little itself: it has the same cores as the server. Where `through` is given, it asks
    that address for what `url` has.
    """

    url: str
    through: str = ""
    pool: urllib3.PoolManager = field(default_factory=urllib3.PoolManager)
    seconds: list[float] = field(default_factory=list)
    received: int = 0
    etags: dict[str, str] = field(default_factory=dict)

    def get(self, address: str, **headers: str) -> Answer:
        """The whole answer to a GET of an address or a path."""
        where = address if address.startswith("http") else self.url + address
        if self.through:
            where = self.through + where.removeprefix(self.url)
        began = time.perf_counter()
        headers = {"Accept-Encoding": "br", **headers}
        got = self.pool.request(
            "GET", where, headers=headers, timeout=600, decode_content=False, retries=1
        )
        self.seconds.append(time.perf_counter() - began)
        assert got.status in (200, 304), f"{where}: {got.status}"
        self.received += len(got.data)
        return Answer(got.headers, got.data)

    def crawl(self, path: str) -> int:
        """Read a catalogue page by page, sending back the ETags that are known; how many pages."""
        following: str | None = path
        pages = 0
        while following:
            known = self.etags.get(following)
            answer = self.get(following, **({"If-None-Match": known} if known else {}))
            self.etags[following] = answer.headers["ETag"]
            following = answer.next
            pages += 1
        return pages


def stock(number: int, ending: str = "ttl", more: str = "") -> str:
    """The address of a page of ckanext-dcat's catalogue."""
    return f"/catalog.{ending}?page={number}&profiles=euro_dcat_ap_3{more}"


def elapsed(work: Callable[[], object]) -> float:
    """Seconds that it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def at_once(
    url: str, read: Callable[[Reader], object], through: str = ""
) -> tuple[float, list[float]]:
    """Seconds until `CRAWLERS` readers that began together are done, and those of each answer."""
    readers = [Reader(url, through) for _ in range(CRAWLERS)]
    with ThreadPoolExecutor(CRAWLERS) as pool:
        seconds = elapsed(lambda: list(pool.map(read, readers)))
    return seconds, [each for reader in readers for each in reader.seconds]


def spread(seconds: Sequence[float]) -> tuple[float, float]:
    """The median and the 99th of a hundred, in milliseconds."""
    ordered = sorted(1000 * each for each in seconds)
    return statistics.median(ordered), ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))]


Row = tuple[str, str, str, str]


def _row(what: str, ours: float, theirs: float | None, unit: str = "s") -> Row:
    def written(value: float) -> str:
        return f"{value:,.2f} {unit}" if value < 10 else f"{value:,.0f} {unit}"

    if theirs is None:
        return what, written(ours), "", ""
    ratio = theirs / ours
    return what, written(ours), written(theirs), f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.2f}"


def measure(portal: Services) -> Iterator[Row]:
    """Measure line by line."""
    empty = str(ROOT / "tests/portal/emptied.py")
    portal.run(empty)
    cost = json.loads(portal.run("-m", "tests.bench.datasets", "fill", str(DATASETS)))
    prepared = json.loads(portal.run("-m", "tests.bench.datasets", "prepare"))
    portal.stack("start", "web")
    try:
        Reader(portal.url).get("/catalog.ttl")
        Reader(portal.url).get(stock(1))
        yield from _whole(portal.url)
        yield from _page(portal.url)
        with through_nginx(portal.url) as cache:
            yield from _unchanged(portal.url, cache)
            yield from _changed(portal)
            yield from _many(portal.url, cache)
    finally:
        portal.stack("stop", "web")
        # The other measurements are of a portal without these datasets.
        portal.run(empty)
    yield _row(f"preparing {prepared['answers']:,} answers", prepared["seconds"], None)
    yield _row("describing a dataset in all dialects", cost["describe"], None, "ms")
    yield _row("  of it writing, from the graph", cost["write"], None, "ms")
    what = "package_patch, with the feed beside without; no commit of Solr's"
    yield _row(what, cost["with_feed"], cost["without_feed"], "ms")


def _datasets(answer: Answer) -> int:
    """How many datasets stand in a page, in Turtle."""
    return answer.text.count(" a dcat:Dataset")


def _stock_crawl(url: str, ending: str) -> float:
    reader = Reader(url)
    for number in STOCK_PAGES:
        answer = reader.get(stock(number, ending))
        assert ending != "ttl" or _datasets(answer) in (PAGE, DATASETS % PAGE)
    return PAGES * statistics.mean(reader.seconds)


def _stream_pages(reader: Reader) -> set[str]:
    """The addresses of the event stream's pages, as its root tells them."""
    root = reader.get("/changes.nq").text
    return {part.split(">")[0] for part in root.split("<") if "?page=" in part}


def _whole(url: str) -> Iterator[Row]:
    for ending in FORMATS:
        theirs = None if ending == "nt" else _stock_crawl(url, ending)
        reader = Reader(url)
        seconds = elapsed(lambda reader=reader, ending=ending: reader.crawl(f"/catalog.{ending}"))
        yield _row(f"whole crawl, .{ending}", seconds, theirs)
    for path in ("/data.json", "/dcat-us.json"):
        reader = Reader(url)
        seconds = elapsed(lambda reader=reader, path=path: reader.get(path))
        yield _row(path, 1000 * seconds, None, "ms")
    reader = Reader(url)
    pages = sorted(_stream_pages(reader))
    yield _row(
        f"event stream, {len(pages)} pages",
        elapsed(lambda: [reader.get(each) for each in pages]),
        None,
    )


def _page(url: str) -> Iterator[Row]:
    ours, theirs = Reader(url), Reader(url)
    addresses = [""]
    following: str | None = "/catalog.ttl"
    while following and len(addresses) <= 20:
        addresses.append(following)
        following = ours.get(following).next
    ours.seconds.clear()
    for number in range(400):
        ours.get(addresses[1 + number % (len(addresses) - 1)])
    for number in range(20):
        theirs.get(stock(1 + number % PAGES))
    (middle, high), (their_middle, their_high) = spread(ours.seconds), spread(theirs.seconds)
    yield _row("one page, .ttl, p50", middle, their_middle, "ms")
    yield _row("one page, .ttl, p99 (ckanext-dcat: slowest of 20)", high, their_high, "ms")


def _unchanged(url: str, cache: str) -> Iterator[Row]:
    # Whoever has no ETag reads everything again.
    theirs = _stock_crawl(url, "ttl")
    what = "crawl again, unchanged, with ETags"
    for which, through in ((what, ""), ("  through nginx", cache)):
        reader = Reader(url, through)
        reader.crawl("/catalog.ttl")
        reader.received = 0
        yield _row(which, elapsed(lambda reader=reader: reader.crawl("/catalog.ttl")), theirs)
        yield "  bytes received", f"{reader.received:,}", "", ""


def _changed(portal: Services) -> Iterator[Row]:
    reader = Reader(portal.url)
    known = _stream_pages(reader)
    since = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
    portal.run("-m", "tests.bench.datasets", "change", str(CHANGES))
    reader = Reader(portal.url)
    since_then = f"/catalog.ttl?modified_since={since}Z"
    theirs_since = stock(1, more=f"&modified_since={since}")
    ours = elapsed(lambda: reader.crawl(since_then))
    theirs = elapsed(lambda: reader.get(theirs_since))
    for address in (since_then, theirs_since):
        assert _datasets(reader.get(address)) == CHANGES, address
    yield _row(f"{CHANGES} changes, by modified_since", ours, theirs)

    def follow() -> None:
        pages = _stream_pages(reader)
        for address in (pages - known) or {max(pages)}:
            reader.get(address)

    yield _row(f"{CHANGES} changes, from the event stream", elapsed(follow), None)


def _many(url: str, cache: str) -> Iterator[Row]:
    theirs, their_answers = at_once(url, lambda reader: reader.get(stock(1)))
    what = f"{CRAWLERS} crawlers at once (ckanext-dcat: a page each), pages/s"
    for which, through in ((what, ""), ("  through nginx, pages/s", cache)):
        seconds, answers = at_once(url, lambda reader: reader.crawl("/catalog.ttl"), through)
        rate, their_rate = len(answers) / seconds, len(their_answers) / theirs
        yield which, f"{rate:,.0f}", f"{their_rate:,.2f}", f"{rate / their_rate:,.0f}"
        (middle, high), (their_middle, their_high) = spread(answers), spread(their_answers)
        yield _row("  a page, p50", middle, their_middle, "ms")
        yield _row("  a page, p99", high, their_high, "ms")


def main() -> int:
    """Measure and print."""
    sheet = Table(
        f"feed of {DATASETS:,} datasets, {PAGES} pages", "ours", "ckanext-dcat", "ratio",
        box=SIMPLE_HEAD,
        caption=f"ckanext-dcat's crawls are reckoned from pages {STOCK_PAGES}; the readers share "
        "the machine with the server",
    )  # fmt: skip
    for column in sheet.columns[1:]:
        column.justify = "right"
    with services() as portal:
        for row in measure(portal):
            sheet.add_row(*row)
    Console(width=130).print(sheet)
    return 0


if __name__ == "__main__":
    sys.exit(main())
