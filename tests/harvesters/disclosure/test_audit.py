"""The audit: it accepts what is safe, and nothing else gets past it."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harvesters.disclosure import Refused, audit, audit_together, protect
from harvesters.files import sha256
from harvesters.parts import schema_of
from schemas import TOTAL, Declarations, Table
from tests.harvesters.builders import YEAR
from tests.harvesters.disclosure.builders import (
    TABLES,
    cells_of,
    declare_tables,
    published,
    random_cells,
    weaknesses,
    write,
)

pytestmark = pytest.mark.unit

Rows = list[dict[str, Any]]


@pytest.fixture(scope="module")
def declarations(tmp_path_factory: pytest.TempPathFactory) -> Declarations:
    return declare_tables(tmp_path_factory.mktemp("declared"))


def passes(table: Table, rows: Rows, folder: Path) -> bool:
    try:
        audit(table, YEAR, write(table, rows, folder / "file.parquet"))
    except Refused:
        return False
    return True


@pytest.mark.parametrize("name", [table["table"] for table in TABLES])
def test_what_protection_leaves_open_passes(
    declarations: Declarations, name: str, tmp_path: Path
) -> None:
    table = declarations.tables[name]
    for seed in range(100, 106):
        cells = random_cells(table, seed)
        if not cells.num_rows:
            continue
        masks = protect(table, cells)
        file = write(table, published(table, cells, masks), tmp_path / f"{seed}.parquet")
        certificate = audit(table, YEAR, file)
        assert certificate.cells == cells.num_rows
        assert certificate.suppressed == {one: int(mask.sum()) for one, mask in masks.items()}
        assert certificate.file_sha256 == sha256(file)
        assert certificate.thresholds.keys() == {
            one.name for one in table.measures if one.about == "persons"
        }
        assert certificate.checks and certificate.software["duckdb"]


def test_the_audit_judges_any_pattern_as_an_attacker_by_hand_does(
    declarations: Declarations, tmp_path: Path
) -> None:
    """Patterns made at random and patterns with one cell opened or one more hidden."""
    table = declarations.tables["by-school"]
    verdicts = []
    for seed in range(30):
        dice = random.Random(seed)
        cells = random_cells(table, seed)
        if not cells.num_rows:
            continue
        mask = protect(table, cells)["pupils"].copy()
        if dice.random() < 0.4:
            mask = np.array([dice.random() < 0.5 for _ in mask])
        elif dice.random() < 0.8:
            place = dice.randrange(len(mask))
            mask[place] = not mask[place]
        rows = published(table, cells, {"pupils": mask})
        keys = [tuple(row[name] for name in table.dimension_columns) for row in rows]
        values = dict(zip(keys, (float(one) for one in cells["pupils"].to_pylist()), strict=True))
        hidden = dict(zip(keys, mask.tolist(), strict=True))
        weak = weaknesses(table, values, hidden, table.disclosure.threshold)
        verdicts.append(bool(weak))
        assert passes(table, rows, tmp_path) != bool(weak), (seed, weak)
    # Both verdicts were reached.
    assert 5 < sum(verdicts) < len(verdicts)


def honest(declarations: Declarations, name: str) -> tuple[Table, Rows]:
    """Rows that pass, with suppressed cells and lines that are open throughout."""
    table = declarations.tables[name]
    dice = random.Random(5)
    schools = [("00100", "0001"), ("00100", "0002"), ("00200", "0003"), ("00200", "0004")]
    places = schools if "school" in table.dimension_columns else [("00100",), ("00200",)]
    grades = [("primary", "g1"), ("primary", "g2"), ("secondary", "g6")]
    finest = {}
    for place in places:
        if table.name == "one-line":
            place = ()
        for rest in grades if "grade" in table.dimension_columns else [("male",), ("female",)]:
            for sex in [("male",), ("female",)] if table.name == "by-school" else [()]:
                number = dice.randint(30, 90)
                finest[(*place, *rest, *sex)] = {
                    "pupils": number, "online": number - 14, "girls": 14, "days": number,
                    "fees": number * 2.5, "share_online__n": number - 14,
                    "share_online__of": number, "fee_a_day__n": number * 2.5,
                    "fee_a_day__of": number, "mean_fee__sum": number * 2.5, "mean_fee__n": number,
                }  # fmt: skip
    small = next(iter(finest))
    change = 2 if table.name in ("by-school", "money", "one-line") else finest[small]["pupils"]
    finest[small] |= {
        "pupils": change, "online": change - (0 if change == 2 else 3), "days": change,
        "share_online__n": change - 3, "share_online__of": change, "fee_a_day__of": change,
    }  # fmt: skip
    cells = cells_of(table, finest)
    rows = published(table, cells, protect(table, cells))
    return table, rows


def first(rows: Rows, where: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    return next(row for row in rows if where(row))


def is_total(row: dict[str, Any]) -> bool:
    names = ("area", "school", "level", "grade", "sex")
    return all(row.get(name, TOTAL) == TOTAL for name in names)


def in_open_line(row: dict[str, Any]) -> bool:
    """A school in the ward where nothing is suppressed, of a grade and sex that are not either."""
    return row["area"] == "00200" and row["grade"] == "g6" and row["sex"] == "female"


def edit(row: dict[str, Any], **values: Any) -> None:
    row |= values


def shift(rows: Rows, key: tuple[str, ...], name: str, all_but: int) -> None:
    """Give a cell of area, level and grade another value, and the totals over it what follows:
    all the pupils there but so many."""
    area, level, grade = key
    cell = first(rows, lambda row: (row["area"], row["level"], row["grade"]) == key)
    change = cell["pupils"] - all_but - cell[name]
    for row in rows:
        over = row["area"] in (area, TOTAL) and (row["level"], row["grade"]) in (
            (level, grade), (level, TOTAL), (TOTAL, TOTAL),
        )  # fmt: skip
        if over and row[name] is not None:
            edit(row, **{name: row[name] + change})


MUTATIONS: dict[str, tuple[str, Callable[[Rows], Any], str]] = {
    "a suppressed value comes back": (
        "by-school",
        lambda rows: edit(first(rows, lambda row: row["pupils_status"] == "c"),
                          pupils=2, pupils_status=""),
        "under 5",
    ),
    "a value beside the symbol": (
        "by-school",
        lambda rows: edit(first(rows, lambda row: row["pupils_status"] == "c"), pupils=70),
        "contradict their status",
    ),
    "a value and no status that allows it": (
        "by-school", lambda rows: edit(first(rows, is_total), pupils_status="x"), "contradict",
    ),
    "no value and no status": (
        "by-school", lambda rows: edit(first(rows, is_total), pupils=None), "contradict",
    ),
    "the symbol gone": (
        "by-school",
        lambda rows: edit(first(rows, lambda row: row["pupils_status"] == "c"), pupils_status=""),
        "contradict",
    ),
    "another symbol for the suppressed": (
        "by-school",
        lambda rows: edit(first(rows, lambda row: row["pupils_status"] == "c"), pupils_status="x"),
        "contradict",
    ),
    "an unknown symbol": (
        "money",
        lambda rows: edit(first(rows, lambda row: row["fees_status"] == "c"), fees_status="~"),
        "contradict",
    ),
    "a status that is missing": (
        "by-school", lambda rows: edit(rows[0], pupils_status=None), "contradict",
    ),
    "words in a flag": (
        "by-school", lambda rows: edit(first(rows, is_total), pupils_flag="Nguyễn"), "contradict",
    ),
    "a lone cell": (
        "by-school",
        lambda rows: edit(
            first(rows, lambda row: in_open_line(row) and row["school"] == "0003"),
            pupils=None, pupils_status="c",
        ),
        "one suppressed cell",
    ),
    "one pupil more": (
        "by-school",
        lambda rows: [
            edit(row, pupils=row["pupils"] + 1)
            for row in rows if in_open_line(row) and row["school"] == "0003"
        ],
        "do not add up",
    ),
    "a small value": (
        "by-school",
        lambda rows: edit(first(rows, in_open_line), pupils=4), "under 5",
    ),
    "a negative value": (
        "by-school",
        lambda rows: edit(first(rows, in_open_line), pupils=-40), "under 5",
    ),
    "a part that is missing": (
        "by-school",
        lambda rows: rows.remove(first(rows, lambda row: in_open_line(row)
                                       and row["school"] == "0003")),
        "do not add up",
    ),
    "a total that is missing": (
        "by-school", lambda rows: rows.remove(first(rows, is_total)), "without a total",
    ),
    "a row twice": ("by-school", lambda rows: rows.append(dict(rows[7])), "twice"),
    "a row of another year": (
        "by-school", lambda rows: edit(rows[0], school_year="2024-2025"), "another period",
    ),
    "a row without a code": (
        "by-school", lambda rows: edit(first(rows, in_open_line), grade=None), "without a code",
    ),
    "few without, beside all and those with": (
        "online",
        lambda rows: shift(rows, ("00200", "secondary", "g6"), "girls", all_but=3), "under 10",
    ),
    "more with than there are": (
        "online",
        lambda rows: shift(rows, ("00200", "secondary", "g6"), "girls", all_but=-500), "under 10",
    ),
    "some open where all are not": (
        "online",
        lambda rows: [
            edit(row, pupils=None, pupils_status="c")
            for row in rows
            if row["area"] in ("00100", "00200") and row["level"] in ("primary", "secondary")
            and row["girls_status"] == ""
        ],
        "are open where pupils is not",
    ),
    "two cells that come to less than the threshold together": (
        "one-line",
        lambda rows: [
            edit(row, pupils=None, pupils_status="c") if row["sex"] != TOTAL else
            edit(row, pupils=4000, pupils_status="")
            for row in rows
        ] and rows.append({**rows[0], "sex": "other", "pupils": 3997, "pupils_status": ""}),
        "come to less than 5",
    ),
    "a rate of nobody": (
        "rates",
        lambda rows: edit(first(rows, is_total), share_online=0.0), "0 or 100 percent",
    ),
    "a rate of everybody": (
        "rates",
        lambda rows: edit(first(rows, is_total), share_online=100.0), "0 or 100 percent",
    ),
    "a rate beside the count it gives away": (
        "rates",
        lambda rows: edit(first(rows, lambda row: row["online_status"] == "c"),
                          share_online=50.0, share_online_status=""),
        "share_online are open where online is not",
    ),
    "money of people who are not shown": (
        "money",
        lambda rows: edit(first(rows, lambda row: row["days_status"] == "c"),
                          fees=5.0, fees_status=""),
        "fees are open where days is not",
    ),
    "a ratio beside what it gives away": (
        "money",
        lambda rows: edit(first(rows, lambda row: row["days_status"] == "c"),
                          fee_a_day=2.5, fee_a_day_status=""),
        "fee_a_day are open where",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", MUTATIONS)
def test_each_change_to_what_is_safe_is_refused(
    declarations: Declarations, case: str, tmp_path: Path
) -> None:
    name, change, reason = MUTATIONS[case]
    table, rows = honest(declarations, name)
    assert passes(table, rows, tmp_path)
    assert any(row[f"{one.name}_status"] == "c" for row in rows for one in table.measures)
    change(rows)
    with pytest.raises(Refused, match=reason) as refused:
        audit(table, YEAR, write(table, rows, tmp_path / "changed.parquet"))
    assert refused.value.table == name


def test_every_suppressed_cell_is_missed_when_it_comes_back(
    declarations: Declarations, tmp_path: Path
) -> None:
    """In a table whose lines hide two cells each, none of them can be spared."""
    table, rows = honest(declarations, "by-school")
    spared = []
    for index, row in enumerate(rows):
        if row["pupils_status"] == "c":
            changed = [dict(one) for one in rows]
            edit(changed[index], pupils=60, pupils_status="")
            spared.append(passes(table, changed, tmp_path))
    assert len(spared) >= 8
    assert not any(spared)


def with_schema(rows: Rows, schema: pa.Schema, path: Path) -> Path:
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), path)
    return path


@pytest.mark.parametrize(
    ("change", "column"),
    [
        (lambda schema: schema.append(pa.field("pupil_name", pa.string())), "pupil_name"),
        (lambda schema: schema.remove(schema.get_field_index("pupils_status")), "pupils_status"),
        (lambda schema: _retyped(schema, "pupils", pa.float64()), "pupils"),
        (lambda schema: _retyped(schema, "area", pa.binary()), "area"),
        (lambda schema: _retyped(schema, "pupils", pa.int32()), "pupils"),
    ],
)
def test_columns_and_types_are_just_the_declared_ones(
    declarations: Declarations,
    change: Callable[[pa.Schema], pa.Schema],
    column: str,
    tmp_path: Path,
) -> None:
    table, rows = honest(declarations, "by-school")
    schema = change(schema_of(table))
    if pa.types.is_binary(schema.field("area").type):
        rows = [{**row, "area": row["area"].encode()} for row in rows]
    with pytest.raises(Refused, match=rf"not the declared ones: {column}\."):
        audit(table, YEAR, with_schema(rows, schema, tmp_path / "file.parquet"))


def _retyped(schema: pa.Schema, name: str, kind: pa.DataType) -> pa.Schema:
    return schema.set(schema.get_field_index(name), pa.field(name, kind))


def test_a_refusal_tells_no_value(declarations: Declarations, tmp_path: Path) -> None:
    table, rows = honest(declarations, "by-school")
    edit(first(rows, in_open_line), pupils=3, area="0" * 12)
    with pytest.raises(Refused) as refused:
        audit(table, YEAR, write(table, rows, tmp_path / "file.parquet"))
    assert "0" * 12 not in str(refused.value) and "0003" not in str(refused.value)


def test_an_empty_file_is_certified_as_empty(declarations: Declarations, tmp_path: Path) -> None:
    table = declarations.tables["by-school"]
    assert audit(table, YEAR, write(table, [], tmp_path / "empty.parquet")).cells == 0


def test_a_figure_in_two_tables_is_the_same_in_both(
    declarations: Declarations, tmp_path: Path
) -> None:
    table, rows = honest(declarations, "by-school")
    other = declarations.tables["one-line"]
    totals = {
        row["sex"]: row for row in rows
        if all(row[name] == TOTAL for name in ("area", "school", "level", "grade"))
    }  # fmt: skip
    shared = [
        {name: row[name] for name in (column.name for column in other.columns)}
        for row in totals.values()
    ]

    def together(shared: Rows) -> list[str]:
        return audit_together(
            other, write(other, shared, tmp_path / "b.parquet"),
            table, write(table, rows, tmp_path / "a.parquet"),
        )  # fmt: skip

    assert together(shared) == ["pupils: as pupils in by-school."]
    for change in ({"pupils": 999}, {"pupils": None, "pupils_status": "c"}):
        changed = [dict(row) for row in shared]
        edit(changed[0], **change)
        with pytest.raises(Refused, match="not those of pupils in by-school"):
            together(changed)
