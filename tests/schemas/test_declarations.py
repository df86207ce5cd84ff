"""All declarations together: the portal's own, and those of extra folders."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas import DeclarationErrors, Declarations
from tests.schemas.builders import CITY, ENROLMENT, codelist, cube, declare, measure, write

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def own() -> Declarations:
    return Declarations.load()


def test_the_portals_own_declarations_are_well_formed(own: Declarations) -> None:
    assert {"enrolment", "schools", "areas", "area-changes", "procedures"} <= set(own.tables)
    for table in own.tables.values():
        assert table.record in own.records
        for column in table.columns:
            assert column.codelist is None or column.codelist in own.codelists


def test_titles_are_in_both_languages_everywhere(own: Declarations) -> None:
    texts = [
        *(table.title for table in own.tables.values()),
        *(column.title for table in own.tables.values() for column in table.columns),
        *(field.title for record in own.records.values() for field in record.fields.values()),
        *(code.label for one in own.codelists.values() for code in one.codes.values()),
    ]
    assert [text for text in texts if not (text["vi"].strip() and text["en"].strip())] == []


def test_keywords_are_the_same_ones_in_both_languages(own: Declarations) -> None:
    # A page pairs them by their places, and shows the Vietnamese ones where it cannot.
    counts = {
        name: {language: len(words) for language, words in table.keywords.items()}
        for name, table in own.tables.items()
    }
    assert [name for name, each in counts.items() if each["vi"] != each["en"]] == []


def test_there_are_168_areas_of_three_kinds(own: Declarations) -> None:
    areas = own.codelists["area"].codes
    kinds = [code.extra["area_kind"] for code in areas.values()]
    assert len(areas) == 168
    assert (kinds.count("ward"), kinds.count("commune"), kinds.count("special_zone")) == (
        113, 54, 1,
    )  # fmt: skip
    assert all(len(code) == 5 and code.isdigit() for code in areas)


def test_areas_have_english_labels(own: Declarations) -> None:
    labels = [code.label for code in own.codelists["area"].codes.values()]
    assert all(
        label["en"].endswith((" Ward", " Commune", " Special Zone"))
        and not label["en"].startswith(("Phường", "Xã", "Đặc khu"))
        for label in labels
    )
    assert {"vi": "Phường Sài Gòn", "en": "Sài Gòn Ward"} in labels


def test_old_areas_and_districts_have_english_labels(own: Declarations) -> None:
    for name in ("old_area", "district"):
        for code in own.codelists[name].codes.values():
            assert not code.label["en"].startswith(
                ("Phường", "Xã", "Thị trấn", "Quận", "Huyện", "Thành phố")
            ), code


def test_every_parent_resolves(own: Declarations) -> None:
    for one in own.codelists.values():
        parents = {code.parent for code in one.codes.values()} - {None}
        assert parents <= set(own.codelists[one.parent].codes if one.parent else ())
    old = own.codelists["old_area"].codes.values()
    assert all(code.parent for code in old)
    assert {len(code.code) for code in old} == {5}
    assert {len(code) for code in own.codelists["district"].codes} == {3}
    assert {len(code) for code in own.codelists["old_province"].codes} == {2}


def test_nothing_declared_can_hold_a_name_of_a_person(own: Declarations) -> None:
    for record in own.records.values():
        kinds = {field.type for field in record.fields.values()}
        assert kinds <= {"key", "institution", "name", "code", "integer", "decimal", "period"}
        assert record.about == "institutions" or "name" not in kinds


def test_an_extra_folder_adds_to_the_portals_own(own: Declarations, tmp_path: Path) -> None:
    extra = cube("by-sex", "pupil", [["sex"]], [measure("pupils")])
    found = Declarations.load([write(tmp_path, [extra])])
    assert set(found.tables) - set(own.tables) == {"by-sex"}
    assert found.tables["by-sex"].record == "pupil"


def test_an_extra_folder_may_not_redefine(tmp_path: Path) -> None:
    folder = write(tmp_path, [codelist("sex", ["m", "f"])])
    with pytest.raises(DeclarationErrors) as refused:
        Declarations.load([folder])
    (error,) = refused.value.errors
    assert error.file == folder / "codelists" / "sex.yaml"
    assert "already" in error.message and error.remedy == "Rename one."


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(DeclarationErrors, match="not there"):
        Declarations.load([tmp_path / "none"])


def test_mistakes_of_several_files_are_told_at_once(tmp_path: Path) -> None:
    write(tmp_path, CITY)
    (tmp_path / "codelists" / "level.yaml").write_text("codelist: level\n")
    (tmp_path / "codelists" / "grade.yaml").write_text("codelist: [\n")
    (tmp_path / "records" / "school.yaml").write_text("")
    with pytest.raises(DeclarationErrors) as refused:
        Declarations.load(own=tmp_path)
    files = [error.file.name for error in refused.value.errors]
    assert {"level.yaml", "grade.yaml", "school.yaml"} <= set(files)


def test_tables_are_not_blamed_for_what_they_refer_to(tmp_path: Path) -> None:
    write(tmp_path, CITY)
    (tmp_path / "records" / "pupil.yaml").write_text("record: pupil\n")
    with pytest.raises(DeclarationErrors) as refused:
        Declarations.load(own=tmp_path)
    assert {error.file.name for error in refused.value.errors} == {"pupil.yaml"}


def test_a_table_has_the_digest_of_its_file(tmp_path: Path) -> None:
    first = declare(tmp_path, CITY).tables["enrolment"].digest
    assert declare(tmp_path, CITY).tables["enrolment"].digest == first
    changed = {**ENROLMENT, "approval": True}
    assert declare(tmp_path, [*CITY, changed]).tables["enrolment"].digest != first
