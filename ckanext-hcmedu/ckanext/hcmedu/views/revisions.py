"""The queue of held revisions: publishers see what would change, and decide. For staff only."""

from __future__ import annotations

import itertools
from typing import Any

import ckan.plugins.toolkit as tk
from flask import Blueprint, Response, request

from ckanext.hcmedu import settings
from ckanext.hcmedu.auth import may_decide
from harvesters import revisions
from harvesters.revisions import Busy, Revision, UnknownRevision

blueprint = Blueprint("hcmedu_revision", __name__, url_prefix="/revisions")

MOST_ROWS = 300
"""How many changed values a page shows; `ckan hcmedu revisions show` has all."""


def _find(record: str, period: str) -> Revision:
    """The revision that waits; the same answer where there is none and where it is not for who
    asks, since even that there is one tells something."""
    try:
        found = revisions.find(settings.state_path(), record, period)
    except UnknownRevision:
        found = None
    if found is None or not may_decide(found.tables):
        tk.abort(404, tk._("There is no such revision."))
    return found


def _require_staff() -> None:
    if tk.current_user.is_anonymous:
        tk.abort(404, tk._("There is no such revision."))


def _page(template: str, **data: Any) -> Response:
    response = Response(tk.render(template, data), mimetype="text/html")
    response.headers["Cache-Control"] = "private, no-store"
    return response


@blueprint.route("")
def index() -> Response:
    """The revisions that who asks may decide on."""
    _require_staff()
    waiting = [one for one in revisions.held(settings.state_path()) if may_decide(one.tables)]
    tables = settings.declarations().tables
    return _page("hcmedu/revision/index.html", revisions=waiting, tables=tables)


@blueprint.route("/<record>/<period>")
def read(record: str, period: str) -> Response:
    """What a revision would change, and the form to decide."""
    _require_staff()
    return _shown(_find(record, period))


def _shown(revision: Revision, error: str = "", reason: str = "") -> Response:
    declarations = settings.declarations()
    found = revisions.changes(revision, settings.state_path(), declarations)
    shown = list(itertools.islice(found, MOST_ROWS))
    page = {
        "revision": revision,
        "changes": shown,
        "more": sum(1 for _ in found),
        "tables": declarations.tables,
        "error": error,
        "reason": reason,
    }
    return _page("hcmedu/revision/read.html", **page)


@blueprint.route("/<record>/<period>", methods=["POST"])
def decide(record: str, period: str) -> Response:
    """Accept or reject a revision, with a reason."""
    _require_staff()
    revision = _find(record, period)
    reason = request.form.get("reason", "").strip()
    decision = request.form.get("decision")
    if decision not in ("accept", "reject") or not reason:
        response = _shown(revision, tk._("Say why, and choose one of the two."), reason)
        response.status_code = 400
        return response
    done = revisions.accept if decision == "accept" else revisions.reject
    try:
        done(settings.state_path(), record, period, tk.current_user.name, reason)
    except UnknownRevision:
        tk.abort(404, tk._("There is no such revision."))
    except Busy:
        message = tk._("A release is being made just now. Try again in a minute.")
        response = _shown(revision, message, reason)
        response.status_code = 409
        return response
    if decision == "accept":
        tk.h.flash_success(tk._("Accepted: the portal publishes it within a minute or so."))
    else:
        tk.h.flash_success(tk._("Rejected: what is published stays as it is."))
    answer: Response = tk.redirect_to("hcmedu_revision.index")
    return answer
