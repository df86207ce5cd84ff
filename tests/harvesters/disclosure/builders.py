"""Small hierarchical tables with random numbers, and what an attacker does with them by hand."""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from harvesters.parts import schema_of
from harvesters.tabulate import components
from schemas import TOTAL, Declarations, Measure, Table
from schemas.table import STRUCTURAL
from tests.harvesters.builders import YEAR
from tests.schemas.builders import CITY, cube, declare, measure

Key = tuple[str, ...]
Masks = Mapping[str, np.ndarray]

PLACE = {"name": "place", "hierarchy": ["area", "school"]}
EDUCATION = {"name": "education", "hierarchy": ["level", "grade"]}
SEX = {"name": "sex", "hierarchy": ["sex"]}

TABLES = (
    cube("by-school", "pupil", [PLACE, EDUCATION, SEX], [measure("pupils")]),
    cube(
        "online", "pupil", [{"name": "place", "hierarchy": ["area"]}, EDUCATION],
        # Those of whom some are counted come last, so that what they imply has to find its way.
        [
            measure("online", count={"where": {"internet": ["yes"]}}),
            measure("girls", count={"where": {"sex": ["female"]}}),
            measure("pupils"),
        ],
        disclosure={"threshold": 10},
    ),
    cube(
        "rates", "pupil", [PLACE, EDUCATION],
        [
            measure("pupils"),
            measure("online", count={"where": {"internet": ["yes"]}}),
            measure("share_online", rate={"of": {"internet": ["yes"]}}),
        ],
    ),
    cube(
        "money", "pupil", [PLACE, SEX],
        [
            measure("days", sum="absences"),
            measure("fees", sum="fees"),
            measure("fee_a_day", ratio={"of": "fees", "over": "absences"}),
            measure("mean_fee", mean={"of": "fees"}),
        ],
    ),
    cube("one-line", "pupil", [SEX], [measure("pupils")]),
    cube(
        "open", "pupil", [PLACE],
        [measure("days", sum="absences", about="institutions")],
    ),
)  # fmt: skip


def declare_tables(folder: Path) -> Declarations:
    """The city, with the tables of these tests."""
    return declare(folder, [*CITY, *TABLES])


def paths(table: Table, dice: random.Random) -> Iterator[Key]:
    """Some of the finest cells that a small city may have."""
    areas = dice.sample(["00100", "00200", "00300"], dice.randint(1, 3))
    schools = [(dice.choice(areas), f"{n:04d}") for n in range(dice.randint(1, 5))]
    grades = [("primary", "g1"), ("primary", "g2"), ("secondary", "g6")]
    choices: dict[tuple[str, ...], Sequence[Key]] = {
        ("area", "school"): schools,
        ("area",): [(area,) for area in areas],
        ("level", "grade"): dice.sample(grades, dice.randint(1, 3)),
        ("sex",): [("male",), ("female",)],
    }
    for path in itertools.product(*(choices[one.hierarchy] for one in table.dimensions)):
        if dice.random() < 0.85:
            yield tuple(itertools.chain(*path))


def leaves(table: Table, dice: random.Random) -> dict[Key, dict[str, float | None]]:
    """Random numbers for the finest cells; many of them small, some nothing."""
    most = dice.choice([3, 8, 30, 200])
    found: dict[Key, dict[str, float | None]] = {}
    for key in paths(table, dice):
        everyone = dice.choice([0, dice.randint(0, most), dice.randint(0, most)])
        values: dict[str, float | None] = {}
        some = {
            name: dice.choice([0, everyone, dice.randint(0, everyone)])
            for name in ("internet", "sex")
        }
        fees = dice.choice([None, everyone * 2.5, everyone * 0.25])
        for component in components(table):
            if component.source is None:
                (where,) = tuple(component.where) or (None,)
                values[component.name] = everyone if where is None else some[where]
            elif component.counted:
                values[component.name] = 0 if fees is None else everyone
            else:
                values[component.name] = fees if component.source == "fees" else everyone
        found[key] = values
    return found


def cells_of(table: Table, finest: Mapping[Key, Mapping[str, float | None]]) -> pa.Table:
    """The finest cells and every total above them, as `harvesters.tabulate` gives them."""
    sizes = [len(dimension.hierarchy) for dimension in table.dimensions]
    added: dict[Key, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for key, values in finest.items():
        pieces, start = [], 0
        for size in sizes:
            piece = key[start : start + size]
            pieces.append([piece[:depth] + (TOTAL,) * (size - depth) for depth in range(size + 1)])
            start += size
        for combination in itertools.product(*pieces):
            cell = added[tuple(itertools.chain(*combination))]
            for name, value in values.items():
                cell[name] += [] if value is None else [value]
    columns: dict[str, pa.Array] = {}
    keys = sorted(added)
    for index, name in enumerate(table.dimension_columns):
        columns[name] = pa.array([key[index] for key in keys], pa.string())
    for component in components(table):
        kind = pa.int64() if component.whole or component.counted else pa.float64()
        numbers = [sum(found) if (found := added[key][component.name]) else None for key in keys]
        columns[component.name] = pa.array(numbers, kind)
    return pa.table({name: pa.chunked_array([one]) for name, one in columns.items()})


def random_cells(table: Table, seed: int) -> pa.Table:
    """The cells of a random small city, the same for the same seed."""
    return cells_of(table, leaves(table, random.Random(seed)))


def truth(table: Table, measure_: Measure, row: Mapping[str, Any]) -> float | None:
    """A measure's value in a cell, unrounded; None where there is none."""
    top = row[measure_.numerator.name]
    if measure_.denominator is None or top is None:
        return None if top is None else float(top)
    below = row[measure_.denominator.name]
    return None if not below else top * measure_.scale / below


def published(table: Table, cells: pa.Table, masks: Masks) -> list[dict[str, Any]]:
    """The rows that go out, without what is suppressed."""
    rows = []
    for index, cell in enumerate(cells.to_pylist()):
        row: dict[str, Any] = {table.period: YEAR}
        for column in table.columns:
            if column.role == "dimension":
                row[column.name] = cell[column.name]
            elif column.role == "label":
                row[column.name] = "tên"
        for one in table.measures:
            value = truth(table, one, cell)
            below = cell[one.denominator.name] if one.denominator else 1
            never = below == 0 or cell.get(STRUCTURAL)
            status = "c" if masks[one.name][index] else "z" if never else (
                "x" if value is None else ""
            )  # fmt: skip
            rounded = None if value is None else float(np.round(value, one.decimals))
            flag = ""
            if one.kind == "rate" and one.about == "persons" and rounded is not None and not status:
                # At an end, and not suppressed: coded.
                flag = "le" if rounded <= 5 else "ge" if rounded >= 95 else ""
                rounded = {"le": 5.0, "ge": 95.0}.get(flag, rounded)
            row[one.name] = None if status else int(rounded or 0) if not one.decimals else rounded
            row |= {f"{one.name}_status": status, f"{one.name}_flag": flag}
        rows.append(row)
    return rows


def write(table: Table, rows: Sequence[Mapping[str, Any]], path: Path) -> Path:
    """The Parquet file that would be published."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(list(rows), schema=schema_of(table)), path)
    return path


Line = tuple[Key, list[Key]]


def lines(table: Table, keys: Sequence[Key]) -> list[Line]:
    """Every total and the cells that add up to it, one level down one dimension."""
    found, start = [], 0
    there = set(keys)
    for dimension in table.dimensions:
        end = start + len(dimension.hierarchy)
        for depth in range(start, end):
            parts = defaultdict(list)
            for key in keys:
                finer = all(code == TOTAL for code in key[depth + 1 : end])
                if key[depth] != TOTAL and finer:
                    parts[key[:depth] + (TOTAL,) * (end - depth) + key[end:]].append(key)
            found += [(total, below) for total, below in parts.items() if total in there]
        start = end
    return found
