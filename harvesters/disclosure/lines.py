"""Lines of a table: a total and the cells that add up to it, along one dimension.

Cells are numbered by their row in the cell table; a line is known by its total.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from harvesters.disclosure.refusal import Refused
from schemas import TOTAL, Table

Cells = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Axis:
    """The lines along one dimension: `total[i]` is the cell that cell i adds up to, or -1."""

    name: str
    total: Cells


def axes(table: Table, cells: pa.Table) -> list[Axis]:
    """The lines of `cells` along each dimension of `table`, an array of shape (cells,) each.

    :raises Refused: there are more combinations of codes than numbers.
    """
    columns = list(table.dimension_columns)
    if not cells.num_rows:
        return [Axis(dimension.name, np.empty(0, dtype=np.int64)) for dimension in table.dimensions]
    codes = {name: _codes(cells[name]) for name in columns}
    keys = _keys(table, [codes[name][0] for name in columns], [codes[name][1] for name in columns])
    order = np.argsort(keys, kind="stable")
    found = []
    for dimension in table.dimensions:
        upward = {name: codes[name][0].copy() for name in columns}
        exists = np.zeros(len(keys), dtype=bool)
        # From the coarsest column down: the finest column that is not a total becomes one.
        for name in dimension.hierarchy:
            values, _, total = codes[name]
            is_detail = values != total
            if name != dimension.hierarchy[0]:
                above = dimension.hierarchy[dimension.hierarchy.index(name) - 1]
                upward[above] = np.where(is_detail, codes[above][0], upward[above])
            upward[name] = np.where(is_detail, total, values)
            exists |= is_detail
        wanted = _keys(
            table, [upward[name] for name in columns], [codes[name][1] for name in columns]
        )
        place = np.searchsorted(keys[order], wanted)
        place = np.minimum(place, len(keys) - 1)
        parent = order[place]
        found.append(Axis(dimension.name, np.where(exists & (keys[parent] == wanted), parent, -1)))
    return found


def _codes(column: pa.ChunkedArray) -> tuple[Cells, int, int]:
    """A column's codes as numbers, how many there are, and the number of the total (or -1)."""
    encoded = column.combine_chunks().dictionary_encode()
    values = encoded.dictionary.to_pylist()
    total = values.index(TOTAL) if TOTAL in values else -1
    return encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64), len(values), total


def _keys(table: Table, parts: list[Cells], sizes: list[int]) -> Cells:
    """One number for each combination of codes (mixed radix).

    :raises Refused: there are more combinations than numbers.
    """
    if math.prod(size + 1 for size in sizes) > np.iinfo(np.int64).max:
        reason = (
            "Its columns have too many combinations of codes. Give it fewer dimensions, or declare "
            "two tables."
        )
        raise Refused(table.name, reason)
    keys = np.zeros(len(parts[0]), dtype=np.int64)
    for part, size in zip(parts, sizes, strict=True):
        keys = keys * (size + 1) + part
    return keys
