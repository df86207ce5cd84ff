"""What a reader can work out of the published files of a protection set.

A reader who has all tables counted from the same records can write down one linear system: every
line of every table adds up, a figure that stands in several tables is the same, who passes a
filter is part of all, a rate lies within its rounding. Of each suppressed figure that system tells
a least and a greatest value, which linear programming finds (Fischetti and Salazar-González,
*Solving the Cell Suppression Problem on Tabular Data with Linear Constraints*, Management Science
47, 2001, section 2).

This is the audit's own: it knows declarations and Parquet files, and nothing of what chose the
suppressed figures. It names a figure by a text, where that numbers it by its codes.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt

from harvesters.disclosure.refusal import Refused
from harvesters.disclosure.slivers import Between, Slivers, column_of, crossing, slivers
from harvesters.disclosure.sql import quoted, text
from schemas import TOTAL, Component, Dimension, Measure, Table
from schemas.table import SENSITIVE_THRESHOLD

Numbers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Published:
    """A table and the Parquet file that publishes it. `cells`, where they are given, is a file of
    the same rows with what was counted in them: it tells which figures are too small, and nothing
    else."""

    table: Table
    file: Path
    cells: Path | None = None


@dataclass(frozen=True)
class Knowledge:
    """A reader's system: ``least <= sum(sign * figure) <= greatest`` for every row.

    `key`, `value` (NaN where it is not published), `hidden` (it is suppressed somewhere), `k` and
    `truth` (NaN where it is not known here) have the shape (figures,); `row`, `figure` and `sign`
    (terms,); `least` and `greatest` (rows,). `clashes` are figures that stand in two tables with
    two values, or are suppressed in one of them only. `unseen`, shape (figures,), lie between
    tables: no file has them.
    """

    key: Sequence[str]
    value: Floats
    hidden: Flags
    k: Numbers
    truth: Floats
    row: Numbers
    figure: Numbers
    sign: Floats
    least: Floats
    greatest: Floats
    clashes: int
    unseen: Flags


def knowledge(published: Sequence[Published], between: Sequence[Between] = ()) -> Knowledge:
    """What a reader of all these tables knows, of the persons `between` two of them too.

    :raises Refused: tables cross, and what lies between them is not known.
    """
    of = {one.of for one in between}
    tables = {one.table.name: one.table for one in published}
    for pair in crossing(list(tables.values())):
        first, second = (table.name for table in pair)
        if not of & {(first, second), (second, first)}:
            reason = f"What lies between it and {first} is not known: their columns cross."
            raise Refused(second, reason)
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.execute(
            "CREATE TABLE figure (key TEXT, value DOUBLE, hidden BOOLEAN, k INTEGER, truth DOUBLE)"
        )
        connection.execute("CREATE TABLE part (line TEXT, total TEXT, key TEXT)")
        connection.execute("CREATE TABLE filtered (line TEXT, total TEXT, key TEXT)")
        connection.execute(
            "CREATE TABLE rate (top TEXT, below TEXT, least DOUBLE, greatest DOUBLE)"
        )
        roots = _roots([one.table for one in published])
        for number, one in enumerate(published):
            _Writer(connection, number, one, roots).write()
        connection.execute("CREATE TABLE seen AS SELECT DISTINCT key FROM figure")
        connection.execute("CREATE TABLE sliver (key TEXT)")
        given_up = {one.table.name: _given_up(connection, one) for one in published}
        for number, lying in enumerate(between):
            some = [tables[name] for name in lying.of]
            found = slivers(connection, number, lying, some, given_up)
            _SliverWriter(connection, found, roots).write()
        return _gather(connection)


def _given_up(connection: duckdb.DuckDBPyConnection, published: Published) -> set[str]:
    """The columns of a table in which there are totals only."""
    file = connection.read_parquet(str(published.file))
    return {
        name for name in published.table.dimension_columns
        if not file.filter(f"{quoted(name)} <> {text(TOTAL)}").limit(1).fetchall()
    }  # fmt: skip


def _roots(tables: Sequence[Table]) -> dict[str, str]:
    """The coarsest column above each column, over all tables."""
    above: dict[str, str] = {}
    for table in tables:
        for dimension in table.dimensions:
            for coarse, fine in itertools.pairwise(dimension.hierarchy):
                above[fine] = coarse
    found = {}
    for name in {name for table in tables for name in table.dimension_columns}:
        root = name
        while root in above:
            root = above[root]
        found[name] = root
    return found


class _Lines:
    """Writes down the lines of a view of SQL, and what stands in its rows."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        view: str,
        dimensions: Sequence[Dimension],
        roots: Mapping[str, str],
    ):
        self.connection, self.view = connection, view
        self.dimensions, self.roots = dimensions, roots

    def lines(self, component: Component) -> None:
        """Write down which figures of a component add up, and which are part of all."""
        key, possible = self.key(component), self.possible(component)
        for dimension in self.dimensions:
            for depth, column in enumerate(dimension.hierarchy):
                finer = dimension.hierarchy[depth + 1 :]
                is_part = " AND ".join(
                    [
                        f"{quoted(column)} <> {text(TOTAL)}",
                        *(f"{quoted(name)} = {text(TOTAL)}" for name in finer),
                    ]
                )
                total = self.key(component, dimension.hierarchy[depth:])
                self.connection.execute(
                    f"INSERT INTO part SELECT {text(column)}, {total}, {key} "
                    f"FROM {self.view} WHERE {possible} AND {is_part} AND {total} <> {key}"
                )
        columns = sorted(component.where)
        for number in range(1, len(columns) + 1):
            for left_out in itertools.combinations(columns, number):
                whole = self.key(component, unfiltered=left_out)
                self.connection.execute(
                    f"INSERT INTO filtered SELECT {text('+'.join(left_out))}, {whole}, {key} "
                    f"FROM {self.view} WHERE {possible} AND {whole} <> {key}"
                )

    def key(
        self,
        component: Component,
        rolled_up: Sequence[str] = (),
        unfiltered: Sequence[str] = (),
    ) -> str:
        """An SQL expression that names the figure of a row: what is counted, and the finest code
        of each dimension; of the figure above it where columns are `rolled_up`, and of those who
        need not pass the filter where it is on the columns `unfiltered`."""
        pieces: list[tuple[str, str]] = []
        filters = {
            column: "|".join(sorted(codes))
            for column, codes in component.where.items()
            if column not in unfiltered
        }
        for dimension in self.dimensions:
            passing = [f"'{name}={filters.pop(name)}'" for name in reversed(dimension.hierarchy)
                       if name in filters]  # fmt: skip
            piece = self.piece(dimension, rolled_up, passing[0] if passing else "NULL")
            pieces.append((self.roots.get(dimension.hierarchy[0], dimension.hierarchy[0]), piece))
        pieces += [
            (self.roots.get(column, column), text(f"{column}={codes}"))
            for column, codes in filters.items()
        ]
        what = f"{component.source or ''}{'#' if component.counted else ''}"
        return f"concat_ws(';', {text(what)}, {', '.join(piece for _, piece in sorted(pieces))})"

    def piece(self, dimension: Dimension, rolled_up: Sequence[str], otherwise: str) -> str:
        """What names the code of a row along one dimension."""
        cases = " ".join(
            f"WHEN {quoted(name)} <> {text(TOTAL)} THEN {text(name + '=')} || {quoted(name)}"
            for name in reversed(dimension.hierarchy) if name not in rolled_up
        )  # fmt: skip
        return f"CASE {cases} ELSE {otherwise} END" if cases else otherwise

    def possible(self, component: Component) -> str:
        """An SQL condition: somebody in this row could pass the filter."""
        conditions = ["TRUE"]
        for column, codes in component.where.items():
            if any(column in dimension.hierarchy for dimension in self.dimensions):
                listed = ", ".join(text(code) for code in (TOTAL, *codes))
                conditions.append(f"{quoted(column)} IN ({listed})")
        return " AND ".join(conditions)


class _SliverWriter(_Lines):
    """Writes down what lies between tables."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, found: Slivers, roots: Mapping[str, str]
    ):
        super().__init__(connection, found.view, found.dimensions, roots)
        self.found = found

    def write(self) -> None:
        """Write down every figure and line. What is published as well has the threshold of those
        who publish it."""
        for component in self.found.counts:
            key, possible = self.key(component), self.possible(component)
            truth = quoted(column_of(component)) if self.found.known else "NULL"
            is_seen = f"{key} IN (SELECT key FROM seen)"
            self.connection.execute(
                f"INSERT INTO figure SELECT {key}, NULL, FALSE, "
                f"CASE WHEN {is_seen} THEN 0 ELSE {self.found.k} END, {truth} "
                f"FROM {self.view} WHERE {possible}"
            )
            self.connection.execute(
                f"INSERT INTO sliver SELECT {key} FROM {self.view} "
                f"WHERE {possible} AND NOT {is_seen}"
            )
            self.lines(component)

    def piece(self, dimension: Dimension, rolled_up: Sequence[str], otherwise: str) -> str:
        piece = super().piece(dimension, rolled_up, otherwise)
        unit = self.found.within.get(dimension.name)
        if unit is None or unit in rolled_up:
            return piece
        return f"CASE WHEN {quoted(unit)} <> {text(TOTAL)} THEN NULL ELSE {piece} END"


class _Writer(_Lines):
    """Writes down what one file tells."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        number: int,
        published: Published,
        roots: Mapping[str, str],
    ):
        super().__init__(connection, f"published_{number}", published.table.dimensions, roots)
        self.table = published.table
        connection.read_parquet(str(published.file)).create_view(self.view)
        self.source = self.view
        if published.cells is not None:
            connection.read_parquet(str(published.cells)).create_view(f"cells_{number}")
            columns = ", ".join(quoted(name) for name in self.table.dimension_columns)
            self.source = f"{self.view} JOIN cells_{number} AS cells USING ({columns})"
        self.known = published.cells is not None

    def write(self) -> None:
        """Write down every figure, line, filter and rate."""
        for measure in self.table.measures:
            if measure.about != "persons":
                continue
            if measure.denominator is None and measure.numerator.whole:
                self.counts(measure, measure.numerator, measure.name)
            elif measure.kind == "rate":
                self.counts(measure, measure.numerator, None)
                self.counts(measure, measure.denominator, None)
                self.rates(measure)

    def counts(self, measure: Measure, component: Component | None, shown: str | None) -> None:
        """Write down the figures of a component; `shown` is the measure that publishes them."""
        assert component is not None
        key, possible = self.key(component), self.possible(component)
        k = self.table.disclosure.threshold
        if measure.kind == "rate":
            k = max(k, SENSITIVE_THRESHOLD)
        value = quoted(shown) if shown else "NULL"
        if self.known and shown:
            value = f"{self.view}.{value}"
        hidden = f"{quoted(shown + '_status')} = 'c'" if shown else "FALSE"
        if shown:
            # Where nothing was delivered, nothing adds to a total.
            value = f"CASE WHEN {quoted(shown + '_status')} = 'x' THEN 0 ELSE {value} END"
        truth = f"cells.{quoted(component.name)}" if self.known else "NULL"
        self.connection.execute(
            f"INSERT INTO figure SELECT {key}, {value}, {hidden}, {k}, {truth} "
            f"FROM {self.source} WHERE {possible}"
        )
        self.lines(component)

    def rates(self, measure: Measure) -> None:
        """Write down between which shares each published rate lies."""
        assert measure.denominator is not None
        half = 0.5 * 10.0**-measure.decimals
        shown = f"{self.view}.{quoted(measure.name)}" if self.known else quoted(measure.name)
        self.connection.execute(
            f"INSERT INTO rate SELECT {self.key(measure.numerator)}, "
            f"{self.key(measure.denominator)}, ({shown} - {half}) / {measure.scale}, "
            f"({shown} + {half}) / {measure.scale} FROM {self.source} "
            f"WHERE {quoted(measure.name + '_status')} = '' AND {self.possible(measure.numerator)}"
        )


def _gather(connection: duckdb.DuckDBPyConnection) -> Knowledge:
    # Who is left of a whole without those that pass a filter is a figure of its own.
    connection.execute(
        """
        CREATE TABLE rest AS SELECT DISTINCT line, total, key FROM filtered
        WHERE total IN (SELECT key FROM figure);
        INSERT INTO figure SELECT 'not ' || line || ' of ' || total, NULL, FALSE, max(k),
            max(f.truth) FROM
            (SELECT r.line, r.total, max(f.k) AS k,
                    any_value(w.truth) - sum(f.truth) AS truth
             FROM rest r
             JOIN (SELECT key, max(k) AS k, max(truth) AS truth FROM figure GROUP BY key) f
                  ON f.key = r.key
             JOIN (SELECT key, max(truth) AS truth FROM figure GROUP BY key) w ON w.key = r.total
             GROUP BY r.line, r.total) f GROUP BY line, total;
        INSERT INTO part SELECT 'not ' || line, total, key FROM rest
            UNION SELECT 'not ' || line, total, 'not ' || line || ' of ' || total FROM rest;
        CREATE TABLE known AS SELECT key, max(value) AS value, max(hidden) AS hidden, max(k) AS k,
            max(truth) AS truth, count(DISTINCT value) > 1 OR
            (max(hidden) AND count(value) > 0) OR count(DISTINCT truth) > 1 AS clash,
            key IN (SELECT key FROM sliver) AS unseen
            FROM figure GROUP BY key ORDER BY key;
        CREATE TABLE numbered AS
            SELECT row_number() OVER (ORDER BY key) - 1 AS number, * FROM known;
        CREATE TABLE line AS SELECT row_number() OVER (ORDER BY line, total) - 1 AS row, line, total
            FROM (SELECT DISTINCT line, total FROM part WHERE total IN (SELECT key FROM known));
        """
    )
    figures = connection.sql("SELECT * FROM numbered ORDER BY number").to_arrow_table()
    terms = connection.execute(
        """
        SELECT l.row, n.number AS figure, 1.0 AS sign FROM line l
            JOIN (SELECT DISTINCT line, total, key FROM part) p USING (line, total)
            JOIN numbered n ON n.key = p.key
        UNION ALL
        SELECT l.row, n.number, -1.0 FROM line l JOIN numbered n ON n.key = l.total
        ORDER BY 1, 2
        """
    ).fetchnumpy()
    rates = connection.execute(
        """
        SELECT a.number AS top, b.number AS below, least, greatest FROM
            (SELECT DISTINCT * FROM rate) r
            JOIN numbered a ON a.key = r.top JOIN numbered b ON b.key = r.below ORDER BY 1, 2
        """
    ).fetchnumpy()
    lines = int(terms["row"].max()) + 1 if len(terms["row"]) else 0
    size = len(rates["top"])
    # top - least * below >= 0, and top - greatest * below <= 0.
    first, second = lines + np.arange(size), lines + size + np.arange(size)

    def column(name: str) -> Any:
        return figures[name].to_numpy(zero_copy_only=False)

    return Knowledge(
        key=figures["key"].to_pylist(),
        value=column("value").astype(np.float64),
        hidden=column("hidden").astype(np.bool_),
        k=column("k").astype(np.int64),
        truth=column("truth").astype(np.float64),
        row=np.concatenate([terms["row"], first, first, second, second]).astype(np.int64),
        figure=np.concatenate(
            [terms["figure"], rates["top"], rates["below"], rates["top"], rates["below"]]
        ).astype(np.int64),
        sign=np.concatenate(
            [terms["sign"], np.ones(size), -rates["least"], np.ones(size), -rates["greatest"]]
        ),
        least=np.concatenate([np.zeros(lines), np.zeros(size), np.full(size, -np.inf)]),
        greatest=np.concatenate([np.zeros(lines), np.full(size, np.inf), np.zeros(size)]),
        clashes=int(column("clash").astype(np.bool_).sum()),
        unseen=column("unseen").astype(np.bool_),
    )
