"""What a reader learns of slivers: the persons whom no table counts, and two tables tell together.

Where one table counts by new wards and another by old ones, a reader who knows which school is
where can write down the part of each old ward in each new one: new and old wards are sums of such
slivers, and slivers of schools. This is the audit's own, and asks SQL: it finds for itself which
tables cross and what stands in between, and takes from the counted cells only who is where.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from harvesters.disclosure.refusal import Refused
from harvesters.disclosure.sql import quoted, text
from schemas import TOTAL, Component, Dimension, Measure, Table
from schemas.record import INSTITUTION
from schemas.table import SENSITIVE_THRESHOLD

AREAS = ("area", "old_area", "district")
"""Code lists of places."""


@dataclass(frozen=True)
class Between:
    """What lies between the tables called `of`: a Parquet file of the cells that they have in
    common, a column a code and one a count (named by `column_of`). It was counted for `version`;
    `stood` are the versions that those tables were of then, all of them 0 where that is empty."""

    of: tuple[str, ...]
    cells: Path
    version: int = 0
    stood: tuple[int, ...] = ()

    @property
    def versions(self) -> list[tuple[str, int]]:
        """The names of the tables, and of which version each was."""
        return list(zip(self.of, self.stood or (0,) * len(self.of), strict=True))


@dataclass(frozen=True)
class Slivers:
    """The cells between tables as a view of SQL, totals included: `dimensions` are its columns, and
    `counts` those of its counts, from `k` on shown.

    `within` names a dimension, and the column whose codes lie within one of its codes each: it
    tells nothing more of those.
    """

    view: str
    dimensions: Sequence[Dimension]
    counts: Sequence[Component]
    k: int
    within: Mapping[str, str]


def crossing(tables: Sequence[Table]) -> Iterator[tuple[Table, Table]]:
    """The pairs of tables that count the same persons by columns of the same institution, or by
    codes of the same kind, of which each has one that the other has not."""
    for one, other in itertools.combinations(tables, 2):
        if not _what(one) & _what(other):
            continue
        alone = set(one.dimension_columns) - set(other.dimension_columns)
        more = set(other.dimension_columns) - set(one.dimension_columns)
        if {finest(one, name) for name in alone} & {finest(other, name) for name in more}:
            yield one, other


def cannot_be_solved(first: Table, second: Table) -> str | None:
    """What nobody works out between two tables that cross, and both tell, in words."""
    amounts = _amounts(first) & _amounts(second)
    if amounts:
        return f"both sum {', '.join(sorted(amounts))}"
    sensitive = _sensitive(first) & _sensitive(second)
    if sensitive:
        return f"both count by {', '.join(sorted(sensitive))}, which is sensitive"
    return None


def _what(table: Table) -> set[tuple[str | None, bool]]:
    amounts: set[tuple[str | None, bool]] = {(name, False) for name in _amounts(table)}
    return amounts | {(one.source, one.counted) for one, _ in told(table)}


def _amounts(table: Table) -> set[str]:
    return {one.source or "" for measure in table.measures for one in measure.magnitudes}


def _sensitive(table: Table) -> set[str]:
    filters = {
        name for one, _ in told(table) if one.sensitive for name in one.where
    }  # fmt: skip
    return filters | {name for one in table.dimensions for name in one.sensitive}


def finest(table: Table, column: str) -> str:
    """The column that a column is worked out from: that of schools for places and what the
    register says, that of grades for levels."""
    codelist = next((one.codelist for one in table.columns if one.name == column), column)
    if column in table.from_register or codelist in AREAS:
        return INSTITUTION
    return finest(table, table.derived[column]) if column in table.derived else column


def told(table: Table) -> list[tuple[Component, int]]:
    """The counts of persons that a table tells, and from what number on."""
    found = []
    for measure in table.measures:
        k = table.disclosure.threshold
        if measure.about != "persons":
            continue
        if measure.kind in ("mean", "rate", "ratio"):
            k = max(k, SENSITIVE_THRESHOLD)
        found += [(component, k) for component in _heads(measure)]
    return found


def _heads(measure: Measure) -> list[Component]:
    both = [measure.numerator, measure.denominator]
    if measure.kind == "mean":
        both = both[1:]
    return [one for one in both if one is not None and one.whole]


def column_of(component: Component) -> str:
    """The column of a count: what is counted, and of whom."""
    what = component.source or "records"
    if component.source:
        what = ("values of " if component.counted else "sum of ") + what
    filters = [f"{name}={'|'.join(sorted(codes))}" for name, codes in component.where.items()]
    return "; ".join([what, *sorted(filters)])


def slivers(
    connection: duckdb.DuckDBPyConnection,
    number: int,
    between: Between,
    tables: Sequence[Table],
    given_up: Mapping[str, Collection[str]],
) -> Slivers:
    """Make the view `slivers_<number>` of what lies between `tables`. `given_up` are, by table, the
    columns that are declared, and of which it has no codes.

    :raises Refused: the cells lack what the tables have in common.
    """
    cells = connection.read_parquet(str(between.cells))
    wanted = set(_columns(tables)) - {name for t in tables for name in given_up[t.name]}
    counts = list({column_of(one): one for one in _counts(tables)}.values())
    lacking = wanted - set(cells.columns)
    if lacking or not counts or not {column_of(one) for one in counts} <= set(cells.columns):
        what = ", ".join(sorted(lacking) or ["a count"])
        reason = f"The cells between it and {tables[0].name} are without {what}."
        raise Refused(tables[-1].name, reason)
    dimensions = []
    for table in tables:
        for one in table.dimensions:
            kept = tuple(name for name in one.hierarchy if name in wanted)
            wanted -= set(kept)
            if kept:
                dimensions.append(Dimension(f"{table.name} {one.name}", kept))
    units = {name: finest(table, name) for table in tables for name in table.dimension_columns}
    every = [name for one in dimensions for name in one.hierarchy]
    within = {
        one.name: units[one.hierarchy[-1]] for one in dimensions
        if units[one.hierarchy[-1]] in every and units[one.hierarchy[-1]] not in one.hierarchy
    }  # fmt: skip
    view = f"slivers_{number}"
    finest_only = " AND ".join(f"{quoted(name)} <> {text(TOTAL)}" for name in every)
    cells.filter(finest_only or "TRUE").create_view(f"{view}_finest")
    # Every total along every dimension.
    rolled_up = ", ".join(
        f"ROLLUP ({', '.join(quoted(name) for name in one.hierarchy)})" for one in dimensions
    )
    codes = [f"coalesce({quoted(name)}, {text(TOTAL)}) AS {quoted(name)}" for name in every]
    numbers = [quoted(column_of(one)) for one in counts]
    sums = [f"sum({name}) AS {name}" for name in numbers]
    connection.execute(
        f"CREATE TABLE {view} AS SELECT {', '.join([*codes, *sums])} FROM {view}_finest "
        + (f"GROUP BY {rolled_up}" if every else "")
    )
    k = max(k for table in tables for _, k in told(table))
    return Slivers(view, dimensions, counts, k, within)


def _columns(tables: Sequence[Table]) -> Iterator[str]:
    """The columns that all of the tables have, and of those that cross all."""
    units: dict[str, list[set[str]]] = {}
    for table in tables:
        for name in table.dimension_columns:
            its = units.setdefault(finest(table, name), [set() for _ in tables])
            its[tables.index(table)].add(name)
    for its in units.values():
        cross = any(one - other and other - one for one, other in itertools.combinations(its, 2))
        yield from (set.union if cross else set.intersection)(*its)


def _counts(tables: Sequence[Table]) -> Iterator[Component]:
    """The counts that the tables have in common; what one filters by, another has as a column."""
    for some in itertools.product(*([one for one, _ in told(table)] for table in tables)):
        filters: dict[str, tuple[str, ...]] = {}
        for one in some:
            filters |= one.where
        fits = all(
            set(one.where.get(name, codes)) == set(codes)
            and (name in one.where or name in table.dimension_columns)
            for table, one in zip(tables, some, strict=True) for name, codes in filters.items()
        )  # fmt: skip
        if fits and len({(one.source, one.counted) for one in some}) == 1:
            yield dataclasses.replace(some[0], where=filters)
