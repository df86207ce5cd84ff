"""The files of every release at addresses that stay, and the list of a table's releases."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import ckan.plugins.toolkit as tk
from flask import Blueprint, Response, abort, request, send_file

from ckanext.hcmedu import settings
from harvesters.certificates import public_certificate
from harvesters.releases import Release, UnknownRelease

blueprint = Blueprint("hcmedu_release", __name__, url_prefix="/dataset")

_PROBLEM = "application/problem+json"
_MANIFEST = "manifest.json"
_CERTIFICATE = "certificate.json"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*")


def _release(table: str, number: int) -> Release:
    """A release that the public may know of: published or withdrawn, but not one that waits."""
    try:
        found = settings.release_store().get(_safe(table), number)
    except UnknownRelease:
        found = None
    if found is None or found.state == "waiting":
        tk.abort(404, tk._("There is no such release."))
    return found


def open_release(table: str, number: int) -> Release:
    """A release that is published; who asks for another is answered here, with 404 or 410."""
    release = _release(table, number)
    if release.state == "withdrawn":
        abort(_withdrawn(release))
    return release


def _safe(table: str) -> str:
    """A table's name as part of a path: nothing that leads out of the folder of releases."""
    return table if _NAME.fullmatch(table) else tk.abort(404, tk._("There is no such dataset."))


def _wants_page() -> bool:
    offered = ["text/html", "application/json", _PROBLEM]
    return request.accept_mimetypes.best_match(offered, default=_PROBLEM) == "text/html"


def _withdrawn(release: Release) -> Response:
    """The answer 410: who asks learns that the release was taken back, when and why."""
    withdrawal = release.withdrawal or {}
    if _wants_page():
        page = {"release": release, "withdrawal": withdrawal, "title": _title(release.table)}
        response = Response(tk.render("hcmedu/release/withdrawn.html", page), mimetype="text/html")
    else:
        problem = {
            "type": f"{settings.site_url()}/about#releases",
            "title": tk._("This release has been withdrawn."),
            "status": 410,
            "detail": withdrawal.get("reason", ""),
            "instance": request.path,
            "table": release.table,
            "release": release.number,
            "withdrawn": withdrawal.get("at"),
        }
        body = json.dumps(problem, ensure_ascii=False)
        response = Response(body, content_type=_PROBLEM)
    response.status_code = 410
    response.vary.add("Accept")
    return response


def _title(table: str) -> Any:
    declared = settings.declarations().tables.get(table)
    return declared.title if declared else table


@blueprint.route(f"/<table>/release/<int:number>/{_MANIFEST}")
def manifest(table: str, number: int) -> Response:
    """What a release is made of: periods, columns, files with digests, changes, certificates."""
    release = open_release(table, number)
    return _document(release.manifest)


@blueprint.route(f"/<table>/release/<int:number>/{_CERTIFICATE}")
def certificate(table: str, number: int) -> Response:
    """What the audit of a release checked, of which files, with which outcome: what of its
    certificates is public."""
    release = open_release(table, number)
    return _document(public_certificate(release))


def _document(data: Mapping[str, Any]) -> Response:
    body = json.dumps(data, ensure_ascii=False, indent=2)
    response = Response(body, content_type="application/json")
    response.add_etag()
    return _revalidated(response).make_conditional(request)


@blueprint.route("/<table>/release/<int:number>/<name>")
def file(table: str, number: int, name: str) -> Response:
    """A file of a release: only what its manifest names, with its digest as a strong ETag."""
    release = open_release(table, number)
    described = next((each for each in release.manifest["files"] if each["name"] == name), None)
    path = release.file(name)
    if described is None or path is None:
        tk.abort(404, tk._("The release has no such file."))
    try:
        response = send_file(
            path,
            mimetype=described["media_type"],
            as_attachment=True,
            download_name=name,
            conditional=True,
            etag=described["sha256"],
            last_modified=datetime.fromisoformat(release.manifest["issued"]),
        )
    except FileNotFoundError:
        # Withdrawn between the look at the folder and the opening of the file.
        return _withdrawn(release)
    response.headers["Repr-Digest"] = _digest(described["sha256"])
    return _revalidated(response)


def _digest(sha256: str) -> str:
    """A digest as RFC 9530 writes it."""
    return f"sha-256=:{b64encode(bytes.fromhex(sha256)).decode()}:"


def _revalidated(response: Response) -> Response:
    """A file that anyone may keep, but must ask about: a release can be withdrawn at any time."""
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.cache_control.public = True
    response.cache_control.no_cache = True
    return response


@blueprint.route("/<table>/releases")
def index(table: str) -> str:
    """All releases of a table: dates, what changed, files; the withdrawn ones with the reason."""
    store = settings.release_store()
    known = [each for each in store.releases(_safe(table)) if each.state != "waiting"]
    if not known:
        tk.abort(404, tk._("There is no such dataset."))
    current = store.current(table)
    page = {
        "table": table,
        "title": _title(table),
        "releases": list(reversed(known)),
        "current": current.number if current else None,
        "dataset": _dataset(table),
    }
    return tk.render("hcmedu/release/index.html", page)


def _dataset(table: str) -> dict[str, Any] | None:
    try:
        return tk.get_action("package_show")({"for_view": True}, {"id": table})
    except (tk.ObjectNotFound, tk.NotAuthorized):
        return None
