"""What a snapshot has, page by page, with digests: whoever has all of it has everything."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Sealed:
    """A page: its address, its bytes before any content coding, the ids of its datasets."""

    address: str
    content: bytes
    datasets: Sequence[str]


def manifest(snapshot: str, at: str, media_type: str, pages: Iterable[Sealed]) -> bytes:
    """The manifest of a snapshot in one format, as JSON.

    :param snapshot: its token.
    :param at: when its last change was made.
    """
    listed = [
        {
            "address": page.address,
            "bytes": len(page.content),
            "sha256": hashlib.sha256(page.content).hexdigest(),
            "datasets": list(page.datasets),
        }
        for page in pages
    ]
    described = {
        "snapshot": snapshot,
        "at": at,
        "media_type": media_type,
        "datasets": sum(len(page["datasets"]) for page in listed),  # type: ignore[arg-type]
        "pages": listed,
    }
    return (json.dumps(described, ensure_ascii=False, indent=1) + "\n").encode()
