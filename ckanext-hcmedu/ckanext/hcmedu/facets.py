"""The filters beside search results, in the reader's language."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ckan.plugins.toolkit as tk

from ckanext.hcmedu import helpers, settings, wording


def titles(without: str | None = None) -> dict[str, str]:
    """The filters in their order, name to title; `without` leaves one out."""
    found = {
        "groups": tk._("Topics"),
        "area_level": tk._("Areas"),
        "education_level": tk._("Level of education"),
        "school_year": tk._("School year"),
        "year_of_release": tk._("Year of release"),
        "organization": tk._("Publishers"),
        "res_format": tk._("Formats"),
        "tags": tk._("Keywords"),
    }
    found.pop(without or "", None)
    return found


def translate(search_results: dict[str, Any]) -> dict[str, Any]:
    """Name what one can filter by in the language of the request; CKAN knows one name of each."""
    namers: dict[str, Callable[[str], str | None]] = {
        "groups": helpers.group_title,
        "organization": helpers.group_title,
        "area_level": _area_level,
        "education_level": _education_level,
        "school_year": wording.period_name,
    }
    for field, name in namers.items():
        for item in search_results.get("search_facets", {}).get(field, {}).get("items", []):
            item["display_name"] = name(item["name"]) or item["display_name"]
    return search_results


def _area_level(code: str) -> str | None:
    names = {"city": tk._("Whole city"), "area": tk._("Ward or commune"), "school": tk._("School")}
    return names.get(code)


def _education_level(code: str) -> str | None:
    found = settings.declarations().codelists["level"].codes.get(code)
    return wording.text(found.label) if found else None
