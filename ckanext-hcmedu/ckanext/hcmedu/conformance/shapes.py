"""SHACL shapes that the feed is held against: the portal's own and, where they are, DCAT-AP's."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyshacl
from ckanext.dcat.profiles.base import SPDX
from rdflib import Graph
from rdflib.namespace import SH
from rdflib.term import Node

from schemas.shapes import shapes

OFFICIAL = ("shapes", "range", "shapes_recommended", "mdr-vocabularies.shape")
"""The files of DCAT-AP 3's shapes, without their ending."""


class MissingShapes(Exception):
    """A folder of shapes lacks one: a mistake, not a reason to check less."""


@dataclass(frozen=True)
class Violation:
    """A node of which something is said otherwise than a shape asks: of which property, what
    the shape says, and the value."""

    node: str
    path: str
    message: str
    value: str

    def __str__(self) -> str:
        return f"{self.node} {self.path} {self.message} {self.value}"


def own_shapes() -> Graph:
    """The portal's own shapes."""
    return Graph().parse(data=shapes(), format="turtle")


def official_shapes(folder: str | Path | None) -> list[Graph]:
    """The shapes of DCAT-AP 3 in `folder`, a graph for each of `OFFICIAL`; none without a folder.

    :raises MissingShapes: it lacks one of them.
    """
    if not folder:
        return []
    files = [Path(folder) / f"{name}.ttl" for name in OFFICIAL]
    missing = [file.name for file in files if not file.is_file()]
    if missing:
        # The public page tells of it: nothing of the machine's folders.
        raise MissingShapes(f"hcmedu.official_shapes_path: {', '.join(missing)}")
    return [Graph().parse(file) for file in files]


def violations(data: Graph, shapes_graph: Graph) -> Iterator[Violation]:
    """What `data` says otherwise than the shapes ask; warnings are none."""
    _, report, _ = pyshacl.validate(data, shacl_graph=shapes_graph)
    for result in report.objects(None, SH.result):
        if report.value(result, SH.resultSeverity) != SH.Violation:
            continue
        path = report.value(result, SH.resultPath)
        if path == SPDX.algorithm and _asks_for_https(report, result):
            continue
        told = (SH.focusNode, SH.resultPath, SH.resultMessage, SH.value)
        yield Violation(*(str(report.value(result, each, default="")) for each in told))


def _asks_for_https(report: Graph, result: Node) -> bool:
    """A mistake in DCAT-AP 3.0.1's shapes of vocabularies: they ask that the algorithm's address
    begins with https and is of a class of SPDX's namespace, which begins with http."""
    return "ChecksumAlgorithmRestriction" in str(report.value(result, SH.resultMessage))
