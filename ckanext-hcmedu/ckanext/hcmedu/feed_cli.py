"""``ckan hcmedu feed …``: how well the feed keeps to its standards."""

from __future__ import annotations

import click
from rich.markup import escape

from ckanext.hcmedu.terminal import console, sheet


@click.group()
def feed() -> None:
    """The feed that other catalogues harvest."""


@feed.command("check")
def check() -> None:
    """Hold the feed against its standards now; 1 where it fails, 2 where it cannot be checked.

    Every dataset: the portal's SHACL shapes, those of DCAT-AP where `hcmedu.official_shapes_path`
    names them, the metadata quality score of data.europa.eu, whether its addresses answer, and
    whether all formats say the same. The outcome is kept, and shown at /conformance; the scheduler
    does so each night.
    """
    from ckanext.hcmedu.conformance.check import CheckFailed, check_and_keep
    from ckanext.hcmedu.dcat.quality import MOST

    to = console()
    try:
        found = check_and_keep()
    except CheckFailed as failed:
        to.print(str(failed), style="red", markup=False, soft_wrap=True)
        raise SystemExit(2) from None
    rows = sheet("format", "pages", "datasets", "statements", "valid", "agrees",
                 numbers=("pages", "datasets", "statements"))  # fmt: skip
    for one in found.dialects:
        counts = ("–" if number is None else f"{number:,}"
                  for number in (one.pages, one.datasets, one.statements))  # fmt: skip
        rows.add_row(one.name, *counts, _yes(one.is_valid), _yes(one.agrees))
    to.print(rows)
    rows = sheet("quality", "points", "of", numbers=("points", "of"))
    for dimension in found.dimensions:
        rows.add_row(dimension.name, f"{dimension.points:g}", str(dimension.most))
    rows.add_row("all", f"{found.score:g}", str(MOST))
    to.print(rows)
    for item in found.lost:
        to.print(f"Lost by {item.datasets:,}: {item.item} ({item.most})", highlight=False)
    for shapes in found.shapes:
        style = "red" if shapes.violations else None
        to.print(f"Shapes ({shapes.name}): {shapes.violations:,} violations", style=style)
        for example in shapes.examples:
            to.print(escape(f"  {example['node']} {example['path']}"), soft_wrap=True)
    asked = found.addresses
    to.print(
        f"Addresses: {asked.answered:,} answered, {asked.silent:,} did not, "
        f"{asked.not_asked:,} were not asked",
        style="red" if asked.silent else None,
    )
    for address in asked.examples:
        to.print(escape(f"  {address}"), soft_wrap=True)
    raise SystemExit(int(not found.is_good))


def _yes(value: bool) -> str:
    return "yes" if value else "[red]NO[/red]"
