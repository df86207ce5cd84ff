"""Kill -9 at every step: readers have the old state or the new, and the next run finishes."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from tests.ckanext.reconcile.portal import Portal, call, die, figures, in_process_that_dies

TABLE = "enrolment"
OLD, NEW = 100, 200

pytestmark = pytest.mark.integration

Place = tuple[str, str, str]

# Module and function of the extension around which the process ends, and whether before or after
# it: every step of a reconcile, and the joints inside its transactions.
STEPS: list[Place] = [
    ("datastore", "prepare", "before"),
    ("datastore", "prepare", "after"),
    ("package", "publish", "after"),
    ("index", "update", "before"),
    ("index", "update", "after"),
    ("datastore", "point_alias", "before"),
    ("datastore", "point_alias", "after"),
]
INSIDE: list[Place] = [
    ("datastore", "_create", "after"),
    ("datastore", "_load", "after"),
    ("datastore", "_index", "after"),
    ("package", "_put_view", "before"),
    ("package", "_put_view", "after"),
    ("datastore", "_point", "after"),
]
DROPPING: list[Place] = [
    ("datastore", "drop", "before"),
    ("datastore", "_drop", "after"),
    ("datastore", "drop", "after"),
]
REMOVING: list[Place] = [
    ("index", "remove", "before"),
    ("index", "remove", "after"),
    ("package", "remove", "after"),
    *DROPPING,
]


def named(places: list[Place]) -> Any:
    return pytest.mark.parametrize(
        "place", places, ids=[f"{when}-{module}.{name}" for module, name, when in places]
    )


def die_at(place: Place, work: Callable[[], object]) -> None:
    """Run `work` in a process that is killed at `place`."""
    from ckanext.hcmedu import reconcile

    module_name, name, when = place
    module = getattr(reconcile, module_name)
    original = getattr(module, name)

    def wrapped(*arguments: Any, **options: Any) -> Any:
        if when == "before":
            die()
        result = original(*arguments, **options)
        die()
        return result

    def run() -> None:
        setattr(module, name, wrapped)
        work()

    assert in_process_that_dies(run) == signal.SIGKILL


def release_of(rows: set[tuple]) -> int:
    """The release (by the figures it starts from) that a whole table of rows is of."""
    assert len(rows) == 12
    records = [dict(row) for row in rows]
    [base] = {
        record["pupils"] - record["_id"] + 1 for record in records if record["pupils"] is not None
    }
    return base


def look(still: bool = True) -> dict[str, int | None]:
    """Which release readers find at each place; whatever is found has to be whole.

    The dataset, the DataStore by its alias, and the search; and, if nothing moves meanwhile, the
    preview of the dataset's table.
    """
    import ckan.plugins.toolkit as tk

    bases = {"1": OLD, "2": NEW}
    found: dict[str, int | None] = {"dataset": None, "alias": None, "search": None}
    try:
        dataset = call("package_show", id=TABLE)
    except (tk.ObjectNotFound, tk.NotAuthorized):
        dataset = None
    if dataset is not None:
        found["dataset"] = bases[dataset["version"]]
        assert_whole(dataset, bases)
        if still:
            [view] = call("resource_view_list", id=dataset["resources"][0]["id"])
            assert view["view_type"] == "datatables_view"
    with suppress(tk.ObjectNotFound, tk.NotAuthorized):
        found["alias"] = release_of(figures(TABLE))
    for hit in call("package_search", q=f"name:{TABLE}")["results"]:
        # What the search names is there: the dataset, and the table with the figures.
        assert dataset is not None
        found["search"] = bases[hit["version"]]
        assert_whole(hit, bases)
    return found


def assert_whole(dataset: dict[str, Any], bases: dict[str, int]) -> None:
    """All the resources of `dataset` are of its own release."""
    version = dataset["version"]
    table, *files = dataset["resources"]
    assert release_of(figures(table["id"])) == bases[version]
    assert len(files) == 5
    assert all(f"/release/{version}/" in file["url"] for file in files)


@named(STEPS)
def test_first_release(portal: Portal, place: Place) -> None:
    portal.release(TABLE, OLD)
    die_at(place, portal.reconcile)
    found = look()
    # Nothing shows before the dataset does.
    assert set(found.values()) <= {None, OLD}
    if found["dataset"] is None:
        assert found["search"] is None
    portal.reconcile()
    assert look() == {"dataset": OLD, "alias": OLD, "search": OLD}
    assert portal.differences() == []
    assert portal.reconcile() == {TABLE: "unchanged"}


@named([*STEPS, *INSIDE])
def test_next_release(portal: Portal, place: Place) -> None:
    portal.release(TABLE, OLD)
    portal.reconcile()
    portal.release(TABLE, NEW)
    die_at(place, portal.reconcile)
    assert set(look().values()) <= {OLD, NEW}
    portal.reconcile()
    assert look() == {"dataset": NEW, "alias": NEW, "search": NEW}
    assert portal.differences() == []
    assert portal.reconcile() == {TABLE: "unchanged"}


@named([*STEPS, *DROPPING])
def test_withdrawal_of_the_latest(portal: Portal, place: Place) -> None:
    # The table of the first release went long ago.
    portal.release(TABLE, OLD)
    portal.reconcile()
    portal.release(TABLE, NEW)
    portal.reconcile()
    drop_superseded()
    portal.store.withdraw(TABLE, 2, "wrong figures")
    die_at(place, portal.reconcile)
    assert set(look().values()) <= {OLD, NEW}
    portal.reconcile()
    assert look() == {"dataset": OLD, "alias": OLD, "search": OLD}
    assert portal.differences() == []
    assert portal.reconcile() == {TABLE: "unchanged"}


@named(REMOVING)
def test_withdrawal_of_all(portal: Portal, place: Place) -> None:
    portal.release(TABLE, OLD)
    portal.reconcile()
    portal.store.withdraw(TABLE, None, "wrong figures")
    die_at(place, portal.reconcile)
    found = look()
    assert set(found.values()) <= {None, OLD}
    if found["dataset"] is None:
        assert found["search"] is None and found["alias"] is None
    portal.reconcile()
    assert look() == {"dataset": None, "alias": None, "search": None}
    assert portal.differences() == []
    assert portal.reconcile() == {TABLE: "none"}


def test_killed_twice_with_a_release_between(portal: Portal) -> None:
    """The second run must not leave the alias on a table that nobody may read any more."""
    portal.release(TABLE, OLD)
    portal.reconcile()
    portal.release(TABLE, NEW)
    die_at(("datastore", "point_alias", "before"), portal.reconcile)
    portal.release(TABLE, 300)
    die_at(("package", "publish", "after"), portal.reconcile)
    assert release_of(figures(TABLE)) == NEW
    portal.reconcile()
    assert release_of(figures(TABLE)) == 300
    assert portal.differences() == []


def test_readers_meanwhile(portal: Portal) -> None:
    """Whoever reads while a reconcile runs gets one release or the other, and never an error."""
    portal.release(TABLE, OLD)
    portal.reconcile()
    portal.release(TABLE, NEW)
    seen: list[tuple[int | None, ...]] = []

    def read() -> None:
        seen.append(tuple(look(still=False).values()))

    assert in_process_that_dies(portal.reconcile, meanwhile=read) == 0
    read()
    assert set(seen[0]) == {OLD}
    assert set(seen[-1]) == {NEW}
    for place in zip(*seen, strict=True):
        assert sorted(place) == list(place), "A reader was sent back to the old release."


def drop_superseded() -> None:
    """What a reconcile does once nobody reads the table of the first release any more."""
    from ckanext.hcmedu.reconcile import datastore
    from ckanext.hcmedu.reconcile.dataset import datastore_id

    datastore.drop([datastore_id(TABLE, 1)])
