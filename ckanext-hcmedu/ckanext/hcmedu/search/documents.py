"""What the search index knows of a dataset beside what CKAN puts into it.

Each kind of text has a field of its own, so that a word in the title counts for more than one in
the methodology. Fields that end in ``_toned`` are copied by Solr into ones without tones.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import ckan.plugins.toolkit as tk

from ckanext.hcmedu import settings
from harvesters import periods
from schemas import CodeList, Declarations, Table

RECIPE = "search_recipe"
"""The field that says what a document was made with."""

_PLACES = ("area", "old_area", "district", "old_province")
"""Code lists of places. Who asks for an old name finds what is told by the new ones."""

_CITY = "Thành phố Hồ Chí Minh"


def recipe() -> str:
    """What documents are made with now; one of another recipe is made anew."""
    return _digest(tk.config["hcmedu.search_recipe"])


@lru_cache(maxsize=4)
def _digest(configset: str) -> str:
    return hashlib.sha256(configset.encode() + Path(__file__).read_bytes()).hexdigest()


def fields(package: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of the dataset's document, from what the index is about to take of it.

    :param package: as `IPackageController.before_dataset_index` has it.
    """
    declared = settings.declarations()
    table = declared.tables.get(package["name"])
    dataset = json.loads(package.get("validated_data_dict") or "{}")
    found = _written(dataset) if table is None else of_table(table, declared)
    return {**found, **_times_of(dataset), RECIPE: recipe()}


_MOST_YEARS = 30
"""School years that a dataset is found by, the newest ones."""


def _times_of(dataset: Mapping[str, Any]) -> dict[str, Any]:
    """What one can filter by: the school years that the dataset tells of, and the year in which it
    was released."""
    years: set[str] = set()
    for one in dataset.get("temporal_coverage") or []:
        days = [str(one.get(end) or "") for end in ("start", "end")]
        if not all(periods.is_period("date", day) for day in days):
            continue
        first, last = (int(periods.school_year_of("date", day)[:4]) for day in days)
        years |= {f"{year}-{year + 1}" for year in range(max(first, last - _MOST_YEARS), last + 1)}
    released = str(dataset.get("modified") or dataset.get("metadata_modified") or "")[:4]
    return {
        "school_year": sorted(years),
        **({"year_of_release": released} if released.isdecimal() else {}),
    }


def of_table(table: Table, declared: Declarations) -> dict[str, Any]:
    """The fields of a declared table's document."""
    return {
        **_texts_of(table, declared),
        **_levels_of(table, declared),
        "prominence": table.prominence,
    }


def _levels_of(table: Table, declared: Declarations) -> dict[str, list[str]]:
    """What one can filter by: how small the areas are that the table tells of, and of which
    levels of education."""
    columns = {column.name for column in table.columns}
    areas = {"city", *(columns & {"area", "school"})}
    levels = declared.codelists["level"].codes if "level" in columns else ()
    return {"area_level": sorted(areas), "education_level": list(levels)}


def _texts_of(table: Table, declared: Declarations) -> dict[str, list[str]]:
    lists = [declared.codelists[one] for one in _codelists(table)]
    measured = [column.title for column in table.columns if column.role == "measure"]
    labelled = [(column.title, column.description or {}) for column in table.columns
                if column.role in ("period", "dimension", "attribute")]  # fmt: skip
    # A register of places is about their names; other tables are by them only.
    words = [one for one in lists if one.id not in _PLACES or table.kind == "register"]
    return {
        "title_toned": [table.title["vi"]],
        "title_english": [table.title["en"]],
        # What is counted says what a table is about more than by what it is counted.
        "subject_toned": [table.unit_of_observation["vi"], *(each["vi"] for each in measured)],
        "subject_english": [table.unit_of_observation["en"], *(each["en"] for each in measured)],
        "keywords_toned": list(table.keywords["vi"]),
        "keywords_english": list(table.keywords["en"]),
        "notes_toned": [table.description["vi"]],
        "notes_english": [table.description["en"]],
        "columns_toned": [each["vi"] for pair in labelled for each in pair if each],
        "columns_english": [each["en"] for pair in labelled for each in pair if each],
        "codes_toned": [
            *_labels(words, "vi"),
            *(alias for one in words for alias in _aliases(one)),
        ],
        "codes_english": list(_labels(words, "en")),
        "method_toned": [table.methodology["vi"]],
        "method_english": [table.methodology["en"]],
        "places_toned": list(_places(table, declared)),
    }


def _written(dataset: Mapping[str, Any]) -> dict[str, list[str]]:
    """The fields of a dataset that was written by hand."""
    found: dict[str, list[str]] = {"places_toned": [_CITY]}
    for language, ending in (("vi", "toned"), ("en", "english")):
        for name in ("title", "notes"):
            text = (dataset.get(f"{name}_translated") or {}).get(language)
            found[f"{name}_{ending}"] = [text] if text else []
        tags = (dataset.get("tags_translated") or {}).get(language) or []
        found[f"keywords_{ending}"] = list(tags)
    return found


def _codelists(table: Table) -> list[str]:
    """The code lists that the table's columns are about, each once."""
    return list(dict.fromkeys(column.codelist for column in table.columns if column.codelist))


def _labels(lists: Iterable[CodeList], language: str) -> Iterator[str]:
    for one in lists:
        yield one.title[language]
        for code in one.codes.values():
            label = code.label[language]
            yield label
            # As people write the districts and wards that had numbers.
            kind, _, number = label.partition(" ")
            if number.isdecimal():
                yield from (f"{kind[0]}.{number}", f"{kind[0]}{number}")


def _aliases(one: CodeList) -> Iterator[str]:
    for code in one.codes.values():
        yield from code.aliases


def _places(table: Table, declared: Declarations) -> Iterator[str]:
    """The names of the places that the table tells of, old ones too."""
    yield _CITY
    if not set(_PLACES) & set(_codelists(table)):
        return
    for name in _PLACES:
        yield from _labels([declared.codelists[name]], "vi")
