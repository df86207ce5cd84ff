"""Names that are public: of schools, of areas, and of the people they are called after."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from functools import cache
from importlib import resources

import yaml

from harvesters.disclosure.personal_data.text import fold, normalise

_AREAS = "hcmc-ward-changes-2025-07-01.csv"
_KINDS = ("thi tran", "thi xa", "thanh pho", "phuong", "xa", "quan", "huyen", "tinh", "dac khu")


class Public:
    """What is not taken for personal: values that resolve exactly in the registry of schools or in
    the list of areas, and the names of people long dead that schools and streets have.

    :param schools: names and codes of the registry of schools
    """

    def __init__(self, schools: Iterable[str] = ()):
        self._known = _area_names() | {fold(normalise(school)) for school in schools}

    def resolves(self, value: str) -> bool:
        """Whether a normalised `value` is, as a whole, a public name or code."""
        return fold(value) in self._known

    def is_eponym(self, words: Sequence[str]) -> bool:
        """Whether `words` are what a school, an area or a street is called after."""
        name = fold(" ".join(words))
        return name in _eponyms() or name in self._known


@cache
def _area_names() -> frozenset[str]:
    """The names of areas, old and new, with and without their kind; folded."""
    names: set[str] = set()
    file = resources.files("schemas") / "codelists" / "data" / _AREAS
    with file.open(encoding="utf-8") as text:
        for row in csv.DictReader(text):
            for column in ("new_name", "old_name", "old_district", "old_province"):
                name = fold(normalise(row[column] or ""))
                names.add(name)
                names.update(name.removeprefix(kind).strip() for kind in _KINDS)
    return frozenset(names - {""})


@cache
def _eponyms() -> frozenset[str]:
    file = resources.files(__package__) / "eponyms.yaml"
    return frozenset(fold(name) for name in yaml.safe_load(file.read_text(encoding="utf-8")))
