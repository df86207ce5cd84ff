"""ckanext-harvest's side of the first step: its jobs and workers seal snapshots.

A harvest object stands for one record type and period of a source. It holds digests and counts,
nothing else, since ckanext-harvest shows its objects.
"""

from __future__ import annotations

import json
import logging
from contextlib import closing
from typing import Any

import ckan.model as model
import ckan.plugins as p
import ckan.plugins.toolkit as tk
from ckanext.harvest.interfaces import IHarvester
from ckanext.harvest.model import (
    HarvestGatherError,
    HarvestJob,
    HarvestObject,
    HarvestObjectError,
)

from ckanext.hcmedu import auth, settings
from ckanext.hcmedu.sources import SOURCE_TYPE, declared_source, declared_sources
from harvesters.connectors import Connector, open_connector
from harvesters.errors import SourceError
from harvesters.harvest import Sealed, harvest, is_current, school_names
from harvesters.periods import is_period, school_year_of
from harvesters.release import needed
from harvesters.snapshots import SnapshotStore
from harvesters.sources import Source
from schemas import RecordType
from schemas.record import REGISTER

log = logging.getLogger(__name__)


class SnapshotHarvester(p.SingletonPlugin):
    """Gathers the periods of each record type, and seals a snapshot of each."""

    p.implements(IHarvester)
    p.implements(p.IAuthFunctions)
    p.implements(p.IActions)

    def info(self) -> dict[str, str]:
        """How ckanext-harvest names this kind of source."""
        return {
            "name": SOURCE_TYPE,
            "title": tk._("Education system"),
            "description": tk._(
                "A system of the education sector, declared in config/sources: anonymised "
                "records are sealed in private snapshots and counted into tables."
            ),
        }

    def validate_config(self, config: str | None) -> str | None:
        """Sources are configured in files; nothing of it may stand in the database."""
        if config and config.strip() not in ("", "{}"):
            raise ValueError("Leave this empty: sources are declared in config/sources.")
        return None

    def get_auth_functions(self) -> dict[str, Any]:
        """Sources, jobs and objects are for the department's staff."""
        return auth.functions()

    def get_actions(self) -> dict[str, Any]:
        """Actions of ckanext-harvest that do not ask who calls them."""
        return auth.actions()

    def gather_stage(self, harvest_job: HarvestJob) -> list[str]:
        """One harvest object for each record type and period in which something changed.

        Never raises: an exception here would end ckanext-harvest's consumer. Returns the ids.
        """
        existing = _objects_of(harvest_job)
        if existing:
            return existing
        source = declared_source(harvest_job.source.url)
        if source is None:
            _gather_error(harvest_job, tk._("This source is not declared in config/sources."))
            return []
        ids: list[str] = []
        try:
            with closing(open_connector(source)) as connector:
                for name in sorted(source.records, key=lambda record: record != REGISTER):
                    record = settings.declarations().records[name]
                    periods = connector.periods(name)
                    wrong = [one for one in periods if not is_period(record.period, one)]
                    if wrong:
                        _gather_error(
                            harvest_job,
                            f"{name}: {len(wrong)} of {len(periods)} periods are not written as "
                            f"a {record.period}.",
                        )
                        continue
                    SnapshotStore(settings.state_path()).set_periods(source.name, name, periods)
                    ids += [
                        _object(harvest_job, source.name, name, period)
                        for period in sorted(periods)
                        if _is_due(source, record, period, connector)
                    ]
        except SourceError as error:
            _gather_error(harvest_job, str(error))
        except Exception as error:
            log.exception("Gathering %s failed", source.name)
            _gather_error(harvest_job, f"{type(error).__name__}; the log has more.")
        return ids

    def fetch_stage(self, harvest_object: HarvestObject) -> bool | str:
        """Seal the snapshot. Returns True, ``unchanged``, or False after an error."""
        wanted = json.loads(harvest_object.content)
        source = declared_source(harvest_object.source.url)
        if source is None or wanted["record"] not in source.records:
            _object_error(harvest_object, tk._("This source is no longer declared so."))
            return False
        declarations = settings.declarations()
        try:
            record = declarations.records[wanted["record"]]
            _seal_register(record, wanted["period"])
            sealed = _seal(source, record, wanted["period"])
        except SourceError as error:
            _object_error(harvest_object, str(error))
            for problem in getattr(error, "problems", [])[:20]:
                _object_error(harvest_object, f"{problem.vi} | {problem.en}")
            return False
        except Exception as error:
            log.exception("Sealing %s failed", harvest_object.guid)
            _object_error(harvest_object, f"{type(error).__name__}; the log has more.")
            return False
        snapshot = sealed.snapshot
        if snapshot is None or not sealed.changed:
            return "unchanged"
        harvest_object.content = json.dumps(
            {**wanted, "sha256": snapshot.sha256, "rows": snapshot.rows, "token": snapshot.token}
        )
        harvest_object.save()
        return True

    def import_stage(self, harvest_object: HarvestObject) -> bool:
        """Remember which snapshot is the current one; releasing is a step of its own."""
        model.Session.query(HarvestObject).filter(
            HarvestObject.guid == harvest_object.guid,
            HarvestObject.harvest_source_id == harvest_object.harvest_source_id,
            HarvestObject.current.is_(True),
            HarvestObject.id != harvest_object.id,
        ).update({"current": False})
        harvest_object.current = True
        harvest_object.save()
        return True


def _is_due(source: Source, record: RecordType, period: str, connector: Connector) -> bool:
    """Whether there is no snapshot where one is needed, or the source has something else now."""
    state, declarations = settings.state_path(), settings.declarations()
    wanted = needed(record.name, period, state, declarations)
    return not is_current(source, record, period, connector, state, declarations, wanted)


def _seal(source: Source, record: RecordType, period: str) -> Sealed:
    state, declarations = settings.state_path(), settings.declarations()
    wanted = needed(record.name, period, state, declarations)
    with closing(open_connector(source, schools=school_names(state))) as connector:
        return harvest(source, record, period, connector, state, declarations, wanted)


def _seal_register(record: RecordType, period: str) -> None:
    """Seal the register of schools that `record` is checked against, where it is missing.

    Objects come in any order once a worker was killed, and sources on schedules of their own.
    """
    if record.name == REGISTER or not record.names_institutions:
        return
    year = school_year_of(record.period, period)
    if not SnapshotStore(settings.state_path()).all(REGISTER, year):
        for source in declared_sources():
            if REGISTER in source.records:
                _seal(source, settings.declarations().records[REGISTER], year)


def _objects_of(job: HarvestJob) -> list[str]:
    """The objects that an earlier, interrupted gathering of this job left waiting."""
    query = model.Session.query(HarvestObject.id).filter_by(harvest_job_id=job.id)
    return [identifier for (identifier,) in query]


def _object(job: HarvestJob, source: str, record: str, period: str) -> str:
    content = json.dumps({"record": record, "period": period})
    found = HarvestObject(guid=f"{source}/{record}/{period}", job=job, content=content)
    found.save()
    return str(found.id)


def _gather_error(job: HarvestJob, message: str) -> None:
    HarvestGatherError.create(message=message, job=job)


def _object_error(harvest_object: HarvestObject, message: str) -> None:
    HarvestObjectError.create(message=message, object=harvest_object, stage="Fetch")
