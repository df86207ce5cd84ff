"""Make CKAN agree with the release folders, which are the truth.

For each table: dataset and resources, DataStore table and alias, search index. Publishing a
release, taking one back, finishing what a crash left and rebuilding from nothing are this one
path. Its steps are ordered so that a reader, at any moment, sees the old state or the new:

1. the release's DataStore table is made and loaded, under an id that no one knows yet;
2. dataset, preview, projection and what the feed says change in one transaction;
3. the search index follows;
4. the alias moves to the new DataStore table;
5. DataStore tables that nothing names any more are dropped (see `LINGER`).

Whatever a run did not come to, the next one does: each step is taken if its outcome is not there,
not because of a note that it should be taken.
"""

from __future__ import annotations

import json
import logging
import textwrap
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any, Literal

import ckan.plugins.toolkit as tk
from ckan import model

from ckanext.hcmedu import scoreboard, settings
from ckanext.hcmedu.dcat import publishing
from ckanext.hcmedu.model import Projection
from ckanext.hcmedu.reconcile import datastore, index, package
from ckanext.hcmedu.reconcile.dataset import Setting, datastore_id, make_dataset
from ckanext.hcmedu.reconcile.lock import AlreadyRunning, exclusive
from harvesters.files import digest_of
from harvesters.releases import Release, ReleaseStore
from schemas import Declarations
from schemas.identity import dataset_id, organization_id

__all__ = ["AlreadyRunning", "Difference", "Outcome", "reconcile", "verify"]

log = logging.getLogger(__name__)

LINGER = timedelta(minutes=10)
"""How long the DataStore table of a release that was superseded stays, so that whoever is reading
it page by page can finish. That of a release that was withdrawn goes at once."""

Action = Literal[
    "published", "updated", "repaired", "unchanged", "removed", "none", "undeclared", "missing",
    "failed",
]  # fmt: skip


class MissingOrganization(Exception):
    """The organisation that a release names has not been made."""


@dataclass(frozen=True)
class Outcome:
    """What a reconcile did for one table.

    `action`: ``published`` (another release is shown now), ``updated`` (the same release, with
    other metadata), ``repaired`` (only what an earlier run had left), ``unchanged``, ``removed``
    (no release stands; nothing is shown any more), ``none`` (no release stands; nothing was
    shown), ``undeclared`` (there are releases, but no declaration: left as it is), ``missing``
    (it is shown, but its release folders are gone: left as it is), ``failed``.
    `release` is the one that is shown now, `message` says what went wrong and how to mend it.
    """

    table: str
    action: Action
    release: int | None = None
    rows: int | None = None
    message: str = ""

    @property
    def is_problem(self) -> bool:
        """Whether an operator has to look into it."""
        return self.action in ("undeclared", "missing", "failed")


@dataclass(frozen=True)
class Difference:
    """One thing in which the portal does not agree with the releases."""

    table: str
    where: str
    expected: str
    found: str

    def __str__(self) -> str:
        return f"{self.table}: {self.where}: expected {self.expected}, found {self.found}"


def reconcile(
    store: ReleaseStore,
    declarations: Declarations,
    tables: Collection[str] | None = None,
    progress: Callable[[Outcome], None] | None = None,
    wait_seconds: float = 600,
) -> list[Outcome]:
    """Make the portal show the current release of each table, and nothing else.

    A table that fails does not stop the others.

    :param tables: the tables to look at; all that have releases or are shown, if None.
    :param progress: told of each outcome as it comes.
    :param wait_seconds: how long to wait for a reconcile that is running already.
    :returns: an outcome for each table, by name.
    :raises AlreadyRunning: the other reconcile did not finish in that time.
    """
    outcomes = []
    with exclusive(wait_seconds):
        state = _State(tables, store)
        for table in state.tables:
            outcome = _Run(table, store, declarations, state).attempt()
            outcomes.append(outcome)
            if outcome.action not in ("unchanged", "none"):
                _keep_score(store, declarations)
            if progress is not None:
                progress(outcome)
        _keep_score(store, declarations)
        publishing.refresh()
        index.refresh()
    return outcomes


def _keep_score(store: ReleaseStore, declarations: Declarations) -> None:
    """Bring the targets to what is published now; that this fails takes nothing from readers but
    the targets' values."""
    try:
        scoreboard.follow(store, declarations)
    except Exception:
        model.Session.rollback()
        log.exception("The targets were not computed")


class _State:
    """What the portal shows, seen once for all tables; none of it grows with the data."""

    def __init__(self, tables: Collection[str] | None, store: ReleaseStore):
        self.projections = package.observe(tables)
        self.tables = sorted(
            {*store.tables(), *self.projections} if tables is None else set(tables)
        )
        ids = [dataset_id(table) for table in self.tables]
        self.modified = package.modified(ids)
        self.indexed = index.observe(ids)
        self.prepared = datastore.observe()
        self.feed = dict(publishing.differences())
        self.organizations: dict[str, Mapping[str, Any]] = {}

    def organization(self, name: str) -> Mapping[str, Any]:
        """The organisation as readers see it.

        :raises MissingOrganization: it has not been made.
        """
        if name not in self.organizations:
            show = tk.get_action("organization_show")
            parts = ("datasets", "dataset_count", "users", "groups", "tags", "followers")
            options = {f"include_{part}": False for part in parts}
            try:
                self.organizations[name] = show(
                    {"ignore_auth": True}, {"id": organization_id(name), **options}
                )
            except tk.ObjectNotFound:
                raise MissingOrganization(
                    f"The organisation `{name}` is not in CKAN. Add it to the file that "
                    "`hcmedu.organizations_path` names and run `ckan hcmedu bootstrap`."
                ) from None
        return self.organizations[name]


class _Run:
    """One table of one reconcile."""

    def __init__(self, table: str, store: ReleaseStore, declarations: Declarations, state: _State):
        self.table = table
        self.store = store
        self.declarations = declarations
        self.state = state
        self.dataset_id = dataset_id(table)
        self.shown: Projection | None = state.projections.get(table)

    def attempt(self) -> Outcome:
        """Bring the table to agree; whatever goes wrong becomes the outcome."""
        try:
            return self.bring()
        except Exception as error:
            model.Session.rollback()
            log.exception("Reconciling %s failed", self.table)
            message = _explain(error)
            try:
                if self._shows_what_was_withdrawn():
                    self.remove()
                    return Outcome(self.table, "failed", None, None, message)
            except Exception as second:
                model.Session.rollback()
                log.exception("Removing %s failed", self.table)
                message = f"{message} {_explain(second)}"
            shown = package.observe([self.table]).get(self.table)
            return Outcome(self.table, "failed", shown.release if shown else None, None, message)

    def bring(self) -> Outcome:
        """Take the steps that are needed."""
        current = self.store.current(self.table)
        if current is None:
            return self._without_release()
        if self.table not in self.declarations.tables:
            return self._left(
                "undeclared",
                f"There are releases of `{self.table}`, but no declaration. Restore "
                f"`tables/{self.table}.yaml`, or withdraw the releases.",
            )
        return self._show(current)

    def _left(self, action: Action, message: str) -> Outcome:
        shown = self.shown
        return Outcome(
            self.table,
            action,
            shown.release if shown else None,
            shown.rows if shown else None,
            message,
        )

    def _without_release(self) -> Outcome:
        active = self.dataset_id in self.state.modified
        if (self.shown or active) and not self.store.releases(self.table):
            # A folder that was not mounted must not look like a withdrawal of everything.
            return self._left(
                "missing",
                f"`{self.table}` is shown, but its release folder is not there. Restore it, or "
                "check `hcmedu.state_path`.",
            )
        shows_anything = self.shown or active or self.dataset_id in self.state.indexed
        if not (shows_anything or self.state.prepared.of(self.table)):
            return Outcome(self.table, "none")
        self.remove()
        return Outcome(self.table, "removed")

    def remove(self) -> None:
        """Show nothing of the table any more.

        The search index goes first, as it may never name what is not there; but a search engine
        that is down must not keep a withdrawn release on show.
        """
        trouble: Exception | None = None
        try:
            index.remove(self.dataset_id)
        except Exception as error:
            trouble = error
        package.remove(self.table, self.dataset_id)
        datastore.drop(self.state.prepared.of(self.table))
        if trouble is not None:
            raise trouble

    def _shows_what_was_withdrawn(self) -> bool:
        shown = package.observe([self.table]).get(self.table)
        return shown is not None and any(
            release.number == shown.release and release.state == "withdrawn"
            for release in self.store.releases(self.table)
        )

    def _leftovers(self, keep: str) -> set[str]:
        """The DataStore tables to drop now."""
        lingering: set[str] = set()
        if self.shown and package.now() - self.shown.dataset_modified < LINGER:
            lingering = {
                datastore_id(self.table, release.number)
                for release in self.store.releases(self.table)
                if release.state == "published"
            }
        return self.state.prepared.of(self.table) - lingering - {keep}

    def _show(self, release: Release) -> Outcome:
        wanted = _Wanted(release, self.store, self.declarations, self.state)
        prepared, shown = self.state.prepared, self.shown
        modified = self.state.modified.get(self.dataset_id)
        alias = prepared.aliases.get(self.table)
        repaired = False

        if shown and alias != shown.datastore_id and shown.datastore_id in prepared.marks:
            # An earlier run stopped before step 4. The alias must leave the older table now: step
            # 2 deletes for good the resource that gives access to it.
            datastore.point_alias(self.table, shown.datastore_id)
            alias, repaired = shown.datastore_id, True

        if not prepared.holds(wanted.contents):
            datastore.prepare(wanted.contents)
            repaired = True

        stale = shown is None or shown.digest != wanted.digest or shown.dataset_modified != modified
        if stale or modified is None:
            modified = package.publish(
                wanted.dataset, wanted.contents.datastore_id, wanted.contents.rows, wanted.digest
            )
            self.shown = package.observe([self.table])[self.table]

        trouble: Exception | None = None
        if not index.is_current(self.state.indexed, self.dataset_id, modified):
            try:
                index.update(self.dataset_id)
            except Exception as error:
                trouble = error
            repaired = True
        if alias != wanted.contents.datastore_id:
            datastore.point_alias(self.table, wanted.contents.datastore_id)
            repaired = True
        if trouble is not None:
            # Not before the index has followed may anything go that it still names.
            raise trouble
        leftovers = self._leftovers(keep=wanted.contents.datastore_id)
        if leftovers:
            datastore.drop(leftovers)
            repaired = True

        action: Action = "repaired" if repaired else "unchanged"
        if stale:
            same = shown is not None and shown.release == release.number
            action = "updated" if same else "published"
        return Outcome(self.table, action, release.number, wanted.contents.rows)


class _Wanted:
    """What the portal must show of a release."""

    def __init__(
        self, release: Release, store: ReleaseStore, declarations: Declarations, state: _State
    ):
        manifest = release.manifest
        self.manifest = manifest
        self.table = declarations.tables[release.table]
        first = min(store.releases(release.table), key=lambda found: found.number)
        setting = Setting(
            site=settings.site_url(),
            **settings.license(),
            organization=state.organization(manifest["organization"]),
        )
        self.dataset = make_dataset(self.table, manifest, first.manifest["issued"], setting)
        [csv] = [file for file in manifest["files"] if file["key"] == "csv"]
        self.contents = datastore.Contents(
            table=release.table,
            release=release.number,
            datastore_id=datastore_id(release.table, release.number),
            path=release.path / csv["name"],
            sha256=csv["sha256"],
            rows=manifest["rows"],
            columns=manifest["columns"],
        )

    @cached_property
    def digest(self) -> str:
        """SHA-256 of all that the dataset is made of."""
        return digest_of([self.dataset, self.contents.mark])


def _explain(error: Exception) -> str:
    """What went wrong, for an operator."""
    if isinstance(error, tk.ValidationError):
        return f"CKAN refuses the dataset: {json.dumps(error.error_dict, ensure_ascii=False)}"
    if isinstance(error, MissingOrganization | datastore.BadReleaseFile):
        return str(error)
    return f"{type(error).__name__}: {error}"


def verify(
    store: ReleaseStore, declarations: Declarations, tables: Collection[str] | None = None
) -> list[Difference]:
    """Compare all that the portal shows with the releases; changes nothing.

    Counts the rows of every DataStore table, so it takes longer than a reconcile with nothing to
    do.

    :param tables: the tables to compare; all that have releases or are shown, if None.
    """
    state = _State(tables, store)
    return [
        difference
        for table in state.tables
        for difference in _compare(table, store, declarations, state)
    ]


def _compare(
    table: str, store: ReleaseStore, declarations: Declarations, state: _State
) -> Iterator[Difference]:
    current, shown = store.current(table), state.projections.get(table)
    if current is None or table not in declarations.tables:
        yield from _compare_nothing(table, state, "no declaration" if current else "nothing")
        return
    try:
        wanted = _Wanted(current, store, declarations, state)
    except MissingOrganization:
        yield Difference(table, "organisation", current.manifest["organization"], "nothing")
        return
    identifier, contents = wanted.dataset["id"], wanted.contents
    facts: list[tuple[str, object, object]] = [
        ("release", current.number, shown.release if shown else None),
        ("alias", contents.datastore_id, state.prepared.aliases.get(table)),
        ("DataStore table", contents.mark, state.prepared.marks.get(contents.datastore_id)),
    ]
    if contents.datastore_id in state.prepared.marks:
        facts.append(("rows", contents.rows, datastore.count_rows(contents.datastore_id)))
    modified = state.modified.get(identifier)
    if modified is None:
        facts.append(("dataset", "active", None))
    else:
        found = tk.get_action("package_show")(
            {"ignore_auth": True, "use_cache": False}, {"id": identifier}
        )
        facts.extend(_compare_dataset(wanted.dataset, found))
        if not index.is_current(state.indexed, identifier, modified):
            facts.append(("search index", modified.isoformat(), state.indexed.get(identifier)))
        facts.append(("feed", "up to date", state.feed.get(identifier, "up to date")))
    for where, expected, seen in facts:
        if expected != seen:
            yield Difference(table, where, _brief(expected), _brief(seen))


def _compare_nothing(table: str, state: _State, expected: str) -> Iterator[Difference]:
    shown, identifier = state.projections.get(table), dataset_id(table)
    for where, found in (
        ("release", shown.release if shown else None),
        ("dataset", "active" if identifier in state.modified else None),
        ("alias", state.prepared.aliases.get(table)),
        ("DataStore tables", sorted(state.prepared.of(table)) or None),
        ("search index", state.indexed.get(identifier)),
        ("feed", state.feed.get(identifier)),
    ):
        if found is not None:
            yield Difference(table, where, expected, _brief(found))


def _compare_dataset(
    wanted: Mapping[str, Any], found: Mapping[str, Any]
) -> Iterator[tuple[str, object, object]]:
    for key, value in wanted.items():
        if key in ("tags", "groups"):
            expected, seen = (
                sorted(entry["name"] for entry in side[key]) for side in (wanted, found)
            )
            yield f"dataset {key}", expected, seen
        elif key != "resources":
            yield f"dataset {key}", value, found.get(key)
    expected, seen = ([entry["id"] for entry in side["resources"]] for side in (wanted, found))
    yield "resources", expected, seen
    by_id = {resource["id"]: resource for resource in found["resources"]}
    for resource in wanted["resources"]:
        for key, value in resource.items():
            if resource["id"] in by_id:
                shown = by_id[resource["id"]].get(key)
                yield f"resource {resource['name']}: {key}", value, shown


def _brief(value: object) -> str:
    if value is None:
        return "nothing"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return textwrap.shorten(text, 200, placeholder=" …")
