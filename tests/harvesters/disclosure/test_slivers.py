"""What the audit finds between tables on old and new areas, by itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from harvesters.disclosure import (
    Between,
    Crossing,
    Published,
    Refused,
    audit_together,
    crossings,
    protect,
    protect_together,
)
from harvesters.disclosure.crossings import what_is_counted
from harvesters.disclosure.reader import knowledge
from harvesters.disclosure.slivers import column_of, crossing, finest
from schemas import TOTAL, Declarations, Table
from tests.harvesters.builders import YEAR
from tests.harvesters.disclosure.builders import Key, Masks, published, write
from tests.harvesters.disclosure.geography import (
    counted,
    declare_geography,
    pupils_around,
    split_wards,
)

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def declarations(tmp_path_factory: pytest.TempPathFactory) -> Declarations:
    return declare_geography(tmp_path_factory.mktemp("declared"))


def some(declarations: Declarations, *names: str) -> list[Table]:
    return [declarations.tables[name] for name in names]


def kind(area: str, old: str, school: str) -> Key:
    return (area, "001", old, school, "primary", "g1", "male", "yes")


THREE = {
    kind("A1", "X1", "0001"): 100, kind("A1", "X2", "0002"): 3, kind("A2", "X2", "0003"): 200,
    kind("A2", "X3", "0004"): 80, kind("A3", "X4", "0005"): 90, kind("A3", "X5", "0006"): 60,
}  # fmt: skip
"""Three pupils in the part of X2 that went to A1: the rest of A1 is X1, as it was."""


def put_between(one: Crossing, people: Mapping[Key, int], folder: Path) -> Between:
    """The finest cells of a crossing."""
    cells = counted(one.table, people)
    for name in one.table.dimension_columns:
        cells = cells.filter(pc.not_equal(cells[name], TOTAL))
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
    pq.write_table(pq.read_table(between.cells).slice(1), between.cells)
    with pytest.raises(Refused, match="not the same wherever they stand"):
        audit_together(YEAR, files, between=[between])


@pytest.mark.parametrize(
    "names", [("new", "old"), ("by-school", "old"), ("by-school", "online", "old", "old-by-sex")]
)
def test_what_is_protected_passes_and_passes_again_without_numbers(
    declarations: Declarations, names: tuple[str, ...], tmp_path: Path
) -> None:
    tables = some(declarations, *names)
    small_ones = 0
    for ward in split_wards()[::8]:
        people = pupils_around(ward, 5)
        files, between = put_all(tables, people, protected(tables, people), tmp_path)
        certificates, small = audit_together(YEAR, files, between=between)
        assert set(certificates) == set(names)
        slivers = [
            key for key in small if "old_area=" in key and "area=" in key.split("old_area")[0]
        ]
        small_ones += len(slivers)
        for one in between:
            codes = [name for name in pq.read_schema(one.cells).names if name in
                     {n for table in tables for n in table.dimension_columns}]  # fmt: skip
            pq.write_table(pq.read_table(one.cells, columns=codes), one.cells)
        bare = [Published(one.table, one.file) for one in files]
        _, again = audit_together(YEAR, bare, small, between)
        assert sorted(again) == sorted(small)
    assert small_ones > 1


def test_a_sliver_that_is_told_is_found_again_by_its_name(
    declarations: Declarations, tmp_path: Path
) -> None:
    tables = some(declarations, "new", "old")
    _, small = audit_together(
        YEAR, *put_all(tables, THREE, protected(tables, THREE), tmp_path)[:1],
        between=put_all(tables, THREE, protected(tables, THREE), tmp_path)[1],
    )  # fmt: skip
    alone = {table.name: protect(table, counted(table, THREE)) for table in tables}
    files, (between,) = put_all(tables, THREE, alone, tmp_path)
    bare = [Published(one.table, one.file) for one in files]
    pq.write_table(pq.read_table(between.cells).drop_columns(["records"]), between.cells)
    with pytest.raises(Refused, match="can be worked out"):
        audit_together(YEAR, bare, small, [between])


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
