"""The pages and files that the extension serves; each module is one blueprint."""

from __future__ import annotations

from flask import Blueprint

from ckanext.hcmedu import caching, security
from ckanext.hcmedu.views import (
    accessibility,
    city,
    codelists,
    conformance,
    federation,
    figures,
    manifest,
    operations,
    places,
    privacy,
    releases,
    revisions,
    scoreboard,
    suggestions,
    tables,
)


def get_blueprints() -> list[Blueprint]:
    """All blueprints of the extension."""
    return [
        caching.blueprint,
        security.blueprint,
        accessibility.blueprint,
        city.blueprint,
        codelists.blueprint,
        conformance.blueprint,
        federation.blueprint,
        figures.blueprint,
        manifest.blueprint,
        operations.blueprint,
        places.blueprint,
        privacy.blueprint,
        releases.blueprint,
        revisions.blueprint,
        scoreboard.blueprint,
        suggestions.blueprint,
        tables.blueprint,
    ]
