"""Which answers only their reader may keep.

CKAN calls private what it shows to somebody who is logged in. It would let any cache keep, and show
to others, what a key opens, and a form with the token of somebody's session.
"""

from __future__ import annotations

from typing import TypeVar

import ckan.plugins.toolkit as tk
from flask import Blueprint, g, request, session

from ckanext.hcmedu.dcat.asking import has_key

blueprint = Blueprint("hcmedu_caching", __name__)

_Answer = TypeVar("_Answer")

# What CKAN goes by when it writes the headers.
_PRIVATE = "__no_cache__"


@blueprint.before_app_request
def keep_what_a_key_opens() -> None:
    """Have the answer to a request with a key called private."""
    if has_key(request):
        request.environ[_PRIVATE] = True


@blueprint.after_app_request
def keep_forms(response: _Answer) -> _Answer:
    """Have an answer called private that makes a session, or has the token of one in it."""
    if session.modified or tk.config["WTF_CSRF_FIELD_NAME"] in g:
        request.environ[_PRIVATE] = True
    return response
