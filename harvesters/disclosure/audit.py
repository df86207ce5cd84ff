"""The audit: reads what would be published and tries to find out what was suppressed.

It knows the declarations and the Parquet files, and of the cells that were counted which figures
are too small; it knows no masks. It asks SQL where the protection asked arrays, so that a mistake
in one is not a mistake in both.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow.parquet as pq

from harvesters.disclosure.highs import version
from harvesters.disclosure.intervals import TOLERANCE, Unsolved, intervals
from harvesters.disclosure.reader import (
    Flags,
    Floats,
    Knowledge,
    Numbers,
    Published,
    knowledge,
)
from harvesters.disclosure.refusal import Refused
from harvesters.disclosure.slivers import Between
from harvesters.disclosure.sql import quoted
from schemas import Measure, Table
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

_LEAST_MARGIN = 1e-3
"""Less than this of an amount, of which the largest is one to ten million, the solver could not
tell from nothing: so much is asked for at the least."""

_LEAST_WIDTH = 1e-4

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
    "threshold. For sums of amounts: at least 3 contributors, the p % rule with p = 10 and the "
    "dominance rule with n = 2 and k = 90 %, and an interval as wide as these ask for."
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
            checks += _quotients(table, measure, connection)
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
    known = "'', 'c'"
    if measure.kind != "count":
        # A count of records is always known.
        known += ", 'x'"
    if measure.denominator is not None or table.has_structural_zeros:
        known += ", 'z'"
    flags = "'', 'p', 'r', 'low'"
    if measure.kind == "rate" and measure.about == "persons":
        flags += f", '{AT_MOST}', '{AT_LEAST}'"
    wrong = _number(
        connection,
        f"SELECT count(*) FROM published WHERE {status} IS NULL OR {status} NOT IN "
        f"({known}) OR ({status} = '') <> ({value} IS NOT NULL) OR {flag} IS NULL "
        f"OR {flag} NOT IN ({flags})",
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
    """No rate at an end is told as it is; what is coded is just the bound."""
    value, flag = quoted(measure.name), quoted(f"{measure.name}_flag")
    fits = (
        f"CASE {flag} WHEN '{AT_MOST}' THEN {value} = {LOW_END} "
        f"WHEN '{AT_LEAST}' THEN {value} = {HIGH_END} "
        f"ELSE {value} > {LOW_END} AND {value} < {HIGH_END} END"
    )
    wrong = _number(connection, f"SELECT count(*) FROM published WHERE NOT {fits}")
    ends = f"{LOW_END} percent or less, or {HIGH_END} or more"
    if wrong:
        raise Refused(table.name, f"{wrong} rates of {measure.name} are {ends}, and not coded.")
    return f"{measure.name}: rates of {ends}, are told as such at most."


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


def _quotients(table: Table, measure: Measure, connection: duckdb.DuckDBPyConnection) -> list[str]:
    """A quotient of a sum of amounts tells the sum, and is hidden wherever that is."""
    if measure.denominator is None:
        return []
    sources, checks = {one.source for one in measure.magnitudes}, []
    for total in table.measures:
        if total.kind == "sum" and total.numerator.source in sources:
            _hidden_with(table, total, measure, connection)
            checks.append(f"{measure.name}: suppressed wherever {total.name} is.")
    return checks


def _amount(table: Table, measure: Measure, connection: duckdb.DuckDBPyConnection) -> str:
    """A sum of amounts is hidden wherever the first count of persons beside it is."""
    for count in table.measures:
        if count.about == "persons" and (
            count.kind == "count" or (count.kind == "sum" and count.numerator.whole)
        ):
            _hidden_with(table, count, measure, connection)
            return f"{measure.name}: suppressed wherever {count.name} is."
    raise Refused(table.name, f"{measure.name} is a sum of amounts without a count of persons.")


@dataclass(frozen=True)
class Audited:
    """What an audit of a protection set came to: the certificates by table, and how many figures
    tell by how few persons they have changed since an earlier version."""

    certificates: Mapping[str, Certificate]
    told: int


def audit_together(
    period: str, published: Sequence[Published], between: Sequence[Between] = ()
) -> Audited:
    """Certify the files that publish, or would publish, `period` of tables counted from the same
    records, each for itself and all as one system, as a reader of all of them would solve it; of
    earlier versions too, which such a reader may have kept.

    Which figures are too small is worked out from the cells beside the files. Where tables cross,
    `between` has what lies between them.

    :raises Refused: a file is not what `audit` certifies, or what can be worked out of a primary
        figure does not contain everything from 0 to its threshold, or of a sum of amounts not its
        margin, or another suppressed figure can be worked out exactly.
    """
    now = [one for one in published if not one.version]
    tables = [one.table for one in now]
    alone = {one.table.name: audit(one.table, period, one.file) for one in now}
    for one in now:
        checks = [*alone[one.table.name].checks, *_against_cells(one)]
        alone[one.table.name] = replace(alone[one.table.name], checks=checks)
    known = knowledge(published, between)
    if known.clashes:
        reason = f"{known.clashes} figures are not the same wherever they stand."
        raise Refused(tables[-1].name, reason)
    wrong = ~np.isnan(known.value) & ~np.isnan(known.truth) & (known.value != known.truth)
    wrong &= ~known.amount
    if wrong.any():
        reason = f"{wrong.sum()} figures are not what was counted."
        raise Refused(_telling(known, wrong, now, between), reason)
    told = known.at_end & ~np.isnan(known.value)
    if told.any():
        reason = f"{told.sum()} figures stand open beside a rate at the ends that is of them."
        raise Refused(_telling(known, told, now, between), reason)
    low, high = _asked(known)
    # What an earlier version told although it may not be told by the rules of today is lost.
    open_ = ~np.isnan(high) & ~np.isnan(known.value)
    lost = open_ & known.before & ~known.amount
    if (open_ & ~lost).any():
        few = f"{(open_ & ~lost & ~known.amount).sum()} figures are too small, or tell of everybody"
        whose = f"{(open_ & known.amount).sum()} sums are of too few, or mostly of one or two"
        raise Refused(_telling(known, open_ & ~lost, now, between), f"{few}; {whose}.")
    low[open_], high[open_] = np.nan, np.nan
    # What was hidden before stays so, even where everybody has left and the totals tell that.
    before, after = known.changed.T
    left = np.isin(np.arange(len(low)), after[known.hidden[before]]) & (known.truth == 0)
    rates = np.zeros(len(low), dtype=bool)
    rates[known.hidden_rates.ravel()] = True
    least = np.where(known.amount, _LEAST_WIDTH, 1.0)
    width = np.where((known.hidden & ~left | rates) & np.isnan(high), least, np.nan)
    change = np.where((low == 0) & ~known.amount, _change(known), 0)
    change[change > high] = 0
    known, low, high, width, pairs = _with_differences(known, low, high, width)
    try:
        found = intervals(known, low, high, width)
    except Unsolved as unsolved:
        raise Refused(tables[-1].name, str(unsolved)) from None
    hidden = known.hidden & ~np.append(left, np.zeros(len(pairs), dtype=bool))
    least = np.append(least, np.ones(len(pairs)))
    exposed, exact = np.zeros(len(known.key), dtype=bool), ~np.isnan(known.value)
    exact[found.figure] = found.high - found.low < least[found.figure] - TOLERANCE
    lowest = low[found.figure] + TOLERANCE
    change = np.append(change, np.zeros(len(pairs)))[found.figure]
    # That a small figure was what it has lost since, at the least, is what its change tells.
    by_change = (found.low > lowest) & (found.low <= lowest + change)
    exposed[found.figure] = (
        (found.low > lowest + change)
        | (found.high < high[found.figure] - TOLERANCE)
        | (hidden & exact)[found.figure]
    )
    differences = int(exposed[pairs].sum() + by_change.sum())
    exposed[pairs] = False
    rates_told = known.hidden_rates[exact[known.hidden_rates].all(axis=1)]
    if len(rates_told):
        exposed[rates_told] = True
        reason = f"{len(rates_told)} suppressed rates can be worked out from what they are of."
        raise Refused(_telling(known, exposed, now, between), reason)
    if exposed.any():
        raise Refused(
            _telling(known, exposed, now, between),
            f"{exposed.sum()} suppressed figures can be worked out from the others.",
        )
    system = {
        "tables": [table.name for table in tables],
        "files_sha256": [alone[table.name].file_sha256 for table in tables],
        "earlier_versions": len({one.version for one in published if one.version}),
        "figures": len(known.key) - len(pairs),
        "suppressed": int(known.hidden.sum()),
        "told_before": int(lost.sum()),
        "components": found.components,
        "largest_component": found.largest,
        "linear_programmes": found.programmes,
        "solver": f"HiGHS {version()}",
    }
    return Audited({name: replace(one, system=system) for name, one in alone.items()}, differences)


def _asked(known: Knowledge) -> tuple[Floats, Floats]:
    """What has to be possible of each primary figure, from the first number to the second; NaN
    for all others. Shape (figures,) both."""
    # What an earlier version hid by a lower threshold is past more protection than that.
    hidden = np.isnan(known.value)
    both = (known.k > 0) & (known.k_before > 0) & hidden
    k = np.where(both, np.minimum(known.k, known.k_before), known.k)
    k = np.where((known.k == 0) & hidden, known.k_before, k).astype(float)
    small = (known.truth > 0) & (known.truth < k) | known.at_end
    # Everybody but as many as the threshold might be meant.
    full = known.everybody & ~small
    low, high = np.where(full, known.truth - k, 0.0), np.where(full, known.truth, k)
    margin = np.maximum(known.margin, _LEAST_MARGIN)
    low = np.where(known.amount, np.maximum(known.truth - margin, 0), low)
    high = np.where(known.amount, known.truth + margin, high)
    asked = np.where(known.amount, known.margin > 0, small | known.nobody | full)
    return np.where(asked, low, np.nan), np.where(asked, high, np.nan)


def _change(known: Knowledge) -> Floats:
    """How much more each figure is than at its least in any version, shape (figures,)."""
    if not len(known.changed):
        return np.zeros(len(known.key))
    # A figure of an earlier version that has changed since is called after that version.
    names = np.array([re.sub("@[0-9]+$", "", key) for key in known.key], dtype=object)
    _, same = np.unique(names, return_inverse=True)
    least = np.full(len(names), np.inf)
    np.fmin.at(least, same, known.truth)
    return np.nan_to_num(known.truth - least[same])


def _with_differences(
    known: Knowledge, low: Floats, high: Floats, width: Floats
) -> tuple[Knowledge, Floats, Floats, Floats, Numbers]:
    """The system with a figure more for each one that changed by less than its threshold: by how
    much, and an offset, since no figure is below nothing. What can be worked out of a difference
    has to contain everything from 0 to the threshold, in the direction of the change. The numbers
    of those figures come last.
    """
    before, now = known.changed.T
    by = known.truth[now] - known.truth[before]
    few = np.abs(by) < known.k[now]
    before, now, by = before[few], now[few], by[few]
    size, rows = len(known.key), len(known.least)
    number, row = size + np.arange(len(by)), rows + np.arange(len(by))
    persons = np.where(known.amount, 0, np.nan_to_num(known.truth))
    offset = persons.max(initial=0) * 2 + known.k.max(initial=0)
    nothing = np.full(len(by), np.nan)
    k = known.k[now].astype(float)
    return (
        replace(
            known,
            key=[*known.key, *(known.key[one] for one in now.tolist())],
            value=np.append(known.value, nothing),
            hidden=np.append(known.hidden, np.zeros(len(by), dtype=bool)),
            at_end=np.append(known.at_end, np.zeros(len(by), dtype=bool)),
            k=np.append(known.k, known.k[now]),
            k_before=np.append(known.k_before, known.k_before[before]),
            truth=np.append(known.truth, by + offset),
            before=np.append(known.before, np.zeros(len(by), dtype=bool)),
            amount=np.append(known.amount, np.zeros(len(by), dtype=bool)),
            unit=np.append(known.unit, np.ones(len(by))),
            margin=np.append(known.margin, nothing),
            nobody=np.append(known.nobody, np.zeros(len(by), dtype=bool)),
            everybody=np.append(known.everybody, np.zeros(len(by), dtype=bool)),
            unseen=np.append(known.unseen, np.zeros(len(by), dtype=bool)),
            # now - before - difference = -offset
            row=np.concatenate([known.row, row, row, row]),
            figure=np.concatenate([known.figure, now, before, number]),
            sign=np.concatenate([known.sign, np.ones(len(by)), -np.ones(2 * len(by))]),
            least=np.append(known.least, np.full(len(by), -offset)),
            greatest=np.append(known.greatest, np.full(len(by), -offset)),
        ),
        np.append(low, offset - np.where(by < 0, k, 0)),
        np.append(high, offset + np.where(by > 0, k, 0)),
        np.append(width, nothing),
        number,
    )


def _against_cells(published: Published) -> list[str]:
    """What only the cells beside a file tell: that it has their rows, and that no quotient in it
    is of too few; returns what was checked, in words."""
    table, checks = published.table, ["The rows are those that were counted."]
    columns = ", ".join(quoted(name) for name in table.dimension_columns)
    with duckdb.connect() as connection:
        connection.read_parquet(str(published.file)).create_view("published")
        connection.read_parquet(str(published.cells)).create_view("cells")
        both = f"published AS p JOIN cells AS c USING ({columns})"
        if len({_number(connection, f"SELECT count(*) FROM {rows}")
                for rows in ("published", "cells", both)}) > 1:  # fmt: skip
            raise Refused(table.name, "The rows are not those that were counted.")
        if table.has_structural_zeros:
            checks.append(_structural(table, both, connection))
        for measure in table.measures:
            if measure.magnitudes:
                checks += _shown_amounts(table, measure, both, connection)
            if measure.about != "persons" or measure.denominator is None:
                continue
            k = _threshold(table, measure)
            few = " OR ".join(f"{count} > 0 AND {count} < {k}" for count in _behind(measure))
            shown = f"p.{quoted(measure.name + '_status')} = ''"
            coded = f"p.{quoted(measure.name + '_flag')} IN ('{AT_MOST}', '{AT_LEAST}')"
            number = _number(
                connection,
                f"SELECT count(*) FROM {both} WHERE {shown} AND NOT {coded} AND ({few})",
            )
            if number:
                raise Refused(table.name, f"{number} values of {measure.name} are of under {k}.")
            checks.append(f"{measure.name}: of no number of persons from 1 to {k - 1}.")
            if measure.kind == "rate":
                checks.append(_coded(table, measure, k, both, connection))
    return checks


def _coded(
    table: Table, measure: Measure, k: int, both: str, connection: duckdb.DuckDBPyConnection
) -> str:
    """A coded rate is what it says, and of so many that a share up to its bound may be `k`."""
    assert measure.denominator is not None
    some, of = (f"c.{quoted(one.name)}" for one in (measure.numerator, measure.denominator))
    flag = f"p.{quoted(measure.name + '_flag')}"
    wrong = _number(
        connection,
        f"SELECT count(*) FROM {both} WHERE ({flag} = '{AT_MOST}' AND {some} * 100 > "
        f"{of} * {LOW_END}) OR ({flag} = '{AT_LEAST}' AND {some} * 100 < {of} * {HIGH_END}) "
        f"OR ({flag} IN ('{AT_MOST}', '{AT_LEAST}') AND {of} * {LOW_END} < {k} * 100)",
    )
    if wrong:
        raise Refused(
            table.name, f"{wrong} coded rates of {measure.name} are of too few, or false."
        )
    return f"{measure.name}: coded rates are true, and leave room for {k} persons."


def _structural(table: Table, both: str, connection: duckdb.DuckDBPyConnection) -> str:
    """What does not apply is what cannot be, and there nothing was counted."""
    mark = f"c.{quoted(STRUCTURAL)}"
    numbers = {
        quoted(one.name) for measure in table.measures
        for one in (measure.numerator, measure.denominator) if one is not None
    }  # fmt: skip
    wrong = [f"{mark} AND c.{number} <> 0" for number in sorted(numbers)]
    for measure in table.measures:
        status = f"p.{quoted(measure.name + '_status')}"
        # A quotient of nothing does not apply either.
        holds = "<>" if measure.denominator is None else ">"
        wrong.append(f"{mark} {holds} ({status} = 'z')")
    number = _number(connection, f"SELECT count(*) FROM {both} WHERE {' OR '.join(wrong)}")
    if number:
        raise Refused(table.name, f"{number} rows do not apply, or should not, as was counted.")
    return "What does not apply is what cannot be, and there nothing was counted."


def _shown_amounts(
    table: Table, measure: Measure, both: str, connection: duckdb.DuckDBPyConnection
) -> list[str]:
    """What is shown of amounts is what was counted, and of no cell that the rules forbid; returns
    what was checked, in words."""
    top, value = f"c.{quoted(measure.numerator.name)}", f"p.{quoted(measure.name)}"
    if measure.denominator is not None:
        top = f"{top} * {measure.scale} / nullif(c.{quoted(measure.denominator.name)}, 0)"
    leeway = f"{0.5 * 10.0**-measure.decimals} + 1e-9 * abs({value})"
    wrong = _number(
        connection,
        f"SELECT count(*) FROM {both} WHERE {value} IS NOT NULL "
        f"AND ({top} IS NULL OR abs({value} - {top}) > {leeway})",
    )
    if wrong:
        raise Refused(table.name, f"{wrong} values of {measure.name} are not what was counted.")
    return [
        f"{measure.name}: of {LEAST_CONTRIBUTORS} institutions (owners) or more; without the two "
        f"largest at least {PRECISION:.0%} of the largest is left (p % rule); the two largest are "
        f"{DOMINANCE:.0%} of it at most (dominance)."
    ]


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
        return max(rows, key=lambda name: (crossing[name], -rows[name]))
    columns = {
        piece.partition("=")[0]
        for number in np.flatnonzero(figures).tolist()
        for piece in known.key[number].split(";")[1:]
    }
    blamed = [one.table.name for one in published if columns & set(one.table.dimension_columns)]
    return (blamed or [published[-1].table.name])[-1]
