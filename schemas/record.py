"""Record types: what a source delivers, one record a pupil, class, school, payment and so on.

A record type is an allow-list. A connector asks a source for these fields and no others, and no
type of field can hold a person's name, contact, address, photograph or free text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from schemas.codelist import CodeList
from schemas.declaration import DeclarationError, DeclarationErrors, Document, Text, check_form


@dataclass(frozen=True)
class Field:
    """One field of a record type.

    `type` is ``key`` (only ever used to find a record that stands twice, never stored),
    ``institution`` (the id of a school of the register), ``name`` (of an institution or area),
    ``code`` (of `codelist`), ``integer``, ``decimal`` or ``period``. `minimum` and `maximum`
    are inclusive.
    """

    name: str
    type: str
    title: Text
    description: Text | None
    codelist: str | None
    required: bool
    unique: bool
    minimum: float | None
    maximum: float | None
    unit: Text | None
    open: Text | None = None
    """Why the values of an amount are public in any case, in words; None where they are not."""

    @property
    def is_amount(self) -> bool:
        """Whether sums of the field are protected as those of a magnitude: money, floor area."""
        return self.type == "decimal" and self.open is None


@dataclass(frozen=True)
class RecordType:
    """What one record of a source holds; `period` is the kind of its reference period."""

    name: str
    title: Text
    about: str
    period: str
    fields: Mapping[str, Field]
    document: Document

    @property
    def stored(self) -> list[Field]:
        """The fields that a snapshot holds: all but keys."""
        return [field for field in self.fields.values() if field.type != "key"]

    @property
    def names_institutions(self) -> bool:
        """Whether a record names a school, by its id in the register."""
        return any(field.type == "institution" for field in self.fields.values())


OWNER = "owner"
"""The field, of a record or of the register, that tells which organisation owns the institution:
what institutions of one owner have is one contribution to a sum."""

REGISTER = "school"
"""The record type that is the register of schools."""

INSTITUTION = "school"
"""The field of the register that identifies a school."""

_TITLES: Mapping[str, Text] = {
    "institution": {"vi": "Mã trường", "en": "School code"},
    "key": {"vi": "Khóa để phát hiện bản ghi trùng", "en": "Key for finding duplicates"},
    "period": {"vi": "Kỳ số liệu", "en": "Reference period"},
}


def parse_record(document: Document, codelists: Mapping[str, CodeList]) -> RecordType:
    """The record type that `document` declares.

    :raises DeclarationErrors: the document does not have the form of a record type, or a field
        is without a title, names an unknown code list or may not be in such a record.
    """
    errors: list[DeclarationError] = check_form(document, "record")
    if errors:
        raise DeclarationErrors(errors)
    data = document.data
    if data["record"] != document.path.stem:
        message = f"The record is called `{data['record']}`, its file `{document.path.name}`."
        errors.append(document.error(("record",), message, "Give both the same name."))
    fields: dict[str, Field] = {}
    for index, entry in enumerate(data["fields"]):
        place = ("fields", index)
        name, kind = entry["name"], entry["type"]
        codelist = entry.get("codelist", name if kind == "code" else None)
        if name in fields:
            errors.append(document.error(place, f"The field `{name}` stands twice."))
        if kind == "code" and codelist not in codelists:
            message = f"There is no code list `{codelist}`."
            remedy = f"Name it under `codelist:`; there are {', '.join(sorted(codelists))}."
            errors.append(document.error(place, message, remedy))
        if kind == "name" and data["about"] == "persons":
            message = "A record about persons has no field for a name."
            errors.append(document.error(place, message, "Leave the field out."))
        title = entry.get("title") or _TITLES.get(kind)
        if title is None and codelist in codelists:
            title = codelists[codelist].title
        if title is None:
            errors.append(document.error(place, f"`{name}` has no title.", "Add `title:`."))
        unit = entry.get("unit")
        fields[name] = Field(
            name=name,
            type=kind,
            title=title or {},
            description=entry.get("description"),
            codelist=codelist if kind == "code" else None,
            required=entry.get("required", True),
            unique=entry.get("unique", False),
            minimum=entry.get("minimum"),
            maximum=entry.get("maximum"),
            unit={"vi": unit, "en": unit} if isinstance(unit, str) else unit,
            open=entry.get("open"),
        )
        errors.extend(_check_amount(document, place, fields[name]))
    if errors:
        raise DeclarationErrors(errors)
    return RecordType(
        data["record"], data["title"], data["about"], data["period"], fields, document
    )


_MONEY = frozenset({"đồng", "vnd", "vnđ", "usd"})


def _check_amount(
    document: Document, place: tuple[str | int, ...], field: Field
) -> list[DeclarationError]:
    """An amount can be protected: it is a decimal, and never below nothing."""
    errors = []
    words = set(re.split(r"[^\w]+", " ".join((field.unit or {}).values()).lower()))
    if field.type == "integer" and words & _MONEY:
        message = f"`{field.name}` is money, and whole numbers are not protected as amounts."
        errors.append(document.error((*place, "type"), message, "Say `type: decimal`."))
    if field.open is not None and field.type != "decimal":
        message = f"`{field.name}` is no decimal, and only these are protected as amounts."
        errors.append(document.error((*place, "open"), message, "Leave out `open:`."))
    if field.is_amount and (field.minimum is None or field.minimum < 0):
        message = f"`{field.name}` is an amount, and may be below 0."
        remedy = "Say `minimum: 0`, or under `open:` why its values are public in any case."
        errors.append(document.error(place, message, remedy))
    if field.name == OWNER and field.type != "code":
        message = "An owner is an organisation of a code list, never a person."
        errors.append(document.error((*place, "type"), message, "Say `type: code`."))
    return errors
