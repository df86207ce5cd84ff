"""The first step: a source's records, checked and sealed, or refused with every problem told."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from harvesters.connectors.base import SourceBatch
from harvesters.errors import (
    RecordProblem,
    RefusedFile,
    RefusedRecords,
    SourceAnswerError,
    SourceError,
)
from harvesters.harvest import is_current
from harvesters.snapshots import SnapshotStore
from schemas import RecordType
from tests.harvesters.builders import (
    SCHOOLS,
    YEAR,
    City,
    MemoryConnector,
    batches,
    make_source,
    pupils,
    school,
)
from tests.harvesters.killing import contents, killed
from tests.harvesters.steps import harvest_rows
from tests.schemas.builders import AREAS, CODELISTS, PUPIL, codelist

pytestmark = pytest.mark.unit


@pytest.fixture
def city(tmp_path: Path) -> City:
    """A city whose register is harvested."""
    made = City(tmp_path)
    made.deliver("school", SCHOOLS)
    made.harvest()
    return made


def snapshot_rows(city: City, record: str = "pupil", period: str = YEAR) -> int | None:
    found = SnapshotStore(city.state).get("city", record, period)
    return None if found is None else pq.read_table(found.path).num_rows


def report(city: City, record: str = "pupil") -> dict[str, Any]:
    path = city.state / "reports" / "city" / record / f"{YEAR}.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    found: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return found


def test_good_records_are_sealed_without_their_keys(city: City) -> None:
    city.deliver("pupil", pupils(5, "0001") + pupils(2, "0003", "g6"))
    (_, sealed) = city.harvest()
    assert sealed.changed and sealed.snapshot.rows == 7
    table = pq.read_table(sealed.snapshot.path)
    assert table.column_names == ["school", "grade", "sex", "internet", "absences", "fees"]
    assert report(city) == {
        "source": "city", "record": "pupil", "period": YEAR, "seen": 7, "bad": 0, "repeated": 0,
        "problems": [],
    }  # fmt: skip


def test_an_unchanged_source_is_not_read_again(city: City) -> None:
    city.deliver("pupil", pupils(5, "0001"))
    first = city.harvest()[1]
    before = contents(city.state)
    city.connectors["city"].reads.clear()
    again = city.harvest()
    assert [sealed.changed for sealed in again] == [False, False]
    assert again[1].snapshot == first.snapshot
    assert city.connectors["city"].reads == []
    assert contents(city.state) == before


def current(city: City, record: str = "pupil") -> bool:
    return is_current(
        city.sources["city"], city.declarations.records[record], YEAR, city.connectors["city"],
        city.state, city.declarations,
    )  # fmt: skip


def test_whether_a_harvest_would_change_anything_is_known_without_reading(city: City) -> None:
    city.deliver("pupil", pupils(5, "0001"))
    assert current(city, "school") and not current(city)
    city.harvest()
    city.connectors["city"].reads.clear()
    assert current(city)
    city.deliver("pupil", pupils(6, "0001"))
    assert not current(city)
    city.harvest()
    city.declare(codelist("sex", ["male", "female", "other"]))
    assert not current(city)
    assert city.connectors["city"].reads == [("pupil", YEAR)]


def test_another_token_over_the_same_records_changes_nothing(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    city.deliver("pupil", pupils(5, "0001"))
    first = city.harvest()[1].snapshot
    monkeypatch.setattr(MemoryConnector, "change_token", lambda *_: "unknown-1")
    again = city.harvest()[1]
    assert not again.changed
    assert (again.snapshot.sha256, again.snapshot.token) != (first.sha256, first.token)
    assert again.snapshot.sha256 == first.sha256


@pytest.mark.parametrize("what", ["the record", "the source", "a code list", "a school"])
def test_what_decides_over_records_makes_them_be_read_again(city: City, what: str) -> None:
    city.deliver("pupil", pupils(5, "0001"))
    city.harvest()
    if what == "the record":
        changed = [dict(field) for field in PUPIL["fields"]]
        changed[5]["maximum"] = 100
        city.declare({**PUPIL, "fields": changed})
    elif what == "a code list":
        city.declare(codelist("sex", ["male", "female", "other"]))
    elif what == "the source":
        source = make_source()
        records = {
            name: type(one)(one.name, one.options, one.fields, digest="other")
            for name, one in source.records.items()
        }
        city.use(type(source)(**{**vars(source), "records": records}))
    else:
        city.deliver("school", [*SCHOOLS, school(4)])
    city.connectors["city"].reads.clear()
    city.harvest()
    assert ("pupil", YEAR) in city.connectors["city"].reads


def test_a_bad_record_refuses_the_delivery_and_the_last_snapshot_stays(city: City) -> None:
    city.deliver("pupil", pupils(5, "0001"))
    city.harvest()
    rows = pupils(3, "0001") + pupils(1, "0001", sex="nam giới") + pupils(1, "9999")
    city.deliver("pupil", rows)
    with pytest.raises(RefusedRecords) as refused:
        city.harvest()
    assert (refused.value.bad, refused.value.seen) == (2, 5)
    assert [(one.rule, one.row) for one in refused.value.problems] == [("register", 6), ("code", 5)]
    assert snapshot_rows(city) == 5
    told = report(city)
    assert (told["seen"], told["bad"]) == (5, 2)
    assert "nam giới" not in json.dumps(told, ensure_ascii=False) + str(refused.value)
    assert "9999" not in json.dumps(told) + str(refused.value)


def test_as_many_bad_records_as_the_source_tolerates_are_left_out_and_counted(city: City) -> None:
    city.use(make_source(tolerance=0.2))
    city.deliver("pupil", pupils(8, "0001") + pupils(2, "0001", sex="?"))
    sealed = city.harvest()[-1].snapshot
    assert (sealed.rows, sealed.left_out) == (8, 2)
    assert snapshot_rows(city) == 8
    city.deliver("pupil", pupils(7, "0001") + pupils(3, "0001", sex="?"))
    with pytest.raises(RefusedRecords):
        city.harvest()


def test_a_pupil_who_stands_twice_is_never_tolerated_nor_told(city: City) -> None:
    city.use(make_source(tolerance=0.9))
    rows = [*pupils(4, "0001"), *pupils(2, "0002")]
    rows[5] = {**rows[5], "pupil_key": rows[1]["pupil_key"]}
    city.deliver("pupil", rows)
    with pytest.raises(RefusedRecords) as refused:
        city.harvest()
    assert [(one.rule, one.row, one.field) for one in refused.value.problems] == [
        ("duplicate", 3, "pupil_key"), ("duplicate", 7, "pupil_key"),
    ]  # fmt: skip
    assert report(city)["repeated"] == 1
    assert rows[1]["pupil_key"] not in json.dumps(report(city)) + str(refused.value)
    assert snapshot_rows(city) is None


def test_a_pupil_is_found_twice_over_batches(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(self: MemoryConnector, record: RecordType, period: str) -> Iterator[SourceBatch]:
        yield from batches(self.data[record.name][period], record.fields, size=1)

    city.deliver("pupil", [{**row, "pupil_key": "1"} for row in pupils(3, "0001")])
    monkeypatch.setattr(MemoryConnector, "read", read)
    with pytest.raises(RefusedRecords):
        city.harvest()
    assert report(city)["repeated"] == 2


def test_no_key_stays_on_disk_whatever_happens(city: City) -> None:
    good, twice = pupils(3, "0001"), [{**row, "pupil_key": "1"} for row in pupils(3, "0001")]
    for rows in (good, twice):
        city.deliver("pupil", rows)
        try:
            city.harvest()
        except RefusedRecords:
            assert rows is twice
        assert not list((city.state / "snapshots").rglob("*.keys"))
    for name, content in contents(city.state).items():
        for row in good:
            assert row["pupil_key"].encode() not in content, name


def test_a_source_that_breaks_off_leaves_the_last_snapshot(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    city.deliver("pupil", pupils(5, "0001"))
    city.harvest()
    whole = MemoryConnector.read

    def read(self: MemoryConnector, record: RecordType, period: str) -> Iterator[SourceBatch]:
        yield from whole(self, record, period)
        raise SourceAnswerError(vi="Nguồn dừng giữa chừng.", en="The source broke off.")

    city.deliver("pupil", pupils(9, "0002"))
    monkeypatch.setattr(MemoryConnector, "read", read)
    with pytest.raises(SourceAnswerError):
        city.harvest()
    assert snapshot_rows(city) == 5
    assert sorted(path.suffix for path in (city.state / "snapshots/city/pupil").glob("2*")) == [
        ".json", ".parquet",
    ]  # fmt: skip


def test_a_file_that_is_refused_leaves_a_report_and_the_last_snapshot(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    city.deliver("pupil", pupils(5, "0001"))
    city.harvest()
    problem = RecordProblem(
        "city", "pupil", YEAR, "thư viện.xlsx", 3, "sex", "heading",
        {"vi": "Thiếu tiêu đề.", "en": "No heading."}, {"vi": "Thêm.", "en": "Add it."},
    )  # fmt: skip

    def read(self: MemoryConnector, record: RecordType, period: str) -> Iterator[SourceBatch]:
        yield from batches(self.data[record.name][period], record.fields)
        raise RefusedFile([problem], total=7)

    city.deliver("pupil", pupils(9, "0002"))
    monkeypatch.setattr(MemoryConnector, "read", read)
    with pytest.raises(RefusedFile):
        city.harvest()
    told = report(city)
    assert told["bad"] == 7
    assert told["problems"] == [problem.as_dict()]
    assert snapshot_rows(city) == 5


def test_records_of_schools_wait_for_the_register(tmp_path: Path) -> None:
    city = City(tmp_path)
    city.deliver("pupil", pupils(5, "0001"))
    with pytest.raises(SourceError) as refused:
        city.harvest()
    assert refused.value.code == "register"
    assert YEAR in refused.value.en and YEAR in refused.value.vi


def test_the_register_may_come_from_several_sources(city: City) -> None:
    city.use(make_source("private-schools", records=["school"]))
    city.deliver("school", [school(7, AREAS[2])], source="private-schools")
    city.deliver("pupil", pupils(5, "0007"))
    city.sources = dict(sorted(city.sources.items(), reverse=True))
    city.harvest()
    assert snapshot_rows(city) == 5


def test_a_month_is_held_against_the_register_of_its_school_year(tmp_path: Path) -> None:
    monthly = {**PUPIL, "record": "absence", "period": "month"}
    city = City(tmp_path, [*CODELISTS, SCHOOLS_RECORD, monthly])
    city.use(make_source(records=["school", "absence"]))
    city.deliver("school", SCHOOLS, "2024-2025")
    city.deliver("absence", pupils(2, "0001"), "2025-08")
    city.harvest()
    city.deliver("absence", pupils(2, "0001"), "2025-09")
    with pytest.raises(SourceError, match="2025-2026"):
        city.harvest()


SCHOOLS_RECORD = {
    "record": "school",
    "title": {"vi": "Trường", "en": "School"},
    "about": "institutions",
    "period": "school_year",
    "fields": [
        {"name": "school", "type": "institution", "unique": True},
        {"name": "area", "type": "code"},
    ],
}


def test_a_kill_while_harvesting_leaves_the_old_snapshot_or_the_new_one(tmp_path: Path) -> None:
    moment, changes = 1, None
    while changes is None:
        city = City(tmp_path / str(moment))
        city.deliver("school", SCHOOLS)
        city.deliver("pupil", pupils(3, "0001"))
        city.harvest()
        rows = pupils(5, "0002")
        changes = killed(city.state, moment, harvest_rows, city.declared, rows)
        assert snapshot_rows(city) in (3, 5)
        harvest_again = City(city.declared.parent, documents=())
        harvest_again.use(make_source(records=["pupil"]))
        harvest_again.deliver("pupil", rows)
        harvest_again.harvest()
        assert snapshot_rows(city) == 5
        left = [path.suffix for path in (city.state / "snapshots/city/pupil").glob("2*")]
        assert sorted(left) == [".json", ".parquet"]
        moment += 5
    assert changes >= 8
