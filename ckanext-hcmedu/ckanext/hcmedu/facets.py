"""The filters beside search results, in the reader's language."""

from __future__ import annotations

from typing import Any

import ckan.plugins.toolkit as tk

from ckanext.hcmedu import helpers


def titles(without: str | None = None) -> dict[str, str]:
    """The filters in their order, name to title; `without` leaves one out."""
    found = {
        "groups": tk._("Topics"),
        "organization": tk._("Publishers"),
        "res_format": tk._("Formats"),
        "tags": tk._("Keywords"),
    }
    found.pop(without or "", None)
    return found


def translate(search_results: dict[str, Any]) -> dict[str, Any]:
    """Name topics and publishers in the language of the request; CKAN knows one name of each."""
    if helpers.language() == "vi":
        return search_results
    for name in ("groups", "organization"):
        for item in search_results.get("search_facets", {}).get(name, {}).get("items", []):
            item["display_name"] = helpers.group_title(item["name"]) or item["display_name"]
    return search_results
