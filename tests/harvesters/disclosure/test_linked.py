"""Tables counted from the same records: what one hides, no other shows."""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from harvesters.disclosure import Frozen, protect, protect_together
from schemas import TOTAL, Declarations, Table
from tests.harvesters.disclosure.builders import cells_of, declare_tables, leaves, weaknesses
from tests.schemas.builders import CITY, cube, declare, measure

pytestmark = pytest.mark.unit

LINKED = ("by-school", "online", "rates", "one-line")


@pytest.fixture(scope="module")
def declarations(tmp_path_factory: pytest.TempPathFactory) -> Declarations:
    return declare_tables(tmp_path_factory.mktemp("declared"))


def one_city(tables: Iterable[Table], seed: int) -> dict[str, pa.Table]:
    """The cells of several tables over the same pupils."""
    dice = random.Random(seed)
    people: list[dict[str, Any]] = []
    biggest = next(table for table in tables if table.name == "by-school")
    for key, values in leaves(biggest, dice).items():
        place = dict(zip(biggest.dimension_columns, key, strict=True))
        for _ in range(int(values["pupils"] or 0)):
            people.append(place | {"internet": dice.choice(["yes", "yes", "no"])})
    made = {}
    for table in tables:
        finest: dict[tuple[str, ...], dict[str, float | None]] = {}
        for person in people:
            cell = finest.setdefault(
                tuple(person[name] for name in table.dimension_columns),
                dict.fromkeys(("pupils", "online", "girls", "share_online__n",
                               "share_online__of"), 0),
            )  # fmt: skip
            for name, counts in {
                "pupils": True, "online": person["internet"] == "yes",
                "girls": person["sex"] == "female",
                "share_online__n": person["internet"] == "yes", "share_online__of": True,
            }.items():  # fmt: skip
                cell[name] = (cell[name] or 0) + counts
        made[table.name] = cells_of(table, finest)
    return made


Cell = tuple[str, frozenset[tuple[str, str]]]


def figures(
    table: Table, cells: pa.Table, masks: dict[str, np.ndarray]
) -> dict[Cell, tuple[bool, float]]:
    """Each figure by what it counts and the codes that it is of: suppressed or not, and it."""
    found = {}
    for name in ("pupils", "online"):
        if name not in masks:
            continue
        for index, row in enumerate(cells.to_pylist()):
            codes = frozenset(
                (column, row[column])
                for column in table.dimension_columns
                if row[column] != TOTAL
            )  # fmt: skip
            found[(name, codes)] = (bool(masks[name][index]), row[name])
    return found


def contradictions(declarations: Declarations, cells: Any, masks: Any) -> int:
    """How many figures stand open in one table and suppressed in another."""
    count = 0
    seen: dict[Cell, tuple[bool, float]] = {}
    for name in cells:
        for cell, (hidden, value) in figures(
            declarations.tables[name], cells[name], masks[name]
        ).items():
            if cell in seen:
                assert seen[cell][1] == value
                count += seen[cell][0] != hidden
            seen[cell] = (hidden, value)
    return count


def test_a_figure_has_one_status_in_all_tables(declarations: Declarations) -> None:
    tables = [declarations.tables[name] for name in LINKED]
    apart = 0
    for seed in range(40):
        cells = one_city(tables, seed)
        masks = protect_together(tables, cells)
        assert contradictions(declarations, cells, masks) == 0
        for table in tables:
            for name, mask in masks[table.name].items():
                if name == "pupils":
                    keys = zip(
                        *(cells[table.name][one].to_pylist() for one in table.dimension_columns),
                        strict=True,
                    )
                    keyed = list(keys)
                    values = dict(zip(keyed, cells[table.name][name].to_pylist(), strict=True))
                    hidden = dict(zip(keyed, mask.tolist(), strict=True))
                    k = table.disclosure.threshold
                    assert weaknesses(table, values, hidden, k) == [], seed
        alone = {table.name: protect(table, cells[table.name]) for table in tables}
        apart += contradictions(declarations, cells, alone)
    # Each for itself they would have contradicted one another.
    assert apart > 100


def test_a_table_that_comes_late_hides_what_a_published_one_hides(
    declarations: Declarations,
) -> None:
    first, late = declarations.tables["by-school"], declarations.tables["one-line"]
    for seed in range(60):
        cells = one_city([first, late], seed)
        frozen = Frozen(first, cells[first.name], protect(first, cells[first.name]))
        masks = protect_together([late], {late.name: cells[late.name]}, [frozen])
        both = {first.name: frozen.hidden, late.name: masks[late.name]}
        assert contradictions(declarations, cells, both) == 0


def test_a_published_figure_is_not_taken_to_hide_another(declarations: Declarations) -> None:
    """A late table may not rely on hiding what everyone can look up in an earlier one."""
    early = declarations.tables["one-line"]
    late = declarations.tables["by-school"]
    for seed in range(60):
        cells = one_city([early, late], seed)
        frozen = Frozen(early, cells[early.name], protect(early, cells[early.name]))
        masks = protect_together([late], {late.name: cells[late.name]}, [frozen])
        shown = figures(early, cells[early.name], dict(frozen.hidden))
        mine = figures(late, cells[late.name], masks[late.name])
        for cell, (hidden, value) in shown.items():
            if not hidden and not 0 < value < 5:
                assert not mine[cell][0], seed


def test_tables_that_count_different_things_are_left_alone(tmp_path: Path) -> None:
    documents = [
        *CITY,
        cube("days", "pupil", [["sex"]], [measure("days", sum="absences")]),
        cube("heads", "pupil", [["sex"]], [measure("heads")]),
    ]
    declarations = declare(tmp_path, documents)
    tables = [declarations.tables["days"], declarations.tables["heads"]]
    cells = {
        "days": cells_of(tables[0], {("male",): {"days": 3}, ("female",): {"days": 90}}),
        "heads": cells_of(tables[1], {("male",): {"heads": 50}, ("female",): {"heads": 60}}),
    }
    masks = protect_together(tables, cells)
    assert masks["days"]["days"].sum() == 2
    assert not masks["heads"]["heads"].any()


def test_tables_without_a_common_column_share_their_total(tmp_path: Path) -> None:
    documents = [
        *CITY,
        cube("by-sex", "pupil", [["sex"]], [measure("pupils")]),
        cube("by-grade", "pupil", [["grade"]], [measure("all_of_them")]),
    ]
    declarations = declare(tmp_path, documents)
    tables = [declarations.tables["by-sex"], declarations.tables["by-grade"]]
    cells = {
        "by-sex": cells_of(tables[0], {("male",): {"pupils": 3}, ("female",): {"pupils": 0}}),
        "by-grade": cells_of(tables[1], {("g1",): {"all_of_them": 3}}),
    }
    masks = protect_together(tables, cells)
    totals = [
        mask[cells[name][column].to_pylist().index(TOTAL)]
        for name, column, mask in (
            ("by-sex", "sex", masks["by-sex"]["pupils"]),
            ("by-grade", "grade", masks["by-grade"]["all_of_them"]),
        )
    ]
    assert totals == [True, True]
