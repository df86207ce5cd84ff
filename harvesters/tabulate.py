"""From sealed snapshots to cells: each combination of a table's codes, totals included.

The expressions are Ibis's, so that the same ones run on DuckDB embedded and on Spark distributed.
Everything that is counted adds up (`schemas.table.Component`), so the finest cells are counted
once over the records and every total from the cells below it. How many contribute to a sum of
amounts, and how much the two largest do, does not add up: that is counted by contributor first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from pathlib import Path

import ibis
import pyarrow as pa
import pyarrow.compute as pc
from ibis.expr import types as ir

from harvesters.disclosure import Refused
from schemas import TOTAL, Component, Declarations, Dimension, Table
from schemas.record import INSTITUTION, OWNER, REGISTER
from schemas.table import STRUCTURAL

_CONTRIBUTOR = "contributor__"


def components(table: Table) -> list[Component]:
    """The numbers that have to be counted for the table's measures, each once."""
    found: dict[str, Component] = {}
    for measure in table.measures:
        for component in (measure.numerator, measure.denominator):
            if component is not None:
                found[component.name] = component
    return list(found.values())


def tabulate(
    table: Table,
    snapshots: Sequence[Path],
    register: Sequence[Path],
    declarations: Declarations,
    connection: ibis.BaseBackend | None = None,
) -> pa.Table:
    """Count the cells of a cube from the Parquet files of one reference period's snapshots.

    `register` holds the snapshots of the register of schools for the same period; it may be
    empty where the table does not need it.

    The result has the table's dimension columns (text, `TOTAL` for a total) and a column for each
    of `components` (int64, or float64 for sums of decimals; null where nothing was delivered),
    sorted by the dimension columns. Beside a magnitude stand how many institutions contribute to
    it (int64) and the two largest contributions (float64, 0 where there is none); institutions of
    one owner, where the record or the register names owners, are one contributor. Where the table
    has structural zeros, the column `STRUCTURAL` (bool) says which cells are: those in which
    nothing can be, and totals of nothing else.

    :raises Refused: records fall in a combination that cannot occur.
    """
    backend = connection or ibis.duckdb.connect()
    records = _with_parents(
        table,
        backend.read_parquet([str(path) for path in snapshots]),
        backend.read_parquet([str(path) for path in register]) if register else None,
        declarations,
    )
    names = [component.name for component in components(table)]
    keep = _Keeper(backend)
    delivered = keep(_finest(components(table), records, table.dimension_columns))
    _check_structural(table, delivered)
    cells = keep(_with_zeros(table, delivered, names, declarations))
    if table.has_structural_zeros:
        cells = keep(_marked(table, cells, delivered))
    for dimension in table.dimensions:
        cells = keep(_with_totals(cells, dimension, table.dimension_columns, names, keep))
    magnitudes = [component for component in components(table) if component.magnitude]
    if magnitudes:
        cells = _with_contributors(table, cells, records, magnitudes, keep)
    return cells.order_by(list(table.dimension_columns)).to_pyarrow()


class _Keeper:
    """Keeps intermediate results as temporary tables, so that no step computes another anew.

    (`Table.cache` would, but Ibis 12 drops its tables with a statement that DuckDB 2 refuses.)
    """

    def __init__(self, backend: ibis.BaseBackend):
        self._backend = backend

    def __call__(self, expression: ir.Table) -> ir.Table:
        name = ibis.util.gen_name("cells")
        return self._backend.create_table(name, expression, temp=True)


def _with_parents(
    table: Table, records: ir.Table, register: ir.Table | None, declarations: Declarations
) -> ir.Table:
    """The records with every column that the table counts by or filters on."""
    wanted = table.from_register | _owner_from_register(table, declarations)
    if wanted:
        if register is None:
            raise ValueError(f"{table.name} needs the register of schools.")
        schools = register.select(INSTITUTION, *sorted(wanted))
        records = records.join(schools, INSTITUTION, how="left")
    missing = dict(table.derived)
    while missing:
        # A parent's parent waits for its own turn.
        ready = {coarse: fine for coarse, fine in missing.items() if fine in records.columns}
        for coarse, fine in ready.items():
            records = records.mutate(**{coarse: _parent(table, records, fine, declarations)})
            del missing[coarse]
    return records


def _owner_from_register(table: Table, declarations: Declarations) -> frozenset[str]:
    """The register's column of owners, where a magnitude of the table needs it."""
    fields, register = declarations.records[table.record].fields, declarations.records.get(REGISTER)
    if (
        register is None
        or OWNER in fields
        or OWNER not in register.fields
        or INSTITUTION not in fields
        or not any(measure.magnitudes for measure in table.measures)
    ):
        return frozenset()
    return frozenset({OWNER})


def _parent(table: Table, records: ir.Table, column: str, declarations: Declarations) -> ir.Value:
    codes = declarations.codelists[_codelist(table, column, declarations)].codes
    parents = [(code.code, code.parent) for code in codes.values() if code.parent is not None]
    return records[column].cases(*parents, else_=ibis.null("string"))


def _finest(counted: Sequence[Component], records: ir.Table, columns: Sequence[str]) -> ir.Table:
    """What is counted of the records, for each combination of `columns` that there is."""
    aggregates = {}
    for component in counted:
        where = None
        for column, codes in component.where.items():
            condition = records[column].isin(codes)
            where = condition if where is None else where & condition
        if component.source is None:
            value = records.count(where=where)
        elif component.counted:
            value = records[component.source].count(where=where)
        else:
            value = records[component.source].sum(where=where)
        kind = "int64" if component.whole or component.counted else "float64"
        aggregates[component.name] = value.cast(kind)
    return records.group_by(list(columns)).aggregate(**aggregates)


def _with_contributors(
    table: Table,
    cells: ir.Table,
    records: ir.Table,
    magnitudes: Sequence[Component],
    keep: _Keeper,
) -> ir.Table:
    """The cells, and beside each magnitude how many contribute to it and the two largest
    contributions."""
    # An owner's code may be a school's too, so each says which it is.
    names = [
        ibis.literal(f"{name}=") + records[name]
        for name in (OWNER, INSTITUTION) if name in records.columns
    ]  # fmt: skip
    columns, sums = list(table.dimension_columns), [one.name for one in magnitudes]
    by_contributor = [*columns, _CONTRIBUTOR]
    records = records.mutate(**{_CONTRIBUTOR: ibis.coalesce(*names)})
    shares = keep(_finest(magnitudes, records, by_contributor))
    for dimension in table.dimensions:
        shares = keep(_with_totals(shares, dimension, by_contributor, sums, keep))
    aggregates = {}
    for one in magnitudes:
        rank = f"{one.name}__rank"
        order = ibis.desc(shares[one.name], nulls_first=False)
        place = ibis.row_number().over(group_by=columns, order_by=order)
        shares = shares.mutate(**{rank: place})
        aggregates[one.contributors] = (shares[one.name] > 0).sum()
        for number, column in enumerate(one.largest):
            aggregates[column] = shares[one.name].max(where=shares[rank] == number)
    found = keep(shares.group_by(columns).aggregate(**aggregates))
    joined = cells.join(found, columns, how="left")
    numbers = {one.contributors for one in magnitudes}
    return joined.select(
        *cells.columns,
        **{
            name: joined[name].fill_null(0).cast("int64" if name in numbers else "float64")
            for name in aggregates
        },
    )


def _with_zeros(
    table: Table, cells: ir.Table, names: Sequence[str], declarations: Declarations
) -> ir.Table:
    """Zeros for the codes of the dimensions that ask for them, wherever the others have a row.

    Only counts are filled in: a sum of what nobody delivered is not known to be zero.
    """
    filled = [dimension for dimension in table.dimensions if dimension.zeros]
    offered = [dimension for dimension in table.dimensions if dimension.offered]
    if not filled and not offered:
        return cells
    # Of what is offered, the codes above are there, and bring all that stand below them.
    others = [
        name for dimension in table.dimensions if not dimension.zeros
        for name in dimension.hierarchy[: -1 if dimension.offered else None]
    ]  # fmt: skip
    grids = [ibis.memtable(_combinations(table, dimension, declarations)) for dimension in filled]
    if others:
        grids.insert(0, cells.select(others).distinct())
    grid = reduce(lambda left, right: left.cross_join(right), grids)
    for dimension in offered:
        below = ibis.memtable(_combinations(table, dimension, declarations))
        grid = grid.join(below, list(dimension.hierarchy[:-1]))
    columns = list(table.dimension_columns)
    joined = grid.join(cells, columns, how="left")
    counted = {c.name for c in components(table) if c.source is None or c.counted}
    return joined.select(
        *columns,
        **{name: joined[name].fill_null(0) if name in counted else joined[name] for name in names},
    )


def _check_structural(table: Table, delivered: ir.Table) -> None:
    """No record falls in a combination that cannot occur.

    :raises Refused: one does.
    """
    for combination in table.structural_zeros:
        if delivered.filter(_falls_in(delivered, combination)).count().to_pyarrow().as_py():
            what = "; ".join(
                f"{column}: {', '.join(codes)}" for column, codes in combination.items()
            )
            raise Refused(
                table.name,
                f"Some records fall in a combination that cannot occur ({what}). Correct the "
                "records, or take the combination out of `structural_zeros:`.",
            )


def _falls_in(cells: ir.Table, combination: Mapping[str, Sequence[str]]) -> ir.BooleanValue:
    conditions = [cells[column].isin(codes) for column, codes in combination.items()]
    return reduce(lambda left, right: left & right, conditions)


def _marked(table: Table, cells: ir.Table, delivered: ir.Table) -> ir.Table:
    """The finest cells, with the column that says in which of them nothing can be: those of a
    combination that cannot occur, and of what the institution does not offer to anybody."""
    marks = [_falls_in(cells, combination) for combination in table.structural_zeros]
    cells = cells.mutate(**{STRUCTURAL: reduce(lambda a, b: a | b, marks, ibis.literal(False))})
    for dimension in table.dimensions:
        if dimension.offered:
            assert table.institution is not None
            pair = [table.institution, dimension.hierarchy[-1]]
            there = delivered.select(pair).distinct().mutate(_offered=ibis.literal(True))
            joined = cells.left_join(there, pair)
            marked = joined[STRUCTURAL] | joined["_offered"].isnull()
            cells = joined.select(
                *(joined[name] for name in cells.columns if name != STRUCTURAL),
                **{STRUCTURAL: marked},
            )
    return cells


def _combinations(table: Table, dimension: Dimension, declarations: Declarations) -> pa.Table:
    """Each code of the dimension's finest column, with the codes above it."""
    finest = _codelist(table, dimension.hierarchy[-1], declarations)
    rows = []
    for code in declarations.codelists[finest].codes.values():
        row: dict[str, str | None] = {dimension.hierarchy[-1]: code.code}
        parent = code.parent
        for coarse in reversed(dimension.hierarchy[:-1]):
            row[coarse] = parent
            parent = declarations.codelists[coarse].codes[parent].parent if parent else None
        rows.append({name: row[name] for name in dimension.hierarchy})
    return pa.Table.from_pylist(rows)


def _codelist(table: Table, column: str, declarations: Declarations) -> str:
    """The code list of a column: what the record says, or the register, else the column is one."""
    record = REGISTER if column in table.from_register else table.record
    field = declarations.records[record].fields.get(column)
    return field.codelist if field is not None and field.codelist is not None else column


def _with_totals(
    cells: ir.Table,
    dimension: Dimension,
    columns: Sequence[str],
    names: Sequence[str],
    keep: _Keeper,
) -> ir.Table:
    """The cells, and above them the totals over each level of one dimension."""
    levels = [cells]
    for depth in range(len(dimension.hierarchy), 0, -1):
        below = levels[-1]
        coarser = below.mutate(**{dimension.hierarchy[depth - 1]: ibis.literal(TOTAL)})
        sums = {name: coarser[name].sum().cast(below.schema()[name]) for name in names}
        if STRUCTURAL in below.columns:
            # A total is nothing for certain where all its parts are.
            sums[STRUCTURAL] = coarser[STRUCTURAL].all()
        levels.append(keep(coarser.group_by(list(columns)).aggregate(**sums)))
    kept = [*columns, *(name for name in cells.columns if name not in columns)]
    return ibis.union(*(level.select(kept) for level in levels))


def without(cells: pa.Table, columns: Iterable[str]) -> pa.Table:
    """The cells that are left when `columns` are given up: those that are totals over them."""
    for name in columns:
        cells = cells.filter(pc.equal(cells[name], TOTAL))
    return cells
