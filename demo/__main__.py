"""``python -m demo``: seed the simulated city, drop its files, run its services."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import psycopg2
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from sqlalchemy.engine import make_url

from demo import NOTICE, central, services
from demo.calibration import LEVELS, PUPILS, SCHOOL_YEARS
from demo.city import GRADE_LEVEL, City
from demo.drop import drop as drop_into
from demo.settings import SettingsError, city_settings, drop_folder, required

_console = Console(highlight=False, soft_wrap=True)


def _city_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of every command that needs to know which city is meant."""
    command = click.option(
        "--seed", type=int, help="Names the city.  [env HCMEDU_CITY_SEED; default 20250701]"
    )(command)
    return click.option(
        "--scale",
        type=float,
        help="How much of it: 1.0 is 2,528,789 pupils.  [env HCMEDU_CITY_SCALE; default 0.03]",
    )(command)


def _city(seed: int | None, scale: float | None) -> City:
    chosen = city_settings(seed, scale)
    return City(chosen.seed, chosen.scale)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """The simulated city: systems that a real deployment of the portal would harvest.

    Nothing in it is real but the names and codes of the areas and the totals it is calibrated
    to. The same seed and scale make the same city on every machine.

    \b
    python -m demo seed                  central database and drop folder; a no-op if done
    python -m demo services --port 5004  the service platform, until stopped
    python -m demo info --scale 1        what a city has, without making anything
    """


@main.command()
@_city_options
@click.option("--database-only", is_flag=True, help="Leave the drop folder as it is.")
def seed(seed: int | None, scale: float | None, database_only: bool) -> None:
    """Load the central education database and write the wards' files.

    The database is HCMEDU_CENTRAL_ADMIN_URL, in one transaction; the role that reads is that of
    HCMEDU_CENTRAL_DATABASE_URL (else central_reader). What is there already is not touched.
    """
    url = required("HCMEDU_CENTRAL_ADMIN_URL", "the URL of the central database's owner")
    folder = None if database_only else drop_folder()
    reader_url = os.environ.get("HCMEDU_CENTRAL_DATABASE_URL", "")
    reader = (make_url(reader_url).username if reader_url else None) or "central_reader"
    city = _city(seed, scale)
    _say_which(city)
    _seed_database(url, city, reader)
    if folder is not None:
        _drop(city, folder)


def _seed_database(url: str, city: City, reader: str) -> None:
    connection = central.connect(url)
    started = time.monotonic()
    try:
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=_console,
            transient=True,
            disable=not _console.is_terminal,
        ) as progress:
            total = len(central.TABLES) * len(SCHOOL_YEARS)
            task = progress.add_task("central database", total=total)

            def report(table: str, year: str, rows: int) -> None:
                progress.update(task, advance=1, description=f"{table} {year}: {rows:,} rows")

            counts = central.seed(connection, city, reader, report)
    finally:
        connection.close()
    if not counts:
        _console.print("central database: up to date, nothing done")
        return
    for name, rows in counts.items():
        _console.print(f"  {name:<22}{rows:>12,} rows")
    seconds = time.monotonic() - started
    _console.print(f"central database: {sum(counts.values()):,} rows in {seconds:.0f} s")


def _drop(city: City, folder: Path) -> None:
    done = drop_into(city, folder)
    if not done.written and not done.removed:
        _console.print(f"drop folder: up to date, {done.files} files")
    else:
        _console.print(
            f"drop folder: {done.files} files, {done.written} written, {done.removed} removed"
        )


@main.command("drop")
@_city_options
def drop_command(seed: int | None, scale: float | None) -> None:
    """Write the wards' files (libraries, fees, smart schools) into HCMEDU_DROP_FOLDER.

    Files are written only where their content differs; files of others stay.
    """
    folder = drop_folder()
    city = _city(seed, scale)
    _say_which(city)
    _drop(city, folder)


@main.command("services")
@_city_options
@click.option("--port", type=int, required=True, help="Port on 127.0.0.1.")
@click.option("--rate", type=float, default=25.0, show_default=True, help="Requests a second.")
@click.option("--burst", type=int, default=50, show_default=True, help="Requests at once.")
def services_command(
    seed: int | None, scale: float | None, port: int, rate: float, burst: int
) -> None:
    """Run the service platform (REST) until stopped.

    Clients authenticate with HCMEDU_SERVICES_CLIENT_ID and HCMEDU_SERVICES_CLIENT_SECRET at
    POST /oauth/token (OAuth 2 client credentials).
    """
    settings = services.ServiceSettings(
        required("HCMEDU_SERVICES_CLIENT_ID", "the id of the client that may ask"),
        required("HCMEDU_SERVICES_CLIENT_SECRET", "the secret of the client that may ask"),
        rate,
        burst,
    )
    city = _city(seed, scale)
    _say_which(city)
    services.serve(services.create_app(city, settings), port)


@main.command()
@_city_options
def info(seed: int | None, scale: float | None) -> None:
    """Print what a city has: institutions, pupils by level and school year, classes."""
    city = _city(seed, scale)
    _say_which(city)
    _console.print(f"{'':<18}" + "".join(f"{year:>13}" for year in SCHOOL_YEARS))
    counts = [len(city.schools.open_in(year)) for year in range(len(SCHOOL_YEARS))]
    rows: list[tuple[str, list[int]]] = [("institutions", counts)]
    for level in PUPILS:
        grades = LEVELS.index(level) == GRADE_LEVEL
        rows.append((level, city.pupils[:, grades].sum(axis=(0, 1)).tolist()))
    rows.append(("pupils", city.pupils.sum(axis=(0, 1)).tolist()))
    rows.append(("classes", city.classes.sum(axis=(0, 1)).tolist()))
    for name, numbers in rows:
        _console.print(f"{name:<18}" + "".join(f"{number:>13,}" for number in numbers))


def _say_which(city: City) -> None:
    _console.print(NOTICE["vi"])
    _console.print(f"seed {city.seed}, scale {city.scale:g}")


if __name__ == "__main__":
    try:
        main(prog_name="python -m demo")
    except (SettingsError, ValueError, psycopg2.OperationalError) as error:
        click.secho(f"demo: {str(error).strip()}", fg="red", err=True)
        sys.exit(1)
