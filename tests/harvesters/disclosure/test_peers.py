"""The gate's suppression beside τ-Argus and the plain way, before an independent attacker."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from harvesters.disclosure import protect_together
from schemas import Table
from tests.harvesters.disclosure import argus, cities, greedy
from tests.harvesters.disclosure.attacker import Attack, attack
from tests.harvesters.disclosure.builders import declare_tables, random_cells

pytestmark = pytest.mark.unit

Masks = Mapping[str, Mapping[str, np.ndarray]]
Case = tuple[Sequence[Table], Mapping[str, pa.Table]]
"""Tables of one protection set, and the cells of each."""

RANDOM = 12


@dataclass(frozen=True)
class Loss:
    """What a pattern costs, and what the attacker finds."""

    suppressed: int
    value: int
    found: Attack

    @property
    def open(self) -> int:
        """How many suppressed counts are under-protected."""
        return self.found.open_primaries + self.found.open_secondaries

    def __str__(self) -> str:
        return (
            f"{self.suppressed} cells and {self.value} pupils suppressed, of which "
            f"{self.found.primaries} counts are primary; the attacker opens "
            f"{self.found.open_primaries} of these and {self.found.open_secondaries} others"
        )


@dataclass(frozen=True)
class Family:
    """The cases of a family, and what ours costs in each."""

    cases: Sequence[Case]
    ours: Sequence[Loss]


def judged(case: Case, masks: Masks) -> Loss:
    """What `masks` cost, before the attacker."""
    tables, cells = case
    suppressed = value = 0
    for table in tables:
        mask = masks[table.name]["pupils"]
        suppressed += int(mask.sum())
        value += int(cells[table.name]["pupils"].to_numpy()[mask].sum())
    shown = [(table, cities.published(table, cells[table.name], masks[table.name]))
             for table in tables]  # fmt: skip
    return Loss(suppressed, value, attack(shown, cells))


def by_argus(case: Case, method: str) -> Loss | None:
    """τ-Argus, each table by itself; None where it breaks down."""
    tables, cells = case
    try:
        masks = {
            table.name: {"pupils": argus.suppressed(table, cells[table.name], method)}
            for table in tables
        }
    except argus.Failed as failed:
        print(failed)
        return None
    return judged(case, masks)


def beside_argus(family: Family, method: str) -> list[tuple[Loss, Loss]]:
    """What ours and τ-Argus cost, where its pattern protects as well."""
    found = []
    for case, ours in zip(family.cases, family.ours, strict=True):
        theirs = by_argus(case, method)
        print(f"ours {ours}\n  τ-Argus, {method}: {theirs}")
        if theirs is not None and not theirs.open:
            found.append((ours, theirs))
    return found


def random_tables(folder: Path) -> Iterator[Case]:
    """Small hierarchical tables of which some cells are primary."""
    table = declare_tables(folder).tables["by-school"]
    found = 0
    for seed in range(1_000):
        cells = random_cells(table, seed)
        values = cells["pupils"].to_numpy() if cells.num_rows else np.zeros(0)
        small = int(((values > 0) & (values < 5)).sum())
        if len(values) > 20 and 0 < small < len(values) / 2:
            yield (table,), {table.name: cells}
            found += 1
        if found == RANDOM:
            return


def city(make: cities.Maker, schools: int, seed: int = 1) -> Callable[[Path], Iterator[Case]]:
    """One city as a family of its own."""

    def made(folder: Path) -> Iterator[Case]:
        one = make(folder, schools, seed=seed)
        yield one.tables, one.cells

    return made


FAMILIES = {
    "random tables": random_tables,
    "plain, 30 schools": city(cities.plain, 30),
    "plain, 30 other schools": city(cities.plain, 30, seed=7),
    "plain, 400 schools": city(cities.plain, 400),
    "groups, 30 schools": city(cities.groups, 30),
    "groups, 30 other schools": city(cities.groups, 30, seed=7),
    "linked, 30 schools": city(cities.linked, 30),
}

ALONE = [name for name in FAMILIES if not name.startswith("linked")]
"""τ-Argus, as it is here, does not link tables."""


@pytest.fixture(scope="module")
def families(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Family]:
    """The families by name, each protected once."""
    made: dict[str, Family] = {}

    def family(name: str) -> Family:
        if name not in made:
            cases = list(FAMILIES[name](tmp_path_factory.mktemp("city")))
            made[name] = Family(cases, [judged(case, protect_together(*case)) for case in cases])
        return made[name]

    return family


@pytest.mark.parametrize("name", FAMILIES)
def test_the_attacker_opens_nothing(families: Callable[[str], Family], name: str) -> None:
    for loss in families(name).ours:
        print(f"{name}: {loss}")
    assert sum(loss.open for loss in families(name).ours) == 0


@pytest.mark.parametrize("name", ALONE)
def test_no_more_is_lost_than_with_tau_argus(families: Callable[[str], Family], name: str) -> None:
    """With HiTaS, its method for big tables: no more cells and value, on the mean of both."""
    both = beside_argus(families(name), "MOD")
    if both:
        cells, value = (
            sum(getattr(ours, what) for ours, _ in both)
            / sum(getattr(theirs, what) for _, theirs in both)
            for what in ("suppressed", "value")
        )
        print(f"{name}: {cells:.3f} of its cells, {value:.3f} of its value")
        assert (cells + value) / 2 <= 1


@pytest.mark.parametrize("name", ["random tables", "plain, 30 schools"])
def test_little_more_is_lost_than_at_the_optimum(
    families: Callable[[str], Family], name: str
) -> None:
    """τ-Argus solves small tables to the least value that has to be lost."""
    both = beside_argus(families(name), "OPT")
    assert 2 * len(both) > len(families(name).cases)
    least = sum(theirs.value for _, theirs in both)
    assert sum(ours.value for ours, _ in both) <= 1.1 * least


@pytest.mark.parametrize("name", FAMILIES)
def test_the_plain_way_is_not_better(families: Callable[[str], Family], name: str) -> None:
    """It leaves counts open, or suppresses more."""
    for case, loss in zip(families(name).cases, families(name).ours, strict=True):
        plain = judged(case, greedy.suppressed(*case))
        print(f"{name}: ours {loss}\n  plain way: {plain}")
        assert plain.open > loss.open or plain.suppressed >= loss.suppressed
