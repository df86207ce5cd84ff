"""One changed dataset: reconciled by us, beside the stock path of CKAN's own actions.

``python -m tests.bench.publishing RUNS`` works on the portal that ``CKAN_INI`` names, which must
be a portal for tests. Both paths publish the same rows and metadata; the stock one is
``package_update``, ``datastore_create`` and ``datastore_upsert`` in batches, called in process.
Prints medians as JSON.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ckan.plugins.toolkit as tk
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from ckan.cli import load_config
from ckan.config.middleware import make_app

from harvesters.parts import Part
from harvesters.releases import Release, ReleaseStore
from schemas import Declarations, Table

TABLE = "enrolment"
STOCK = "stock-enrolment"
ROWS = 50_000
BATCH = 5_000


def _release(store: ReleaseStore, declarations: Declarations, salt: int) -> Release:
    """The next release of the table: `ROWS` rows with figures of its own."""
    table = declarations.tables[TABLE]
    path = store.state / f"part-{salt}.parquet"
    pq.write_table(_rows(table, salt), path)
    certificate = {"cells": ROWS, "suppressed": {}, "given_up": [], "snapshots": []}
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    part = Part(TABLE, "2025-2026", digest, path, certificate)
    sources = [{"name": "bench", "title": {"vi": "Đo tốc độ", "en": "Benchmark"}}]
    return store.create(table, [part], declarations, sources, "so-gddt", simulated=True)


def _rows(table: Table, salt: int) -> pa.Table:
    number = np.arange(ROWS)
    values: dict[str, pa.Array] = {
        "school_year": pa.repeat("2025-2026", ROWS),
        "area": pa.repeat("25747", ROWS),
        "school": pa.array([f"{one:08d}" for one in number]),
        "pupils": pa.array(number % 900 + 10 + salt),
    }
    for column in table.columns:
        values.setdefault(column.name, pa.repeat("", ROWS))
    return pa.table({column.name: values[column.name] for column in table.columns})


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def _context() -> dict[str, Any]:
    user = tk.get_action("get_site_user")({"ignore_auth": True}, {})["name"]
    return {"ignore_auth": True, "user": user}


def _forget(name: str) -> None:
    """Remove a dataset, which an earlier measurement may have left, with its tables."""
    try:
        dataset = tk.get_action("package_show")(_context(), {"id": name})
    except tk.ObjectNotFound:
        return
    for resource in dataset["resources"]:
        if resource["datastore_active"]:
            target = {"resource_id": resource["id"], "force": True}
            tk.get_action("datastore_delete")(_context(), target)
    tk.get_action("dataset_purge")(_context(), {"id": dataset["id"]})


class _Stock:
    """The same dataset, published with CKAN's own actions."""

    def __init__(self) -> None:
        _forget(STOCK)
        dataset = tk.get_action("package_show")(_context(), {"id": TABLE})
        fields = tk.get_action("datastore_info")(_context(), {"id": TABLE})["fields"]
        self._fields = [{key: field[key] for key in ("id", "type")} for field in fields]
        wanted = {key: value for key, value in dataset.items() if key not in ("id", "groups")}
        wanted["name"] = STOCK
        wanted["resources"] = [
            {key: value for key, value in resource.items() if key not in ("id", "package_id")}
            for resource in dataset["resources"]
        ]
        created = tk.get_action("package_create")(_context(), wanted)
        self._id = created["id"]
        self._resource = created["resources"][0]["id"]

    def publish(self, release: Release) -> None:
        """Update the dataset and load the rows of `release`, in place of those before."""
        dataset = tk.get_action("package_show")(_context(), {"id": self._id})
        dataset["version"] = str(release.number)
        for resource in dataset["resources"]:
            resource["hash"] = release.manifest["files"][0]["sha256"]
        tk.get_action("package_update")(_context(), dataset)
        target = {"resource_id": self._resource, "force": True}
        if release.number > 1:
            tk.get_action("datastore_delete")(_context(), dict(target))
        tk.get_action("datastore_create")(
            _context(),
            {**target, "fields": self._fields, "indexes": ["area", "school"], "aliases": [STOCK]},
        )
        with (release.path / f"{TABLE}.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        for start in range(0, len(rows), BATCH):
            last = start + BATCH >= len(rows)
            tk.get_action("datastore_upsert")(
                _context(),
                {
                    **target,
                    "method": "insert",
                    "records": rows[start : start + BATCH],
                    "calculate_record_count": last,
                },
            )


def main(runs: int) -> dict[str, float]:
    """Measure; figures by name (rows, seconds)."""
    from ckanext.hcmedu.organizations import sync_organizations, sync_topics
    from ckanext.hcmedu.reconcile import reconcile

    sync_organizations(Path(tk.config["hcmedu.organizations_path"]))
    sync_topics(Path(tk.config["hcmedu.topics_path"]))
    declarations = Declarations.load()
    with tempfile.TemporaryDirectory() as folder:
        store = ReleaseStore(Path(folder))
        releases = [_release(store, declarations, 0)]
        reconcile(store, declarations, [TABLE])
        stock = _Stock()
        stock.publish(releases[0])
        ours, theirs, unchanged = [], [], []
        for salt in range(1, runs + 1):
            release = _release(store, declarations, salt)
            ours.append(_timed(lambda: reconcile(store, declarations, [TABLE])))
            theirs.append(_timed(lambda release=release: stock.publish(release)))
            unchanged.append(_timed(lambda: reconcile(store, declarations, [TABLE])))
    return {
        "rows": ROWS,
        "ours_seconds": statistics.median(ours),
        "stock_seconds": statistics.median(theirs),
        "unchanged_seconds": statistics.median(unchanged),
    }


if __name__ == "__main__":
    application = make_app(load_config(os.environ["CKAN_INI"]))
    with application._wsgi_app.test_request_context():
        print(json.dumps(main(int(sys.argv[1]))))
