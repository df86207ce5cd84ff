"""Where a column decides, and what is let through on purpose."""

from __future__ import annotations

import io
import random
import subprocess
import sys
from pathlib import Path

import pytest

from harvesters.disclosure import Refused
from harvesters.disclosure.personal_data import (
    Declared,
    Public,
    refuse_personal_metadata,
    scan_file,
)
from harvesters.mapping import FieldMapping
from harvesters.sources import Limits
from schemas import Declarations
from tests.harvesters.disclosure.personal_data import values
from tests.harvesters.disclosure.personal_data.poison import text, workbook

pytestmark = pytest.mark.unit


def found(rows: list[list[str]], **types: str) -> list[tuple[str, int | None]]:
    """Rule and column of the findings in `rows`; `types` are declared fields called as headings."""
    fields = {name: FieldMapping(names=(name,)) for name in types}
    declared = Declared(fields, types)
    content = io.BytesIO(text(rows))
    findings = scan_file(content, "csv", Limits(), Public(), declared)
    return [(finding.rule, finding.place.column) for finding in findings]


def column(heading: str, cells: list[str]) -> list[list[str]]:
    return [["ma", heading], *([str(number), cell] for number, cell in enumerate(cells, 100))]


DICE = random.Random(3)
CODES = [values.sector_code(DICE) for _ in range(30)]
NAMES = [values.name(DICE) for _ in range(30)]


def test_ten_digits_are_an_amount_where_a_number_is_declared():
    assert found(column("tieu_chi", CODES)) == [("sector-code", 2)]
    assert found(column("tieu_chi", CODES), ma="code", tieu_chi="integer") == []


def test_pupils_with_a_card_are_counted():
    counts = [str(1_234_567 + 8_641 * number) for number in range(9)]
    assert found(column("Số học sinh tham gia BHYT", counts)) == []
    assert found(column("Số thẻ BHYT", counts)) == [("health-card", 2)]


def test_a_declared_key_may_be_a_pupils_code_but_not_a_personal_number():
    assert found(column("khoa", CODES), ma="code", khoa="key") == []
    numbers = [values.personal_number(DICE) for _ in range(30)]
    assert found(column("khoa", numbers), ma="code", khoa="key") == [("personal-number", 2)]


def test_text_in_an_amounts_column_is_judged_as_text():
    cells = [str(1000 + number) for number in range(40)] + [f"gọi {values.phone(DICE)}"]
    assert found(column("Số lượng", cells)) == [("phone", 2)]


def test_names_are_refused_at_three_hits_or_one_in_a_hundred():
    others = [f"mục {number}" for number in range(250)]
    assert found(column("nội dung", others[:90] + NAMES[:1])) == [("name", 2)]
    assert found(column("nội dung", others + NAMES[:1])) == []
    assert found(column("nội dung", others + NAMES[:3])) == [("name", 2)]


def test_bare_names_of_schools_are_schools_only_where_the_heading_says_so():
    cells = ["Nguyễn Du", "Lê Quý Đôn", "Võ Trường Toản"]
    assert found(column("Tên trường", cells)) == []
    assert found(column("Nội dung", cells)) == [("name", 2)]
    assert found(column("Tên trường", NAMES)) == [("name", 2)]


def test_whoever_is_addressed_is_a_person_whatever_stands_before():
    cells = ["Trường THPT Nguyễn Du – Hiệu trưởng: Trần Gia Khang"]
    assert found(column("Đơn vị", cells)) == [("name", 2)]


def test_a_year_of_birth_alone_is_a_figure():
    rows = [["Năm sinh", "Số lượng"], ["2015", "120"], ["2016", "133"]]
    assert found(rows) == []


def test_an_institutions_own_tax_code_is_public():
    own = [values.own_tax_code(DICE) for _ in range(10)]
    assert found(column("Mã số thuế", own)) == []
    assert found(column("Mã số", own)) != []


def test_one_hash_is_a_digest_of_a_file_and_one_in_every_row_is_a_persons():
    hashes = [values.token(DICE) for _ in range(12)]
    assert found(column("mã", hashes)) == [("token", 2)]
    assert found(column("mã", hashes[:1] + [f"mục {number}" for number in range(12)])) == []


def test_pictures_are_not_let_in_since_nobody_looked_at_them(tmp_path: Path):
    picture = tmp_path / "a.png"
    # A single white dot.
    picture.write_bytes(
        bytes.fromhex(
            "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c4944415408d7"
            "63f8ffff3f0005fe02fea72d21a30000000049454e44ae426082"
        )
    )
    content = workbook([["a"]], lambda _, sheet: sheet.insert_image("B2", str(picture)))
    (finding,) = scan_file(io.BytesIO(content), "workbook", Limits(), Public())
    assert finding.rule == "not-scannable"


def test_text_in_an_old_encoding_is_refused_in_any_column():
    old = "Tr­êng THPT NguyÔn ThÞ Minh Khai, quËn 3, thµnh phè"
    content = workbook([["Mã", "Ghi chú"], ["1", old], ["2", old]])
    rules = {each.rule for each in scan_file(io.BytesIO(content), "workbook", Limits(), Public())}
    assert "old-encoding" in rules


def test_metadata_with_a_person_is_not_let_out():
    table = Declarations.load().tables["classes"]
    value = values.name(DICE)
    source = {"title": {"vi": f"Số liệu của {value}", "en": "Figures"}}
    with pytest.raises(Refused) as refused:
        refuse_personal_metadata(table, [source])
    assert "title of source 1.vi" in str(refused.value)
    assert value not in str(refused.value)


def test_the_program_tells_a_ward_before_it_sends(tmp_path: Path):
    good, bad = tmp_path / "tot.csv", tmp_path / "sai.csv"
    good.write_bytes(text(column("Tên trường", ["Trường THPT Nguyễn Du"])))
    bad.write_bytes(text(column("Họ tên", NAMES)))
    program = [sys.executable, "-m", "harvesters.disclosure.personal_data"]
    for files, code in (([good], 0), ([good, bad], 1), ([tmp_path / "khong-co.csv"], 1)):
        done = subprocess.run([*program, *files], capture_output=True, text=True, check=False)
        assert done.returncode == code, done.stderr
        assert not [name for name in NAMES if name in done.stdout + done.stderr]
    schools = tmp_path / "truong.txt"
    schools.write_text("\n".join(NAMES), "utf-8")
    (tmp_path / "ten.csv").write_bytes(text(column("Đơn vị", NAMES)))
    arguments = [*program, "--schools", str(schools), str(tmp_path / "ten.csv")]
    assert subprocess.run(arguments, capture_output=True, check=False).returncode == 0
