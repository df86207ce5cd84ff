"""``ckan hcmedu privacy …``: the privacy gate, to be tried and asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ckanext.hcmedu.terminal import console
from harvesters.disclosure.explanation import Explanation, Line
from schemas import TOTAL, Component, Declarations
from schemas import Table as Declared
from schemas.table import LEAST_CONTRIBUTORS


@click.group()
def privacy() -> None:
    """The privacy gate: what comes in, and what goes out."""


@privacy.command("check")
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
def check(files: Sequence[Path]) -> None:
    """Tìm dữ liệu cá nhân trong FILES trước khi gửi · look for personal data in FILES.

    The same look as the portal takes at files that come in: cells, hidden sheets, comments,
    properties, names. 1 where something is found. No value is shown. The names of the schools are
    taken from the registers that are there; no service is needed.
    """
    from ckanext.hcmedu import settings
    from harvesters.disclosure.personal_data.program import report
    from harvesters.harvest import school_names

    raise SystemExit(report(files, console(), school_names(settings.state_path())))


@privacy.command("audit")
@click.argument("datasets", nargs=-1)
def audit(datasets: Sequence[str]) -> None:
    """Audit again what is published of DATASETS (all, unless named); 1 where it fails.

    Tables of the same records are audited together: from all that is public of them, no figure
    that is too small may be worked out more closely than promised. The outcome is kept, and shown
    on the portal's page about privacy.
    """
    from ckanext.hcmedu import operations, settings

    unknown = sorted(set(datasets) - set(settings.declarations().tables))
    if unknown:
        raise click.ClickException(f"There is no dataset {', '.join(unknown)}.")
    sheet = Table("datasets", "period", "suppressed", "programmes", "outcome", box=SIMPLE_HEAD)
    failed = False
    for result in operations.audit(datasets):
        failed |= result.problem is not None
        sheet.add_row(
            ", ".join(result.tables),
            result.period,
            f"{result.suppressed:,}",
            f"{result.programmes:,}",
            result.problem or "safe",
        )
    console().print(sheet)
    raise SystemExit(int(failed))


@privacy.command("explain")
@click.argument("table")
@click.argument("cell", nargs=-1, metavar="[COLUMN=CODE] …")
def explain(table: str, cell: Sequence[str]) -> None:
    """Why is a figure of TABLE hidden? The cell is given by its codes.

    For example: enrolment period=2025-2026 school=79000101 grade=grade-3 sex=female. Columns that
    are left out stand for the total; a coarser column follows from a finer one. Of several
    measures, measure=NAME chooses one.

    What is hidden is not shown: only the rule, and what a reader of everything that is published
    can work out.
    """
    from ckanext.hcmedu import settings
    from harvesters.disclosure.explanation import NoSuchCell
    from harvesters.explain import explain_published

    asked = {}
    for each in cell:
        column, _, code = each.partition("=")
        if not (column and code):
            raise click.ClickException(f"`{each}` is not COLUMN=CODE, as in sex=female.")
        asked[column] = code
    declarations = settings.declarations()
    try:
        period, found = explain_published(settings.state_path(), declarations, table, asked)
    except NoSuchCell as error:
        raise click.ClickException(str(error)) from None
    _show(period, found, declarations, console())


_AMOUNT = (
    f"Too few: it comes from fewer than {LEAST_CONTRIBUTORS} institutions, or mostly from "
    "one or two, who could work out each other's."
)
_AMOUNT_OF_OTHERS = (
    "Hidden because with it another sum, of too few institutions, could be worked out."
)


def _number(value: float) -> str:
    return f"{value:,.0f}" if value == int(value) else f"{value:,.2f}"


def _show(period: str, found: Explanation, declarations: Declarations, to: Console) -> None:
    """Print an explanation: the cell, the answer, and the figures behind it."""

    def say(text: str, style: str | None = None) -> None:
        to.print(text, style=style, markup=False, highlight=False)

    def titled(column: str, code: str) -> str:
        codelist = declarations.codelists.get(_codelist(found.table, column) or "")
        known = codelist is not None and (code == TOTAL or code in codelist.codes)
        label = codelist.label(code)["en"] if codelist is not None and known else ""
        return f"{code} ({label})" if label else code

    say(f"{found.table.name}, {period}: {found.measure.title['en']}", "bold")
    cell = Table(box=None, show_header=False, pad_edge=False)
    for column, code in found.cell.items():
        cell.add_row(column, escape(titled(column, code)))
    to.print(cell)
    for line in _answer(found):
        say(line)
    for figure in found.figures:
        say(f"\n{_called(found.table, figure.component)}", "bold")
        if figure.amount:
            say(_AMOUNT if figure.too_small else _AMOUNT_OF_OTHERS)
        elif figure.too_small:
            say(
                f"Too small: it is from 1 to {figure.k - 1}, and no figure of persons under "
                f"{figure.k} is published."
            )
        elif figure.all_or_none:
            say("It would tell that nobody, or that everybody, is of a sensitive category.")
        else:
            before = " Or an earlier version hid it, or it would tell what has changed since."
            say(
                f"Not too small itself (the threshold is {figure.k}): hidden because with it "
                "another figure, which is too small, could be worked out."
                + (before if found.revised else "")
            )
        say(
            "From everything that is published a reader can work out that it is between "
            f"{_number(figure.least)} and {_number(figure.greatest)}, and nothing more."
        )
        if figure.lines:
            to.print(_lines(figure.lines, titled))


def _codelist(table: Declared, column: str) -> str | None:
    known = [one.codelist for one in table.columns if one.name == column]
    return known[0] if known else None


def _called(table: Declared, component: Component) -> str:
    """The measure that publishes a component, or what the component itself is called."""
    own = (m.name for m in table.measures if m.numerator == component and m.denominator is None)
    return next(own, component.name)


def _answer(found: Explanation) -> list[str]:
    """What is published of the figure, in words."""
    if found.status == "":
        return [f"Not hidden. What is published: {found.value:,}"]
    if found.status == "z":
        return ["Not hidden: the figure does not apply here (z)."]
    if found.status == "x":
        return ["Not hidden: no figure was delivered (x)."]
    of_persons = found.measure.about == "persons"
    if not of_persons and not found.measure.magnitudes:
        return ["Hidden (c): a rule about institutions hides it; it counts no persons."]
    own = found.measure.kind in ("count", "sum") and found.measure.numerator.whole
    answer = ["Hidden (c)."]
    if of_persons and not own:
        answer.append(
            "It tells of the persons behind it, and is hidden where they may not be told."
        )
    if of_persons and not found.figures:
        answer.append("How many they are stands in no table that is published.")
    if any(dimension.sensitive for dimension in found.table.dimensions):
        answer.append(
            "The table has sensitive categories: that nobody or everybody is in one is hidden too."
        )
    return answer


def _lines(lines: Sequence[Line], titled: Callable[[str, str], str]) -> Table:
    """The lines with other hidden figures, one a row."""
    sheet = Table(box=SIMPLE_HEAD, pad_edge=False)
    sheet.add_column("in the line", overflow="fold")
    sheet.add_column("by")
    sheet.add_column("hidden", justify="right")
    sheet.add_column("figures", justify="right")
    for line in lines:
        total = ", ".join(f"{column} {titled(column, code)}" for column, code in line.total.items())
        sheet.add_row(
            escape(total or "everything"),
            ", ".join(line.by) or "the rest",
            str(line.hidden),
            str(line.figures),
        )
    return sheet
