"""The declared sources as ckanext-harvest knows them: one harvest source each, private."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import ckan.model as model
import ckan.plugins.toolkit as tk
from ckanext.harvest.model import HarvestSource

from ckanext.hcmedu import settings
from harvesters.sources import Source, load_sources
from schemas.identity import organization_id
from schemas.record import REGISTER

SOURCE_TYPE = "hcmedu"
_ADDRESS = "https://hcmedu.invalid/source/"


@dataclass
class SyncResult:
    """The names of the harvest sources that were made, changed, left or switched off."""

    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    retired: list[str] = field(default_factory=list)


def declared_sources() -> list[Source]:
    """The sources that the configuration declares; those with a register of schools come first,
    since the others are checked against it.

    :raises schemas.DeclarationErrors: a declaration is wrong.
    """
    sources = load_sources(tk.config["hcmedu.sources_path"], settings.declarations().records)
    return sorted(
        sources.values(), key=lambda source: (REGISTER not in source.records, source.name)
    )


def declared_source(address: str) -> Source | None:
    """The declared source of a harvest source's address, or None where it is gone."""
    name = address.rstrip("/").rsplit("/", 1)[-1]
    return next((source for source in declared_sources() if source.name == name), None)


def sync_sources(sources: Iterable[Source] | None = None) -> SyncResult:
    """Make ckanext-harvest's sources agree with the declared ones; again, it changes nothing.

    A source that is no longer declared is switched off, with its history kept.
    """
    result = SyncResult()
    declared = list(declared_sources() if sources is None else sources)
    for source in declared:
        wanted = {
            "name": source.name,
            # ckanext-harvest wants an address of its own for each source. The real one may hold
            # credentials and stays in the environment; this one leads nowhere (RFC 6761).
            "url": _ADDRESS + source.name,
            "title": source.title["vi"],
            "source_type": SOURCE_TYPE,
            "owner_org": source.organization,
            "private": True,
            "frequency": "MANUAL",
        }
        existing = model.Package.get(source.name)
        if existing is None:
            tk.get_action("harvest_source_create")(_context(), wanted)
            result.created.append(source.name)
            continue
        if _stands_as(existing, wanted):
            result.unchanged.append(source.name)
        else:
            update = {**wanted, "id": existing.id, "state": model.State.ACTIVE}
            tk.get_action("harvest_source_update")(_context(), update)
            result.updated.append(source.name)
    names = {source.name for source in declared}
    for found in model.Session.query(HarvestSource).filter_by(type=SOURCE_TYPE, active=True):
        name = found.url.rstrip("/").rsplit("/", 1)[-1]
        if name not in names:
            tk.get_action("harvest_source_delete")(_context(), {"id": found.id})
            result.retired.append(name)
    return result


def _stands_as(package: model.Package, wanted: dict[str, Any]) -> bool:
    """Whether ckanext-harvest has the source just so, by its rows: what its action shows depends
    on whether the search index has the source yet."""
    source = HarvestSource.get(package.id)
    return (
        source is not None
        and source.active
        and (source.url, source.type, source.frequency)
        == (wanted["url"], wanted["source_type"], wanted["frequency"])
        and package.state == model.State.ACTIVE
        and (package.title, package.private) == (wanted["title"], wanted["private"])
        and package.owner_org == organization_id(wanted["owner_org"])
    )


def harvest_source_id(source: Source) -> str:
    """The id of the harvest source of a declared source.

    :raises ckan.plugins.toolkit.ObjectNotFound: the sources were not synced.
    """
    package = model.Package.get(source.name)
    if package is None:
        raise tk.ObjectNotFound(f"There is no harvest source {source.name}: sync the sources.")
    return str(package.id)


def _context() -> dict[str, Any]:
    user = tk.get_action("get_site_user")({"ignore_auth": True}, {})["name"]
    return {"user": user, "ignore_auth": True}
