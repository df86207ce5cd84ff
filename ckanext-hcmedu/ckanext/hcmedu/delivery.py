"""How what anyone may have goes over the wire: compressed, with a validator, and to be kept
for long where its address changes with its content.

It stands around Flask, since CKAN writes an answer's caching after everything that a plugin can
register. What is private is passed on as it is: compressing it beside what a request says would
let an onlooker guess at its secrets (BREACH).

Sources: RFC 9110, 9111, 8246.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

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
        body = self._app(environ, lambda *given: started.append(given))
        status, headers = started[-1][0], Headers(started[-1][1])
        is_found = status.startswith("200")
        for prefix, caching in _FOR_LONG.items():
            if is_found and environ["PATH_INFO"].startswith(prefix):
                headers["Cache-Control"] = caching
        if not (is_found and environ["REQUEST_METHOD"] == "GET" and _is_text_for_anyone(headers)):
            start_response(status, headers.to_wsgi_list(), *started[-1][2:])
            return body
        response = Response(b"".join(body), status, headers)
        if hasattr(body, "close"):
            body.close()
        return _prepared(response, Request(environ))(environ, start_response)


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
    content = response.get_data()
    encoding = store.accepted(request)
    if encoding and len(content) >= _WORTH:
        response.set_data(store.compress(content, encoding))
        response.headers["Content-Encoding"] = encoding
    return response
