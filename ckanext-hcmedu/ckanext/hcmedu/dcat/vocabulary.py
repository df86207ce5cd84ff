"""The controlled values of DCAT-AP: EU authority tables and IANA media types."""

from __future__ import annotations

from functools import cache
from importlib import resources
from typing import Any

import yaml


@cache
def _vocabulary() -> dict[str, Any]:
    source = resources.files(__package__) / "vocabulary.yaml"
    return yaml.safe_load(source.read_text("utf-8"))


def licence(dataset: dict[str, Any]) -> str | None:
    """The IRI of a dataset's licence: the EU table's, else the address that CKAN knows for it."""
    known = _vocabulary()["licences"].get(dataset.get("license_id"))
    address = known or dataset.get("license_url") or dataset.get("license_id") or ""
    return address if address.startswith(("http://", "https://")) else None


def file_type(file_format: str | None) -> str | None:
    """The IRI of a file format such as ``CSV`` in the EU table; None if it is not there."""
    return _vocabulary()["file_types"].get((file_format or "").upper())


def format_name(iri: str) -> str:
    """The format that an IRI of the EU table stands for; what is not in it stays as it is."""
    names = {value: name for name, value in _vocabulary()["file_types"].items()}
    return names.get(iri, iri)


def media_type_name(iri: str) -> str:
    """The media type that an IRI of the IANA registry stands for; anything else stays."""
    return iri.removeprefix(_vocabulary()["media_types"])


def media_type(name: str | None) -> str | None:
    """The IRI of a media type such as ``text/csv``; an IRI stays as it is."""
    if not name or name.startswith("http"):
        return name
    return _vocabulary()["media_types"] + name.split(";")[0].strip()


def languages() -> list[str]:
    """The IRIs of the portal's languages."""
    return list(_vocabulary()["languages"].values())


def theme_taxonomy() -> str:
    """The IRI of the scheme that the datasets' themes are from."""
    return _vocabulary()["theme_taxonomy"]


def public() -> str:
    """The IRI that says that something may be read by anyone."""
    return _vocabulary()["public"]
