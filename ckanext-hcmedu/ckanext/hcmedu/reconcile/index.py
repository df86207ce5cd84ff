"""The search index's entries of the portal's datasets."""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from datetime import datetime

import ckan.plugins.toolkit as tk
import pysolr
from ckan import logic
from ckan.lib.search import SearchIndexError, clear
from ckan.lib.search.common import make_connection

from ckanext.hcmedu.search import documents

log = logging.getLogger(__name__)

_MOST = 100_000
"""Entries that are made anew at once."""

_SHOWN_TO = 22
"""Characters of a time that CKAN compares: the index stores it less precisely."""


def observe(dataset_ids: Collection[str]) -> dict[str, str]:
    """The ``metadata_modified`` of the datasets that are in the index, by id.

    Of an index that does not answer nothing is known: that must not keep a withdrawal waiting.
    """
    if not dataset_ids:
        return {}
    try:
        found = make_connection(decode_dates=False).search(
            "*:*",
            fq=[
                f'site_id:"{tk.config["ckan.site_id"]}"',
                "{!terms f=id}" + ",".join(sorted(dataset_ids)),
            ],
            fl="id,metadata_modified",
            rows=len(dataset_ids),
        )
    except pysolr.SolrError:
        log.exception("The search index does not answer")
        return {}
    return {entry["id"]: entry["metadata_modified"] for entry in found}


def refresh() -> int:
    """Write the entries anew that were made with other code or another configset of the index;
    how many there were.

    An index that does not answer has none: it is asked again at the next reconcile.
    """
    made_otherwise = [
        f'site_id:"{tk.config["ckan.site_id"]}"',
        "entity_type:package",
        f'-{documents.RECIPE}:"{documents.recipe()}"',
    ]
    try:
        found = make_connection(decode_dates=False).search(
            "*:*", fq=made_otherwise, fl="id", rows=_MOST
        )
        for entry in found:
            update(entry["id"])
    except (pysolr.SolrError, SearchIndexError):
        log.exception("The search index does not answer")
        return 0
    return len(found)


def is_current(entries: Mapping[str, str], dataset_id: str, modified: datetime) -> bool:
    """Whether the dataset's entry was made from its state of `modified`."""
    entry = entries.get(dataset_id, "")
    return entry[:_SHOWN_TO] == modified.isoformat()[:_SHOWN_TO]


def update(dataset_id: str) -> None:
    """Write the dataset's entry from what the database has now.

    :raises ckan.lib.search.SearchIndexError: the index does not take it.
    """
    logic.index_update_package({"ignore_auth": True}, dataset_id)


def remove(dataset_id: str) -> None:
    """Take the dataset's entry away.

    :raises ckan.lib.search.SearchIndexError: the index does not answer.
    """
    clear(dataset_id)
