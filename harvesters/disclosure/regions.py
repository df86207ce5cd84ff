"""Which figures are worked on together, where old wards reach over several new ones.

Schools are worked on ward by ward. An old ward that was split hangs together with the schools of
all its parts, so their new wards are one region; there are few such regions, and small ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from harvesters.disclosure.crossings import Crossing, unit_of
from harvesters.disclosure.system import Index, Mask, Sums
from schemas import TOTAL


def regions(
    block: Index,
    ward: str,
    numbers: Mapping[str, int],
    crossed: Sequence[Crossing],
    cells: Mapping[str, pa.Table],
    figures: Mapping[str, Sequence[Index]],
) -> Index:
    """The blocks of figures, shape (figures,), once wards are joined to regions.

    `block` has the ward of each figure, by the `numbers` of the codes of the column `ward`, and 0
    for what wards share. `figures` are those of each count in the `cells` of each crossing.
    """
    above: dict[str, str] = {}

    def region(code: str) -> str:
        while code in above:
            code = above[code]
        return code

    parts = [_Part(one, cells[one.table.name], ward) for one in crossed
             if ward in one.table.dimension_columns]  # fmt: skip
    for part in parts:
        for one, other in sorted(part.pairs):
            first, second = region(one), region(f"{part.name}={other}")
            if first != second:
                above[second] = first
    joined = np.zeros(max(numbers.values()) + 1, dtype=np.int64)
    for code, number in numbers.items():
        joined[number] = numbers[region(code)]
    found: Index = joined[block]
    for part in parts:
        for one in figures[part.crossing]:
            found[one[part.within]] = [
                numbers[region(f"{part.name}={code}")] for code in part.codes
            ]
    for part in parts:
        for one in figures[part.crossing]:
            # A new ward that lies within an old one is shared as the others are.
            found[one[part.shared]] = 0
    return found


class _Part:
    """What a crossing says of wards: `pairs` of a ward and a code of the other finest column,
    called `name`; the rows `within` regions, their `codes` there, and those `shared` by all."""

    def __init__(self, crossing: Crossing, cells: pa.Table, ward: str):
        table = crossing.table
        unit = unit_of(table, ward)
        self.crossing = table.name
        self.name = next(
            one.hierarchy[-1] for one in table.dimensions
            if ward not in one.hierarchy and unit_of(table, one.hierarchy[-1]) == unit
        )  # fmt: skip
        has = {
            name: np.asarray(pc.not_equal(cells[name], TOTAL)) for name in table.dimension_columns
        }
        in_unit = has.get(unit, np.zeros(cells.num_rows, dtype=bool))
        wards, others = cells[ward].to_pylist(), cells[self.name].to_pylist()
        both = np.flatnonzero(has[ward] & has[self.name])
        self.pairs = {(wards[row], others[row]) for row in both.tolist()}
        self.within: Mask = has[self.name] & ~in_unit
        self.shared: Mask = ~has[self.name] & ~in_unit
        self.codes = [others[row] for row in np.flatnonzero(self.within).tolist()]


def within_regions(sums: Sums, block: Index, crossed: Sequence[Index]) -> Sums:
    """The sums, without those that join regions and follow from others: an old district is the sum
    of its old wards, since it is that of its parts, and each part that of the slivers there.

    `crossed` has the figures of each crossing.
    """
    terms = sums.terms()
    its = block[terms.figure]
    most, least = np.zeros(terms.rows, np.int64), np.full(terms.rows, np.iinfo(np.int64).max)
    np.maximum.at(most, terms.row, its)
    np.minimum.at(least, terms.row[its > 0], its[its > 0])
    follows = np.zeros(terms.rows, dtype=bool)
    for figures in crossed:
        outside = np.ones(len(block), dtype=bool)
        outside[figures] = False
        follows |= np.bincount(terms.row, outside[terms.figure], terms.rows) == 0
    return sums.take(np.flatnonzero(~(follows & (most > least))))
