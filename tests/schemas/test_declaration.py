"""Reading YAML: what is text stays text, and every mistake is found with its line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.declaration import DeclarationErrors, Document, check_form, read_document

pytestmark = pytest.mark.unit


def read(folder: Path, content: str | bytes) -> Document:
    path = folder / "one.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_document(path)


@pytest.mark.parametrize(
    "scalar",
    ["yes", "no", "on", "off", "Yes", "NO", "y", "n", "True", "NULL", "2025-09-05", "2024-2025",
     "2025-07", "12:30", "00123", "012.5", "0x10", "1_000", "+5", ".5", "5.", ".inf", ".nan",
     "1e", "0o17", "1.2.3"],
)  # fmt: skip
def test_what_only_looks_like_another_type_stays_text(tmp_path: Path, scalar: str) -> None:
    assert read(tmp_path, f"value: {scalar}\n").data == {"value": scalar}


@pytest.mark.parametrize(
    ("scalar", "value"),
    [("true", True), ("false", False), ("null", None), ("~", None), ("", None), ("0", 0),
     ("-5", -5), ("120", 120), ("1.5", 1.5), ("0.5", 0.5), ("1e3", 1000.0), ("-2.5e-3", -0.0025)],
)  # fmt: skip
def test_plain_scalars_have_their_types(tmp_path: Path, scalar: str, value: Any) -> None:
    found = read(tmp_path, f"value: {scalar}\n").data["value"]
    assert (type(found), found) == (type(value), value)


@given(st.text(alphabet="0123456789", min_size=2, max_size=8).filter(lambda t: t[0] == "0"))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
def test_a_code_keeps_its_leading_zeros(tmp_path: Path, code: str) -> None:
    assert read(tmp_path, f"code: {code}\n").data["code"] == code


def test_a_quoted_scalar_is_text(tmp_path: Path) -> None:
    document = read(tmp_path, "a: \"1\"\nb: 'true'\nc: 'null'\n")
    assert document.data == {"a": "1", "b": "true", "c": "null"}


@pytest.mark.parametrize(
    ("content", "line", "message"),
    [
        ("a: 1\nb: [1, 2\nc: 3\n", 3, "This is not YAML"),
        ("a: 1\n\tb: 2\n", 2, "This is not YAML"),
        ("a: 1\n---\nb: 2\n", 2, "another document"),
        ("a: 1\nb: !!python/object:os.system x\n", 2, "could not determine a constructor"),
        ("a: *nowhere\n", 1, "undefined alias"),
        ("? [1, 2]\n: a\n", 1, "unhashable"),
        ("", 1, "The file is empty."),
        ("# only a comment\n", 1, "The file is empty."),
        ("a: &again [*again]\n", 1, "refers to itself"),
        ("a: 1\nb: \x07\n", 2, "a character that no text has"),
        (b"a: 1\nb: \xe9t\xe9\n", 2, "not UTF-8"),
        ("a: b\n".encode("utf-16"), 1, "not UTF-8"),
    ],
)
def test_a_file_that_is_no_yaml_is_refused_with_its_line(
    tmp_path: Path, content: str | bytes, line: int, message: str
) -> None:
    with pytest.raises(DeclarationErrors) as refused:
        read(tmp_path, content)
    (error,) = refused.value.errors
    assert (error.file, error.line) == (tmp_path / "one.yaml", line)
    assert message in error.message


def test_a_file_that_is_too_large_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "one.yaml"
    path.write_text("a: " + "x" * 100)
    with pytest.raises(DeclarationErrors, match="larger than 50 bytes"):
        read_document(path, max_bytes=50)


def test_every_key_that_stands_twice_is_told_at_any_depth(tmp_path: Path) -> None:
    content = "a: 1\nb:\n  - c: 1\n    d: 2\n    c: 3\na: 4\n"
    with pytest.raises(DeclarationErrors) as refused:
        read(tmp_path, content)
    assert {(error.path, error.message, error.remedy) for error in refused.value.errors} == {
        ("a", "The key stands twice.", "Keep one."),
        ("b.0.c", "The key stands twice.", "Keep one."),
    }


def test_a_place_has_the_line_of_its_key_and_what_is_missing_that_around_it(tmp_path: Path) -> None:
    document = read(tmp_path, "a: 1\nb:\n  c:\n    - x\n    - y: 1\n      z: 2\n")
    assert document.line(("b", "c")) == 3
    assert document.line(("b", "c", 1, "z")) == 6
    assert document.line(("b", "c", 1, "nothing", 4)) == 5
    assert document.line(()) == 1
    assert str(document.error(("b", "c"), "Wrong.", "Mend it.")).endswith(
        "one.yaml:3: b.c: Wrong. Mend it."
    )


def test_the_digest_is_of_the_very_bytes(tmp_path: Path) -> None:
    first = read(tmp_path, "a: 1\n").digest
    assert read(tmp_path, "a: 1\n").digest == first
    assert read(tmp_path, "a:  1\n").digest != first


tree = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.text("abynot0123-: ", max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text("abcyn019", min_size=1, max_size=4), inner, max_size=3)
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.text("abc", min_size=1, max_size=3), tree, min_size=1, max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_what_a_yaml_writer_quotes_is_read_back_as_it_was(
    tmp_path: Path, data: dict[str, Any]
) -> None:
    content = yaml.safe_dump(data, allow_unicode=True)
    document = read(tmp_path, content)
    assert document.data == data
    lines = content.splitlines()
    for key in data:
        assert lines[document.line((key,)) - 1].startswith((key, f"'{key}'", f"? {key}"))


def mistakes(tmp_path: Path, kind: str, content: str) -> list[tuple[int, str, str, str]]:
    errors = check_form(read(tmp_path, content), kind)
    return [(error.line, error.path, error.message, error.remedy) for error in errors]


def test_all_missing_keys_are_told_at_once(tmp_path: Path) -> None:
    ((line, path, message, remedy),) = mistakes(tmp_path, "record", "record: pupil\nfields: []\n")[
        :1
    ]
    assert (line, path) == (1, "")
    assert message == "Missing here: `title`, `about`, `period`."
    assert remedy


def test_all_unknown_keys_are_told_at_once_whatever_their_type(tmp_path: Path) -> None:
    content = (
        "record: pupil\ntitle: {vi: a, en: b}\nabout: persons\nperiod: month\n"
        "1: x\nname_of_person: y\nfields: [{name: a, type: key}]\n"
    )
    ((_, _, message, remedy),) = mistakes(tmp_path, "record", content)
    assert message == "Not known here: `1`, `name_of_person`."
    assert "fields" in remedy and "period" in remedy


def test_several_mistakes_come_in_the_order_of_their_lines(tmp_path: Path) -> None:
    content = (
        "codelist: Sex\n"
        "title: {vi: '', en: Sex}\n"
        "codes:\n"
        "  - {code: male, label: {vi: Nam, en: Male}}\n"
        "  - {code: 1, label: {vi: Nữ, en: Female}}\n"
        "  - {code: other, label: {vi: Khác}}\n"
    )
    found = mistakes(tmp_path, "codelist", content)
    assert [(line, path) for line, path, _, _ in found] == [
        (1, "codelist"), (2, "title.vi"), (5, "codes.1.code"), (6, "codes.2.label"),
    ]  # fmt: skip
    assert found[2][2:] == ("Expected string, found int `1`.", "Put it in quotes.")
    assert all(remedy for _, _, _, remedy in found)


@pytest.mark.parametrize("content", ["- a\n- b\n", "just text\n", "5\n"])
def test_a_file_that_is_no_mapping_is_told_so(tmp_path: Path, content: str) -> None:
    ((line, _, message, _),) = mistakes(tmp_path, "table", content)
    assert line == 1
    assert message.startswith("Expected object, found")
