"""The second step as a whole: from sealed snapshots to releases, again and again, and killed."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from harvesters import parts
from harvesters.disclosure import Published, Refused
from harvesters.release import needed, open_periods, release
from harvesters.snapshots import SnapshotStore
from schemas import TOTAL
from tests.harvesters.builders import (
    SCHOOLS,
    YEAR,
    City,
    make_source,
    many_pupils,
    pupils,
    released,
    school,
)
from tests.harvesters.killing import contents, killed
from tests.harvesters.steps import release_all
from tests.schemas.builders import AREAS, ENROLMENT, cube, measure, record

pytestmark = pytest.mark.unit

LAST = "2024-2025"

BY_SEX = cube("by-sex", "pupil", [["sex"]], [measure("pupils")])


@pytest.fixture
def city(tmp_path: Path) -> City:
    """A city that has not harvested anything yet."""
    return City(tmp_path)


@pytest.fixture(scope="module")
def templates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Cities that have published one year, to be copied: that is quicker than publishing."""
    folders = {}
    for period in (LAST, YEAR):
        folders[period] = tmp_path_factory.mktemp("published")
        City(folders[period]).publish(period=period)
    return folders


def copied(template: Path, folder: Path, period: str) -> City:
    shutil.copytree(template, folder, dirs_exist_ok=True)
    city = City(folder, documents=())
    city.deliver("school", SCHOOLS, period)
    city.deliver("pupil", many_pupils(), period)
    return city


@pytest.fixture
def published(tmp_path: Path, templates: dict[str, Path]) -> City:
    """A city that has published this year."""
    return copied(templates[YEAR], tmp_path, YEAR)


@pytest.fixture
def published_last(tmp_path: Path, templates: dict[str, Path]) -> City:
    """A city that has published last year."""
    return copied(templates[LAST], tmp_path, LAST)


def total(city: City, table: str = "enrolment", period: str = YEAR) -> int | None:
    """The number of pupils that readers find, of the whole city."""
    current = city.store.current(table)
    if current is None:
        return None
    columns = [c["name"] for c in current.manifest["columns"] if c["role"] == "dimension"]
    (row,) = [
        row
        for row in pq.read_table(current.path / f"{table}.parquet").to_pylist()
        if row["school_year"] == period and all(row[name] == TOTAL for name in columns)
    ]
    found: int | None = row["pupils"]
    return found


def snapshot_files(city: City, record_: str = "pupil") -> list[Path]:
    return list((city.state / "snapshots" / "city" / record_).glob("*.parquet"))


def test_what_is_harvested_is_released(city: City) -> None:
    outcome = city.publish()
    assert released(outcome) == [("enrolment", 1), ("schools", 1)]
    assert outcome.refusals == []
    assert total(city) == len(many_pupils())
    current = city.store.current("enrolment")
    assert current is not None
    assert current.manifest["simulated"] is True
    assert current.manifest["organization"] == "so-gddt"
    assert [source["name"] for source in current.manifest["sources"]] == ["city"]


def test_nothing_new_is_no_release(published: City) -> None:
    before = contents(published.state)
    assert released(published.release()) == []
    published.harvest()
    assert released(published.release()) == []
    assert contents(published.state) == before


def test_a_new_period_is_a_new_release_with_both(published_last: City) -> None:
    outcome = published_last.publish(pupils(50, "0001") + pupils(60, "0002", sex="female"))
    assert released(outcome) == [("enrolment", 2), ("schools", 2)]
    assert total(published_last, period=LAST) == len(many_pupils())
    assert total(published_last) == 110
    current = published_last.store.current("enrolment")
    assert current is not None
    assert current.manifest["periods"] == [LAST, YEAR]
    assert current.manifest["changes"]["periods_added"] == [YEAR]


def test_records_about_persons_are_deleted_once_frozen_and_registers_kept(published: City) -> None:
    assert snapshot_files(published) == []
    assert len(snapshot_files(published, "school")) == 1
    declared = published.declarations
    assert not needed("pupil", YEAR, published.state, declared)
    assert needed("pupil", LAST, published.state, declared)
    assert needed("school", YEAR, published.state, declared)
    assert set(contents(published.state / "snapshots/city/pupil")) == {
        "periods.json", f"closed.{YEAR}.json"
    }  # fmt: skip


def test_records_that_a_source_no_longer_lists_are_deleted_too(published: City) -> None:
    # A harvest that was under way seals the period again after it froze; the source drops it.
    published.harvest()
    assert len(snapshot_files(published)) == 1
    SnapshotStore(published.state).set_periods("city", "pupil", [])
    published.release()
    assert snapshot_files(published) == []


def test_a_late_table_is_counted_from_the_very_same_records_only(published: City) -> None:
    published.declare(BY_SEX)
    assert needed("pupil", YEAR, published.state, published.declarations)
    published.harvest()
    outcome = published.release()
    assert released(outcome) == [("by-sex", 1)]
    assert total(published, "by-sex") == len(many_pupils())
    assert snapshot_files(published) == []


def test_a_late_table_waits_with_the_others_where_a_few_pupils_came(published_last: City) -> None:
    published_last.declare(BY_SEX)
    outcome = published_last.publish([*many_pupils(), *pupils(1, "0001")], period=LAST)
    assert released(outcome) == [] and outcome.refusals == []
    assert outcome.held == [("pupil", LAST)]
    outcome = published_last.publish()
    assert ("by-sex", 1) in released(outcome)
    current = published_last.store.current("by-sex")
    assert current is not None and current.manifest["periods"] == [YEAR]


def test_other_words_are_a_new_release_of_the_same_figures(published: City) -> None:
    published.declare({**ENROLMENT, "methodology": {"vi": "Đếm kỹ hơn", "en": "Counted better"}})
    assert released(published.release()) == [("enrolment", 2)]
    first, second = published.store.releases("enrolment")
    assert first.digests == second.digests
    assert second.manifest["changes"]["rows_changed"] == 0
    assert released(published.release()) == []


@pytest.mark.parametrize("what", ["another column", "another type"])
def test_other_columns_do_not_fit_frozen_periods(published: City, what: str) -> None:
    changed = deepcopy(ENROLMENT)
    if what == "another column":
        changed["measures"].append(measure("girls", count={"where": {"sex": ["female"]}}))
    else:
        changed["measures"][0]["decimals"] = 1
    published.declare(changed)
    outcome = published.release()
    assert released(outcome) == []
    (refused,) = outcome.refusals
    assert refused.table == "enrolment" and "declared columns are not those" in refused.reason
    assert total(published) == len(many_pupils())


def test_a_part_that_is_not_the_audited_one_is_not_released(published_last: City) -> None:
    (part,) = (published_last.state / "parts/pupil" / LAST).rglob("enrolment.parquet")
    rows = pq.read_table(part)
    pq.write_table(rows.slice(1), part)
    outcome = published_last.publish()
    assert released(outcome) == [("schools", 2)]
    (refused,) = outcome.refusals
    assert "not the one that was audited" in refused.reason


def test_a_rung_that_was_given_up_is_noted_for_readers(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    strict = parts.audit_together

    def refuse_schools(period: str, published: Sequence[Published], *more: Any) -> Any:
        (one,) = published
        if set(pq.read_table(one.file)["school"].to_pylist()) != {TOTAL}:
            raise Refused(one.table.name, "Too fine.")
        return strict(period, published, *more)

    monkeypatch.setattr(parts, "audit_together", refuse_schools)
    city.publish()
    current = city.store.current("enrolment")
    assert current is not None
    assert current.manifest["parts"][0]["given_up"] == ["grade", "school"]
    (note,) = [note for note in current.manifest["notes"] if "no detail by" in note["en"]]
    assert "không công bố chi tiết" in note["vi"]
    assert total(city) == len(many_pupils())


def test_a_refusal_keeps_the_last_release_and_the_others_go_on(
    published_last: City, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:

    def refuse(period: str, published: Sequence[Published], *more: Any) -> Any:
        raise Refused(published[-1].table.name, "In doubt.")

    monkeypatch.setattr(parts, "audit_together", refuse)
    with caplog.at_level(logging.ERROR):
        outcome = published_last.publish()
    assert released(outcome) == [("schools", 2)]
    assert [str(one) for one in outcome.refusals] == ["enrolment: In doubt."]
    assert "In doubt." in caplog.text
    assert total(published_last, period=LAST) == len(many_pupils())
    # The records are kept: when the doubt is gone, the period is released.
    assert len(snapshot_files(published_last)) == 1
    monkeypatch.undo()
    assert released(published_last.release()) == [("enrolment", 2)]


SECRET = "Nguyễn Văn Bí Mật"


def test_an_unforeseen_error_publishes_nothing_stops_nobody_and_tells_no_value(
    city: City, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def explode(*_: Any) -> None:
        raise ValueError(f"could not convert '{SECRET}'")

    monkeypatch.setattr(parts, "protect_together", explode)
    with caplog.at_level(logging.DEBUG):
        outcome = city.publish()
    assert total(city) is None
    assert any(one.table == "enrolment" and "ValueError" in one.reason for one in outcome.refusals)
    told = caplog.text + "".join(str(one) for one in outcome.refusals)
    assert SECRET not in told
    assert "parts.py" in caplog.text


def test_a_period_waits_for_every_source_that_has_it(city: City) -> None:
    city.use(make_source("private", records=["pupil"]))
    city.deliver("pupil", pupils(40, "0003"), source="private")
    city.deliver("school", SCHOOLS)
    city.deliver("pupil", many_pupils())
    store = SnapshotStore(city.state)
    # One source was never asked: nobody knows whether it has something.
    private = city.sources.pop("private")
    city.harvest()
    city.sources["private"] = private
    assert [name for name, _ in released(city.release())] == ["schools"]
    # It was asked, and owes what it has.
    store.set_periods("private", "pupil", [YEAR])
    assert released(city.release()) == []
    tables = [city.declarations.tables["enrolment"]]
    assert list(open_periods("pupil", tables, list(city.sources.values()), city.state)) == []
    city.harvest()
    assert released(city.release()) == [("enrolment", 1)]
    assert total(city) == len(many_pupils()) + 40


def test_a_source_that_has_nothing_holds_nobody_up(city: City) -> None:
    city.use(make_source("private", records=["pupil"]))
    assert ("enrolment", 1) in released(city.publish())


def test_real_and_simulated_sources_together_are_simulated(city: City) -> None:
    city.use(make_source(simulated=False))
    city.use(make_source("demo", records=["pupil"], simulated=True))
    city.publish()
    simulated = {
        table: release_.manifest["simulated"]
        for table in ("enrolment", "schools")
        if (release_ := city.store.current(table)) is not None
    }
    assert simulated == {"enrolment": True, "schools": False}


def test_figures_that_were_simulated_stay_so_when_the_source_is_real(
    published_last: City,
) -> None:
    published_last.use(make_source(simulated=False))
    assert ("enrolment", 2) in released(published_last.publish())
    current = published_last.store.current("enrolment")
    assert current is not None and current.manifest["simulated"] is True


def test_a_table_names_its_own_publisher(city: City) -> None:
    city.declare({**ENROLMENT, "organization": "so-tai-chinh"})
    city.publish()
    current = city.store.current("enrolment")
    assert current is not None and current.manifest["organization"] == "so-tai-chinh"


def test_a_table_without_any_source_left_stays_as_it_is(published: City) -> None:
    published.declare({**ENROLMENT, "topic": "schools"})
    outcome = release([], published.state, published.declarations)
    assert released(outcome) == []
    assert any("No source delivers pupil" in one.reason for one in outcome.refusals)
    assert total(published) == len(many_pupils())


def test_what_the_steps_work_on_is_told(city: City) -> None:
    city.deliver("school", SCHOOLS)
    city.deliver("pupil", many_pupils())
    city.harvest()
    told: list[tuple[str, str]] = []
    release(
        list(city.sources.values()), city.state, city.declarations,
        lambda table, period: told.append((table, period)),
    )  # fmt: skip
    assert sorted(told) == [
        ("enrolment", ""), ("enrolment", YEAR), ("schools", ""), ("schools", YEAR),
    ]  # fmt: skip


def test_withdrawn_figures_stay_away_until_they_are_other_figures(published: City) -> None:
    published.store.withdraw("enrolment", 1, "Sai")
    # The same records again: not published.
    outcome = published.publish()
    assert released(outcome) == []
    assert any("withdrawn" in one.reason for one in outcome.refusals)
    assert total(published) is None
    # Corrected ones: published.
    corrected = [*many_pupils(), *pupils(30, "0001")]
    assert released(published.publish(corrected)) == [("enrolment", 2)]
    assert total(published) == len(corrected)
    # And the withdrawn ones do not come back.
    assert released(published.publish()) == []
    assert total(published) == len(corrected)


def test_corrected_figures_are_those_of_every_table(city: City) -> None:
    city.declare(BY_SEX)
    city.publish()
    city.store.withdraw("enrolment", 1, "Sai")
    corrected = [*many_pupils(), *pupils(30, "0001")]
    assert released(city.publish(corrected)) == [("by-sex", 2), ("enrolment", 2)]
    assert total(city, "by-sex") == total(city) == len(corrected)


def test_a_withdrawn_wording_is_not_released_again(published: City) -> None:
    published.declare({**ENROLMENT, "methodology": {"vi": "Chưa đúng", "en": "Not right"}})
    assert released(published.release()) == [("enrolment", 2)]
    published.store.withdraw("enrolment", 2, "Lời văn sai")
    assert released(published.release()) == []
    assert total(published) == len(many_pupils())
    published.declare({**ENROLMENT, "methodology": {"vi": "Đã đúng", "en": "Right"}})
    assert released(published.release()) == [("enrolment", 3)]


def test_the_innocent_period_of_a_withdrawn_release_is_published_on_its_own(
    published_last: City,
) -> None:
    published_last.publish([*many_pupils(), *pupils(9, "0001")])
    published_last.store.withdraw("enrolment", 1, "Sai")
    assert published_last.store.current("enrolment") is None
    outcome = published_last.release()
    assert released(outcome) == [("enrolment", 3)]
    current = published_last.store.current("enrolment")
    assert current is not None and current.manifest["periods"] == [YEAR]


def test_a_withdrawal_that_was_killed_is_finished_by_the_next_run(published: City) -> None:
    store = published.store
    store.withdraw("enrolment", 1, "Sai")
    away = published.state / "withdrawn/enrolment/1/enrolment.csv"
    shutil.move(away, store.root / "enrolment/1/enrolment.csv")
    published.release()
    assert away.exists() and not (store.root / "enrolment/1/enrolment.csv").exists()


def test_a_table_that_asks_for_approval_is_released_once_and_waits(city: City) -> None:
    city.declare({**ENROLMENT, "approval": True})
    assert ("enrolment", 1) in released(city.publish())
    assert total(city) is None
    assert released(city.release()) == []
    city.store.approve("enrolment", 1, "lê.thanh", "Đã kiểm tra")
    assert total(city) == len(many_pupils())


def test_a_month_is_counted_with_the_register_of_its_year(city: City) -> None:
    meals = record(
        "meal", [{"name": "school", "type": "institution"}, {"name": "eaters", "type": "integer"}],
        period="month",
    )  # fmt: skip
    city.declare(meals, cube("meals", "meal", [["area"]], [measure("pupils", sum="eaters")]))
    city.use(make_source(records=["school", "pupil", "meal"]))
    city.deliver("school", SCHOOLS, LAST)
    city.deliver("school", [school(1, AREAS[2])], YEAR)
    for month in ("2025-08", "2025-09"):
        city.deliver("meal", [{"school": "0001", "eaters": 30}], month)
    city.harvest()
    assert ("meals", 1) in released(city.release())
    current = city.store.current("meals")
    assert current is not None
    rows = pq.read_table(current.path / "meals.parquet").to_pylist()
    assert {(row["month"], row["area"]) for row in rows if row["area"] != TOTAL} == {
        ("2025-08", AREAS[0]), ("2025-09", AREAS[2]),
    }  # fmt: skip


def published_files(city: City) -> dict[str, bytes]:
    """What readers get, but for the time of issue."""
    found = {}
    for name, content in contents(city.state / "releases").items():
        if not name.endswith("manifest.json") and "/.new-" not in f"/{name}":
            found[name] = content
    return found


def test_a_kill_at_any_moment_is_as_if_there_had_been_none(tmp_path: Path) -> None:
    template = City(tmp_path / "template")
    template.declare(BY_SEX)
    template.publish(period=LAST)
    template.deliver("school", SCHOOLS)
    template.deliver("pupil", [*many_pupils(), *pupils(40, "0003", "g6")])
    template.harvest()
    shutil.copytree(tmp_path / "template", tmp_path / "whole")
    release_all(tmp_path / "whole/state", tmp_path / "whole/declared")
    whole = City(tmp_path / "whole", documents=())
    moment, changes, seen = 1, None, set()
    while changes is None:
        folder = tmp_path / str(moment)
        shutil.copytree(tmp_path / "template", folder)
        city = City(folder, documents=())
        changes = killed(city.state, moment, release_all, city.declared)
        for table in ("enrolment", "by-sex", "schools"):
            # Readers have the old release or the new one, whole.
            current = city.store.current(table)
            assert current is not None and current.number in (1, 2)
            assert all(current.file(file["name"]) for file in current.manifest["files"])
            assert all((current.path / file["name"]).exists() for file in current.manifest["files"])
            seen.add(current.number)
        release_all(city.state, city.declared)
        assert published_files(city) == published_files(whole), moment
        assert city.store.releases("enrolment")[-1].number == 2
        assert contents(city.state / "parts") == contents(whole.state / "parts")
        assert snapshot_files(city) == []
        left = [path.name for path in city.state.rglob(".new-*")]
        assert left == [], moment
        moment += 14
    assert changes >= 40
    assert seen == {1, 2}
