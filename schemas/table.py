"""Tables: everything about a statistical table, declared in one YAML file.

What is pulled, how it is counted, what is protected, its columns and titles, all follow from a
`Table`. A *cube* has a row for each combination of its dimensions' codes, totals included; a
*register* lists institutions or areas, a row each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from schemas.codelist import CodeList
from schemas.declaration import DeclarationError, DeclarationErrors, Document, Text, check_form
from schemas.record import INSTITUTION, OWNER, REGISTER, Field, RecordType

DEFAULT_THRESHOLD = 5
SENSITIVE_THRESHOLD = 10

LOW_END, HIGH_END = 5, 95
"""A rate about persons of at most the one, or at least the other, in percent, is at an end: it says
something of nearly everybody, and is not published as it is."""
AT_MOST, AT_LEAST = "le", "ge"
"""The flags of a rate that is coded: what stands there is an upper, or a lower, bound."""

STRUCTURAL = "_structural"
"""The column of counted cells that says of each whether it cannot be anything but nothing. No
column that is published is called so: identifiers begin with a letter."""

MOST_SUPPRESSED = 0.5
"""A table of which more is suppressed tells less than a coarser one would."""

LEAST_CONTRIBUTORS = 3
"""How many have to contribute to a sum of amounts, at the least, for it to be published."""

PRECISION = 0.1
"""The p of the p % rule: so near, as a share of it, nobody may come to the largest contribution."""

DOMINANCE = 0.9
"""The k of the (n, k) rule for n = 2: the share that the two largest contributions may have."""

PERIOD_TITLES: Mapping[str, Text] = {
    "school_year": {"vi": "Năm học", "en": "School year"},
    "month": {"vi": "Tháng", "en": "Month"},
    "date": {"vi": "Ngày số liệu", "en": "Reference date"},
}

_STATUS: Text = {"vi": "tình trạng số liệu", "en": "status"}
_FLAG: Text = {"vi": "ghi chú số liệu", "en": "flag"}
STATUS_DESCRIPTION: Text = {
    "vi": "Vì sao ô không có giá trị: c = được ẩn để bảo vệ dữ liệu cá nhân; z = không áp dụng; "
    "x = không có số liệu; để trống = có giá trị.",
    "en": "Why there is no value: c = suppressed to protect personal information; z = not "
    "applicable; x = not available; empty = there is a value.",
}
FLAG_DESCRIPTION: Text = {
    "vi": "p = số liệu sơ bộ; r = đã điều chỉnh; low = nhỏ hơn mức làm tròn; le = không quá giá "
    "trị này; ge = từ giá trị này trở lên; để trống = không có ghi chú.",
    "en": "p = provisional; r = revised; low = below the rounding unit; le = at most this value; "
    "ge = at least this value; empty = no flag.",
}


@dataclass(frozen=True)
class Dimension:
    """An axis of a cube: columns from coarse to fine. Above the first stands the total.

    With `zeros`, each of its codes is filled in with 0 wherever the other dimensions have a
    combination at all. With `offered`, each code of its finest column is filled in wherever there
    is the code above it; where the institution has nobody there, it does not apply. `sensitive`
    are codes, by column, of which it must not be told that nobody, or that everybody, belongs to
    them.
    """

    name: str
    hierarchy: tuple[str, ...]
    zeros: bool = False
    offered: bool = False
    sensitive: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Component:
    """A number that adds up over cells: a count of records, or the sum of a field.

    Without `source` it counts records; with one it sums that field, or, if `counted`, counts the
    records that have a value there. `where` keeps only records whose fields hold one of the given
    codes. `whole` says that the sum is of whole numbers, `magnitude` that it is one of amounts
    that have to be protected: then how many contribute to it, and the two largest contributions,
    stand beside it. Where it is `sensitive`, it must not be told that nobody, or that everybody,
    passes the filter.
    """

    name: str
    source: str | None = None
    counted: bool = False
    whole: bool = True
    where: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    magnitude: bool = False
    sensitive: bool = False

    @property
    def contributors(self) -> str:
        """The column of cells that has the number of those who contribute to a magnitude."""
        return f"{self.name}__contributors"

    @property
    def largest(self) -> tuple[str, str]:
        """The columns of cells that have the two largest contributions to a magnitude."""
        return f"{self.name}__first", f"{self.name}__second"


@dataclass(frozen=True)
class Measure:
    """A published figure, and how it comes from the components that add up.

    `kind` is ``count``, ``sum``, ``mean``, ``rate`` or ``ratio``: the numerator alone for the
    first two, numerator over denominator times `scale` for the others.
    """

    name: str
    kind: str
    title: Text
    description: Text | None
    unit: Text
    about: str
    decimals: int
    numerator: Component
    denominator: Component | None
    scale: int

    @property
    def magnitudes(self) -> tuple[Component, ...]:
        """The sums of amounts that the measure tells, to who knows how many they are of."""
        parts = (self.numerator, self.denominator)
        return tuple(one for one in parts if one is not None and one.magnitude)


@dataclass(frozen=True)
class Disclosure:
    """The table's rules of disclosure control; see ``harvesters/disclosure``."""

    threshold: int
    sensitive: bool
    ladder: tuple[str, ...]
    """Columns to give up, in this order, where a finer table cannot be made safe, or too much of it
    would be suppressed."""
    most_suppressed: float = MOST_SUPPRESSED
    """The share of its values, from 0 to 1, beyond which the next column is given up."""


@dataclass(frozen=True)
class Column:
    """A column as it is published.

    `role` is ``period``, ``dimension``, ``label``, ``measure``, ``status``, ``flag`` or
    ``attribute``; `type` is ``period``, ``code``, ``institution``, ``name``, ``integer``,
    ``decimal``, ``status`` or ``flag``.
    """

    name: str
    type: str
    role: str
    title: Text
    description: Text | None = None
    codelist: str | None = None
    unit: Text | None = None

    def as_dict(self) -> dict[str, Any]:
        """The column as it stands in a release's manifest."""
        return {
            "name": self.name,
            "type": self.type,
            "role": self.role,
            "title": dict(self.title),
            "description": dict(self.description) if self.description else None,
            "codelist": self.codelist,
            "unit": dict(self.unit) if self.unit else None,
        }


@dataclass(frozen=True)
class Table:
    """A statistical table as its YAML file declares it."""

    name: str
    kind: str
    topic: str
    organization: str | None
    title: Text
    description: Text
    keywords: Mapping[str, tuple[str, ...]]
    unit_of_observation: Text
    record: str
    about: str
    period: str
    frequency: str
    dimensions: tuple[Dimension, ...]
    measures: tuple[Measure, ...]
    attributes: tuple[str, ...]
    columns: tuple[Column, ...]
    disclosure: Disclosure
    approval: bool
    methodology: Text
    document: Document
    derived: Mapping[str, str]
    """Columns that hold the parent code of another: the column, and that other one."""
    from_register: frozenset[str]
    """Columns that the register of schools supplies."""
    prominence: float = 1
    """How much more a hit of a search counts for being of this table, from 1 to 2."""
    structural_zeros: tuple[Mapping[str, tuple[str, ...]], ...] = ()
    """Combinations in which nothing can be: the codes of some dimension columns, each."""

    @property
    def institution(self) -> str | None:
        """The dimension column of institutions, where there is one."""
        columns = (self.column(name) for name in self.dimension_columns)
        return next((one.name for one in columns if one.type == "institution"), None)

    @property
    def has_structural_zeros(self) -> bool:
        """Whether some of its cells may be such that nothing can be in them."""
        return bool(self.structural_zeros) or any(one.offered for one in self.dimensions)

    @property
    def digest(self) -> str:
        """SHA-256 of the YAML file, in hexadecimal."""
        return self.document.digest

    @property
    def is_protected(self) -> bool:
        """Whether something of the table may have to be suppressed."""
        return bool(self.protected_measures)

    @property
    def about_persons(self) -> bool:
        """Whether a measure is about persons."""
        return any(measure.about == "persons" for measure in self.measures)

    @property
    def about_amounts(self) -> bool:
        """Whether a measure tells sums of amounts of institutions."""
        return any(measure.magnitudes for measure in self.measures)

    @property
    def protected_measures(self) -> tuple[Measure, ...]:
        """The measures of which something may have to be suppressed: about persons, or amounts."""
        return tuple(one for one in self.measures if one.about == "persons" or one.magnitudes)

    @property
    def dimension_columns(self) -> tuple[str, ...]:
        """The coded columns of all dimensions, in order."""
        return tuple(name for dimension in self.dimensions for name in dimension.hierarchy)

    @property
    def identity(self) -> tuple[str, ...]:
        """The columns of a register that tell one row from another: all of its codes, since two
        rows with the same codes would be the same thing twice."""
        codes = [c.name for c in self.columns if c.role == "attribute" and c.type == "code"]
        institutions = [
            c.name for c in self.columns if c.role == "attribute" and c.type == "institution"
        ]
        return tuple(institutions[:1] or codes)

    @property
    def key(self) -> tuple[str, ...]:
        """The columns that tell one row of the table from another."""
        return tuple(
            column.name for column in self.columns if column.role in ("period", "dimension")
        ) + (self.identity if self.kind == "register" else ())

    def column(self, name: str) -> Column:
        """The column called `name`.

        :raises KeyError: the table has no such column.
        """
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)


class _Parser:
    """Makes a `Table` from its document and gathers every mistake on the way."""

    def __init__(
        self,
        document: Document,
        records: Mapping[str, RecordType],
        codelists: Mapping[str, CodeList],
    ):
        self.document = document
        self.data: Mapping[str, Any] = document.data
        self.records = records
        self.codelists = codelists
        self.errors: list[DeclarationError] = []
        self.record: RecordType = records[self.data["record"]]
        self.register = records.get(REGISTER)
        self.derived: dict[str, str] = {}
        self.from_register: set[str] = set()

    def fail(self, place: tuple[str | int, ...], message: str, remedy: str = "") -> None:
        self.errors.append(self.document.error(place, message, remedy))

    def field(self, place: tuple[str | int, ...], name: str) -> Field | None:
        """The record's own stored field called `name`."""
        found = self.record.fields.get(name)
        if found is None or found.type == "key":
            known = ", ".join(field.name for field in self.record.stored)
            self.fail(place, f"`{self.record.name}` has no field `{name}`.", f"It has {known}.")
            return None
        return found

    def finest(self, place: tuple[str | int, ...], name: str) -> Field | None:
        """The field that a column is counted by: the record's own, else the parent code of one
        of its fields (a pupil's level is that of the grade, whatever the school's is), else,
        for a record of a school, what the register says of the school."""
        if name in self.record.fields:
            return self.field(place, name)
        for own in self.record.stored:
            if own.codelist and self.codelists[own.codelist].parent == name:
                self.derived[name] = own.name
                return self._as_field(name)
        if self._in_register(name):
            assert self.register is not None
            return self.register.fields[name]
        return self.field(place, name)

    def _in_register(self, name: str) -> bool:
        if (
            self.register is None
            or self.record is self.register
            or INSTITUTION not in self.record.fields
            or name not in self.register.fields
        ):
            return False
        self.from_register.add(name)
        return True

    def is_parent(self, coarse: str, fine: Field) -> bool:
        own = self.record.fields.get(coarse)
        if own is not None:
            # Not upside down: a school is not above its area, nor a grade above its level.
            if own.type == "institution":
                return fine.name not in self.from_register
            return own.codelist is None or fine.name != self.codelists[own.codelist].parent
        if fine.type == "institution":
            return self._in_register(coarse)
        codelist = self.codelists.get(fine.codelist or "")
        if codelist is None or codelist.parent != coarse:
            return False
        self.derived.setdefault(coarse, fine.name)
        return True

    def dimensions(self) -> tuple[Dimension, ...]:
        dimensions, seen = [], set()
        for index, entry in enumerate(self.data.get("dimensions", [])):
            place = ("dimensions", index)
            hierarchy = tuple(entry["hierarchy"])
            for name in hierarchy:
                if name in seen:
                    message = f"The column `{name}` is in two dimensions."
                    self.fail(place, message, "Leave it out of one.")
                seen.add(name)
            fine = fine_column = self.finest((*place, "hierarchy"), hierarchy[-1])
            if entry.get("zeros"):
                self.check_zeros(place, hierarchy, fine)
            if entry.get("zeros") == "offered":
                self.check_offered((*place, "zeros"), hierarchy)
            for coarse in reversed(hierarchy[:-1]):
                if fine is not None and not self.is_parent(coarse, fine):
                    message = f"`{coarse}` is not above `{fine.name}`."
                    remedy = "A coarser column is the parent code list, or a field of the register."
                    self.fail((*place, "hierarchy"), message, remedy)
                fine = self._as_field(coarse)
            for name in hierarchy:
                self.check_complete((*place, "hierarchy"), name)
            named = tuple(entry.get("sensitive", ()))
            self.check_sensitive((*place, "sensitive"), fine_column, named)
            sensitive = {name: codes for name in hierarchy if (codes := self.listed(name))}
            if named:
                sensitive[hierarchy[-1]] = named
            zeros = entry.get("zeros", False)
            dimensions.append(Dimension(
                entry["name"], hierarchy, zeros is True, zeros == "offered", sensitive
            ))  # fmt: skip
        return tuple(dimensions)

    def listed(self, column: str) -> tuple[str, ...]:
        """The codes of a column that its code list says are sensitive."""
        found = self.record.fields.get(column)
        if found is None and column in self.from_register and self.register is not None:
            found = self.register.fields[column]
        codelist = self.codelists.get((found.codelist if found else column) or "")
        return codelist.sensitive if codelist is not None else ()

    def by_default(self, dimension: Dimension) -> Dimension:
        """The dimension of a sensitive table that does not say what in it is sensitive: all codes
        of what a record itself says, where these stand in no order of levels."""
        column = dimension.hierarchy[-1]
        found = self.record.fields.get(column)
        if len(dimension.hierarchy) > 1 or found is None or found.codelist is None:
            return dimension
        codelist = self.codelists[found.codelist]
        if codelist.parent is not None:
            return dimension
        return replace(dimension, sensitive={column: tuple(codelist.codes)})

    def check_sensitive(
        self, place: tuple[str | int, ...], found: Field | None, codes: Sequence[str]
    ) -> None:
        """Sensitive codes are codes of the finest column, and all that its list has."""
        if found is None or not codes:
            return
        left_out = [code for code in self.listed(found.name) if code not in codes]
        if left_out:
            message = f"`{left_out[0]}` of `{found.name}` is sensitive, whatever a table says."
            self.fail(place, message, "Leave out `sensitive:`, or add to what the code list has.")
        known = self.codelists[found.codelist].codes if found.codelist else {}
        for code in codes:
            if code not in known:
                remedy = f"Use one of: {', '.join(list(known)[:20])}."
                self.fail(place, f"`{code}` is not a code of `{found.name}`.", remedy)

    def check_zeros(
        self, place: tuple[str | int, ...], hierarchy: tuple[str, ...], fine: Field | None
    ) -> None:
        """Zeros can be filled in where code lists alone say which combinations there are."""
        lists = [name for name in hierarchy[:-1] if name in self.record.fields]
        if lists or (fine is not None and fine.codelist is None):
            message = f"Zeros cannot be filled in for `{(lists or hierarchy[-1:])[0]}`."
            remedy = "Leave out `zeros:`, or use a code list and its parent lists."
            self.fail(place, message, remedy)

    def check_offered(self, place: tuple[str | int, ...], hierarchy: tuple[str, ...]) -> None:
        """What is offered is told of an institution, below a coarser code that it has at all."""
        finest = [entry["hierarchy"][-1] for entry in self.data["dimensions"]]
        fields = [self.record.fields.get(name) for name in finest]
        if not any(field is not None and field.type == "institution" for field in fields):
            message = "No dimension goes down to institutions, which offer something or do not."
            self.fail(place, message, "Write `zeros: true`, or count by institution too.")
        elif len(hierarchy) < 2:
            message = f"Nothing stands above `{hierarchy[0]}`."
            remedy = (
                f"Put its parent list before it, or write `zeros: true` for all `{hierarchy[0]}`."
            )
            self.fail(place, message, remedy)

    def structural_zeros(
        self, dimensions: tuple[Dimension, ...]
    ) -> tuple[Mapping[str, tuple[str, ...]], ...]:
        """The combinations in which nothing can be; they are codes of dimension columns."""
        names = [name for dimension in dimensions for name in dimension.hierarchy]
        combinations = self.data.get("structural_zeros", []) if dimensions else []
        for index, combination in enumerate(combinations):
            for column, codes in combination.items():
                place = ("structural_zeros", index, column)
                if column not in names:
                    remedy = f"Use one of: {', '.join(names)}."
                    self.fail(place, f"`{column}` is no column of a dimension.", remedy)
                    continue
                codelist = self.codelists.get(self._list_of(column) or "")
                if codelist is None:
                    message = f"`{column}` has no code list."
                    self.fail(place, message, "Name codes of a column that has one.")
                    continue
                for code in codes:
                    if code not in codelist.codes:
                        remedy = f"Use one of: {', '.join(list(codelist.codes)[:20])}."
                        self.fail(place, f"`{code}` is not a code of `{column}`.", remedy)
        return tuple(
            {column: tuple(codes) for column, codes in one.items()} for one in combinations
        )

    def _list_of(self, column: str) -> str | None:
        """The code list of a dimension column: of a field of the record or the register, else
        the column is one."""
        if column in self.from_register and self.register is not None:
            return self.register.fields[column].codelist
        return self._codelist_of(column)

    def check_complete(self, place: tuple[str | int, ...], name: str) -> None:
        """Every record must fall in some cell of each dimension, or totals would not add up."""
        found = self.record.fields.get(name)
        if found is None and name in self.from_register and self.register is not None:
            found = self.register.fields[name]
        if found is not None and not found.required:
            message = f"`{name}` may be missing from a record."
            self.fail(place, message, "Count by fields that are required.")
        fine = self.derived.get(name)
        codelist = self.codelists.get(self._codelist_of(fine) or "") if fine else None
        codes = codelist.codes.values() if codelist else ()
        orphans = [code.code for code in codes if code.parent is None]
        if orphans:
            message = f"`{orphans[0]}` of `{fine}` has no parent in `{name}`."
            self.fail(place, message, "Give each of its codes a `parent:`.")

    def _codelist_of(self, column: str) -> str | None:
        found = self.record.fields.get(column)
        return found.codelist if found is not None else column

    def _as_field(self, codelist: str) -> Field | None:
        if codelist not in self.codelists:
            return None
        title = self.codelists[codelist].title
        return Field(codelist, "code", title, None, codelist, True, False, None, None, None)

    def component(
        self,
        place: tuple[str | int, ...],
        name: str,
        source: str | None = None,
        where: Mapping[str, list[str]] | None = None,
    ) -> Component:
        if source is not None:
            found = self.field(place, source)
            if found is not None and found.type not in ("integer", "decimal"):
                self.fail(place, f"`{source}` is no number.", "Name a field of numbers.")
        for column, codes in (where or {}).items():
            found = self.finest(place, column)
            known = self.codelists[found.codelist].codes if found and found.codelist else {}
            for code in codes:
                if found is not None and code not in known:
                    remedy = f"Use one of: {', '.join(list(known)[:20])}."
                    self.fail(place, f"`{code}` is not a code of `{column}`.", remedy)
        summed = self.record.fields.get(source or "")
        decimal = summed is not None and summed.type == "decimal"
        filters = {key: tuple(values) for key, values in (where or {}).items()}
        amount = summed is not None and summed.is_amount
        sensitive = any(set(self.listed(name)) & set(codes) for name, codes in filters.items())
        if amount and not {INSTITUTION, OWNER} & set(self.record.fields):
            message = f"`{source}` is an amount, and `{self.record.name}` does not say whose."
            remedy = (
                f"Give the record a field `{INSTITUTION}` or `{OWNER}`, or the field `open:` with "
                "the reason why its values are public in any case."
            )
            self.fail(place, message, remedy)
        return Component(
            name, source, whole=not decimal, where=filters, magnitude=amount, sensitive=sensitive
        )

    def counts_institutions(self) -> bool:
        """Whether counting the records counts institutions: each of them has one at most."""
        return self.record.about == "institutions" or any(
            field.type == "institution" and field.unique for field in self.record.fields.values()
        )

    def measure(self, index: int, entry: Mapping[str, Any]) -> Measure | None:
        place: tuple[str | int, ...] = ("measures", index)
        name = entry["name"]
        kinds = [kind for kind in ("count", "sum", "mean", "rate", "ratio") if kind in entry]
        if len(kinds) != 1:
            remedy = "Say one of count, sum, mean, rate, ratio."
            self.fail(place, f"`{name}` is computed in {len(kinds)} ways.", remedy)
            return None
        kind, how = kinds[0], entry[kinds[0]]
        about = entry.get("about", self.record.about)
        if kind in ("count", "rate") and about == "institutions" and not self.counts_institutions():
            message = f"`{name}` counts records about persons as if they were institutions."
            remedy = "Leave out `about:`, or make the record's institution `unique:`."
            self.fail((*place, "about"), message, remedy)
        place = (*place, kind)
        over, scale, decimals = None, 1, 0
        if kind == "count":
            top = self.component(place, name, where=None if how is True else how["where"])
        elif kind == "sum":
            top = self.component(place, name, how)
            found = self.record.fields.get(how)
            decimals = 0 if found is None or found.type == "integer" else 2
        elif kind == "mean":
            top = self.component(place, f"{name}__sum", how["of"])
            over, decimals = Component(f"{name}__n", how["of"], counted=True), 2
        elif kind == "rate":
            top = self.component(place, f"{name}__n", where=how["of"])
            over, scale, decimals = Component(f"{name}__of"), 100, 1
        else:
            top = self.component(place, f"{name}__n", how["of"])
            over = self.component(place, f"{name}__of", how["over"])
            scale, decimals = how.get("scale", 1), 2
        return Measure(
            name=name,
            kind=kind,
            title=entry["title"],
            description=entry.get("description"),
            unit=entry["unit"],
            about=about,
            decimals=entry.get("decimals", decimals),
            numerator=top,
            denominator=over,
            scale=scale,
        )

    def sensitive_columns(
        self, dimensions: Sequence[Dimension], measures: Sequence[Measure]
    ) -> list[str]:
        """The columns by which persons are counted that have sensitive codes."""
        if not any(measure.about == "persons" for measure in measures):
            return []
        filtered = [
            column for measure in measures
            for part in (measure.numerator, measure.denominator) if part is not None
            for column, codes in part.where.items() if set(self.listed(column)) & set(codes)
        ]  # fmt: skip
        return [name for one in dimensions for name in one.sensitive] + filtered

    def disclosure(self, dimensions: tuple[Dimension, ...], columns: Sequence[str]) -> Disclosure:
        """The table's rules; `columns` are those with sensitive codes."""
        rules = self.data.get("disclosure", {})
        sensitive = rules.get("sensitive", bool(columns))
        if columns and not sensitive:
            message = f"`{columns[0]}` is sensitive, whatever a table says."
            remedy = "Leave out `sensitive: false`; records of persons may be coarser instead."
            self.fail(("disclosure", "sensitive"), message, remedy)
        least = SENSITIVE_THRESHOLD if sensitive or columns else DEFAULT_THRESHOLD
        threshold = rules.get("threshold", least)
        if threshold < least:
            why = f", and `{columns[0]}` is sensitive" if columns else ""
            message = f"The threshold {threshold} is lower than {least}{why}."
            remedy = "It may be raised, never lowered; leave it out for the default."
            self.fail(("disclosure", "threshold"), message, remedy)
        ladder = tuple(rung["drop"] for rung in rules.get("ladder", []))
        left = {dimension.name: list(dimension.hierarchy) for dimension in dimensions}
        for index, column in enumerate(ladder):
            for columns in left.values():
                if columns and columns[-1] == column:
                    columns.pop()
                    break
            else:
                message = f"`{column}` is not the finest column of a dimension at that rung."
                remedy = "Give up the finest column of a dimension first."
                self.fail(("disclosure", "ladder", index), message, remedy)
        most = rules.get("most_suppressed", MOST_SUPPRESSED)
        return Disclosure(threshold, sensitive, ladder, most)

    def columns(
        self, dimensions: tuple[Dimension, ...], measures: tuple[Measure, ...]
    ) -> Iterator[Column]:
        period = self.record.period
        yield Column(period, "period", "period", PERIOD_TITLES[period])
        if self.data["kind"] == "register":
            for index, name in enumerate(self.data.get("columns", [])):
                found = self.field(("columns", index), name)
                if found is not None and found.is_amount:
                    message = f"`{name}` is an amount, and a register shows that of each."
                    remedy = (
                        f"Leave it out, or say in the record `{self.record.name}` under `open:` "
                        "why its values are public in any case."
                    )
                    self.fail(("columns", index), message, remedy)
                if found is not None:
                    yield from self._coded(found, "attribute", self.data["columns"])
            return
        for dimension in dimensions:
            for name in dimension.hierarchy:
                found = self.record.fields.get(name)
                if name in self.from_register and self.register is not None:
                    found = self.register.fields[name]
                found = found or self._as_field(name)
                if found is not None:
                    yield from self._coded(found, "dimension")
        for measure in measures:
            kind = "integer" if measure.decimals == 0 else "decimal"
            yield Column(
                measure.name,
                kind,
                "measure",
                measure.title,
                measure.description,
                None,
                measure.unit,
            )
            for suffix, words, text in (
                ("status", _STATUS, STATUS_DESCRIPTION),
                ("flag", _FLAG, FLAG_DESCRIPTION),
            ):
                title = {key: f"{measure.title[key]} – {words[key]}" for key in ("vi", "en")}
                yield Column(f"{measure.name}_{suffix}", suffix, suffix, title, text)

    def _coded(self, found: Field, role: str, others: Sequence[str] = ()) -> Iterator[Column]:
        yield Column(
            found.name, found.type, role, found.title, found.description, found.codelist, found.unit
        )
        if f"{found.name}_name" in others:
            return
        if found.type == "institution":
            words: Text = {"vi": "Tên trường", "en": "School name"}
            yield Column(f"{found.name}_name", "name", "label", words)
        elif found.codelist in NAMED_LISTS:
            title = self.codelists[found.codelist].title
            words = {"vi": f"Tên {title['vi'][0].lower()}{title['vi'][1:]}",
                     "en": f"{title['en']} name"}  # fmt: skip
            yield Column(f"{found.name}_name", "name", "label", words, None, found.codelist)

    def parse(self) -> Table:
        data = self.data
        if data["table"] != self.document.path.stem:
            message = (
                f"The table is called `{data['table']}`, its file `{self.document.path.name}`."
            )
            self.fail(("table",), message, "Give both the same name.")
        needed, other = (
            (("dimensions", "measures"), "columns")
            if data["kind"] == "cube"
            else (("columns",), "dimensions")
        )
        for key in needed:
            if key not in data:
                self.fail((), f"A {data['kind']} needs `{key}:`.", f"Add `{key}:`.")
        others = [other, "structural_zeros"] if data["kind"] == "register" else [other]
        for key in others:
            if key in data:
                self.fail((key,), f"A {data['kind']} has no `{key}:`.", "Leave it out.")
        if data["kind"] == "register" and self.record.about == "persons":
            message = "A register lists institutions; this record is about persons."
            self.fail(("record",), message, "Count the records in a cube.")
        dimensions = self.dimensions()
        measures = tuple(
            measure
            for index, entry in enumerate(data.get("measures", []))
            if (measure := self.measure(index, entry)) is not None
        )
        structural_zeros = self.structural_zeros(dimensions)
        sensitive = self.sensitive_columns(dimensions, measures)
        disclosure = self.disclosure(dimensions, sensitive)
        if disclosure.sensitive and not sensitive:
            dimensions = tuple(self.by_default(one) for one in dimensions)
        columns = tuple(self.columns(dimensions, measures))
        names = [column.name for column in columns]
        for name in dict.fromkeys(name for name in names if names.count(name) > 1):
            self.fail((), f"Two columns are called `{name}`.", "Rename the measure.")
        if self.errors:
            raise DeclarationErrors(sorted(self.errors, key=lambda error: error.line))
        return Table(
            name=data["table"],
            kind=data["kind"],
            topic=data["topic"],
            organization=data.get("organization"),
            title=data["title"],
            description=data["description"],
            keywords={key: tuple(words) for key, words in data["keywords"].items()},
            unit_of_observation=data["unit_of_observation"],
            record=self.record.name,
            about=self.record.about,
            period=self.record.period,
            frequency=data["frequency"],
            dimensions=dimensions,
            measures=measures,
            attributes=tuple(data.get("columns", ())),
            columns=columns,
            disclosure=disclosure,
            approval=data.get("approval", False),
            methodology=data["methodology"],
            document=self.document,
            derived=self.derived,
            from_register=frozenset(self.from_register),
            prominence=data.get("prominence", 1),
            structural_zeros=structural_zeros,
        )


NAMED_LISTS = frozenset({"area", "old_area", "district"})
"""Code lists whose labels stand beside the codes in every file: their codes are mere numbers."""


def parse_table(
    document: Document,
    records: Mapping[str, RecordType],
    codelists: Mapping[str, CodeList],
) -> Table:
    """The table that `document` declares.

    :raises DeclarationErrors: the document does not have the form of a table, or it names a
        record type, field, code list or code that there is not, or weakens a disclosure rule.
    """
    errors = check_form(document, "table")
    if errors:
        raise DeclarationErrors(errors)
    if document.data["record"] not in records:
        message = f"There is no record type `{document.data['record']}`."
        remedy = f"There are {', '.join(sorted(records))}."
        raise DeclarationErrors([document.error(("record",), message, remedy)])
    return _Parser(document, records, codelists).parse()
