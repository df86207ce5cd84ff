"""Personal data is found wherever it hides, told by rule and place, and never shown."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from harvesters.disclosure.personal_data import Public, kind_of_file, scan_file, scan_file_name
from harvesters.disclosure.personal_data.program import check_files, report
from harvesters.sources import Limits
from tests.harvesters.disclosure.personal_data.poison import File, poisoned

pytestmark = pytest.mark.unit
FILES = list(poisoned())


def test_there_are_enough_of_them():
    assert len(FILES) >= 200
    assert len({file.case for file in FILES}) == len(FILES)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.case)
def test_it_is_found_by_rule_and_place(file: File):
    content = io.BytesIO(file.content)
    found = scan_file(content, kind_of_file(content, file.name), Limits(), Public())
    found += scan_file_name(file.name, Public())
    assert (file.rule, file.place) in [(each.rule, each.place) for each in found]
    problems = [each.problem("nguon", "record", "2025-2026", "tep") for each in found]
    shown = f"{found!r} {[problem.as_dict() for problem in problems]}"
    shown += " ".join(problem.vi + problem.en for problem in problems)
    assert not [value for value in file.values if len(value) > 5 and value in shown]


@pytest.mark.parametrize("file", FILES[::9], ids=lambda file: file.case)
def test_the_report_shows_no_value(file: File, tmp_path):
    path = tmp_path / file.name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(file.content)
    screen = Console(file=io.StringIO(), width=400)
    refused = report([path], screen)
    shown = screen.file.getvalue() + repr(check_files([path]))
    assert refused == int(file.place.kind != "file-name" or "/" not in file.name)
    assert not [value for value in file.values if len(value) > 5 and value in shown]
