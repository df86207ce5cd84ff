"""``ckan hcmedu privacy …``: the privacy gate, to be tried and asked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table


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

    raise SystemExit(report(files, _console(), school_names(settings.state_path())))


@privacy.command("audit")
@click.argument("datasets", nargs=-1)
def audit(datasets: Sequence[str]) -> None:
    """Audit again what is published of DATASETS (all, unless named); 1 where it fails.

    Tables of the same records are audited together: from all that is public of them, no figure
    that is too small may be worked out more closely than promised.
    """
    from ckanext.hcmedu import settings
    from harvesters.reaudit import reaudit

    declarations = settings.declarations()
    unknown = sorted(set(datasets) - set(declarations.tables))
    if unknown:
        raise click.ClickException(f"There is no dataset {', '.join(unknown)}.")
    sheet = Table("datasets", "period", "suppressed", "programmes", "outcome", box=SIMPLE_HEAD)
    failed = False
    for result in reaudit(settings.state_path(), declarations, datasets):
        failed |= result.problem is not None
        sheet.add_row(
            ", ".join(result.tables),
            result.period,
            f"{result.suppressed:,}",
            f"{result.programmes:,}",
            result.problem or "safe",
        )
    _console().print(sheet)
    raise SystemExit(int(failed))


def _console() -> Console:
    """Where a result is read: in a log or a pipe nothing has to fit a screen."""
    console = Console()
    return console if console.is_terminal else Console(width=160)
