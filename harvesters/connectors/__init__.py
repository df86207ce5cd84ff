"""From a source system, whatever its kind, to record batches: one module a kind.

A connector asks for the declared fields only, reaches allowed addresses only, streams, and tells
whether anything changed since the last time.
"""

from __future__ import annotations

from collections.abc import Iterable
from importlib import import_module

from harvesters.connectors.base import Connector, SourceBatch
from harvesters.sources import Limits, Source

__all__ = ["CONNECTORS", "Connector", "Limits", "SourceBatch", "open_connector"]

CONNECTORS = {
    "sql": "harvesters.connectors.sql:SqlConnector",
    "rest": "harvesters.connectors.rest:RestConnector",
    "files": "harvesters.connectors.files:FilesConnector",
}
"""The class for each kind of source; loaded when needed, since each brings its own libraries."""


def open_connector(
    source: Source, limits: Limits | None = None, schools: Iterable[str] = ()
) -> Connector:
    """A connector for `source`; nothing is connected before it is asked for something.

    :param limits: instead of those that the source declares
    :param schools: names and codes of the register of schools, which files may hold although people
        have such names
    :raises SourceConfigurationError: the environment lacks a variable that the source refers to,
        or its address is not of a form that the connector knows.
    """
    module, _, name = CONNECTORS[source.connector].partition(":")
    known = (frozenset(schools),) if source.connector == "files" else ()
    made: Connector = getattr(import_module(module), name)(source, limits or source.limits, *known)
    return made
