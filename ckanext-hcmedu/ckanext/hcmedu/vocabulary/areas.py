"""What became of the administrative units that were merged on 1 July 2025.

The correspondence is that of the National Statistics Office's list, as it comes with the portal's
declarations; `whole` is a unit that went into a new one as it was, `part` one that was split.
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Literal

_FILE = "codelists/data/hcmc-ward-changes-2025-07-01.csv"
_PART = "một phần"

Kind = Literal["whole", "part"]


@dataclass(frozen=True)
class Change:
    """One line of the correspondence: an old unit that went, whole or in part, into a new one."""

    old_list: str
    """`old_area`, or `district` for a district that had no units below it."""
    old: str
    new: str
    kind: Kind
    unchanged: bool
    """Whether the new unit is the old one as it was."""
    note: str
    """What the list says of it, in Vietnamese."""


@cache
def changes() -> tuple[Change, ...]:
    """The whole correspondence, in the list's order."""
    source = resources.files("schemas") / _FILE
    with source.open(encoding="utf-8-sig", newline="") as file:
        return tuple(
            Change(
                old_list="old_area" if row["old_code"] else "district",
                old=row["old_code"] or row["old_district_code"],
                new=row["new_code"],
                kind="part" if _PART in row["note"] else "whole",
                unchanged=row["note"] == "Giữ nguyên",
                note=row["note"],
            )
            for row in csv.DictReader(file)
        )


def changes_of(codelist: str, code: str) -> list[Change]:
    """The lines that a unit stands in: what a new one was made of, or what an old one went into.

    `codelist` is `area`, `old_area` or `district`; any other list has none. A district that had no
    units below it is among the old ones by the code of its new one.
    """
    if codelist == "area":
        return [change for change in changes() if change.new == code]
    if codelist == "old_area":
        return [change for change in changes()
                if code == (change.old if change.old_list == codelist else change.new)]  # fmt: skip
    return [change for change in changes() if (change.old_list, change.old) == (codelist, code)]
