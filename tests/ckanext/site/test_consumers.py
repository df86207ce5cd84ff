"""Others keep copies of the portal while it changes, and end with exactly what it has."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
import time
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from tests.ckanext.site.by_hand import act, make, written
from tests.ckanext.site.conftest import Site
from tests.ckanext.site.consumers import (
    CONSUMERS,
    Answer,
    Consumer,
    Copy,
    Get,
    Known,
    moment,
    over_http,
)
from tests.ckanext.site.web import free_address
from tests.portal.second import Second

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("context")]

ROOT = Path(__file__).parents[3]
DATASETS, UNTOUCHED, EDITS = 300, 60, 100
PAGE = 40
HARVESTED = 60
SEED = 20261126


def ours() -> Copy:
    """What the portal has, as its database says: the public datasets by identifier."""
    import ckan.model as model

    model.Session.expire_all()
    shown = model.Session.query(model.Package).filter_by(
        type="dataset", state="active", private=False
    )
    return {
        package.id: Known(package.title, moment(package.metadata_modified)) for package in shown
    }


def emptied() -> None:
    import ckan.model as model

    model.Session.rollback()
    for package in model.Session.query(model.Package).all():
        act("dataset_purge", id=package.id)


# A consumer that cannot fail proves nothing -------------------------------------------------------


@pytest.fixture(scope="module")
def nine(empty_site: Site) -> Iterator[None]:
    """Three pages of datasets."""
    from ckanext.hcmedu.dcat import publishing

    with empty_site.app.flask_app.test_request_context():
        for number in range(9):
            make(f"chin-{number}")
        publishing.refresh()
        yield
        emptied()


Feed = Callable[[Get], Get]


def decomposed(get: Get) -> Get:
    """A feed whose letters look the same and are others."""

    def answer(address: str, headers: Mapping[str, str]) -> Answer:
        got = get(address, headers)
        return replace(got, data=unicodedata.normalize("NFD", got.data.decode()).encode())

    return answer


def frozen(get: Get) -> Get:
    """A feed that goes on saying what it said first, and that nothing has changed since."""
    said: dict[str, Answer] = {}

    def answer(address: str, headers: Mapping[str, str]) -> Answer:
        if "modified_since=" in address:
            address = address.partition("?")[0] + "?modified_since=2999-01-01"
        if address not in said:
            said[address] = get(address, {k: v for k, v in headers.items() if k == "Accept"})
        return said[address]

    return answer


def skipping(get: Get) -> Get:
    """A feed whose second page is the third."""
    return _instead(get, 1, 2)


def repeating(get: Get) -> Get:
    """A feed whose second page is the first."""
    return _instead(get, 1, 0)


def _instead(get: Get, asked: int, given: int) -> Get:
    """Of the pages that have something after `at` or `page`, one is answered with another."""

    def answer(address: str, headers: Mapping[str, str]) -> Answer:
        pages = _pages(get, address, headers)
        if address in pages and pages.index(address) == asked:
            address = pages[given]
        return get(address, headers)

    return answer


def _pages(get: Get, address: str, headers: Mapping[str, str]) -> list[str]:
    """The addresses of the pages that `address` is one of, in order."""
    start = address.partition("?")[0]
    if urlsplit(start).path == "/changes":
        found = []
        for word in get(start, {"Accept": headers["Accept"]}).text.split():
            page = word.strip("<>")
            if page.startswith(f"{start}?page=") and page not in found:
                found.append(page)
        return sorted(found, key=lambda one: int(one.split("-")[-1]))
    pages = [start]
    while True:
        links = requests.utils.parse_header_links(get(pages[-1], {}).headers["Link"])
        following = [link["url"] for link in links if link.get("rel") == "next"]
        if not following:
            return pages
        pages += following


PAGED = [name for name in CONSUMERS if not name.endswith(".json")]
BROKEN = [
    *((feed, name) for feed in (decomposed, frozen) for name in CONSUMERS),
    *((feed, name) for feed in (skipping, repeating) for name in PAGED),
]


@pytest.mark.parametrize(
    ("feed", "name"), BROKEN, ids=lambda it: it if isinstance(it, str) else it.__name__
)
@pytest.mark.usefixtures("pages_of_three", "nine")
def test_a_broken_feed_does_not_go_unnoticed(
    empty_site: Site, address: str, feed: Feed, name: str
) -> None:
    browser = empty_site.app.flask_app.test_client(use_cookies=False)

    def get(asked: str, headers: Mapping[str, str]) -> Answer:
        got = browser.get(asked.removeprefix(address), headers=dict(headers))
        return Answer(got.status_code, got.headers, got.data)

    def read_twice(get: Get) -> Consumer:
        consumer = CONSUMERS[name](get, address)
        consumer.read()
        title = f"Lần {time.monotonic_ns()}"
        act("package_patch", id="chin-4", title_translated={"vi": title, "en": "Edited"})
        consumer.read()
        return consumer

    assert read_twice(get).copy == ours()
    try:
        consumer = read_twice(feed(get))
    except AssertionError:
        return
    assert consumer.copy != ours()


# While everything changes -------------------------------------------------------------------------


class Server:
    """The portal's web server as it is run, with its own processes."""

    def __init__(self, ini: Path, url: str, log: Path):
        self.url = url
        self._log = log
        self._environment = os.environ | {"CKAN_INI": str(ini)}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        config = ROOT / "config"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *(str(Path(sys.executable).with_name("gunicorn")), "--config"),
                    *(str(config / "gunicorn.conf.py"), "--pythonpath", str(config)),
                    *("--bind", urlsplit(self.url).netloc),
                ],
                env=self._environment,
                stdout=log,
                stderr=log,
                cwd=ROOT,
                start_new_session=True,
            )
        answer = over_http()(f"{self.url}/api/3/action/status_show", {})
        assert answer.status_code == 200, self._log.read_text()

    def stop(self, how: signal.Signals = signal.SIGTERM) -> None:
        """End the server and its workers; SIGKILL breaks off what is being answered."""
        assert self._process is not None
        os.killpg(self._process.pid, how)
        self._process.wait(60)


@pytest.fixture
def server(
    empty_site: Site, ckan_ini: Path, tmp_path: Path, configuration: None
) -> Iterator[Server]:
    import ckan.plugins.toolkit as tk

    url = free_address()
    # What is described in this process as well is described as the server does.
    tk.config["ckan.site_url"] = tk.config["ckanext.dcat.base_uri"] = url
    ini = tmp_path / "server.ini"
    ini.write_text(
        f"[app:main]\nuse = config:{ckan_ini.resolve()}\n"
        f"ckan.site_url = {url}\nckanext.dcat.base_uri = {url}\n"
        f"hcmedu.state_path = {empty_site.store.state}\nhcmedu.feed_page_size = {PAGE}\n"
        "hcmedu.simulated = true\n"
        # The feed does not wait for the index, and is not read from it.
        "ckan.search.solr_commit = false\n"
    )
    running = Server(ini, url, tmp_path / "web.log")
    running.start()
    yield running
    running.stop()
    emptied()


@dataclass
class Writer:
    """Somebody with an account who changes datasets at random, over CKAN's API."""

    url: str
    token: str
    dice: random.Random
    names: list[str] = field(default_factory=list)
    done: Counter[str] = field(default_factory=Counter)

    def call(self, action: str, **data: Any) -> int:
        """The status of the answer."""
        return requests.post(
            f"{self.url}/api/3/action/{action}",
            json=data,
            headers={"Authorization": self.token},
            timeout=60,
        ).status_code

    def create(self, name: str) -> int:
        """Make a dataset of that name; the status of the answer."""
        title = TITLES[sum(name.encode()) % len(TITLES)]
        status = self.call("package_create", **written(name, title))
        assert status == 200, (name, status)
        self.names.append(name)
        return status

    def change(self, number: int) -> None:
        """One change of one dataset."""
        name = self.dice.choice(self.names)
        kind = self.dice.choice(
            ["edit", "edit", "edit", "rename", "hide", "show", "show", "delete", "purge", "create"]
        )
        if kind == "edit":
            title = f"{self.dice.choice(TITLES)} {number}"
            words = {"vi": title, "en": f"Edited {number}"}
            status = self.call("package_patch", id=name, title=title, title_translated=words)
        elif kind == "rename":
            status = self.call("package_patch", id=name, name=f"doi-ten-{number}")
            self.names[self.names.index(name)] = f"doi-ten-{number}"
        elif kind in ("hide", "show"):
            status = self.call("package_patch", id=name, private=kind == "hide")
        elif kind == "create":
            status = self.create(f"them-vao-{number}")
        else:
            action = {"delete": "package_delete", "purge": "dataset_purge"}[kind]
            status = self.call(action, id=name)
            if kind == "purge":
                self.names.remove(name)
        assert status == 200, (kind, name, status)
        self.done[kind] += 1


TITLES = (
    "Số học sinh tiểu học trên địa bàn Thành phố Hồ Chí Minh",
    "Tỷ lệ trẻ em mẫu giáo được ăn bán trú ở Thủ Đức",
    "Học phí “trường ngoài công lập” – mức thu & miễn, giảm <2026>",
    "Đội ngũ giáo viên; phường Bảy Hiền, xã Củ Chi \\ Cần Giờ",
    "Ký tự tổ hợp: Tiê\u0301ng Viê\u0323t, 𝄞, \u200bkết thúc",
)
"""Titles with what gets lost on the way: quotes, signs of markup, letters in parts."""


def made_by_hand(server: Server, count: int, prefix: str = "dong") -> Writer:
    """Who has made `count` datasets, and goes on changing them."""
    from ckan.tests import factories

    from ckanext.hcmedu.dcat import publishing

    publishing.refresh()
    writer = Writer(server.url, factories.SysadminWithToken()["token"], random.Random(SEED))
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(writer.create, (f"{prefix}-{number}" for number in range(count))))
    return writer


def test_every_consumer_ends_with_our_state_whatever_was_changed_meanwhile(
    empty_site: Site, server: Server
) -> None:
    emptied()
    made_by_hand(server, UNTOUCHED, "yen")
    writer = made_by_hand(server, DATASETS - UNTOUCHED)
    begun = ours()
    assert len(begun) == DATASETS
    still = {one.id: begun[one.id] for one in packages() if one.name.startswith("yen-")}
    assert len(still) == UNTOUCHED
    # The portal composes letters when they are written; from there on nothing changes them.
    composed = {unicodedata.normalize("NFC", title) for title in TITLES}
    assert {known.title for known in still.values()} == composed

    finished = threading.Event()

    def keep_reading(name: str) -> Consumer:
        consumer = CONSUMERS[name](over_http(), server.url)
        while not finished.is_set():
            consumer.read()
            # What nobody touched is there whenever one looks, as it was.
            assert still.items() <= dict(consumer.copy).items(), name
        consumer.read()
        return consumer

    with ThreadPoolExecutor(len(CONSUMERS)) as pool:
        reading = {name: pool.submit(keep_reading, name) for name in CONSUMERS}
        try:
            for number in range(EDITS):
                writer.change(number)
                if number == EDITS // 3:
                    server.stop(signal.SIGKILL)
                    server.start()
        finally:
            finished.set()
        consumers = {name: each.result() for name, each in reading.items()}

    expected = ours()
    assert set(writer.done) == {"edit", "rename", "hide", "show", "delete", "purge", "create"}
    assert expected != begun
    for name, consumer in consumers.items():
        assert consumer.copy == expected, name


def packages() -> list[Any]:
    import ckan.model as model

    return model.Session.query(model.Package).filter_by(type="dataset").all()


@pytest.fixture
def second(state: Path, stack: Callable[..., None]) -> Iterator[Second]:
    other = Second(state / "second.ini")
    other.empty()
    stack("start", "second")
    yield other
    stack("stop", "second")


def test_another_ckan_that_harvests_meanwhile_ends_with_our_state(
    empty_site: Site, server: Server, second: Second
) -> None:
    emptied()
    writer = made_by_hand(server, HARVESTED)
    second.operate("source", f"{server.url}/catalog.ttl")
    begun = ours()
    with ThreadPoolExecutor(1) as pool:
        harvest = pool.submit(second.harvest)
        number = 0
        while not harvest.done() or number < HARVESTED:
            writer.change(number)
            number += 1
        harvest.result()
    assert ours() != begun
    second.harvest()
    theirs = {}
    for identifier, dataset in second.datasets().items():
        extras = {extra["key"]: extra["value"] for extra in dataset["extras"]}
        theirs[identifier] = Known(dataset["title"], moment(extras["modified"]))
    assert theirs == ours()
