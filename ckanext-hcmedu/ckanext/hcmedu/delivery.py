"""How what anyone may have goes over the wire: compressed, with a validator, and to be kept
for long where its address changes with its content.

It stands around Flask, since CKAN writes an answer's caching after everything that a plugin can
register. What is private is passed on as it is: compressing it beside what a request says would
let an onlooker guess at its secrets (BREACH).

Sources: RFC 9110, 9111, 8246.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import ckan.plugins.toolkit as tk
from werkzeug.datastructures import Headers
from werkzeug.wrappers import Request, Response

from ckanext.hcmedu.dcat import store
from ckanext.hcmedu.dcat.asking import Start, Wsgi

_TEXTS = (
    "text/html", "text/css", "text/javascript", "application/javascript", "application/json",
    "application/manifest+json", "application/geo+json", "image/svg+xml",
    "text/turtle", "application/rdf+xml", "application/ld+json", "application/n-triples",
)  # fmt: skip
_WORTH = 1_000
"""Bytes from which on compressing is worth it."""
_MOST = 8_000_000
"""Bytes that are held in memory; more, or who knows how many, is passed on as it comes."""

_RANGE = re.compile(r"bytes=(\d+-\d*|-\d+)", re.IGNORECASE)

_EXPOSED = "Content-Range, ETag, Link, Repr-Digest"
"""What scripts of other sites may read of an answer, besides what they may of any."""

_FOR_LONG = {
    # Their names have a digest of their content in them.
    "/webassets/": "public, max-age=31536000, immutable",
    "/hcmedu/vendor/": "public, max-age=604800",
}


class Delivery:
    """WSGI middleware around Flask, which has started its answer when it returns."""

    def __init__(self, app: Wsgi) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Start) -> Iterable[bytes]:
        started: list[Any] = []
        body = self._app(_simplified(environ), lambda *given: started.append(given))
        status, headers = started[-1][0], Headers(started[-1][1])
        is_found = status.startswith("200")
        for prefix, caching in _FOR_LONG.items():
            if is_found and environ["PATH_INFO"].startswith(prefix):
                headers["Cache-Control"] = caching
        is_read = environ["REQUEST_METHOD"] in ("GET", "HEAD")
        if is_read and "public" in headers.get("Cache-Control", ""):
            _open_to_scripts(headers)
        if is_read and is_found and _is_text_for_anyone(headers):
            response = Response(b"".join(body), status, headers)
            _close(body)
            return _prepared(response, Request(environ))(environ, start_response)
        if status.startswith("412"):
            _close(body)
            return _refused(headers)(environ, start_response)
        start_response(status, headers.to_wsgi_list(), *started[-1][2:])
        if environ["REQUEST_METHOD"] == "HEAD":
            _close(body)
            return []
        return body


def _simplified(environ: dict[str, Any]) -> dict[str, Any]:
    """What Flask is asked: of HEAD all that GET says, and parts of a file only where werkzeug goes
    by RFC 9110 (14.2, 13.2.2): one range of bytes, of what the reader has nothing of yet."""
    simplified = dict(environ)
    is_head = environ["REQUEST_METHOD"] == "HEAD"
    if is_head:
        simplified["REQUEST_METHOD"] = "GET"
    asked = environ.get("HTTP_RANGE", "")
    if is_head or "HTTP_IF_NONE_MATCH" in environ or not _RANGE.fullmatch(asked):
        simplified.pop("HTTP_RANGE", None)
    return simplified


def _open_to_scripts(headers: Headers) -> None:
    """Let scripts of any site read what anyone may, whether or not this request is of one: a cache
    gives the answer to others."""
    if tk.config["ckan.cors.origin_allow_all"]:
        headers.setdefault("Access-Control-Allow-Origin", "*")
        headers.setdefault("Access-Control-Expose-Headers", _EXPOSED)


def _refused(headers: Headers) -> Response:
    """A condition does not hold: nothing is sent of what it was about, and nothing is kept."""
    response = Response(status=412, headers=headers)
    for name in ("Content-Type", "Content-Encoding", "Content-Disposition", "Repr-Digest"):
        response.headers.remove(name)
    response.set_data(b"")
    response.headers["Cache-Control"] = "no-cache"
    return response


def _close(body: Iterable[bytes]) -> None:
    if hasattr(body, "close"):
        body.close()


def _is_text_for_anyone(headers: Headers) -> bool:
    return (
        headers.get("Content-Type", "").split(";")[0] in _TEXTS
        and "public" in headers.get("Cache-Control", "")
        and "Content-Encoding" not in headers
        # Its digest is that of the bytes as they are, and of no other coding (RFC 9530).
        and "Repr-Digest" not in headers
        and 0 < int(headers.get("Content-Length", 0)) < _MOST
    )


def _prepared(response: Response, request: Request) -> Response:
    # One validator for all codings, so a weak one.
    response.add_etag(weak=True)
    response.set_etag(str(response.get_etag()[0]), weak=True)
    response.vary.add("Accept-Encoding")
    response.make_conditional(request)
    if response.status_code == 412:
        return _refused(response.headers)
    content = response.get_data()
    encoding = store.accepted(request)
    if encoding and len(content) >= _WORTH:
        response.set_data(store.compress(content, encoding))
        response.headers["Content-Encoding"] = encoding
    return response
