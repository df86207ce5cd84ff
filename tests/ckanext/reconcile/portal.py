"""Releases to put on a portal, and what readers see of it."""

from __future__ import annotations

import hashlib
import itertools
import os
import signal
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

from harvesters.parts import Part
from harvesters.releases import Release, ReleaseStore
from schemas import TOTAL, Declarations, Table

DECLARATIONS = Path(__file__).parent / "declarations"
SOURCES = [{"name": "city", "title": {"vi": "Hệ thống thử", "en": "Test system"}}]
ARROW = {"integer": pa.int64(), "decimal": pa.float64()}


def rows_of(table: Table, period: str, base: int, declarations: Declarations) -> list[dict]:
    """Every combination of codes, with figures that tell which release they are from.

    The first cell of each measure is suppressed.
    """
    lists = {column.name: column.codelist for column in table.columns if column.role == "dimension"}
    codes = [[TOTAL, *declarations.codelists[name].codes] for name in lists.values()]
    rows = []
    for number, key in enumerate(itertools.product(*codes)):
        row: dict[str, Any] = {"school_year": period, **dict(zip(lists, key, strict=True))}
        if "area" in row:
            row["area_name"] = declarations.codelists["area"].label(row["area"])["vi"]
        for measure in table.measures:
            hidden = number == 0
            value = base + number if measure.decimals == 0 else base + number / 10
            row |= {
                measure.name: None if hidden else value,
                f"{measure.name}_status": "c" if hidden else "",
                f"{measure.name}_flag": "",
            }
        rows.append(row)
    return rows


@dataclass
class Portal:
    """Releases in a folder of their own, and what readers without an account see of them."""

    store: ReleaseStore
    declarations: Declarations

    def release(self, table: str, base: int, periods: Iterable[str] = ("2024-2025",)) -> Release:
        """Make the next release of `table`; `base` is what its figures start from."""
        declared = self.declarations.tables[table]
        schema = pa.schema(
            [(column.name, ARROW.get(column.type, pa.string())) for column in declared.columns]
        )
        parts = []
        for period in periods:
            rows = rows_of(declared, period, base, self.declarations)
            path = self.store.state / f"{table}-{period}-{base}.parquet"
            pq.write_table(pa.Table.from_pylist(rows, schema), path)
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            certificate = {
                "cells": len(rows), "suppressed": {}, "given_up": [], "snapshots": [],
            }  # fmt: skip
            parts.append(Part(table, period, digest, path, certificate))
        return self.store.create(
            declared, parts, self.declarations, SOURCES, "so-gddt", simulated=True
        )

    def reconcile(self, **options: Any) -> dict[str, str]:
        """Reconcile; the actions by table."""
        from ckanext.hcmedu.reconcile import reconcile

        outcomes = reconcile(self.store, self.declarations, **options)
        return {outcome.table: outcome.action for outcome in outcomes}

    def differences(self) -> list[str]:
        """What `verify` finds."""
        from ckanext.hcmedu.reconcile import verify

        return [str(difference) for difference in verify(self.store, self.declarations)]


def call(action: str, **data: Any) -> Any:
    """Call an action as a reader without an account."""
    import ckan.plugins.toolkit as tk

    return tk.get_action(action)({"user": "", "ignore_auth": False}, data)


def figures(resource: str) -> set[tuple]:
    """All rows of a DataStore table or alias, as a reader gets them."""
    answer = call("datastore_search", resource_id=resource, limit=1000)
    assert answer["total"] == len(answer["records"])
    return {tuple(sorted(record.items())) for record in answer["records"]}


def dump(table: str) -> dict[str, Any]:
    """The dataset as a reader sees it, without the times at which CKAN wrote its own rows."""
    dataset = call("package_show", id=table)
    for holder in (dataset, *dataset["resources"], dataset["organization"], *dataset["groups"]):
        for stamp in ("metadata_created", "metadata_modified", "created", "creator_user_id"):
            holder.pop(stamp, None)
    return dataset


def empty_datastore() -> None:
    """Drop every table and alias that readers could see in the DataStore."""
    from ckanext.datastore.backend.postgres import get_write_engine

    with get_write_engine().begin() as connection:
        names = connection.scalars(
            sa.text("SELECT name FROM _table_metadata WHERE alias_of IS NULL")
        ).all()
        for name in names:
            connection.exec_driver_sql(f'DROP TABLE IF EXISTS "{name}" CASCADE')
        connection.exec_driver_sql("DELETE FROM _table_stats")


def prepare_empty_portal() -> None:
    """Organisations and topics, and nothing else."""
    import ckan.plugins.toolkit as tk

    from ckanext.hcmedu.organizations import sync_organizations, sync_topics

    sync_organizations(tk.config["hcmedu.organizations_path"])
    sync_topics(tk.config["hcmedu.topics_path"])


def in_process_that_dies(
    work: Callable[[], object], meanwhile: Callable[[], None] | None = None
) -> int:
    """Run `work` in a forked process; the number of the signal that ended it, 0 if none did.

    `meanwhile` is called, again and again, in this process.
    """
    from ckan import model
    from ckan.plugins import PluginImplementations
    from ckan.plugins.interfaces import IForkObserver

    # No connection may be shared by two processes.
    model.Session.remove()
    model.ensure_engine().dispose()
    for plugin in PluginImplementations(IForkObserver):
        plugin.before_fork()
    child = os.fork()
    if child == 0:
        try:
            work()
        finally:
            os._exit(0)
    if meanwhile is not None:
        while os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            meanwhile()
    _, status = os.waitpid(child, 0)
    return os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0


def die() -> None:
    """End this process as `kill -9` does."""
    os.kill(os.getpid(), signal.SIGKILL)
