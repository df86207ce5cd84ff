"""Documents that were joined once, on disk, plain and compressed, for the web server to send.

A document's key says all that it is made of, so that what is there is never stale; what nobody
asks for any more goes with its folder.
"""

from __future__ import annotations

import gzip
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import brotli
from werkzeug.wrappers import Request

ENCODINGS = ("br", "gzip", "")
"""Content codings, best first; the empty one is none."""


def accepted(request: Request) -> str:
    """The best of `ENCODINGS` that a reader takes."""
    given = request.accept_encodings
    best = max(filter(None, ENCODINGS), key=given.quality)
    is_wanted = 0 < given.quality(best) >= given.quality("identity")
    return best if is_wanted else ""


def compress(content: bytes, encoding: str) -> bytes:
    """`content` in a content coding of `ENCODINGS`; the same content makes the same bytes."""
    if encoding == "br":
        return brotli.compress(content, quality=5)
    if encoding == "gzip":
        return gzip.compress(content, compresslevel=6, mtime=0)
    return content


def path(folder: Path, group: str, name: str, encoding: str) -> Path:
    """Where a document's file is, or would be."""
    return folder / group / (f"{name}.{encoding}" if encoding else name)


def stored(folder: Path, group: str, name: str, encoding: str, make: Callable[[], bytes]) -> Path:
    """The file of a document; made by `make` where it is not there yet.

    :param folder: of all documents; it is made where it is missing.
    :param group: what documents that go together have in common.
    :param name: the document's own, without a slash.
    """
    place = path(folder, group, name, encoding)
    if place.exists():
        return place
    content = compress(make(), encoding)
    place.parent.mkdir(parents=True, exist_ok=True)
    # Two readers may make it at once: either's is whole, and they are the same.
    with tempfile.NamedTemporaryFile(dir=place.parent, delete=False) as file:
        file.write(content)
    os.replace(file.name, place)
    return place


def group(what: str, state: str) -> str:
    """The name of the group of documents of one thing in one of its states."""
    return f"{what}@{state}"


def sweep(folder: Path, unused: float, superseded: float) -> None:
    """Remove groups that nothing was added to for `unused` seconds; and after `superseded` seconds
    those of a thing of which there is a newer state.

    :param folder: of all documents.
    """
    if not folder.is_dir():
        return
    newest: dict[str, float] = {}
    groups = [(one, one.name.partition("@")[0], one.stat().st_mtime) for one in folder.iterdir()]
    for _, what, at in groups:
        newest[what] = max(at, newest.get(what, 0))
    now = time.time()
    for one, what, at in groups:
        if at < now - unused or (at < newest[what] and at < now - superseded):
            shutil.rmtree(one, ignore_errors=True)
