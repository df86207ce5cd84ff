"""Record types: an allow-list that cannot ask for what must not be asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from schemas import CodeList, DeclarationErrors, RecordType
from schemas.codelist import parse_codelist
from schemas.declaration import read_document
from schemas.record import parse_record
from tests.schemas.builders import codelist, record, text, write

pytestmark = pytest.mark.unit

HEAD = "record: pupil\ntitle: {vi: Học sinh, en: Pupil}\nabout: persons\nperiod: school_year\n"


@pytest.fixture
def codelists(tmp_path: Path) -> dict[str, CodeList]:
    write(tmp_path, [codelist("sex", ["male", "female"])])
    return {"sex": parse_codelist(read_document(tmp_path / "codelists/sex.yaml"))}


def parse(folder: Path, document: dict[str, Any], codelists: dict[str, CodeList]) -> RecordType:
    write(folder, [document])
    path = folder / "records" / f"{document['record']}.yaml"
    return parse_record(read_document(path), codelists)


def errors_of(
    folder: Path, content: str, codelists: dict[str, CodeList], name: str = "pupil"
) -> list[tuple[int, str, str]]:
    path = folder / f"{name}.yaml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DeclarationErrors) as refused:
        parse_record(read_document(path), codelists)
    return [(error.line, error.message, error.remedy) for error in refused.value.errors]


def test_fields_have_titles_units_and_ranges(
    tmp_path: Path, codelists: dict[str, CodeList]
) -> None:
    found = parse(
        tmp_path,
        {
            "record": "pupil", "title": text("Học sinh", "Pupil"), "about": "persons",
            "period": "month",
            "fields": [
                {"name": "pupil_key", "type": "key"},
                {"name": "school", "type": "institution"},
                {"name": "sex", "type": "code"},
                {"name": "gender", "type": "code", "codelist": "sex", "required": False},
                {"name": "fees", "type": "decimal", "title": text("Tiền"), "unit": "VND",
                 "minimum": 0, "maximum": 1.5},
            ],
        },
        codelists,
    )  # fmt: skip
    assert [field.name for field in found.stored] == ["school", "sex", "gender", "fees"]
    assert found.fields["sex"].title["vi"] == "Danh mục sex"
    assert found.fields["gender"].codelist == "sex"
    assert not found.fields["gender"].required and found.fields["sex"].required
    fees = found.fields["fees"]
    assert (fees.minimum, fees.maximum, fees.unit) == (0, 1.5, {"vi": "VND", "en": "VND"})
    assert found.fields["school"].title["en"] == "School code"
    assert found.period == "month"


def test_a_record_about_persons_has_no_field_for_a_name(
    tmp_path: Path, codelists: dict[str, CodeList]
) -> None:
    content = HEAD + (
        "fields:\n"
        "  - {name: sex, type: code}\n"
        "  - {name: pupil_name, type: name, title: {vi: Tên, en: Name}}\n"
    )
    assert errors_of(tmp_path, content, codelists) == [
        (7, "A record about persons has no field for a name.", "Leave the field out.")
    ]


@pytest.mark.parametrize("kind", ["text", "string", "date", "email", "phone", "address", "file"])
def test_no_type_of_field_holds_free_text_or_a_date(
    tmp_path: Path, codelists: dict[str, CodeList], kind: str
) -> None:
    content = HEAD + f"fields:\n  - {{name: birth, type: {kind}, title: {{vi: a, en: b}}}}\n"
    ((line, message, remedy),) = errors_of(tmp_path, content, codelists)
    assert (line, message) == (6, f"`{kind}` is not one of the values.")
    assert "institution" in remedy


@pytest.mark.parametrize(
    ("fields", "line", "message"),
    [
        ("  - {name: sex, type: code}\n  - {name: sex, type: code}", 7, "stands twice"),
        ("  - {name: rank, type: code}", 6, "There is no code list `rank`."),
        ("  - {name: rank, type: code, codelist: ranks}", 6, "There is no code list `ranks`."),
        ("  - {name: fees, type: decimal}", 6, "`fees` has no title."),
        ("  - {name: Sex, type: code}", 6, "does not have the form"),
        ("  - {name: sex}", 6, "Missing here: `type`."),
        ("  - {name: sex, type: code, secret: true}", 6, "Not known here: `secret`."),
        ("  - {name: sex, type: code, required: yes}", 6, "Expected boolean, found str `yes`."),
        ("  - {name: fees, type: integer, minimum: '0'}", 6, "Expected number"),
        ("  - {name: sex, type: code, unit: 5}", 6, "does not have the right form"),
        ("  - {name: fees, type: decimal, title: {vi: a, en: b}}", 6, "may be below 0"),
        (
            "  - {name: fees, type: decimal, minimum: -1, title: {vi: a, en: b}}",
            6,
            "may be below 0",
        ),
        ("  - {name: sex, type: code, open: {vi: a, en: b}}", 6, "only these are protected"),
        (
            "  - {name: fees, type: decimal, open: true, title: {vi: a, en: b}}",
            6,
            "Expected object",
        ),
        ("  - {name: fees, type: integer, unit: đồng, title: {vi: a, en: b}}", 6, "is money"),
        (
            "  - {name: fees, type: integer, unit: {vi: đồng/tháng, en: VND a month}, "
            "title: {vi: a, en: b}}",
            6,
            "is money",
        ),
        ("  - {name: owner, type: key}", 6, "An owner is an organisation"),
        ("  []", 5, "This is empty."),
    ],
)
def test_each_mistake_in_a_field_is_told_with_its_line(
    tmp_path: Path, codelists: dict[str, CodeList], fields: str, line: int, message: str
) -> None:
    found = errors_of(tmp_path, HEAD + f"fields:\n{fields}\n", codelists)
    assert any(at == line and message in text for at, text, _ in found)


@pytest.mark.parametrize(
    ("wrong", "line"),
    [("about: pupils", 3), ("period: year", 4), ("record: Pupil", 1), ("title: Học sinh", 2)],
)
def test_each_mistake_in_the_head_is_told_with_its_line(
    tmp_path: Path, codelists: dict[str, CodeList], wrong: str, line: int
) -> None:
    lines = HEAD.splitlines()
    lines[line - 1] = wrong
    content = "\n".join(lines) + "\nfields: [{name: sex, type: code}]\n"
    ((found, _, _),) = errors_of(tmp_path, content, codelists)
    assert found == line


def test_the_file_is_called_as_the_record(tmp_path: Path, codelists: dict[str, CodeList]) -> None:
    content = HEAD + "fields: [{name: sex, type: code}]\n"
    ((line, message, remedy),) = errors_of(tmp_path, content, codelists, "learner")
    assert line == 1
    assert "`pupil`" in message and "`learner.yaml`" in message
    assert remedy == "Give both the same name."


def test_the_builder_of_other_tests_makes_what_it_says(
    tmp_path: Path, codelists: dict[str, CodeList]
) -> None:
    built = parse(tmp_path, record("staff", [{"name": "sex", "type": "code"}]), codelists)
    assert (built.name, built.about, list(built.fields)) == ("staff", "persons", ["sex"])
