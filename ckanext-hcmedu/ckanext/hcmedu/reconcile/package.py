"""The dataset in CKAN's database and the row that says which release it shows: one transaction.

CKAN's actions write to the search index before they commit, so a crash between the two leaves an
index that names what is not there. Here they are told to leave the commit alone (`defer_commit`;
`package_update` then also needs `return_id_only`, or it rolls its work back without a word), and
the caller updates the index once the commit has gone through.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import UTC, datetime
from typing import Any

import ckan.plugins.toolkit as tk
from ckan import model
from ckan.types import Context

from ckanext.hcmedu.model import Projection
from schemas.identity import view_id

_VIEW = "datatables_view"
_VIEW_TITLE = "Bảng số liệu"


def observe(tables: Collection[str] | None = None) -> dict[str, Projection]:
    """The projections of `tables` (all, if None) by table name."""
    query = model.Session.query(Projection)
    if tables is not None:
        query = query.filter(Projection.table_name.in_(tables))
    found = {projection.table_name: projection for projection in query}
    # What was seen must stay as it was seen, whatever this session commits.
    for projection in found.values():
        model.Session.expunge(projection)
    return found


def modified(dataset_ids: Collection[str]) -> dict[str, datetime]:
    """The ``metadata_modified`` of those of the datasets that are shown to readers, by id."""
    package = model.Package
    query = model.Session.query(package.id, package.metadata_modified).filter(
        package.id.in_(dataset_ids), package.state == model.State.ACTIVE
    )
    return {row.id: row.metadata_modified for row in query}


def publish(dataset: Mapping[str, Any], datastore_id: str, rows: int, digest: str) -> datetime:
    """Create or update the dataset, the preview of its DataStore table and its projection.

    :returns: the dataset's ``metadata_modified`` (UTC).
    :raises ckan.logic.ValidationError: CKAN refuses the dataset; nothing was changed.
    """
    table = dataset["name"]
    exists = model.Package.get(dataset["id"]) is not None
    action = tk.get_action("package_update" if exists else "package_create")
    action(_context(), dict(dataset))
    _put_view(table, datastore_id)
    model.Session.flush()
    package = model.Session.get(model.Package, dataset["id"])
    assert package is not None
    if exists:
        # An update that changes nothing but the preview must be told to readers' caches as well.
        package.metadata_modified = now()
    model.Session.merge(
        Projection(
            table_name=table,
            dataset_id=dataset["id"],
            release=dataset["hcmedu_release"],
            rows=rows,
            digest=digest,
            datastore_id=datastore_id,
            dataset_modified=package.metadata_modified,
        )
    )
    stamp = package.metadata_modified
    model.Session.commit()
    return stamp


def remove(table: str, dataset_id: str) -> None:
    """Take the dataset from readers, and its projection with it.

    Nothing may stand in the way of a withdrawal, so this asks no validator and no index.
    """
    package = model.Package.get(dataset_id)
    if package is not None and package.state != model.State.DELETED:
        package.state = model.State.DELETED
        package.metadata_modified = now()
    model.Session.query(Projection).filter_by(table_name=table).delete()
    model.Session.commit()


def now() -> datetime:
    """The time as CKAN writes it: UTC, without a time zone."""
    return datetime.now(UTC).replace(tzinfo=None)


def _context() -> Context:
    user = tk.get_action("get_site_user")({"ignore_auth": True, "defer_commit": True}, {})
    return Context(
        user=user["name"],
        ignore_auth=True,
        session=model.Session,
        defer_commit=True,
        return_id_only=True,
    )


def _put_view(table: str, datastore_id: str) -> None:
    """Let the table's one preview show the DataStore resource of the release.

    `resource_view_create` takes no id and commits on its own.
    """
    identifier = view_id(table, "datastore")
    view = model.Session.get(model.ResourceView, identifier)
    if view is None:
        view = model.ResourceView(id=identifier, view_type=_VIEW, order=1)
        model.Session.add(view)
    view.resource_id = datastore_id
    view.title = _VIEW_TITLE
    view.description = ""
    view.config = {"responsive": False, "filterable": True}
