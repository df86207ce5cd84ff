"""The lines of a table: which cell adds up to which, held against a search by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvesters.disclosure import Refused
from harvesters.disclosure.lines import axes
from schemas import Declarations
from tests.harvesters.disclosure.builders import TABLES, declare_tables, lines, random_cells

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def declarations(tmp_path_factory: pytest.TempPathFactory) -> Declarations:
    return declare_tables(tmp_path_factory.mktemp("declared"))


@given(st.integers(0, 10**6), st.sampled_from([table["table"] for table in TABLES]))
def test_each_cell_adds_up_to_the_total_one_level_above(
    declarations: Declarations, seed: int, name: str
) -> None:
    table = declarations.tables[name]
    cells = random_cells(table, seed)
    columns = (cells[column].to_pylist() for column in table.dimension_columns)
    keys = list(zip(*columns, strict=True))
    found = sorted(
        (keys[total], keys[cell])
        for axis in axes(table, cells)
        for cell, total in enumerate(axis.total.tolist())
        if total >= 0
    )
    assert found == sorted((total, part) for total, parts in lines(table, keys) for part in parts)


def test_a_table_without_cells_has_no_lines(declarations: Declarations) -> None:
    table = declarations.tables["by-school"]
    cells = pa.table({name: pa.array([], pa.string()) for name in table.dimension_columns})
    assert [len(axis.total) for axis in axes(table, cells)] == [0, 0, 0]


def test_a_total_that_is_missing_is_no_ones_total(declarations: Declarations) -> None:
    table = declarations.tables["one-line"]
    (axis,) = axes(table, pa.table({"sex": pa.chunked_array([["female", "male"]])}))
    assert axis.total.tolist() == [-1, -1]


def test_more_combinations_than_numbers_are_refused(
    declarations: Declarations, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = declarations.tables["by-school"]
    cells = random_cells(table, 1)
    monkeypatch.setattr("harvesters.disclosure.lines.np.iinfo", lambda _: _Small())
    with pytest.raises(Refused, match="too many combinations") as refused:
        axes(table, cells)
    assert refused.value.table == "by-school"


class _Small:
    max = 3


def test_the_dimensions_keep_their_names(declarations: Declarations, tmp_path: Path) -> None:
    table = declarations.tables["by-school"]
    found = axes(table, random_cells(table, 3))
    assert [axis.name for axis in found] == ["place", "education", "sex"]
    assert {axis.total.dtype for axis in found} == {np.dtype(np.int64)}
