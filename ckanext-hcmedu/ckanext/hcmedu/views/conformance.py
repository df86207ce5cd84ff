"""How well the feed keeps to its standards: a page for everyone."""

from __future__ import annotations

import ckan.plugins.toolkit as tk
from flask import Blueprint

from ckanext.hcmedu.conformance import outcome
from ckanext.hcmedu.dcat.quality import MOST

blueprint = Blueprint("hcmedu_conformance", __name__)


@blueprint.route("/conformance")
def index() -> str:
    """What the last check of the feed found; nothing is checked for this page."""
    report = outcome.last()
    page = {
        "report": report,
        "outcome": outcome.Outcome.of(report.content) if report and report.content else None,
        "most": MOST,
    }
    return tk.render("hcmedu/conformance/index.html", page)
