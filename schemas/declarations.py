"""All the declarations of a portal, read together: code lists, record types, tables, targets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

from schemas.codelist import CodeList, check_parents, parse_codelist
from schemas.declaration import DeclarationError, DeclarationErrors, Document, read_document
from schemas.record import RecordType, parse_record
from schemas.table import Table, parse_table
from schemas.target import Target, parse_target

OWN = Path(__file__).parent
"""The folder of the declarations that come with the portal."""


class _Declared(Protocol):
    @property
    def document(self) -> Document: ...


_T = TypeVar("_T", bound=_Declared)


@dataclass(frozen=True)
class Declarations:
    """Code lists, record types, tables and targets by name; what refers to what has been checked.
    Targets stand in the order in which they are shown."""

    codelists: Mapping[str, CodeList]
    records: Mapping[str, RecordType]
    tables: Mapping[str, Table]
    targets: Mapping[str, Target] = field(default_factory=dict)

    @classmethod
    def load(cls, extra_paths: Iterable[str | Path] = (), own: Path = OWN) -> Declarations:
        """Read the portal's own declarations and those in `extra_paths`, folders that hold
        ``targets/``, ``tables/``, ``records/`` and ``codelists/`` (any of them may be missing).

        :raises DeclarationErrors: every mistake in every file.
        """
        folders = [own, *(Path(path) for path in extra_paths)]
        errors: list[DeclarationError] = []
        for folder in folders:
            if not folder.is_dir():
                errors.append(DeclarationError(folder, 1, "", "This folder is not there."))
        codelists = _read(folders, "codelists", parse_codelist, errors)
        for codelist in codelists.values():
            errors.extend(check_parents(codelist, codelists))
        records = _read(
            folders, "records", lambda document: parse_record(document, codelists), errors
        )
        # A table that counts a record or uses a list that is itself wrong would only repeat it.
        tables = (
            {}
            if errors
            else _read(folders, "tables", lambda doc: parse_table(doc, records, codelists), errors)
        )
        targets = (
            {}
            if errors
            else _read(folders, "targets", lambda doc: parse_target(doc, tables, codelists), errors)
        )
        if errors:
            raise DeclarationErrors(errors)
        ordered = sorted(targets.items(), key=lambda named: (named[1].order, named[0]))
        return cls(codelists, records, tables, dict(ordered))


def _read(
    folders: Iterable[Path],
    kind: str,
    parse: Callable[[Document], _T],
    errors: list[DeclarationError],
) -> dict[str, _T]:
    found: dict[str, _T] = {}
    for folder in folders:
        for path in sorted((folder / kind).glob("*.yaml")):
            try:
                document = read_document(path)
                if path.stem in found:
                    first = found[path.stem].document.path
                    message = f"There is a file of this name already: {first}."
                    raise DeclarationErrors([document.error((), message, "Rename one.")])
                found[path.stem] = parse(document)
            except DeclarationErrors as wrong:
                errors.extend(wrong.errors)
    return found
