"""Reads another catalogue to its end, in the dialect that it speaks; only identities and dates.

A catalogue that goes round in circles, changes while it is read or ends short of what it announced
is not believed: what is not in it would be taken for missing. Documents from outside are bounded
in size, number and depth, and neither fetch nor expand anything.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit
from xml.parsers import expat

import pyoxigraph as ox

from ckanext.hcmedu.city.comparison import Copy
from harvesters.connectors.base import Meter
from harvesters.connectors.documents import depth, pick, read_json
from harvesters.connectors.network import Answer, HttpClient
from harvesters.errors import SourceAnswerError, SourceChangedError, SourceError, text
from harvesters.sources import Limits

MOST_PAGES = 2_000
_MOST_CHARACTERS = 500
"""Of an identity; what is longer is none of ours."""
_ROWS = 100
_MOST_QUOTED = 1_000

_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_DCAT = "http://www.w3.org/ns/dcat#"
_DCT = "http://purl.org/dc/terms/"
_HYDRA = "http://www.w3.org/ns/hydra/core#"
_ACCEPT = "text/turtle, application/rdf+xml;q=0.9, application/ld+json;q=0.8"


def read(client: HttpClient, dialect: str, limits: Limits) -> list[Copy]:
    """All datasets of the catalogue at the client's address.

    :param dialect: a key of `DIALECTS`.
    :raises SourceError: it cannot be read to the end, or is something else.
    """
    meter = Meter(client.where(client.address), limits)
    copies = []
    for copy in DIALECTS[dialect](client, meter, limits):
        meter.add(rows=1)
        copies.append(copy)
    return copies


def _fetch(client: HttpClient, meter: Meter, url: str, **parameters: Any) -> Answer:
    accept = parameters.pop("accept", "application/json")
    answer = client.fetch(url, params=parameters or None, headers={"Accept": accept})
    meter.add(size=len(answer.body))
    return answer


def _copy(identities: Iterable[Any], modified: Any) -> Copy:
    return Copy(
        frozenset(filter(_is_usable, identities)), modified if _is_usable(modified) else None
    )


def _is_usable(text: Any) -> bool:
    """Whether it is a text that may be ours, and does no harm in a log or on a terminal."""
    return isinstance(text, str) and 0 < len(text) <= _MOST_CHARACTERS and text.isprintable()


# CKAN ---------------------------------------------------------------------------------------------


def _read_ckan(client: HttpClient, meter: Meter, limits: Limits) -> Iterator[Copy]:
    """`package_search`, page by page. A harvester keeps what a dataset was called at its origin
    as fields or, where the schema has none, as extras; one of CKAN's own keeps its id."""
    seen: set[str] = set()
    total: int | None = None
    for _ in range(MOST_PAGES):
        start = len(seen)
        answer = _fetch(client, meter, client.address, rows=_ROWS, start=start, sort="id asc")
        where = client.where(answer.url)
        result = pick(read_json(answer.body, where, limits.max_depth), "result")
        count, packages = pick(result, "count"), pick(result, "results")
        if not isinstance(count, int) or not isinstance(packages, list):
            raise _unexpected(where, "package_search")
        if total not in (None, count):
            raise _changed(where)
        total = count
        for package in packages:
            if not isinstance(package, Mapping) or not isinstance(package.get("id"), str):
                raise _unexpected(where, "package_search")
            seen.add(package["id"])
            yield _ckan_copy(package)
        if len(seen) >= total:
            return
        if len(seen) == start:
            raise _changed(where)
    raise _endless(client)


def _ckan_copy(package: Mapping[str, Any]) -> Copy:
    extras = package.get("extras")
    said = {
        extra.get("key"): extra.get("value")
        for extra in (extras if isinstance(extras, list) else [])
        if isinstance(extra, Mapping) and isinstance(extra.get("key"), str)
    }
    said |= {key: value for key, value in package.items() if value}
    return _copy(
        (said.get(key) for key in ("id", "identifier", "uri", "guid")), said.get("modified")
    )


# data.json ----------------------------------------------------------------------------------------


def _read_data_json(client: HttpClient, meter: Meter, limits: Limits) -> Iterator[Copy]:
    """Project Open Data, in one piece; or the bare list of datasets that DKAN's API has."""
    answer = _fetch(client, meter, client.address)
    where = client.where(answer.url)
    document = read_json(answer.body, where, limits.max_depth)
    datasets = document if isinstance(document, list) else pick(document, "dataset")
    if not isinstance(datasets, list):
        raise _unexpected(where, "data.json")
    for dataset in datasets:
        if not isinstance(dataset, Mapping):
            raise _unexpected(where, "data.json")
        yield _copy((dataset.get(key) for key in ("identifier", "@id")), dataset.get("modified"))


# DCAT ---------------------------------------------------------------------------------------------


def _read_dcat(client: HttpClient, meter: Meter, limits: Limits) -> Iterator[Copy]:
    """A document of DCAT, or a feed of them that is paged with Hydra."""
    url: str | None = client.address
    visited: set[str] = set()
    seen = 0
    while url is not None:
        if url in visited or len(visited) >= MOST_PAGES:
            raise _endless(client)
        visited.add(url)
        answer = _fetch(client, meter, url, accept=_ACCEPT)
        said = _statements(answer, client.where(answer.url), limits)
        datasets = said.subjects(f"{_RDF}type", f"{_DCAT}Dataset")
        if not datasets and not said.subjects(f"{_RDF}type", f"{_DCAT}Catalog"):
            raise _unexpected(client.where(answer.url), "DCAT")
        for iri in sorted(datasets):
            identifiers = said.values(iri, f"{_DCT}identifier")
            yield _copy((iri, *identifiers), max(said.values(iri, f"{_DCT}modified"), default=None))
        seen += len(datasets)
        url = said.next(answer.url, client.where(answer.url))
        if url is None and seen < said.total():
            raise _changed(client.where(answer.url))


class _Statements:
    """What a page says, of the few properties that are asked for."""

    _ASKED = (
        {f"{_RDF}type"}
        | {f"{_DCT}{name}" for name in ("identifier", "modified")}
        | {f"{_HYDRA}{name}" for name in ("next", "nextPage", "totalItems")}
    )

    def __init__(self, quads: Iterable[ox.Quad]):
        self._said: dict[str, dict[str, set[str]]] = {}
        for quad in quads:
            if quad.predicate.value in self._ASKED and hasattr(quad.object, "value"):
                about = self._said.setdefault(quad.predicate.value, {})
                about.setdefault(quad.subject.value, set()).add(quad.object.value)

    def subjects(self, predicate: str, value: str) -> set[str]:
        return {one for one, values in self._said.get(predicate, {}).items() if value in values}

    def values(self, subject: str, predicate: str) -> set[str]:
        return self._said.get(predicate, {}).get(subject, set())

    def _all(self, *names: str) -> set[str]:
        return {
            value
            for name in names
            for values in self._said.get(f"{_HYDRA}{name}", {}).values()
            for value in values
        }

    def next(self, page: str, where: str) -> str | None:
        """The address of the next page, if there is one; some write it as a text."""
        found = self._all("next", "nextPage")
        if len(found) > 1:
            raise _unexpected(where, "hydra:next")
        try:
            return urljoin(page, found.pop()) if found else None
        except ValueError:
            raise _unexpected(where, "hydra:next") from None

    def total(self) -> int:
        """How many datasets the feed announces; 0 where it does not."""
        told = (one for one in self._all("totalItems") if one.isdecimal() and len(one) < 10)
        return max(map(int, told), default=0)


def _statements(answer: Answer, where: str, limits: Limits) -> _Statements:
    media_type = answer.headers.get("content-type", "")
    ending = urlsplit(answer.url).path.rpartition(".")[2]
    form = ox.RdfFormat.from_media_type(media_type) or ox.RdfFormat.from_extension(ending)
    # Entities may stand for gigabytes, and the parser, which reads UTF-8 only, expands them.
    # Each level of elements costs it all that is above it.
    if form == ox.RdfFormat.RDF_XML and (
        b"<!ENTITY" in answer.body or _is_bomb(answer.body, limits.max_depth)
    ):
        raise _unexpected(where, "RDF/XML")
    if form == ox.RdfFormat.JSON_LD and depth(answer.body) > limits.max_depth:
        raise _unexpected(where, "JSON-LD")
    # Statements about statements, which it drops by recursion; texts may have the characters too.
    if answer.body.count(b"<<") > _MOST_QUOTED:
        raise _unexpected(where, "DCAT")
    if form is None:
        raise _unexpected(where, "DCAT")
    try:
        return _Statements(ox.parse(answer.body, format=form, base_iri=answer.url))
    except (SyntaxError, ValueError):
        raise _unexpected(where, "DCAT") from None


def _is_bomb(body: bytes, most: int) -> bool:
    """Whether elements of an XML document are nested more than `most` deep, or it has entities, in
    which anything may be; what is no XML is for its parser to tell."""
    parser, level = expat.ParserCreate(), 0

    def enter(*_: object) -> None:
        nonlocal level
        level += 1
        if level > most:
            raise _Bomb

    def leave(*_: object) -> None:
        nonlocal level
        level -= 1

    def declare(*_: object) -> None:
        raise _Bomb

    parser.StartElementHandler, parser.EndElementHandler = enter, leave
    parser.EntityDeclHandler = declare
    try:
        parser.Parse(body, True)
    except _Bomb:
        return True
    except expat.ExpatError:
        return False
    return False


class _Bomb(Exception):
    """The document is not read any further."""


DIALECTS: Mapping[str, Callable[[HttpClient, Meter, Limits], Iterator[Copy]]] = {
    "ckan": _read_ckan,
    "data.json": _read_data_json,
    "dcat": _read_dcat,
}
"""How catalogues are read, by the name that the configuration gives it."""


# Errors -------------------------------------------------------------------------------------------


def _unexpected(where: str, form: str) -> SourceError:
    return SourceAnswerError(
        vi=f"Danh mục trả lời bằng thứ không đọc được theo dạng {form}.",
        en=f"The catalogue answers with something that cannot be read as {form}.",
        where=where,
        remedy=text(
            "Kiểm tra hcmedu.city_catalog_url và hcmedu.city_catalog_dialect.",
            "Check hcmedu.city_catalog_url and hcmedu.city_catalog_dialect.",
        ),
    )


def _changed(where: str) -> SourceError:
    return SourceChangedError(
        vi="Danh mục thay đổi trong khi đang đọc, hoặc hết trước số bộ dữ liệu đã báo.",
        en="The catalogue changed while it was being read, or ends short of what it announced.",
        where=where,
        remedy=text("Lượt sau sẽ tự đọc lại.", "The next run reads it again."),
    )


def _endless(client: HttpClient) -> SourceError:
    return SourceAnswerError(
        vi="Các trang của danh mục dẫn vòng quanh hoặc không có hồi kết.",
        en="The catalogue's pages lead round in circles, or never end.",
        where=client.where(client.address),
    )
