"""The judged queries, put to a search index that holds every declared table.

The tables are written into Solr as CKAN would write them, under a site of their own, so that no
city has to be harvested before search can be measured.
"""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import ckan.plugins.toolkit as tk
import pysolr
import yaml
from ckan.lib.search.query import QUERY_FIELDS

from ckanext.hcmedu import settings
from ckanext.hcmedu.search import documents, queries
from schemas import Table

FILE = Path(__file__).with_name("queries.yaml")
LOOKED_AT = 10
"""Places of the list of hits that count."""

_SITE = "relevance"

Search = Callable[[str], Sequence[str]]
"""From a query to the tables that are found, best first."""


@dataclass(frozen=True)
class Query:
    """What is looked for, who looks for it, and the grade of each table that has one."""

    text: str
    asked_by: str
    grades: Mapping[str, int]

    def without_tones(self) -> Query:
        """The same, as it is typed without diacritics."""
        return Query(untoned(self.text), self.asked_by, self.grades)


def judged() -> list[Query]:
    """All judged queries."""
    found = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return [
        Query(one["q"], group, {name: grade for grade in (1, 2, 3) for name in one.get(grade, ())})
        for group, members in found.items()
        for one in members
    ]


def untoned(text: str) -> str:
    """The text without diacritics, đ included."""
    parts = unicodedata.normalize("NFD", text.replace("đ", "d").replace("Đ", "D"))
    return "".join(each for each in parts if not unicodedata.combining(each))


def ndcg(query: Query, found: Sequence[str]) -> float:
    """Normalised discounted cumulative gain of the first ten, from 0 to 1.

    Source: Järvelin and Kekäläinen 2002, with the gain 2^grade − 1 of Burges et al. 2005.
    """

    def gain(grades: Sequence[int]) -> float:
        looked_at = enumerate(grades[:LOOKED_AT])
        return sum((2**grade - 1) / math.log2(place + 2) for place, grade in looked_at)

    best = gain(sorted(query.grades.values(), reverse=True))
    return gain([query.grades.get(name, 0) for name in found]) / best


def score(asked: Sequence[Query], search: Search) -> float:
    """The mean over the queries."""
    return mean(ndcg(query, search(query.text)) for query in asked)


@contextmanager
def index(is_stock: bool = False) -> Iterator[pysolr.Solr]:
    """The portal's Solr core, with every declared table in it until the block ends.

    :param is_stock: that of the second CKAN, which has CKAN's schema, and what CKAN puts into it.
    """
    address = tk.config["solr_url"]
    if is_stock:
        address = f"{address.rsplit('/', 1)[0]}/second"
    core = pysolr.Solr(address, always_commit=True, timeout=30)
    declared = settings.declarations()
    core.add(
        [
            _document(table) | ({} if is_stock else documents.of_table(table, declared))
            for table in declared.tables.values()
        ]
    )
    try:
        yield core
    finally:
        core.delete(q=f"site_id:{_SITE}")


def _document(table: Table) -> dict[str, Any]:
    """What CKAN would index of the table's dataset by itself."""
    both = ("title", "description")
    return {
        "index_id": f"{_SITE}-{table.name}",
        "id": table.name,
        "site_id": _SITE,
        "name": table.name,
        "entity_type": "package",
        "state": "active",
        "title": table.title["vi"],
        "notes": table.description["vi"],
        "tags": list(table.keywords["vi"]),
        "groups": [table.topic],
        **{f"extras_{name}_translated": json.dumps(dict(getattr(table, name)), ensure_ascii=False)
           for name in both},
    }  # fmt: skip


def ours(core: pysolr.Solr) -> Search:
    """Search as the portal does."""
    return lambda text: _names(core, **queries.parameters({"q": text}))


def stock(core: pysolr.Solr) -> Search:
    """Search as CKAN does by itself."""
    asked = {"defType": "dismax", "tie": "0.1", "mm": "2<-1 5<80%", "qf": QUERY_FIELDS}
    return lambda text: _names(core, q=text, **asked)


def _names(core: pysolr.Solr, **parameters: Any) -> list[str]:
    found = core.search(fq=f"site_id:{_SITE}", fl="name", rows=LOOKED_AT, **parameters)
    return [each["name"] for each in found]
