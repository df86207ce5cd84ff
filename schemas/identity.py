"""Identifiers that are made from names, so that a portal rebuilt from nothing has the same ones.

All are UUIDs of version 5 (RFC 9562, section 5.5) in one namespace of the portal.
"""

from __future__ import annotations

from uuid import UUID, uuid5

NAMESPACE = UUID("7c0a1f3e-55c1-5d3b-9d0e-6b1c1f0a7e21")


def _identifier(kind: str, *names: str) -> str:
    return str(uuid5(NAMESPACE, "/".join((kind, *names))))


def dataset_id(table: str) -> str:
    """The id of the dataset that publishes `table`."""
    return _identifier("dataset", table)


def resource_id(table: str, key: str) -> str:
    """The id of a resource of that dataset; `key` is a file key such as ``csv``."""
    return _identifier("resource", table, key)


def view_id(table: str, key: str) -> str:
    """The id of the preview of that resource."""
    return _identifier("view", table, key)


def organization_id(name: str) -> str:
    """The id of the organisation called `name`."""
    return _identifier("organization", name)


def group_id(name: str) -> str:
    """The id of the group (topic) called `name`."""
    return _identifier("group", name)


def source_id(name: str) -> str:
    """The id of the harvest source called `name`."""
    return _identifier("source", name)
