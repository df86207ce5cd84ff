"""Tables on old and new areas: what lies between them is protected, though nobody publishes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from harvesters.disclosure import Crossing, Frozen, Refused, crossings, figures, protect
from harvesters.disclosure import protect_together as together
from harvesters.disclosure.crossings import is_sliver, unit_of
from harvesters.disclosure.figures import figures_of
from schemas import TOTAL, Declarations, Table
from tests.harvesters.disclosure import attacker, cities
from tests.harvesters.disclosure.attacker import EXACT
from tests.harvesters.disclosure.builders import Key
from tests.harvesters.disclosure.geography import (
    counted,
    declare_geography,
    pupils_around,
    some,
    split_wards,
    told_slivers,
)
from tests.schemas.builders import CITY, cube, declare, measure

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def declarations(tmp_path_factory: pytest.TempPathFactory) -> Declarations:
    return declare_geography(tmp_path_factory.mktemp("declared"))


def all_cells(
    tables: Sequence[Table], crossed: Sequence[Crossing], people: Mapping[Key, int]
) -> dict[str, pa.Table]:
    every = [*tables, *(one.table for one in crossed)]
    return {table.name: counted(table, people) for table in every}


def nobody_hidden(tables: Sequence[Table], cells: Mapping[str, pa.Table]) -> dict[str, dict]:
    return {
        table.name: {
            one.name: np.zeros(cells[table.name].num_rows, dtype=bool) for one in table.measures
        }
        for table in tables
    }


def kind(area: str, old: str, school: str, level: str = "primary") -> Key:
    grade = {"primary": "g1", "secondary": "g6"}[level]
    return (area, "001", old, school, level, grade, "male", "yes")


# What crosses.


def test_tables_on_old_and_new_areas_are_refused_without_what_lies_between(
    declarations: Declarations,
) -> None:
    for names in (("new", "old"), ("by-school", "old"), ("old", "new")):
        tables = some(declarations, *names)
        cells = all_cells(tables, [], pupils_around(split_wards()[0], 0))
        with pytest.raises(Refused, match="neither is above the other") as refused:
            together(tables, cells)
        assert refused.value.table == names[-1]


@pytest.mark.parametrize(
    ("names", "dimensions"),
    [
        (("new", "old"), [("area",), ("district", "old_area"), ("level",)]),
        (("by-school", "old"), [("area", "school"), ("district", "old_area"), ("level",)]),
        (("by-school", "old-by-sex"), [("area", "school"), ("district", "old_area"), ("sex",)]),
        (("new", "old-by-sex"), [("area",), ("district", "old_area")]),
        (("new", "by-school"), None),
        (("old", "old-by-sex"), None),
    ],
)
def test_a_crossing_has_all_that_crosses_and_what_else_both_have(
    declarations: Declarations,
    names: tuple[str, str],
    dimensions: list[tuple[str, ...]] | None,
) -> None:
    found = crossings(some(declarations, *names))
    assert [one.of for one in found] == ([names] if dimensions else [])
    for one in found:
        assert sorted(each.hierarchy for each in one.table.dimensions) == sorted(dimensions or [])


def test_a_crossing_has_the_highest_threshold_and_the_counts_that_both_tell(
    declarations: Declarations,
) -> None:
    (one,) = crossings(some(declarations, "online", "old"))
    assert one.table.disclosure.threshold == 10
    assert [each.numerator.where for each in one.table.measures] == [{}]
    (girls,) = crossings(some(declarations, "girls", "old-by-sex"))
    assert [dict(each.numerator.where) for each in girls.table.measures] == [{"sex": ("female",)}]


def test_who_can_be_counted_in_neither_is_refused(declarations: Declarations) -> None:
    with pytest.raises(Refused, match="Count all in both"):
        crossings(some(declarations, "girls", "old"))


def test_a_filter_that_crosses_what_another_table_counts_by_is_refused(tmp_path: Path) -> None:
    public = measure("in_public", count={"where": {"ownership": ["public"]}})
    documents = [
        *CITY,
        cube("places", "pupil", [["area"]], [measure("pupils")]),
        cube("owners", "pupil", [["sex"]], [public]),
    ]
    tables = declare(tmp_path, documents).tables
    with pytest.raises(Refused, match="Count by ownership in both"):
        crossings([tables["places"], tables["owners"]])


def test_whatever_the_register_says_of_schools_crosses(tmp_path: Path) -> None:
    documents = [
        *CITY,
        cube("places", "pupil", [["area"]], [measure("pupils")]),
        cube("owners", "pupil", [["ownership"]], [measure("pupils")]),
        cube("both", "pupil", [["area"], ["ownership"]], [measure("pupils")]),
        cube("sexes", "pupil", [["sex"]], [measure("pupils")]),
        cube("days", "pupil", [["ownership"]], [measure("days", sum="absences")]),
    ]
    tables = declare(tmp_path, documents).tables
    of = [one.of for one in crossings([table for table in tables.values() if table.kind == "cube"])]
    # `both` has what lies between the other two; but `enrolment` has schools and no ownership.
    assert ("owners", "places") in of and ("enrolment", "owners") in of
    assert ("enrolment", "both") in of or ("both", "enrolment") in of
    assert not any("sexes" in one or "days" in one for one in of)
    assert not any(set(one) == {"both", "places"} for one in of)


def test_tables_that_all_cross_each_other_have_a_crossing_together(tmp_path: Path) -> None:
    documents = [
        *CITY,
        cube("a", "pupil", [["area"]], [measure("pupils")]),
        cube("b", "pupil", [["ownership"]], [measure("pupils")]),
        cube("c", "pupil", [["school"]], [measure("pupils")]),
    ]
    tables = declare(tmp_path, documents).tables
    found = crossings([tables[name] for name in "abc"])
    assert [one.of for one in found] == [("a", "b"), ("a", "c"), ("b", "c"), ("a", "b", "c")]
    assert set(found[-1].table.dimension_columns) == {"area", "ownership", "school"}


def test_the_unit_of_places_is_the_school_and_of_levels_the_grade(
    declarations: Declarations,
) -> None:
    old = declarations.tables["old"]
    assert [unit_of(old, name) for name in ("district", "old_area", "level")] == [
        "school", "school", "grade",
    ]  # fmt: skip
    assert unit_of(declarations.tables["by-school"], "school") == "school"


def test_slivers_are_the_cells_that_neither_table_has(declarations: Declarations) -> None:
    tables = some(declarations, "by-school", "old")
    (one,) = crossings(tables)
    cells = counted(one.table, pupils_around(split_wards()[0], 0))
    for row, sliver in zip(cells.to_pylist(), is_sliver(one.table, tables, cells), strict=True):
        of_areas = row["area"] != TOTAL and row["district"] != TOTAL
        assert sliver == (of_areas and row["school"] == TOTAL)


# What is told.

THREE = {
    kind("A1", "X1", "0001"): 100, kind("A1", "X2", "0002"): 3, kind("A2", "X2", "0003"): 200,
    kind("A2", "X3", "0004"): 80, kind("A3", "X4", "0005"): 90, kind("A3", "X5", "0006"): 60,
}  # fmt: skip
"""Three pupils in the part of X2 that went to A1: the rest of A1 is X1, as it was."""


def test_three_pupils_cannot_be_told_by_a_difference(declarations: Declarations) -> None:
    tables = some(declarations, "new", "old")
    crossed = crossings(tables)
    cells = all_cells(tables, crossed, THREE)
    # Each table alone has nothing to hide, and both together would tell.
    assert not any(protect(table, cells[table.name])["pupils"].any() for table in tables)
    bare = nobody_hidden(tables, cells)
    shown = [(table, cells[table.name], bare[table.name]) for table in tables]
    assert any("is from 3 to 3" in one for one in told_slivers(THREE, shown, crossed))
    masks = together(tables, cells, crossed=crossed)
    shown = [(table, cells[table.name], masks[table.name]) for table in tables]
    assert told_slivers(THREE, shown, crossed) == []
    assert 0 < sum(int(mask["pupils"].sum()) for mask in masks.values()) < 20


def test_where_no_sliver_is_small_nothing_is_hidden(declarations: Declarations) -> None:
    people = {one: 7 * number for one, number in THREE.items()}
    tables = some(declarations, "by-school", "old", "new")
    crossed = crossings(tables)
    masks = together(tables, all_cells(tables, crossed, people), crossed=crossed)
    assert not any(mask.any() for one in masks.values() for mask in one.values())


@pytest.mark.parametrize("areas_are_blocks", [False, True])
@pytest.mark.parametrize(
    "names", [("new", "old"), ("by-school", "old"), ("by-school", "online", "old", "old-by-sex")]
)
def test_no_sliver_of_a_split_ward_is_told(
    declarations: Declarations,
    names: tuple[str, ...],
    areas_are_blocks: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each of the 47 wards, by the real correspondence, with schools and pupils made up."""
    if areas_are_blocks:
        monkeypatch.setattr(figures, "_MANY", 2)
    assert len(split_wards()) == 47
    tables = some(declarations, *names)
    crossed = crossings(tables)
    weak = 0
    for ward in split_wards():
        people = pupils_around(ward, int(areas_are_blocks))
        cells = all_cells(tables, crossed, people)
        masks = together(tables, cells, crossed=crossed)
        shown = [(table, cells[table.name], masks[table.name]) for table in tables]
        assert told_slivers(people, shown, crossed) == [], ward
        # Without what lies between them, some would have been told.
        alone = {table.name: protect(table, cells[table.name]) for table in tables}
        shown = [(table, cells[table.name], alone[table.name]) for table in tables]
        weak += bool(told_slivers(people, shown, crossed))
    assert weak > 5


def test_nor_by_an_attacker_who_solves_all_lines(declarations: Declarations) -> None:
    tables = some(declarations, "new", "old")
    crossed = crossings(tables)
    (between,) = (one.table for one in crossed)
    small = 0
    for ward in split_wards():
        people = pupils_around(ward, 2)
        cells = all_cells(tables, crossed, people)
        masks = together(tables, cells, crossed=crossed)
        out = [(table, cities.published(table, cells[table.name], masks[table.name]))
               for table in tables]  # fmt: skip
        lying = cells[between.name].rename_columns([*between.dimension_columns, "pupils"])
        counts = lying["pupils"].to_numpy()
        unseen = lying.set_column(
            lying.num_columns - 1, "pupils", pa.nulls(len(counts), pa.int64())
        )
        system = attacker.system([*out, (between, unseen)])
        low, high = attacker.intervals(system)
        places = system.places[between.name]
        few = (counts > 0) & (counts < 5)
        assert (places[few] >= 0).all(), ward
        assert (low[places[few]] <= EXACT).all() and (high[places[few]] >= 5 - EXACT).all(), ward
        small += int(few.sum())
    assert small > 47


def test_wards_that_share_an_old_one_are_worked_on_together(declarations: Declarations) -> None:
    tables = some(declarations, "by-school", "old")
    crossed = crossings(tables)
    people = {**{kind(f"A{n}", f"Y{n}", f"1{n:03d}"): 30 for n in range(4, 16)}, **THREE}
    cells = all_cells(tables, crossed, people)
    found = figures_of(tables, cells, {}, crossed=crossed)
    schools = {
        row["school"]: found.system.block[figure]
        for row, (figure,) in zip(
            cells["by-school"].to_pylist(), found.told["by-school"]["pupils"].tolist(), strict=True
        )
    }
    # X2 lies in A1 and in A2; A3 has wards of its own.
    assert schools["0001"] == schools["0002"] == schools["0003"] == schools["0004"]
    assert schools["0005"] == schools["0006"] != schools["0001"]
    assert schools["1004"] != schools["1005"]
    old = dict(zip(
        (row["old_area"] for row in cells["old"].to_pylist()),
        found.system.block[found.told["old"]["pupils"][:, 0]].tolist(), strict=True,
    ))  # fmt: skip
    assert old["X2"] == schools["0001"] and old[TOTAL] == 0
    # No sum joins two regions, or all would be worked on with all.
    sums = found.system.sums
    for number in range(len(sums)):
        parts = sums.part[sums.start[number] : sums.start[number + 1]]
        its = {*found.system.block[parts].tolist(), int(found.system.block[sums.total[number]])}
        assert len(its - {0}) <= 1


def test_a_table_on_old_areas_that_comes_late_hides_what_it_would_tell(
    declarations: Declarations,
) -> None:
    new, old = some(declarations, "new", "old")
    crossed = crossings([new, old])
    cells = all_cells([new, old], crossed, THREE)
    standing = Frozen(new, cells["new"], protect(new, cells["new"]))
    masks = together([old], cells, [standing], crossed)
    assert masks["old"]["pupils"].any()
    shown = [(new, cells["new"], standing.hidden), (old, cells["old"], masks["old"])]
    assert told_slivers(THREE, shown, crossed) == []


def test_the_table_that_crosses_the_others_gives_way(declarations: Declarations) -> None:
    """Where all on new areas stands open, the old ones cannot be kept: not they are to be dropped
    that do not cross each other."""
    by_school, online, old = some(declarations, "by-school", "online", "old")
    people = {**THREE, kind("A1", "X6", "0007"): 40}
    people = {(*one[:6], sex, "yes"): number
              for one, number in people.items() for sex in ("male", "female")}  # fmt: skip
    tables = [by_school, online, old]
    crossed = crossings(tables)
    cells = all_cells(tables, crossed, people)
    open_ = nobody_hidden(tables, cells)
    for names in (["old"], ["old", "online"], ["online", "old"]):
        standing = [Frozen(one, cells[one.name], open_[one.name])
                    for one in tables if one.name not in names]  # fmt: skip
        with pytest.raises(Refused, match="cannot be hidden") as refused:
            together([t for t in tables if t.name in names], cells, standing, crossed)
        assert refused.value.table == "old"


def test_a_ward_that_went_whole_is_no_figure_of_its_own(declarations: Declarations) -> None:
    """Few figures are added: an old ward within an area is its own sliver."""
    tables = some(declarations, "new", "old")
    crossed = crossings(tables)
    found = figures_of(tables, all_cells(tables, crossed, THREE), {}, crossed=crossed)
    # X2 in A1 and in A2, at one level and in all; all is in one district.
    assert (~found.system.published).sum() == 4
