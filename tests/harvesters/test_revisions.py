"""Revisions: other figures for a period that is published, let out or held for a publisher."""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from harvesters import revisions
from harvesters.harvest import harvest, is_current
from harvesters.parts import PartStore
from harvesters.reaudit import reaudit
from harvesters.release import needed
from harvesters.revisions import UnknownRevision
from harvesters.snapshots import SnapshotStore
from schemas import TOTAL
from tests.harvesters.builders import SCHOOLS, YEAR, City, Row, many_pupils, pupils, released
from tests.harvesters.killing import contents
from tests.schemas.builders import AREAS, cube, measure

pytestmark = pytest.mark.unit

BY_SEX = cube("by-sex", "pupil", [["sex"]], [measure("pupils")])


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published")
    city = City(folder)
    city.declare(BY_SEX)
    city.publish()
    return folder


@pytest.fixture
def city(tmp_path: Path, template: Path) -> City:
    """A city that has published this year, in two tables."""
    shutil.copytree(template, tmp_path, dirs_exist_ok=True)
    city = City(tmp_path, documents=())
    city.deliver("school", SCHOOLS)
    city.deliver("pupil", many_pupils())
    return city


def more(number: int, school: str = "0002", grade: str = "g1", sex: str = "male") -> list[Row]:
    return [*many_pupils(), *pupils(number, school, grade, sex)]


def cell(city: City, **codes: str) -> dict[str, Any]:
    current = city.store.current("enrolment")
    assert current is not None
    wanted = {"area": TOTAL, "school": TOTAL, "level": TOTAL, "grade": TOTAL, "sex": TOTAL, **codes}
    (row,) = [
        row for row in pq.read_table(current.path / "enrolment.parquet").to_pylist()
        if all(row[name] == code for name, code in wanted.items())
    ]  # fmt: skip
    return row


BOYS = {
    "area": AREAS[0], "school": "0002", "level": "primary", "grade": "g1", "sex": "male",
}  # fmt: skip


def test_many_more_pupils_are_a_revision_of_all_tables_with_flags(city: City) -> None:
    before = cell(city, **BOYS)
    outcome = city.publish(more(40))
    assert released(outcome) == [("by-sex", 2), ("enrolment", 2)]
    assert outcome.held == [] and outcome.refusals == []
    after = cell(city, **BOYS)
    assert (before["pupils"], before["pupils_flag"]) == (30, "")
    assert (after["pupils"], after["pupils_flag"]) == (70, "r")
    same = cell(city, **{**BOYS, "sex": "female"})
    assert (same["pupils"], same["pupils_flag"]) == (31, "")


@pytest.mark.parametrize("number", [1, 4])
def test_a_few_more_pupils_are_held_and_nothing_of_it_is_public(city: City, number: int) -> None:
    before = contents(city.state / "releases")
    outcome = city.publish(more(number))
    assert released(outcome) == [] and outcome.refusals == []
    assert outcome.held == [("pupil", YEAR)]
    assert contents(city.state / "releases") == before
    (waiting,) = revisions.held(city.state)
    assert (waiting.record, waiting.period, waiting.tables) == (
        "pupil", YEAR, ("by-sex", "enrolment"),
    )  # fmt: skip
    assert waiting.told > 0
    # Nothing is built anew as long as the source has the same, and no record is kept.
    assert city.publish(more(number)).held == []
    assert list((city.state / "snapshots/city/pupil").glob("*.parquet")) == []


def test_as_many_as_the_threshold_are_not_held(city: City) -> None:
    outcome = city.publish(more(5))
    assert outcome.held == [] and ("enrolment", 2) in released(outcome)


def test_some_leave_and_as_many_others_come_elsewhere(city: City) -> None:
    """The total stays, and two cells tell of one pupil each."""
    moved = [row for row in many_pupils() if row["pupil_key"] != many_pupils()[40]["pupil_key"]]
    outcome = city.publish([*moved, *pupils(1, "0003", "g1", "female")])
    assert outcome.held == [("pupil", YEAR)]


def test_a_small_change_that_two_large_ones_tell_is_held(city: City) -> None:
    """Of a school twenty leave one grade and twenty-one come to the other: the total tells one."""
    leaving = {row["pupil_key"] for row in many_pupils()
               if (row["school"], row["grade"], row["sex"]) == ("0003", "g1", "male")}  # fmt: skip
    gone = list(leaving)[:20]
    kept = [row for row in many_pupils() if row["pupil_key"] not in gone]
    outcome = city.publish([*kept, *pupils(21, "0003", "g2", "male")])
    assert outcome.held == [("pupil", YEAR)]


def test_a_publisher_sees_what_would_change(city: City) -> None:
    city.publish(more(1))
    (waiting,) = revisions.held(city.state)
    found = list(revisions.changes(waiting, city.state, city.declarations))
    (boys,) = [one for one in found if one.table == "enrolment"
               and all(one.codes[name] == code for name, code in BOYS.items())]  # fmt: skip
    assert (boys.measure, boys.before, boys.after) == ("pupils", 30, 31)
    assert boys.codes["school_year"] == YEAR
    by_sex = {one.codes["sex"]: (one.before, one.after) for one in found if one.table == "by-sex"}
    assert by_sex == {TOTAL: (201, 202), "male": (94, 95)}
    assert all((one.before, one.before_status) != (one.after, one.after_status) for one in found)


def test_what_is_accepted_is_released(city: City) -> None:
    city.publish(more(1))
    revisions.accept(city.state, "pupil", YEAR, "lê.thanh", "Bổ sung một học sinh chuyển đến")
    assert revisions.held(city.state) == []
    assert released(city.release()) == [("by-sex", 2), ("enrolment", 2)]
    assert cell(city, **BOYS)["pupils"] == 31
    (decision,) = revisions.decisions(city.state)
    assert {key: decision[key] for key in ("record", "period", "decision", "by", "reason")} == {
        "record": "pupil", "period": YEAR, "decision": "accepted", "by": "lê.thanh",
        "reason": "Bổ sung một học sinh chuyển đến",
    }  # fmt: skip
    assert released(city.release()) == []


def test_what_is_rejected_is_not_proposed_again_but_what_comes_later_is(city: City) -> None:
    city.publish(more(1))
    revisions.reject(city.state, "pupil", YEAR, "lê.thanh", "Chưa xác minh")
    assert revisions.held(city.state) == []
    assert list((city.state / "parts").rglob("0002/*.parquet")) == []
    city.deliver("pupil", city.connectors["city"].data["pupil"][YEAR])
    city.harvest()
    outcome = city.release()
    assert released(outcome) == [] and outcome.held == []
    assert cell(city, **BOYS)["pupils"] == 30
    assert city.publish(more(2)).held == [("pupil", YEAR)]
    assert [one["decision"] for one in revisions.decisions(city.state)] == ["rejected"]


def test_a_newer_revision_takes_the_place_of_one_that_waits(city: City) -> None:
    city.publish(more(1))
    city.publish(more(2))
    (waiting,) = revisions.held(city.state)
    assert waiting.number == 3
    assert not (city.state / "parts/pupil" / YEAR / "0002").exists()


@pytest.mark.parametrize("decide", [revisions.accept, revisions.reject])
def test_what_does_not_wait_cannot_be_decided(city: City, decide: Any) -> None:
    with pytest.raises(UnknownRevision, match="none"):
        decide(city.state, "pupil", YEAR, "lê.thanh", "Thử")
    city.publish(more(1))
    with pytest.raises(UnknownRevision, match=f"Waiting: pupil {YEAR}"):
        decide(city.state, "pupil", "1999-2000", "lê.thanh", "Thử")
    decide(city.state, "pupil", YEAR, "lê.thanh", "Một lần")
    with pytest.raises(UnknownRevision):
        decide(city.state, "pupil", YEAR, "lê.thanh", "Hai lần")


def test_what_was_suppressed_stays_so(city: City) -> None:
    small = {
        "area": AREAS[0], "school": "0001", "level": "primary", "grade": "g2", "sex": "male",
    }  # fmt: skip
    assert cell(city, **small)["pupils_status"] == "c"
    outcome = city.publish(more(30, "0001", "g2", "male"))
    assert ("enrolment", 2) in released(outcome)
    assert cell(city, **small)["pupils_status"] == "c"


def test_rows_that_are_empty_now_stay(city: City) -> None:
    kept = [row for row in many_pupils() if (row["school"], row["grade"]) != ("0003", "g2")]
    outcome = city.publish(kept)
    assert ("enrolment", 2) in released(outcome)
    gone = {"area": AREAS[1], "school": "0003", "level": "primary", "grade": "g2"}
    assert [cell(city, **gone, sex=sex)["pupils"] for sex in ("male", "female", TOTAL)] == [0, 0, 0]


OFFERED = cube(
    "offered", "pupil",
    [["area", "school"],
     {"name": "education", "hierarchy": ["level", "grade"], "zeros": "offered"}],
    [measure("pupils")],
)  # fmt: skip
SHARE = cube(
    "share", "pupil", [["sex"]],
    [measure("pupils"), measure("share", rate={"of": {"internet": ["yes"]}})],
)  # fmt: skip


def latest(city: City, table: str) -> list[dict[str, Any]]:
    current = city.store.current(table)
    assert current is not None
    found: list[dict[str, Any]] = pq.read_table(current.path / f"{table}.parquet").to_pylist()
    return found


def test_rows_of_a_school_that_is_gone_stay_where_what_is_offered_is_told(tmp_path: Path) -> None:
    city = City(tmp_path)
    city.declare(OFFERED)
    city.publish()
    outcome = city.publish([row for row in many_pupils() if row["school"] != "0003"])
    assert ("offered", 2) in released(outcome) and outcome.refusals == []
    gone = {row["grade"]: row["pupils"] for row in latest(city, "offered")
            if row["school"] == "0003" and row["level"] == "primary"}  # fmt: skip
    assert gone == {"g1": 0, "g2": 0, TOTAL: 0}


def test_a_revised_rate_that_is_a_bound_keeps_its_flag(tmp_path: Path) -> None:
    city = City(tmp_path)
    city.declare(SHARE)
    girls = [*pupils(300, "0001", sex="female"), *pupils(100, "0001", sex="female", internet="no")]
    city.publish([*girls, *pupils(200, "0001"), *pupils(200, "0001", internet="no")])
    outcome = city.publish([*girls, *pupils(400, "0001")])
    assert ("share", 2) in released(outcome)
    told = {row["sex"]: (row["share"], row["share_flag"]) for row in latest(city, "share")}
    assert told["male"] == (95.0, "ge")
    assert all(flag == "r" for sex, (value, flag) in told.items() if sex == TOTAL and value)


def withdraw(city: City, tables: Iterable[str] = ("enrolment", "by-sex")) -> None:
    for table in tables:
        city.store.withdraw(table, None, "Số liệu bị nhầm")


def test_a_copy_of_a_withdrawn_release_tells_nobody(city: City) -> None:
    """Who kept what was withdrawn would see one pupil in the difference: it is held too."""
    withdraw(city)
    outcome = city.publish(more(1))
    assert outcome.held == [("pupil", YEAR)] and released(outcome) == []
    assert city.publish(more(40)).held == []
    assert cell(city, **BOYS)["pupils"] == 70


def test_withdrawn_figures_do_not_come_back_as_a_revision(city: City) -> None:
    withdraw(city)
    city.publish(more(40))
    outcome = city.publish(many_pupils())
    assert released(outcome) == []
    assert any("withdrawn" in one.reason for one in outcome.refusals)


def test_every_version_is_audited_again_each_night(city: City) -> None:
    city.publish(more(40))
    (result,) = reaudit(city.state, city.declarations)
    assert result.problem is None
    assert result.tables == ("by-sex", "enrolment")
    # A first version that showed more than it did would give the second one away.
    (first,) = (city.state / "parts/pupil" / YEAR / "0001").glob("enrolment.parquet")
    rows = pq.read_table(first).to_pylist()
    for row in rows:
        if row["pupils_status"] == "c":
            row["pupils_status"], row["pupils"] = "", 2
    pq.write_table(type(pq.read_table(first)).from_pylist(rows, pq.read_schema(first)), first)
    (result,) = reaudit(city.state, city.declarations)
    assert result.problem is not None


def test_a_table_that_joins_late_goes_through_the_same_gate(city: City) -> None:
    city.declare(cube("by-level", "pupil", [["level"]], [measure("pupils")]))
    outcome = city.publish(more(1))
    assert outcome.held == [("pupil", YEAR)]
    assert needed("pupil", YEAR, city.state, city.declarations) is False
    revisions.accept(city.state, "pupil", YEAR, "lê.thanh", "Đúng")
    assert released(city.release()) == [("by-level", 1), ("by-sex", 2), ("enrolment", 2)]


def test_an_unchanged_source_is_not_read_again_and_a_changed_one_is(city: City) -> None:
    store, connector = SnapshotStore(city.state), city.connectors["city"]
    assert store.closed_token("city", "pupil", YEAR) is not None
    source, record = city.sources["city"], city.declarations.records["pupil"]
    given = (source, record, YEAR, connector, city.state, city.declarations)
    assert is_current(*given, needed=False)
    assert not is_current(*given, needed=True)
    assert harvest(*given, needed=False).snapshot is None and connector.reads == []
    city.deliver("pupil", more(1))
    assert not is_current(*given, needed=False)
    assert harvest(*given, needed=False).changed


def test_another_source_is_asked_again_once_one_brings_a_revision(city: City) -> None:
    assert not needed("pupil", YEAR, city.state, city.declarations)
    city.deliver("pupil", more(40))
    city.harvest()
    assert needed("pupil", YEAR, city.state, city.declarations)
    city.release()
    assert not needed("pupil", YEAR, city.state, city.declarations)


def test_a_register_that_changes_is_published_anew(city: City) -> None:
    schools = [{**one, "school_name": f"{one['school_name']} A"} for one in SCHOOLS]
    city.deliver("school", schools)
    city.harvest()
    outcome = city.release()
    assert ("schools", 2) in released(outcome) and outcome.held == []
    assert PartStore(city.state).held("school", YEAR) is None
