"""The values of targets, computed from published files alone.

A figure that is not published is not worked out either: where a table suppresses one, or gives it
as a bound, the target has no value there, and says why.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from schemas import TOTAL, Target, Term
from schemas.table import AT_LEAST, AT_MOST

NOT_AVAILABLE, NOT_APPLICABLE, BOUND = "x", "z", "bound"
"""Why there is no value, beside the statuses of tables: it is only known to be at least, or at
most, so much."""


@dataclass(frozen=True)
class Figure:
    """A value with the two numbers that it is of (None where it is a measure alone), or, where
    `status` is not empty, why there is none."""

    value: float | None
    of: float | None = None
    over: float | None = None
    status: str = ""


@dataclass(frozen=True)
class Values:
    """The values of a target: those of the whole city by period, the oldest first, and those that
    stand behind the newest, by the code of an area or institution. `names` are what institutions
    are called; `others` is how many institutions are not listed, of which there is nothing to
    count."""

    city: Mapping[str, Figure]
    behind: Mapping[str, Figure]
    names: Mapping[str, str]
    others: int = 0


_Number = tuple[float | None, str]
_Numbers = dict[tuple[str, str], _Number]
"""Numbers and statuses, by period and code; `TOTAL` is the code of the whole city."""


def compute(target: Target, files: Mapping[str, Path]) -> Values:
    """The values of `target` in releases of its tables.

    :param files: the Parquet file of a release by the name of its table.
    """
    of, names = _read(target.of, files, target.by)
    over: _Numbers | None = None
    if target.over is not None:
        over, _ = _read(target.over, files, target.by)
    periods = sorted({period for period, _ in of} & {period for period, _ in over or of})
    keys = set(of) | set(over or ())
    figures = {key: _figure(target, of, over, key) for key in keys if key[0] in periods}
    city = {
        period: figures.get((period, TOTAL), Figure(None, status=NOT_AVAILABLE))
        for period in periods
    }
    newest = periods[-1] if periods else ""
    behind = {
        code: figure
        for (period, code), figure in sorted(figures.items())
        if period == newest and code != TOTAL
    }
    others = 0
    if target.lists_institutions:
        counted = {code: figure for code, figure in behind.items() if figure.of}
        behind, others = counted, len(behind) - len(counted)
    return Values(city, behind, {code: names[code] for code in behind if code in names}, others)


def _figure(target: Target, of: _Numbers, over: _Numbers | None, key: tuple[str, str]) -> Figure:
    # A register has a row for whatever there is, so that none means nothing.
    absent: _Number = (0, "") if target.of.measure is None else (None, NOT_AVAILABLE)
    part, status = of.get(key, absent)
    if over is None:
        return Figure(part, status=status)
    whole, other = over.get(key, (None, NOT_AVAILABLE))
    status = status or other
    if part is None or whole is None or status:
        return Figure(None, part, whole, status or NOT_AVAILABLE)
    if not whole:
        return Figure(None, part, whole, NOT_APPLICABLE)
    return Figure(100 * part / whole, part, whole)


def _read(term: Term, files: Mapping[str, Path], by: str | None) -> tuple[_Numbers, dict[str, str]]:
    """The numbers of a term, and what institutions are called."""
    table, fixed = term.table, term.fixed(by)
    label = f"{by}_name" if by and table.column(by).type == "institution" else None
    if label and label not in {column.name for column in table.columns}:
        label = None
    measure = term.measure.name if term.measure else None
    columns = [table.period, *filter(None, (by, label))]
    if measure:
        columns += [measure, f"{measure}_status", f"{measure}_flag"]
    rows = pq.read_table(
        files[table.name],
        columns=columns,
        filters=[(name, "in", list(codes)) for name, codes in fixed.items()] or None,
        partitioning=None,
    ).to_pylist()
    found: dict[tuple[str, str], list[_Number]] = defaultdict(list)
    for row in rows:
        codes = [TOTAL] if by is None else [row[by]]
        if measure is None and by is not None:
            codes.append(TOTAL)
        for code in codes:
            found[row[table.period], code].append(_number(row, measure))
    names = {row[by]: row[label] for row in rows} if by and label else {}
    return {key: _sum(numbers) for key, numbers in found.items()}, names


def _number(row: Mapping[str, Any], measure: str | None) -> _Number:
    if measure is None:
        return 1, ""
    status = row[f"{measure}_status"] or ""
    if not status and row[f"{measure}_flag"] in (AT_MOST, AT_LEAST):
        status = BOUND
    return (None if status else row[measure]), status


def _sum(numbers: Iterable[_Number]) -> _Number:
    """Their sum; where one is not there, neither is the sum."""
    total: float = 0
    for number, status in numbers:
        if number is None:
            return None, status or NOT_AVAILABLE
        total += number
    return total, ""
