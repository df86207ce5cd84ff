"""How the portal protects the persons behind its figures: a page for everyone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import ckan.plugins.toolkit as tk
from flask import Blueprint

from ckanext.hcmedu import settings
from schemas import Table

blueprint = Blueprint("hcmedu_privacy", __name__)


@dataclass(frozen=True)
class Example:
    """A small made-up table with its sums in the last row and column, and which of its cells
    (row, column) are hidden."""

    rows: tuple[tuple[int, ...], ...]
    hidden: frozenset[tuple[int, int]]


_ROWS = ((18, 12, 30), (3, 22, 25), (15, 16, 31), (36, 50, 86))
TOO_SMALL = (1, 0)
"""The cell of the example that may not be shown."""
ONE_HIDDEN = Example(_ROWS, frozenset({TOO_SMALL}))
FOUR_HIDDEN = Example(_ROWS, frozenset(product((0, 1), (0, 1))))
MOST = 21
"""In `FOUR_HIDDEN` the cell that is too small can be anything from 0 to this."""


@blueprint.route("/privacy")
def index() -> str:
    """What is hidden and why, the rules, the last audit, and whom to tell of a concern."""
    store = settings.release_store()
    page = {
        "audit": settings.last_audit(),
        "rules": rules(settings.declarations().tables),
        "published": {name for name in store.tables() if store.current(name)},
        "examples": {"one": ONE_HIDDEN, "four": FOUR_HIDDEN, "most": MOST},
    }
    return tk.render("hcmedu/privacy/index.html", page)


def rules(tables: Mapping[str, Table]) -> dict[int, list[Table]]:
    """The tables that count persons by their threshold, the lowest first."""
    found: dict[int, list[Table]] = {}
    for table in tables.values():
        if any(one.about == "persons" and one.denominator is None for one in table.measures):
            found.setdefault(table.disclosure.threshold, []).append(table)
    return dict(sorted(found.items()))
