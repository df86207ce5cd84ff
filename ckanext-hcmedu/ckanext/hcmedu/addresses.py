"""Addresses and IRIs: which a page may link to, whose they are, how their parts are called."""

from __future__ import annotations

import re
from typing import Any

SCHEMES = frozenset({"http", "https", "ftp", "ftps", "mailto", "tel", "urn"})
"""What an address may begin with; `javascript:` and its like run in the session of who clicks."""

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")
# Browsers pass over these, wherever they stand.
_PASSED_OVER = re.compile(r"[\x00-\x20\x7f-\x9f\xad\u200b-\u200f\u2028-\u202f\u2060\ufeff]")


def is_linkable(address: Any) -> bool:
    """Whether a page may link to `address`: it is one of `SCHEMES`, or without any."""
    scheme = _SCHEME.match(_PASSED_OVER.sub("", str(address)))
    return scheme is None or scheme[1].lower() in SCHEMES


def link(address: Any) -> str:
    """`address`, or nothing where no page may link to it."""
    return str(address) if address and is_linkable(address) else ""


def may_name(iri: str, site: str, dataset_id: str | None, organization: str | None) -> bool:
    """Whether a dataset may say something of the thing called `iri`.

    Below the portal's own address it may do so of itself, its parts and its organisation, of code
    lists and of the API: consumers take what is said of one IRI for one thing, whoever said it,
    and delete a thing when that one goes.

    :param site: the portal's address, without a slash at its end.
    :param organization: the name of the dataset's organisation.
    """
    if iri.rstrip("/") != site and not iri.startswith((f"{site}/", f"{site}#", f"{site}?")):
        return True
    path = iri.removeprefix(site)
    if path.startswith(("/codelist/", "/api/")):
        return True
    whole = [f"/dataset/{dataset_id}"] if dataset_id else []
    whole += [f"/organization/{organization}"] if organization else []
    return any(path == each or path.startswith((f"{each}/", f"{each}#")) for each in whole)


def below(iri: str, word: str) -> str:
    """The IRI of a part, called `word`, of what `iri` names: an IRI has one fragment only."""
    return f"{iri}{'-' if '#' in iri else '#'}{word}"
