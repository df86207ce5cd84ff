"""Which places a question names: wards and communes of today, and districts and wards of before
1 July 2025, whose pages say what became of them.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ckanext.hcmedu.collation import TONES
from ckanext.hcmedu.search import queries
from harvesters.mapping import fold
from schemas import Code, CodeList, Declarations

_LISTS = ("area", "district", "old_area")
"""Code lists of places, today's first."""

_KINDS = ("phường", "xã", "thị trấn", "đặc khu", "quận", "huyện", "thành phố", "thị xã")

_MOST = 4
"""Places that are named; where more have the name that is asked for, it tells too little."""

_LONGEST_NAME = 6
"""Syllables, with the kind."""


@dataclass(frozen=True)
class Place:
    """A code of a code list of places, and the unit that it belonged to."""

    codelist: CodeList
    code: Code
    parent: Code | None


_Names = dict[tuple[str, ...], list[tuple[tuple[str, ...], Place]]]
"""Places by the folded syllables of their names, with the syllables as they are written."""


class Places:
    """The places of the declared code lists, by their names."""

    def __init__(self, declared: Declarations) -> None:
        self._names: _Names = {}
        for name in _LISTS:
            codelist = declared.codelists[name]
            above = declared.codelists[codelist.parent].codes if codelist.parent else {}
            for code in codelist.codes.values():
                self._add(Place(codelist, code, above.get(code.parent or "")))

    def _add(self, place: Place) -> None:
        for words in _ways(place.code.label["vi"]):
            written = tuple(map(_syllable, words))
            self._names.setdefault(tuple(map(fold, words)), []).append((written, place))

    def named(self, question: str) -> list[Place]:
        """The places that are named in a question, with or without its diacritics; those of today
        first. A name of one syllable, or a number, counts with its kind only ("Quận 1")."""
        asked = queries.words(question)
        found: list[list[Place]] = []
        start = 0
        while start < len(asked):
            for end in range(min(len(asked), start + _LONGEST_NAME), start, -1):
                known = self._names.get(tuple(map(fold, asked[start:end])))
                if known:
                    written = tuple(map(_syllable, asked[start:end]))
                    exact = [place for name, place in known if name == written]
                    found.append(exact or [place for _, place in known])
                    start = end
                    break
            else:
                start += 1
        return _told_apart(found)


def _told_apart(found: Sequence[Sequence[Place]]) -> list[Place]:
    """Of old wards of one name those in a district that is named too, where there are such."""
    districts = {place.code.code for group in found for place in group
                 if place.codelist.id == "district"}  # fmt: skip
    chosen: list[Place] = []
    for group in found:
        inside = [one for one in group if one.parent and one.parent.code in districts]
        members = [
            one for one in group if one.codelist.id != "old_area" or not inside or one in inside
        ]
        if len(members) <= _MOST:
            chosen += [one for one in members if one not in chosen]
    return sorted(chosen, key=lambda one: _LISTS.index(one.codelist.id))[:_MOST]


def _ways(label: str) -> Iterator[list[str]]:
    """How a place is called: with its kind, and without where the rest is a name."""
    words = queries.words(label)
    yield words
    for kind in _KINDS:
        if label.casefold().startswith(f"{kind} "):
            rest = words[len(kind.split()) :]
            if len(rest) > 1:
                yield rest


def _syllable(word: str) -> str:
    """The syllable with its tone at the end: hoà and hòa are one."""
    parts = unicodedata.normalize("NFD", word.casefold())
    tone = "".join(each for each in parts if each in TONES)
    return "".join(each for each in parts if each not in TONES) + tone
