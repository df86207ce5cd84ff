"""The portal's shapes: made from the table of properties, which knows every field of the forms."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from typing import Any

import pytest
import yaml

from schemas.shapes import fields, make_shapes, shapes

pytestmark = pytest.mark.unit


def test_the_stored_shapes_are_those_of_the_table() -> None:
    assert shapes() == make_shapes(fields()), "run `python -m schemas.shapes`"


def form_fields() -> Iterator[str]:
    form = yaml.safe_load((resources.files("schemas") / "scheming/dataset.yaml").read_text("utf-8"))
    for field in [*form["dataset_fields"], *form["resource_fields"]]:
        yield field["field_name"]


def test_every_field_of_the_forms_has_a_property_or_a_reason_why_not() -> None:
    table = fields()
    lines = [line for properties in table["classes"].values() for line in properties]
    said = {line["field"] for line in lines if "field" in line}
    known = set(form_fields())
    assert known <= said | set(table["without_property"])
    # `resources` is CKAN's own.
    assert said | set(table["without_property"]) <= known | {"resources"}


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ({"path": "dct:title", "kind": "text", "least": 1}, "sh:qualifiedMinCount 1"),
        ({"path": "dct:title", "kind": "text"}, "sh:uniqueLang true"),
        ({"path": "dct:type", "kind": "iri", "in": "http://a.b/"}, 'sh:pattern "^http://a\\\\.b/"'),
        ({"path": "dct:issued", "kind": "date"}, "sh:or"),
        ({"path": "dct:x", "kind": "literal", "type": "xsd:decimal"}, "sh:datatype xsd:decimal"),
    ],
)
def test_each_kind_of_property_is_held_to_something(line: dict[str, Any], expected: str) -> None:
    made = make_shapes({"prefixes": {}, "classes": {"dcat:Dataset": [line]}})
    assert expected in made
