"""The audit: reads what would be published and tries to find out what was suppressed.

It knows the declarations and the Parquet files, and of the cells that were counted which figures
are too small; it knows no masks. It asks SQL where the protection asked arrays, so that a mistake
in one is not a mistake in both.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow.parquet as pq

from harvesters.disclosure.highs import version
from harvesters.disclosure.intervals import TOLERANCE, Unsolved, intervals
from harvesters.disclosure.reader import Flags, Knowledge, Published, knowledge
from harvesters.disclosure.refusal import Refused
from harvesters.disclosure.slivers import Between
from harvesters.disclosure.sql import quoted
from schemas import Measure, Table
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
    system: Mapping[str, Any] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The certificate as it is kept beside a release."""
        return asdict(self)


METHOD = (
    "Threshold, and suppression of further figures until the interval that can be worked out of "
    "each primary figure from all tables of the same records contains everything from 0 to its "
    "threshold."
)


def audit(table: Table, period: str, file: Path) -> Certificate:
    """Read the Parquet `file` that would publish `period` of `table`, and certify it.

    :raises Refused: a column or a type is not the declared one, a figure about persons is below
        its threshold, or a value and its status contradict each other.
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


def _hidden(measure: Measure) -> str:
    return f"{quoted(measure.name + '_status')} = 'c'"


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
    keys = ", ".join(quoted(name) for name in table.key)
    twice = _number(
        connection,
        f"SELECT count(*) FROM (SELECT 1 FROM published GROUP BY {keys} HAVING count(*) > 1)",
    )
    other = connection.execute(
        f"SELECT count(*) FROM published WHERE {quoted(table.period)} IS DISTINCT FROM ?",
        [period],
    ).fetchone()
    if twice or (other and other[0]):
        raise Refused(table.name, "A row stands twice, or is of another period.")
    missing = _number(
        connection,
        "SELECT count(*) FROM published WHERE "
        + " OR ".join(f"{quoted(name)} IS NULL" for name in table.key),
    )
    if missing and table.kind == "cube":
        raise Refused(table.name, f"{missing} rows are without a code of a dimension.")
    return "Each row stands once and is of the period."


def _statuses(table: Table, measure: Measure, connection: duckdb.DuckDBPyConnection) -> str:
    value, status = quoted(measure.name), quoted(f"{measure.name}_status")
    flag = quoted(f"{measure.name}_flag")
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
    value = quoted(measure.name)
    if measure.denominator is not None:
        return [_ends(table, measure, connection)] if measure.kind == "rate" else []
    if measure.kind == "sum" and not measure.numerator.whole:
        return [_amount(table, measure, connection)]
    checks = [_threshold_holds(table, measure.name, value, k, connection)]
    for whole in table.measures:
        if measure.numerator.where and whole.kind == "count" and not whole.numerator.where:
            rest = f"({quoted(whole.name)} - {value})"
            what = f"{whole.name} - {measure.name}"
            checks.append(_threshold_holds(table, what, rest, k, connection))
    return checks


def _threshold_holds(
    table: Table, what: str, value: str, k: int, connection: duckdb.DuckDBPyConnection
) -> str:
    """Check a number of persons, given as an SQL expression."""
    small = _number(
        connection,
        f"SELECT count(*) FROM published WHERE {value} <> 0 AND {value} < {k}",
    )
    if small:
        raise Refused(table.name, f"{small} values of {what} are under {k} and not 0.")
    return f"{what}: no value from 1 to {k - 1}."


def _ends(table: Table, measure: Measure, connection: duckdb.DuckDBPyConnection) -> str:
    ends = _number(
        connection, f"SELECT count(*) FROM published WHERE {quoted(measure.name)} IN (0, 100)"
    )
    if ends:
        raise Refused(table.name, f"{ends} rates of {measure.name} are 0 or 100 percent.")
    return f"{measure.name}: no rate of 0 or 100 percent."


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


def audit_together(
    period: str,
    published: Sequence[Published],
    primary: Collection[str] | None = None,
    between: Sequence[Between] = (),
) -> tuple[dict[str, Certificate], list[str]]:
    """Certify the files that would publish `period` of tables counted from the same records, each
    for itself and all as one system, as a reader of all of them would solve it.

    Which figures are too small is worked out from the cells beside the files; without cells,
    `primary` names them, as an earlier audit did. Where tables cross, `between` has what lies
    between them. The certificates by table, and those names.

    :raises Refused: a file is not what `audit` certifies, or what can be worked out of a figure
        that is too small does not contain everything from 0 to its threshold, or another
        suppressed figure can be worked out exactly.
    """
    tables = [one.table for one in published]
    alone = {one.table.name: audit(one.table, period, one.file) for one in published}
    for one in published:
        checks = [*alone[one.table.name].checks, *_against_cells(one)]
        alone[one.table.name] = replace(alone[one.table.name], checks=checks)
    known = knowledge(published, between)
    if known.clashes:
        reason = f"{known.clashes} figures are not the same wherever they stand."
        raise Refused(tables[-1].name, reason)
    wrong = ~np.isnan(known.value) & ~np.isnan(known.truth) & (known.value != known.truth)
    if wrong.any():
        reason = f"{wrong.sum()} figures are not what was counted."
        raise Refused(_telling(known, wrong, published, between), reason)
    small = (known.truth > 0) & (known.truth < known.k)
    if primary is not None:
        small = np.isin(np.array(known.key, dtype=object), list(primary))
    open_ = small & ~np.isnan(known.value)
    if open_.any():
        blamed = _telling(known, open_, published, between)
        raise Refused(blamed, f"{open_.sum()} figures are too small.")
    low = np.where(small, 0.0, np.nan)
    high = np.where(small, known.k.astype(float), np.nan)
    width = np.where(known.hidden & ~small, 1.0, np.nan)
    try:
        found = intervals(known, low, high, width)
    except Unsolved as unsolved:
        raise Refused(tables[-1].name, str(unsolved)) from None
    exposed = np.zeros(len(known.key), dtype=bool)
    exposed[found.figure] = (
        (found.low > low[found.figure] + TOLERANCE)
        | (found.high < high[found.figure] - TOLERANCE)
        | (found.high - found.low < width[found.figure] - TOLERANCE)
    )
    if exposed.any():
        raise Refused(
            _telling(known, exposed, published, between),
            f"{exposed.sum()} suppressed figures can be worked out from the others.",
        )
    system = {
        "tables": [table.name for table in tables],
        "files_sha256": [alone[table.name].file_sha256 for table in tables],
        "figures": len(known.key),
        "suppressed": int(known.hidden.sum()),
        "components": found.components,
        "largest_component": found.largest,
        "linear_programmes": found.programmes,
        "solver": f"HiGHS {version()}",
    }
    certificates = {name: replace(one, system=system) for name, one in alone.items()}
    return certificates, [known.key[number] for number in np.flatnonzero(small).tolist()]


def _against_cells(published: Published) -> list[str]:
    """What only the cells beside a file tell: that it has their rows, and that no quotient in it
    is of too few; returns what was checked, in words."""
    if published.cells is None:
        return []
    table, checks = published.table, ["The rows are those that were counted."]
    columns = ", ".join(quoted(name) for name in table.dimension_columns)
    with duckdb.connect() as connection:
        connection.read_parquet(str(published.file)).create_view("published")
        connection.read_parquet(str(published.cells)).create_view("cells")
        both = f"published AS p JOIN cells AS c USING ({columns})"
        if len({_number(connection, f"SELECT count(*) FROM {rows}")
                for rows in ("published", "cells", both)}) > 1:  # fmt: skip
            raise Refused(table.name, "The rows are not those that were counted.")
        for measure in table.measures:
            if measure.about != "persons" or measure.denominator is None:
                continue
            k = _threshold(table, measure)
            few = " OR ".join(f"{count} > 0 AND {count} < {k}" for count in _behind(measure))
            shown = f"p.{quoted(measure.name + '_status')} = ''"
            number = _number(connection, f"SELECT count(*) FROM {both} WHERE {shown} AND ({few})")
            if number:
                raise Refused(table.name, f"{number} values of {measure.name} are of under {k}.")
            checks.append(f"{measure.name}: of no number of persons from 1 to {k - 1}.")
    return checks


def _behind(measure: Measure) -> list[str]:
    """The numbers of persons that a quotient tells, as SQL expressions over cells."""
    assert measure.denominator is not None
    top, below = (f"c.{quoted(one.name)}" for one in (measure.numerator, measure.denominator))
    if measure.kind == "rate":
        return [top, below, f"({below} - {top})"]
    if measure.kind == "mean":
        return [below]
    parts = [(measure.numerator, top), (measure.denominator, below)]
    return [column for component, column in parts if component.whole]


def _telling(
    known: Knowledge, figures: Flags, published: Sequence[Published], between: Sequence[Between]
) -> str:
    """The table to blame: the last one that has one of the figures among its finest cells. Where
    figures lie between tables, that which crosses the most others, and of those the smallest."""
    if (known.unseen & figures).any():
        crossing = Counter(name for one in between for name in one.of)
        rows = {one.table.name: pq.read_metadata(one.file).num_rows for one in published}
        return max(crossing, key=lambda name: (crossing[name], -rows[name]))
    columns = {
        piece.partition("=")[0]
        for number in np.flatnonzero(figures).tolist()
        for piece in known.key[number].split(";")[1:]
    }
    blamed = [one.table.name for one in published if columns & set(one.table.dimension_columns)]
    return (blamed or [published[-1].table.name])[-1]
