"""The check of the feed: shapes, quality score, addresses and forms, over all datasets, kept."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing
from dataclasses import asdict
from datetime import UTC, datetime

import ckan.plugins.toolkit as tk
from rdflib import Graph, URIRef
from rdflib.exceptions import ParserError
from rdflib.namespace import DCAT, RDF
from rdflib.term import Node

from ckanext.hcmedu import reports, settings
from ckanext.hcmedu.conformance.addresses import Addresses
from ckanext.hcmedu.conformance.documents import NoFeed, Served, dialects
from ckanext.hcmedu.conformance.outcome import (
    OFFICIAL,
    OWN,
    REPORT,
    Asked,
    Dimension,
    Lost,
    Outcome,
    Score,
    Shapes,
)
from ckanext.hcmedu.conformance.shapes import (
    MissingShapes,
    Violation,
    official_shapes,
    own_shapes,
    violations,
)
from ckanext.hcmedu.dcat import quality

MOST_EXAMPLES = 10


class CheckFailed(Exception):
    """The feed could not be checked."""


def check_and_keep() -> Outcome:
    """Check the feed and keep what came of it.

    :raises CheckFailed: it could not be checked; that is kept beside the last outcome.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    try:
        outcome = check()
    except (NoFeed, MissingShapes) as error:
        failure = {
            "vi": f"Không kiểm tra được danh mục: {error}.",
            "en": f"The catalogue could not be checked: {error}.",
        }
        reports.keep_failure(REPORT, now, failure)
        raise CheckFailed(failure["en"]) from error
    reports.keep(REPORT, now, asdict(outcome))
    return outcome


def check() -> Outcome:
    """Check the feed as it is served now.

    :raises NoFeed: it does not answer, or not as it should.
    :raises MissingShapes: the folder of official shapes lacks one.
    """
    served = Served()
    sets = {OWN: [own_shapes()]}
    official = official_shapes(tk.config["hcmedu.official_shapes_path"])
    if official:
        sets[OFFICIAL] = official
    broken: dict[str, list[Violation]] = {name: [] for name in sets}
    scores: dict[str, list[quality.Item]] = {}
    with closing(Addresses(settings.public_url())) as addresses:
        for page in served.pages("nt"):
            graph = _graph(page)
            wrong = {name: list(_violations(graph, sets[name])) for name in sets}
            for name, found in wrong.items():
                broken[name] += found
            nodes = {each.node for found in wrong.values() for each in found}
            for dataset in sorted(graph.subjects(RDF.type, DCAT.Dataset)):
                conforms = not nodes & _part(graph, dataset)
                scores[str(dataset)] = quality.assess(
                    graph, URIRef(dataset), conforms, addresses.answers
                )
        asked = Asked(
            len(addresses.answered),
            len(addresses.silent),
            len(addresses.not_asked),
            addresses.silent[:MOST_EXAMPLES],
        )
    return Outcome(
        datasets=len(scores),
        shapes=tuple(_summary(name, found) for name, found in broken.items()),
        dimensions=tuple(_dimensions(scores.values())),
        lost=tuple(_lost(scores.values())),
        addresses=asked,
        dialects=tuple(dialects(served)),
        scores={
            dataset: Score(
                quality.score(items),
                [item.name for item in items if item.points < item.most],
            )
            for dataset, items in scores.items()
        },
    )


def _graph(page: bytes) -> Graph:
    try:
        return Graph().parse(data=page, format="nt")
    except ParserError as error:
        raise NoFeed("/catalog.nt") from error


def _violations(graph: Graph, shapes: Iterable[Graph]) -> Iterator[Violation]:
    for each in shapes:
        yield from violations(graph, each)


def _summary(name: str, found: list[Violation]) -> Shapes:
    # The catalogue itself is on every page.
    distinct = sorted(set(found), key=str)
    examples = [{"node": one.node, "path": one.path} for one in distinct[:MOST_EXAMPLES]]
    return Shapes(name, len(distinct), examples)


def _part(graph: Graph, dataset: Node) -> set[str]:
    """The nodes that the dataset's description is made of, as texts; other datasets that it, or a
    service, names are none of it."""
    found: set[Node] = set()
    waiting = [dataset]
    while waiting:
        node = waiting.pop()
        found.add(node)
        for value in graph.objects(node):
            is_other = (value, RDF.type, DCAT.Dataset) in graph
            if isinstance(value, URIRef) and value not in found and not is_other:
                waiting.append(value)
    return {str(node) for node in found}


def _dimensions(scores: Collection[list[quality.Item]]) -> Iterator[Dimension]:
    most: Counter[str] = Counter()
    points: Counter[str] = Counter()
    for items in scores:
        for item in items:
            most[item.dimension] += item.most
            points[item.dimension] += item.points
    for name, all_points in most.items():
        yield Dimension(name, all_points // len(scores), round(points[name] / len(scores), 1))


def _lost(scores: Iterable[list[quality.Item]]) -> Iterator[Lost]:
    missing = Counter(
        (item.dimension, item.name, item.most)
        for items in scores
        for item in items
        if item.points < item.most
    )
    for (dimension, name, most), datasets in sorted(missing.items()):
        yield Lost(dimension, name, most, datasets)
