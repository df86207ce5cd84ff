"""``ckan hcmedu city …``: what the city's catalogue has of ours."""

from __future__ import annotations

from datetime import datetime

import click
from rich.markup import escape

from ckanext.hcmedu.terminal import console, sheet
from harvesters.errors import SourceError
from harvesters.releases import TIME_ZONE

UNREAD = 2
"""The exit code where there is nothing to compare with."""


@click.group()
def city() -> None:
    """What the city's open-data catalogue has taken of ours.

    `hcmedu.city_catalog_url` and `hcmedu.city_catalog_dialect` say where and how it is read; the
    scheduler compares each night.
    """


@city.command("compare")
@click.option("--all", "every", is_flag=True, help="List the datasets that agree, too.")
def compare(every: bool) -> None:
    """Read the city's catalogue now and compare it with the feed.

    0: it has every dataset as it is here; 1: some are missing, stale or still there although they
    were taken back; 2: it cannot be read, and what was found before stands.
    """
    from ckanext.hcmedu.city import readback

    _require_configuration()
    try:
        readback.compare_and_keep()
    except SourceError as error:
        _say(error.en, "red")
        raise SystemExit(UNREAD) from None
    raise SystemExit(_show(every))


@city.command("status")
@click.option("--all", "every", is_flag=True, help="List the datasets that agree, too.")
def status(every: bool) -> None:
    """What the last comparison found; exit codes as those of `compare`."""
    _require_configuration()
    raise SystemExit(_show(every))


def _require_configuration() -> None:
    from ckanext.hcmedu.city import readback

    if not readback.is_configured():
        _say("No catalogue is configured: set hcmedu.city_catalog_url.")
        raise SystemExit(UNREAD)


def _show(every: bool) -> int:
    """Print the last comparison; the exit code."""
    from ckanext.hcmedu.city import readback
    from ckanext.hcmedu.city.comparison import SEEN

    report = readback.last()
    failed = report is not None and report.failure is not None
    if report is not None and report.failure is not None:
        _say(f"The reading of {_moment(report.failed_at)} failed: {report.failure['en']}", "red")
    if report is None or report.content is None or report.at is None:
        _say("Nothing was compared so far: `ckan hcmedu city compare` does so.")
        return UNREAD
    found = readback.Comparison.of(report.content)
    rows = sheet("dataset", "there", "since", "our date", "their date", no_wrap=True)
    for one in found.findings:
        if every or one.state != SEEN:
            dates = (_moment(text) for text in (one.since, one.ours, one.theirs))
            rows.add_row(escape(one.name), one.state, *dates)
    if rows.row_count:
        console().print(rows)
    counts = ", ".join(f"{number:,} {state}" for state, number in found.counts.items())
    late = "" if failed or not report.is_overdue else " Overdue: does the scheduler run?"
    _say(
        f"{found.address} on {_moment(report.at)}: {found.total:,} datasets; ours: {counts}.{late}"
    )
    if failed:
        return UNREAD
    return int(any(one.state != SEEN for one in found.findings))


def _say(message: str, style: str | None = None) -> None:
    console().print(message, style=style, markup=False, highlight=False, soft_wrap=True)


def _moment(value: str | datetime | None) -> str:
    """A moment in the portal's time zone, to the minute; what tells a day only, as it is."""
    from ckanext.hcmedu.city import moments

    found = moments.parse(value) if isinstance(value, str) else value
    if not isinstance(found, datetime):
        return str(value or "–")
    return f"{found.astimezone(TIME_ZONE):%Y-%m-%d %H:%M}"
