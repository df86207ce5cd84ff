"""Whatever is killed or stopped, and whenever: readers see the old state or the new, and the rest
is finished without anyone's help.

This is the first thing that happens to the portal of these tests: it comes up under fire.
"""

import signal
import time
from datetime import datetime, timedelta
from pathlib import Path

import ckan.plugins.toolkit as tk
import pytest
import redis
from ckanext.harvest import queue

from schemas import Declarations

from .conftest import Portal, until

pytestmark = pytest.mark.integration

TABLES = sorted(Declarations.load().tables)


def _sealed(portal: Portal) -> list[Path]:
    return list((portal.state / "snapshots").glob("*/*/*.parquet"))


def _released(portal: Portal) -> list[str]:
    return portal.releases.tables()


def _shown(portal: Portal) -> list[str]:
    return list(portal.action("package_list"))


def _let_pass(time: timedelta) -> None:
    """Put back, by so much, when workers took what they were at: ckanext-harvest takes one for dead
    three minutes after (``queue.resubmit_jobs``)."""
    store = redis.Redis.from_url(tk.config["ckan.redis.url"], decode_responses=True)
    form = "%Y-%m-%d %H:%M:%S.%f"
    taken = store.keys(f"{queue.get_fetch_routing_key()}:*")
    assert taken
    for key in taken:
        store.set(key, (datetime.strptime(store.get(key), form) - time).strftime(form))


def _whole(portal: Portal, table: str) -> bool:
    """Whether what a reader finds of `table` is one release: dataset, files and DataStore."""
    try:
        dataset = portal.action("package_show", id=table)
    except AssertionError:
        return True  # not there at all is not half of it
    release = portal.releases.get(table, int(dataset["hcmedu_release"]))
    data = next(one for one in dataset["resources"] if one.get("datastore_active"))
    rows = portal.action("datastore_search", resource_id=data["id"], limit=0)["total"]
    files = [one for one in dataset["resources"] if "/release/" in one["url"]]
    return rows == release.manifest["rows"] and all(
        f"/release/{release.number}/" in one["url"] for one in files
    )


def test_the_main_job_comes_to_its_end_whatever_is_killed_on_the_way(
    empty_portal: Portal,
) -> None:
    portal = empty_portal
    portal.run("hcmedu", "bootstrap")

    # Harvest: the worker that seals is killed, then each store goes away for a while.
    portal.run("hcmedu", "harvest", "central-database", "nso-areas", "--no-wait")
    until(lambda: len(_sealed(portal)) >= 3, "the first snapshots")
    portal.stack("kill", "harvest-fetch")
    for store in ("redis", "solr", "postgres"):
        portal.stack("stop", store)
        time.sleep(2)
        portal.stack("start", store)
    _let_pass(timedelta(minutes=4))
    portal.stack("start", "harvest-gather", "harvest-fetch", "web")
    portal.stack("start", "scheduler")
    until(
        lambda: len(list((portal.state / "snapshots/central-database").glob("*/*.json"))) > 20,
        "the killed harvest to go on",
        seconds=600,
    )
    portal.stack("stop", "scheduler")
    portal.run("hcmedu", "harvest")

    # Release: killed as soon as one table has one.
    process = portal.start("hcmedu", "release")
    until(lambda: len(_released(portal)) >= 1, "the first release")
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=60)
    for table in _released(portal):
        for release in portal.releases.releases(table):
            for file in release.manifest["files"]:
                assert (release.path / file["name"]).stat().st_size == file["bytes"]

    # Reconcile: killed as soon as one dataset is there.
    portal.run("hcmedu", "release")
    process = portal.start("hcmedu", "reconcile")
    until(lambda: len(_shown(portal)) >= 2, "the first datasets")
    process.send_signal(signal.SIGKILL)
    process.wait(timeout=60)
    assert len(_shown(portal)) < len(TABLES)
    for table in _shown(portal):
        assert _whole(portal, table), table

    # Nobody does anything: the scheduler brings it to its end.
    portal.stack("start", "scheduler")
    until(lambda: _shown(portal) == TABLES, "the scheduler to finish", seconds=300)
    portal.stack("stop", "scheduler")
    assert all(_whole(portal, table) for table in TABLES)
    assert "agrees" in portal.run("hcmedu", "verify").stdout


def test_an_empty_database_becomes_the_same_portal_again(empty_portal: Portal) -> None:
    portal = empty_portal
    before = {name: portal.action("package_show", id=name) for name in _shown(portal)}
    portal.empty()
    assert _shown(portal) == []
    portal.run("hcmedu", "bootstrap")
    portal.run("hcmedu", "reconcile")
    after = {name: portal.action("package_show", id=name) for name in _shown(portal)}
    assert _timeless(after) == _timeless(before)


def _timeless(datasets: dict[str, dict[str, object]]) -> dict[str, object]:
    """Datasets without what CKAN stamps with the moment of writing."""
    stamps = {
        "metadata_created",
        "metadata_modified",
        "creator_user_id",
        "created",
        "last_modified",
    }

    def strip(value: object) -> object:
        if isinstance(value, dict):
            return {key: strip(inner) for key, inner in value.items() if key not in stamps}
        if isinstance(value, list):
            return [strip(inner) for inner in value]
        return value

    # A keyword is known by its name; CKAN numbers its rows at random.
    return {
        name: strip({**dataset, "tags": [tag["name"] for tag in dataset["tags"]]})  # type: ignore[attr-defined,index]
        for name, dataset in datasets.items()
    }
