"""Which numbers are the same figure, and how figures add up."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pytest

from harvesters.disclosure import Refused, figures
from harvesters.disclosure.figures import Figures, figures_of
from schemas import TOTAL, Declarations, Table
from tests.harvesters.disclosure.builders import declare_tables
from tests.harvesters.disclosure.people import GRADES, counted, random_people

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def declarations(tmp_path_factory: pytest.TempPathFactory) -> Declarations:
    return declare_tables(tmp_path_factory.mktemp("declared"))


PEOPLE = {
    (*school, *grade, sex, internet): number
    for school in (("00100", "0001"), ("00100", "0002"), ("00100", "0003"), ("00200", "0004"))
    for grade in GRADES
    for sex in ("male", "female")
    for internet, number in (("yes", 30), ("no", 4))
}


def made(tables: Sequence[Table], people: dict[tuple[str, ...], int]) -> Figures:
    return figures_of(tables, {table.name: counted(table, people) for table in tables}, {})


def figure(of: Figures, table: Table, measure: str, **codes: str) -> list[int]:
    """The figures of a measure in the row of the given codes; totals of all other columns."""
    wanted = [codes.get(name, TOTAL) for name in table.dimension_columns]
    rows = counted(table, PEOPLE).to_pylist()
    (place,) = (index for index, row in enumerate(rows)
                if [row[name] for name in table.dimension_columns] == wanted)  # fmt: skip
    found: list[int] = of.told[table.name][measure][place].tolist()
    return found


def test_the_same_persons_are_one_figure_in_every_table(declarations: Declarations) -> None:
    names = ("by-school", "online", "rates", "one-line")
    by_school, online, rates, one_line = tables = [declarations.tables[name] for name in names]
    of = made(tables, PEOPLE)
    everybody = figure(of, by_school, "pupils")
    assert all(figure(of, table, "pupils") == everybody for table in tables)
    assert figure(of, by_school, "pupils", sex="female") == figure(
        of, one_line, "pupils", sex="female"
    )
    # The girls that a filter finds are those of a dimension.
    where = {"area": "00100", "level": "primary", "grade": "g1"}
    assert figure(of, online, "girls", **where) == figure(
        of, by_school, "pupils", sex="female", **where
    )
    # A rate tells both of its counts, which stand in other columns too.
    assert figure(of, rates, "share_online", **where) == [
        *figure(of, online, "online", **where), *figure(of, by_school, "pupils", **where)
    ]  # fmt: skip
    # A school that is alone in its area is not taken for the area.
    assert figure(of, by_school, "pupils", area="00200") != figure(
        of, by_school, "pupils", area="00200", school="0004"
    )


def test_all_sums_are_true_and_none_stands_twice(declarations: Declarations) -> None:
    tables = [declarations.tables[name] for name in ("by-school", "online", "rates")]
    for seed in range(40):
        system = made(tables, dict(random_people(seed))).system
        sums = system.sums
        added = np.bincount(sums.of_part, system.value[sums.part], minlength=len(sums))
        assert (added == system.value[sums.total]).all()
        every = [
            (total, *sorted(sums.part[start:end].tolist()))
            for total, start, end in zip(
                sums.total.tolist(), sums.start[:-1], sums.start[1:], strict=True
            )
        ]
        assert len(set(every)) == len(every)
        assert (system.value >= 0).all()


def test_a_sum_joins_what_stands_in_different_tables(declarations: Declarations) -> None:
    """The areas of one table add up the schools of another."""
    by_school, online = (declarations.tables[name] for name in ("by-school", "online"))
    of = made([online, by_school], PEOPLE)
    (total,) = figure(of, online, "pupils", area="00100")
    schools = {
        figure(of, by_school, "pupils", area="00100", school=school)[0]
        for school in ("0001", "0002", "0003")
    }
    sums = of.system.sums
    parts = [
        set(sums.part[sums.start[one] : sums.start[one + 1]].tolist())
        for one in np.flatnonzero(sums.total == total)
    ]
    assert schools in parts


def test_those_who_are_left_are_figures_that_nobody_publishes(declarations: Declarations) -> None:
    rates = declarations.tables["rates"]
    of = made([rates], PEOPLE)
    system = of.system
    (everybody,), (online,) = figure(of, rates, "pupils"), figure(of, rates, "online")
    sums = system.sums
    (offline,) = (
        int(sums.part[sums.start[one + 1] - 1]) for one in np.flatnonzero(sums.total == everybody)
        if sums.part[sums.start[one]] == online
    )  # fmt: skip
    assert system.value[offline] == system.value[everybody] - system.value[online] == 24 * 4
    assert not system.published[offline] and not system.sensitive[offline]
    assert system.published[[everybody, online]].all()
    # Eight of a grade without internet are less than ten.
    small = (system.value == 8) & ~system.published
    assert small.any() and (system.high[small] == 10).all() and (system.low[small] == 0).all()


def test_a_figure_with_two_values_is_refused(declarations: Declarations) -> None:
    tables = [declarations.tables[name] for name in ("by-school", "one-line")]
    cells = {table.name: counted(table, PEOPLE) for table in tables}
    more = {**PEOPLE, ("00100", "0001", "primary", "g1", "male", "yes"): 31}
    cells["one-line"] = counted(tables[1], more)
    with pytest.raises(Refused, match="not what other tables have") as refused:
        figures_of(tables, cells, {})
    assert refused.value.table == "one-line"


def test_rows_are_suppressed_with_any_of_their_figures(declarations: Declarations) -> None:
    tables = [declarations.tables[name] for name in ("rates", "online")]
    of = made(tables, PEOPLE)
    where = {"area": "00100", "level": "primary", "grade": "g1"}
    (online,) = figure(of, tables[0], "online", **where)
    hidden = np.arange(len(of.system)) == online
    masks = of.masks(hidden)
    suppressed = {
        (table, measure): int(mask.sum())
        for table, measures in masks.items() for measure, mask in measures.items() if mask.any()
    }  # fmt: skip
    assert suppressed == {
        ("rates", "online"): 1, ("rates", "share_online"): 1, ("online", "online"): 1,
    }  # fmt: skip
    assert of.tables_of([online]) == ["rates", "online"]
    (girls,) = figure(of, tables[1], "girls", **where)
    assert of.tables_of([girls]) == ["online"]


def test_areas_make_blocks_where_there_are_many_schools(
    declarations: Declarations, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = declarations.tables["by-school"]
    assert not made([table], PEOPLE).system.block.any()
    monkeypatch.setattr(figures, "_MANY", 5)
    of = made([table], PEOPLE)
    block = of.system.block

    def blocks(**codes: str) -> int:
        return int(block[figure(of, table, "pupils", **codes)[0]])

    # What is shared, areas too, is block 0; a school is in that of its area.
    assert blocks() == blocks(area="00100") == blocks(grade="g1", level="primary") == 0
    first, second = (blocks(area=area, school=school)
                     for area, school in (("00100", "0001"), ("00200", "0004")))  # fmt: skip
    assert first != second and 0 not in (first, second)
    assert blocks(area="00100", school="0001", sex="male") == first


def test_tables_without_persons_have_no_figures(declarations: Declarations) -> None:
    table = declarations.tables["open"]
    cells = counted(table, PEOPLE)
    of = figures_of([table], {"open": cells}, {})
    assert len(of.system) == 0 and len(of.system.sums) == 0
    assert not of.masks(np.zeros(0, dtype=bool))["open"]["days"].any()


def test_a_filter_that_finds_more_than_a_dimension_is_refused(declarations: Declarations) -> None:
    table = declarations.tables["online"]
    cells = counted(table, PEOPLE)
    wrong = cells["girls"].to_pylist()
    wrong[0] += 1
    broken = cells.set_column(cells.column_names.index("girls"), "girls", pa.chunked_array([wrong]))
    by_school = declarations.tables["by-school"]
    with pytest.raises(Refused, match="not what other tables have"):
        figures_of(
            [by_school, table], {"by-school": counted(by_school, PEOPLE), "online": broken}, {}
        )
