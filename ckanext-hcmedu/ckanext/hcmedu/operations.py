"""The operator's steps: harvest, release, reconcile, and what happened so far.

The command line and the scheduler both call these; each can be repeated at will.
"""

from __future__ import annotations

import datetime
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ckan.model as model
import ckan.plugins.toolkit as tk
from ckanext.harvest.model import HarvestGatherError, HarvestJob, HarvestObject, HarvestObjectError
from ckanext.harvest.queue import get_connection, get_gather_publisher, get_gather_routing_key

from ckanext.hcmedu import reports, settings, standing
from ckanext.hcmedu.alarm import alarm
from ckanext.hcmedu.organizations import sync_organizations, sync_topics
from ckanext.hcmedu.reconcile import Outcome as Reconciled
from ckanext.hcmedu.reconcile import reconcile as reconcile_tables
from ckanext.hcmedu.sources import declared_sources, harvest_source_id, sync_sources
from harvesters.audits import audit_and_keep
from harvesters.audits import audit_changes as audit_changed
from harvesters.files import digest_of
from harvesters.reaudit import Result as Audited
from harvesters.release import Outcome as Released
from harvesters.release import release as release_tables
from harvesters.sources import Source

log = logging.getLogger(__name__)

GATHERING_LOST = datetime.timedelta(minutes=3)
"""A gathering lists periods, which takes seconds: after this long its worker died."""

RETRY_AFTER = datetime.timedelta(minutes=10)
MOST_RETRIES = 6
"""A source that failed is harvested again, so many times before its schedule's next turn."""

MEND_SECONDS = 30.0
"""How often someone who waits for a harvest has lost work sent again."""


def bootstrap() -> dict[str, Any]:
    """Make organisations, topics and harvest sources agree with their declarations."""
    return {
        "organizations": sync_organizations(Path(tk.config["hcmedu.organizations_path"])),
        "topics": sync_topics(Path(tk.config["hcmedu.topics_path"])),
        "sources": sync_sources(),
    }


@dataclass(frozen=True)
class HarvestProgress:
    """How far a harvest job is: `done` of `total` snapshots; `finished` when no more comes."""

    source: str
    done: int
    total: int
    errors: int
    finished: bool


def start_harvest(source: Source) -> str:
    """Put a harvest job for `source` on the queue; the id of the job, or of the running one."""
    identifier = harvest_source_id(source)
    running = (
        model.Session.query(HarvestJob)
        .filter(HarvestJob.source_id == identifier, HarvestJob.status != "Finished")
        .order_by(HarvestJob.created.desc())
        .first()
    )
    if running is not None:
        return str(running.id)
    job = tk.get_action("harvest_job_create")(_context(), {"source_id": identifier, "run": True})
    return str(job["id"])


def harvest_progress(source: Source, job_id: str) -> HarvestProgress:
    """How far the job is, as the database has it now."""
    model.Session.expire_all()
    job = HarvestJob.get(job_id)
    states = [
        state
        for (state,) in model.Session.query(HarvestObject.state).filter_by(harvest_job_id=job_id)
    ]
    errors = sum(state == "ERROR" for state in states)
    errors += model.Session.query(HarvestGatherError).filter_by(harvest_job_id=job_id).count()
    done = sum(state in ("COMPLETE", "ERROR") for state in states)
    finished = job.gather_finished is not None and done == len(states)
    model.Session.rollback()
    return HarvestProgress(source.name, done, len(states), errors, finished)


def harvest(
    sources: Sequence[Source],
    show: Callable[[HarvestProgress], None] = lambda progress: None,
    idle_seconds: float = 900.0,
) -> list[str]:
    """Harvest `sources` one after the other, through ckanext-harvest's workers, and wait.

    Returns the messages of the errors that its jobs met.

    :raises TimeoutError: no worker took or advanced a job for `idle_seconds`.
    """
    messages: list[str] = []
    for source in sources:
        job_id = start_harvest(source)
        last = None
        since = mended = time.monotonic()
        while True:
            progress = harvest_progress(source, job_id)
            show(progress)
            if progress.finished:
                break
            if progress != last:
                last, since = progress, time.monotonic()
            elif time.monotonic() - since > idle_seconds:
                raise TimeoutError(
                    f"{source.name}: no worker advanced the harvest for {idle_seconds:.0f} s. "
                    "See `make status` and `make logs`."
                )
            if time.monotonic() - mended > MEND_SECONDS:
                finish_jobs()
                mended = time.monotonic()
            time.sleep(0.3)
        messages += errors_of(job_id)
    finish_jobs()
    return messages


def errors_of(job_id: str, most: int | None = None) -> list[str]:
    """The messages of a job's errors: of its gathering, then of its objects; `most` of each."""
    gathering = model.Session.query(HarvestGatherError.message).filter_by(harvest_job_id=job_id)
    sealing = (
        model.Session.query(HarvestObject.guid, HarvestObjectError.message)
        .join(HarvestObject, HarvestObject.id == HarvestObjectError.harvest_object_id)
        .filter(HarvestObject.harvest_job_id == job_id)
        .order_by(HarvestObject.guid, HarvestObjectError.created)
    )
    return [message for (message,) in gathering.limit(most)] + [
        f"{guid}: {text}" for guid, text in sealing.limit(most)
    ]


def finish_jobs() -> None:
    """Let ckanext-harvest close jobs that are done and send again what a killed worker lost."""
    tk.get_action("harvest_jobs_run")(_context(), {})
    model.Session.commit()
    _send_lost_gatherings()


def _send_lost_gatherings() -> None:
    """Queue anew the gathering of jobs whose worker was killed.

    ckanext-harvest 1.6.3 does so after two hours (``queue.resubmit_jobs``).
    """
    before = datetime.datetime.utcnow() - GATHERING_LOST
    lost = model.Session.query(HarvestJob).filter(
        HarvestJob.status == "Running",
        HarvestJob.gather_finished.is_(None),
        HarvestJob.created < before,
    )
    queued = get_connection().lrange(get_gather_routing_key(), 0, -1)
    for job in lost:
        if not any(job.id in str(message) for message in queued):
            log.warning("The gathering of job %s was lost; it is sent again.", job.id)
            get_gather_publisher().send({"harvest_job_id": job.id})


def retry_failed() -> list[str]:
    """Harvest again what failed a while ago; what went well costs nothing the second time.

    Returns the names of the sources that were started.
    """
    started = []
    for source in declared_sources():
        jobs = (
            model.Session.query(HarvestJob)
            .filter_by(source_id=harvest_source_id(source))
            .order_by(HarvestJob.created.desc())
            .limit(MOST_RETRIES)
            .all()
        )
        if not jobs or jobs[0].status != "Finished":
            continue
        before = datetime.datetime.utcnow() - RETRY_AFTER
        all_failed = all(errors_of(job.id) for job in jobs) and len(jobs) == MOST_RETRIES
        if errors_of(jobs[0].id) and jobs[0].created < before and not all_failed:
            log.warning("The last harvest of %s had errors; it is started again.", source.name)
            start_harvest(source)
            started.append(source.name)
    return started


def running_jobs() -> int:
    """How many harvest jobs are not finished."""
    return int(
        model.Session.query(HarvestJob).filter(HarvestJob.status.in_(["New", "Running"])).count()
    )


def release(progress: Callable[[str, str], None] = lambda table, period: None) -> Released:
    """Release what the sealed snapshots make new; what was refused is kept for staff to read."""
    outcome = release_tables(
        declared_sources(), settings.state_path(), settings.declarations(), progress
    )
    refusals = [{"tables": one.table, "reason": one.reason} for one in outcome.refusals]
    _keep(standing.RELEASING, "refusals", refusals)
    return outcome


def reconcile(
    tables: Iterable[str] | None = None, progress: Callable[[Reconciled], None] | None = None
) -> list[Reconciled]:
    """Make every projection agree with the releases; what of all of them did not is kept for staff
    to read."""
    chosen = None if tables is None else list(tables)
    outcomes = reconcile_tables(
        settings.release_store(), settings.declarations(), chosen, progress=progress
    )
    if chosen is None:
        # Without the message: that of a database may quote what it was given.
        found = [{"table": one.table, "action": one.action} for one in outcomes if one.is_problem]
        _keep(standing.RECONCILING, "problems", found)
    return outcomes


def _keep(name: str, key: str, found: Sequence[dict[str, str]]) -> None:
    """Keep what was found, each with the moment since when it has been found again and again."""
    now = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    before = reports.last(name)
    known = [dict(one) for one in (before.content or {}).get(key, ())] if before else []
    since = {tuple(sorted(one.items())): moment for one in known if (moment := one.pop("since"))}
    dated = [
        {**one, "since": since.get(tuple(sorted(one.items())), now.isoformat())} for one in found
    ]
    reports.keep(name, now, {key: dated})


def audit(names: Iterable[str] = ()) -> list[Audited]:
    """Audit again what is published of the datasets `names` and those counted from the same
    records, or of all, and keep the outcome."""
    return _alarmed(audit_and_keep(settings.state_path(), settings.declarations(), list(names)))


def audit_changes() -> list[Audited]:
    """Audit again what is published otherwise than when it was last audited."""
    return _alarmed(audit_changed(settings.state_path(), settings.declarations()))


def _alarmed(results: list[Audited]) -> list[Audited]:
    """The results, after an operator was told of what is not safe."""
    unsafe = []
    for result in results:
        tables = ", ".join(result.tables)
        if result.problem is None:
            log.info("Audited %s %s: %s suppressed", tables, result.period, result.suppressed)
        else:
            unsafe.append(
                f"What is published of {tables} {result.period} is not safe: {result.problem}"
            )
    if unsafe:
        alarm("\n".join([*unsafe, "Withdraw it: `ckan hcmedu withdraw`."]))
    return results


def fingerprint() -> str:
    """A digest that changes when a snapshot, a part, a release or a mark beside one does."""
    state = settings.state_path()
    seen = [
        (str(path.relative_to(state)), path.stat().st_mtime_ns)
        for pattern in ("snapshots/*/*/*.json", "parts/*/*/*", "releases/*/*", "releases/*/*.json")
        for path in sorted(state.glob(pattern))
    ]
    return digest_of(seen)


def _context() -> dict[str, Any]:
    user = tk.get_action("get_site_user")({"ignore_auth": True}, {})["name"]
    return {"user": user, "ignore_auth": True, "session": model.Session, "model": model}
