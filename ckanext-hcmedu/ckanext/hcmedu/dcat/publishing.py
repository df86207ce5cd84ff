"""What the feed says follows what CKAN has, in the transaction that changes it.

A dataset is described once, when it changes; one that readers may no longer see is taken out, and
what it was is erased. Organisations are part of the description of their datasets. What changes
by other ways than CKAN's session (configuration, code, a statement in the database) `refresh`
notices.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import ckan.plugins.toolkit as tk
import sqlalchemy as sa
from ckan import model
from ckan.types import Context
from ckanext.dcat.utils import catalog_uri, dataset_uri
from rdflib import Graph, URIRef
from rdflib.namespace import DCAT, DCTERMS
from sqlalchemy.engine import Connection

from ckanext.hcmedu import settings
from ckanext.hcmedu.dcat import croissant, dcat_us, entries, pod, reading
from ckanext.hcmedu.dcat.fragments import make_fragments
from ckanext.hcmedu.dcat.freshness import announce
from ckanext.hcmedu.dcat.graphs import new_graph
from ckanext.hcmedu.dcat.naming import dataset_iri, iri
from ckanext.hcmedu.dcat.profile import HCMEduProfile
from ckanext.hcmedu.dcat.recipe import recipe

log = logging.getLogger(__name__)

TYPE = "dataset"
"""The type of the packages that are in the feed; harvest sources are packages as well."""

_DONE = "hcmedu_feed_done"


@dataclass(frozen=True)
class Refreshed:
    """How many descriptions `refresh` wrote and took out, and the datasets that it could not
    describe."""

    written: int
    removed: int
    failed: tuple[str, ...]


def follow(package: model.Package, is_purged: bool = False) -> None:
    """Let the feed say what `package` is now, once in a transaction.

    :raises ckan.logic.ValidationError: it cannot be described; the transaction must not commit.
    """
    if package.type != TYPE:
        return
    session = model.Session()
    transaction = session.get_nested_transaction() or session.get_transaction()
    known, done = session.info.get(_DONE, (None, set()))
    if known is not transaction:
        done = set()
        session.info[_DONE] = (transaction, done)
    # CKAN tells of a new dataset twice: of itself, and of each of its parts.
    if package.id in done:
        return
    try:
        if is_purged:
            entries.remove(_log(session), package.id, "purged", recipe())
        else:
            _write(package)
        # Only now: whoever goes on after a refusal is refused again.
        done.add(package.id)
    except (sa.exc.SQLAlchemyError, tk.ValidationError):
        raise
    except Exception as error:
        log.exception("The feed cannot describe the dataset %s", package.id)
        message = tk._("The DCAT feed cannot describe this dataset: {error}")
        raise tk.ValidationError({"feed": [message.format(error=error)]}) from error


def follow_organization(group: model.Group) -> None:
    """Let the feed say what the organisation `group` is now, wherever it is named."""
    session = model.Session()
    connection = _lock(session)
    for package in session.query(model.Package).filter_by(owner_org=group.id, type=TYPE):
        _write(package)
    if entries.newest(connection) is not None:
        _write_catalog()


def refresh() -> Refreshed:
    """Make the feed agree with what CKAN has; what agrees already is not made again.

    Each description is a transaction of its own. The catalogue is described last: that is when a
    feed that is begun (a new portal, an update from before there was a log) is whole.
    """
    session = model.Session()
    # What this process remembers of a dataset may be older than what the database has.
    session.expire_all()
    current = {one.dataset_id: one for one in entries.current(session.connection())}
    # None for the catalogue, which is not there at first.
    catalog = current.pop(entries.CATALOG, None)
    package = model.Package
    shown = dict(
        session.query(package.id, package.metadata_modified)
        .filter_by(type=TYPE, state=model.State.ACTIVE, private=False)
        .all()
    )
    stale = [
        identifier
        for identifier, modified in shown.items()
        if identifier not in current
        or (current[identifier].recipe, current[identifier].modified) != (recipe(), modified)
    ]
    failed = [identifier for identifier in stale if not _attempt(identifier)]
    gone = sorted(set(current) - set(shown))
    for identifier in gone:
        found = session.get(package, identifier)
        reason = _why_hidden(found) if found else "purged"
        entries.remove(_log(session), identifier, reason, recipe())
    if catalog is None or catalog.recipe != recipe():
        _write_catalog()
    entries.prune(session.connection(), entries.utc_now())
    session.commit()
    return Refreshed(len(stale) - len(failed), len(gone), tuple(failed))


def differences() -> Iterable[tuple[str, str]]:
    """The datasets whose description does not agree with what CKAN has, by id, and why."""
    session = model.Session()
    current = {one.dataset_id: one for one in entries.current(session.connection())}
    current.pop(entries.CATALOG, None)
    package = model.Package
    shown = session.query(package.id, package.metadata_modified).filter_by(
        type=TYPE, state=model.State.ACTIVE, private=False
    )
    for identifier, modified in shown:
        found = current.pop(identifier, None)
        if found is None:
            yield identifier, "missing"
        elif found.modified != modified or found.recipe != recipe():
            yield identifier, "outdated"
    for identifier in current:
        yield identifier, "still there"


def _attempt(identifier: str) -> bool:
    session = model.Session()
    package = session.get(model.Package, identifier)
    try:
        if package is not None:
            _write(package)
        session.commit()
    except Exception:
        # What was said of it stays: nobody shall delete a copy because of a mistake of ours.
        session.rollback()
        log.exception("The feed cannot describe the dataset %s", identifier)
        return False
    return True


def _log(session: Any) -> Connection:
    """The connection by which `session` changes the log; readers hear of it when it commits."""
    announce(session)
    connection: Connection = session.connection()
    return connection


def _lock(session: Any) -> Connection:
    """Hold the log, and forget what this session remembers of organisations: another may have
    changed them while it waited. Returns what `_log` does."""
    session.flush()
    connection = _log(session)
    entries.lock(connection)
    for known in list(session.identity_map.values()):
        if isinstance(known, model.Group) and not session.is_modified(known):
            session.expire(known)
    return connection


def _write(package: model.Package) -> None:
    session = model.Session()
    connection = _lock(session)
    # Another may have hidden the dataset since this session read it, or while it waited.
    session.refresh(package)
    if package.state != model.State.ACTIVE or package.private:
        entries.remove(connection, package.id, _why_hidden(package), recipe())
        return
    entries.put(connection, describe(package.id, package.metadata_modified))


def _why_hidden(package: model.Package) -> str:
    return "private" if package.state == model.State.ACTIVE else "deleted"


def _write_catalog() -> None:
    entries.put(_lock(model.Session()), describe_catalog())


def describe(dataset_id: str, modified: Any = None) -> entries.Description:
    """What the feed says of a dataset as the session has it; asks neither index nor cache.

    :param modified: its ``metadata_modified``.
    """
    context = Context(ignore_auth=True, use_cache=False, session=model.Session)
    dataset = tk.get_action("package_show")(context, {"id": dataset_id})
    made = write_dataset(*graph_of(dataset))
    named = dataset_iri(dataset)
    return entries.Description(dataset_id, named, dataset["name"], modified, recipe(), made)


def graph_of(dataset: dict[str, Any]) -> tuple[Graph, URIRef]:
    """The graph of a dataset, as ``package_show`` returns it, and the dataset's node in it."""
    graph = new_graph()
    subject = URIRef(dataset_uri(dataset))
    HCMEduProfile(graph).graph_from_dataset(dataset, subject)
    graph.add((URIRef(catalog_uri()), DCAT.dataset, subject))
    return graph, subject


def write_dataset(graph: Graph, subject: URIRef) -> dict[str, str]:
    """The fragments of the dataset `subject` in all dialects, by their names."""
    made = make_fragments(graph, settings.site_url())
    said = reading.read(graph)
    made["pod"] = reading.dumps(pod.dataset(said, subject))
    made["dcat_us"] = reading.dumps(dcat_us.dataset(said, subject))
    made["croissant"] = croissant.dumps(croissant.dataset(said, subject, _catalog()))
    return made


def _catalog() -> dict[str, str]:
    """The catalogue as a dataset that stands alone names it."""
    title = settings.site_title()[reading.LANGUAGE]
    return {"@id": catalog_uri(), "name": title, "url": f"{settings.site_url()}/"}


def describe_catalog() -> entries.Description:
    """What the feed says of the catalogue itself, apart from when it last changed."""
    graph = new_graph()
    subject = URIRef(catalog_uri())
    HCMEduProfile(graph).graph_from_catalog(None, subject)
    graph.remove((subject, DCTERMS.modified, None))
    made = make_fragments(graph, settings.site_url())
    made["pod"] = reading.dumps(pod.catalog(f"{settings.site_url()}/data.json"))
    made["dcat_us"] = reading.dumps(dcat_us.catalog(reading.read(graph), subject))
    named = iri(str(subject), settings.site_url())
    return entries.Description(entries.CATALOG, named, "", None, recipe(), made)
