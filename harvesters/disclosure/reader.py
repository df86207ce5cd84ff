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

from schemas import TOTAL, Component, Measure, Table
from schemas.table import AT_LEAST, AT_MOST, HIGH_END, LOW_END, SENSITIVE_THRESHOLD

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
    two values, or are suppressed in one of them only.

    `at_end` are the figures that rates at the ends are of, shape (figures,): who is counted at the
    low end, and who is not at the high one. `hidden_rates`, shape (rates, 2), are the figures of
    the numerators and denominators of suppressed rates.
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
    at_end: Flags
    hidden_rates: Numbers


def knowledge(published: Sequence[Published]) -> Knowledge:
    """What a reader of all these tables knows."""
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.execute(
            "CREATE TABLE figure (key TEXT, value DOUBLE, hidden BOOLEAN, k INTEGER, truth DOUBLE)"
        )
        connection.execute("CREATE TABLE part (line TEXT, total TEXT, key TEXT)")
        connection.execute("CREATE TABLE filtered (line TEXT, total TEXT, key TEXT)")
        connection.execute(
            "CREATE TABLE rate (top TEXT, below TEXT, least DOUBLE, greatest DOUBLE)"
        )
        connection.execute("CREATE TABLE hidden_rate (top TEXT, below TEXT)")
        connection.execute("CREATE TABLE at_end (key TEXT)")
        roots = _roots([one.table for one in published])
        for number, one in enumerate(published):
            _Writer(connection, number, one, roots).write()
        return _gather(connection)


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


def _text(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def quoted(column: str) -> str:
    """The name of a column as SQL has it, whatever it is made of."""
    return '"' + column.replace('"', '""') + '"'


class _Writer:
    """Writes down what one file tells."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        number: int,
        published: Published,
        roots: Mapping[str, str],
    ):
        self.connection, self.table, self.roots = connection, published.table, roots
        self.view = f"published_{number}"
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
            # Where nothing was delivered, or nothing can be, nothing adds to a total.
            value = f"CASE WHEN {quoted(shown + '_status')} IN ('x', 'z') THEN 0 ELSE {value} END"
        truth = f"cells.{quoted(component.name)}" if self.known else "NULL"
        self.connection.execute(
            f"INSERT INTO figure SELECT {key}, {value}, {hidden}, {k}, {truth} "
            f"FROM {self.source} WHERE {possible}"
        )
        for dimension in self.table.dimensions:
            for depth, column in enumerate(dimension.hierarchy):
                finer = dimension.hierarchy[depth + 1 :]
                is_part = " AND ".join(
                    [
                        f"{quoted(column)} <> {_text(TOTAL)}",
                        *(f"{quoted(name)} = {_text(TOTAL)}" for name in finer),
                    ]
                )
                total = self.key(component, dimension.hierarchy[depth:])
                self.connection.execute(
                    f"INSERT INTO part SELECT {_text(column)}, {total}, {key} "
                    f"FROM {self.view} WHERE {possible} AND {is_part} AND {total} <> {key}"
                )
        columns = sorted(component.where)
        for number in range(1, len(columns) + 1):
            for left_out in itertools.combinations(columns, number):
                whole = self.key(component, unfiltered=left_out)
                self.connection.execute(
                    f"INSERT INTO filtered SELECT {_text('+'.join(left_out))}, {whole}, {key} "
                    f"FROM {self.view} WHERE {possible} AND {whole} <> {key}"
                )

    def rates(self, measure: Measure) -> None:
        """Write down between which shares each published rate lies, which are suppressed, and of
        those that are coded, or are counted to be at an end, who is not to be told."""
        assert measure.denominator is not None
        half = 0.5 * 10.0**-measure.decimals
        shown = f"{self.view}.{quoted(measure.name)}" if self.known else quoted(measure.name)
        status, flag = (quoted(f"{measure.name}_{one}") for one in ("status", "flag"))
        low, high = f"{flag} = '{AT_MOST}'", f"{flag} = '{AT_LEAST}'"
        top, below = self.key(measure.numerator), self.key(measure.denominator)
        possible = self.possible(measure.numerator)
        self.connection.execute(
            f"INSERT INTO rate SELECT {top}, {below}, CASE WHEN {low} THEN 0 WHEN {high} THEN "
            f"{HIGH_END} ELSE {shown} - {half} END / {measure.scale}, CASE WHEN {low} THEN "
            f"{LOW_END} WHEN {high} THEN 100 ELSE {shown} + {half} END / {measure.scale} "
            f"FROM {self.source} WHERE {status} = '' AND {possible}"
        )
        suppressed = f"{status} = 'c' AND {possible} AND {top} <> {below}"
        self.connection.execute(
            f"INSERT INTO hidden_rate SELECT {top}, {below} FROM {self.source} WHERE {suppressed}"
        )
        ends = f"{top} <> {below} AND ({low} OR {high} OR {status} = 'c') AND {possible}"
        truth = "NULL"
        if self.known:
            some, of = (f"cells.{quoted(one.name)}"
                        for one in (measure.numerator, measure.denominator))  # fmt: skip
            truth = f"{of} - {some}"
            counted = f"{status} = 'c' AND {of} > 0 AND {some} * 100 "
            low = f"({low} OR ({counted} <= {LOW_END} * {of}))"
            high = f"({high} OR ({counted} >= {HIGH_END} * {of}))"
        k = max(self.table.disclosure.threshold, SENSITIVE_THRESHOLD)
        others = f"'others than ' || {top} || ' of ' || {below}"
        for statement in (
            f"INSERT INTO figure SELECT {others}, NULL, FALSE, {k}, {truth}",
            f"INSERT INTO part SELECT 'others than ' || {top}, {below}, {top}",
            f"INSERT INTO part SELECT 'others than ' || {top}, {below}, {others}",
        ):
            self.connection.execute(f"{statement} FROM {self.source} WHERE {ends}")
        for where, key in ((low, top), (high, others)):
            self.connection.execute(
                f"INSERT INTO at_end SELECT {key} FROM {self.source} WHERE {ends} AND {where}"
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
        for dimension in self.table.dimensions:
            kept = [name for name in dimension.hierarchy if name not in rolled_up]
            passing = [f"'{name}={filters.pop(name)}'" for name in reversed(dimension.hierarchy)
                       if name in filters]  # fmt: skip
            cases = " ".join(
                f"WHEN {quoted(name)} <> {_text(TOTAL)} THEN {_text(name + '=')} || {quoted(name)}"
                for name in reversed(kept)
            )
            otherwise = passing[0] if passing else "NULL"
            piece = f"CASE {cases} ELSE {otherwise} END" if cases else otherwise
            pieces.append((self.roots.get(dimension.hierarchy[0], dimension.hierarchy[0]), piece))
        pieces += [
            (self.roots.get(column, column), _text(f"{column}={codes}"))
            for column, codes in filters.items()
        ]
        what = f"{component.source or ''}{'#' if component.counted else ''}"
        return f"concat_ws(';', {_text(what)}, {', '.join(piece for _, piece in sorted(pieces))})"

    def possible(self, component: Component) -> str:
        """An SQL condition: somebody in this row could pass the filter."""
        conditions = ["TRUE"]
        for column, codes in component.where.items():
            if column in self.table.dimension_columns:
                listed = ", ".join(_text(code) for code in (TOTAL, *codes))
                conditions.append(f"{quoted(column)} IN ({listed})")
        return " AND ".join(conditions)


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
            (max(hidden) AND count(value) > 0) AS clash, key IN (SELECT key FROM at_end) AS at_end
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
    hidden_rates = connection.execute(
        """
        SELECT a.number AS top, b.number AS below FROM (SELECT DISTINCT * FROM hidden_rate) r
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
        at_end=column("at_end").astype(np.bool_),
        hidden_rates=np.stack([hidden_rates["top"], hidden_rates["below"]], axis=1),
    )
