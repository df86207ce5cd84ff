"""Reading whatever the portal answers, and the text in whatever form it comes."""

from __future__ import annotations

import html
import io
import re
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import SplitResult, urldefrag, urljoin, urlsplit

import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

WORKERS = 4
FEW = 3
_LINK = re.compile(r"""(?:href|src|data-module-[a-z-]*url)=["']([^"'>]+)["']""")
_LEFT_ALONE = re.compile(
    # Parts of CKAN's own that hold no data, and what would log the crawler out.
    r"/(webassets|base|hcmedu|fanstatic)/|/user/_logout|/user/reset|"
    # ckanext-harvest does these to whoever only follows the link.
    r"/harvest/.*(refresh|clear|abort|delete)|"
    # The same as .rdf and .ttl.
    r"/(catalog|dataset/[^/]+)\.(xml|n3)$|"
    # One code is as another: the list of a code list has them all.
    r"/codelist/[^/]+/"
)

_SAME_IN_OTHER_WORDS = re.compile(r"^/en/|/dataset/[0-9a-f]{8}-")
"""Pages in English, and those of a dataset under its identifier instead of its name."""

_NAMED = re.compile(
    r"\b(dataset|resource|group|organization|release|schema|tag|job|object|activity|groups|changes)"
    r"/[^/.]+"
)
"""Where a name or a number stands in an address."""


class Crawler:
    """Follows the links from some addresses of the portal; yields what each answered.

    Every page and file in Vietnamese is visited. Of those in English, of searches with a filter
    and of the resources of a dataset a few are: they show the same in other words and orders.
    Where it is to be `brief`, a few of each kind are visited of all.
    """

    def __init__(self, url: str, headers: Mapping[str, str] | None = None, brief: bool = False):
        self._url = url.rstrip("/") + "/"
        self._brief = brief
        self._kinds: Counter[str] = Counter()
        self._session = requests.Session()
        self._session.headers.update(headers or {})
        # A connection that was not needed for a while may be closed under our hands.
        adapter = HTTPAdapter(pool_maxsize=WORKERS, max_retries=Retry(3, backoff_factor=0.1))
        self._session.mount("http://", adapter)
        self._absolute = re.compile(re.escape(self._url) + r"""[^\s"'<>()\[\]\\{}]*""")
        self.seen: set[str] = set()

    def crawl(self, paths: Iterable[str]) -> Iterator[tuple[str, requests.Response]]:
        """Each address that can be reached from `paths`, and its answer."""
        waiting = self._new((urljoin(self._url, path) for path in paths), few=False)
        with ThreadPoolExecutor(WORKERS) as pool:
            while waiting:
                found: list[str] = []
                for address, answer in zip(waiting, pool.map(self._get, waiting), strict=True):
                    yield address, answer
                    found += self._links(address, answer)
                waiting = self._new(found)

    def _get(self, address: str) -> requests.Response:
        return self._session.get(address, timeout=120, allow_redirects=True)

    def _links(self, address: str, answer: requests.Response) -> Iterator[str]:
        kind = answer.headers.get("Content-Type", "")
        if not any(word in kind for word in ("html", "xml", "json", "turtle", "trig", "n-quads")):
            return
        text = html.unescape(answer.text)
        for link in _LINK.findall(text):
            yield urljoin(address, link)
        yield from (one.rstrip(".,;") for one in self._absolute.findall(text))

    def _new(self, addresses: Iterable[str], few: bool = True) -> list[str]:
        fresh = []
        for address in addresses:
            address = urldefrag(address).url
            parts = urlsplit(address)
            if (
                not address.startswith(self._url)
                or address in self.seen
                # Filters can be put together in more ways than there are datasets.
                or parts.query.count("&") > 0
                or _LEFT_ALONE.search(parts.path)
            ):
                continue
            kind = self._kind(parts)
            if few and kind is not None:
                self._kinds[kind] += 1
                if self._kinds[kind] > FEW:
                    continue
            self.seen.add(address)
            fresh.append(address)
        return fresh

    def _kind(self, parts: SplitResult) -> str | None:
        """What the address is one of, where a few are enough; None where it has to be visited."""
        if self._brief or parts.query or _SAME_IN_OTHER_WORDS.search(parts.path):
            return f"{_NAMED.sub('*', parts.path)} {parts.query.partition('=')[0]}"
        if "/resource/" in parts.path:
            return parts.path.partition("/resource/")[0]
        return None


def text_of(name: str, content: bytes) -> str:
    """All that can be read in a file or an answer, in small letters: of a workbook every part,
    of a Parquet file its values, statistics and notes."""
    if content[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return "\n".join(text_of(one, archive.read(one)) for one in archive.namelist())
    if content[:4] == b"PAR1":
        file = pq.ParquetFile(io.BytesIO(content))
        sink = io.BytesIO()
        pacsv.write_csv(file.read(), sink)
        content = sink.getvalue() + str(file.metadata.to_dict()).encode()
        content += str(file.schema_arrow.metadata).encode()
    return f"{name}\n{content.decode('utf-8', errors='replace')}".lower()
