"""The gate's only answer to doubt."""

from __future__ import annotations


class Refused(Exception):
    """Nothing of this table may be published; says which table and why, never with a value."""

    def __init__(self, table: str, reason: str):
        self.table = table
        self.reason = reason
        super().__init__(f"{table}: {reason}")
