"""``ckan hcmedu revisions``: what waits is listed, shown and decided, without a service."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ckan.tests.helpers import changed_config
from click.testing import CliRunner, Result

from ckanext.hcmedu.cli import hcmedu
from schemas import Declarations
from tests.ckanext.held import YEAR, hold

pytestmark = pytest.mark.unit


@pytest.fixture
def state(tmp_path: Path) -> Iterator[Path]:
    with changed_config("hcmedu.state_path", str(tmp_path)):
        yield tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(hcmedu, ["revisions", *arguments])


def decide(how: str, *more: str) -> Result:
    return run(how, "pupil", YEAR, "--by", "lê.thanh", "--reason", "Đã đối chiếu với trường", *more)


def test_nothing_waits(state: Path):
    assert "No revision waits" in run("list").output
    assert "No decision" in run("list", "--decided").output
    answer = decide("accept")
    assert answer.exit_code == 1 and "No revision of pupil" in answer.output


def test_what_waits_is_listed_and_shown_in_part(state: Path):
    hold(state, Declarations.load())
    assert "enrolment" in run("list").output
    shown = run("show", "pupil", YEAR)
    assert "30" in shown.output and "31" in shown.output and "more rows" not in shown.output
    assert "… and 1 more rows" in run("show", "pupil", YEAR, "--most", "1").output
    assert run("show", "pupil", "1999-2000").exit_code == 1


@pytest.mark.parametrize("how", ["accept", "reject"])
def test_a_decision_is_kept_with_who_took_it_and_why(state: Path, how: str):
    hold(state, Declarations.load())
    assert decide(how).exit_code == 0
    assert "No revision waits" in run("list").output
    decided = run("list", "--decided").output
    assert f"{how}ed" in decided and "lê.thanh" in decided and "Đã đối chiếu" in decided
    assert decide(how).exit_code == 1
