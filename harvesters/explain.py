"""Finds the cell that an operator asks about in what is published now, and explains it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from harvesters.disclosure.explanation import Explanation, NoSuchCell, explain, there_is
from harvesters.reaudit import between, standing, versions_of
from harvesters.release import protection_sets
from schemas import Declarations

PERIOD, MEASURE = "period", "measure"
"""What is asked beside codes of columns."""


def explain_published(
    state: Path, declarations: Declarations, name: str, asked: Mapping[str, str]
) -> tuple[str, Explanation]:
    """The period, and why a figure of the table called `name` is hidden or what it says.

    :param asked: codes by column; `PERIOD` (or the column of that name) is needed where several
        periods are published, `MEASURE` chooses one of several measures
    :raises NoSuchCell: there is no such table, period, measure, column, code or cell in what is
        published.
    """
    table = declarations.tables.get(name)
    if table is None:
        raise NoSuchCell(f"There is no table `{name}`. {there_is(name, list(declarations.tables))}")
    versions = versions_of(state, protection_sets(declarations)[table.record])
    periods = [period for period, some in versions.items() if name in standing(some)]
    if not periods:
        raise NoSuchCell(f"Nothing of {name} is published.")
    codes = dict(asked)
    measure = codes.pop(MEASURE, None)
    period = codes.pop(PERIOD, None) or codes.pop(table.period, None)
    if period is None and len(periods) > 1:
        raise NoSuchCell(f"Say which period: {PERIOD}={periods[-1]}. {there_is('', periods)}")
    period = period or periods[0]
    if period not in periods:
        raise NoSuchCell(f"{name} is not published for {period}. {there_is(period, periods)}")
    published = [one.published for one in versions[period] if one.table.kind == "cube"]
    asked_of = next((one for one in published if one.table.name == name and not one.version), None)
    if asked_of is None:
        raise NoSuchCell(f"{name} is a register: it has rows, and no figures.")
    lying = between(state, table.record, period, versions[period])
    return period, explain(published, asked_of, codes, measure, lying)
