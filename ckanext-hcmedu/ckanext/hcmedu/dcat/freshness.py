"""How readers know that the feed has changed without asking the database.

Who changes it sets the time of a file once that is committed; readers look at the file. Where
nothing of the kind reaches them (another machine's disk, a statement in the database) they are out
of date for no longer than `_LONGEST`.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session

from ckanext.hcmedu import settings
from ckanext.hcmedu.dcat.entries import Snapshot

log = logging.getLogger(__name__)

_LONGEST = 1.0
"""Seconds for which a snapshot is taken for the newest."""


def announce(session: Session) -> None:
    """Let readers know of what `session` changes, each time that it commits: savepoints are told
    as commits too."""
    if not sa.event.contains(session, "after_commit", _touch):
        sa.event.listen(session, "after_commit", _touch)


class Newest:
    """The newest snapshot, as it is known to a process."""

    def __init__(self) -> None:
        self._known: tuple[int, float, Snapshot | None] = (0, 0, None)

    def __call__(self, ask: Callable[[], Snapshot | None]) -> Snapshot | None:
        """The newest snapshot; `ask` asks the database for it."""
        # Looked at before: what is changed meanwhile is then noticed by the next reader.
        changed, now = _changed(), time.monotonic()
        known, since, snapshot = self._known
        if snapshot is None or changed != known or now - since > _LONGEST:
            snapshot = ask()
            self._known = (changed, now, snapshot)
        return snapshot


def _file() -> Path:
    return settings.feed_path().with_suffix(".changed")


def _changed() -> int:
    try:
        return _file().stat().st_mtime_ns
    except OSError:
        return 0


def _touch(session: Session) -> None:
    file = _file()
    try:
        file.touch()
        # The file system's own clock is too coarse to tell two changes apart.
        os.utime(file, ns=(time.time_ns(),) * 2)
    except OSError:
        log.exception("Readers learn of a change of the feed a second late")
