"""Which release of each table readers without an account are shown; asked once a request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa
from ckan import model
from flask import g, has_request_context

from ckanext.hcmedu.model import Projection


@dataclass(frozen=True)
class Published:
    """A table's dataset, the release that it shows, and the DataStore table with its rows.
    `digest` is of all that the dataset says, so that no two have the same."""

    table: str
    dataset_id: str
    release: int
    datastore_id: str
    digest: str


def published() -> Mapping[str, Published]:
    """What readers are shown, by the name of its table."""
    if not has_request_context():
        return _published()
    if "hcmedu_published" not in g:
        g.hcmedu_published = _published()
    return g.hcmedu_published


def _published() -> dict[str, Published]:
    package = model.Package
    query = (
        sa.select(
            Projection.table_name,
            Projection.dataset_id,
            Projection.release,
            Projection.datastore_id,
            Projection.digest,
        )
        .join(package, package.id == Projection.dataset_id)
        .where(package.state == model.State.ACTIVE, package.private.is_(False))
    )
    return {row.table_name: Published(*row) for row in model.Session.execute(query)}
