"""What the city's catalogue has of ours, dataset by dataset. For staff only."""

from __future__ import annotations

import ckan.plugins.toolkit as tk
from flask import Blueprint, Response

from ckanext.hcmedu.auth import is_staff
from ckanext.hcmedu.city import readback
from ckanext.hcmedu.city.comparison import SURPLUS

blueprint = Blueprint("hcmedu_city", __name__)


@blueprint.route("/city-catalogue")
def index() -> Response:
    """What the last reading found, and whether the one after it failed."""
    if not (readback.is_configured() and is_staff(tk.current_user.name)):
        tk.abort(404)
    report = readback.last()
    page = {
        "report": report,
        "comparison": readback.Comparison.of(report.content) if report and report.content else None,
        "surplus": SURPLUS,
    }
    response = Response(tk.render("hcmedu/city/index.html", page), mimetype="text/html")
    response.headers["Cache-Control"] = "private, no-store"
    return response
