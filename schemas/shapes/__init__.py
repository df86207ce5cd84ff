"""What the feed says of each thing, as a table (``fields.yaml``), and the SHACL shapes made of it.

The shapes (``portal.ttl``) are the portal's own: stricter than DCAT-AP where the portal always has
more to say, silent on what it never says. Whoever harvests the feed may check it with them.
``data.schema.json`` and ``dcat_us.schema.json`` do the same for the feed in one piece.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from importlib import resources
from typing import Any

import yaml

LANGUAGES = ("vi", "en")

_HEAD = """\
# Made from fields.yaml by `python -m schemas.shapes`; change that file.
"""


def fields() -> dict[str, Any]:
    """The table of properties: `prefixes`, `classes` and `without_property`."""
    return yaml.safe_load((resources.files(__name__) / "fields.yaml").read_text("utf-8"))


def shapes() -> str:
    """The portal's shapes as they are stored, in Turtle."""
    return (resources.files(__name__) / "portal.ttl").read_text("utf-8")


def data_json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) that the portal's `data.json` is valid against."""
    return json.loads((resources.files(__name__) / "data.schema.json").read_text("utf-8"))


def dcat_us_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) that the portal's `dcat-us.json` is valid against."""
    return json.loads((resources.files(__name__) / "dcat_us.schema.json").read_text("utf-8"))


def make_shapes(table: Mapping[str, Any]) -> str:
    """The shapes that the table of properties asks for, in Turtle."""
    prefixes = {**table["prefixes"], "sh": "http://www.w3.org/ns/shacl#"}
    lines = [f"@prefix {name}: <{iri}> ." for name, iri in sorted(prefixes.items())]
    for name, properties in table["classes"].items():
        lines += ["", *_shape(name, properties)]
    return _HEAD + "\n".join(lines) + "\n"


def _shape(name: str, properties: list[Mapping[str, Any]]) -> Iterator[str]:
    prefix, _, local = name.partition(":")
    yield f"<urn:hcmedu:shape:{prefix}-{local}> a sh:NodeShape ;"
    yield f"    sh:targetClass {name} ;"
    # Blank nodes cannot be told from one rendering to the next.
    yield "    sh:nodeKind sh:IRI ;"
    bodies = [body for each in properties for body in _bodies(each)]
    for number, body in enumerate(bodies):
        end = "." if number == len(bodies) - 1 else ";"
        yield f"    sh:property [ {' ; '.join(body)} ] {end}"


def _bodies(field: Mapping[str, Any]) -> Iterator[list[str]]:
    """The property shapes of a line: what holds for all values, then what must be among them."""
    path, kind, least = f"sh:path {field['path']}", field["kind"], field.get("least")
    body = [path]
    if kind in ("text", "words"):
        tags = " ".join(f'"{language}"' for language in LANGUAGES)
        body.append(f"sh:languageIn ( {tags} )")
        if kind == "text":
            body.append("sh:uniqueLang true")
        yield body
        for language in LANGUAGES if least else ():
            there = f'[ sh:languageIn ( "{language}" ) ]'
            yield [path, f"sh:qualifiedValueShape {there}", "sh:qualifiedMinCount 1"]
        return
    if least:
        body.append(f"sh:minCount {least}")
    if "most" in field:
        body.append(f"sh:maxCount {field['most']}")
    if kind == "iri":
        body.append("sh:nodeKind sh:IRI")
        if "of" in field:
            body.append(f"sh:class {field['of']}")
        if "in" in field:
            start = field["in"].replace(".", "\\\\.")
            body.append(f'sh:pattern "^{start}"')
    elif kind == "date":
        types = " ".join(f"[ sh:datatype xsd:{one} ]" for one in ("date", "dateTime"))
        body.append(f"sh:or ( {types} )")
    else:
        body.append(f"sh:datatype {field['type']}")
    yield body
