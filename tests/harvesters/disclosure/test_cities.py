"""The synthetic cities are the same each time, add up, and are as skewed as they say."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harvesters.tabulate import tabulate
from tests.harvesters.disclosure import cities
from tests.harvesters.disclosure.attacker import system

pytestmark = pytest.mark.unit

CITIES = [cities.plain, cities.groups, cities.linked]


@pytest.mark.parametrize("make", CITIES)
@pytest.mark.parametrize("schools", [30, 400])
def test_the_same_seed_makes_the_same_city(
    make: cities.Maker, schools: int, tmp_path: Path
) -> None:
    first, again = make(tmp_path / "a", schools), make(tmp_path / "b", schools)
    assert first.cells == again.cells
    assert make(tmp_path / "c", schools, seed=2).cells != first.cells


def test_a_city_is_what_tabulation_counts(tmp_path: Path) -> None:
    """The finest cells, made pupils again, are counted to the same cells with their totals."""
    city = cities.linked(tmp_path, 30)
    for table in city.tables:
        cells = city.cells[table.name]
        codes = {name: cells[name].to_numpy() for name in table.dimension_columns}
        finest = np.logical_and.reduce([column != "_T" for column in codes.values()])
        times = cells["pupils"].to_numpy()[finest]
        pupils = {name: np.repeat(column[finest], times) for name, column in codes.items()}
        area = pupils.pop("area")
        pupils.pop("level")
        schools, index = np.unique(pupils["school"], return_index=True)
        register = pa.table({"school": schools, "area": area[index]})
        pq.write_table(pa.table(pupils), tmp_path / "pupils.parquet")
        pq.write_table(register, tmp_path / "schools.parquet")
        counted = tabulate(
            table, [tmp_path / "pupils.parquet"], [tmp_path / "schools.parquet"], city.declarations
        )
        assert counted.equals(cells.cast(counted.schema))


def test_the_whole_city_is_made_in_seconds_and_adds_up(tmp_path: Path) -> None:
    began = time.process_time()
    city = cities.linked(tmp_path, cities.FULL)
    assert time.process_time() - began < 4
    shown = [(table, city.cells[table.name]) for table in city.tables]
    assert system(shown).size == 0
    share = {}
    for table in city.tables:
        values = city.cells[table.name]["pupils"].to_numpy()
        share[table.name] = float(((values > 0) & (values < 5)).mean())
    assert 0.02 < share["by-sex"] < 0.03
    assert 0.24 < share["by-ethnicity"] < 0.28
