"""Synthetic cities of 30 to 3,528 schools, counted: declared tables and their cells.

The same seed makes the same city. Its figures are made up; what is as in Ho Chi Minh City is the
skew: wards of very different size, 40 to 400 pupils a grade and a few tiny schools and satellite
classes, one group that nearly all pupils belong to and one that lives in some of the wards.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from harvesters.parts import schema_of
from schemas import TOTAL, Declarations, Table
from tests.harvesters.builders import YEAR
from tests.schemas.builders import SCHOOL, codelist, cube, declare, measure, record, text

Codes = npt.NDArray[np.int64]

FULL = 3_528
"""Schools of the whole city; it has 168 wards."""

SCHOOLS_A_WARD = 21
GRADES = {"primary": 5, "lower_secondary": 4, "upper_secondary": 3}
"""Levels, and how many grades each has."""

KINDS = ((0, 5, 0.48), (5, 9, 0.32), (9, 12, 0.12), (0, 9, 0.04), (5, 12, 0.04))
"""Kinds of schools: first grade, the grade after the last, and the share of such schools."""

SEXES = ("female", "male")
ETHNICITIES = ("hoa", "khmer", "kinh", "other")
GROUPS = ("kinh", "others")

_FINEST = {"place": ["area", "school"], "education": ["level", "grade"]}
_COARSER = {"place": ["area"], "education": ["level"]}


@dataclass(frozen=True)
class City:
    """A protection set: its declarations, and the cells of each of its tables by name, as
    `harvesters.tabulate.tabulate` returns them."""

    declarations: Declarations
    cells: Mapping[str, pa.Table]

    @property
    def tables(self) -> list[Table]:
        """The declared tables, in the order of `cells`."""
        return [self.declarations.tables[name] for name in self.cells]


class Maker(Protocol):
    """One of the functions below: a folder for the declarations, and how many schools."""

    def __call__(self, folder: Path, schools: int, *, seed: int = 1) -> City: ...


def plain(folder: Path, schools: int, seed: int = 1) -> City:
    """Pupils by school, grade and sex, k = 5: some 2 to 3 % of the cells are primary.

    The declarations are written to `folder`.
    """
    return _city(folder, schools, seed, {"by-sex": ("sex", 5)})


def groups(folder: Path, schools: int, k: int = 5, seed: int = 1) -> City:
    """Pupils by school, grade and ethnicity: some 26 % of the cells are primary at k = 5.

    The declarations are written to `folder`.
    """
    return _city(folder, schools, seed, {"by-ethnicity": ("ethnicity", k)})


def linked(folder: Path, schools: int, k: int = 5, seed: int = 1) -> City:
    """The tables of `plain` and `groups` over the same pupils, one protection set.

    The declarations are written to `folder`.
    """
    return _city(folder, schools, seed, {"by-sex": ("sex", k), "by-ethnicity": ("ethnicity", k)})


def coarser(folder: Path, schools: int, seed: int = 1) -> City:
    """Pupils by ward, level and whether they are of the largest ethnicity, k = 10: a rung of the
    ladder of `groups`, where 2 % of the cells are primary.

    The declarations are written to `folder`.
    """
    return _city(folder, schools, seed, {"by-group": ("group", 10)}, _COARSER)


def published(table: Table, cells: pa.Table, masks: Mapping[str, np.ndarray]) -> pa.Table:
    """The rows that go out, for a table of counts: null where a mask, of shape (cells,), hides."""
    columns: dict[str, Any] = {table.period: pa.repeat(YEAR, cells.num_rows)}
    for column in table.columns:
        if column.role == "dimension":
            columns[column.name] = cells[column.name]
        elif column.role == "label":
            columns[column.name] = cells[column.name.removesuffix("_name")]
    for one in table.measures:
        mask = masks[one.name]
        columns[one.name] = pa.array(cells[one.name].to_numpy(), mask=mask)
        columns[f"{one.name}_status"] = pa.array(np.where(mask, "c", "").astype(object))
        columns[f"{one.name}_flag"] = pa.repeat("", cells.num_rows)
    schema = schema_of(table)
    return pa.table(columns).select(schema.names).cast(schema)


def _city(
    folder: Path,
    schools: int,
    seed: int,
    tables: Mapping[str, tuple[str, int]],
    hierarchies: Mapping[str, Sequence[str]] = _FINEST,
) -> City:
    dice = np.random.default_rng(seed)
    classes, pupils = _classes(schools, dice)
    by_sex = dice.multinomial(pupils, [0.482, 0.518])
    by_ethnicity = dice.multinomial(pupils, _shares(classes, schools, dice))
    largest = by_ethnicity[:, ETHNICITIES.index("kinh")]
    made = {
        "sex": (SEXES, by_sex),
        "ethnicity": (ETHNICITIES, by_ethnicity),
        "group": (GROUPS, np.stack([largest, pupils - largest], axis=1)),
    }
    declarations = declare(
        folder,
        [
            *_documents(schools),
            *(
                cube(
                    name, "pupil",
                    [
                        *({"name": name, "hierarchy": columns}
                          for name, columns in hierarchies.items()),
                        {"name": axis, "hierarchy": [axis], "zeros": True},
                    ],
                    [measure("pupils")],
                    disclosure={"threshold": k},
                )
                for name, (axis, k) in tables.items()
            ),
        ],
    )  # fmt: skip
    cells = {
        name: _cells(declarations.tables[name], schools, classes, *made[axis])
        for name, (axis, _) in tables.items()
    }
    return City(declarations, cells)


def _wards(schools: int) -> list[str]:
    return [f"{25_000 + 3 * ward:05d}" for ward in range(max(3, round(schools / SCHOOLS_A_WARD)))]


def _grades() -> list[tuple[str, str]]:
    """Each grade's code and level, in order."""
    levels = [level for level, number in GRADES.items() for _ in range(number)]
    return [(f"grade-{index:02d}", level) for index, level in enumerate(levels, start=1)]


def _documents(schools: int) -> list[dict[str, Any]]:
    grades = [{"code": code, "parent": level} for code, level in _grades()]
    axes = {"sex": SEXES, "ethnicity": ETHNICITIES, "group": GROUPS}
    coded = [{"name": name, "type": "code"} for name in ("grade", *axes)]
    return [
        codelist("area", _wards(schools), total_label=text("Toàn thành phố", "Whole city")),
        codelist("ownership", ["public", "private"]),
        codelist("level", GRADES),
        codelist("grade", grades, parent="level"),
        *(codelist(name, codes) for name, codes in axes.items()),
        SCHOOL,
        record("pupil", [{"name": "school", "type": "institution"}, *coded]),
    ]


def _classes(schools: int, dice: np.random.Generator) -> tuple[dict[str, Codes], Codes]:
    """Where pupils are taught: numbers of ward, school, level and grade (from 0), and how many
    pupils, all of shape (schools' grades,)."""
    wards = len(_wards(schools))
    size = dice.lognormal(0, 0.75, wards)
    # Each ward has a school at least.
    ward_of = np.concatenate(
        [np.arange(wards), dice.choice(wards, schools - wards, p=size / size.sum())]
    )
    kinds = dice.choice(len(KINDS), schools, p=[share for *_, share in KINDS])
    first, after = (np.array([kind[end] for kind in KINDS])[kinds] for end in (0, 1))
    school = np.repeat(np.arange(schools), after - first)
    grade = np.concatenate([np.arange(*ends) for ends in zip(first, after, strict=True)])
    usual = dice.lognormal(np.log(130), 0.55, schools).clip(45, 370)[school]
    pupils = (usual * dice.normal(1, 0.08, len(school))).clip(40, 400)
    # A few tiny schools, and satellite classes of others.
    tiny = (dice.random(schools) < 0.035)[school] | (dice.random(len(school)) < 0.025)
    pupils = np.where(tiny, dice.integers(1, 13, len(school)), pupils).astype(np.int64)
    level = np.repeat(np.arange(len(GRADES)), list(GRADES.values()))[grade]
    return {"area": ward_of[school], "school": school, "level": level, "grade": grade}, pupils


def _shares(classes: Mapping[str, Codes], schools: int, dice: np.random.Generator) -> np.ndarray:
    """The share of each ethnicity, of shape (schools' grades, ethnicities)."""
    wards = len(_wards(schools))
    quarters = dice.permutation(wards) < max(1, wards // 6)
    hoa = np.where(quarters, dice.uniform(0.1, 0.4, wards), dice.gamma(2, 0.007, wards))
    khmer, other = dice.gamma(3, 0.0018, wards), dice.gamma(3, 0.0022, wards)
    few = np.stack([hoa, khmer, other], axis=1)[classes["area"]]
    few = few * dice.gamma(5, 1 / 5, (schools, 3))[classes["school"]]
    few[:, 0] = few[:, 0].clip(0, 0.6)
    return np.insert(few, ETHNICITIES.index("kinh"), 1 - few.sum(axis=1), axis=1)


def _cells(
    table: Table,
    schools: int,
    classes: Mapping[str, Codes],
    categories: Sequence[str],
    pupils: np.ndarray,
) -> pa.Table:
    """Count `pupils`, of shape (schools' grades, categories), with every total."""
    axis = table.dimensions[-1].name
    names = {
        "area": _wards(schools),
        "school": [f"{79_000_000 + number}" for number in range(schools)],
        "level": list(GRADES),
        "grade": [code for code, _ in _grades()],
        axis: list(categories),
    }
    # Number 0 is the total.
    codes = {name: np.repeat(column + 1, len(categories)) for name, column in classes.items()}
    codes[axis] = np.tile(np.arange(len(categories)) + 1, len(pupils))
    shape = [len(names[name]) + 1 for name in table.dimension_columns]
    keys, sums = [], []
    hierarchies = [dimension.hierarchy for dimension in table.dimensions]
    for depths in itertools.product(*(range(len(one) + 1) for one in hierarchies)):
        kept = {
            name for one, depth in zip(hierarchies, depths, strict=True) for name in one[:depth]
        }
        columns = [
            column if name in kept else np.zeros_like(column)
            for name, column in ((name, codes[name]) for name in table.dimension_columns)
        ]
        found, place = np.unique(np.ravel_multi_index(columns, shape), return_inverse=True)
        keys.append(found)
        sums.append(np.bincount(place, weights=pupils.ravel()).astype(np.int64))
    places = np.unravel_index(np.concatenate(keys), shape)
    made = {
        name: pa.array([TOTAL, *names[name]]).take(pa.array(place))
        for name, place in zip(table.dimension_columns, places, strict=True)
    }
    cells = pa.table({**made, "pupils": np.concatenate(sums)})
    return cells.sort_by([(name, "ascending") for name in table.dimension_columns])
