"""How the portal stands, on one page. For staff only."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

import ckan.plugins.toolkit as tk
from flask import Blueprint, Response

from ckanext.hcmedu import operations, settings, standing
from ckanext.hcmedu.auth import is_staff, may_decide
from ckanext.hcmedu.city import readback
from ckanext.hcmedu.conformance import outcome as conformance
from ckanext.hcmedu.dcat.quality import MOST
from ckanext.hcmedu.helpers import language
from ckanext.hcmedu.standing import Feeding, Run

blueprint = Blueprint("hcmedu_operations", __name__)

MOST_MESSAGES = 10
"""How many errors of a source's last harvest are told; ckanext-harvest's own pages have all."""


@blueprint.route("/operations")
def index() -> Response:
    """What is wrong, sources, harvests, what waits for a decision, and the nightly looks."""
    if not is_staff(tk.current_user.name):
        tk.abort(404)
    sources = standing.feeding(datetime.now(UTC))
    runs = standing.runs(one.id for one in sources if one.id)
    city = readback.last() if readback.is_configured() else None
    feed = conformance.last()
    page = {
        "sources": sources,
        "titles": {one.id: one.source.title for one in sources},
        "runs": runs,
        "problems": standing.problems(sources),
        "messages": {one.source.name: messages(one, runs) for one in sources},
        "deliveries": standing.refused(),
        "datasets": list(standing.overview(one.source for one in sources)),
        # Even that something waits tells something: see `views.revisions`.
        "waiting": [one for one in standing.waiting() if may_decide([one.table])],
        "revisions": [one for one in standing.held() if may_decide(one.tables)],
        "tables": settings.declarations().tables,
        "audit": settings.last_audit(),
        "feed": feed,
        "outcome": conformance.Outcome.of(feed.content) if feed and feed.content else None,
        "most": MOST,
        "city": city,
        "comparison": readback.Comparison.of(city.content) if city and city.content else None,
    }
    response = Response(tk.render("hcmedu/operations/index.html", page), mimetype="text/html")
    response.headers["Cache-Control"] = "private, no-store"
    return response


def messages(feeding: Feeding, runs: Iterable[Run]) -> list[str]:
    """The errors of a source's last harvest in the reader's language, for those who may run it:
    they name hosts and files."""
    failed = next((one for one in runs if one.source_id == feeding.id and one.errors), None)
    if feeding.failed_since is None or failed is None or not _may_run(feeding):
        return []
    found = operations.errors_of(failed.id, MOST_MESSAGES)
    return list(dict.fromkeys(_told(one) for one in found))[:MOST_MESSAGES]


def _may_run(feeding: Feeding) -> bool:
    try:
        tk.check_access("harvest_source_update", {"user": tk.current_user.name}, {"id": feeding.id})
    except tk.NotAuthorized:
        return False
    return True


def _told(message: str) -> str:
    """A message that is kept in both languages (`SourceError`), in the reader's."""
    vietnamese, _, english = message.partition(" | ")
    return english if english and language() == "en" else vietnamese
