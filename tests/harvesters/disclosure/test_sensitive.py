"""Sensitive code lists: what a table that counts persons by them must not tell."""

from __future__ import annotations

import itertools
import random
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvesters.disclosure import Published, Refused, audit_together, protect
from harvesters.parts import build_parts
from schemas import TOTAL, Declarations, Table
from tests.harvesters.builders import SCHOOLS, YEAR, City, seal
from tests.harvesters.disclosure.builders import Key, Masks, cells_of, published, write
from tests.harvesters.disclosure.people import EXACT, Bounds
from tests.schemas.builders import AREAS, CITY, codelist, cube, measure, record

pytestmark = pytest.mark.unit

GROUPS = {"hoa": "few", "khmer": "few", "kinh": "many", "other": "few"}

DOCUMENTS = (
    *(one for one in CITY if one.get("table") != "enrolment" and one.get("record") != "pupil"),
    codelist("side", ["few", "many"], sensitive=["few"]),
    codelist(
        "group", [{"code": code, "parent": parent} for code, parent in GROUPS.items()],
        parent="side", sensitive=True,
    ),
    codelist("disabled", ["yes", "no"], sensitive=["yes"]),
    record(
        "pupil",
        [
            {"name": "school", "type": "institution"},
            {"name": "group", "type": "code"},
            {"name": "disabled", "type": "code"},
        ],
    ),
    cube("groups", "pupil", [["area"], ["group"]], [measure("pupils")]),
    cube(
        "merging", "pupil",
        [["area", "school"], {"name": "group", "hierarchy": ["side", "group"], "zeros": True}],
        [measure("pupils")],
        disclosure={"ladder": [{"drop": "group"}, {"drop": "school"}], "most_suppressed": 0.2},
    ),
    cube(
        "disabled", "pupil", [["area"]],
        [measure("pupils"), measure("disabled", count={"where": {"disabled": ["yes"]}})],
    ),
)  # fmt: skip


@pytest.fixture(scope="module")
def declarations(tmp_path_factory: pytest.TempPathFactory) -> Declarations:
    return City(tmp_path_factory.mktemp("city"), DOCUMENTS).declarations


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


def counted(table: Table, counts: dict[Key, int]) -> pa.Table:
    return cells_of(table, {key: {"pupils": number} for key, number in counts.items()})


def audit_of(table: Table, cells: pa.Table, masks: Masks, folder: Path) -> None:
    file = write(table, published(table, cells, masks), folder / f"{table.name}.parquet")
    pq.write_table(cells, file.with_suffix(".cells"))
    audit_together(YEAR, [Published(table, file, file.with_suffix(".cells"))])


def row_of(cells: pa.Table, **codes: str) -> int:
    (found,) = (
        number for number, cell in enumerate(cells.to_pylist())
        if all(cell[name] == code for name, code in codes.items())
    )  # fmt: skip
    return found


def weaknesses(cells: pa.Table, hidden: np.ndarray) -> list[str]:
    """What a reader learns of an area's groups: that nobody, or everybody, belongs to one."""
    rows = cells.to_pylist()
    finest = [(one["area"], one["group"]) for one in rows if TOTAL not in one.values()]
    of = [
        frozenset(place for place, (area, group) in enumerate(finest)
                  if row["area"] in (TOTAL, area) and row["group"] in (TOTAL, group))
        for row in rows
    ]  # fmt: skip
    equations = [
        (dict.fromkeys(here, 1.0), row["pupils"], row["pupils"])
        for row, here, out in zip(rows, of, hidden, strict=True) if not out
    ]  # fmt: skip
    bounds, found = Bounds(len(finest), equations, of), []
    wholes = {row["area"]: row["pupils"] for row in rows if row["group"] == TOTAL}
    for number, row in enumerate(rows):
        value, whole = row["pupils"], wholes[row["area"]]
        if row["group"] == TOTAL or whole == 0:
            continue
        low, high = (0, 10) if value < 10 else (value - 10, value)
        if (value < 10 or value == whole) and not bounds.contain(
            number, low + EXACT, high - EXACT, 0
        ):
            found.append(f"{row['area']}, {row['group']}")
    return found


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**9))
def test_nobody_learns_that_nobody_or_everybody_is_of_a_group(
    seed: int, declarations: Declarations, folder: Path
) -> None:
    dice, table = random.Random(seed), declarations.tables["groups"]
    assert table.disclosure.threshold == 10
    counts: dict[Key, int] = {}
    for area in AREAS:
        full = dice.choice([None, *GROUPS])
        for group in GROUPS:
            number = dice.choice([0, dice.randint(0, 12), dice.randint(0, 300)])
            counts[area, group] = number if full in (None, group) else 0
    cells = counted(table, counts)
    try:
        masks = protect(table, cells)
    except Refused:
        return
    assert weaknesses(cells, masks["pupils"]) == []
    audit_of(table, cells, masks, folder)


EVEN = dict.fromkeys(itertools.product(AREAS, GROUPS), 50)


@pytest.mark.parametrize(
    ("counts", "shown"),
    [
        ({(AREAS[0], "hoa"): 0}, "hoa"),
        ({(AREAS[0], group): 90 if group == "hoa" else 0 for group in GROUPS}, "hoa"),
    ],
)
def test_the_audit_finds_what_tells_of_everybody(
    counts: dict[Key, int], shown: str, declarations: Declarations, tmp_path: Path
) -> None:
    table = declarations.tables["groups"]
    cells = counted(table, EVEN | counts)
    masks = protect(table, cells)
    audit_of(table, cells, masks, tmp_path)
    masks["pupils"][row_of(cells, area=AREAS[0], group=shown)] = False
    with pytest.raises(Refused, match="tell of everybody"):
        audit_of(table, cells, masks, tmp_path)


def test_a_category_that_is_alone_in_its_line_is_found(
    declarations: Declarations, tmp_path: Path
) -> None:
    table = declarations.tables["groups"]
    cells = counted(table, EVEN | {(AREAS[0], "hoa"): 0})
    alone = np.zeros(cells.num_rows, dtype=bool)
    alone[row_of(cells, area=AREAS[0], group="hoa")] = True
    with pytest.raises(Refused, match="can be worked out"):
        audit_of(table, cells, {"pupils": alone}, tmp_path)


@pytest.mark.parametrize(("some", "everyone"), [(0, 40), (40, 40)])
def test_a_filter_by_a_sensitive_code_tells_of_nobody_and_of_everybody_neither(
    some: int, everyone: int, declarations: Declarations, tmp_path: Path
) -> None:
    table = declarations.tables["disabled"]
    numbers = {AREAS[0]: (some, everyone), AREAS[1]: (60, 200), AREAS[2]: (70, 210)}
    cells = cells_of(
        table, {(area,): {"disabled": one, "pupils": all_} for area, (one, all_) in numbers.items()}
    )
    masks = protect(table, cells)
    place = row_of(cells, area=AREAS[0])
    assert masks["disabled"][place]
    audit_of(table, cells, masks, tmp_path)
    masks["disabled"] = np.zeros(cells.num_rows, dtype=bool)
    with pytest.raises(Refused, match="tell of everybody"):
        audit_of(table, cells, masks, tmp_path)


def test_giving_up_the_finer_column_merges_categories(tmp_path: Path) -> None:
    """Groups of four that few belong to are merged into the two sides above them."""
    city = City(tmp_path, DOCUMENTS)
    seal(city.state, city.declarations, "school", SCHOOLS)
    sizes = {"kinh": 200, "hoa": 12, "khmer": 3, "other": 11}
    pupils: list[dict[str, Any]] = [
        {"school": school["school"], "group": group, "disabled": "no"}
        for school in SCHOOLS for group, size in sizes.items() for _ in range(size)
    ]  # fmt: skip
    seal(city.state, city.declarations, "pupil", pupils)
    (part,) = build_parts([city.declarations.tables["merging"]], YEAR, city.state,
                          city.declarations)  # fmt: skip
    assert part.certificate["given_up"] == ["group"]
    rows = pq.read_table(part.path).to_pylist()
    assert {row["group"] for row in rows} == {TOTAL}
    one = [row for row in rows if row["school"] == "0001"]
    assert {row["side"]: row["pupils"] for row in one} == {TOTAL: 226, "few": 26, "many": 200}
