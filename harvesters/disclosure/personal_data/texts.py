"""Texts that stand alone: metadata, names of files and sheets, comments, properties."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import compress, islice
from typing import Any

import pyarrow as pa

from harvesters.disclosure.personal_data.columns import Column, may_be_personal
from harvesters.disclosure.personal_data.findings import Finding, Place
from harvesters.disclosure.personal_data.headings import Heading
from harvesters.disclosure.personal_data.public import Public
from harvesters.disclosure.refusal import Refused
from schemas import Table

_NAMED = Heading("Trường")
_FREE = Heading()
_CHUNK = 10_000
_DOCUMENT_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ?")


def scan_texts(texts: Iterable[tuple[Place, str]], public: Public) -> list[Finding]:
    """What personal data there is in each of `texts`, each of which stands for itself."""
    findings: dict[Finding, None] = {}
    remaining = iter(texts)
    while chunk := list(islice(remaining, _CHUNK)):
        # The few that may be something, of the many that a workbook holds.
        suspicious = may_be_personal(pa.array([text for _, text in chunk], pa.string()))
        for place, text in compress(chunk, suspicious):
            if _DOCUMENT_DATE.fullmatch(text):
                continue
            # Files and sheets are called after schools and wards, which are called after people.
            named = place.kind in ("file-name", "sheet-name", "defined-name")
            column = Column(_NAMED if named else _FREE, public)
            column.add(pa.array([text], pa.string()), [place.row or 0])
            findings |= dict.fromkeys(Finding(rule, place) for rule, _ in column.findings())
    return list(findings)


def scan_file_name(name: str, public: Public) -> list[Finding]:
    """What personal data there is in the path `name` of a file.

    A file's name is mostly in small letters without tones, with hyphens for spaces: so it is read
    a second time as a text would have it.
    """
    texts = []
    for part in name.replace("\\", "/").split("/"):
        stem = part.rpartition(".")[0] or part
        spaced = re.sub(r"[-_.+]+", " ", stem)
        texts += [part, stem, spaced]
        if spaced.islower():
            texts.append(spaced.title())
    place = Place("file-name")
    return scan_texts(((place, text) for text in texts), public)


def safe_name(name: str, number: int, public: Public) -> str:
    """The path `name` as a report may show it: its place in the delivery instead of what would tell
    of a person."""
    parts = name.replace("\\", "/").split("/")
    suffix = re.search(r"\.[A-Za-z]{2,5}$", name)
    return "/".join(
        f"#{number}{suffix[0] if suffix and index == len(parts) - 1 else ''}"
        if scan_file_name(part, public)
        else part
        for index, part in enumerate(parts)
    )


def refuse_personal_metadata(table: Table, sources: Iterable[Mapping[str, Any]]) -> None:
    """Look through all that a release of `table` says beside its figures.

    :param sources: what the release says of its sources, with a ``title`` in both languages each
    :raises Refused: there is personal data in it; the reason names the text and the rule.
    """
    found = scan_texts(_metadata(table, sources), Public())
    if found:
        places = "; ".join(f"{one.place.field}: {one.what['en']}" for one in found[:5])
        raise Refused(table.name, f"Its metadata holds personal data. {places}.")


def refuse_personal_reason(table: str, reason: str) -> None:
    """Look through what readers of a `table` are told of why something was done.

    :raises Refused: there is personal data in it; the refusal names the rule, not the value.
    """
    found = scan_texts([(Place("metadata", field="reason"), reason)], Public())
    if found:
        rules = "; ".join(dict.fromkeys(one.what["en"] for one in found))
        raise Refused(
            table,
            f"The reason holds personal data, and readers are shown it. Expected: {rules}. Say "
            "what was wrong with the figures, and name no one.",
        )


def _metadata(table: Table, sources: Iterable[Mapping[str, Any]]) -> Iterable[tuple[Place, str]]:
    texts: dict[str, Mapping[str, Any]] = {
        "title": table.title,
        "description": table.description,
        "keywords": {key: ", ".join(words) for key, words in table.keywords.items()},
        "unit_of_observation": table.unit_of_observation,
        "methodology": table.methodology,
    }
    for column in table.columns:
        texts[f"column {column.name}"] = column.title
        texts[f"column {column.name}, description"] = column.description or {}
    for number, source in enumerate(sources, start=1):
        texts[f"title of source {number}"] = source["title"]
    for name, languages in texts.items():
        for language, text in languages.items():
            yield Place("metadata", field=f"{name}.{language}"), str(text)
