"""The drop folder: writes the wards' files where a harvest finds them."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from demo import NOTICE
from demo.city import City
from demo.fingerprint import fingerprint
from demo.ward_files import drop_files

MANIFEST = ".mo-phong.json"
"""What was written, by whom: only files that stand in it are ever replaced or removed."""


@dataclass(frozen=True)
class Dropped:
    """What `drop` did: files in all, and how many of them it wrote and removed."""

    files: int
    written: int
    removed: int


def drop(city: City, folder: Path) -> Dropped:
    """Make `folder` hold the wards' files of `city`; what is there already stays untouched.

    Files that someone else put there are left alone.
    """
    made_by = {"seed": city.seed, "scale": city.scale, "code": fingerprint()}
    before = _read_manifest(folder)
    known: dict[str, str] = before.get("files", {})
    if before.get("city") == made_by and all(
        _digest_of(folder / name) == digest for name, digest in known.items()
    ):
        return Dropped(len(known), 0, 0)
    digests: dict[str, str] = {}
    written = 0
    for name, content in drop_files(city):
        digests[name] = hashlib.sha256(content).hexdigest()
        if _digest_of(folder / name) != digests[name]:
            _write(folder / name, content)
            written += 1
    gone = [name for name in known if name not in digests]
    for name in gone:
        (folder / name).unlink(missing_ok=True)
    manifest = {"thong_bao": NOTICE, "city": made_by, "files": digests}
    _write(folder / MANIFEST, json.dumps(manifest, ensure_ascii=False, indent=1).encode())
    return Dropped(len(digests), written, len(gone))


def _read_manifest(folder: Path) -> dict:
    try:
        return json.loads((folder / MANIFEST).read_bytes())
    except (FileNotFoundError, json.JSONDecodeError):
        return {}


def _digest_of(path: Path) -> str | None:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except FileNotFoundError:
        return None


def _write(path: Path, content: bytes) -> None:
    """A reader sees the old file or the new one, never half of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(content)
    os.replace(part, path)
