"""The controlled values: no services needed."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import resources
from typing import Any

import pytest
import yaml

from ckanext.hcmedu.dcat import vocabulary

pytestmark = pytest.mark.unit


def choices(fields: list[dict[str, Any]]) -> Iterator[str]:
    for field in fields:
        for choice in field.get("choices", []):
            if isinstance(choice["label"], dict) and choice["value"].startswith("http"):
                yield choice["value"]
        yield from choices(field.get("repeating_subfields", []))


def form_choices() -> list[str]:
    form = yaml.safe_load((resources.files("schemas") / "scheming/dataset.yaml").read_text("utf-8"))
    return sorted({*choices(form["dataset_fields"]), *choices(form["resource_fields"])})


@pytest.mark.parametrize("value", [*form_choices(), *vocabulary.labels()])
def test_every_value_is_in_a_scheme_that_has_a_title(value: str) -> None:
    assert set(vocabulary.scheme_title(vocabulary.scheme(value))) == {"vi", "en"}


def test_every_frequency_of_the_forms_has_an_interval_that_dkan_knows() -> None:
    frequencies = [value for value in form_choices() if "/frequency/" in value]
    assert len(frequencies) > 5
    assert all(vocabulary.repetition(value) for value in frequencies)


def test_a_file_type_is_named_and_found_again() -> None:
    iri = vocabulary.file_type("csv")
    assert iri is not None and vocabulary.is_file_type(iri)
    assert vocabulary.format_name(iri) == "CSV"
    assert vocabulary.is_machine_readable(iri) and not vocabulary.is_proprietary(iri)
    assert vocabulary.is_proprietary(vocabulary.file_type("XLSX") or "")
    assert vocabulary.file_type("unknown") is None


def test_every_licence_of_the_table_says_what_kind_it_is() -> None:
    for identifier in ("cc-by", "cc-by-sa", "cc-zero", "odc-by", "odc-odbl", "odc-pddl"):
        iri = vocabulary.licence({"license_id": identifier})
        assert iri is not None and vocabulary.is_licence(iri)
        assert vocabulary.licence_type(iri)
