"""What was published at one time and at another: who has kept both is told no more by it."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harvesters.disclosure import Frozen, Published, Refused, audit_together, protect_together
from harvesters.disclosure.audit import _with_differences
from harvesters.disclosure.intervals import intervals
from harvesters.disclosure.reader import knowledge
from schemas import Declarations, Table
from tests.harvesters.builders import YEAR
from tests.harvesters.disclosure.builders import Masks, declare_tables, published, write
from tests.harvesters.disclosure.people import (
    People,
    counted,
    random_people,
    weaknesses_of_versions,
)

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def declarations(tmp_path_factory: pytest.TempPathFactory) -> Declarations:
    return declare_tables(tmp_path_factory.mktemp("declared"))


def later(people: People, seed: int, some: tuple[int, int]) -> People:
    """The people some time later: of one to three kinds so many more, or all of them gone."""
    dice = random.Random(seed)
    changed = dict(people)
    for kind in dice.sample(sorted(people), min(len(people), dice.randint(1, 3))):
        changed[kind] = 0 if dice.random() < 0.2 else people[kind] + dice.randint(*some)
    return changed


Version = tuple[People, Sequence[tuple[Table, pa.Table, Masks]]]


def version(tables: list[Table], people: People, before: Sequence[Frozen] = ()) -> Version:
    """The tables as they are protected, beside what was published `before`."""
    cells = {one.name: counted(one, people) for one in tables}
    masks = protect_together(tables, cells, before)
    return people, [(one, cells[one.name], masks[one.name]) for one in tables]


def frozen(shown: Version) -> list[Frozen]:
    return [Frozen(table, cells, masks, 1) for table, cells, masks in shown[1]]


def files(versions: Sequence[Version], folder: Path) -> list[Published]:
    """What was published at each time; the last version is today's."""
    found = []
    for number, (_, tables) in enumerate(reversed(versions)):
        for table, cells, masks in tables:
            file = write(table, published(table, cells, masks), folder / f"{number}/{table.name}")
            pq.write_table(cells, file.with_suffix(".cells"))
            found.append(Published(table, file, file.with_suffix(".cells"), number))
    return found


SETS = [["by-school"], ["online"], ["by-school", "online"], ["one-line"], ["rates"]]


@pytest.mark.parametrize("names", SETS, ids="+".join)
def test_a_revision_tells_nothing_to_who_has_kept_the_version_before(
    declarations: Declarations, names: list[str], tmp_path: Path
) -> None:
    tables = [declarations.tables[name] for name in names]
    compared = 0
    for seed in range(30):
        first = version(tables, random_people(seed))
        try:
            second = version(tables, later(first[0], seed, (10, 40)), frozen(first))
        except Refused:
            continue
        for (_, _, before), (_, _, after) in zip(first[1], second[1], strict=True):
            assert all((after[name] >= mask).all() for name, mask in before.items())
        assert weaknesses_of_versions([first, second]) == [], seed
        if seed % 6 == 0:
            audit_together(YEAR, files([first, second], tmp_path / str(seed)))
        compared += 1
    assert compared > 10


@pytest.mark.parametrize("names", [["by-school"], ["online"]], ids="+".join)
def test_the_audit_judges_two_versions_as_the_attacker_does(
    declarations: Declarations, names: list[str], tmp_path: Path
) -> None:
    """Each protected as if there were no other: what one shows opens what the other hides."""
    tables = [declarations.tables[name] for name in names]
    verdicts = []
    for seed in range(16):
        first = version(tables, random_people(seed))
        second = version(tables, later(first[0], seed, (10, 40)))
        weak = weaknesses_of_versions([first, second])
        try:
            audit_together(YEAR, files([first, second], tmp_path / str(seed)))
            refused = None
        except Refused as found:
            refused = str(found)
        assert bool(refused) == bool(weak), (seed, weak, refused)
        verdicts.append(bool(weak))
    assert 1 < sum(verdicts) < len(verdicts)


def test_a_difference_of_a_few_is_told_unless_it_cannot_be_worked_out(
    tmp_path: Path, declarations: Declarations
) -> None:
    """One more pupil in a hidden cell shows in the total, unless that has changed by many."""
    (table,) = [declarations.tables["one-line"]]

    def told(before: tuple[int, int], after: tuple[int, int]) -> int:
        kinds = [("00100", "0001", "primary", "g1", sex, "yes") for sex in ("male", "female")]
        first = version([table], dict(zip(kinds, before, strict=True)))
        second = version([table], dict(zip(kinds, after, strict=True)), frozen(first))
        folder = tmp_path / f"{before}{after}"
        return audit_together(YEAR, files([first, second], folder)).told

    assert told((30, 40), (30, 40)) == 0
    assert told((30, 40), (31, 40)) == 2
    assert told((30, 40), (35, 40)) == 0
    assert told((30, 40), (20, 50)) == 0
    # The total tells of one; the cells do not.
    assert told((30, 40), (20, 51)) == 1
    # Where a cell is too small, the total goes with it: it would say that there is one at least.
    assert told((2, 40), (3, 40)) == 0
    assert told((2, 40), (3, 60)) == 0


def test_a_small_figure_whose_change_nothing_hides_is_for_a_person_to_decide(
    tmp_path: Path, declarations: Declarations
) -> None:
    """The totals stand open already: of three boys one has left, so there was one at the least. No
    more than that is told, and not without a decision."""
    (table,) = [declarations.tables["one-line"]]
    kinds = [("00100", "0001", "primary", "g1", sex, "yes") for sex in ("male", "female")]

    def at(numbers: tuple[int, int], before: Sequence[Frozen] = ()) -> Version:
        return version([table], dict(zip(kinds, numbers, strict=True)), before)

    first = at((12, 30))
    second = at((3, 40), frozen(first))
    today = at((2, 40), [*frozen(first), *(replace(one, version=2) for one in frozen(second))])
    for _, ((_, _, masks),) in (second, today):
        assert masks["pupils"].tolist() == [False, True, True]
    shown = files([first, second, today], tmp_path)
    # By how much the boys have changed, and all, and how many boys there were at the least.
    assert audit_together(YEAR, shown).told == 3
    known = knowledge(shown)
    boys = {
        int(known.truth[number]): number for number, key in enumerate(known.key)
        if key.startswith(";sex=male") and known.hidden[number]
    }  # fmt: skip
    low, high, nothing = np.full((3, len(known.key)), np.nan)
    low[list(boys.values())], high[list(boys.values())] = 0, 5
    found = intervals(known, low, high, nothing)
    place = {number: index for index, number in enumerate(found.figure.tolist())}
    assert sorted(boys) == [2, 3]
    assert found.low[place[boys[3]]] == pytest.approx(1)
    assert found.low[place[boys[2]]] == pytest.approx(0)
    assert (found.high[[place[one] for one in boys.values()]] >= 5).all()


def test_a_difference_has_to_reach_from_nothing_to_the_threshold(
    tmp_path: Path, declarations: Declarations
) -> None:
    """In the direction of the change; the offset keeps every figure above nothing."""
    (table,) = [declarations.tables["one-line"]]
    kinds = [("00100", "0001", "primary", "g1", sex, "yes") for sex in ("male", "female")]
    first = version([table], dict(zip(kinds, (30, 40), strict=True)))
    second = version([table], dict(zip(kinds, (31, 38), strict=True)), frozen(first))
    known = knowledge(files([first, second], tmp_path))
    nothing = np.full(len(known.key), np.nan)
    both, low, high, _, pairs = _with_differences(known, nothing, nothing, nothing)
    offset = both.truth[pairs] - (
        known.truth[known.changed[:, 1]] - known.truth[known.changed[:, 0]]
    )
    reach = {
        both.key[pair]: (low[pair] - start, high[pair] - start)
        for pair, start in zip(pairs.tolist(), offset.tolist(), strict=True)
    }
    assert reach == {"": (-5, 0), ";sex=male": (0, 5), ";sex=female": (-5, 0)}
    assert (low[pairs] >= 0).all()
