"""The controlled values of DCAT-AP: EU authority tables and IANA media types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
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


def licence_type(licence: str) -> str | None:
    """The IRI of the kind of licence that a licence of the EU table is."""
    return _vocabulary()["licence_types"].get(licence)


def scheme(value: str) -> str:
    """The IRI of the scheme that a value of a vocabulary is in."""
    above = value.rsplit("/", 1)[0]
    return _vocabulary()["schemes"].get(above, above)


def scheme_title(scheme: str) -> dict[str, str]:
    """What a scheme is called, in both languages; nothing of one that is not known."""
    return _vocabulary()["scheme_titles"].get(scheme, {})


@cache
def labels() -> dict[str, dict[str, str]]:
    """What a reader is shown of values that the forms do not offer, by their IRIs."""
    file_types = {iri: {"en": name} for name, iri in _vocabulary()["file_types"].items()}
    return {**file_types, **_vocabulary()["labels"]}


@dataclass(frozen=True)
class Place:
    """An area that datasets cover; box and centre are WKT in degrees of WGS 84."""

    code: str
    label: Mapping[str, str]
    box: str
    centre: str


def place(iri: str) -> Place | None:
    """The area of an IRI; None where the portal does not know it."""
    found = _vocabulary()["places"].get(iri)
    return Place(**found) if found else None


def unless_said(what: str) -> str:
    """The IRI of the `theme` or `place` of a dataset of which nothing is said."""
    return _vocabulary()["unless_said"][what]


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


def language_codes(iris: Iterable[str]) -> list[str]:
    """The codes, such as ``vi``, of languages of the EU table; unknown ones are left out."""
    codes = {iri: code for code, iri in _vocabulary()["languages"].items()}
    return [codes[iri] for iri in iris if iri in codes]


def repetition(frequency: str) -> str | None:
    """A frequency of the EU table as an interval that repeats, such as ``R/P1Y``."""
    return _vocabulary()["repetitions"].get(frequency)


def theme_taxonomy() -> str:
    """The IRI of the scheme that the datasets' themes are from."""
    return _vocabulary()["theme_taxonomy"]


def public() -> str:
    """The IRI that says that something may be read by anyone."""
    return _vocabulary()["public"]


def is_machine_readable(file_type: str) -> bool:
    """Whether a program can read files of this type of the EU table."""
    return file_type.rsplit("/", 1)[-1] in _vocabulary()["machine_readable"]


def is_proprietary(file_type: str) -> bool:
    """Whether files of this type of the EU table are bound to one maker's software."""
    return file_type.rsplit("/", 1)[-1] not in _vocabulary()["not_proprietary"]


def is_licence(iri: str) -> bool:
    """Whether a licence is one of those of the EU table that the portal knows."""
    return iri in _vocabulary()["licences"].values()


def is_file_type(iri: str) -> bool:
    """Whether a file type is one of those of the EU table that the portal knows."""
    return iri in _vocabulary()["file_types"].values()


def is_media_type(iri: str) -> bool:
    """Whether a media type is named by its address in IANA's registry."""
    return iri.startswith(_vocabulary()["media_types"])


def is_access_right(iri: str) -> bool:
    """Whether an access right is named by its address in the EU table."""
    return scheme(iri) == scheme(public())
