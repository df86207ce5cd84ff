"""``ckan hcmedu privacy``: files are tried, and what is published is audited, without a service."""

from __future__ import annotations

from pathlib import Path

import pytest
from ckan.tests.helpers import changed_config
from click.testing import CliRunner

from ckanext.hcmedu.cli import hcmedu

pytestmark = pytest.mark.unit


def test_a_file_is_tried_without_any_service(tmp_path: Path):
    good, bad = tmp_path / "tot.csv", tmp_path / "sai.csv"
    good.write_text("Mã trường;Số lượng\n79000101;12\n", "utf-8")
    bad.write_text("Mã trường;Liên hệ\n79000101;0981 234 567\n", "utf-8")
    with changed_config("hcmedu.state_path", str(tmp_path / "state")):
        let_in = CliRunner().invoke(hcmedu, ["privacy", "check", str(good)])
        refused = CliRunner().invoke(hcmedu, ["privacy", "check", str(good), str(bad)])
    assert (let_in.exit_code, refused.exit_code) == (0, 1)
    assert "dòng 2" in refused.output
    assert "234" not in refused.output


def test_only_datasets_that_there_are_are_audited(tmp_path: Path):
    with changed_config("hcmedu.state_path", str(tmp_path / "state")):
        unknown = CliRunner().invoke(hcmedu, ["privacy", "audit", "nothing"])
        known = CliRunner().invoke(hcmedu, ["privacy", "audit", "enrolment"])
    assert (unknown.exit_code, known.exit_code) == (1, 0)
    assert "There is no dataset nothing" in unknown.output
