"""Targets: which published figures tell how far the programme has come, and what it aims at.

A target is a measure of a cube, or one number over another, in percent. A number is a measure, or
how many rows of a register have certain codes. Where nothing else is said, it is that of the total.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.codelist import TOTAL, CodeList
from schemas.declaration import DeclarationError, DeclarationErrors, Document, Text, check_form
from schemas.table import Measure, Table

ADDITIVE = ("count", "sum")
"""The kinds of measures that may be added up, and set against one another."""

PERCENT: Text = {"vi": "%", "en": "%"}


@dataclass(frozen=True)
class Term:
    """A number for each period: the `measure` of a cube, or, without one, how many rows a register
    has. `where` are the codes that a column has to have, one of them."""

    table: Table
    measure: Measure | None = None
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def fixed(self, by: str | None = None) -> dict[str, tuple[str, ...]]:
        """The codes that each column has to have, if its figures are wanted by the codes of the
        column `by`: in a cube, those of the total in all columns that are not finer or coarser
        than one that is chosen from."""
        codes = dict(self.where)
        if self.measure is None:
            return codes
        for dimension in self.table.dimensions:
            chosen = [name for name in dimension.hierarchy if name in self.where or name == by]
            below = dimension.hierarchy.index(chosen[-1]) + 1 if chosen else 0
            codes |= dict.fromkeys(dimension.hierarchy[below:], (TOTAL,))
        return codes


@dataclass(frozen=True)
class Goal:
    """What the programme aims at: at least this value, by the end of `year` if it says when, and
    where that is written."""

    value: float
    year: int | None
    source: Text


@dataclass(frozen=True)
class Target:
    """An aim of the programme as its YAML file declares it.

    Its value is that of `of`, or that of `of` in percent of that of `over`. `by` is the column of
    areas or institutions whose own values stand behind it. Without a `goal` it is an indicator:
    what it should come to is not known.
    """

    name: str
    order: int
    title: Text
    description: Text
    of: Term
    over: Term | None
    by: str | None
    goal: Goal | None
    document: Document

    @property
    def tables(self) -> tuple[str, ...]:
        """The names of the tables that it is computed from."""
        terms = (self.of, self.over) if self.over else (self.of,)
        return tuple(dict.fromkeys(term.table.name for term in terms))

    @property
    def unit(self) -> Text:
        """The unit of its values."""
        if self.over is None and self.of.measure is not None:
            return self.of.measure.unit
        return PERCENT

    @property
    def is_share(self) -> bool:
        """Whether its values are shares, from 0 to 100 percent."""
        return self.unit["en"] == PERCENT["en"]

    @property
    def lists_institutions(self) -> bool:
        """Whether institutions stand behind it, of which only those are listed that `of` has."""
        return self.by is not None and self.of.table.column(self.by).type == "institution"

    @property
    def digest(self) -> str:
        """SHA-256 of the YAML file, in hexadecimal."""
        return self.document.digest


def parse_target(
    document: Document, tables: Mapping[str, Table], codelists: Mapping[str, CodeList]
) -> Target:
    """The target that `document` declares.

    :raises DeclarationErrors: the document does not have the form of a target, or it names a
        table, column, measure or code that there is not, or figures that cannot be set against
        one another.
    """
    errors = check_form(document, "target")
    if errors:
        raise DeclarationErrors(errors)
    data = document.data
    for name in ("of", "over"):
        if name in data:
            errors.extend(_check_term(document, name, tables, codelists))
    if data["target"] != document.path.stem:
        message = f"The target is called `{data['target']}`, its file `{document.path.name}`."
        errors.append(document.error(("target",), message, "Give both the same name."))
    if errors:
        raise DeclarationErrors(sorted(errors, key=lambda error: error.line))
    goal = data.get("goal")
    found = Target(
        name=data["target"],
        order=data["order"],
        title=data["title"],
        description=data["description"],
        of=_term(data["of"], tables),
        over=_term(data["over"], tables) if "over" in data else None,
        by=data.get("by"),
        goal=Goal(goal["value"], goal.get("year"), goal["source"]) if goal else None,
        document=document,
    )
    errors.extend(_check_whole(found))
    if errors:
        raise DeclarationErrors(sorted(errors, key=lambda error: error.line))
    return found


def _term(data: Mapping[str, Any], tables: Mapping[str, Table]) -> Term:
    table = tables[data["table"]]
    measure = next((one for one in table.measures if one.name == data.get("measure")), None)
    where = {column: tuple(codes) for column, codes in data.get("where", {}).items()}
    return Term(table, measure, where)


def _check_term(
    document: Document, place: str, tables: Mapping[str, Table], codelists: Mapping[str, CodeList]
) -> Iterator[DeclarationError]:
    data = document.data[place]
    table = tables.get(data["table"])
    if table is None:
        message = f"There is no table `{data['table']}`."
        yield document.error((place, "table"), message, f"There are {', '.join(sorted(tables))}.")
        return
    if table.kind == "register":
        if "measure" in data or "rows" not in data:
            message = f"`{table.name}` is a register, which has no measures."
            yield document.error((place,), message, "Write `rows: true` to count its rows.")
    elif "rows" in data or "measure" not in data:
        message = f"`{table.name}` is a cube, whose rows are not counted."
        yield document.error((place,), message, "Name one of its measures: `measure: …`.")
    else:
        measure = next((one for one in table.measures if one.name == data["measure"]), None)
        if measure is None:
            known = ", ".join(one.name for one in table.measures)
            message = f"`{table.name}` has no measure `{data['measure']}`."
            yield document.error((place, "measure"), message, f"It has {known}.")
        elif measure.kind not in ADDITIVE and ("over" in document.data or _adds_up(data)):
            message = f"`{measure.name}` is a {measure.kind}: it cannot be added up or divided."
            remedy = "Take a count or a sum, or the measure alone for one code."
            yield document.error((place, "measure"), message, remedy)
    coded = {
        column.name: column.codelist
        for column in table.columns
        if column.codelist and column.role in ("dimension", "attribute")
    }
    for name, codes in data.get("where", {}).items():
        if name not in coded:
            message = f"`{table.name}` has no coded column `{name}`."
            yield document.error((place, "where", name), message, f"It has {', '.join(coded)}.")
            continue
        known_codes = codelists[coded[name] or ""].codes
        for index, code in enumerate(codes):
            if code not in known_codes:
                message = f"`{code}` is not a code of `{coded[name]}`."
                shown = ", ".join(list(known_codes)[:20])
                yield document.error(
                    (place, "where", name, index), message, f"Use one of: {shown}."
                )


def _adds_up(data: Mapping[str, Any]) -> bool:
    return any(len(codes) > 1 for codes in data.get("where", {}).values())


def _check_whole(target: Target) -> Iterator[DeclarationError]:
    document, of, over = target.document, target.of, target.over
    if over is None and of.measure is None:
        message = "How many rows there are is no share of anything."
        yield document.error(("of",), message, "Say under `over:` of how many.")
    if over is not None and over.table.period != of.table.period:
        message = (
            f"The periods of `{over.table.name}` are not those of `{of.table.name}`: "
            f"{over.table.period}, {of.table.period}."
        )
        yield document.error(("over", "table"), message, "Take a table with the same periods.")
    if target.goal and target.is_share and target.goal.value > 100:
        message = "More than 100 % is aimed at."
        yield document.error(("goal", "value"), message, "Write a value up to 100.")
    if target.by is None:
        return
    for place, term in (("of", of), ("over", over)):
        if term is None:
            continue
        names = {
            column.name
            for column in term.table.columns
            if column.role in ("dimension", "attribute") and column.type in ("code", "institution")
        }
        if target.by not in names or target.by in term.where:
            message = f"The figures of `{place}` are not to be had by `{target.by}`."
            remedy = "Name a coded column of the tables that `where:` does not choose from."
            yield document.error(("by",), message, remedy)
