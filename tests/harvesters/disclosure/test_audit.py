"""The audit: it accepts what is safe, and nothing else gets past it."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from harvesters.disclosure import (
    Published,
    Refused,
    audit,
    audit_together,
    protect,
    protect_together,
)
from harvesters.disclosure.reader import knowledge
from harvesters.files import sha256
from harvesters.parts import schema_of
from schemas import TOTAL, Declarations, Table
from schemas.table import STRUCTURAL
from tests.harvesters.builders import YEAR
from tests.harvesters.disclosure.builders import (
    TABLES,
    Masks,
    cells_of,
    declare_tables,
    published,
    random_cells,
    write,
)
from tests.harvesters.disclosure.people import counted, random_people, weaknesses
from tests.schemas.builders import CITY, cube, declare, measure

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


def honest(declarations: Declarations, name: str) -> tuple[Table, Rows, pa.Table]:
    """Rows that pass, with suppressed cells and lines that are open throughout; and the cells."""
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
        "mean_fee__n": change,
    }  # fmt: skip
    cells = cells_of(table, finest)
    rows = published(table, cells, protect(table, cells))
    return table, rows, cells


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
    "a small value": (
        "by-school",
        lambda rows: edit(first(rows, in_open_line), pupils=4), "under 5",
    ),
    "a negative value": (
        "by-school",
        lambda rows: edit(first(rows, in_open_line), pupils=-40), "under 5",
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
    "a rate of nobody": (
        "rates",
        lambda rows: edit(first(rows, is_total), share_online=0.0), "and not coded",
    ),
    "a rate of everybody": (
        "rates",
        lambda rows: edit(first(rows, is_total), share_online=100.0), "and not coded",
    ),
    "a rate of 5 percent": (
        "rates",
        lambda rows: edit(first(rows, is_total), share_online=5.0), "and not coded",
    ),
    "a rate of 95 percent": (
        "rates",
        lambda rows: edit(first(rows, is_total), share_online=95.0), "and not coded",
    ),
    "a bound that is none": (
        "rates",
        lambda rows: edit(first(rows, is_total), share_online=4.0, share_online_flag="le"),
        "and not coded",
    ),
    "the wrong bound": (
        "rates",
        lambda rows: edit(first(rows, is_total), share_online=95.0, share_online_flag="le"),
        "and not coded",
    ),
    "the other wrong bound": (
        "rates",
        lambda rows: edit(first(rows, is_total), share_online=5.0, share_online_flag="ge"),
        "and not coded",
    ),
    "a count that is coded": (
        "rates", lambda rows: edit(first(rows, is_total), online_flag="le"), "contradict",
    ),
    "money of people who are not shown": (
        "money",
        lambda rows: edit(first(rows, lambda row: row["days_status"] == "c"),
                          fees=5.0, fees_status=""),
        "fees are open where days is not",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", MUTATIONS)
def test_each_change_to_what_is_safe_is_refused(
    declarations: Declarations, case: str, tmp_path: Path
) -> None:
    name, change, reason = MUTATIONS[case]
    table, rows, _ = honest(declarations, name)
    assert passes(table, rows, tmp_path)
    assert any(row[f"{one.name}_status"] == "c" for row in rows for one in table.measures)
    change(rows)
    with pytest.raises(Refused, match=reason) as refused:
        audit(table, YEAR, write(table, rows, tmp_path / "changed.parquet"))
    assert refused.value.table == name


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
    table, rows, _ = honest(declarations, "by-school")
    schema = change(schema_of(table))
    if pa.types.is_binary(schema.field("area").type):
        rows = [{**row, "area": row["area"].encode()} for row in rows]
    with pytest.raises(Refused, match=rf"not the declared ones: {column}\."):
        audit(table, YEAR, with_schema(rows, schema, tmp_path / "file.parquet"))


def _retyped(schema: pa.Schema, name: str, kind: pa.DataType) -> pa.Schema:
    return schema.set(schema.get_field_index(name), pa.field(name, kind))


def test_a_refusal_tells_no_value(declarations: Declarations, tmp_path: Path) -> None:
    table, rows, _ = honest(declarations, "by-school")
    edit(first(rows, in_open_line), pupils=3, area="0" * 12)
    with pytest.raises(Refused) as refused:
        audit(table, YEAR, write(table, rows, tmp_path / "file.parquet"))
    assert "0" * 12 not in str(refused.value) and "0003" not in str(refused.value)


def test_an_empty_file_is_certified_as_empty(declarations: Declarations, tmp_path: Path) -> None:
    table = declarations.tables["by-school"]
    assert audit(table, YEAR, write(table, [], tmp_path / "empty.parquet")).cells == 0


def agreeing(table: Table, rows: Rows, cells: pa.Table) -> pa.Table:
    """The cells, made to agree with whatever the rows show of them."""
    columns = table.dimension_columns
    known = {tuple(cell[name] for name in columns): cell for cell in cells.to_pylist()}
    nothing = dict.fromkeys(cells.column_names, 0)
    found = []
    for row in rows:
        codes = {name: row[name] for name in columns}
        counted = {**nothing, **known.get(tuple(codes.values()), {}), **codes}
        shown = {one.name: row[one.name] for one in table.measures
                 if one.name in counted and row[one.name] is not None}  # fmt: skip
        found.append({**counted, **shown})
    return pa.Table.from_pylist(found, cells.schema)


def put(table: Table, rows: Rows, cells: pa.Table, folder: Path, name: str = "") -> Published:
    """The file of a table, and beside it that of its cells."""
    file = write(table, rows, folder / f"{name or table.name}.parquet")
    beside = file.with_suffix(".cells")
    pq.write_table(cells, beside)
    return Published(table, file, beside)


def put_all(
    tables: Sequence[Table],
    cells: Mapping[str, pa.Table],
    masks: Mapping[str, Masks],
    folder: Path,
) -> list[Published]:
    return [
        put(one, published(one, cells[one.name], masks[one.name]), cells[one.name], folder)
        for one in tables
    ]


@pytest.mark.parametrize(
    "names", [["by-school"], ["money"], ["by-school", "one-line"], ["rates", "online"]]
)
def test_what_is_protected_together_passes_together(
    declarations: Declarations, names: list[str], tmp_path: Path
) -> None:
    tables = [declarations.tables[name] for name in names]
    suppressed = 0
    for seed in range(200, 203):
        cells = (
            {"money": random_cells(tables[0], seed)} if names == ["money"]
            else {table.name: counted(table, random_people(seed)) for table in tables}
        )  # fmt: skip
        masks = protect_together(tables, cells)
        files = put_all(tables, cells, masks, tmp_path)
        certificates = audit_together(YEAR, files).certificates
        assert list(certificates) == names
        for one in files:
            certificate = certificates[one.table.name]
            assert certificate.file_sha256 == sha256(one.file)
            assert certificate.suppressed == {
                name: int(mask.sum()) for name, mask in masks[one.table.name].items()
            }
            assert certificate.system["tables"] == names
            assert certificate.system["files_sha256"] == [sha256(file.file) for file in files]
            assert certificate.system["largest_component"] <= certificate.system["figures"]
            suppressed += int(certificate.system["suppressed"])
    assert suppressed > 10


@pytest.mark.parametrize("name", ["by-school", "online", "rates"])
def test_the_audit_judges_any_pattern_as_the_attacker_does(
    declarations: Declarations, name: str, tmp_path: Path
) -> None:
    """Patterns with one figure opened, one more hidden, or some at random."""
    table = declarations.tables[name]
    verdicts = []
    for seed in range(12):
        dice = random.Random(seed)
        people = random_people(seed)
        cells = counted(table, people)
        masks = {one: mask.copy() for one, mask in protect(table, cells).items()}
        mask = masks[dice.choice([one for one in sorted(masks) if one != "share_online"])]
        out = np.flatnonzero(mask)
        if len(out) and dice.random() < 0.7:
            mask[dice.choice(out.tolist())] = False
        elif dice.random() < 0.5:
            mask[dice.randrange(len(mask))] = True
        else:
            mask |= np.array([dice.random() < 0.3 for _ in mask])
        weak = weaknesses(people, [(table, cells, masks)])
        try:
            audit_together(YEAR, put_all([table], {name: cells}, {name: masks}, tmp_path))
            refused = None
        except Refused as found:
            refused = str(found)
        assert bool(refused) == bool(weak), (seed, weak, refused)
        verdicts.append(bool(weak))
    # Both verdicts were reached.
    assert 1 < sum(verdicts) < len(verdicts)


def test_every_suppressed_cell_is_missed_when_it_comes_back(
    declarations: Declarations, tmp_path: Path
) -> None:
    """In a table with one small count, none of those that hide it can be spared."""
    table, rows, cells = honest(declarations, "by-school")
    spared = []
    for index, row in enumerate(cells.to_pylist()):
        if rows[index]["pupils_status"] == "c":
            changed = [dict(one) for one in rows]
            edit(changed[index], pupils=row["pupils"], pupils_status="")
            with pytest.raises(Refused):
                audit_together(YEAR, [put(table, changed, cells, tmp_path)])
            spared.append(index)
    assert len(spared) >= 8


SYSTEM: dict[str, tuple[str, Callable[[Rows], Any], bool, str]] = {
    "a lone cell": (
        "by-school",
        lambda rows: edit(
            first(rows, lambda row: in_open_line(row) and row["school"] == "0003"),
            pupils=None, pupils_status="c",
        ),
        False, "can be worked out",
    ),
    "one pupil more": (
        "by-school",
        lambda rows: edit(first(rows, in_open_line), pupils=60), False, "do not add up",
    ),
    "a line that a suppressed cell would have to leave below nothing": (
        "by-school",
        lambda rows: edit(
            first(rows, lambda row: row["area"] == "00100" and row["pupils_status"] == ""
                  and row["school"] == TOTAL and row["sex"] == TOTAL),
            pupils=5,
        ),
        False, "ended as|do not add up",
    ),
    "one pupil more, and the cells at hand": (
        "by-school",
        lambda rows: edit(first(rows, in_open_line), pupils=60), True, "not what was counted",
    ),
    "a part that is missing": (
        "by-school",
        lambda rows: rows.remove(first(rows, lambda row: in_open_line(row)
                                       and row["school"] == "0003")),
        False, "do not add up",
    ),
    "a total that is missing": (
        "by-school", lambda rows: rows.remove(first(rows, is_total)), True,
        "not those that were counted",
    ),
    "a row that was not counted": (
        "by-school",
        lambda rows: rows.append({**first(rows, is_total), "sex": "other", "pupils": 0}), True,
        "not those that were counted",
    ),
    "two cells that come to less than the threshold together": (
        "one-line",
        lambda rows: [
            edit(row, pupils=None, pupils_status="c") if row["sex"] != TOTAL else
            edit(row, pupils=4000, pupils_status="")
            for row in rows
        ] and rows.append({**rows[0], "sex": "other", "pupils": 3997, "pupils_status": "",
                           "pupils_flag": ""}),
        False, "can be worked out",
    ),
    "a rate beside the count it gives away": (
        "rates",
        lambda rows: edit(first(rows, lambda row: row["online_status"] == "c"
                                and row["pupils_status"] == ""),
                          share_online=50.0, share_online_status=""),
        True, "are of under 10",
    ),
    "a mean of few": (
        "money",
        lambda rows: edit(first(rows, lambda row: row["mean_fee_status"] == "c"
                                and row["sex"] == "male"),
                          mean_fee=2.5, mean_fee_status=""),
        True, "mean_fee are of under 10",
    ),
    "a ratio to few": (
        "money",
        lambda rows: edit(first(rows, lambda row: row["fee_a_day_status"] == "c"
                                and row["sex"] == "male"),
                          fee_a_day=2.5, fee_a_day_status=""),
        True, "fee_a_day are of under 10",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", SYSTEM)
def test_each_change_to_a_safe_system_is_refused(
    declarations: Declarations, case: str, tmp_path: Path
) -> None:
    name, change, counted_so, reason = SYSTEM[case]
    table, rows, cells = honest(declarations, name)
    audit_together(YEAR, [put(table, rows, cells, tmp_path)])
    change(rows)
    cells = cells if counted_so else agreeing(table, rows, cells)
    with pytest.raises(Refused, match=reason) as refused:
        audit_together(YEAR, [put(table, rows, cells, tmp_path, "changed")])
    assert refused.value.table == name


def test_a_count_that_a_hidden_rate_is_of_has_the_threshold_of_the_rate(tmp_path: Path) -> None:
    """Seven pupils may stand open by a threshold of 5, but not beside their rate, even hidden."""
    share = measure("share", rate={"of": {"internet": ["yes"]}})
    table = declare(
        tmp_path, [*CITY, cube("shares", "pupil", [["sex"]], [measure("pupils"), share])]
    ).tables["shares"]
    cells = cells_of(table, {
        ("male",): {"pupils": 7, "share__n": 3, "share__of": 7},
        ("female",): {"pupils": 60, "share__n": 30, "share__of": 60},
    })  # fmt: skip
    nothing, every = np.zeros(3, dtype=bool), np.ones(3, dtype=bool)
    rows = published(table, cells, {"pupils": nothing, "share": every})
    assert audit(table, YEAR, write(table, rows, tmp_path / "alone.parquet")).suppressed["share"]
    with pytest.raises(Refused, match="1 figures are too small"):
        audit_together(YEAR, [put(table, rows, cells, tmp_path)])


def test_a_small_figure_that_cannot_be_nothing_is_refused(tmp_path: Path) -> None:
    """3 + 17 are 20, and 17 + 2 are 19: the first is one at least, though it may be 20."""
    square = cube("square", "pupil", [["area"], ["sex"]], [measure("pupils")])
    table = declare(tmp_path, [*CITY, square]).tables["square"]
    numbers = {("00100", "female"): 3, ("00100", "male"): 17,
               ("00200", "male"): 2, ("00200", "female"): 40}  # fmt: skip
    cells = cells_of(table, {key: {"pupils": number} for key, number in numbers.items()})
    shown = {("00100", TOTAL), (TOTAL, "male")}
    hidden = np.array([(row["area"], row["sex"]) not in shown for row in cells.to_pylist()])
    with pytest.raises(Refused, match="1 suppressed figures can be worked out"):
        audit_together(
            YEAR, [put(table, published(table, cells, {"pupils": hidden}), cells, tmp_path)]
        )


def test_a_file_of_another_table_or_period_is_refused(
    declarations: Declarations, tmp_path: Path
) -> None:
    table, rows, cells = honest(declarations, "by-school")
    one = put(table, rows, cells, tmp_path)
    other = declarations.tables["one-line"]
    with pytest.raises(Refused, match="another period"):
        audit_together("2024-2025", [one])
    with pytest.raises(Refused, match="not the declared ones"):
        audit_together(YEAR, [dataclasses.replace(one, table=other)])


def test_who_is_not_delivered_hides_nobody(tmp_path: Path) -> None:
    """Where a number is not available it adds nothing, and a lone suppressed one is told."""
    days = cube("days", "pupil", [["sex"]], [measure("days", sum="absences")])
    table = declare(tmp_path, [*CITY, days]).tables["days"]
    cells = cells_of(table, {("male",): {"days": 30}, ("female",): {"days": None}})
    hidden = {"days": np.array([code == "male" for code in cells["sex"].to_pylist()])}
    rows = published(table, cells, hidden)
    assert {row["days_status"] for row in rows} == {"", "c", "x"}
    with pytest.raises(Refused, match="can be worked out"):
        audit_together(YEAR, [put(table, rows, cells, tmp_path)])


NEVER = cube(
    "never", "pupil", [["area"], {"name": "sex", "hierarchy": ["sex"], "zeros": True}],
    [measure("pupils"), measure("days", sum="absences")],
    structural_zeros=[{"area": ["00100"], "sex": ["male"]}],
)  # fmt: skip


def never(folder: Path) -> tuple[Table, Rows, pa.Table]:
    """Rows that pass, one area without boys for good and one by chance; and the cells."""
    table = declare(folder, [*CITY, NEVER]).tables["never"]
    numbers = {
        ("00100", "male"): 0,
        ("00100", "female"): 40,
        ("00200", "male"): 0,
        ("00200", "female"): 30,
        ("00300", "male"): 20,
        ("00300", "female"): 10,
    }
    cells = cells_of(
        table, {key: {"pupils": number, "days": number} for key, number in numbers.items()}
    )
    marks = [(row["area"], row["sex"]) == ("00100", "male") for row in cells.to_pylist()]
    cells = cells.append_column(STRUCTURAL, pa.array(marks))
    nothing = {one.name: np.zeros(cells.num_rows, dtype=bool) for one in table.measures}
    return table, published(table, cells, nothing), cells


def boys(rows: Rows, area: str) -> dict[str, Any]:
    return first(rows, lambda row: (row["area"], row["sex"]) == (area, "male"))


def test_what_cannot_be_does_not_apply(tmp_path: Path) -> None:
    table, rows, cells = never(tmp_path)
    one = audit_together(YEAR, [put(table, rows, cells, tmp_path)]).certificates
    assert "What does not apply is what cannot be, and there nothing was counted." in (
        one["never"].checks
    )
    assert boys(rows, "00100")["pupils_status"] == "z"


@pytest.mark.parametrize(
    "change",
    [
        lambda rows: edit(boys(rows, "00100"), pupils=0, pupils_status=""),
        lambda rows: edit(boys(rows, "00100"), days=0, days_status=""),
        lambda rows: edit(boys(rows, "00200"), pupils=None, pupils_status="z"),
        lambda rows: edit(boys(rows, "00200"), days=None, days_status="z"),
        lambda rows: edit(boys(rows, "00300"), pupils=None, pupils_status="z"),
    ],
)
def test_what_does_not_apply_is_just_what_cannot_be(
    tmp_path: Path, change: Callable[[Rows], None]
) -> None:
    table, rows, cells = never(tmp_path)
    change(rows)
    with pytest.raises(Refused, match="rows do not apply, or should not") as refused:
        audit_together(YEAR, [put(table, rows, cells, tmp_path)])
    assert refused.value.table == "never"


def test_somebody_where_nobody_can_be_is_refused(tmp_path: Path) -> None:
    table, rows, cells = never(tmp_path)
    days = [7 if mark else value for mark, value in zip(
        cells[STRUCTURAL].to_pylist(), cells["days"].to_pylist(), strict=True)]  # fmt: skip
    counted = cells.set_column(cells.column_names.index("days"), "days", pa.array(days))
    with pytest.raises(Refused, match="1 rows do not apply"):
        audit_together(YEAR, [put(table, rows, counted, tmp_path)])


def test_a_count_always_applies_where_nothing_is_declared(
    declarations: Declarations, tmp_path: Path
) -> None:
    for name, column in (("one-line", "pupils"), ("money", "days")):
        table, rows, _ = honest(declarations, name)
        edit(first(rows, is_total), **{column: None, f"{column}_status": "z"})
        with pytest.raises(Refused, match="contradict their status"):
            audit(table, YEAR, write(table, rows, tmp_path / "file.parquet"))


def test_what_does_not_apply_hides_nobody(tmp_path: Path) -> None:
    """The girls of an area without boys are its pupils: with the total, they are known."""
    table, rows, cells = never(tmp_path)
    girls = first(rows, lambda row: (row["area"], row["sex"]) == ("00100", "female"))
    edit(girls, pupils=None, pupils_status="c")
    one = put(table, rows, cells, tmp_path)
    with pytest.raises(Refused, match="can be worked out"):
        audit_together(YEAR, [one])
    known = knowledge([one])
    nobody = [key for key in known.key if "area=00100" in key and "sex=male" in key]
    assert len(nobody) == 2
    assert {known.value[known.key.index(key)] for key in nobody} == {0}


def test_a_figure_in_two_tables_is_the_same_in_both(
    declarations: Declarations, tmp_path: Path
) -> None:
    table, rows, cells = honest(declarations, "by-school")
    other = declarations.tables["one-line"]
    totals = {
        row["sex"]: row for row in rows
        if all(row[name] == TOTAL for name in ("area", "school", "level", "grade"))
    }  # fmt: skip
    shared = [
        {name: row[name] for name in (column.name for column in other.columns)}
        for row in totals.values()
    ]

    one_line = cells.filter(
        pc.and_(pc.equal(cells["area"], TOTAL), pc.equal(cells["level"], TOTAL))
    ).select(["sex", "pupils"])

    def together(shared: Rows) -> None:
        counted = agreeing(other, shared, one_line)
        audit_together(
            YEAR, [put(table, rows, cells, tmp_path), put(other, shared, counted, tmp_path)]
        )

    together(shared)
    for change in ({"pupils": 999}, {"pupils": None, "pupils_status": "c"}):
        changed = [dict(row) for row in shared]
        edit(changed[0], **change)
        with pytest.raises(Refused, match="not the same wherever they stand"):
            together(changed)


def test_tables_that_are_safe_alone_are_not_certified_together(
    declarations: Declarations, tmp_path: Path
) -> None:
    tables = [declarations.tables[name] for name in ("by-school", "one-line")]
    refused = 0
    for seed in range(60):
        people = random_people(seed)
        cells = {table.name: counted(table, people) for table in tables}
        masks = {table.name: protect(table, cells[table.name]) for table in tables}
        if weaknesses(people, [(one, cells[one.name], masks[one.name]) for one in tables]):
            with pytest.raises(Refused):
                audit_together(YEAR, put_all(tables, cells, masks, tmp_path))
            refused += 1
        if refused == 2:
            break
    assert refused == 2
