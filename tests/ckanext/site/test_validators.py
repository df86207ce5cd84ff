import contextlib
import json
from typing import Any

import ckan.plugins.toolkit as tk
import pytest

from ckanext.hcmedu.validators import fluent_output, fluent_tags_as_tags, fluent_text

pytestmark = pytest.mark.unit

KEY = ("title_translated",)


def validate(data: dict[tuple, Any], required: bool = False) -> tuple[dict, list[str]]:
    """What the validator leaves of `data`, and its errors."""
    errors: dict[tuple, list[str]] = {KEY: []}
    with contextlib.suppress(tk.StopOnError):
        fluent_text({"required": required}, {})(KEY, data, errors, {})
    return data, errors[KEY]


@pytest.mark.parametrize(
    "given",
    [
        {KEY: {"vi": "Học sinh", "en": "Pupils"}},
        {KEY: '{"vi": "Học sinh", "en": "Pupils"}'},
        {
            KEY: tk.missing,
            ("__extras",): {"title_translated-vi": "Học sinh", "title_translated-en": "Pupils"},
        },
    ],
    ids=["mapping", "JSON", "form"],
)
def test_texts_are_stored_as_json_and_the_core_field_is_vietnamese(given: dict) -> None:
    data, errors = validate(given)
    assert errors == []
    assert json.loads(data[KEY]) == {"vi": "Học sinh", "en": "Pupils"}
    assert data[("title",)] == "Học sinh"


def test_a_plain_core_value_is_taken_as_vietnamese() -> None:
    data, errors = validate({KEY: tk.missing, ("title",): "Học sinh"}, required=True)
    assert errors == []
    assert json.loads(data[KEY]) == {"vi": "Học sinh"}


def test_texts_are_composed_and_empty_ones_left_out() -> None:
    data, _ = validate({KEY: {"vi": "  Ho\u0323c  ".replace("  ", " "), "en": " "}})
    assert json.loads(data[KEY]) == {"vi": "Học"}


def test_the_vietnamese_text_is_required() -> None:
    _, errors = validate({KEY: {"en": "Pupils"}}, required=True)
    assert errors == ["Missing value"]


@pytest.mark.parametrize("wrong", [["Học sinh"], "Học sinh", {"vi": ["Học sinh"]}])
def test_what_is_no_text_in_languages_is_refused(wrong: Any) -> None:
    _, errors = validate({KEY: wrong})
    assert len(errors) == 1
    assert errors[0].startswith("Expected")


def test_an_unknown_language_is_named() -> None:
    _, errors = validate({KEY: {"vi": "Học sinh", "fr": "Élèves"}})
    assert errors == ['The language "fr" is not one of: vi, en']


def test_an_optional_field_without_texts_is_not_stored() -> None:
    data, errors = validate({KEY: {"vi": "", "en": ""}})
    assert KEY not in data
    assert errors == []


def test_vietnamese_keywords_become_the_tags() -> None:
    data = {
        ("tags_translated",): '{"vi": ["học sinh", "lớp"], "en": ["pupils"]}',
        ("tags", 0, "name"): "cũ",
        ("tags", 0, "state"): "active",
    }
    fluent_tags_as_tags(("__after",), data, {}, {})
    assert {key: value for key, value in data.items() if key[0] == "tags"} == {
        ("tags", 0, "name"): "học sinh",
        ("tags", 1, "name"): "lớp",
    }


def test_what_is_not_a_mapping_is_passed_on() -> None:
    assert fluent_output("không phải JSON") == "không phải JSON"
    assert fluent_output(None) is None
