"""The audit: reads what would be published and tries to find out what was suppressed.

It knows the declaration of the table and the Parquet file, nothing else: no cells, no masks. It
asks SQL where the protection asked arrays, so that a mistake in one is not a mistake in both.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import duckdb

from harvesters.disclosure.refusal import Refused
from schemas import TOTAL, Measure, Table
from schemas.table import SENSITIVE_THRESHOLD

_TYPES = {
    "period": "VARCHAR", "code": "VARCHAR", "institution": "VARCHAR", "name": "VARCHAR",
    "status": "VARCHAR", "flag": "VARCHAR", "integer": "BIGINT", "decimal": "DOUBLE",
}  # fmt: skip


@dataclass(frozen=True)
class Certificate:
    """What was checked, of which file, and with what outcome: all checks held.

    `suppressed` counts the suppressed cells of each measure, `cells` all rows of the file.
    """

    table: str
    period: str
    file_sha256: str
    cells: int
    suppressed: Mapping[str, int]
    thresholds: Mapping[str, int]
    checks: Sequence[str]
    method: str
    software: Mapping[str, str]

    def as_dict(self) -> dict[str, Any]:
        """The certificate as it is kept beside a release."""
        return asdict(self)


METHOD = (
    "Threshold and one further cell in each line. Lines are solved one at a time; several lines "
    "together are not."
)


def audit(table: Table, period: str, file: Path) -> Certificate:
    """Read the Parquet `file` that would publish `period` of `table`, and certify it.

    :raises Refused: a column or a type is not the declared one, a figure about persons is below
        its threshold, a value and its status contradict each other, or a line of the table gives
        a suppressed cell away.
    """
    with duckdb.connect() as connection:
        connection.read_parquet(str(file)).create_view("published")
        checks = [_columns(table, connection), _keys(table, period, connection)]
        thresholds: dict[str, int] = {}
        for measure in table.measures:
            checks.append(_statuses(table, measure, connection))
            if measure.about == "persons":
                thresholds[measure.name] = _threshold(table, measure)
                checks += _persons(table, measure, thresholds[measure.name], connection)
        cells = _number(connection, "SELECT count(*) FROM published")
        suppressed = {
            measure.name: _number(
                connection, f"SELECT count(*) FROM published WHERE {_hidden(measure)}"
            )
            for measure in table.measures
        }
    return Certificate(
        table=table.name,
        period=period,
        file_sha256=hashlib.sha256(file.read_bytes()).hexdigest(),
        cells=cells,
        suppressed=suppressed,
        thresholds=thresholds,
        checks=checks,
        method=METHOD,
        software={"duckdb": duckdb.__version__},
    )


def _name(column: str) -> str:
    return '"' + column.replace('"', '""') + '"'


def _hidden(measure: Measure) -> str:
    return f"{_name(measure.name + '_status')} = 'c'"


def _number(connection: duckdb.DuckDBPyConnection, query: str) -> int:
    row = connection.execute(query).fetchone()
    return int(row[0]) if row else 0


def _columns(table: Table, connection: duckdb.DuckDBPyConnection) -> str:
    rows = connection.execute("SELECT column_name, column_type FROM (DESCRIBE published)")
    found = dict(rows.fetchall())
    declared = {column.name: _TYPES[column.type] for column in table.columns}
    if found != declared:
        wrong = sorted(set(found.items()) ^ set(declared.items()))
        names = ", ".join(dict.fromkeys(name for name, _ in wrong))
        raise Refused(table.name, f"The columns are not the declared ones: {names}.")
    return "Columns and types are the declared ones."


def _keys(table: Table, period: str, connection: duckdb.DuckDBPyConnection) -> str:
    keys = ", ".join(_name(name) for name in table.key)
    twice = _number(
        connection,
        f"SELECT count(*) FROM (SELECT 1 FROM published GROUP BY {keys} HAVING count(*) > 1)",
    )
    other = connection.execute(
        f"SELECT count(*) FROM published WHERE {_name(table.period)} IS DISTINCT FROM ?", [period]
    ).fetchone()
    if twice or (other and other[0]):
        raise Refused(table.name, "A row stands twice, or is of another period.")
    missing = _number(
        connection,
        "SELECT count(*) FROM published WHERE "
        + " OR ".join(f"{_name(name)} IS NULL" for name in table.key),
    )
    if missing and table.kind == "cube":
        raise Refused(table.name, f"{missing} rows are without a code of a dimension.")
    return "Each row stands once and is of the period."


def _statuses(table: Table, measure: Measure, connection: duckdb.DuckDBPyConnection) -> str:
    value, status = _name(measure.name), _name(f"{measure.name}_status")
    flag = _name(f"{measure.name}_flag")
    # A count of records is always known.
    known = "'', 'c'" if measure.kind == "count" else "'', 'c', 'z', 'x'"
    wrong = _number(
        connection,
        f"SELECT count(*) FROM published WHERE {status} IS NULL OR {status} NOT IN "
        f"({known}) OR ({status} = '') <> ({value} IS NOT NULL) OR {flag} IS NULL "
        f"OR {flag} NOT IN ('', 'p', 'r', 'low')",
    )
    if wrong:
        raise Refused(table.name, f"{wrong} values of {measure.name} contradict their status.")
    return f"{measure.name}: a value is null just where its status says why."


def _threshold(table: Table, measure: Measure) -> int:
    if measure.kind in ("count", "sum"):
        return table.disclosure.threshold
    return max(table.disclosure.threshold, SENSITIVE_THRESHOLD)


def _persons(
    table: Table, measure: Measure, k: int, connection: duckdb.DuckDBPyConnection
) -> list[str]:
    """The checks of a measure about persons; returns what was checked, in words."""
    value, hidden = _name(measure.name), _hidden(measure)
    if measure.denominator is not None:
        return _quotient(table, measure, connection)
    if measure.kind == "sum" and not measure.numerator.whole:
        return [_amount(table, measure, connection)]
    checks = [_additive(table, measure.name, value, hidden, k, connection)]
    for whole in table.measures:
        if measure.numerator.where and whole.kind == "count" and not whole.numerator.where:
            _hidden_with(table, whole, measure, connection)
            rest = f"({_name(whole.name)} - {value})"
            what = f"{whole.name} - {measure.name}"
            checks.append(_additive(table, what, rest, hidden, k, connection))
    return checks


def _additive(
    table: Table,
    what: str,
    value: str,
    hidden: str,
    k: int,
    connection: duckdb.DuckDBPyConnection,
) -> str:
    """The checks of a number of persons that adds up, given as an SQL expression."""
    small = _number(
        connection,
        f"SELECT count(*) FROM published WHERE {value} <> 0 AND {value} < {k}",
    )
    if small:
        raise Refused(table.name, f"{small} values of {what} are under {k} and not 0.")
    for dimension in table.dimensions:
        for depth, _ in enumerate(dimension.hierarchy):
            _line(table, what, value, hidden, dimension.hierarchy, depth, k, connection)
    return f"{what}: no value from 1 to {k - 1}, and no line that gives a suppressed one away."


def _quotient(table: Table, measure: Measure, connection: duckdb.DuckDBPyConnection) -> list[str]:
    """The checks of a mean, rate or ratio: it does not give away a number that is suppressed, nor
    the other way round. Numbers that are not published beside it cannot be checked here."""
    checks = []
    if measure.kind == "rate":
        ends = _number(
            connection, f"SELECT count(*) FROM published WHERE {_name(measure.name)} IN (0, 100)"
        )
        if ends:
            raise Refused(table.name, f"{ends} rates of {measure.name} are 0 or 100 percent.")
        checks.append(f"{measure.name}: no rate of 0 or 100 percent.")
    for other in table.measures:
        if other.about != "persons" or other.denominator is not None:
            continue
        counts = (other.numerator.source, other.numerator.where)
        if counts == (measure.numerator.source, measure.numerator.where):
            _hidden_with(table, other, measure, connection)
            _hidden_with(table, measure, other, connection)
            checks.append(f"{measure.name}: suppressed just where {other.name} is.")
        below = measure.denominator
        if below and not below.counted and counts == (below.source, below.where):
            _hidden_with(table, other, measure, connection)
            checks.append(f"{measure.name}: suppressed wherever {other.name} is.")
    return checks


def _hidden_with(
    table: Table, first: Measure, second: Measure, connection: duckdb.DuckDBPyConnection
) -> None:
    """Where `first` is suppressed, so must `second` be."""
    open_ = _number(
        connection,
        f"SELECT count(*) FROM published WHERE {_hidden(first)} AND NOT {_hidden(second)}",
    )
    if open_:
        raise Refused(
            table.name, f"{open_} values of {second.name} are open where {first.name} is not."
        )


def _amount(table: Table, measure: Measure, connection: duckdb.DuckDBPyConnection) -> str:
    """A sum of amounts is hidden wherever the first count of persons beside it is."""
    for count in table.measures:
        if count.about == "persons" and (
            count.kind == "count" or (count.kind == "sum" and count.numerator.whole)
        ):
            _hidden_with(table, count, measure, connection)
            return f"{measure.name}: suppressed wherever {count.name} is."
    raise Refused(table.name, f"{measure.name} is a sum of amounts without a count of persons.")


def _line(
    table: Table,
    what: str,
    value: str,
    hidden: str,
    hierarchy: Sequence[str],
    depth: int,
    k: int,
    connection: duckdb.DuckDBPyConnection,
) -> None:
    """Solve each line whose parts are `hierarchy[depth]` and whose total is one level up."""
    parts_level, finer = hierarchy[depth], hierarchy[depth + 1 :]
    group = [
        _name(column)
        for column in itertools.chain(*(d.hierarchy for d in table.dimensions))
        if column not in hierarchy[depth:]
    ]
    is_part = " AND ".join(
        [f"{_name(parts_level)} <> '{TOTAL}'", *(f"{_name(name)} = '{TOTAL}'" for name in finer)]
    )
    is_total = " AND ".join(f"{_name(name)} = '{TOTAL}'" for name in hierarchy[depth:])
    # With every column of the dimension rolled up there is one line in all: group by nothing.
    by = f"GROUP BY {', '.join(group)}" if group else ""
    parts_of = [f"{_name(hierarchy[depth - 1])} <> '{TOTAL}'"] if depth else []
    where = f"WHERE {' AND '.join(parts_of)}" if parts_of else ""
    query = f"""
        SELECT
          count(*) FILTER (WHERE total = 0 AND parts > 0) AS without_total,
          count(*) FILTER (WHERE parts > 0 AND hidden_parts + hidden_total = 1) AS lone,
          count(*) FILTER (WHERE hidden_parts > 0 AND hidden_total = 0
                           AND total_value - shown < {k}) AS thin,
          count(*) FILTER (WHERE hidden_parts + hidden_total = 0 AND parts > 0
                           AND total_value <> shown) AS wrong
        FROM (
          SELECT count(*) FILTER (WHERE {is_total}) AS total,
                 count(*) FILTER (WHERE {is_part}) AS parts,
                 count(*) FILTER (WHERE {is_part} AND {hidden}) AS hidden_parts,
                 count(*) FILTER (WHERE {is_total} AND {hidden}) AS hidden_total,
                 coalesce(sum({value}) FILTER (WHERE {is_total}), 0) AS total_value,
                 coalesce(sum({value}) FILTER (WHERE {is_part}), 0) AS shown
          FROM published {where} {by}
        )
    """
    row = connection.execute(query).fetchone()
    without_total, lone, thin, wrong = row or (1, 0, 0, 0)
    problems = {
        "lines without a total": without_total,
        "lines with one suppressed cell": lone,
        f"lines whose suppressed cells come to less than {k}": thin,
        "lines that do not add up": wrong,
    }
    for problem, number in problems.items():
        if number:
            raise Refused(table.name, f"{what} along {parts_level}: {number} {problem}.")


def audit_together(table: Table, file: Path, other: Table, other_file: Path) -> list[str]:
    """Check two tables counted from the same records: a figure that stands in both is the same,
    and suppressed in both or in neither. Returns what was checked, in words.

    :raises Refused: it is not, for `table`.
    """
    shared = [name for name in table.dimension_columns if name in other.dimension_columns]
    same = " AND ".join(
        [
            *(f"a.{_name(name)} = b.{_name(name)}" for name in shared),
            *(
                f"{alias}.{_name(name)} = '{TOTAL}'"
                for alias, one in (("a", table), ("b", other))
                for name in one.dimension_columns
                if name not in shared
            ),
        ]
    )
    checks = []
    with duckdb.connect() as connection:
        connection.read_parquet(str(file)).create_view("a")
        connection.read_parquet(str(other_file)).create_view("b")
        for first in table.measures:
            for second in other.measures:
                if not _count_the_same(first, second):
                    continue
                one, two = _name(first.name), _name(second.name)
                differing = _number(
                    connection,
                    f"SELECT count(*) FROM a, b WHERE {same} AND a.{one} IS DISTINCT FROM b.{two}",
                )
                if differing:
                    raise Refused(
                        table.name,
                        f"{differing} values of {first.name} are not those of {second.name} in "
                        f"{other.name}, or are suppressed in one of the two tables only.",
                    )
                checks.append(f"{first.name}: as {second.name} in {other.name}.")
    return checks


def _count_the_same(first: Measure, second: Measure) -> bool:
    return (
        first.about == second.about == "persons"
        and first.denominator is None
        and second.denominator is None
        and first.numerator.source == second.numerator.source
        and {key: set(codes) for key, codes in first.numerator.where.items()}
        == {key: set(codes) for key, codes in second.numerator.where.items()}
    )
