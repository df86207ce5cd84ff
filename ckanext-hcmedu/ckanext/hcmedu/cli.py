"""``ckan hcmedu …``: what an operator does with the portal, in the order of the data's way."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import click
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table as Sheet

from ckanext.hcmedu.city_cli import city
from ckanext.hcmedu.feed_cli import feed
from ckanext.hcmedu.privacy_cli import privacy
from ckanext.hcmedu.revisions_cli import revisions
from ckanext.hcmedu.terminal import console as terminal
from ckanext.hcmedu.terminal import sheet as make_sheet
from harvesters.disclosure import Refused
from harvesters.releases import UnknownRelease
from schemas import DeclarationErrors, Declarations

console = terminal()


def get_commands() -> list[click.Command]:
    """The command group, for CKAN's `IClick`."""
    return [hcmedu]


@click.group(short_help="Harvest, release and publish education data.")
def hcmedu() -> None:
    """Harvest the sector's systems, release what is safe to publish, and publish it.

    The way of the data: harvest → release → reconcile. Each step can be repeated at will.
    """
    # Progress and results are what an operator reads here; CKAN's own chatter goes to its logs.
    for name in ("ckan", "ckanext", "harvesters"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # It reports each source that is being made as missing: it looks before the source is written.
    logging.getLogger("ckanext.harvest.plugin").setLevel(logging.CRITICAL)


hcmedu.add_command(city)
hcmedu.add_command(feed)
hcmedu.add_command(privacy)
hcmedu.add_command(revisions)


@hcmedu.group()
def tables() -> None:
    """The declarations of tables, record types and code lists."""


@tables.command("check")
@click.argument("folders", nargs=-1, type=click.Path(path_type=Path))
def check_tables(folders: Sequence[Path]) -> None:
    """Check every declaration, those in FOLDERS too; mistakes are shown with file and line."""
    from ckanext.hcmedu import settings

    try:
        found = Declarations.load(folders) if folders else settings.declarations()
    except DeclarationErrors as wrong:
        console.print(str(wrong), markup=False, soft_wrap=True)
        raise SystemExit(1) from None
    console.print(
        f"{len(found.tables)} tables, {len(found.records)} record types, "
        f"{len(found.codelists)} code lists, {len(found.targets)} targets: all well-formed."
    )


@tables.command("list")
def list_tables() -> None:
    """List the declared tables with their newest release."""
    _overview()


@hcmedu.command()
def bootstrap() -> None:
    """Make organisations, topics and harvest sources agree with their declarations."""
    from ckanext.hcmedu import operations

    for kind, result in operations.bootstrap().items():
        counts = {name: len(value) for name, value in vars(result).items()}
        console.print(f"{kind}: " + ", ".join(f"{count} {name}" for name, count in counts.items()))


@hcmedu.group()
def sources() -> None:
    """The systems that records are harvested from."""


@sources.command("list")
def list_sources() -> None:
    """List the declared sources: connector, address (without secrets), records, schedule."""
    from ckanext.hcmedu.sources import declared_sources

    sheet = _sheet("source", "connector", "address", "records", "schedule")
    for source in declared_sources():
        schedule = source.schedule
        when = f"{schedule.cron} ({schedule.timezone})" if schedule else "by hand"
        records = ", ".join(source.records)
        sheet.add_row(source.name, source.connector, source.safe_address, records, when)
    console.print(sheet)


@sources.command("sync")
def sync() -> None:
    """Make ckanext-harvest's sources agree with the declared ones."""
    from ckanext.hcmedu.sources import sync_sources

    result = sync_sources()
    for name, values in vars(result).items():
        if values:
            console.print(f"{name}: {', '.join(values)}")


@hcmedu.command()
@click.argument("names", nargs=-1)
@click.option("--wait/--no-wait", default=True, help="Wait until the harvest is done.")
def harvest(names: Sequence[str], wait: bool) -> None:
    """Harvest the sources NAMES, or all, through the harvest workers."""
    raise SystemExit(int(_harvest(names, wait)))


@hcmedu.command()
def release() -> None:
    """Release what the sealed snapshots make new; nothing new, no release."""
    raise SystemExit(_release())


@hcmedu.command()
@click.argument("names", nargs=-1)
def reconcile(names: Sequence[str]) -> None:
    """Make datasets, DataStore, search index and pages agree with the releases (of NAMES); the
    feed with what CKAN has."""
    raise SystemExit(_reconcile(names))


@hcmedu.command()
def run() -> None:
    """The whole way, with progress: bootstrap, harvest all sources, release, reconcile, status."""
    from ckanext.hcmedu import operations

    operations.bootstrap()
    failed = _harvest((), True)
    failed |= bool(_release())
    failed |= bool(_reconcile(()))
    failed |= bool(_audit_changes())
    _check_feed_if_due()
    _overview()
    _last_audit()
    raise SystemExit(int(failed))


@hcmedu.command()
@click.argument("table")
@click.argument("number", type=int)
@click.option("--by", required=True, help="Who approves: the name of an account.")
@click.option("--reason", required=True, help="Why; kept beside the release.")
def approve(table: str, number: int, by: str, reason: str) -> None:
    """Let release NUMBER of TABLE out, which waits for approval, and publish it."""
    from ckanext.hcmedu import settings

    try:
        settings.release_store().approve(table, number, by, reason)
    except UnknownRelease as error:
        raise click.ClickException(str(error)) from None
    raise SystemExit(_reconcile((table,)) | _audit_changes())


@hcmedu.command()
@click.argument("table")
@click.argument("number", type=int, required=False)
@click.option("--reason", required=True, help="Why; readers are shown it.")
def withdraw(table: str, number: int | None, reason: str) -> None:
    """Take release NUMBER of TABLE back from every exit at once, or all its releases.

    Later releases that carry the same figures go with it. The release before stands again, or
    nothing does. Readers are shown the reason: personal data in it is refused.
    """
    from ckanext.hcmedu import settings

    try:
        taken = settings.release_store().withdraw(table, number, reason)
    except (UnknownRelease, Refused) as error:
        raise click.ClickException(f"Nothing was withdrawn. {error}") from None
    console.print(f"{table}: withdrew {', '.join(str(one) for one in taken)}.")
    raise SystemExit(_reconcile((table,)) | _audit_changes())


@hcmedu.command()
def verify() -> None:
    """Compare datasets, DataStore and search index with the releases; 1 where they differ."""
    from ckanext.hcmedu import settings
    from ckanext.hcmedu.reconcile import verify as compare

    differences = compare(settings.release_store(), settings.declarations())
    for difference in differences:
        console.print(str(difference), markup=False)
    if differences:
        console.print("`ckan hcmedu reconcile` mends this.")
    else:
        console.print("Every projection agrees with the releases.")
    raise SystemExit(int(bool(differences)))


@hcmedu.command()
def status() -> None:
    """What is not well and how to mend it; each source and when it is harvested; each dataset:
    where it comes from, its rows, its release; and the last audit of all. Staff read the same at
    /operations."""
    _problems()
    _overview()
    _last_audit()


@hcmedu.command()
@click.argument("source", required=False)
def reports(source: str | None) -> None:
    """What was wrong with the records that SOURCE delivered, by place and rule."""
    from ckanext.hcmedu import settings
    from harvesters.deliveries import with_problems

    found = 0
    for delivery in with_problems(settings.state_path()):
        if source is not None and delivery.source != source:
            continue
        for problem in delivery.problems:
            found += 1
            place = [f"{delivery.source} / {delivery.record} / {delivery.period}"]
            place.append(problem["origin"])
            for key, word in (("sheet", "trang"), ("row", "dòng"), ("column", "cột")):
                if problem.get(key):
                    place.append(f"{word} {problem[key]}")
            if problem.get("field"):
                place.append(problem["field"])
            console.print(", ".join(place), style="bold", markup=False, soft_wrap=True)
            text = f"  {problem['expected']['vi']} {problem['remedy']['vi']}"
            console.print(text, markup=False, soft_wrap=True)
    if not found:
        console.print("No problem was found in the last harvests.")


@hcmedu.command()
def scheduler() -> None:
    """Run the clock: harvest on schedule, release, reconcile; audit, check and compare at night.

    Runs until stopped.
    """
    from ckanext.hcmedu.scheduler import scheduler as clock

    for name in ("ckanext.hcmedu", "harvesters"):
        logging.getLogger(name).setLevel(logging.INFO)
    clock().start()


def _harvest(names: Sequence[str], wait: bool) -> bool:
    """Harvest, with a bar for each source; whether there were errors."""
    from ckanext.hcmedu import operations
    from ckanext.hcmedu.sources import declared_sources

    declared = declared_sources()
    unknown = set(names) - {source.name for source in declared}
    if unknown:
        known = ", ".join(source.name for source in declared)
        raise click.ClickException(f"No source {', '.join(sorted(unknown))}; there are {known}.")
    chosen = [source for source in declared if not names or source.name in names]
    if not wait:
        for source in chosen:
            console.print(f"{source.name}: job {operations.start_harvest(source)}")
        return False
    with _progress() as bars:
        tasks = {one.name: bars.add_task(f"harvest {one.name}", total=None) for one in chosen}

        def show(progress: operations.HarvestProgress) -> None:
            total = progress.total if progress.total or progress.finished else None
            bars.update(tasks[progress.source], completed=progress.done, total=total)

        messages = operations.harvest(chosen, show)
    for message in messages:
        console.print(message, style="red", markup=False, soft_wrap=True)
    return bool(messages)


def _release() -> int:
    from ckanext.hcmedu import operations

    with _progress() as bars:
        task = bars.add_task("release", total=None)

        def show(table: str, period: str) -> None:
            bars.update(task, advance=1, description=f"release {table} {period}"[:70])

        outcome = operations.release(show)
        bars.update(task, description="release")
    for made in outcome.releases:
        console.print(f"{made.table}: release {made.number}, {made.state}", highlight=False)
    for refused in outcome.refusals:
        console.print(f"Not published: {refused}", style="red", markup=False, soft_wrap=True)
    for record, period in outcome.held:
        text = f"Held: a revision of {record} for {period}; see `ckan hcmedu revisions list`"
        console.print(text, style="yellow", markup=False, soft_wrap=True)
    if not outcome.releases and not outcome.refusals and not outcome.held:
        console.print("Nothing new to release.")
    return int(bool(outcome.refusals))


def _reconcile(names: Sequence[str]) -> int:
    from ckanext.hcmedu import operations

    with _progress() as bars:
        task = bars.add_task("reconcile", total=None)
        outcomes = operations.reconcile(names or None, lambda outcome: bars.advance(task))
        bars.update(task, total=len(outcomes), completed=len(outcomes))
    changed = [one for one in outcomes if one.action not in ("unchanged", "none")]
    for outcome in changed:
        style = "red" if outcome.is_problem else None
        text = f"{outcome.table}: {outcome.action}"
        if outcome.release is not None:
            text += f", release {outcome.release}"
        if outcome.message:
            text += f" – {outcome.message}"
        console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)
    if not changed:
        console.print("Every projection agrees with the releases.")
    return int(any(one.is_problem for one in outcomes))


def _audit_changes() -> int:
    """Audit what is newly published, or no longer is; 1 where it is not safe."""
    from ckanext.hcmedu import operations

    results = operations.audit_changes()
    for result in results:
        if result.problem is not None:
            text = f"Not safe: {', '.join(result.tables)} {result.period}: {result.problem}"
            console.print(text, style="red", markup=False, soft_wrap=True)
    return int(any(result.problem is not None for result in results))


def _check_feed_if_due() -> None:
    """Check the feed where that was missed, so that its page has something to show."""
    from ckanext.hcmedu.conformance.check import CheckFailed, check_and_keep
    from ckanext.hcmedu.conformance.outcome import last

    report = last()
    if report is not None and not report.is_due:
        return
    try:
        good = check_and_keep().is_good
    except CheckFailed as failed:
        console.print(str(failed), style="yellow", markup=False, soft_wrap=True)
        return
    if not good:
        text = "The feed does not keep to its standards; see `ckan hcmedu feed check`."
        console.print(text, style="yellow", markup=False, soft_wrap=True)


def _last_audit() -> None:
    """A line on the last audit of what is published, in red where it alarms."""
    from ckanext.hcmedu import settings

    last = settings.last_audit()
    if last is None:
        console.print("Not audited again so far: `ckan hcmedu privacy audit` does so.")
        return
    wrong = [f"{', '.join(one.files)} {one.period} ({one.problem})" for one in last.problems]
    outcome = f"NOT SAFE: {'; '.join(wrong)}" if wrong else "safe"
    late = " An audit is overdue: does the scheduler run?" if last.is_overdue else ""
    console.print(
        f"Audit of {last.at}: {len(last.tables)} datasets, {last.suppressed:,} suppressed figures: "
        f"{outcome}.{late}",
        style="red" if wrong or late else None,
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def _problems() -> None:
    """What is not well, in red, and how the sources stand."""
    from ckanext.hcmedu import standing

    sources = standing.feeding(datetime.now(UTC))
    found = standing.problems(sources)
    for problem in found:
        since = ""
        if problem.since:
            since = f" (since {problem.since.astimezone(UTC):%Y-%m-%d %H:%M} UTC)"
        text = f"{problem.what['en']}{since} {problem.remedy['en']}"
        console.print(text, style="red", markup=False, highlight=False, soft_wrap=True)
    if not found:
        console.print("All is well.")
    sheet = _sheet("source", "state", "last success (UTC)", "next (UTC)")
    for one in sources:
        moments = (each.astimezone(UTC) if each else None for each in (one.succeeded, one.next))
        shown = (f"{each:%Y-%m-%d %H:%M}" if each else "" for each in moments)
        sheet.add_row(one.source.name, one.state, *shown)
    console.print(sheet)


def _overview() -> None:
    from ckanext.hcmedu import standing

    sheet = _sheet("dataset", "source", "periods", "rows", "hidden", "release", "state")
    for row in standing.overview():
        sheet.add_row(
            row.table,
            row.sources,
            row.periods,
            f"{row.rows:,}" if row.release else "",
            f"{row.suppressed:,}" if row.release else "",
            str(row.release or ""),
            row.state,
        )
    console.print(sheet)


def _sheet(*titles: str) -> Sheet:
    """A table with one line a row."""
    return make_sheet(*titles, numbers=("rows", "hidden", "release", "row"), no_wrap=True)


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
    )
