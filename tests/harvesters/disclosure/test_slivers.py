"""What the audit finds between tables on old and new areas, by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harvesters.disclosure import (
    Between,
    Crossing,
    Frozen,
    FrozenCrossing,
    Published,
    Refused,
    audit_together,
    crossings,
    protect,
    protect_together,
)
from harvesters.disclosure.crossings import what_is_counted
from harvesters.disclosure.reader import knowledge
from harvesters.disclosure.slivers import cannot_be_solved, column_of, crossing, finest
from schemas import TOTAL, Declarations, Table
from tests.harvesters.builders import YEAR
from tests.harvesters.disclosure.builders import Key, Masks, published, write
from tests.harvesters.disclosure.geography import (
    counted,
    declare_geography,
    pupils_around,
    some,
    split_wards,
)
from tests.schemas.builders import CITY, codelist, cube, declare, measure, record

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def declarations(tmp_path_factory: pytest.TempPathFactory) -> Declarations:
    return declare_geography(tmp_path_factory.mktemp("declared"))


def kind(area: str, old: str, school: str) -> Key:
    return (area, "001", old, school, "primary", "g1", "male", "yes")


THREE = {
    kind("A1", "X1", "0001"): 100, kind("A1", "X2", "0002"): 3, kind("A2", "X2", "0003"): 200,
    kind("A2", "X3", "0004"): 80, kind("A3", "X4", "0005"): 90, kind("A3", "X5", "0006"): 60,
}  # fmt: skip
"""Three pupils in the part of X2 that went to A1: the rest of A1 is X1, as it was."""


def put_between(one: Crossing, people: Mapping[Key, int], folder: Path) -> Between:
    """The cells of a crossing."""
    cells = counted(one.table, people)
    file = folder / f"{one.table.name}.between"
    pq.write_table(cells, file)
    return Between(one.of, file)


def put(table: Table, people: Mapping[Key, int], masks: Masks | None, folder: Path) -> Published:
    cells = counted(table, people)
    nothing = {one.name: np.zeros(cells.num_rows, dtype=bool) for one in table.measures}
    file = write(table, published(table, cells, masks or nothing), folder / f"{table.name}.parquet")
    pq.write_table(cells, file.with_suffix(".cells"))
    return Published(table, file, file.with_suffix(".cells"))


def put_all(
    tables: Sequence[Table], people: Mapping[Key, int], masks: Mapping[str, Masks], folder: Path
) -> tuple[list[Published], list[Between]]:
    files = [put(table, people, masks.get(table.name), folder) for table in tables]
    return files, [put_between(one, people, folder) for one in crossings(tables)]


def protected(tables: Sequence[Table], people: Mapping[Key, int]) -> dict[str, dict]:
    crossed = crossings(tables)
    every = [*tables, *(one.table for one in crossed)]
    cells: dict[str, pa.Table] = {table.name: counted(table, people) for table in every}
    return protect_together(tables, cells, crossed=crossed)


@pytest.mark.parametrize(
    ("names", "blamed"),
    [
        (("new", "old"), "new"), (("by-school", "old"), "old"), (("old", "online"), "online"),
        (("new", "old", "online"), "old"),
    ],
)  # fmt: skip
def test_a_sliver_that_a_difference_tells_is_refused(
    declarations: Declarations, names: tuple[str, ...], blamed: str, tmp_path: Path
) -> None:
    """Each table is safe alone, and both together tell of three pupils. That which crosses the
    most others is to give way, and of those the smallest."""
    tables = some(declarations, *names)
    alone = {table.name: protect(table, counted(table, THREE)) for table in tables}
    files, between = put_all(tables, THREE, alone, tmp_path)
    for one in files:
        audit_together(YEAR, [one])
    with pytest.raises(Refused, match="can be worked out") as refused:
        audit_together(YEAR, files, between=between)
    assert refused.value.table == blamed


def test_what_lies_between_has_to_be_known(declarations: Declarations, tmp_path: Path) -> None:
    tables = some(declarations, "new", "old")
    files, _ = put_all(tables, THREE, protected(tables, THREE), tmp_path)
    with pytest.raises(Refused, match="What lies between it and new is not known"):
        audit_together(YEAR, files)


@pytest.mark.parametrize("column", ["area", "old_area", "level"])
def test_cells_between_that_lack_a_column_are_refused(
    declarations: Declarations, column: str, tmp_path: Path
) -> None:
    tables = some(declarations, "new", "old")
    files, (between,) = put_all(tables, THREE, protected(tables, THREE), tmp_path)
    pq.write_table(pq.read_table(between.cells).drop_columns([column]), between.cells)
    with pytest.raises(Refused, match=f"are without {column}"):
        audit_together(YEAR, files, between=[between])


def test_cells_between_that_do_not_add_up_to_the_tables_are_refused(
    declarations: Declarations, tmp_path: Path
) -> None:
    tables = some(declarations, "new", "old")
    files, (between,) = put_all(tables, THREE, protected(tables, THREE), tmp_path)
    cells = pq.read_table(between.cells)
    finest_cell = next(
        number for number, row in enumerate(cells.to_pylist()) if TOTAL not in row.values()
    )
    rest = [cells.slice(0, finest_cell), cells.slice(finest_cell + 1)]
    pq.write_table(pa.concat_tables(rest), between.cells)
    with pytest.raises(Refused, match="not the same wherever they stand"):
        audit_together(YEAR, files, between=[between])


@pytest.mark.parametrize(
    "names", [("new", "old"), ("by-school", "old"), ("by-school", "online", "old", "old-by-sex")]
)
def test_what_is_protected_passes(
    declarations: Declarations, names: tuple[str, ...], tmp_path: Path
) -> None:
    tables = some(declarations, *names)
    small_ones = 0
    for ward in split_wards()[::8]:
        people = pupils_around(ward, 5)
        files, between = put_all(tables, people, protected(tables, people), tmp_path)
        assert set(audit_together(YEAR, files, between).certificates) == set(names)
        known = knowledge(files, between)
        small_ones += int((known.unseen & (known.truth > 0) & (known.truth < known.k)).sum())
    assert small_ones > 1


def revised(
    tables: Sequence[Table], first: Mapping[Key, int], second: Mapping[Key, int], folder: Path
) -> tuple[list[Published], list[Between]]:
    """What was published of the tables at two times, the second time knowing of the first."""
    crossed = crossings(tables)
    masks = protected(tables, first)
    before, lay = put_all(tables, first, masks, folder)
    frozen = [Frozen(one, counted(one, first), masks[one.name], 1) for one in tables]
    lying = [
        FrozenCrossing(tuple((name, 1) for name in one.of), counted(one.table, first), 1)
        for one in crossed
    ]
    every = [*tables, *(one.table for one in crossed)]
    cells = {one.name: counted(one, second) for one in every}
    later = protect_together(tables, cells, frozen, crossed, lying)
    (folder / "later").mkdir()
    files, between = put_all(tables, second, later, folder / "later")
    return (
        [*(replace(one, version=1) for one in before), *files],
        [*(replace(one, version=1, stood=(1,) * len(one.of)) for one in lay), *between],
    )


@pytest.mark.parametrize("names", [("new", "old"), ("by-school", "old")])
def test_a_revision_is_protected_with_what_lay_between_before(
    declarations: Declarations, names: tuple[str, ...], tmp_path: Path
) -> None:
    tables = some(declarations, *names)
    later = {**THREE, kind("A3", "X4", "0005"): 140}
    files, between = revised(tables, THREE, later, tmp_path)
    audited = audit_together(YEAR, files, between)
    assert set(audited.certificates) == set(names) and audited.told == 0
    with pytest.raises(Refused, match="is not known"):
        audit_together(YEAR, files, between[1:])


def test_how_few_a_part_of_a_ward_has_more_now_is_told(
    declarations: Declarations, tmp_path: Path
) -> None:
    """Of X2 two more are in A1, and as many fewer of X1: the area has what it had."""
    tables = some(declarations, "new", "old")
    first = {**THREE, kind("A1", "X2", "0002"): 30}
    later = {**first, kind("A1", "X2", "0002"): 32, kind("A1", "X1", "0001"): 98}
    files, between = revised(tables, first, later, tmp_path)
    known = knowledge(files, between)
    changed = {known.key[one] for one in known.changed[:, 1].tolist() if known.unseen[one]}
    assert ";area=A1;old_area=X2" in {key.rpartition(";level")[0] for key in changed} | changed
    assert audit_together(YEAR, files, between).told > 0


def test_a_table_that_crosses_one_of_other_records_is_refused(
    declarations: Declarations, tmp_path: Path
) -> None:
    """`new` was published, and again from other records; what lay between `old` and the first of
    them was never counted."""
    tables = some(declarations, "new", "old")
    files, between = put_all(tables, THREE, protected(tables, THREE), tmp_path)
    audit_together(YEAR, files, between)
    first = replace(files[0], version=1)
    with pytest.raises(Refused, match="What lies between it and new is not known"):
        audit_together(YEAR, [first, *files], between)
    # Where it still stood when `old` came, both were counted from the same.
    late = [replace(files[0], version=1), replace(files[1], version=2), *files]
    audit_together(YEAR, late, [replace(between[0], version=2, stood=(1, 2)), *between])


def test_a_school_is_the_same_figure_between_tables(
    declarations: Declarations, tmp_path: Path
) -> None:
    """Of a school its wards tell nothing more; slivers are sums of schools."""
    tables = some(declarations, "by-school", "old")
    files, between = put_all(tables, THREE, {}, tmp_path)
    known = knowledge(files, between)
    keys = set(known.key)
    assert not any("school=" in key and "old_area=" in key for key in keys)
    unseen = {key for key, one in zip(known.key, known.unseen.tolist(), strict=True) if one}
    assert ";area=A1;old_area=X2" in unseen and ";area=A1;district=001;level=primary" in unseen
    assert all("area=A" in key and ("old_area" in key or "district" in key) for key in unseen)


@pytest.mark.parametrize(
    ("field", "beyond"), [("amount", "sum"), ("code", "sensitive")], ids=["amounts", "sensitive"]
)
def test_what_nobody_works_out_between_tables_is_refused_on_both_sides(
    tmp_path: Path, field: str, beyond: str
) -> None:
    """Of amounts, and of who is nobody or everybody, no sliver is worked out."""
    by = [["disability"]] if field == "code" else []
    measures = [measure("pupils")]
    if field == "amount":
        measures.append(measure("paid", sum="amount"))
    documents = [
        *CITY,
        codelist("disability", ["d0", "d1"], sensitive=True),
        record(
            "grant",
            [
                {"name": "school", "type": "institution"},
                {"name": "disability", "type": "code"},
                {"name": "amount", "type": "decimal", "minimum": 0},
            ],
        ),
        cube("areas", "grant", [["area"], *by], measures),
        cube("owners", "grant", [["ownership"], *by], measures),
    ]
    declared = declare(tmp_path, documents).tables
    tables = [declared["areas"], declared["owners"]]
    with pytest.raises(Refused, match=f"It .*{beyond}"):
        crossings(tables)
    assert list(crossing(tables)) == [tuple(tables)]
    found = cannot_be_solved(*tables)
    assert found is not None and beyond in found


def test_both_sides_find_the_same_tables_to_cross(declarations: Declarations) -> None:
    tables = [table for table in declarations.tables.values() if table.name != "girls"]
    pairs = {frozenset((one.name, other.name)) for one, other in crossing(tables)}
    assert pairs == {frozenset(one.of) for one in crossings(tables) if len(one.of) == 2}
    assert frozenset(("online", "old")) in pairs and frozenset(("new", "by-school")) not in pairs
    for one in crossings(tables):
        for each in one.table.measures:
            assert column_of(each.numerator) == what_is_counted(each.numerator)
    assert finest(declarations.tables["old"], "district") == "school"
    assert finest(declarations.tables["new"], "level") == "grade"
