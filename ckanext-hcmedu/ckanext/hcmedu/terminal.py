"""How commands print: on a terminal as wide as that, in a log or a pipe as wide as it takes."""

from __future__ import annotations

from collections.abc import Collection

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

_WIDE = 200


def console() -> Console:
    """Where a result is read: in a log or a pipe nothing has to fit a screen."""
    found = Console()
    return found if found.is_terminal else Console(width=_WIDE)


def sheet(*titles: str, numbers: Collection[str] = (), no_wrap: bool = False) -> Table:
    """A table with these titles; the columns called `numbers` stand on the right."""
    found = Table(box=SIMPLE_HEAD, pad_edge=False)
    for title in titles:
        justify = "right" if title in numbers else "left"
        found.add_column(title, no_wrap=no_wrap, justify=justify)
    return found
