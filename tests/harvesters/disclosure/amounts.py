"""Schools with floor area, some of one owner, counted by plain Python; and who asks what of it."""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from harvesters.disclosure import Certificate, Published, audit_together, protect_together
from harvesters.tabulate import components
from schemas import TOTAL, Declarations, Table
from tests.harvesters.builders import YEAR
from tests.harvesters.disclosure.builders import Masks, published, write
from tests.harvesters.disclosure.people import EXACT, Bounds
from tests.schemas.builders import AREAS, CITY, codelist, cube, declare, measure, record

KINDS = ("hall", "lab", "room")

PREMISES = record(
    "premises",
    [
        {"name": "school", "type": "institution"},
        {"name": "owner", "type": "code", "required": False},
        {"name": "kind", "type": "code"},
        {"name": "space", "type": "decimal", "minimum": 0},
        {"name": "pupils", "type": "integer", "minimum": 0},
    ],
)

SPACE = measure("space", sum="space", about="institutions", decimals=2)
MEAN = measure("mean_space", mean={"of": "space"}, about="institutions", decimals=3)
RATIO = measure("space_a_pupil", ratio={"of": "space", "over": "pupils"}, decimals=3)

DOCUMENTS = (
    *CITY,
    codelist("kind", KINDS),
    codelist("owner", ["chain", "church"]),
    PREMISES,
    cube("spaces", "premises", [["area"], ["kind"]], [SPACE, MEAN]),
    cube("areas", "premises", [["area"]], [SPACE]),
    cube("kinds", "premises", [["kind"]], [MEAN]),
    cube("shares", "premises", [["area"]], [RATIO, measure("pupils", sum="pupils")]),
)

Row = Mapping[str, Any]


def declarations_in(folder: Path) -> Declarations:
    """A small city, with a record of floor area and tables of it."""
    return declare(folder, DOCUMENTS)


def random_rows(seed: int) -> list[Row]:
    """The premises of a random small city, the same for the same seed; each with its area."""
    dice = random.Random(seed)
    most = dice.choice([2, 4, 9])
    rows = []
    for number in range(dice.randint(1, 3 * most)):
        area = dice.choice(AREAS)
        for kind in dice.sample(KINDS, dice.randint(1, 3)):
            space = dice.choice([0.0, 5.0, dice.randint(1, 40) / 4, dice.randint(1, 900) / 4])
            rows.append(
                {
                    "school": f"{number:04d}", "owner": dice.choice([None, None, "chain"]),
                    "area": area, "kind": kind, "space": space, "pupils": dice.randint(0, 60),
                }
            )  # fmt: skip
    return rows


def cells_of(table: Table, rows: Sequence[Row]) -> pa.Table:
    """The cells of a table of premises, as `harvesters.tabulate.tabulate` counts them."""
    columns = table.dimension_columns
    within: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for row in rows:
        for key in itertools.product(*((row[name], TOTAL) for name in columns)):
            within[key].append(row)
    made = []
    for key in sorted(within):
        cell: dict[str, Any] = dict(zip(columns, key, strict=True))
        for one in components(table):
            values = [row[one.source] for row in within[key]]
            cell[one.name] = len(values) if one.counted else sum(values)
        for one in (one for one in components(table) if one.magnitude):
            given: dict[str, float] = defaultdict(float)
            for row in within[key]:
                given[row["owner"] or row["school"]] += row["space"]
            largest = [*sorted(given.values(), reverse=True), 0.0, 0.0]
            cell[one.contributors] = sum(value > 0 for value in given.values())
            cell |= dict(zip(one.largest, largest, strict=False))
        made.append(cell)
    whole = pa.Table.from_pylist(made)
    return pa.table({name: pa.chunked_array(whole[name].chunks) for name in whole.column_names})


def protected(
    tables: Sequence[Table], rows: Sequence[Row]
) -> tuple[dict[str, pa.Table], dict[str, Any]]:
    """The cells of each table, and which rows are suppressed."""
    cells = {table.name: cells_of(table, rows) for table in tables}
    return cells, protect_together(tables, cells)


def files(
    tables: Sequence[Table],
    cells: Mapping[str, pa.Table],
    masks: Mapping[str, Masks],
    folder: Path,
) -> list[Published]:
    """What would be published."""
    found = []
    for table in tables:
        beside = folder / f"{table.name}.cells"
        pa.parquet.write_table(cells[table.name], beside)
        rows = published(table, cells[table.name], masks[table.name])
        file = write(table, rows, folder / f"{table.name}.parquet")
        found.append(Published(table, file, beside))
    return found


def audited(
    tables: Sequence[Table],
    cells: Mapping[str, pa.Table],
    masks: Mapping[str, Masks],
    folder: Path,
) -> Mapping[str, Certificate]:
    """The certificates of what would be published, by table."""
    return audit_together(YEAR, files(tables, cells, masks, folder)).certificates


def weaknesses(
    tables: Sequence[Table], rows: Sequence[Row], masks: Mapping[str, Masks]
) -> list[str]:
    """What is published of floor area that may not be, or tells a reader too much of what may not.

    A reader knows every cell that is shown, and of the others that they are not below nothing.
    The rules are written down here once more, contributor by contributor.
    """
    finest = sorted({(row["area"], row["kind"]) for row in rows})
    equations, sums, asked, found = [], [], [], []
    for table in tables:
        columns = table.dimension_columns
        cells = cells_of(table, rows).to_pylist()
        for number, cell in enumerate(cells):
            codes = dict(zip(columns, (cell[name] for name in columns), strict=True))
            here = frozenset(
                place for place, (area, kind) in enumerate(finest)
                if codes.get("area", TOTAL) in (TOTAL, area)
                and codes.get("kind", TOTAL) in (TOTAL, kind)
            )  # fmt: skip
            given: dict[str, float] = defaultdict(float)
            for row in rows:
                if (row["area"], row["kind"]) in {finest[place] for place in here}:
                    given[row["owner"] or row["school"]] += row["space"]
            total, sizes = sum(given.values()), [*sorted(given.values(), reverse=True), *[0.0] * 3]
            unsafe = total > 0 and (
                sizes[2] == 0 or sum(sizes[2:]) < sizes[0] / 10 - 1e-6
                or sizes[0] + sizes[1] > 0.9 * total + 1e-6
            )  # fmt: skip
            shown = any(not masks[table.name][one.name][number] for one in table.measures
                        if one.magnitudes)  # fmt: skip
            if shown:
                equations.append((dict.fromkeys(here, 1.0), total, total))
            if unsafe and shown:
                found.append(f"{codes} is shown")
            elif unsafe:
                sums.append(here)
                enough = max(0.1 * sizes[0], (sizes[0] + sizes[1]) / 0.9 - total)
                asked.append((codes, max(total - enough, 0), total + enough))
    bounds = Bounds(len(finest), equations, sums)
    for number, (codes, low, high) in enumerate(asked):
        if not bounds.contain(number, low + EXACT, high - EXACT, 0):
            found.append(f"{codes}: {bounds.low[number]:g} to {bounds.high[number]:g}")
    return found
