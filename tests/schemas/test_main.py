"""``python -m schemas``: what operators and CI run over declarations."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from schemas.__main__ import main
from tests.schemas.builders import cube, measure, write

pytestmark = pytest.mark.unit


def test_well_formed_declarations_pass(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["schemas"])
    assert main() == 0
    assert "all well-formed" in capsys.readouterr().out


def test_every_mistake_is_printed_with_file_and_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write(tmp_path, [cube("hats", "pupil", [["hat"]], [measure("m", sum="shoes")])])
    monkeypatch.setattr(sys, "argv", ["schemas", str(folder)])
    assert main() == 1
    printed = capsys.readouterr().err
    assert printed.count(f"{folder / 'tables' / 'hats.yaml'}:") == 2
    assert printed.rstrip().endswith("2 mistake(s).")
