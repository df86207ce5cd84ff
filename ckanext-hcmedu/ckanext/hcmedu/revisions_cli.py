"""``ckan hcmedu revisions …``: revisions that wait for a publisher's decision."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import click

from ckanext.hcmedu.terminal import console, sheet
from schemas import TOTAL

MOST_ROWS = 200


@click.group()
def revisions() -> None:
    """Revisions of published periods that tell by how few persons a figure has changed.

    They are held until somebody decides. What is held is confidential, the differences above all.
    """


@revisions.command("list")
@click.option("--decided", is_flag=True, help="The decisions that were taken, instead.")
def list_(decided: bool) -> None:
    """List the revisions that wait, or the decisions that were taken."""
    from ckanext.hcmedu import settings
    from harvesters.revisions import decisions, held

    if decided:
        rows = sheet("record", "period", "decision", "by", "at", "reason")
        for one in decisions(settings.state_path()):
            rows.add_row(*(str(one[column.header]) for column in rows.columns))
    else:
        rows = sheet("record", "period", "datasets", "telling", "since", numbers=["telling"])
        for waiting in held(settings.state_path()):
            rows.add_row(
                waiting.record,
                waiting.period,
                ", ".join(waiting.tables),
                f"{waiting.told:,}",
                waiting.made.isoformat(" "),
            )
    if rows.row_count:
        console().print(rows)
    else:
        console().print("No decision was taken yet." if decided else "No revision waits.")


@revisions.command("show")
@click.argument("record")
@click.argument("period")
@click.option("--most", default=MOST_ROWS, show_default=True, help="How many rows at the most.")
def show(record: str, period: str, most: int) -> None:
    """What readers would see change by the revision of RECORD for PERIOD. Confidential."""
    from ckanext.hcmedu import settings
    from harvesters.revisions import UnknownRevision, changes, find

    state, declarations = settings.state_path(), settings.declarations()
    try:
        revision = find(state, record, period)
    except UnknownRevision as error:
        raise click.ClickException(str(error)) from None
    rows = sheet("dataset", "measure", "row", "before", "after", numbers=["before", "after"])
    found = changes(revision, state, declarations)
    for one in itertools.islice(found, most):
        codes = ", ".join(f"{name}={code}" for name, code in one.codes.items() if code != TOTAL)
        before, after = _value(one.before, one.before_status), _value(one.after, one.after_status)
        rows.add_row(one.table, one.measure, codes, before, after)
    console().print(rows)
    more = sum(1 for _ in found)
    if more:
        console().print(f"… and {more:,} more rows.")


def _decide(record: str, period: str, by: str, reason: str, accepted: bool) -> None:
    from ckanext.hcmedu import settings
    from harvesters.revisions import Busy, UnknownRevision, accept, reject

    try:
        (accept if accepted else reject)(settings.state_path(), record, period, by, reason)
    except (UnknownRevision, Busy) as error:
        raise click.ClickException(str(error)) from None
    done = "Accepted; `ckan hcmedu run` or the scheduler publishes it." if accepted else "Rejected."
    console().print(done)


def _decision(name: str) -> Callable[[Callable[..., None]], click.Command]:
    """A command that decides on a revision, called `name`."""

    def command(decide: Callable[..., None]) -> click.Command:
        why = "Why; kept beside the part, shown to staff only."
        for add in (
            click.option("--reason", required=True, help=why),
            click.option("--by", required=True, help="Who decides: the name of an account."),
            click.argument("period"),
            click.argument("record"),
        ):
            decide = add(decide)
        return revisions.command(name)(decide)

    return command


@_decision("accept")
def accept_(record: str, period: str, by: str, reason: str) -> None:
    """Let the revision of RECORD for PERIOD out."""
    _decide(record, period, by, reason, accepted=True)


@_decision("reject")
def reject_(record: str, period: str, by: str, reason: str) -> None:
    """Leave what is published; the same records are not proposed again."""
    _decide(record, period, by, reason, accepted=False)


def _value(value: float | None, status: str) -> str:
    return status or ("–" if value is None else f"{value:,}")
