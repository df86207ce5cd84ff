"""Sums of amounts: which may be published, and what a reader can work out of the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harvesters.disclosure import Frozen, Refused, magnitude, protect_together
from harvesters.tabulate import tabulate
from schemas import TOTAL, Declarations, Table
from schemas.table import DOMINANCE, LEAST_CONTRIBUTORS, PRECISION
from tests.harvesters.builders import SCHOOLS, YEAR, City, make_source, school, seal
from tests.harvesters.disclosure import amounts
from tests.harvesters.disclosure.amounts import (
    DOCUMENTS,
    audited,
    cells_of,
    protected,
    random_rows,
    weaknesses,
)
from tests.schemas.builders import AREAS, cube, declare, measure, record

pytestmark = pytest.mark.unit

ALL = ("spaces", "areas", "kinds")


@pytest.fixture(scope="module")
def declarations(tmp_path_factory: pytest.TempPathFactory) -> Declarations:
    return amounts.declarations_in(tmp_path_factory.mktemp("declared"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("files")


def some(declarations: Declarations, *names: str) -> list[Table]:
    return [declarations.tables[name] for name in names]


def premises(number: int, space: float, area: str = AREAS[0], **more: Any) -> dict[str, Any]:
    """What one school has; of an area, without an owner."""
    return {
        "school": f"{number:04d}", "owner": None, "area": area, "kind": "room", "space": space,
        "pupils": 20, **more,
    }  # fmt: skip


def judged(*shares: float) -> bool:
    sizes = [*sorted(shares, reverse=True), 0.0, 0.0]
    numbers = (sum(shares), float(sum(one > 0 for one in shares)), sizes[0], sizes[1])
    return bool(magnitude.is_unsafe(*(np.array([number]) for number in numbers))[0])


def test_the_limits_are_those_of_the_promise() -> None:
    assert (LEAST_CONTRIBUTORS, PRECISION, DOMINANCE) == (3, 0.1, 0.9)


@pytest.mark.parametrize(
    ("shares", "unsafe"),
    [
        ((5.0, 5.0, 5.0), False),
        ((100.0,), True),
        ((50.0, 50.0), True),
        ((50.0, 50.0, 0.0), True),
        # Two have 90 % and less of 100: the limit is not crossed by a hair's breadth.
        ((50.0, 39.9, 10.1), False),
        ((50.0, 40.1, 9.9), True),
        ((70.0, *[1.0] * 10), False),
        ((90.0, *[1.0] * 10), True),
        ((0.0, 0.0), False),
        ((), False),
    ],
)
def test_a_sum_is_of_three_at_least_and_not_mostly_of_one_or_two(
    shares: tuple[float, ...], unsafe: bool
) -> None:
    assert judged(*shares) is unsafe


@pytest.mark.parametrize("name", ["p", "k", "n", "contributors", "dominance"])
def test_a_table_cannot_weaken_the_rules(tmp_path: Path, name: str) -> None:
    weaker = cube("spaces", "premises", [["area"]], [amounts.SPACE], disclosure={name: 1})
    with pytest.raises(Exception, match=f"Not known here: `{name}`"):
        declare(tmp_path, [*DOCUMENTS, weaker])


contributions = st.lists(st.integers(0, 10_000), min_size=1, max_size=8).filter(any)


@given(contributions)
def test_nobody_who_contributes_comes_near_to_another_by_what_is_left_possible(
    shares: list[int],
) -> None:
    sizes = [*sorted(map(float, shares), reverse=True), 0.0, 0.0]
    total = sum(sizes)
    (margin,) = magnitude.margin(*(np.array([one]) for one in (total, *sizes[:2])))
    highest = total + margin
    for place, own in enumerate(sizes):
        for other, size in enumerate(sizes):
            if place != other:
                # The most that another can be, by all that is known to this one.
                assert highest - own >= 1.1 * size - 1e-9
    assert sizes[0] + sizes[1] <= 0.9 * highest + 1e-9
    # Nor does one who knows nothing, from above or from below.
    assert margin >= 0.1 * sizes[0] - 1e-9
    assert judged(*shares) or margin <= 0.1 * sizes[0] + 1e-9


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**9))
def test_contributors_are_counted_by_owner_in_every_total(
    seed: int, declarations: Declarations, tmp_path_factory: pytest.TempPathFactory
) -> None:
    state, rows = tmp_path_factory.mktemp("state"), random_rows(seed)
    areas = {row["school"]: row["area"] for row in rows}
    register = seal(
        state, declarations, "school",
        [{**school(int(code)), "area": area} for code, area in areas.items()],
    )  # fmt: skip
    snapshot = seal(state, declarations, "premises", rows)
    for table in some(declarations, "spaces", "shares"):
        found = tabulate(table, [snapshot.path], [register.path], declarations)
        wanted = cells_of(table, rows)
        assert sorted(found.column_names) == sorted(wanted.column_names)
        for name in wanted.column_names:
            if pa.types.is_string(wanted[name].type):
                assert found[name].to_pylist() == wanted[name].to_pylist()
            else:
                assert np.allclose(found[name].to_numpy(), wanted[name].to_numpy())


def test_an_owner_may_stand_in_the_register(tmp_path: Path) -> None:
    schools = record(
        "school",
        [
            {"name": "school", "type": "institution", "unique": True},
            {"name": "school_name", "type": "name"},
            {"name": "area", "type": "code"},
            {"name": "ownership", "type": "code"},
            {"name": "owner", "type": "code", "required": False},
        ],
        about="institutions",
    )
    bare = record("premises", [one for one in amounts.PREMISES["fields"] if one["name"] != "owner"])
    without = [one for one in DOCUMENTS if one.get("table") != "schools"]
    declarations = declare(tmp_path, [*without, schools, bare])
    rows = [premises(number, 10.0 * number) for number in (1, 2, 3, 4)]
    owners = {3: "chain", 4: "chain"}
    register = seal(
        tmp_path, declarations, "school",
        [{**school(number), "owner": owners.get(number)} for number in (1, 2, 3, 4)],
    )  # fmt: skip
    snapshot = seal(tmp_path, declarations, "premises", rows)
    table = declarations.tables["areas"]
    cells = tabulate(table, [snapshot.path], [register.path], declarations).to_pylist()
    assert [
        (cell["space"], cell["space__contributors"], cell["space__first"], cell["space__second"])
        for cell in cells
    ] == [(100.0, 3, 70.0, 20.0)] * 2


def test_schools_of_one_owner_are_one_contributor(declarations: Declarations) -> None:
    (areas,) = some(declarations, "areas")
    three = [premises(number, 50.0) for number in (1, 2, 3)]
    others = [premises(number, 70.0, AREAS[1]) for number in range(4, 9)]
    others += [premises(number, 60.0, AREAS[2]) for number in range(9, 14)]
    _, open_ = protected([areas], three + others)
    assert not open_["areas"]["space"].any()
    chain = [{**one, "owner": "chain"} for one in three[:2]]
    cells, masks = protected([areas], chain + three[2:] + others)
    hidden = [code for code, out in zip(cells["areas"]["area"].to_pylist(),
                                        masks["areas"]["space"], strict=True) if out]  # fmt: skip
    assert AREAS[0] in hidden and len(hidden) == 2


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10**9),
    names=st.sampled_from([ALL, ("spaces",), ("spaces", "areas"), ("kinds",)]),
)
def test_no_reader_comes_near_to_what_may_not_be_published(
    seed: int, names: tuple[str, ...], declarations: Declarations, folder: Path
) -> None:
    tables, rows = some(declarations, *names), random_rows(seed)
    cells, masks = protected(tables, rows)
    assert weaknesses(tables, rows, masks) == []
    assert set(audited(tables, cells, masks, folder)) == set(names)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**9), dice=st.randoms(use_true_random=False))
def test_the_audit_refuses_whatever_tells_too_much(
    seed: int, dice: Any, declarations: Declarations, folder: Path
) -> None:
    """One suppressed row is shown after all: either a reader cannot make anything of it, or the
    audit refuses."""
    tables, rows = some(declarations, "spaces", "areas"), random_rows(seed)
    cells, masks = protected(tables, rows)
    hidden = [
        (table.name, row) for table in tables
        for row in np.flatnonzero(masks[table.name]["space"]).tolist()
    ]  # fmt: skip
    if not hidden:
        return
    name, row = dice.choice(hidden)
    for mask in masks[name].values():
        mask[row] = False
    if weaknesses(tables, rows, masks):
        with pytest.raises(Refused):
            audited(tables, cells, masks, folder)


PLENTY = [
    *(premises(number, 60.0 + number, AREAS[number % 3]) for number in range(30)),
    *(premises(number, 40.0 + number, AREAS[number % 3], kind="lab") for number in range(30)),
    premises(90, 33.0, kind="hall"),
    premises(91, 27.0, AREAS[1], kind="hall"),
]


def changed(masks: dict[str, Any], name: str, one: str, rows: np.ndarray, to: bool) -> None:
    masks[name][one] = np.where(rows, to, masks[name][one])


def at(cells: pa.Table, **codes: str) -> np.ndarray:
    found = np.ones(cells.num_rows, dtype=bool)
    for name, code in codes.items():
        found &= cells[name].to_numpy(zero_copy_only=False) == code
    return found


@pytest.mark.parametrize(
    ("where", "measures", "reason"),
    [
        ({"area": AREAS[0], "kind": "hall"}, ("space", "mean_space"), "of too few"),
        ({"area": AREAS[0], "kind": "hall"}, ("mean_space",), "open where space is not"),
        ({"area": TOTAL, "kind": "hall"}, ("space", "mean_space"), "of too few"),
    ],
)
def test_a_sum_of_too_few_is_refused_and_a_mean_that_tells_it(
    where: dict[str, str],
    measures: tuple[str, ...],
    reason: str,
    declarations: Declarations,
    tmp_path: Path,
) -> None:
    (spaces,) = some(declarations, "spaces")
    cells, masks = protected([spaces], PLENTY)
    certificates = audited([spaces], cells, masks, tmp_path)
    assert any("p % rule" in check for check in certificates["spaces"].checks)
    for name in measures:
        changed(masks, "spaces", name, at(cells["spaces"], **where), False)
    with pytest.raises(Refused, match=reason):
        audited([spaces], cells, masks, tmp_path)


@pytest.mark.parametrize(
    ("contributors", "first", "second"),
    [
        pytest.param(2, 40.0, 30.0, id="contributors"),
        # Numbers that no contributions have, so that only one rule is broken each time.
        pytest.param(5, 70.0, 24.0, id="precision"),
        pytest.param(5, 50.0, 44.9, id="dominance"),
    ],
)
def test_each_rule_is_judged_by_the_audit_on_its_own(
    contributors: int,
    first: float,
    second: float,
    declarations: Declarations,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (areas,) = some(declarations, "areas")
    even = {"space__contributors": 9, "space__first": 20.0, "space__second": 20.0}
    odd = {
        "space__contributors": contributors, "space__first": first, "space__second": second,
    }  # fmt: skip
    cells = pa.Table.from_pylist(
        [
            {"area": AREAS[0], "space": 100.0, **odd},
            {"area": AREAS[1], "space": 100.0, **even},
            {"area": TOTAL, "space": 200.0, **even},
        ]
    )
    if first == 70.0:
        monkeypatch.setattr("harvesters.disclosure.reader.DOMINANCE", 0.99)
    shown = {"areas": {"space": np.zeros(3, dtype=bool)}}
    with pytest.raises(Refused, match="1 sums are of too few"):
        audited([areas], {"areas": cells}, shown, tmp_path)


def test_an_amount_that_could_not_be_larger_is_refused(
    declarations: Declarations, tmp_path: Path
) -> None:
    """Two that are hidden come to little more than the one that may not be published."""
    (areas,) = some(declarations, "areas")
    even = {"space__contributors": 9, "space__first": 20.0, "space__second": 20.0}
    alone = {"space__contributors": 1, "space__first": 100.0, "space__second": 0.0}
    cells = pa.Table.from_pylist(
        [
            {"area": AREAS[0], "space": 100.0, **alone},
            {"area": AREAS[1], "space": 9.0, **{**even, "space__first": 2.0, "space__second": 2.0}},
            {"area": AREAS[2], "space": 200.0, **even},
            {"area": TOTAL, "space": 309.0, **even},
        ]
    )
    hidden = {"areas": {"space": np.array([True, True, False, False])}}
    with pytest.raises(Refused, match="can be worked out"):
        audited([areas], {"areas": cells}, hidden, tmp_path)
    assert protect_together([areas], {"areas": cells})["areas"]["space"].sum() > 1


def test_what_is_hidden_alone_in_its_line_is_refused(
    declarations: Declarations, tmp_path: Path
) -> None:
    (spaces,) = some(declarations, "spaces")
    cells, masks = protected([spaces], PLENTY)
    audited([spaces], cells, masks, tmp_path)
    hall = at(cells["spaces"], kind="hall")
    for name in ("space", "mean_space"):
        masks["spaces"][name] = hall
    with pytest.raises(Refused, match="can be worked out from the others"):
        audited([spaces], cells, masks, tmp_path)


def test_what_one_table_hides_another_may_not_tell_by_a_difference(
    declarations: Declarations, tmp_path: Path
) -> None:
    """The total of an area in one table, less its kinds in the other, is what was suppressed."""
    tables = some(declarations, "spaces", "areas")
    cells, masks = protected(tables, PLENTY)
    audited(tables, cells, masks, tmp_path)
    alone = {**masks, "areas": {"space": np.zeros(cells["areas"].num_rows, dtype=bool)}}
    hall = at(cells["spaces"], kind="hall") | at(cells["spaces"], kind=TOTAL)
    alone["spaces"] = dict.fromkeys(("space", "mean_space"), hall)
    with pytest.raises(Refused, match=r"not the same wherever|can be worked out"):
        audited(tables, cells, alone, tmp_path)


def test_what_is_shown_is_what_was_counted(declarations: Declarations, tmp_path: Path) -> None:
    for name, one in (("areas", "space"), ("shares", "space_a_pupil__n")):
        (table,) = some(declarations, name)
        cells, masks = protected([table], PLENTY)
        audited([table], cells, masks, tmp_path)
        wrong = [value + 3 for value in cells[name][one].to_pylist()]
        place = cells[name].column_names.index(one)
        other = {name: cells[name].set_column(place, one, pa.chunked_array([wrong]))}
        (published,) = amounts.files([table], other, masks, tmp_path)
        pa.parquet.write_table(cells[name], published.cells)
        with pytest.raises(Refused, match="not what was counted"):
            amounts.audit_together(YEAR, [published])


def test_an_amount_of_persons_is_hidden_with_their_count_in_every_table(tmp_path: Path) -> None:
    money = record(
        "premises",
        [*amounts.PREMISES["fields"], {"name": "payers", "type": "integer", "minimum": 0}],
    )
    amount = measure("space", sum="space")
    declarations = declare(
        tmp_path,
        [
            *DOCUMENTS, money,
            cube("spaces", "premises", [["area"], ["kind"]], [measure("pupils", sum="pupils"),
                                                              amount]),
            cube("areas", "premises", [["area"]], [measure("payers", sum="payers"), amount]),
        ],
    )  # fmt: skip
    tables = some(declarations, "spaces", "areas")
    # Two who pay in each of two areas: the rules for amounts would hide nothing there.
    few = (AREAS[0], AREAS[1])
    rows = [{**one, "payers": 9} for one in PLENTY]
    cells = {table.name: cells_of(table, rows) for table in tables}
    payers = [2 if code in few else 90 for code in cells["areas"]["area"].to_pylist()]
    payers[-1] = sum(payers[:-1])
    place = cells["areas"].column_names.index("payers")
    cells["areas"] = cells["areas"].set_column(place, "payers", pa.chunked_array([payers]))
    masks = protect_together(tables, cells)
    for code in few:
        assert masks["areas"]["space"][at(cells["areas"], area=code)].all()
        assert masks["spaces"]["space"][at(cells["spaces"], area=code, kind=TOTAL)].all()
        assert not masks["spaces"]["pupils"][at(cells["spaces"], area=code, kind=TOTAL)].any()
    audited(tables, cells, masks, tmp_path)


def test_a_table_that_comes_late_keeps_amounts_hidden(declarations: Declarations) -> None:
    spaces, areas = some(declarations, "spaces", "areas")
    cells, _ = protected([areas], PLENTY)
    first = np.arange(cells["areas"].num_rows) < 2
    frozen = Frozen(areas, cells["areas"], {"space": first})
    late = protect_together([spaces], {"spaces": cells_of(spaces, PLENTY)}, [frozen])
    totals = at(cells_of(spaces, PLENTY), kind=TOTAL)
    assert late["spaces"]["space"][totals].tolist() == first.tolist()


def test_money_is_protected_however_large_it_is(declarations: Declarations, tmp_path: Path) -> None:
    """Sums of thousands of billions beside those of a few thousands."""
    tables = some(declarations, *ALL)
    rows = [{**one, "space": one["space"] * 1e11} for one in PLENTY[:-2]] + [
        premises(90, 3_000.0, kind="hall"), premises(91, 2e6, AREAS[1], kind="hall"),
    ]  # fmt: skip
    cells, masks = protected(tables, rows)
    audited(tables, cells, masks, tmp_path)
    hall = at(cells["spaces"], area=AREAS[0], kind="hall")
    assert cells["spaces"]["space"].to_numpy()[hall].tolist() == [3_000]
    for one in ("space", "mean_space"):
        changed(masks, "spaces", one, at(cells["spaces"], area=AREAS[0]) & ~hall, False)
    with pytest.raises(Refused, match="can be worked out"):
        audited(tables[:1], cells, masks, tmp_path)


@pytest.mark.parametrize("number", [1, 3])
def test_a_city_publishes_no_floor_area_of_few_schools(tmp_path: Path, number: int) -> None:
    """The whole way, from a source to a release."""
    city = City(tmp_path, DOCUMENTS)
    city.use(make_source(records=("school", "premises")))
    city.deliver("school", SCHOOLS)
    city.deliver(
        "premises", [{**premises(one, 30.0), "owner": None} for one in range(1, number + 1)]
    )
    city.harvest()
    outcome = city.release()
    assert outcome.refusals == []
    assert {"spaces", "areas"} <= {one.table for one in outcome.releases}


def test_amounts_that_were_hidden_stay_so_in_a_revision(tmp_path: Path) -> None:
    """A school more, and the sum of an area could be published: it was hidden before."""
    city = City(tmp_path, DOCUMENTS)
    city.use(make_source(records=("school", "premises")))
    schools = [school(number, AREAS[number % 3]) for number in range(1, 31)]
    rows = [premises(number, 30.0 + number) for number in range(1, 31) if number % 3]
    rows += [premises(3, 50.0), premises(6, 51.0)]

    def hidden() -> set[str]:
        city.deliver("school", schools)
        city.deliver("premises", rows)
        city.harvest()
        outcome = city.release()
        assert outcome.refusals == []
        parts = sorted((city.state / "parts" / "premises" / YEAR).glob("*/areas.parquet"))
        rows_out = pa.parquet.read_table(parts[-1]).to_pylist()
        return {row["area"] for row in rows_out if row["space_status"] == "c"}

    first = hidden()
    assert AREAS[0] in first and len(first) == 2
    rows += [premises(number, 49.0 + number) for number in (9, 12, 15, 18)]
    assert hidden() >= first
