"""Names and texts as SQL has them, whatever they are made of."""

from __future__ import annotations


def quoted(column: str) -> str:
    """The name of a column."""
    return '"' + column.replace('"', '""') + '"'


def text(text: str) -> str:
    """A text."""
    return "'" + text.replace("'", "''") + "'"
