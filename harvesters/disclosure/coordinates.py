"""Of whom a cell counts: its codes in every column of a protection set, as numbers.

Number 0 is a total. A filter counts as a code: those who have internet at home are the cell
`internet = yes`, whether a table has it as a dimension or filters by it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from harvesters.disclosure.crossings import Crossing, crossings, unit_of
from harvesters.disclosure.refusal import Refused
from harvesters.disclosure.system import Index, Mask
from schemas import TOTAL, Component, Table


class Coordinates:
    """The columns and codes of some tables that are counted from the same records.

    `cells` are those of each table, by name; `components` what each table counts. `crossed` are
    the crossings of the tables, with cells and components too. `versions` has the version of each
    table that is not of version 0.

    :raises Refused: the tables count by columns that cannot be set against each other.
    """

    def __init__(
        self,
        tables: Sequence[Table],
        cells: Mapping[str, pa.Table],
        components: Mapping[str, Sequence[Component]],
        crossed: Sequence[Crossing] = (),
        versions: Mapping[str, int] | None = None,
    ):
        _check_crossings(tables, crossed, versions or {})
        tables = [*tables, *(one.table for one in crossed)]
        self._tables = tables
        filters = {
            (column, tuple(sorted(codes)))
            for name in components
            for component in components[name]
            for column, codes in component.where.items()
        }
        self.filtered = sorted({column for column, _ in filters})
        """The columns that something is filtered by."""
        dimensions = {name for table in tables for name in table.dimension_columns}
        self.columns = sorted(dimensions | set(self.filtered))
        self._codes: dict[str, dict[str, int]] = {name: {TOTAL: 0} for name in self.columns}
        self._parents: dict[tuple[str, str], Index] = {}
        self._rows = {table.name: self._encode(table, cells[table.name]) for table in tables}
        for table in tables:
            self._learn_parents(table)
        self._learn_within([one.table for one in crossed])
        _check_filters(tables, filters)
        for table in tables:
            self._fill_parents(table)
        for column, codes in sorted(filters):
            self._codes[column].setdefault("|".join(codes), len(self._codes[column]))

    def of(self, table: Table, component: Component) -> tuple[Index, Mask]:
        """The coordinates of a component in each row of `table`, shape (rows, columns), and the
        rows in which nobody can be: those of a code that the filter leaves out."""
        found = self._rows[table.name].copy()
        nobody = np.zeros(len(found), dtype=bool)
        for column, codes in component.where.items():
            place = self.columns.index(column)
            number = self._codes[column]["|".join(sorted(codes))]
            nobody |= (found[:, place] > 0) & (found[:, place] != number)
            found[:, place] = number
        return found, nobody

    def keys(self, coordinates: Index, what: Index, kinds: int) -> Index:
        """One number for each row of coordinates and what is counted there, `what` (shape (rows,))
        from 0 to `kinds` - 1.

        :raises Refused: there are more combinations than numbers.
        """
        sizes = [len(self._codes[name]) for name in self.columns]
        if math.prod([*sizes, kinds]) > np.iinfo(np.int64).max:
            reason = "The tables counted from these records have too many combinations of codes."
            raise Refused(self._tables[0].name, reason)
        keys = what.astype(np.int64)
        for place, size in enumerate(sizes):
            keys = keys * size + coordinates[:, place]
        return keys

    def size(self, column: str) -> int:
        """How many codes a column has, the total included."""
        return len(self._codes[column])

    def numbers(self, column: str) -> Mapping[str, int]:
        """The numbers of a column's codes."""
        return self._codes[column]

    def _encode(self, table: Table, cells: pa.Table) -> Index:
        found = np.zeros((cells.num_rows, len(self.columns)), dtype=np.int64)
        for name in table.dimension_columns:
            encoded = cells[name].combine_chunks().dictionary_encode()
            known = self._codes[name]
            codes = encoded.dictionary.to_pylist()
            for code in sorted(codes):
                known.setdefault(code, len(known))
            numbers = np.array([known[code] for code in codes], np.int64)
            taken = encoded.indices.to_numpy(zero_copy_only=False)
            found[:, self.columns.index(name)] = numbers[taken] if len(taken) else 0
        return found

    def _column(self, table: Table, name: str) -> Index:
        column: Index = self._rows[table.name][:, self.columns.index(name)]
        return column

    def _parent(self, coarse: str, fine: str) -> Index:
        """The number of the code above each code of `fine`, 0 where it is not known."""
        known = self._parents.get((coarse, fine), np.zeros(0, dtype=np.int64))
        return np.pad(known, (0, len(self._codes[fine]) - len(known)))

    def _learn_parents(self, table: Table) -> None:
        for dimension in table.dimensions:
            for coarse, fine in itertools.combinations(dimension.hierarchy, 2):
                above, below = self._column(table, coarse), self._column(table, fine)
                rows = below > 0
                parent = self._parent(coarse, fine)
                learnt = parent.copy()
                learnt[below[rows]] = above[rows]
                if (learnt[below[rows]] != above[rows]).any() or (
                    (parent > 0) & (parent != learnt)
                ).any():
                    raise Refused(table.name, f"A code of {fine} stands below two of {coarse}.")
                self._parents[coarse, fine] = learnt

    def _learn_within(self, crossed: Sequence[Table]) -> None:
        """Of columns that cross, the codes that lie within one code of another in all versions: a
        school within its wards, old and new, and an old ward that went whole to a new one within
        that."""
        found: dict[tuple[str, str], tuple[Index, Index]] = {}
        for table in crossed:
            for one, other in itertools.permutations(table.dimensions, 2):
                for coarse, fine in itertools.product(other.hierarchy, one.hierarchy):
                    unit = unit_of(table, fine)
                    # Nothing is within a school, even where a ward has but one.
                    if coarse == unit or unit_of(table, coarse) != unit:
                        continue
                    above, below = self._column(table, coarse), self._column(table, fine)
                    rows = (above > 0) & (below > 0)
                    most, size = len(self._codes[coarse]), len(self._codes[fine])
                    nothing = np.full(size, most), np.zeros(size, np.int64)
                    least, greatest = found.setdefault((coarse, fine), nothing)
                    np.minimum.at(least, below[rows], above[rows])
                    np.maximum.at(greatest, below[rows], above[rows])
        for pair, (least, greatest) in found.items():
            self._parents[pair] = np.where(least == greatest, greatest, 0)

    def _fill_parents(self, table: Table) -> None:
        """Name the codes above a code where the table itself leaves them out."""
        # A chain of codes above codes has no more links than there are.
        for _ in self._parents:
            changed = False
            for coarse, fine in self._parents:
                above, below = self._column(table, coarse), self._column(table, fine)
                known = self._parent(coarse, fine)[below]
                if ((above > 0) & (known > 0) & (above != known)).any():
                    raise Refused(table.name, f"A code of {fine} stands below two of {coarse}.")
                changed |= bool(((above == 0) & (known > 0)).any())
                above[known > 0] = known[known > 0]
            if not changed:
                break


def _check_crossings(
    tables: Sequence[Table], crossed: Sequence[Crossing], versions: Mapping[str, int]
) -> None:
    """What lies between tables of one version that cross must be known."""
    known = {one.of for one in crossed}
    numbers = {versions.get(table.name, 0) for table in tables}
    fellows = ([t for t in tables if versions.get(t.name, 0) == number] for number in numbers)
    for one in itertools.chain.from_iterable(map(crossings, fellows)):
        if one.of not in known:
            columns = ", ".join(_unshared(tables, one.of))
            raise Refused(
                one.of[-1],
                f"It counts the same persons as {', '.join(one.of[:-1])}, but by columns of which "
                f"neither is above the other in both tables ({columns}): differences between them "
                "could tell of few. Hand over the cells of their crossing, or give both tables "
                "the same columns.",
            )


def _unshared(tables: Sequence[Table], names: Sequence[str]) -> list[str]:
    every = [table.dimension_columns for table in tables if table.name in names]
    return sorted(name for name in {*itertools.chain(*every)}
                  if not all(name in columns for columns in every))  # fmt: skip


def _check_filters(tables: Sequence[Table], filters: set[tuple[str, tuple[str, ...]]]) -> None:
    """Filters on a column must not overlap, or they would tell more than is known here."""
    dimensions = {name for table in tables for name in table.dimension_columns}
    for column, codes in filters:
        others = [more for name, more in filters if name == column and more != codes]
        overlapping = any(set(codes) & set(more) for more in others)
        if overlapping or (column in dimensions and len(codes) > 1):
            raise Refused(
                tables[0].name,
                f"Filters on {column} overlap each other or the codes of a dimension. Filter by "
                "one code, or by codes that no other filter has.",
            )
