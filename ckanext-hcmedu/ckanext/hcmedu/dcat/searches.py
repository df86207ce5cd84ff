"""Searches of the catalogue, which ckanext-dcat answers from the search index: what it would
stumble over is mended, or refused with a reason.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, unquote, urlencode

import ckan.plugins.toolkit as tk
from ckan.lib.search.common import SearchError
from ckan.types import Context
from werkzeug.wrappers import Request

from ckanext.hcmedu.dcat import moments
from ckanext.hcmedu.dcat.asking import CATALOG, QUESTIONS, Start, Wsgi, own_path

_MOST_DIGITS = 5
"""Of the number of a page: Solr counts no further than 2³¹."""
_QUOTED = "hcmedu.searches.quoted"


class Searches:
    """WSGI middleware that quotes the questions of searches once more.

    ckanext-dcat (2.4) writes them into the addresses of the pages as they are, and no IRI has
    blanks or brackets; `dcat_catalog_show` takes the quoting off again.
    """

    def __init__(self, application: Wsgi):
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Start) -> Iterable[bytes]:
        request = Request(environ)
        if CATALOG.fullmatch(own_path(request)):
            asked = [
                (name, quote(text, safe="") if name in QUESTIONS else text)
                for name, text in request.args.items(multi=True)
            ]
            environ = environ | {"QUERY_STRING": urlencode(asked), _QUOTED: True}
        return self._application(environ, start_response)


@tk.chained_action
@tk.side_effect_free
def dcat_catalog_show(original: Any, context: Context, data_dict: dict[str, Any]) -> str:
    """A page of what is found, by ckanext-dcat.

    :raises ckan.logic.ValidationError: the question cannot be answered.
    """
    asked = dict(data_dict)
    if tk.request and tk.request.environ.get(_QUOTED):
        asked |= {name: unquote(asked[name]) for name in QUESTIONS if asked.get(name)}
    page = str(asked.get("page") or "")
    if page.isdecimal() and len(page) > _MOST_DIGITS:
        raise tk.ValidationError({"page": [tk._("There is no such page.")]})
    if asked.get("modified_since"):
        since = moments.parse(asked["modified_since"])
        if since is None:
            message = tk._("`modified_since` is not a point in time as RFC 3339 has it.")
            raise tk.ValidationError({"modified_since": [message]})
        asked["modified_since"] = since.isoformat()
    try:
        found: str = original(context, asked)
    except SearchError as error:
        message = tk._("The search index does not understand the question.")
        raise tk.ValidationError({"q": [message]}) from error
    return found


def get_actions() -> dict[str, Any]:
    """The actions that are chained."""
    return {"dcat_catalog_show": dcat_catalog_show}
