"""What is published is audited again, and a change is noticed."""

from __future__ import annotations

from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from harvesters.parts import Part, PartStore
from harvesters.reaudit import reaudit
from tests.harvesters.builders import YEAR, City

pytestmark = pytest.mark.unit


@pytest.fixture
def city(tmp_path: Path) -> City:
    city = City(tmp_path)
    city.publish()
    return city


def part_of(city: City) -> Part:
    part = PartStore(city.state).get(city.declarations.tables["enrolment"], YEAR)
    assert part is not None
    return part


def test_what_was_published_is_safe_still(city: City) -> None:
    (result,) = reaudit(city.state, city.declarations)
    assert (result.tables, result.period, result.problem) == (("enrolment",), YEAR, None)
    hidden = pc.sum(pc.equal(pq.read_table(part_of(city).path)["pupils_status"], "c")).as_py()
    assert result.suppressed == hidden > 0


def test_a_file_that_was_changed_is_noticed(city: City) -> None:
    part = part_of(city)
    part.path.chmod(0o600)
    part.path.write_bytes(part.path.read_bytes() + b" ")
    (result,) = reaudit(city.state, city.declarations, ["enrolment"])
    assert result.problem is not None and "not the one that was audited" in result.problem


def test_what_was_withdrawn_is_not_audited(city: City) -> None:
    city.store.withdraw("enrolment", None, "Tried out.")
    assert list(reaudit(city.state, city.declarations)) == []


def test_only_what_is_named_is_audited(city: City) -> None:
    assert list(reaudit(city.state, city.declarations, ["something-else"])) == []
