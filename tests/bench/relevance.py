"""How well search finds what people look for, beside CKAN's own search: nDCG@10.

``python -m tests.bench.relevance`` starts services of its own and puts the judged queries of
`tests/relevance/queries.yaml` to both, as they are written and without diacritics. With ``-v`` the
queries that do worst are listed, with what was found.
"""

from __future__ import annotations

import os
import sys
from itertools import groupby

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from tests.bench.services import services
from tests.relevance import judged

GOAL = 0.95


def measure(worst: int) -> None:
    """Print the table; runs with CKAN's configuration loaded."""
    asked = judged.judged()
    sheet = Table(
        f"{len(asked)} judged queries, nDCG@10", "ours", "without tones", "CKAN", "without tones",
        box=SIMPLE_HEAD, caption=f"goal: {GOAL}",
    )  # fmt: skip
    with judged.index() as first, judged.index(is_stock=True) as second:
        searches = (judged.ours(first), judged.stock(second))
        groups = [(name, list(group)) for name, group in groupby(asked, lambda one: one.asked_by)]
        for name, members in [*groups, ("all", asked)]:
            both = (members, [query.without_tones() for query in members])
            scores = [judged.score(each, search) for search in searches for each in both]
            sheet.add_row(name, *(f"{each:.3f}" for each in scores))
        Console(width=120).print(sheet)
        if not worst:
            return
        untoned = [query.without_tones() for query in asked]
        found = [(query, searches[0](query.text)) for query in asked + untoned]
        for query, names in sorted(found, key=lambda one: judged.ndcg(*one))[:worst]:
            reached = judged.ndcg(query, names)
            print(f"{reached:.2f} {query.text!r}: {', '.join(names[:6])} | {dict(query.grades)}")


def main() -> int:
    """Start services, measure, stop services."""
    worst = 60 if "-v" in sys.argv else 0
    with services() as ours:
        os.environ.update(ours.environment)
        from ckan.cli import load_config
        from ckan.config.middleware import make_app

        application = make_app(load_config(os.environ["CKAN_INI"]))
        with application._wsgi_app.test_request_context():
            measure(worst)
    return 0


if __name__ == "__main__":
    sys.exit(main())
