"""The organisations and topics of the portal, made as configuration files declare them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import ckan.plugins.toolkit as tk
import yaml

from ckanext.hcmedu.validators import LANGUAGES
from schemas.identity import group_id, organization_id

_TEXTS = {"title": "title_translated", "description": "description_translated"}


class ConfigurationError(Exception):
    """A file of organisations or topics that cannot be used; says where and how to mend it."""


@dataclass
class SyncResult:
    """What a synchronisation did, by name."""

    created: list[str] = field(default_factory=list)
    updated: list[str] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)


def _entries(path: Path, key: str, fields: Iterable[str]) -> list[dict[str, Any]]:
    """The entries of a file `{key: [{name, title, …}]}`, as fields of CKAN."""
    try:
        data = yaml.safe_load(path.read_text("utf-8"))
    except FileNotFoundError:
        raise ConfigurationError(f"{path}: the file is not there.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path}: this is not YAML in UTF-8: {error}") from None
    if not isinstance(data, dict) or not isinstance(data.get(key), list):
        raise ConfigurationError(f"{path}: expected a list under `{key}:`.")
    known = {"name", *_TEXTS, *fields}
    entries, names = [], set()
    for number, entry in enumerate(data[key], start=1):
        where = f"{path}: {key}[{number}]"
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            raise ConfigurationError(f"{where}: `name` is missing.")
        where = f"{where} ({entry['name']})"
        if entry["name"] in names:
            raise ConfigurationError(f"{where}: the name stands twice; keep one.")
        names.add(entry["name"])
        unknown = sorted(set(entry) - known)
        if unknown:
            expected = ", ".join(sorted(known))
            raise ConfigurationError(f"{where}: `{unknown[0]}` is not known; known are {expected}.")
        for text in ("title", *(name for name in ("description",) if name in entry)):
            value = entry.get(text)
            if not isinstance(value, dict) or set(value) != set(LANGUAGES):
                raise ConfigurationError(f"{where}: `{text}` needs a text for vi and one for en.")
        fields_of_entry = {_TEXTS.get(name, name): value for name, value in entry.items()}
        core = {name: entry[name][LANGUAGES[0]] for name in _TEXTS if name in entry}
        entries.append({**fields_of_entry, **core})
    return entries


def _differs(wanted: Mapping[str, Any], current: Mapping[str, Any]) -> bool:
    return current.get("state") != "active" or any(
        (current.get(name) or None) != (value or None) for name, value in wanted.items()
    )


def _sync(
    kind: str, entries: Iterable[dict[str, Any]], identify: Callable[[str], str]
) -> SyncResult:
    result = SyncResult()
    user = tk.get_action("get_site_user")({"ignore_auth": True}, {})["name"]
    for entry in entries:
        context = {"ignore_auth": True, "user": user}
        wanted = {"id": identify(entry["name"]), **entry}
        try:
            current = tk.get_action(f"{kind}_show")(
                dict(context),
                {"id": wanted["id"], "include_users": False, "include_dataset_count": False},
            )
        except tk.ObjectNotFound:
            tk.get_action(f"{kind}_create")(dict(context), wanted)
            result.created.append(entry["name"])
            continue
        if _differs(wanted, current):
            tk.get_action(f"{kind}_patch")(dict(context), {**wanted, "state": "active"})
            result.updated.append(entry["name"])
        else:
            result.unchanged.append(entry["name"])
    return result


def sync_organizations(path: str | Path) -> SyncResult:
    """Make the organisations of the file `path` (``organizations:``) as it declares them.

    Each has the id made from its name. What is as declared already is not written again;
    organisations that the file does not name are left alone, for they may own datasets.

    :raises ConfigurationError: the file is missing or wrong; nothing is written then.
    """
    fields = ("url", "email", "identifier", "dcat_type", "image_url")
    return _sync("organization", _entries(Path(path), "organizations", fields), organization_id)


def sync_topics(path: str | Path) -> SyncResult:
    """Make a group of each topic of the file `path` (``topics:``), as `sync_organizations` does.

    The figure that stands for a topic (``figure:``) is of the front page, and no field of CKAN.
    """
    entries = _entries(Path(path), "topics", _TOPIC_FIELDS)
    kept = ({name: value for name, value in one.items() if name != "figure"} for one in entries)
    return _sync("group", kept, group_id)


_TOPIC_FIELDS = ("image_url", "figure")


@dataclass(frozen=True)
class FigureOfTopic:
    """A measure of a table, whose newest figure stands for a topic."""

    table: str
    measure: str


@lru_cache(maxsize=4)
def topic_figures(path: str) -> Mapping[str, FigureOfTopic]:
    """The figures that stand for topics, as the file declares them, by the topic's name; read once
    a process.

    :raises ConfigurationError: the file is missing or wrong.
    """
    found = {}
    for entry in _entries(Path(path), "topics", _TOPIC_FIELDS):
        figure = entry.get("figure")
        if figure is None:
            continue
        if not isinstance(figure, dict) or set(figure) != {"table", "measure"}:
            raise ConfigurationError(
                f"{path}: {entry['name']}: `figure` needs a `table` and a `measure`, nothing else."
            )
        found[entry["name"]] = FigureOfTopic(str(figure["table"]), str(figure["measure"]))
    return found
