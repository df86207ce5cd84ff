"""The clock: harvests each source on its schedule, carries through what a harvest changed, and
looks each night at what became of it.

APScheduler knows time zones, which RQ's cron and ckanext-harvest's frequencies do not.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import ckan.model as model
from apscheduler.schedulers.blocking import BlockingScheduler
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from ckanext.hcmedu import operations, reports, settings
from ckanext.hcmedu.alarm import alarm
from ckanext.hcmedu.city import readback
from ckanext.hcmedu.conformance import outcome as conformance
from ckanext.hcmedu.conformance.check import CheckFailed, check_and_keep
from ckanext.hcmedu.dcat import publishing
from ckanext.hcmedu.dcat.preparing import Preparation
from ckanext.hcmedu.sources import declared_sources
from harvesters.errors import SourceError
from harvesters.sources import TIMEZONE, Source

log = logging.getLogger(__name__)

TICK_SECONDS = 30
AUDIT_HOUR = 2
"""When what is published is audited again, each night."""
CATCH_UP_MINUTES = 30
"""How soon a look is taken again that was missed or failed."""
REFRESH_HOUR = 1
"""When what the feed no longer says is deleted from its log for good, and what has changed by other
ways than CKAN's is described anew, each night."""
CHECK_HOUR = 3
"""When the feed is held against its standards, each night."""
CITY_HOUR = 5
"""When the city's catalogue is compared with ours, each night: after it has harvested."""


class FollowUp:
    """Finishes jobs, starts failed ones again and, once no harvest runs, releases and reconciles
    what has changed."""

    def __init__(self) -> None:
        self._done = ""

    def __call__(self) -> None:
        """Do what is due; nothing where nothing changed since the last time it all went well."""
        operations.finish_jobs()
        operations.retry_failed()
        if operations.running_jobs():
            return
        before = operations.fingerprint()
        if before == self._done:
            return
        released = operations.release()
        for made in released.releases:
            log.info("Released %s %s (%s)", made.table, made.number, made.state)
        outcomes = operations.reconcile()
        for outcome in outcomes:
            if outcome.is_problem:
                log.error("Reconciling %s: %s", outcome.table, outcome.message)
        _audit(operations.audit_changes)
        if not any(outcome.is_problem for outcome in outcomes):
            self._done = operations.fingerprint()


def _with_session(work: Callable[[], object]) -> Callable[[], None]:
    """`work` with a database session of its own, whatever became of the one before."""

    def run() -> None:
        try:
            work()
        finally:
            model.Session.remove()

    return run


def scheduler() -> BlockingScheduler:
    """The scheduler with all its jobs, not yet started; `start` runs until it is stopped."""
    clock = BlockingScheduler(
        timezone=ZoneInfo(TIMEZONE),
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": 3600},
    )
    for source in declared_sources():
        if source.schedule is not None:
            clock.add_job(
                _with_session(lambda source=source: _start(source)),
                source.schedule.trigger(),
                id=f"harvest {source.name}",
            )
    clock.add_job(_with_session(FollowUp()), IntervalTrigger(seconds=TICK_SECONDS), id="follow up")
    clock.add_job(
        _with_session(Preparation()), IntervalTrigger(seconds=TICK_SECONDS), id="prepare the feed"
    )
    clock.add_job(
        _with_session(publishing.refresh),
        CronTrigger(hour=REFRESH_HOUR, timezone=TIMEZONE),
        id="refresh the feed",
    )
    nightly = CronTrigger(hour=AUDIT_HOUR, timezone=TIMEZONE)
    clock.add_job(_audit, nightly, id="audit")
    last = settings.last_audit()
    if last is not None and last.is_overdue:
        # Nights in which the scheduler did not run are made up for.
        clock.add_job(_audit, id="audit that was missed")
    _add_look(clock, "check", _check, CHECK_HOUR, conformance.REPORT)
    if readback.is_configured():
        _add_look(clock, "city", _compare, CITY_HOUR, readback.REPORT)
    return clock


def _add_look(
    clock: BlockingScheduler, name: str, look: Callable[[], object], hour: int, report: str
) -> None:
    """Look each night at `hour`, and again where that was missed or failed."""

    def catch_up() -> None:
        last = reports.last(report)
        if last is None or last.is_due:
            look()

    clock.add_job(_with_session(look), CronTrigger(hour=hour, timezone=TIMEZONE), id=name)
    again = IntervalTrigger(minutes=CATCH_UP_MINUTES)
    clock.add_job(
        _with_session(catch_up), again, id=f"{name}, if due", next_run_time=datetime.now(UTC)
    )


def _check() -> None:
    """Check the feed; that it cannot be checked stops nothing."""
    try:
        outcome = check_and_keep()
    except CheckFailed as error:
        log.error("%s", error)
    else:
        if not outcome.is_good:
            log.error("The feed does not keep to its standards: `ckan hcmedu feed check`.")


def _compare() -> None:
    """Compare the city's catalogue with the feed; that it cannot be read stops nothing."""
    try:
        readback.compare_and_keep()
    except SourceError as error:
        log.error("The city's catalogue was not compared: %s", error.en)


def _audit(audit: Callable[[], object] = operations.audit) -> None:
    """Audit what is published; that this could not be done is as loud as that it failed."""
    try:
        audit()
    except Exception as error:
        # Where it went wrong and not what it says: that may hold a value.
        where = "".join(traceback.format_tb(error.__traceback__))
        alarm(f"What is published was not audited: {type(error).__name__} at\n{where}")


def _start(source: Source) -> None:
    log.info("Harvesting %s", source.name)
    operations.start_harvest(source)
