"""Graphs that are filled once, read a few times and thrown away.

rdflib's usual store keeps apart which of several graphs a triple is in; doing without makes
describing a dataset a tenth shorter.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from rdflib import Graph
from rdflib.plugins.stores.memory import SimpleMemory


class _Steady(SimpleMemory):
    """rdflib's simple store, which may be changed by whoever reads it, as profiles do."""

    def triples(self, triple_pattern: Any, context: Any = None) -> Iterator[Any]:
        return iter(list(super().triples(triple_pattern, context)))


def new_graph() -> Graph:
    """An empty graph, without prefixes."""
    return Graph(_Steady(), bind_namespaces="none")
