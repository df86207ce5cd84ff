"""Schools in old and new wards by the real correspondence, and who sets one against the other."""

from __future__ import annotations

import csv
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

import schemas
from harvesters.disclosure import Crossing
from harvesters.tabulate import components
from schemas import TOTAL, Declarations, Table
from tests.harvesters.disclosure.builders import Key, Masks, cells_of
from tests.harvesters.disclosure.people import Bounds
from tests.schemas.builders import CODELISTS, PUPIL, SCHOOL, codelist, cube, declare, measure

CORRESPONDENCE = Path(schemas.__file__).parent / "codelists/data/hcmc-ward-changes-2025-07-01.csv"
COLUMNS = ("area", "district", "old_area", "school", "level", "grade", "sex", "internet")

Line = tuple[str, str, str]
"""An area, the old district and the old ward that went into it, whole or in part."""

NEW = {"name": "place", "hierarchy": ["area"]}
NEW_SCHOOLS = {"name": "place", "hierarchy": ["area", "school"]}
OLD = {"name": "old_place", "hierarchy": ["district", "old_area"]}
EDUCATION = {"name": "education", "hierarchy": ["level"]}
SEX = {"name": "sex", "hierarchy": ["sex"]}

TABLES = (
    cube("by-school", "pupil", [NEW_SCHOOLS, EDUCATION, SEX], [measure("pupils")]),
    cube("new", "pupil", [NEW, EDUCATION], [measure("pupils")]),
    cube("old", "pupil", [OLD, EDUCATION], [measure("pupils")]),
    cube("old-alone", "pupil", [OLD], [measure("pupils")]),
    cube("old-by-sex", "pupil", [OLD, SEX], [measure("pupils")]),
    cube(
        "online", "pupil", [NEW, EDUCATION],
        [measure("everybody"), measure("online", count={"where": {"internet": ["yes"]}})],
        disclosure={"threshold": 10},
    ),
    cube("girls", "pupil", [NEW], [measure("girls", count={"where": {"sex": ["female"]}})]),
)  # fmt: skip


@cache
def correspondence() -> tuple[Line, ...]:
    """Which old ward went into which area, as the National Statistics Office has it."""
    with CORRESPONDENCE.open(encoding="utf-8-sig", newline="") as file:
        return tuple(
            (row["new_code"], row["old_district_code"], row["old_code"])
            for row in csv.DictReader(file) if row["old_code"]
        )  # fmt: skip


@cache
def split_wards() -> tuple[str, ...]:
    """The old wards that went into several areas."""
    areas = defaultdict(set)
    for area, _, old in correspondence():
        areas[old].add(area)
    return tuple(sorted(old for old, its in areas.items() if len(its) > 1))


def declare_geography(folder: Path) -> Declarations:
    """Schools in old and new wards, and the tables of these tests."""
    districts = {old: district for _, district, old in correspondence()}
    lists = [one for one in CODELISTS if one["codelist"] != "area"]
    lists += [
        codelist("area", sorted({area for area, *_ in correspondence()})),
        codelist("district", sorted(set(districts.values()))),
        codelist(
            "old_area",
            [{"code": old, "parent": district} for old, district in sorted(districts.items())],
            parent="district",
        ),
    ]
    register = {**SCHOOL, "fields": [*SCHOOL["fields"], {"name": "old_area", "type": "code"}]}
    return declare(folder, [*lists, register, PUPIL, *TABLES])


def some(declarations: Declarations, *names: str) -> list[Table]:
    """The tables of these names."""
    return [declarations.tables[name] for name in names]


def pupils_around(ward: str, seed: int) -> dict[Key, int]:
    """Pupils of schools in a split ward, and in some of the wards that its areas are made of: so
    many of each kind (a code of each of `COLUMNS`). Many kinds of few."""
    dice = random.Random(f"{ward} {seed}")
    its = [line for line in correspondence() if line[2] == ward]
    around = [
        line for line in correspondence()
        if line[0] in {area for area, *_ in its} and line not in its and dice.random() < 0.5
    ]  # fmt: skip
    most = dice.choice([4, 12, 60])
    found = {}
    number = 0
    for area, district, old in [*its, *around]:
        for _ in range(dice.randint(1, 2)):
            number += 1
            for grade in dice.sample((("primary", "g1"), ("secondary", "g6")), dice.randint(1, 2)):
                for sex in ("male", "female"):
                    for internet in ("yes", "no"):
                        kind = (area, district, old, f"{number:04d}", *grade, sex, internet)
                        found[kind] = dice.choice([0, dice.randint(0, most), dice.randint(0, most)])
    return found


def counted(table: Table, people: Mapping[Key, int]) -> pa.Table:
    """The cells of a table over these people."""
    finest: dict[Key, dict[str, float | None]] = {}
    for kind, number in people.items():
        codes = dict(zip(COLUMNS, kind, strict=True))
        cell = finest.setdefault(tuple(codes[name] for name in table.dimension_columns), {})
        for one in components(table):
            passes = all(codes[name] in some for name, some in one.where.items())
            cell[one.name] = (cell.get(one.name) or 0) + number * passes
    return cells_of(table, finest)


def told_slivers(
    people: Mapping[Key, int],
    published: Sequence[tuple[Table, pa.Table, Masks]],
    crossed: Sequence[Crossing],
) -> list[str]:
    """The small figures between tables that a reader can work out, more closely than from 0 to the
    threshold. The reader knows where each school is, and solves for people of every kind."""
    kinds = list(people)
    equations = [
        (dict.fromkeys(here, 1.0), value, value)
        for table, cells, masks in published
        for one in table.measures
        for index, (row, here) in enumerate(_rows(kinds, table, cells, one.numerator.where))
        if not masks[one.name][index]
        for value in [row[one.numerator.name]]
    ]
    small = [
        (f"{one.table.name}: {row}", frozenset(here), one.table.disclosure.threshold)
        for one in crossed
        for count in one.table.measures
        for row, here in _rows(kinds, one.table, counted(one.table, people), count.numerator.where)
        if 0 < row[count.numerator.name] < one.table.disclosure.threshold
        # What one of the tables has itself is asked by its own threshold.
        and row["area"] != TOTAL != row["district"]
        and row.get("school", TOTAL) == TOTAL
    ]
    bounds = Bounds(len(kinds), equations, [here for _, here, _ in small])
    return [
        f"{name} is from {bounds.low[number]:g} to {bounds.high[number]:g}"
        for number, (name, _, k) in enumerate(small) if not bounds.contain(number, 0, k, 0)
    ]  # fmt: skip


def _rows(
    kinds: Sequence[Key], table: Table, cells: pa.Table, where: Mapping[str, Sequence[str]]
) -> list[tuple[dict[str, Any], list[int]]]:
    """Each row, and the kinds of people in it that pass a filter."""
    codes = {name: np.array([kind[place] for kind in kinds]) for place, name in enumerate(COLUMNS)}
    passing = np.ones(len(kinds), dtype=bool)
    for name, some in where.items():
        passing &= np.isin(codes[name], some)
    found = []
    for row in cells.to_pylist():
        here = passing.copy()
        for name in table.dimension_columns:
            here &= (row[name] == TOTAL) | (codes[name] == row[name])
        found.append((row, np.flatnonzero(here).tolist()))
    return found
