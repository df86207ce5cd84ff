"""What was wrong with the records that sources delivered last, as harvesting wrote it down.

``reports/<source>/<record>/<period>.json`` names places and rules and never a value. A delivery
that goes well again replaces it.
"""

from __future__ import annotations

import datetime
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harvesters.files import read_json


@dataclass(frozen=True)
class Delivery:
    """What a source last delivered of a record type and period: when it was read, how many records
    were seen, how many of them were bad or stood twice, and where what was wrong."""

    source: str
    record: str
    period: str
    at: datetime.datetime
    seen: int
    refused: int
    problems: Sequence[Mapping[str, Any]]

    @property
    def rules(self) -> dict[str, int]:
        """How often each rule was broken among the `problems`, the most frequent first."""
        return dict(Counter(one["rule"] for one in self.problems).most_common())


def with_problems(state: Path, most: int | None = None) -> list[Delivery]:
    """The deliveries of which something was wrong, by source, record type and period.

    :param most: how many of the newest reports are read; all of them, if None.
    """
    paths = sorted((state / "reports").glob("*/*/*.json"))
    if most is not None:
        paths = sorted(sorted(paths, key=_modified, reverse=True)[:most])
    return [found for path in paths if (found := _delivery(path)).problems or found.refused]


def _modified(path: Path) -> float:
    return path.stat().st_mtime


def _delivery(path: Path) -> Delivery:
    report = read_json(path)
    at = datetime.datetime.fromtimestamp(_modified(path), datetime.UTC).replace(microsecond=0)
    return Delivery(
        report["source"], report["record"], report["period"], at, report["seen"],
        report["bad"] + report["repeated"], report["problems"],
    )  # fmt: skip
