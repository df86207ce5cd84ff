"""How a document of the feed is sent: validators, codings, conditional requests, HEAD.

Source: RFC 9110.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from werkzeug.http import http_date, is_resource_modified
from werkzeug.wrappers import Request, Response
from werkzeug.wsgi import wrap_file

from ckanext.hcmedu.dcat import store
from ckanext.hcmedu.dcat.recipe import recipe

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Document:
    """Something to send.

    `key` is all that its bytes are made of, `group` what it is kept with on disk (empty: it is
    made for each reader), `at` when it last changed, in UTC.
    """

    key: tuple[str, ...]
    group: str
    media_type: str
    at: datetime
    make: Callable[[], bytes]

    @cached_property
    def name(self) -> str:
        """A digest of its key, and of the code and configuration that it is made with."""
        return hashlib.sha256("\0".join((recipe(), *self.key)).encode()).hexdigest()[:32]


def send(request: Request, document: Document, folder: Path) -> Response:
    """The document in the coding that the reader prefers, or that it has not changed."""
    encoding = store.accepted(request)
    etag = f"{document.name}-{encoding}" if encoding else document.name
    response = Response(mimetype=document.media_type)
    response.set_etag(etag)
    at = document.at.replace(tzinfo=UTC, microsecond=0)
    response.headers["Last-Modified"] = http_date(at)
    response.vary.add("Accept-Encoding")
    if not is_resource_modified(request.environ, etag=f'"{etag}"', last_modified=at):
        response.status_code = 304
        response.headers.remove("Content-Type")
        return response
    if document.media_type == "text/turtle":
        response.headers["Content-Type"] = "text/turtle; charset=utf-8"
    if encoding:
        response.headers["Content-Encoding"] = encoding
    file = _open(document, encoding, folder) if document.group else None
    if file is not None:
        response.headers["Content-Length"] = str(os.fstat(file.fileno()).st_size)
        response.response = wrap_file(request.environ, file)
        response.direct_passthrough = True
    else:
        response.set_data(store.compress(document.make(), encoding))
    if request.method == "HEAD":
        response.response = []
        if file is not None:
            file.close()
    return response


def content(document: Document, folder: Path) -> bytes:
    """The document's bytes, from disk where they are kept."""
    file = _open(document, "", folder)
    if file is None:
        return document.make()
    with file:
        return file.read()


def negotiated(request: Request, names: Mapping[str, str]) -> str | None:
    """The name of the format that `Accept` prefers, of `names` by media type; the first for
    whoever takes anything, None where none of them will do."""
    if not request.accept_mimetypes:
        return next(iter(names.values()))
    best = request.accept_mimetypes.best_match(list(names))
    return names[best] if best else None


def _open(document: Document, encoding: str, folder: Path) -> BinaryIO | None:
    """The document's file; None where the disk does not take one."""
    try:
        path = store.stored(folder, document.group, document.name, encoding, document.make)
        return path.open("rb")
    except OSError:
        log.exception("The feed cannot keep a page in %s", folder)
        return None
