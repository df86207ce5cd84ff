"""How far everyone can use the portal: the accessibility statement."""

from __future__ import annotations

from datetime import date

import ckan.plugins.toolkit as tk
from flask import Blueprint

blueprint = Blueprint("hcmedu_accessibility", __name__)

CHECKED = date(2026, 11, 28)
"""The day of the last check by hand; the tests check with every change."""


@blueprint.route("/accessibility")
def index() -> str:
    """The standard, what was checked and when, known limits, whom to tell."""
    page = {"checked": CHECKED.isoformat(), "email": tk.config["hcmedu.contact_email"]}
    return tk.render("hcmedu/accessibility/index.html", page)
