"""What is asked and by whom, as far as the feed goes by it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import ckan.plugins.toolkit as tk
from werkzeug.wrappers import Request

from ckanext.hcmedu import settings

CATALOG = re.compile(r"/catalog(?:\.(?P<ending>[^/]+))?")
QUESTIONS = ("q", "fq")
"""Parameters with words to look for in the search index."""
SEARCHES = frozenset({*QUESTIONS, "page", "profiles"})
"""Those of the catalogue that ckanext-dcat answers."""
SEARCHED = frozenset({"ttl", "n3", "rdf", "xml", "jsonld"})
"""The formats that ckanext-dcat has."""

Start = Callable[..., Any]
Wsgi = Callable[[dict[str, Any], Start], Iterable[bytes]]


def own_path(request: Request) -> str:
    """The path without the portal's prefix and the page's language."""
    path, prefix = request.path, settings.root_path()
    if prefix and path.startswith(f"{prefix}/"):
        path = path.removeprefix(prefix)
    first, _, rest = path.removeprefix("/").partition("/")
    return f"/{rest}" if first in tk.config["ckan.locales_offered"] and rest else path


def is_personal(request: Request) -> bool:
    """Whether the request may be that of somebody with an account."""
    return "Cookie" in request.headers or has_key(request)


def has_key(request: Request) -> bool:
    """Whether the request has a key with it."""
    names = ("Authorization", tk.config["apitoken_header_name"])
    return any(name in request.headers for name in names)
