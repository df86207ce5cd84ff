"""The feed's documents as readers get them, from the program that serves them; and whether all
formats say the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pyoxigraph as ox
from jsonschema import Draft202012Validator, FormatChecker
from requests.utils import parse_header_links
from werkzeug.exceptions import NotFound
from werkzeug.test import Client

from ckanext.hcmedu import settings
from ckanext.hcmedu.conformance.outcome import Dialect
from ckanext.hcmedu.dcat.documents import FORMATS
from ckanext.hcmedu.dcat.server import Feed
from schemas.shapes import data_json_schema, dcat_us_schema

_TYPE = "http://www.w3.org/1999/02/22-rdf-syntax-ns#type"
_DATASET = "http://www.w3.org/ns/dcat#Dataset"

WHOLES = {"data.json": data_json_schema, "dcat-us.json": dcat_us_schema}
"""The forms that are one document, and the JSON Schema of each."""


_TRIES = 20
"""How often it is begun anew where the feed changes while it is read."""


class NoFeed(Exception):
    """The feed does not answer: it has not begun, a page is gone, its plainest form is broken, or
    it does not stand still."""


class Served:
    """The feed as it stands now, asked in this process; it may change while it is read.

    `wholes` has the forms that are the catalogue in one piece.

    :raises NoFeed: it does not answer.
    """

    def __init__(self) -> None:
        self._client = Client(Feed(NotFound()))
        self._snapshot = self._newest()
        for _ in range(_TRIES):
            self.wholes = {name: self._get(f"/{name}").data for name in WHOLES}
            before, self._snapshot = self._snapshot, self._newest()
            # It has no address for what it was before.
            if before == self._snapshot:
                return
        raise NoFeed("It changed all the while.")

    def _newest(self) -> str:
        """The name of the feed's newest snapshot."""
        location = self._get("/catalog.nt").headers["Content-Location"]
        return parse_qs(urlsplit(location).query)["at"][0]

    def pages(self, form: str) -> Iterator[bytes]:
        """All pages of the catalogue in a format of `documents.FORMATS`.

        :raises NoFeed: one of them does not answer.
        """
        path: str | None = f"/catalog.{form}?{urlencode({'at': self._snapshot})}"
        while path is not None:
            answer = self._get(path)
            yield answer.data
            links = parse_header_links(answer.headers.get("Link", ""))
            following = [link["url"] for link in links if link.get("rel") == "next"]
            path = following[0].removeprefix(settings.public_url()) if following else None

    def _get(self, path: str) -> Any:
        answer = self._client.get(path)
        if answer.status_code != 200:
            raise NoFeed(f"{path}: {answer.status_code}")
        return answer


def dialects(served: Served) -> list[Dialect]:
    """The feed in each of its forms; N-Triples, which is the plainest, first."""
    found: list[Dialect] = []
    first = ""
    for form in sorted(FORMATS, key=lambda name: name != "nt"):
        digest = hashlib.sha256()
        pages = datasets = statements = 0
        is_valid = True
        for page in served.pages(form):
            pages += 1
            try:
                said = _said(page, form)
            except (SyntaxError, ValueError):
                is_valid = False
                continue
            datasets += sum(1 for each in said if each[1:] == (_TYPE, _DATASET))
            statements += len(said)
            digest.update("\n".join(sorted(" ".join(each) for each in said)).encode())
        first = first or digest.hexdigest()
        agrees = is_valid and digest.hexdigest() == first
        found.append(Dialect(form, pages, datasets, statements, is_valid, agrees))
    expected = found[0].datasets
    return found + [_whole(name, served.wholes[name], expected) for name in WHOLES]


def _said(page: bytes, form: str) -> set[tuple[str, str, str]]:
    """The statements of a page, the same in each format: its own address has no ending."""
    kind = ox.RdfFormat.from_media_type(FORMATS[form].media_type)
    own, plain = f"/catalog.{form}?", "/catalog?"

    def term(node: Any) -> str:
        if isinstance(node, ox.NamedNode):
            return node.value.replace(own, plain)
        return str(node)

    return {
        (term(each.subject), term(each.predicate), term(each.object))
        for each in ox.parse(page, format=kind)
    }


def _whole(name: str, document: bytes, expected: int) -> Dialect:
    validator = Draft202012Validator(WHOLES[name](), format_checker=FormatChecker())
    try:
        whole = json.loads(document)
    except ValueError:
        return Dialect(name, 1, 0, None, False, False)
    datasets = len({each.get("identifier") for each in whole["dataset"]})
    return Dialect(name, 1, datasets, None, validator.is_valid(whole), datasets == expected)
