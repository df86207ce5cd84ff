"""Code lists: the values that a coded column may hold, with labels in both languages."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from schemas.declaration import DeclarationError, DeclarationErrors, Document, Text, check_form

TOTAL = "_T"
"""The code of a total, in every column, after SDMX's cross-domain code lists."""

TOTAL_LABEL: Text = {"vi": "Tổng số", "en": "Total"}


@dataclass(frozen=True)
class Code:
    """One value of a code list."""

    code: str
    label: Text
    parent: str | None = None
    notation: str | None = None
    isced: str | None = None
    exact_match: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    lower: float | None = None
    upper: float | None = None
    extra: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class CodeList:
    """A code list; `parent` names the list that the codes' parents are in."""

    id: str
    title: Text
    description: Text | None
    source: Mapping[str, Any] | None
    parent: str | None
    total_label: Text
    codes: Mapping[str, Code]
    document: Document
    sensitive: tuple[str, ...] = ()
    """The codes of which it must not be told, of persons, that nobody or everybody has them."""

    def label(self, code: str) -> Text:
        """The label of `code` in both languages; the total has one too.

        :raises KeyError: the list does not have the code.
        """
        return self.total_label if code == TOTAL else self.codes[code].label

    @property
    def is_banded(self) -> bool:
        """Whether the codes are bands of a number (from … to …)."""
        return any(code.lower is not None for code in self.codes.values())


def _english(name: str, templates: Mapping[str, str]) -> str:
    """`name` in English: by its own template, else the longest Vietnamese prefix that has one goes
    and the rest stays."""
    if name in templates:
        return templates[name]
    for prefix in sorted(templates, key=len, reverse=True):
        if name.startswith(prefix + " "):
            return templates[prefix].replace("{name}", name[len(prefix) + 1 :])
    return name


def _codes_from_csv(document: Document, spec: Mapping[str, Any]) -> dict[str, Code]:
    """The distinct codes of a CSV file beside the declaration, in the file's order."""
    path = document.path.parent / spec["file"]
    if not path.is_file():
        raise DeclarationErrors(
            [
                document.error(
                    ("csv", "file"), f"`{spec['file']}` is not there.", "Put it beside this file."
                )
            ]
        )
    templates = spec.get("english", {})
    columns = [spec["code"], spec["label"], *spec.get("extra", {}).values()]
    if spec.get("parent"):
        columns.append(spec["parent"])
    codes: dict[str, Code] = {}
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        missing = [name for name in columns if name not in (reader.fieldnames or [])]
        if missing:
            message = f"`{path.name}` has no column `{missing[0]}`."
            remedy = f"It has {', '.join(reader.fieldnames or [])}."
            raise DeclarationErrors([document.error(("csv",), message, remedy)])
        for row in reader:
            code, name = row[spec["code"]].strip(), row[spec["label"]].strip()
            if not code or code in codes:
                continue
            extra = {key: row[column] for key, column in spec.get("extra", {}).items()}
            for key, prefixes in spec.get("by_prefix", {}).items():
                for prefix, value in prefixes.items():
                    if name.startswith(prefix):
                        extra[key] = value
            parent = row[spec["parent"]].strip() if spec.get("parent") else None
            label = {"vi": name, "en": _english(name, templates)}
            codes[code] = Code(code, label, parent=parent or None, extra=extra)
    return codes


def _code(entry: Mapping[str, Any]) -> Code:
    known = {
        "code", "label", "parent", "notation", "isced", "exact_match", "aliases", "from", "to",
    }  # fmt: skip
    return Code(
        code=entry["code"],
        label=entry["label"],
        parent=entry.get("parent"),
        notation=entry.get("notation"),
        isced=entry.get("isced"),
        exact_match=tuple(entry.get("exact_match", ())),
        aliases=tuple(entry.get("aliases", ())),
        lower=entry.get("from"),
        upper=entry.get("to"),
        extra={key: value for key, value in entry.items() if key not in known},
    )


def _check_bands(document: Document, codes: Mapping[str, Code]) -> list[DeclarationError]:
    """Bands have a lower end, reach upwards from it, and do not overlap."""
    errors = []
    highest: float | None = None
    banded = any(code.lower is not None or code.upper is not None for code in codes.values())
    for index, code in enumerate(codes.values() if banded else ()):
        place = ("codes", index)
        low = code.lower
        if low is None or (code.upper is not None and code.upper <= low):
            message = f"The band `{code.code}` does not reach from a number to a higher one."
            errors.append(document.error(place, message, "Say `from:` and a higher `to:`."))
            continue
        if highest is not None and low < highest:
            message = f"The band `{code.code}` starts before the one above it ends."
            errors.append(document.error(place, message, "List bands upwards, without overlap."))
        highest = code.upper if code.upper is not None else float("inf")
    return errors


def parse_codelist(document: Document) -> CodeList:
    """The code list that `document` declares.

    :raises DeclarationErrors: the document does not have the form of a code list, a code stands
        twice, or a CSV file that it names is missing or lacks a column.
    """
    errors: list[DeclarationError] = check_form(document, "codelist")
    if errors:
        raise DeclarationErrors(errors)
    data = document.data
    if data["codelist"] != document.path.stem:
        message = f"The list is called `{data['codelist']}`, its file `{document.path.name}`."
        errors.append(document.error(("codelist",), message, "Give both the same name."))
    codes = _codes_from_csv(document, data["csv"]) if "csv" in data else {}
    for index, entry in enumerate(data.get("codes", [])):
        if entry["code"] in codes:
            message = f"The code `{entry['code']}` stands twice."
            errors.append(document.error(("codes", index), message, "Keep one."))
        codes[entry["code"]] = _code(entry)
    if TOTAL in codes:
        message = f"`{TOTAL}` is the code of a total."
        errors.append(document.error((), message, "Give that code another name."))
    if not codes:
        errors.append(document.error((), "The list has no codes.", "Add `codes:` or `csv:`."))
    errors.extend(_check_bands(document, codes))
    if data.get("parent") is None and any(code.parent for code in codes.values()):
        message = "Codes have parents, but the list does not say which list these are in."
        errors.append(document.error((), message, "Add `parent:` with the name of that list."))
    sensitive = tuple(codes) if data.get("sensitive") is True else tuple(data.get("sensitive", ()))
    for code in sensitive:
        if code not in codes:
            remedy = f"Use some of: {', '.join(list(codes)[:20])}; or `true` for all."
            message = f"`{code}` is not a code of the list."
            errors.append(document.error(("sensitive",), message, remedy))
    if errors:
        raise DeclarationErrors(errors)
    return CodeList(
        id=data["codelist"],
        title=data["title"],
        description=data.get("description"),
        source=data.get("source"),
        parent=data.get("parent"),
        total_label=data.get("total_label", TOTAL_LABEL),
        codes=codes,
        document=document,
        sensitive=sensitive,
    )


def check_parents(codelist: CodeList, codelists: Mapping[str, CodeList]) -> list[DeclarationError]:
    """Every parent that a code names must be a code of the parent list."""
    if codelist.parent is None:
        return []
    parents = codelists.get(codelist.parent)
    document = codelist.document
    if parents is None:
        return [document.error(("parent",), f"There is no code list `{codelist.parent}`.")]
    return [
        document.error(
            ("codes", index, "parent"),
            f"`{code.parent}` is not a code of `{parents.id}`.",
            f"Use one of: {', '.join(list(parents.codes)[:20])}.",
        )
        for index, code in enumerate(codelist.codes.values())
        if code.parent is not None and code.parent not in parents.codes
    ]
