"""SHACL shapes that the feed is held against: the portal's own and, where they are, DCAT-AP's."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pyshacl
from rdflib import Graph, Namespace
from rdflib.namespace import SH
from rdflib.term import Node

from schemas.shapes import shapes

SPDX = Namespace("http://spdx.org/rdf/terms#")
OFFICIAL = ("shapes", "range", "shapes_recommended", "mdr-vocabularies.shape")


def official_shapes() -> list[Path]:
    """The files of DCAT-AP 3's shapes in the folder of `HCMEDU_OFFICIAL_SHAPES`; none without it.

    A folder that lacks one of them is a mistake, not a reason to check less.
    """
    folder = os.environ.get("HCMEDU_OFFICIAL_SHAPES")
    if not folder:
        return []
    files = [Path(folder) / f"{name}.ttl" for name in OFFICIAL]
    missing = [file.name for file in files if not file.is_file()]
    assert not missing, f"{folder} has no {', '.join(missing)}"
    return files


def violations(data: Graph, shapes_graph: Graph) -> Iterator[str]:
    """What `data` says otherwise than the shapes ask, a line each; warnings are none."""
    _, report, _ = pyshacl.validate(data, shacl_graph=shapes_graph)
    for result in report.objects(None, SH.result):
        if report.value(result, SH.resultSeverity) != SH.Violation:
            continue
        path = report.value(result, SH.resultPath)
        if path == SPDX.algorithm and _asks_for_https(report, result):
            continue
        yield " ".join(
            str(report.value(result, each))
            for each in (SH.focusNode, SH.resultPath, SH.resultMessage, SH.value)
        )


def _asks_for_https(report: Graph, result: Node) -> bool:
    """A mistake in DCAT-AP 3.0.1's shapes of vocabularies: they ask that the algorithm's address
    begins with https and is of a class of SPDX's namespace, which begins with http."""
    return "ChecksumAlgorithmRestriction" in str(report.value(result, SH.resultMessage))


def own_violations(data: Graph) -> list[str]:
    """What `data` says otherwise than the portal's own shapes ask."""
    return list(violations(data, Graph().parse(data=shapes(), format="turtle")))


def official_violations(data: Graph) -> list[str]:
    """What `data` says otherwise than DCAT-AP's shapes ask, where they are."""
    found = []
    for file in official_shapes():
        found += [f"{file.name}: {one}" for one in violations(data, Graph().parse(file))]
    return found
