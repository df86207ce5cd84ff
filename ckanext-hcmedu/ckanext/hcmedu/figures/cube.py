"""What a release of a table offers to choose from: its periods, axes and measures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from harvesters.releases import Release
from schemas import TOTAL, Declarations, Table
from schemas.declaration import Text


@dataclass(frozen=True)
class Axis:
    """A column of codes. `above` are the coarser columns of the same dimension, `below` the finer
    ones: where a school is chosen, its area is not asked for, and stands in the row."""

    column: str
    title: Text
    codelist: str | None
    above: tuple[str, ...]
    below: tuple[str, ...]

    @property
    def is_institution(self) -> bool:
        """Whether its codes are those of the register of schools."""
        return self.codelist is None


@dataclass(frozen=True)
class Indicator:
    """A measure, as the release has it. `adds_up` says whether parts of a figure sum up to it."""

    column: str
    title: Text
    unit: Text
    adds_up: bool


@dataclass(frozen=True)
class Cube:
    """A release of a table of figures, and its declaration of now, which tells what is above what.

    Columns are those of the release: an older one may have others than are declared now.
    """

    table: Table
    release: Release
    declarations: Declarations

    @classmethod
    def of(cls, release: Release, declarations: Declarations) -> Cube | None:
        """The cube of a release; None where its table is a register, or not declared any more."""
        table = declarations.tables.get(release.table)
        return cls(table, release, declarations) if table and table.kind == "cube" else None

    @property
    def name(self) -> str:
        """The table's name."""
        return self.table.name

    @property
    def period(self) -> str:
        """The column of periods."""
        return self.table.period

    @cached_property
    def periods(self) -> tuple[str, ...]:
        """All periods, the oldest first."""
        return tuple(sorted(self.release.manifest["periods"]))

    @cached_property
    def axes(self) -> Mapping[str, Axis]:
        """The axes by column, in the table's order."""
        found = {}
        for column in self.release.manifest["columns"]:
            if column["role"] != "dimension":
                continue
            name = column["name"]
            family = next((one.hierarchy for one in self.table.dimensions
                           if name in one.hierarchy), (name,))  # fmt: skip
            at = family.index(name)
            found[name] = Axis(
                name, column["title"], column["codelist"], family[:at], family[at + 1 :]
            )
        return found

    @cached_property
    def indicators(self) -> Mapping[str, Indicator]:
        """The measures by column, in the table's order."""
        kinds = {one.name: one.kind for one in self.table.measures}
        return {
            column["name"]: Indicator(
                column["name"],
                column["title"],
                column["unit"],
                kinds.get(column["name"]) in ("count", "sum"),
            )
            for column in self.release.manifest["columns"]
            if column["role"] == "measure"
        }

    def knows(self, axis: Axis, code: str) -> bool:
        """Whether a code may stand in an axis: one of its list; of the register any in form."""
        if code == TOTAL:
            return True
        if axis.codelist is None:
            return 0 < len(code) <= 40 and code.isascii() and code.replace("-", "").isalnum()
        codelist = self.declarations.codelists.get(axis.codelist)
        return codelist is not None and code in codelist.codes
