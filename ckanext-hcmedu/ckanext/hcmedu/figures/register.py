"""The register of schools as pages ask it: by code, by area, by words of a name.

It is the table `schools`; a school stands there once each school year, and is what its newest row
says.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from ckanext.datastore.backend.postgres import get_read_engine, identifier

from ckanext.hcmedu import collation
from ckanext.hcmedu.published import published
from ckanext.hcmedu.search import queries
from harvesters.mapping import fold

TABLE = "schools"

_COLUMNS = (
    "school", "school_name", "institution_type", "level", "ownership", "area", "old_area",
    "latitude", "longitude", "national_standard", "school_year",
)  # fmt: skip


@dataclass(frozen=True)
class School:
    """A row of the register; codes are those of the portal's code lists. `school_year` is the
    newest in which it stands there."""

    school: str
    school_name: str
    institution_type: str
    level: str
    ownership: str
    area: str
    old_area: str
    latitude: float | None
    longitude: float | None
    national_standard: str
    school_year: str
    is_current: bool


@dataclass(frozen=True)
class Register:
    """All schools of the register, by code, in the order of their names."""

    schools: dict[str, School]
    folded: dict[str, frozenset[str]]
    """The folded syllables of a school's name, by its code."""

    def name(self, code: str) -> str:
        """What a school is called; its code where it is not in the register."""
        found = self.schools.get(code)
        return found.school_name if found else code

    def find(
        self, words: str = "", area: str = "", level: str = "", ownership: str = ""
    ) -> list[School]:
        """The current schools whose name has all `words`, with or without diacritics, and that have
        the given codes."""
        asked = {fold(one) for one in queries.words(words)} - {""}
        return [
            one
            for one in self.schools.values()
            if one.is_current
            and (not area or one.area == area)
            and (not level or one.level == level)
            and (not ownership or one.ownership == ownership)
            and asked <= self.folded[one.school]
        ]

    def starting(self, asked: Sequence[str], most: int) -> list[School]:
        """The current schools of whose name each of `asked` begins a syllable."""
        found = []
        for one in self.schools.values():
            syllables = self.folded[one.school]
            if one.is_current and all(
                any(syllable.startswith(word) for syllable in syllables) for word in asked
            ):
                found.append(one)
                if len(found) == most:
                    break
        return found


def register() -> Register:
    """The register that readers are shown; empty while there is none.

    A release never changes, so that each is read once a process.
    """
    shown = published().get(TABLE)
    return _read(shown.datastore_id, shown.digest) if shown else Register({}, {})


@lru_cache(maxsize=2)
def _read(datastore_id: str, digest: str) -> Register:
    columns = ", ".join(map(identifier, _COLUMNS))
    statement = sa.text(
        f"SELECT DISTINCT ON (school) {columns} FROM {identifier(datastore_id)} "
        "ORDER BY school, school_year DESC"
    )
    with get_read_engine().connect() as connection:
        rows: Sequence[Any] = connection.execute(statement).fetchall()
    newest = max((row.school_year for row in rows), default="")
    schools = [
        School(
            **{name: _plain(getattr(row, name)) for name in _COLUMNS},
            is_current=row.school_year == newest,
        )
        for row in rows
    ]
    schools.sort(key=lambda one: collation.key(one.school_name))
    return Register(
        {one.school: one for one in schools},
        {one.school: _syllables(one) for one in schools},
    )


def _plain(value: Any) -> Any:
    return value if isinstance(value, str) or value is None else float(value)


def _syllables(school: School) -> frozenset[str]:
    names: Iterable[str] = queries.words(school.school_name)
    return frozenset(filter(None, (fold(one) for one in names)))
