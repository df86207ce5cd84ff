"""A small portal's declarations, made in a folder: code lists, records, tables and targets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from schemas import Declarations

KINDS = {
    "codelist": "codelists", "record": "records", "table": "tables", "target": "targets"
}  # fmt: skip


def text(vi: str, en: str | None = None) -> dict[str, str]:
    """A text in both languages."""
    return {"vi": vi, "en": en or vi}


def codelist(name: str, codes: Iterable[str | Mapping[str, Any]], **more: Any) -> dict[str, Any]:
    """A code list; a code may be given by its name alone."""
    entries = [
        {"code": code, "label": text(f"Mã {code}", f"Code {code}")} if isinstance(code, str)
        else {"label": text(f"Mã {code['code']}", f"Code {code['code']}"), **code}
        for code in codes
    ]  # fmt: skip
    return {"codelist": name, "title": text(f"Danh mục {name}"), "codes": entries, **more}


def record(
    name: str,
    fields: Iterable[Mapping[str, Any]],
    about: str = "persons",
    period: str = "school_year",
) -> dict[str, Any]:
    """A record type; fields of numbers, names and keys get a title."""
    titled = [{"title": text(f"Trường {field['name']}"), **field} for field in fields]
    return {
        "record": name, "title": text(f"Bản ghi {name}"), "about": about, "period": period,
        "fields": titled,
    }  # fmt: skip


def measure(name: str, **how: Any) -> dict[str, Any]:
    """A measure; a count of records where nothing else is said."""
    kinds = {"count", "sum", "mean", "rate", "ratio"}
    way = {} if kinds & set(how) else {"count": True}
    return {"name": name, "title": text(f"Số {name}"), "unit": text("người", "persons")} | way | how


def _described(name: str, kind: str, counted: str) -> dict[str, Any]:
    return {
        "table": name, "kind": kind, "topic": "pupils", "title": text(f"Bảng {name}"),
        "description": text("Mô tả"), "keywords": {"vi": ["từ"], "en": ["word"]},
        "unit_of_observation": text("học sinh", "pupil"), "record": counted,
        "frequency": "annual", "methodology": text("Đếm", "Counted"),
    }  # fmt: skip


def cube(
    name: str,
    counted: str,
    dimensions: Iterable[Iterable[str] | Mapping[str, Any]],
    measures: Iterable[Mapping[str, Any]],
    **more: Any,
) -> dict[str, Any]:
    """A cube; a dimension may be given by its columns, coarse to fine."""
    axes = [
        dict(one) if isinstance(one, Mapping) else {"name": f"by_{index}", "hierarchy": list(one)}
        for index, one in enumerate(dimensions)
    ]
    return {
        **_described(name, "cube", counted), "dimensions": axes, "measures": list(measures), **more
    }  # fmt: skip


def register(name: str, counted: str, columns: Iterable[str], **more: Any) -> dict[str, Any]:
    """A register."""
    return {**_described(name, "register", counted), "columns": list(columns), **more}


def target(
    name: str, of: Mapping[str, Any], over: Mapping[str, Any] | None = None, **more: Any
) -> dict[str, Any]:
    """A target that is `of`, or `of` in percent of `over`."""
    described = {"title": text(f"Mục tiêu {name}"), "description": text("Mô tả")}
    terms = {"of": dict(of), **({"over": dict(over)} if over else {})}
    return {"target": name, "order": 1, **described, **terms, **more}


AREAS = ("00100", "00200", "00300")

SCHOOL = record(
    "school",
    [
        {"name": "school", "type": "institution", "unique": True},
        {"name": "school_name", "type": "name"},
        {"name": "area", "type": "code"},
        {"name": "ownership", "type": "code"},
        {
            "name": "latitude", "type": "decimal", "required": False, "minimum": 8, "maximum": 12,
            "open": text("Ai cũng thấy được", "Everybody can see it"),
        },
    ],
    about="institutions",
)  # fmt: skip

PUPIL = record(
    "pupil",
    [
        {"name": "pupil_key", "type": "key"},
        {"name": "school", "type": "institution"},
        {"name": "grade", "type": "code"},
        {"name": "sex", "type": "code"},
        {"name": "internet", "type": "code", "codelist": "yes_no"},
        {"name": "absences", "type": "integer", "minimum": 0, "maximum": 300, "required": False},
        {
            "name": "fees",
            "type": "decimal",
            "minimum": 0,
            "required": False,
            "open": text("Được niêm yết", "They are posted up"),
        },
    ],
)

CODELISTS = (
    codelist("area", AREAS, total_label=text("Toàn thành phố", "Whole city")),
    codelist("ownership", ["public", "private"]),
    codelist("level", ["primary", "secondary"]),
    codelist(
        "grade",
        [
            {"code": "g1", "parent": "primary", "notation": "1", "aliases": ["Lớp 1"]},
            {"code": "g2", "parent": "primary"},
            {"code": "g6", "parent": "secondary"},
        ],
        parent="level",
    ),
    codelist("sex", ["male", "female"]),
    codelist("yes_no", [{"code": "yes", "aliases": ["1"]}, {"code": "no", "aliases": ["0"]}]),
)

ENROLMENT = cube(
    "enrolment",
    "pupil",
    [
        {"name": "place", "hierarchy": ["area", "school"]},
        {"name": "education", "hierarchy": ["level", "grade"]},
        {"name": "sex", "hierarchy": ["sex"], "zeros": True},
    ],
    [measure("pupils")],
    disclosure={"ladder": [{"drop": "grade"}, {"drop": "school"}]},
)

SCHOOLS = register(
    "schools", "school", ["school", "school_name", "area", "ownership", "latitude"]
)  # fmt: skip

CITY = (*CODELISTS, SCHOOL, PUPIL, ENROLMENT, SCHOOLS)
"""A city with a register of schools, pupils, and a table of each."""


def write(folder: Path, documents: Iterable[Mapping[str, Any]]) -> Path:
    """Write each document to the file that it belongs in, in place of one there."""
    for document in documents:
        kind = next(iter(document))
        path = folder / KINDS[kind] / f"{document[kind]}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            yaml.safe_dump(dict(document), allow_unicode=True, sort_keys=False), encoding="utf-8"
        )
    return folder


def declare(folder: Path, documents: Iterable[Mapping[str, Any]]) -> Declarations:
    """Write the documents and read them as a portal's only declarations."""
    return Declarations.load(own=write(folder, documents))
