"""The feed's pages, joined and compressed before anybody asks for them.

They are asked for as a reader would ask, so that what is kept is what will be sent.
"""

from __future__ import annotations

import logging
import re
from datetime import timedelta

from ckan import model
from werkzeug.exceptions import NotFound
from werkzeug.test import Client, TestResponse

from ckanext.hcmedu import settings
from ckanext.hcmedu.dcat import documents, entries, store, stream
from ckanext.hcmedu.dcat.recipe import recipe
from ckanext.hcmedu.dcat.server import WHOLE, Feed

log = logging.getLogger(__name__)

_KEPT = timedelta(days=1)
"""How long pages stay on disk; who comes later has them joined again."""
_SUPERSEDED = timedelta(minutes=5)
"""How long those of a state stay that is no more: each change makes another copy of the catalogue,
and a crawl takes seconds."""

_NEXT = re.compile(r'<([^>]*)>; rel="next"')
_PAGE_OF_CHANGES = re.compile(r"[?]page=([\w-]+)")


class Preparation:
    """Prepares the feed when it has changed since the last time, and each day anew."""

    def __init__(self) -> None:
        self._done: object = None

    def __call__(self) -> None:
        """Sweep out old pages and prepare what there is now, or nothing where that is done."""
        with model.ensure_engine().connect() as connection:
            newest = entries.newest(connection)
        state = (newest, recipe(), entries.utc_now().date())
        if newest is not None and state != self._done:
            log.info("The feed is prepared: %s answers", prepare())
            store.sweep(settings.feed_path(), _KEPT.total_seconds(), _SUPERSEDED.total_seconds())
            self._done = state


def prepare() -> int:
    """Make all pages that a crawl which begins now comes by, in each format and compressed
    content coding; what is there already stays. Returns how many answers are kept.

    A reader may ask for one of them meanwhile: it is made for whoever comes first.
    """
    return sum(_prepare(coding) for coding in store.ENCODINGS if coding)


def _prepare(coding: str) -> int:
    # What the feed does not have is none of its pages.
    client = Client(Feed(NotFound()))
    answers = 0

    def ask(address: str, method: str = "HEAD") -> TestResponse:
        nonlocal answers
        answer = client.open(address, method=method, headers={"Accept-Encoding": coding})
        answers += answer.status_code == 200
        return answer

    for ending in documents.FORMATS:
        following: str | None = f"/catalog.{ending}"
        while following:
            found = _NEXT.search(ask(following).headers.get("Link", ""))
            following = found[1] if found else None
        ask(f"/catalog.{ending}.manifest")
    for path in WHOLE:
        ask(path)
    pages = set(_PAGE_OF_CHANGES.findall(client.get("/changes.nq").get_data(as_text=True)))
    for ending in stream.FORMATS:
        for page in sorted(pages):
            ask(f"/changes.{ending}?page={page}")
    return answers
