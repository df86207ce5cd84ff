"""How another data portal harvests this one: a page for its operators."""

from __future__ import annotations

import ckan.plugins.toolkit as tk
from ckan import model
from flask import Blueprint

from ckanext.hcmedu import settings
from ckanext.hcmedu.dcat import entries

blueprint = Blueprint("hcmedu_federation", __name__)


@blueprint.route("/federation")
def index() -> str:
    """Addresses of every form of the feed, and what they promise."""
    connection = model.Session.connection()
    snapshot = entries.newest(connection)
    ids = entries.dataset_ids(connection, snapshot.position) if snapshot else []
    page = {
        "portal": settings.public_url(),
        "size": tk.config["hcmedu.feed_page_size"],
        "example": ids[0] if ids else None,
        "since": f"{snapshot.at:%Y-%m-%dT%H:%M:%SZ}" if snapshot else None,
        "kept": entries.KEPT.days,
        "email": tk.config["hcmedu.contact_email"],
    }
    return tk.render("hcmedu/federation/index.html", page)
