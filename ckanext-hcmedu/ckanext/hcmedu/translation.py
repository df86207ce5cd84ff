"""Texts of datasets, organisations and topics in the language of the page that shows them.

CKAN hands every dataset and group it is about to show to its plugins; there the core fields take
the reader's language, so that templates of CKAN and its extensions need not know of translations.
The API and the search index, which are not views, keep the Vietnamese.
"""

from __future__ import annotations

from typing import Any

from ckanext.hcmedu import helpers, wording


def _translate(data: dict[str, Any], *fields: str) -> None:
    # Before a group's extras are turned into fields they are a list of keys and values.
    extras = {
        extra["key"]: extra["value"]
        for extra in data.get("extras") or []
        if isinstance(extra, dict) and "key" in extra
    }
    for field in fields:
        translated = wording.text(helpers.translations({**extras, **data}, field))
        if translated:
            data[field] = translated


def dataset_for_view(dataset: dict[str, Any]) -> dict[str, Any]:
    """A dataset with its texts, and those of what belongs to it, in the language of the page."""
    if wording.language() == "vi":
        return dataset
    _translate(dataset, "title", "notes")
    for resource in dataset.get("resources", []):
        _translate(resource, "name", "description")
    for group in [*dataset.get("groups", []), dataset.get("organization") or {}]:
        title = helpers.group_title(group["name"]) if group.get("name") else None
        if title:
            group["title"] = title
            if "display_name" in group:
                group["display_name"] = title
    return dataset


def group_for_view(group: dict[str, Any]) -> dict[str, Any]:
    """An organisation or topic with its title and description in the language of the page."""
    if wording.language() == "vi":
        return group
    _translate(group, "title", "description")
    group["display_name"] = group.get("title") or group["name"]
    return group
