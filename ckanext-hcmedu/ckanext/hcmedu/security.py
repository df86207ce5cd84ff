"""What browsers may do with the portal's answers.

Sources: Content Security Policy Level 3, OWASP's list of secure headers.
"""

from __future__ import annotations

import ckan.plugins.toolkit as tk
from flask import Blueprint, Response, request

from ckanext.hcmedu import settings

blueprint = Blueprint("hcmedu_security", __name__)

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "strict-origin-when-cross-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=()",
}

_STRICT = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self'",
    "connect-src": "'self'",
    "frame-src": "'self'",
    "manifest-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'self'",
}
"""For readers: nothing from elsewhere, and no script or style that stands in a page."""

_INLINE = "'self' 'unsafe-inline'"

# CKAN's preview of a table, a frame in a page of its own, and its forms for staff have scripts and
# styles of their own in them.
_OF_CKAN = _STRICT | {"script-src": _INLINE, "style-src": _INLINE}
_PREVIEWS = "resource.view"

_WITH_MAPS = ("hcmedu_places.school_map", "hcmedu_places.area")

# Made to be shown in other sites' pages.
_EMBEDDED = "hcmedu_figures.embed"


def is_for_readers() -> bool:
    """Whether the page that is asked for is one of ours, for everyone, and needs nothing of CKAN's
    scripts and styles."""
    return not (tk.current_user.is_authenticated or str(request.endpoint).endswith(_PREVIEWS))


@blueprint.after_app_request
def add_headers(response: Response) -> Response:
    """Tell the browser; what an answer says itself is kept."""
    policy = _STRICT if is_for_readers() else _OF_CKAN
    tiles = settings.map_tiles() if request.endpoint in _WITH_MAPS else None
    if tiles:
        policy = policy | {"img-src": f"{policy['img-src']} {tiles['origin']}"}
    if request.endpoint == _EMBEDDED:
        policy = policy | {"frame-ancestors": "*"}
    written = "; ".join(f"{name} {value}" for name, value in policy.items())
    for name, value in {**_HEADERS, "Content-Security-Policy": written}.items():
        response.headers.setdefault(name, value)
    return response
