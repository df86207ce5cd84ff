"""The pages beside those of a plain CKAN with the same datasets.

``python -m tests.bench.pages`` starts services of its own, harvests the small simulated city,
has a plain CKAN harvest the portal, and reads both: one reader, page after page, and fifty at once,
of the portal through the cache that is shipped. Lighthouse (`tests.bench.lighthouse`) comes last.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import requests
import urllib3
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from tests.bench import lighthouse
from tests.bench.services import ROOT, Services, services, through_nginx
from tests.portal.second import Second

TIMES = 60
READERS = 50
SECONDS = 8.0


@dataclass(frozen=True)
class Page:
    """A page, and what CKAN has that is most like it."""

    name: str
    ours: str
    theirs: str


def pages(portal: str, second: str) -> list[Page]:
    """The kinds of pages that are measured."""
    features = requests.get(f"{portal}/school.geojson", timeout=60).json()["features"]
    school = features[len(features) // 2]["properties"]["code"]
    found = requests.get(
        f"{second}/api/3/action/package_search", params={"q": "title:học sinh"}, timeout=60
    ).json()["result"]["results"]
    dataset = f"/dataset/{found[0]['name']}"
    return [
        Page("front", "/", "/"),
        Page("search", "/dataset/?q=hoc+sinh", "/dataset/?q=hoc+sinh"),
        Page("dataset", "/dataset/enrolment", dataset),
        Page("table builder (beside CKAN's dataset)", _builder(portal), dataset),
        Page("school (beside CKAN's dataset)", f"/school/{school}", dataset),
    ]


def _builder(portal: str) -> str:
    answer = requests.get(
        f"{portal}/api/3/action/package_show", params={"id": "enrolment"}, timeout=60
    )
    release = answer.json()["result"]["hcmedu_release"]
    return f"/dataset/enrolment/release/{release}/figures?measure=pupils&level=*"


def alone(url: str) -> list[float]:
    """Milliseconds of each of several answers to one reader."""
    pool = urllib3.PoolManager()
    taken = []
    for number in range(TIMES + 5):
        began = time.perf_counter()
        answer = pool.request("GET", url, timeout=60, retries=False)
        taken.append(1000 * (time.perf_counter() - began))
        assert answer.status == 200, f"{url}: {answer.status}"
        if number == 4:
            # The first ones fill caches.
            taken.clear()
    return taken


def together(url: str) -> float:
    """Answers a second to many readers at once."""
    answered = [0] * READERS
    end = time.monotonic() + SECONDS

    def read(number: int) -> None:
        pool = urllib3.PoolManager()
        while time.monotonic() < end:
            assert pool.request("GET", url, timeout=60, retries=False).status == 200
            answered[number] += 1

    threads = [threading.Thread(target=read, args=(number,)) for number in range(READERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(answered) / SECONDS


def _spread(taken: Sequence[float]) -> str:
    ordered = sorted(taken)
    return f"{statistics.median(ordered):.0f}, {ordered[int(0.95 * len(ordered))]:.0f}"


Row = tuple[str, str, str, str, str, str, str]


def measure(portal: Services) -> Iterator[Row]:
    """Measure page by page."""
    state = Path(portal.environment["HCMEDU_STATE"])
    second = Second(state / "second.ini")
    with through_nginx(portal.url) as listen:
        for page in pages(portal.url, second.url):
            ours, theirs = alone(portal.url + page.ours), alone(second.url + page.theirs)
            many, plain = together(listen + page.ours), together(second.url + page.theirs)
            ratio = statistics.median(theirs) / statistics.median(ours)
            yield (
                page.name, _spread(ours), _spread(theirs), f"{ratio:.2f}",
                f"{many:,.0f}", f"{plain:,.0f}", f"{many / plain:.0f}",
            )  # fmt: skip


def prepare(portal: Services) -> None:
    """The small city published, and harvested by the plain CKAN."""
    ckan = str(Path(sys.executable).with_name("ckan"))
    ini = portal.environment["CKAN_INI"]
    portal.run(str(ROOT / "tests/portal/emptied.py"), "--queues")
    portal.run("-m", "demo", "seed")
    portal.stack("start", "city", "harvest-gather", "harvest-fetch", "web")
    for command in ("bootstrap", "run"):
        subprocess.run(
            [ckan, "-c", ini, "hcmedu", command], env=portal.environment, cwd=ROOT, check=True
        )
    portal.stack("stop", "city", "harvest-gather", "harvest-fetch")
    os.environ.update(portal.environment)
    second = Second(Path(portal.environment["HCMEDU_STATE"]) / "second.ini")
    second.empty()
    portal.stack("start", "second")
    second.operate("source", f"{portal.url}/catalog.ttl")
    second.harvest()


def main() -> int:
    """Start services, measure, print, stop services."""
    sheet = Table(
        "page", "ms: median, 95th", "CKAN", "ratio", f"{READERS} at once, pages/s", "CKAN", "ratio",
        box=SIMPLE_HEAD, caption="goals: no page slower than CKAN's; ten times as many at once",
    )  # fmt: skip
    for column in sheet.columns[1:]:
        column.justify = "right"
    with services() as ours:
        prepare(ours)
        for row in measure(ours):
            sheet.add_row(*row)
        scores = lighthouse.sheet_of(ours.url)
        ours.stack("stop", "web", "second")
    Console(width=130).print(sheet, scores)
    return 0


if __name__ == "__main__":
    sys.exit(main())
