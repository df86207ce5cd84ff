"""Which table goes down its ladder, and when."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harvesters.ladder import next_down, share_suppressed, too_dear
from schemas import Declarations, Table
from tests.schemas.builders import CITY, cube, declare, measure

pytestmark = pytest.mark.unit

LADDER = [{"drop": "school"}, {"drop": "area"}]


def table(name: str, **disclosure: Any) -> dict[str, Any]:
    return cube(
        name, "pupil", [["area", "school"]],
        [measure("pupils"), measure("days", sum="absences", about="institutions")],
        disclosure=disclosure,
    )  # fmt: skip


@pytest.fixture(scope="module")
def declarations(tmp_path_factory: pytest.TempPathFactory) -> Declarations:
    folder: Path = tmp_path_factory.mktemp("declared")
    return declare(
        folder,
        [
            *CITY, table("half", ladder=LADDER), table("fifth", ladder=LADDER, most_suppressed=0.2),
            table("flat", most_suppressed=0.0),
        ],
    )  # fmt: skip


def tables(declarations: Declarations, *names: str) -> list[Table]:
    return [declarations.tables[name] for name in names]


def hiding(number: int, of: int = 10) -> dict[str, np.ndarray]:
    return {"pupils": np.arange(of) < number, "days": np.zeros(of, dtype=bool)}


def test_a_share_is_of_what_may_have_to_be_suppressed(declarations: Declarations) -> None:
    (half,) = tables(declarations, "half")
    assert half.disclosure.most_suppressed == 0.5
    assert share_suppressed(half, {"pupils": 3, "days": 0}, 10) == 0.3
    assert share_suppressed(half, {}, 0) == 0


@pytest.mark.parametrize(
    ("half", "fifth", "rungs", "dear"),
    [
        (5, 2, {}, None),
        (6, 2, {}, "half"),
        (5, 3, {}, "fifth"),
        # The one that is farthest beyond, as long as its ladder goes on.
        (6, 9, {}, "fifth"),
        (6, 9, {"fifth": 2}, "half"),
        (6, 9, {"fifth": 2, "half": 2}, None),
    ],
)
def test_a_table_that_hides_more_than_it_may_goes_down(
    half: int, fifth: int, rungs: dict[str, int], dear: str | None, declarations: Declarations
) -> None:
    masks = {"half": hiding(half), "fifth": hiding(fifth), "flat": hiding(10)}
    chosen = tables(declarations, "half", "fifth", "flat")
    assert too_dear(chosen, masks, {"half": 0, "fifth": 0, "flat": 0, **rungs}) == dear


@pytest.mark.parametrize(
    ("blamed", "rungs", "down"),
    [
        ("half", {}, "half"),
        ("half", {"half": 2}, "fifth"),
        ("flat", {}, "fifth"),
        ("flat", {"fifth": 2}, "half"),
        ("flat", {"fifth": 2, "half": 2}, None),
    ],
)
def test_where_the_one_to_blame_is_at_its_end_another_goes_down(
    blamed: str, rungs: dict[str, int], down: str | None, declarations: Declarations
) -> None:
    chosen = tables(declarations, "half", "fifth", "flat")
    rows = {"half": 10, "fifth": 20, "flat": 30}
    assert next_down(chosen, rows, {"half": 0, "fifth": 0, "flat": 0, **rungs}, blamed) == down
