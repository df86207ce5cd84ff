"""Releases: numbered, immutable, and taken back from every reader at once."""

from __future__ import annotations

import datetime
import json
import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harvesters import releases
from harvesters.disclosure import Refused
from harvesters.files import sha256
from harvesters.parts import Part, schema_of
from harvesters.releases import Release, ReleaseStore, UnknownRelease
from schemas import Declarations
from tests.harvesters.killing import contents, killed
from tests.harvesters.steps import withdraw
from tests.schemas.builders import CITY, cube, declare, measure, register

pytestmark = pytest.mark.unit

SEXES = cube("sexes", "pupil", [["sex"]], [measure("pupils")])
ASKING = {**cube("asking", "pupil", [["sex"]], [measure("pupils")]), "approval": True}
SOURCES = [{"name": "city", "title": {"vi": "Nguồn", "en": "Source"}, "simulated": True}]

OLD, NEW = "2024-2025", "2025-2026"


@pytest.fixture(scope="module")
def declarations(tmp_path_factory: pytest.TempPathFactory) -> Declarations:
    documents = [*CITY, SEXES, ASKING, register("places", "school", ["school", "area"])]
    return declare(tmp_path_factory.mktemp("declared"), documents)


class Office:
    """Makes releases of small tables, in a state folder."""

    def __init__(self, state: Path, declarations: Declarations):
        self.declarations = declarations
        self.store = ReleaseStore(state)

    def part(
        self, values: Mapping[str, int], period: str = NEW, table: str = "sexes",
        given_up: Iterable[str] = (), left_out: int = 0,
    ) -> Part:  # fmt: skip
        """A part with a row of so many pupils for each code."""
        declared = self.declarations.tables[table]
        rows = [
            {"school_year": period, "sex": code, "pupils": number, "pupils_status": "",
             "pupils_flag": ""}
            for code, number in values.items()
        ]  # fmt: skip
        path = self.store.state / f"{period}-{sorted(values.items())}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows, schema=schema_of(declared)), path)
        certificate = {
            "cells": len(rows), "suppressed": {"pupils": 0}, "given_up": list(given_up),
            "snapshots": [{"left_out": left_out}, {"left_out": 0}],
        }  # fmt: skip
        return Part(table, period, sha256(path), path, certificate)

    def release(self, *parts: Part, table: str = "sexes", simulated: bool = True) -> Release:
        declared = self.declarations.tables[table]
        return self.store.create(
            declared, parts, self.declarations, SOURCES, "so-gddt", simulated
        )  # fmt: skip

    def states(self, table: str = "sexes") -> str:
        """The state of each release, by its first letter."""
        return "".join(release.state[0] for release in self.store.releases(table))


@pytest.fixture
def office(tmp_path: Path, declarations: Declarations) -> Office:
    return Office(tmp_path / "state", declarations)


def test_a_release_is_what_its_manifest_says(office: Office) -> None:
    parts = [office.part({"male": 10, "female": 20}, OLD), office.part({"male": 11}, NEW)]
    made = office.release(*parts)
    manifest = made.manifest
    assert (made.number, made.state, made.withdrawal) == (1, "published", None)
    assert (manifest["table"], manifest["release"], manifest["rows"]) == ("sexes", 1, 3)
    assert manifest["periods"] == [OLD, NEW]
    assert made.digests == [part.digest for part in parts]
    assert manifest["declaration"] == office.declarations.tables["sexes"].digest
    assert manifest["organization"] == "so-gddt" and manifest["sources"] == SOURCES
    assert [column["name"] for column in manifest["columns"]] == [
        "school_year", "sex", "pupils", "pupils_status", "pupils_flag",
    ]  # fmt: skip
    assert {file["key"] for file in manifest["files"]} == {
        "csv", "csv-excel", "xlsx", "parquet", "json",
    }  # fmt: skip
    for file in manifest["files"]:
        path = made.file(file["name"])
        assert path is not None
        assert (path.stat().st_size, sha256(path)) == (file["bytes"], file["sha256"])
    for part in manifest["parts"]:
        assert json.loads((made.path / part["certificate"]).read_text("utf-8"))
    issued = datetime.datetime.fromisoformat(manifest["issued"])
    assert issued.utcoffset() == datetime.timedelta(hours=7)
    assert made.file("manifest.json") is None and made.file("../../secret") is None
    assert office.store.get("sexes", 1).manifest == manifest


def test_everyone_may_read_a_release_and_nobody_half_of_one(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Whoever starts the portal may forbid it by a umask; a release itself does not.
    before = os.umask(0o022)
    try:
        _half_of_one(office, monkeypatch)
    finally:
        os.umask(before)


def _half_of_one(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    office.release(office.part({"male": 10}))
    whole, seen = releases.write_files, []

    def look(*arguments: Any) -> Any:
        described = whole(*arguments)
        # All files are written, the manifest is not: readers still have the first release only.
        current = office.store.current("sexes")
        seen.append((current and current.number, office.states(), office.store.tables()))
        return described

    monkeypatch.setattr(releases, "write_files", look)
    made = office.release(office.part({"male": 11}))
    assert seen == [(1, "p", ["sexes"])]
    assert made.number == 2
    modes = {stat.S_IMODE(path.stat().st_mode) & 0o055 for path in made.path.rglob("*")
             if path.is_dir()} | {stat.S_IMODE(made.path.stat().st_mode) & 0o055}  # fmt: skip
    assert modes == {0o055}


def test_a_release_that_fails_leaves_nothing(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.release(office.part({"male": 10}))
    before = contents(office.store.root)

    def fail(*_: Any) -> None:
        raise OSError

    monkeypatch.setattr(releases, "_notes", fail)
    with pytest.raises(OSError):
        office.release(office.part({"male": 11}))
    assert contents(office.store.root) == before
    monkeypatch.undo()
    assert office.release(office.part({"male": 11})).number == 2


def test_the_same_parts_give_files_with_the_same_digests(
    tmp_path: Path, declarations: Declarations
) -> None:
    made = [
        Office(tmp_path / name, declarations) for name in ("a", "b")
    ]  # fmt: skip
    files = [one.release(one.part({"male": 10, "female": 2})).manifest["files"] for one in made]
    assert files[0] == files[1]


def test_numbers_go_up_and_are_sorted_as_numbers(office: Office) -> None:
    for number in range(1, 11):
        assert office.release(office.part({"male": number})).number == number
    assert [one.number for one in office.store.releases("sexes")] == list(range(1, 11))
    current = office.store.current("sexes")
    assert current is not None and current.number == 10


def test_what_there_is_not_is_told(office: Office) -> None:
    store = office.store
    assert store.tables() == [] and store.releases("sexes") == []
    assert store.current("sexes") is None and store.latest("sexes") is None
    with pytest.raises(UnknownRelease):
        store.get("sexes", 1)
    with pytest.raises(UnknownRelease):
        store.withdraw("sexes", None, "…")
    office.release(office.part({"male": 10}))
    with pytest.raises(UnknownRelease):
        store.withdraw("sexes", 2, "…")
    with pytest.raises(UnknownRelease):
        store.approve("sexes", 1, "ai đó", "…")
    assert office.states() == "p"


def changes(release: Release) -> dict[str, Any]:
    found: dict[str, Any] = release.manifest["changes"]
    return found


@pytest.mark.parametrize(
    "reason",
    [
        "Lộ số 0981 234 567",
        "Phụ huynh em Trần Thị Bích Ngọc báo",
        "Xem thư của an.nguyen@example.org",
        "Sai mã 079205001234",
    ],
)
def test_a_reason_that_tells_of_a_person_is_refused_and_nothing_withdrawn(
    office: Office, reason: str
) -> None:
    office.release(office.part({"male": 10}, OLD))
    with pytest.raises(Refused, match="The reason holds personal data") as refused:
        office.store.withdraw("sexes", None, reason)
    assert reason not in str(refused.value)
    assert office.store.current("sexes") is not None


@pytest.mark.parametrize(
    "reason",
    [
        "Sai số liệu của Trường Tiểu học Nguyễn Huệ, năm học 2024-2025",
        "1.234.567 học sinh bị đếm hai lần từ ngày 01/09/2025",
        "The pupils of Phường Bến Nghé were counted twice",
    ],
)
def test_a_reason_that_names_schools_and_numbers_stands(office: Office, reason: str) -> None:
    office.release(office.part({"male": 10}, OLD))
    office.store.withdraw("sexes", None, reason)
    (release,) = office.store.releases("sexes")
    assert release.withdrawal is not None and release.withdrawal["reason"] == reason


def test_the_first_release_has_everything_new(office: Office) -> None:
    parts = [office.part({"male": 10}, OLD), office.part({"male": 10, "female": 5}, NEW)]
    assert changes(office.release(*parts)) == {
        "previous": None, "periods_added": [OLD, NEW], "periods_removed": [], "rows_added": 3,
        "rows_changed": 0, "rows_removed": 0,
    }  # fmt: skip


def test_changes_are_counted_by_rows_of_the_release_before(office: Office) -> None:
    first = office.part({"_T": 30, "male": 10, "female": 20}, NEW)
    old = office.part({"_T": 7}, OLD)
    office.release(old, first)
    # One row more in what changed, one gone, one other, one as it was.
    second = office.part({"_T": 30, "male": 11, "other": 19}, NEW)
    assert changes(office.release(old, second)) == {
        "previous": 1, "periods_added": [], "periods_removed": [], "rows_added": 1,
        "rows_changed": 1, "rows_removed": 1,
    }  # fmt: skip
    newer = office.part({"_T": 1, "male": 1}, "2026-2027")
    assert changes(office.release(second, newer)) == {
        "previous": 2, "periods_added": ["2026-2027"], "periods_removed": [OLD], "rows_added": 2,
        "rows_changed": 0, "rows_removed": 1,
    }  # fmt: skip


def test_a_release_for_its_declaration_alone_changes_no_row(office: Office) -> None:
    part = office.part({"_T": 30})
    office.release(part)
    found = changes(office.release(part))
    assert (found["previous"], found["rows_added"], found["rows_changed"]) == (1, 0, 0)


def test_changes_are_held_against_the_last_release_that_stands(office: Office) -> None:
    office.release(office.part({"male": 10}))
    office.release(office.part({"male": 11}))
    office.store.withdraw("sexes", 2, "Sai")
    found = changes(office.release(office.part({"male": 12})))
    assert (found["previous"], found["rows_changed"]) == (1, 1)


def test_notes_say_what_a_reader_should_know(office: Office) -> None:
    part = office.part({"_T": 30}, given_up=["sex"], left_out=3)
    notes = office.release(part).manifest["notes"]
    assert [set(note) for note in notes] == [{"vi", "en"}] * 3
    assert "MÔ PHỎNG" in notes[0]["vi"] and "SIMULATED" in notes[0]["en"]
    assert "không công bố chi tiết theo" in notes[1]["vi"] and NEW in notes[1]["en"]
    assert "3 bản ghi" in notes[2]["vi"] and "3 invalid records" in notes[2]["en"]
    assert office.release(office.part({"_T": 31}), simulated=False).manifest["notes"] == []


def test_periods_that_gave_up_the_same_share_a_note(office: Office) -> None:
    parts = [office.part({"_T": 30}, period, given_up=["sex"]) for period in (OLD, NEW)]
    (note,) = office.release(*parts, simulated=False).manifest["notes"]
    assert note["en"].startswith(f"{OLD}, {NEW}: no detail by ")
    assert note["en"].endswith("to protect personal information.")


def test_a_table_that_asks_for_approval_waits_for_it(office: Office) -> None:
    first = office.part({"male": 10}, table="asking")
    made = office.release(first, table="asking")
    store = office.store
    assert made.state == "waiting" and made.file("asking.csv") is None
    assert store.current("asking") is None
    latest = store.latest("asking")
    assert latest is not None and latest.number == 1
    store.approve("asking", 1, "lê.thanh", "Đã kiểm tra")
    approved = store.current("asking")
    assert approved is not None and approved.file("asking.csv") is not None
    mark = json.loads((store.root / "asking" / "1.approved.json").read_text("utf-8"))
    assert (mark["by"], mark["reason"]) == ("lê.thanh", "Đã kiểm tra")
    office.release(office.part({"male": 11}, table="asking"), table="asking")
    assert office.states("asking") == "pw"
    current = store.current("asking")
    assert current is not None and current.number == 1
    store.withdraw("asking", 2, "Sai")
    with pytest.raises(UnknownRelease):
        store.approve("asking", 2, "lê.thanh", "…")
    assert office.states("asking") == "pw"
    assert store.get("asking", 2).state == "withdrawn"


def private_files(office: Office, number: int, table: str = "sexes") -> set[str]:
    folder = office.store.state / "withdrawn" / table / str(number)
    if not folder.exists():
        return set()
    for path in (folder, folder.parent, folder.parent.parent):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    return {path.name for path in folder.iterdir()}


FILES = {"sexes.csv", "sexes-excel.csv", "sexes.xlsx", "sexes.parquet", "sexes.json"}


def test_the_latest_release_is_taken_back_and_the_one_before_stands_again(office: Office) -> None:
    old, new = office.part({"male": 10}, OLD), office.part({"male": 11}, NEW)
    office.release(old)
    office.release(old, new)
    assert office.store.withdraw("sexes", 2, "Sai số liệu") == [2]
    assert office.states() == "pw"
    current = office.store.current("sexes")
    assert current is not None and current.number == 1
    gone = office.store.get("sexes", 2)
    assert gone.withdrawal is not None
    assert gone.withdrawal["reason"] == "Sai số liệu" and gone.withdrawal["at"]
    assert gone.file("sexes.csv") is None
    assert private_files(office, 2) == FILES
    assert {path.name for path in gone.path.iterdir()} == {"manifest.json", "certificates"}
    assert office.store.revoked("sexes") == {new.digest}
    assert office.store.get("sexes", 1).file("sexes.csv") is not None


def test_later_releases_with_the_same_part_go_too_and_others_stay(office: Office) -> None:
    good, bad = office.part({"male": 10}, OLD), office.part({"male": 11}, NEW)
    mended = office.part({"male": 12}, NEW)
    for parts in ([good], [good, bad], [good, bad], [good, mended]):
        office.release(*parts)
    assert office.store.withdraw("sexes", 2, "Sai") == [2, 3]
    assert office.states() == "pwwp"
    assert office.store.revoked("sexes") == {bad.digest}
    assert private_files(office, 2) == private_files(office, 3) == FILES
    assert private_files(office, 1) == private_files(office, 4) == set()


def test_what_a_withdrawn_release_merely_carried_on_is_not_revoked(office: Office) -> None:
    bad, good = office.part({"male": 10}, OLD), office.part({"male": 11}, NEW)
    office.release(bad)
    office.release(bad, good)
    assert office.store.withdraw("sexes", 1, "Sai") == [1, 2]
    assert office.store.revoked("sexes") == {bad.digest}
    assert office.store.current("sexes") is None
    assert changes(office.release(good))["previous"] is None
    assert office.states() == "wwp"


def test_everything_is_taken_back_at_once(office: Office) -> None:
    parts = [office.part({"male": number}, OLD) for number in (10, 11)]
    other = office.part({"male": 12}, NEW)
    office.release(parts[0])
    office.release(parts[1])
    office.release(parts[1], other)
    assert office.store.withdraw("sexes", None, "Sai hết") == [1, 2, 3]
    assert office.states() == "www"
    assert office.store.revoked("sexes") == {*(part.digest for part in parts), other.digest}
    assert office.store.current("sexes") is None and office.store.tables() == ["sexes"]


def test_withdrawn_figures_are_not_published_again(office: Office) -> None:
    bad = office.part({"male": 10})
    office.release(bad)
    office.store.withdraw("sexes", 1, "Sai")
    with pytest.raises(Refused, match="withdrawn"):
        office.release(bad)
    with pytest.raises(Refused, match="withdrawn"):
        office.release(office.part({"male": 1}, OLD), bad)
    assert office.states() == "w"


def test_taking_back_twice_is_taking_back_once(office: Office) -> None:
    part = office.part({"male": 10})
    office.release(part)
    office.release(part, office.part({"male": 11}, "2026-2027"))
    first = office.store.withdraw("sexes", 1, "Lý do đầu")
    before = contents(office.store.state)
    assert office.store.withdraw("sexes", 1, "Lý do sau") == first == [1, 2]
    assert contents(office.store.state) == before
    gone = office.store.get("sexes", 1).withdrawal
    assert gone is not None and gone["reason"] == "Lý do đầu"


def test_taking_back_the_rest_after_one_revokes_all(office: Office) -> None:
    parts = [office.part({"male": number}) for number in (10, 11, 12)]
    for part in parts:
        office.release(part)
    office.store.withdraw("sexes", 1, "Sai")
    assert office.states() == "wpp"
    assert office.store.withdraw("sexes", None, "Sai hết") == [1, 2, 3]
    assert office.store.revoked("sexes") == {part.digest for part in parts}


def test_one_table_is_taken_back_and_no_other(office: Office) -> None:
    office.release(office.part({"male": 10}))
    office.release(office.part({"male": 11}, table="asking"), table="asking")
    office.store.withdraw("sexes", None, "Sai")
    assert office.states("asking") == "w" and office.store.get("asking", 1).state == "waiting"
    assert office.store.tables() == ["asking", "sexes"]


@pytest.mark.parametrize("number", [1, None])
def test_a_kill_while_taking_back_leaves_all_of_it_or_none_to_readers(
    tmp_path: Path, declarations: Declarations, number: int | None
) -> None:
    moment, finished = 1, None
    while finished is None:
        office = Office(tmp_path / str(moment), declarations)
        bad = office.part({"male": 10}, OLD)
        office.release(bad)
        office.release(bad, office.part({"male": 11}, NEW))
        office.release(bad, office.part({"male": 12}, NEW))
        finished = killed(office.store.state, moment, withdraw, "sexes", number)
        assert office.states() in ("ppp", "www"), moment
        if office.states() == "www":
            # What is left is finished without being asked for again.
            office.store.finish_withdrawals()
        else:
            office.store.withdraw("sexes", number, "Sai số liệu")
        assert office.states() == "www"
        for one in office.store.releases("sexes"):
            assert private_files(office, one.number) == FILES
            assert not [path for path in one.path.iterdir() if path.name in FILES]
            assert bad.digest in office.store.revoked("sexes")
        moment += 7
    assert finished >= 15


def test_a_register_is_compared_by_its_schools(office: Office) -> None:
    declared = office.declarations.tables["places"]

    def part(*schools: tuple[str, str]) -> Part:
        rows = [
            {"school_year": NEW, "school": school, "school_name": "Trường", "area": area,
             "area_name": "Phường"}
            for school, area in schools
        ]  # fmt: skip
        path = office.store.state / f"places-{schools}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pa.Table.from_pylist(rows, schema=schema_of(declared)), path)
        certificate = {"cells": len(rows), "suppressed": {}, "given_up": [], "snapshots": []}
        return Part("places", NEW, sha256(path), path, certificate)

    office.release(part(("0001", "00100"), ("0002", "00100")), table="places")
    made = office.release(
        part(("0001", "00200"), ("0003", "00100"), ("0004", "00100")), table="places"
    )
    found = changes(made)
    assert (found["rows_added"], found["rows_changed"], found["rows_removed"]) == (2, 1, 1)
