"""Code lists, from YAML and from CSV."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from schemas import TOTAL, CodeList, DeclarationErrors
from schemas.codelist import check_parents, parse_codelist
from schemas.declaration import read_document
from tests.schemas.builders import codelist, text, write

pytestmark = pytest.mark.unit


def parse(folder: Path, document: dict[str, Any]) -> CodeList:
    write(folder, [document])
    return parse_codelist(read_document(folder / "codelists" / f"{document['codelist']}.yaml"))


def parse_text(folder: Path, content: str, name: str = "size") -> CodeList:
    path = folder / f"{name}.yaml"
    path.write_text(content, encoding="utf-8")
    return parse_codelist(read_document(path))


def errors_of(folder: Path, content: str, name: str = "size") -> list[tuple[int, str]]:
    with pytest.raises(DeclarationErrors) as refused:
        parse_text(folder, content, name)
    assert all(error.file == folder / f"{name}.yaml" for error in refused.value.errors)
    assert all(error.remedy for error in refused.value.errors)
    return [(error.line, error.message) for error in refused.value.errors]


HEAD = "codelist: size\ntitle: {vi: Cỡ, en: Size}\n"


def test_a_code_has_all_that_is_declared_of_it(tmp_path: Path) -> None:
    found = parse(
        tmp_path,
        codelist(
            "grade",
            [
                {
                    "code": "grade-1", "label": text("Lớp 1", "Grade 1"), "parent": "primary",
                    "notation": "1", "isced": "10", "aliases": ["Khối 1"],
                    "exact_match": ["https://example.org/1"], "colour": "red",
                }
            ],
            parent="level",
        ),
    )  # fmt: skip
    code = found.codes["grade-1"]
    assert (code.parent, code.notation, code.isced) == ("primary", "1", "10")
    assert (code.aliases, code.exact_match) == (("Khối 1",), ("https://example.org/1",))
    assert code.extra == {"colour": "red"}
    assert found.label("grade-1") == {"vi": "Lớp 1", "en": "Grade 1"}
    assert found.label(TOTAL) == {"vi": "Tổng số", "en": "Total"}
    with pytest.raises(KeyError):
        found.label("grade-2")


def test_a_list_may_name_its_total_itself(tmp_path: Path) -> None:
    found = parse(tmp_path, codelist("area", ["00100"], total_label=text("Cả phố", "All of it")))
    assert found.label(TOTAL)["vi"] == "Cả phố"


def test_a_list_of_bands_says_so(tmp_path: Path) -> None:
    bands = [{"code": "0-5", "from": 0, "to": 5}, {"code": "5-10", "from": 5, "to": 10}]
    assert parse(tmp_path, codelist("band", bands)).is_banded
    assert not parse(tmp_path, codelist("sex", ["male"])).is_banded


def test_the_file_is_called_as_the_list(tmp_path: Path) -> None:
    content = HEAD + "codes: [{code: a, label: {vi: a, en: a}}]\n"
    ((line, message),) = errors_of(tmp_path, content, "other")
    assert line == 1
    assert "`size`" in message and "`other.yaml`" in message


def test_a_list_without_codes_is_refused(tmp_path: Path) -> None:
    assert errors_of(tmp_path, HEAD) == [(1, "The list has no codes.")]
    assert errors_of(tmp_path, HEAD + "codes: []\n") == [(3, "This is empty.")]


@pytest.mark.parametrize("repeated", ["a", "_T"])
def test_a_code_stands_once_and_is_not_that_of_the_total(tmp_path: Path, repeated: str) -> None:
    content = HEAD + (
        "codes:\n"
        "  - {code: a, label: {vi: a, en: a}}\n"
        f"  - {{code: {repeated}, label: {{vi: b, en: b}}}}\n"
    )
    ((line, message),) = errors_of(tmp_path, content)
    assert line == 5
    # `_T` does not even have the form of a code.
    assert "stands twice" in message or "does not have the form" in message


@pytest.mark.parametrize("code", ["''", "'a b'", "'=1'", "'a/b'", "true", "12", "'-a'"])
def test_a_code_can_stand_in_an_address(tmp_path: Path, code: str) -> None:
    content = HEAD + f"codes:\n  - {{code: {code}, label: {{vi: a, en: a}}}}\n"
    assert [line for line, _ in errors_of(tmp_path, content)] == [4]


@pytest.mark.parametrize(
    ("bands", "line"),
    [
        ("{from: 5, to: 5}", 4),
        ("{from: 5, to: 4}", 4),
        ("{to: 4}", 4),
        ("{from: 0, to: 5} {from: 4, to: 9}", 5),
        ("{from: 0} {from: 9, to: 10}", 5),
        ("{from: 0, to: 5} {}", 5),
    ],
)
def test_bands_reach_upwards_and_do_not_overlap(tmp_path: Path, bands: str, line: int) -> None:
    entries = [part.strip("{} ") for part in bands.split("} {")]
    content = HEAD + "codes:\n"
    for index, entry in enumerate(entries):
        label = f"code: b{index}, label: {{vi: b, en: b}}"
        content += f"  - {{{label}{', ' if entry else ''}{entry}}}\n"
    ((found, message),) = errors_of(tmp_path, content)
    assert found == line
    assert message.startswith("The band `b")


def test_the_last_band_may_be_open(tmp_path: Path) -> None:
    bands = [{"code": "low", "from": 0, "to": 5}, {"code": "high", "from": 5}]
    assert parse(tmp_path, codelist("band", bands)).codes["high"].upper is None


def test_parents_need_the_list_that_they_are_in(tmp_path: Path) -> None:
    content = HEAD + "codes:\n  - {code: a, label: {vi: a, en: a}, parent: b}\n"
    ((_, message),) = errors_of(tmp_path, content)
    assert "does not say which list" in message


def test_a_parent_is_a_code_of_the_parent_list(tmp_path: Path) -> None:
    level = parse(tmp_path, codelist("level", ["primary"]))
    content = (
        "codelist: grade\ntitle: {vi: Lớp, en: Grade}\nparent: level\ncodes:\n"
        "  - {code: g1, label: {vi: a, en: a}, parent: primary}\n"
        "  - {code: g9, label: {vi: a, en: a}, parent: secondary}\n"
        "  - {code: g0, label: {vi: a, en: a}}\n"
    )
    grade = parse_text(tmp_path, content, "grade")
    ((line, message, remedy),) = [
        (error.line, error.message, error.remedy)
        for error in check_parents(grade, {"level": level, "grade": grade})
    ]
    assert (line, message) == (6, "`secondary` is not a code of `level`.")
    assert "primary" in remedy
    ((missing),) = check_parents(grade, {"grade": grade})
    assert (missing.line, missing.message) == (3, "There is no code list `level`.")
    assert check_parents(level, {"level": level}) == []


CSV = """\ufeffma,ten,quan,loai
00123,Phường 1,07,a
00123,Phường 1,07,b
 04567 ,Phường An Bình, 08,c
,Không mã,08,d
00009,Xã Bà Điểm,08,e
"""

FROM_CSV = """\
codelist: ward
title: {vi: Phường, en: Ward}
parent: district
csv:
  file: wards.csv
  code: ma
  label: ten
  parent: quan
  extra: {sort: loai}
  english: {Phường: "{name} Ward", Phường 1: Ward 1, Xã: "{name} Commune"}
  by_prefix: {area_kind: {Phường: ward, Xã: commune}}
"""


def test_a_list_may_come_from_csv(tmp_path: Path) -> None:
    (tmp_path / "wards.csv").write_text(CSV, encoding="utf-8")
    found = parse_text(tmp_path, FROM_CSV, "ward")
    assert list(found.codes) == ["00123", "04567", "00009"]
    assert found.codes["04567"].parent == "08"
    assert found.codes["00123"].extra == {"sort": "a", "area_kind": "ward"}
    assert [code.label["en"] for code in found.codes.values()] == [
        "Ward 1", "An Bình Ward", "Bà Điểm Commune",
    ]  # fmt: skip
    assert found.codes["00009"].label["vi"] == "Xã Bà Điểm"


def test_no_code_of_a_csv_file_is_that_of_the_total(tmp_path: Path) -> None:
    (tmp_path / "wards.csv").write_text(CSV.replace("00009", "_T"), encoding="utf-8")
    assert errors_of(tmp_path, FROM_CSV, "ward") == [(1, "`_T` is the code of a total.")]


def test_a_missing_csv_file_is_told_with_its_line(tmp_path: Path) -> None:
    assert errors_of(tmp_path, FROM_CSV, "ward") == [(5, "`wards.csv` is not there.")]


@pytest.mark.parametrize("column", ["ma", "ten", "quan", "loai"])
def test_a_column_that_the_csv_file_lacks_is_named(tmp_path: Path, column: str) -> None:
    header, rest = CSV.split("\n", 1)
    (tmp_path / "wards.csv").write_text(header.replace(column, "khac") + "\n" + rest)
    assert errors_of(tmp_path, FROM_CSV, "ward") == [(4, f"`wards.csv` has no column `{column}`.")]


def test_all_codes_of_a_list_may_be_sensitive_or_some(tmp_path: Path) -> None:
    assert parse(tmp_path, codelist("size", ["a", "b"])).sensitive == ()
    assert parse(tmp_path, codelist("size", ["a", "b"], sensitive=True)).sensitive == ("a", "b")
    assert parse(tmp_path, codelist("size", ["a", "b"], sensitive=["b"])).sensitive == ("b",)


@pytest.mark.parametrize(
    ("sensitive", "message"),
    [("[c]", "`c` is not a code of the list."), ("false", "right form"), ("[]", "right form")],
)
def test_what_is_sensitive_is_a_code_of_the_list(
    tmp_path: Path, sensitive: str, message: str
) -> None:
    content = HEAD + f"sensitive: {sensitive}\ncodes: [{{code: a, label: {{vi: a, en: a}}}}]\n"
    ((line, found),) = errors_of(tmp_path, content)
    assert line == 3 and message in found
