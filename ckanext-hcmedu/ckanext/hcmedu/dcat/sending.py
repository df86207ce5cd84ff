"""How a document of the feed is sent: validators, codings, conditional requests, HEAD.

Source: RFC 9110.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

from werkzeug.datastructures import MIMEAccept
from werkzeug.exceptions import PreconditionFailed
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
    made for each reader), `at` when it last changed, in UTC. Where it is not `is_current`, it is
    read from disk if it is there, but not put there: what was is without end.
    """

    key: tuple[str, ...]
    group: str
    media_type: str
    at: datetime
    make: Callable[[], bytes]
    is_current: bool = True

    @cached_property
    def name(self) -> str:
        """A digest of its key, and of the code and configuration that it is made with."""
        return hashlib.sha256("\0".join((recipe(), *self.key)).encode()).hexdigest()[:32]


def send(request: Request, document: Document, folder: Path) -> Response:
    """The document in the coding that the reader prefers, or that it has not changed.

    :raises PreconditionFailed: it is not what the reader makes a condition of.
    """
    encoding = store.accepted(request)
    etag = f"{document.name}-{encoding}" if encoding else document.name
    response = Response(mimetype=document.media_type)
    response.set_etag(etag)
    # It may change once more in a second that has not passed: of such a one a date proves nothing
    # (RFC 9110, 8.8.2.2).
    passed = datetime.now(UTC) - timedelta(seconds=1)
    changed = document.at.replace(tzinfo=UTC)
    at = min(changed, passed).replace(microsecond=0)
    response.headers["Last-Modified"] = http_date(at)
    response.vary.add("Accept-Encoding")
    conditions = dict(request.environ)
    if request.if_match:
        is_wanted = request.if_match.contains(etag)
    else:
        unmodified = request.if_unmodified_since
        is_wanted = unmodified is None or at <= unmodified
    if not is_wanted:
        raise PreconditionFailed
    # werkzeug answers 304 to a condition that asks for 412.
    conditions.pop("HTTP_IF_MATCH", None)
    proof = at if changed < passed else None
    if not is_resource_modified(conditions, etag=f'"{etag}"', last_modified=proof):
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
    # Parameters, such as a charset, make no other of our formats.
    asked = MIMEAccept((each.partition(";")[0], q) for each, q in request.accept_mimetypes)
    best = asked.best_match(list(names))
    return names[best] if best else None


def _open(document: Document, encoding: str, folder: Path) -> BinaryIO | None:
    """The document's file; None where the disk does not take one."""
    if (
        not document.is_current
        and not store.path(folder, document.group, document.name, encoding).exists()
    ):
        return None
    try:
        path = store.stored(folder, document.group, document.name, encoding, document.make)
        return path.open("rb")
    except OSError:
        log.exception("The feed cannot keep a page in %s", folder)
        return None
