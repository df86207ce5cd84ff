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
from harvesters.disclosure.slivers import (
    Between,
    Slivers,
    cannot_be_solved,
    column_of,
    crossing,
    slivers,
)
from harvesters.disclosure.sql import quoted, text
from schemas import TOTAL, Component, Dimension, Measure, Table
from schemas.table import (
    AT_LEAST,
    AT_MOST,
    DOMINANCE,
    HIGH_END,
    LEAST_CONTRIBUTORS,
    LOW_END,
    PRECISION,
    SENSITIVE_THRESHOLD,
    STRUCTURAL,
)

Numbers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Published:
    """A table and the Parquet file that publishes it. `cells` is a file of the same rows with what
    was counted in them: it tells which figures are too small and which have changed, and nothing
    else. Version 0 is what is published now; other versions were published before."""

    table: Table
    file: Path
    cells: Path
    version: int = 0


@dataclass(frozen=True)
class Knowledge:
    """A reader's system: ``least <= sum(sign * figure) <= greatest`` for every row.

    `key`, `value` (NaN where it is not published), `hidden` (it is suppressed somewhere), `k` and
    `k_before` (its thresholds now and in earlier versions, 0 where it does not stand), `truth` (NaN
    where it is not known here) and `before` (an earlier version shows its value) have the shape
    (figures,); `row`, `figure` and `sign` (terms,); `least` and `greatest` (rows,).
    `clashes` are figures that stand in two tables of one version with two values, or are suppressed
    in one of them only. `changed`, shape (pairs, 2), has what a figure was in an earlier version
    and what it is now, where those differ; one that did not change is one figure in all versions.

    `at_end` are the figures that rates at the ends are of, shape (figures,): who is counted at the
    low end, and who is not at the high one. `hidden_rates`, shape (rates, 2), are the figures of
    the numerators and denominators of suppressed rates.

    Where a figure is a sum of amounts (`amount`), its numbers are in units of `unit`, and `margin`
    is how far to either side a reader has to be kept from it, 0 where it may be published; NaN
    for counts. `nobody` and `everybody` are sensitive categories that have none or all of those who
    could be in them; `unseen` lie between tables, and stand in no file. Shape (figures,) each.
    """

    key: Sequence[str]
    value: Floats
    hidden: Flags
    k: Numbers
    k_before: Numbers
    truth: Floats
    row: Numbers
    figure: Numbers
    sign: Floats
    least: Floats
    greatest: Floats
    clashes: int
    before: Flags
    changed: Numbers
    at_end: Flags
    hidden_rates: Numbers
    amount: Flags
    unit: Floats
    margin: Floats
    nobody: Flags
    everybody: Flags
    unseen: Flags


def knowledge(published: Sequence[Published], between: Sequence[Between] = ()) -> Knowledge:
    """What a reader of all these tables knows, of the persons `between` two of them too.

    :raises Refused: tables cross, and what lies between them is not known.
    """
    stood = _stood(published, between)
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.execute(
            """
            CREATE TABLE figure (version INTEGER, key TEXT, value DOUBLE, hidden BOOLEAN, k INTEGER,
                                 truth DOUBLE, field TEXT, margin DOUBLE);
            CREATE TABLE part (version INTEGER, line TEXT, total TEXT, key TEXT);
            CREATE TABLE filtered (version INTEGER, line TEXT, total TEXT, key TEXT);
            CREATE TABLE category (version INTEGER, total TEXT, key TEXT);
            CREATE TABLE rate (version INTEGER, top TEXT, below TEXT, least DOUBLE,
                               greatest DOUBLE);
            CREATE TABLE hidden_rate (version INTEGER, top TEXT, below TEXT);
            CREATE TABLE at_end (version INTEGER, key TEXT);
            """
        )
        roots = _roots([one.table for one in published])
        for number, one in enumerate(published):
            _Writer(connection, number, one, roots).write()
        connection.execute("CREATE TABLE seen AS SELECT DISTINCT key FROM figure")
        connection.execute("CREATE TABLE sliver (version INTEGER, key TEXT)")
        for number, lying in enumerate(between):
            some = stood[number]
            given_up = {one.table.name: _given_up(connection, one) for one in some}
            found = slivers(connection, number, lying, [one.table for one in some], given_up)
            _SliverWriter(connection, found, roots, lying.version).write()
        _tell_versions_apart(connection)
        return _gather(connection)


def name_of(
    published: Sequence[Published], one: Published, component: Component, row: Mapping[str, str]
) -> str:
    """What `knowledge` of `published` calls the figure that a `component` counts in the `row` of
    `one` of them; the row is given by the code in each column of the dimensions."""
    with duckdb.connect() as connection:
        writer = _Writer(connection, 0, one, _roots([each.table for each in published]))
        codes = " AND ".join(f"{quoted(name)} = {text(code)}" for name, code in row.items())
        key = f"SELECT {writer.key(component)} FROM {writer.view} WHERE {codes}"
        return str(connection.sql(key).fetchall()[0][0])


def _stood(
    published: Sequence[Published], between: Sequence[Between]
) -> list[tuple[Published, ...]]:
    """The tables that each of `between` lies between, as they stood when it was counted.

    :raises Refused: tables cross, and what lies between them is not known.
    """
    named = {(one.table.name, one.version): one for one in published}
    found = [tuple(named[one] for one in lying.versions if one in named) for lying in between]
    known = {
        (one.table.name, one.version, other.table.name)
        for lying, some in zip(between, found, strict=True) if len(some) == len(lying.of)
        for one, other in itertools.permutations(some, 2)
    }  # fmt: skip
    tables = list({one.table.name: one.table for one in published}.values())
    for first, second in crossing(tables):
        beyond = cannot_be_solved(first, second)
        if beyond is not None:
            reason = f"Its columns cross those of {first.name}, and {beyond}."
            raise Refused(second.name, reason)
        for name, other in ((first.name, second.name), (second.name, first.name)):
            versions = {each.version for each in published if each.table.name == name}
            if not {(name, version, other) for version in versions} <= known:
                reason = f"What lies between it and {first.name} is not known: their columns cross."
                raise Refused(second.name, reason)
    return found


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
        version: int,
    ):
        self.connection, self.view, self.version = connection, view, version
        self.dimensions, self.roots = dimensions, roots

    def lines(self, component: Component) -> None:
        """Write down what adds up to each figure of a component."""
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
                    f"INSERT INTO part SELECT {self.version}, {text(column)}, {total}, {key} "
                    f"FROM {self.view} WHERE {possible} AND {is_part} AND {total} <> {key}"
                )

    def filters(self, component: Component) -> None:
        """Write down of whom those who pass the filters of a component are part."""
        key, possible = self.key(component), self.possible(component)
        columns = sorted(component.where)
        for number in range(1, len(columns) + 1):
            for left_out in itertools.combinations(columns, number):
                whole = self.key(component, unfiltered=left_out)
                self.connection.execute(
                    f"INSERT INTO filtered SELECT {self.version}, {text('+'.join(left_out))}, "
                    f"{whole}, {key} FROM {self.view} WHERE {possible} AND {whole} <> {key}"
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
        self,
        connection: duckdb.DuckDBPyConnection,
        found: Slivers,
        roots: Mapping[str, str],
        version: int,
    ):
        super().__init__(connection, found.view, found.dimensions, roots, version)
        self.found = found

    def write(self) -> None:
        """Write down every figure and line. What is published as well has the threshold of those
        who publish it."""
        for component in self.found.counts:
            key, possible = self.key(component), self.possible(component)
            is_seen = f"{key} IN (SELECT key FROM seen)"
            self.connection.execute(
                f"INSERT INTO figure (version, key, value, hidden, k, truth) "
                f"SELECT {self.version}, {key}, NULL, FALSE, "
                f"CASE WHEN {is_seen} THEN 0 ELSE {self.found.k} END, "
                f"{quoted(column_of(component))} FROM {self.view} WHERE {possible}"
            )
            self.connection.execute(
                f"INSERT INTO sliver SELECT {self.version}, {key} FROM {self.view} "
                f"WHERE {possible} AND NOT {is_seen}"
            )
            self.lines(component)
            self.filters(component)

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
        super().__init__(
            connection,
            f"published_{number}",
            published.table.dimensions,
            roots,
            published.version,
        )
        self.table = published.table
        connection.read_parquet(str(published.file)).create_view(self.view)
        connection.read_parquet(str(published.cells)).create_view(f"cells_{number}")
        columns = ", ".join(quoted(name) for name in self.table.dimension_columns)
        self.source = f"{self.view} JOIN cells_{number} AS cells USING ({columns})"

    def write(self) -> None:
        """Write down every figure, line, filter and rate."""
        for measure in self.table.measures:
            for amount in measure.magnitudes:
                self.amounts(measure, amount)
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
        value = f"{self.view}.{quoted(shown)}" if shown else "NULL"
        hidden = f"{quoted(shown + '_status')} = 'c'" if shown else "FALSE"
        if shown:
            # Where nothing was delivered, or nothing can be, nothing adds to a total.
            value = f"CASE WHEN {quoted(shown + '_status')} IN ('x', 'z') THEN 0 ELSE {value} END"
        truth = f"cells.{quoted(component.name)}"
        self.connection.execute(
            f"INSERT INTO figure (version, key, value, hidden, k, truth) SELECT {self.version}, "
            f"{key}, {value}, {hidden}, {k}, {truth} FROM {self.source} WHERE {possible}"
        )
        self.lines(component)
        self.categories(component)
        self.filters(component)

    def categories(self, component: Component) -> None:
        """Write down the figures of sensitive categories, and of all that these are part of."""
        key, possible = self.key(component), self.possible(component)
        if self.table.has_structural_zeros:
            # That nobody is where nobody can be says nothing of anybody.
            possible += f" AND NOT cells.{quoted(STRUCTURAL)}"
        for dimension in self.table.dimensions:
            for depth, column in enumerate(dimension.hierarchy):
                codes = dimension.sensitive.get(column, ())
                if codes:
                    condition = " AND ".join(
                        [
                            f"{quoted(column)} IN ({', '.join(map(text, codes))})",
                            *(f"{quoted(name)} = {text(TOTAL)}"
                              for name in dimension.hierarchy[depth + 1 :]),
                        ]
                    )  # fmt: skip
                    total = self.key(component, dimension.hierarchy[depth:])
                    self.connection.execute(
                        f"INSERT INTO category SELECT {self.version}, {total}, {key} "
                        f"FROM {self.source} WHERE {possible} AND {condition}"
                    )
        if component.sensitive:
            total = self.key(component, unfiltered=list(component.where))
            self.connection.execute(
                f"INSERT INTO category SELECT {self.version}, {total}, {key} "
                f"FROM {self.source} WHERE {possible}"
            )

    def amounts(self, measure: Measure, component: Component) -> None:
        """Write down the figures of a sum of amounts. Whoever is shown a quotient of it is taken
        to know what it was divided by, and so the sum, exactly."""
        status = quoted(f"{measure.name}_status")
        hidden = f"{status} = 'c'" if measure.kind == "sum" else "FALSE"
        total, contributors, first, second = (
            f"cells.{quoted(name)}"
            for name in (component.name, component.contributors, *component.largest)
        )
        # Sums of decimals differ a little by the order in which they were added. For the rules, a
        # hair's breadth in favour of publishing is what the protection has against it.
        truth = f"round(coalesce({total}, 0), 6)"
        margin = f"""CASE WHEN {total} > 0 AND (
            {contributors} < {LEAST_CONTRIBUTORS}
            OR {total} - {first} - {second} + 1e-10 * {total} < {PRECISION} * {first}
            OR {first} + {second} - 1e-10 * {total} > {DOMINANCE} * {total})
            THEN greatest({PRECISION} * {first}, ({first} + {second}) / {DOMINANCE} - {total})
            ELSE 0 END"""
        self.connection.execute(
            f"INSERT INTO figure SELECT {self.version}, {self.key(component)}, "
            f"CASE WHEN {status} <> 'c' THEN {truth} END, {hidden}, 0, {truth}, "
            f"{text(component.source or '')}, {margin} FROM {self.source}"
        )
        self.lines(component)

    def rates(self, measure: Measure) -> None:
        """Write down between which shares each published rate lies, which are suppressed, and of
        those that are coded, or are counted to be at an end, who is not to be told."""
        assert measure.denominator is not None
        half = 0.5 * 10.0**-measure.decimals
        shown = f"{self.view}.{quoted(measure.name)}"
        status, flag = (quoted(f"{measure.name}_{one}") for one in ("status", "flag"))
        low, high = f"{flag} = '{AT_MOST}'", f"{flag} = '{AT_LEAST}'"
        top, below = self.key(measure.numerator), self.key(measure.denominator)
        possible = self.possible(measure.numerator)
        self.connection.execute(
            f"INSERT INTO rate SELECT {self.version}, {top}, {below}, "
            f"CASE WHEN {low} THEN 0 WHEN {high} THEN {HIGH_END} ELSE {shown} - {half} END "
            f"/ {measure.scale}, CASE WHEN {low} THEN {LOW_END} WHEN {high} THEN 100 "
            f"ELSE {shown} + {half} END / {measure.scale} "
            f"FROM {self.source} WHERE {status} = '' AND {possible}"
        )
        suppressed = f"{status} = 'c' AND {possible} AND {top} <> {below}"
        self.connection.execute(
            f"INSERT INTO hidden_rate SELECT {self.version}, {top}, {below} FROM {self.source} "
            f"WHERE {suppressed}"
        )
        ends = f"{top} <> {below} AND ({low} OR {high} OR {status} = 'c') AND {possible}"
        some, of = (f"cells.{quoted(one.name)}" for one in (measure.numerator, measure.denominator))
        counted = f"{status} = 'c' AND {of} > 0 AND {some} * 100 "
        low = f"({low} OR ({counted} <= {LOW_END} * {of}))"
        high = f"({high} OR ({counted} >= {HIGH_END} * {of}))"
        k = max(self.table.disclosure.threshold, SENSITIVE_THRESHOLD)
        others, now = f"'others than ' || {top} || ' of ' || {below}", self.version
        for statement in (
            "INSERT INTO figure (version, key, value, hidden, k, truth) "
            f"SELECT {now}, {others}, NULL, FALSE, {k}, {of} - {some}",
            f"INSERT INTO part SELECT {now}, 'others than ' || {top}, {below}, {top}",
            f"INSERT INTO part SELECT {now}, 'others than ' || {top}, {below}, {others}",
        ):
            self.connection.execute(f"{statement} FROM {self.source} WHERE {ends}")
        for where, key in ((low, top), (high, others)):
            self.connection.execute(
                f"INSERT INTO at_end SELECT {now}, {key} FROM {self.source} "
                f"WHERE {ends} AND {where}"
            )


def _tell_versions_apart(connection: duckdb.DuckDBPyConnection) -> None:
    """Name figures and lines by version where they differ between versions, and only there."""
    connection.execute(
        """
        CREATE TABLE named AS
            SELECT version, key, key || CASE WHEN first = 0 THEN '' ELSE '@' || first END AS name
            FROM (SELECT version, key, min(version) OVER (PARTITION BY key, truth) AS first
                  FROM (SELECT version, key, coalesce(max(truth), 0) AS truth
                        FROM figure GROUP BY version, key));
        CREATE TABLE changed AS
            SELECT DISTINCT o.name AS before, n.name AS now FROM named o JOIN named n USING (key)
            WHERE n.version = 0 AND o.version > 0 AND o.name <> n.name;
        CREATE TABLE clash AS
            SELECT DISTINCT key FROM figure GROUP BY version, key
            HAVING count(DISTINCT value) > 1 OR (max(hidden) AND count(value) > 0)
            OR count(DISTINCT truth) FILTER (field IS NULL) > 1;
        """
    )
    versions = connection.execute("SELECT count(DISTINCT version) FROM figure").fetchone()
    if not versions or versions[0] < 2:
        connection.execute("ALTER TABLE part DROP version; ALTER TABLE filtered DROP version")
        return
    columns = {
        "figure": ["key"],
        "part": ["total", "key"],
        "filtered": ["total", "key"],
        "category": ["total", "key"],
        "sliver": ["key"],
        "rate": ["top", "below"],
        "hidden_rate": ["top", "below"],
        "at_end": ["key"],
    }
    for table, names in columns.items():
        joins = " ".join(
            f"JOIN named AS of_{name} ON of_{name}.version = t.version AND of_{name}.key = t.{name}"
            for name in names
        )
        named = ", ".join(f"of_{name}.name AS {name}" for name in names)
        connection.execute(
            f"CREATE OR REPLACE TABLE {table} AS "
            f"SELECT t.* REPLACE ({named}) FROM {table} AS t {joins}"
        )
    for table in ("part", "filtered"):
        # A line with the same parts in several versions is one line.
        connection.execute(
            f"""
            CREATE OR REPLACE TABLE {table} AS
            SELECT DISTINCT CASE WHEN first = 0 THEN line ELSE line || '@' || first END AS line,
                total, unnest(keys) AS key
            FROM (SELECT line, total, keys, min(version) AS first
                  FROM (SELECT version, line, total, list_sort(list(DISTINCT key)) AS keys
                        FROM {table} GROUP BY version, line, total)
                  GROUP BY line, total, keys)
            """
        )


def _gather(connection: duckdb.DuckDBPyConnection) -> Knowledge:
    # Who is left of a whole without those that pass a filter is a figure of its own.
    connection.execute(
        """
        CREATE TABLE rest AS SELECT DISTINCT line, total, key FROM filtered
        WHERE total IN (SELECT key FROM figure);
        CREATE TABLE whole AS
            SELECT key, max(k) AS k, coalesce(max(truth), 0) AS truth FROM figure GROUP BY key;
        CREATE TABLE left_over AS
            -- A rest that did not change is the same figure in all versions, as any other.
            SELECT line, total, k, truth, named || CASE WHEN rank = 1 THEN '' ELSE '@' || rank END
                AS key
            FROM (SELECT *, dense_rank() OVER (PARTITION BY named ORDER BY truth) AS rank
                  FROM (SELECT r.line, r.total, max(f.k) AS k,
                               any_value(w.truth) - sum(f.truth) AS truth,
                               'not ' || regexp_replace(r.line, '@[0-9]+$', '') || ' of ' ||
                                   regexp_replace(r.total, '@[0-9]+$', '') AS named
                        FROM rest r JOIN whole f ON f.key = r.key JOIN whole w ON w.key = r.total
                        GROUP BY r.line, r.total));
        INSERT INTO figure (version, key, value, hidden, k, truth)
            SELECT DISTINCT 0, key, NULL::DOUBLE, FALSE, k, truth FROM left_over;
        INSERT INTO part SELECT 'not ' || line, total, key FROM rest
            UNION SELECT 'not ' || line, total, key FROM left_over;
        CREATE TABLE known AS SELECT key, max(value) AS value, max(hidden) AS hidden,
            coalesce(max(k) FILTER (version = 0), 0) AS k,
            coalesce(max(k) FILTER (version > 0), 0) AS k_before, max(truth) AS truth,
            count(value) FILTER (version > 0) > 0 AS before,
            max(field) AS field, max(margin) AS margin,
            key IN (SELECT key FROM at_end) AS at_end,
            key IN (SELECT key FROM sliver) AS unseen
            FROM figure GROUP BY key ORDER BY key;
        CREATE TABLE extreme AS SELECT c.key, bool_or(k.truth = 0) AS nobody,
            bool_or(k.truth = w.truth) AS everybody
            FROM category c JOIN known k ON k.key = c.key JOIN known w ON w.key = c.total
            WHERE w.truth > 0 GROUP BY c.key;
        CREATE TABLE numbered AS
            SELECT row_number() OVER (ORDER BY k.key) - 1 AS number, k.*,
                coalesce(nobody, FALSE) AS nobody, coalesce(everybody, FALSE) AS everybody
            FROM known k LEFT JOIN extreme e ON e.key = k.key;
        CREATE TABLE line AS SELECT row_number() OVER (ORDER BY line, total) - 1 AS row, line, total
            FROM (SELECT DISTINCT line, total FROM part WHERE total IN (SELECT key FROM known));
        """
    )
    figures = connection.sql("SELECT * FROM numbered ORDER BY number").to_arrow_table()

    def column(name: str) -> Any:
        return figures[name].to_numpy(zero_copy_only=False)

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
            (SELECT DISTINCT top, below, least, greatest FROM rate) r
            JOIN numbered a ON a.key = r.top JOIN numbered b ON b.key = r.below ORDER BY 1, 2
        """
    ).fetchnumpy()
    changed = connection.execute(
        "SELECT b.number AS before, n.number AS now FROM changed c JOIN numbered b "
        "ON b.key = c.before JOIN numbered n ON n.key = c.now ORDER BY 1, 2"
    ).fetchnumpy()
    clashes = connection.execute("SELECT count(*) FROM clash").fetchone()
    hidden_rates = connection.execute(
        """
        SELECT a.number AS top, b.number AS below
            FROM (SELECT DISTINCT top, below FROM hidden_rate) r
            JOIN numbered a ON a.key = r.top JOIN numbered b ON b.key = r.below ORDER BY 1, 2
        """
    ).fetchnumpy()
    field = figures["field"].to_pylist()
    unit = _units(field, column("truth"))
    lines = int(terms["row"].max()) + 1 if len(terms["row"]) else 0
    size = len(rates["top"])
    # top - least * below >= 0, and top - greatest * below <= 0.
    first, second = lines + np.arange(size), lines + size + np.arange(size)

    return Knowledge(
        key=figures["key"].to_pylist(),
        value=column("value").astype(np.float64) / unit,
        hidden=column("hidden").astype(np.bool_),
        k=column("k").astype(np.int64),
        k_before=column("k_before").astype(np.int64),
        truth=column("truth").astype(np.float64) / unit,
        row=np.concatenate([terms["row"], first, first, second, second]).astype(np.int64),
        figure=np.concatenate(
            [terms["figure"], rates["top"], rates["below"], rates["top"], rates["below"]]
        ).astype(np.int64),
        sign=np.concatenate(
            [terms["sign"], np.ones(size), -rates["least"], np.ones(size), -rates["greatest"]]
        ),
        least=np.concatenate([np.zeros(lines), np.zeros(size), np.full(size, -np.inf)]),
        greatest=np.concatenate([np.zeros(lines), np.full(size, np.inf), np.zeros(size)]),
        clashes=int(clashes[0]) if clashes else 0,
        before=column("before").astype(np.bool_),
        changed=np.stack([changed["before"], changed["now"]], axis=1).astype(np.int64),
        at_end=column("at_end").astype(np.bool_),
        hidden_rates=np.stack([hidden_rates["top"], hidden_rates["below"]], axis=1),
        amount=np.array([name is not None for name in field], dtype=np.bool_),
        unit=unit,
        margin=column("margin").astype(np.float64) / unit,
        nobody=column("nobody").astype(np.bool_),
        everybody=column("everybody").astype(np.bool_),
        unseen=column("unseen").astype(np.bool_),
    )


def _units(field: Sequence[str | None], truth: Floats) -> Floats:
    """The unit of each figure, shape (figures,): 1 for counts, and for amounts one that makes of
    the largest of its kind one to ten million, since the solver's tolerances are absolute."""
    unit = np.ones(len(field))
    names = np.array([name or "" for name in field], dtype=object)
    for name in set(names.tolist()) - {""}:
        here = names == name
        most = np.nan_to_num(truth[here].astype(np.float64)).max()
        if most > 0:
            unit[here] = 10.0 ** (np.floor(np.log10(most)) - 6)
    return unit
