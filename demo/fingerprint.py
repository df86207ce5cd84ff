"""Which city this code makes: a digest of the code itself.

Systems that hold the city remember the fingerprint; when the code changes they are made anew.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources
from pathlib import Path

from demo import VERSION
from demo.areas import AREAS_FILE

_NOT_PART = {"__main__.py", "services.py", "settings.py"}


@cache
def fingerprint() -> str:
    """A digest (hexadecimal) of the modules that make the city and of the list of its areas."""
    digest = hashlib.sha256(VERSION.encode())
    for path in sorted(Path(__file__).parent.glob("*.*")):
        if path.suffix in (".py", ".sql") and path.name not in _NOT_PART:
            digest.update(path.name.encode() + path.read_bytes())
    areas = resources.files("schemas") / "codelists" / "data" / AREAS_FILE
    digest.update(areas.read_bytes())
    return digest.hexdigest()[:16]
