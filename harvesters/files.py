"""Writing so that a kill at any moment leaves the old state or the new one, never half of it."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PRIVATE = 0o700
_CHUNK = 1 << 20


def sha256(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def canonical(data: Any) -> str:
    """`data` as JSON that is the same for the same data: sorted keys, no white space."""
    return json.dumps(data, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def digest_of(data: Any) -> str:
    """SHA-256 of `canonical` JSON."""
    return hashlib.sha256(canonical(data).encode()).hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_json(path: Path, data: Any, mode: int = 0o644) -> None:
    """Write `data` as JSON, in place of what `path` held, at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    text = json.dumps(data, indent=2, ensure_ascii=False, sort_keys=False) + "\n"
    temporary.write_text(text, encoding="utf-8")
    temporary.chmod(mode)
    _sync(temporary)
    os.replace(temporary, path)
    _sync(path.parent)


def read_json(path: Path) -> Any:
    """The JSON in `path`.

    :raises FileNotFoundError: there is no such file.
    """
    return json.loads(path.read_text(encoding="utf-8"))


@contextmanager
def new_folder(target: Path, mode: int = 0o755) -> Iterator[Path]:
    """A folder that appears as `target`, whole and synced, when the block ends without an error.

    Whatever an earlier run left half done beside it is swept away first.

    :raises FileExistsError: `target` is there already.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        raise FileExistsError(target)
    for stale in target.parent.glob(".new-*"):
        shutil.rmtree(stale, ignore_errors=True)
    temporary = target.parent / f".new-{uuid.uuid4().hex}"
    temporary.mkdir(mode=mode)
    try:
        yield temporary
        for path in temporary.rglob("*"):
            _sync(path)
        _sync(temporary)
        os.rename(temporary, target)
        _sync(target.parent)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def locked(path: Path, wait: bool = True) -> Iterator[None]:
    """Hold the lock file `path`; waits until whoever holds it lets go, or dies.

    :raises BlockingIOError: another holds it, and we do not `wait`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
