"""Ten thousand synthetic datasets in CKAN, and changes of them.

``python -m tests.bench.datasets fill N``, ``… change N`` and ``… prepare`` work on the portal that
``CKAN_INI`` names, which must be one for tests and empty. The first dataset is made by CKAN's
action; the others are copies of its rows, of its document in the search index and of its entry in
the feed, with ids, names and titles of their own. Prints figures as JSON.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import ckan.plugins.toolkit as tk
import sqlalchemy as sa
from ckan import model
from ckan.cli import load_config
from ckan.config.middleware import make_app
from ckan.lib.search.index import PackageSearchIndex
from ckan.logic import package_show_default_and_custom_schemas
from ckan.types import Context

NUMBER = "00000"
"""What stands in the first dataset's name and texts where the others have their number."""

SAMPLE = 30
"""Datasets that publishing is measured with."""

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_BATCH = 500


def name(number: int) -> str:
    """The name of a dataset."""
    return f"do-toc-do-{number:05}"


def fill(count: int) -> dict[str, float]:
    """Make `count` datasets; what publishing one costs, in milliseconds (medians)."""
    from ckanext.hcmedu.dcat import publishing
    from ckanext.hcmedu.organizations import sync_organizations, sync_topics

    sync_organizations(Path(tk.config["hcmedu.organizations_path"]))
    sync_topics(Path(tk.config["hcmedu.topics_path"]))
    first = _act("package_create", **_first())
    copies = _Copies(first["id"])
    copies.into_database(count)
    copies.into_search_index(count)
    copies.into_feed(count)
    model.Session.commit()
    refreshed = publishing.refresh()
    assert (refreshed.written, refreshed.removed, refreshed.failed) == (0, 0, ())
    described, written = [], []
    for package in model.Session.query(model.Package).filter_by(type="dataset").limit(SAMPLE):
        described.append(_milliseconds(lambda package=package: publishing.describe(package.id)))
        graph = publishing.graph_of(_act("package_show", id=package.id))
        written.append(_milliseconds(lambda graph=graph: publishing.write_dataset(*graph)))
    with_feed, without = [], []
    # How long Solr takes to commit has nothing to do with the feed, and changes most of all.
    tk.config["ckan.search.solr_commit"] = False
    for number in range(SAMPLE):
        with_feed.append(_milliseconds(lambda n=number: _edit(n, "có")))
        with mock.patch.object(publishing, "follow"):
            without.append(_milliseconds(lambda n=number: _edit(n, "không")))
    publishing.refresh()
    return {
        "describe": statistics.median(described),
        "write": statistics.median(written),
        "with_feed": statistics.median(with_feed),
        "without_feed": statistics.median(without),
    }


def change(count: int) -> dict[str, float]:
    """Change `count` datasets, one after the other."""
    for number in range(count):
        _edit(SAMPLE + number, "sau")
    return {}


def prepare() -> dict[str, float]:
    """Prepare the feed as the scheduler does after a change; how much that is, in how long."""
    from ckanext.hcmedu.dcat import preparing

    began = time.perf_counter()
    answers = preparing.prepare()
    return {"answers": answers, "seconds": time.perf_counter() - began}


def _edit(number: int, word: str) -> None:
    titles = {"vi": f"Bộ dữ liệu {number} {word}", "en": f"Dataset {number} {word}"}
    _act("package_patch", id=name(number), title_translated=titles)


def _act(action: str, /, **data: Any) -> Any:
    user = tk.get_action("get_site_user")({"ignore_auth": True}, {})["name"]
    return tk.get_action(action)({"ignore_auth": True, "user": user}, data)


def _milliseconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - began)


def _first() -> dict[str, Any]:
    """A dataset as a department writes it by hand, with three files."""
    files = [
        {
            "url": f"https://example.org/{NUMBER}/so-lieu.{kind.lower()}",
            "name": f"Tệp {kind}",
            "name_translated": {"vi": f"Tệp {kind}", "en": f"{kind} file"},
            "format": kind,
            "mimetype": media_type,
            "hash": "0" * 59 + NUMBER,
            "hash_algorithm": "http://spdx.org/rdf/terms#checksumAlgorithm_sha256",
            "size": 123456,
        }
        for kind, media_type in (
            ("CSV", "text/csv"), ("JSON", "application/json"), ("XML", "application/xml"),
        )
    ]  # fmt: skip
    sentence = "Số liệu tổng hợp theo phường, xã, đặc khu, cấp học và năm học. "
    return {
        "name": name(0),
        "title_translated": {"vi": f"Bộ dữ liệu {NUMBER}", "en": f"Dataset {NUMBER}"},
        "notes_translated": {"vi": sentence * 4, "en": "Figures by area, level and year. " * 4},
        "owner_org": "so-gddt",
        "license_id": "cc-by",
        "tags": [{"name": "học sinh"}, {"name": "trường học"}],
        "frequency": "http://publications.europa.eu/resource/authority/frequency/ANNUAL",
        "temporal_coverage": [{"start": "2025-09-01", "end": "2026-08-31"}],
        "simulated": True,
        "resources": files,
    }


class _Copies:
    """Copies of the dataset `first`."""

    def __init__(self, first: str):
        self._connection = model.Session.connection()
        self._first = first
        self._rows = {table: list(self._read(table, key)) for table, key in _TABLES.items()}
        # What belongs to the dataset alone has another id in each copy; tags and organisations
        # are shared.
        self._own = {first} | {row["id"] for rows in self._rows.values() for row in rows}

    def _read(self, table: sa.Table, key: str) -> Iterator[dict[str, Any]]:
        found = self._connection.execute(sa.select(table).where(table.c[key] == self._first))
        return (dict(row) for row in found.mappings())

    def _swapped(self, text: str, number: int) -> str:
        def other(found: re.Match[str]) -> str:
            if found[0] not in self._own:
                return found[0]
            return str(uuid.uuid5(uuid.UUID(found[0]), str(number)))

        return _UUID.sub(other, text).replace(NUMBER, f"{number:05}")

    def _value(self, value: Any, number: int) -> Any:
        if isinstance(value, dict | list):
            return json.loads(self._swapped(json.dumps(value), number))
        return self._swapped(value, number) if isinstance(value, str) else value

    def into_database(self, count: int) -> None:
        """CKAN's rows."""
        for table, rows in self._rows.items():
            for start in range(1, count, _BATCH):
                copies = [
                    {key: self._value(value, number) for key, value in row.items()}
                    for number in range(start, min(start + _BATCH, count))
                    for row in rows
                ]
                if copies:
                    self._connection.execute(sa.insert(table), copies)

    def into_search_index(self, count: int) -> None:
        """What ckanext-dcat's catalogue is made of."""
        plain, ours = package_show_default_and_custom_schemas(Context(), self._first)
        text = json.dumps({**plain, "with_custom_schema": ours})
        index = PackageSearchIndex()
        for number in range(1, count):
            index.index_package(json.loads(self._swapped(text, number)), defer_commit=True)
        index.commit()

    def into_feed(self, count: int) -> None:
        """What the feed says."""
        from ckanext.hcmedu.dcat import entries, publishing

        package = model.Session.get(model.Package, self._first)
        first = publishing.describe(self._first, package.metadata_modified)
        for number in range(1, count):
            said = {kind: self._swapped(text, number) for kind, text in first.fragments.items()}
            copy = replace(
                first,
                dataset_id=self._swapped(first.dataset_id, number),
                iri=self._swapped(first.iri, number),
                name=name(number),
                fragments=said,
            )
            entries.put(self._connection, copy)


_TABLES = {
    model.package_table: "id",
    model.resource_table: "package_id",
    model.package_tag_table: "package_id",
    model.member_table: "table_id",
}
"""The tables that a dataset is in, and where they name it."""


if __name__ == "__main__":
    application = make_app(load_config(os.environ["CKAN_INI"]))
    with application._wsgi_app.test_request_context():
        work = {"fill": fill, "change": change, "prepare": prepare}[sys.argv[1]]
        print(json.dumps(work(*map(int, sys.argv[2:]))))
