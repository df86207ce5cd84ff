"""Read-back: what the city's catalogue has of ours, found out and kept."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import ckan.plugins.toolkit as tk
import sqlalchemy as sa
from ckan import model

from ckanext.hcmedu import reports, settings
from ckanext.hcmedu.alarm import alarm
from ckanext.hcmedu.city import comparison
from ckanext.hcmedu.city.comparison import Dataset, Finding
from ckanext.hcmedu.city.reading import read
from ckanext.hcmedu.dcat import entries
from ckanext.hcmedu.model import FeedEntry
from ckanext.hcmedu.outgoing import open_client
from harvesters.errors import SourceError
from harvesters.sources import Limits, without_credentials

LIMITS = Limits(
    attempts=3, max_wait_seconds=30, read_seconds=3600, max_bytes=2**30, max_rows=200_000,
    max_depth=32,
)  # fmt: skip
TIME_TO_HARVEST = timedelta(hours=20)
"""A copy of what was taken back is an alarm after this long: the city harvests once a day."""


@dataclass(frozen=True)
class Comparison:
    """What the last reading that went well found.

    `address` is that of the catalogue, as it may be shown; `total` is how many datasets it has,
    those of others too.
    """

    address: str
    total: int
    findings: tuple[Finding, ...]

    @property
    def counts(self) -> dict[str, int]:
        """How many datasets are in each of `comparison.STATES`."""
        found = Counter(one.state for one in self.findings)
        return {state: found[state] for state in comparison.STATES}

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Comparison:
        """The comparison that a report holds."""
        # The database does not keep their order.
        findings = comparison.in_order(Finding(**one) for one in content["findings"].values())
        return cls(content["address"], content["total"], tuple(findings))

    def as_content(self) -> dict[str, Any]:
        """The comparison as a report holds it."""
        return {
            "address": self.address,
            "total": self.total,
            "findings": {one.id: asdict(one) for one in self.findings},
        }


REPORT = reports.named("city", Comparison, Finding)


def is_configured() -> bool:
    """Whether there is a catalogue to compare with."""
    return bool(tk.config.get("hcmedu.city_catalog_url"))


def last() -> reports.Report | None:
    """The last reading, whether it went well or not."""
    return reports.last(REPORT)


def compare_and_keep() -> Comparison:
    """Read the city's catalogue, compare it with the feed, keep what came of it, and alarm of what
    is still there although it was taken back.

    :raises SourceError: it cannot be read; that is kept beside what the last reading found.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    address = tk.config["hcmedu.city_catalog_url"]
    try:
        with closing(open_client("city", address, LIMITS)) as client:
            copies = read(client, tk.config["hcmedu.city_catalog_dialect"], LIMITS)
    except SourceError as error:
        reports.keep_failure(REPORT, now, {"vi": error.vi, "en": error.en})
        raise
    report = last()
    known = Comparison.of(report.content).findings if report and report.content else ()
    findings = comparison.compare(
        _datasets(),
        copies,
        {one.id: one for one in known},
        now.isoformat(),
        f"{settings.site_url()}/dataset/",
    )
    found = Comparison(without_credentials(address), len(copies), tuple(findings))
    reports.keep(REPORT, now, found.as_content())
    _alarm(found, now)
    return found


def finding(dataset_id: str) -> tuple[Finding, datetime] | None:
    """What the last reading found of one dataset, and when; None if nothing."""
    report = reports.last(REPORT, ("findings", dataset_id))
    if report is None or report.content is None or report.at is None:
        return None
    return Finding(**report.content), report.at


def _datasets() -> Iterator[Dataset]:
    """What the feed says now, and what it says is gone."""
    entry = FeedEntry.__table__
    rows = model.Session.execute(
        sa.select(entry.c.dataset_id, entry.c.iri, entry.c.name, entry.c.kind, entry.c.pod).where(
            entry.c.until.is_(None), entry.c.dataset_id != entries.CATALOG
        )
    )
    store = settings.release_store()
    for row in rows:
        said = json.loads(row.pod) if row.pod else {}
        names = (row.dataset_id, row.iri, said.get("@id"), said.get("identifier"))
        yield Dataset(
            id=row.dataset_id,
            name=row.name,
            identities=frozenset(filter(None, names)),
            title=said.get("title", ""),
            modified=said.get("modified"),
            withdrawn=tuple(
                one.manifest["issued"]
                for one in store.releases(row.name)
                if one.state == "withdrawn"
            ),
            is_gone=row.kind == "delete",
        )


def _alarm(found: Comparison, now: datetime) -> None:
    old = [
        one.name
        for one in found.findings
        if one.state == comparison.SURPLUS
        and now - datetime.fromisoformat(one.since) > TIME_TO_HARVEST
    ]
    if old:
        alarm(
            f"The city's catalogue still shows what was taken back here: {', '.join(old)}. "
            "Ask its operators to delete it: `ckan hcmedu city status`.",
            "The city's catalogue shows what was taken back",
        )
