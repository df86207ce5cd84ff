"""The portal on a phone's home screen. Source: W3C Web Application Manifest."""

from __future__ import annotations

import json

import ckan.plugins.toolkit as tk
from flask import Blueprint, Response

from ckanext.hcmedu import helpers, wording

blueprint = Blueprint("hcmedu_manifest", __name__)


@blueprint.route("/manifest.webmanifest")
def read() -> Response:
    """Name, icons and colours, in the reader's language.

    There is no service worker: what it kept would be figures that may have been withdrawn.
    """
    start = tk.url_for("home.index")
    icons = [
        {"src": _file("favicon.svg"), "type": "image/svg+xml", "sizes": "any"},
        *(
            {
                "src": _file(f"icon-{size}.png"),
                "type": "image/png",
                "sizes": f"{size}x{size}",
                "purpose": purpose,
            }
            for size in (192, 512)
            for purpose in ("any", "maskable")
        ),
    ]
    content = {
        "name": helpers.site_title(),
        "short_name": tk._("Education data"),
        "description": helpers.site_description(),
        "lang": wording.language(),
        "dir": "ltr",
        "id": tk.url_for("home.index", locale="default"),
        "start_url": start,
        "scope": tk.url_for("home.index", locale="default"),
        "display": "minimal-ui",
        "background_color": "#ffffff",
        "theme_color": "#0b4f7d",
        "icons": icons,
    }
    return Response(json.dumps(content, ensure_ascii=False), mimetype="application/manifest+json")


def _file(name: str) -> str:
    return str(tk.h.url_for_static(f"/hcmedu/{name}"))
