"""Sealed snapshots: private, the same whatever the order of records, replaced at once."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harvesters.snapshots import SnapshotStore
from schemas import Declarations
from tests.harvesters.builders import YEAR, pupils, seal
from tests.harvesters.killing import contents, killed
from tests.harvesters.steps import discard, seal_rows
from tests.schemas.builders import CITY, declare

pytestmark = pytest.mark.unit

SCHEMA = pa.schema([("school", pa.string()), ("books", pa.int64()), ("price", pa.float64())])

rows = st.lists(
    st.fixed_dictionaries(
        {
            "school": st.sampled_from(["0001", "1", "", "a,b", 'a"b', "a\nb", None]),
            "books": st.none() | st.integers(-5, 5),
            "price": st.none() | st.floats(-2, 2, allow_nan=False),
        }
    ),
    max_size=8,
)


@pytest.fixture(scope="module")
def declarations(tmp_path_factory: pytest.TempPathFactory) -> Declarations:
    return declare(tmp_path_factory.mktemp("city") / "declared", CITY)


def declared(declarations: Declarations) -> Path:
    return declarations.records["pupil"].document.path.parents[1]


def seal_raw(state: Path, data: list[dict[str, Any]], size: int = 100) -> str:
    def chunks() -> Iterator[pa.RecordBatch]:
        for start in range(0, len(data), size):
            yield pa.RecordBatch.from_pylist(data[start : start + size], schema=SCHEMA)

    return SnapshotStore(state).seal("city", "thing", YEAR, SCHEMA, chunks(), "token").sha256


@given(rows, st.randoms(use_true_random=False), st.integers(1, 4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=12)
def test_the_digest_does_not_depend_on_order_or_batches(
    tmp_path: Path, data: list[dict[str, Any]], random: Any, size: int
) -> None:
    shuffled = list(data)
    random.shuffle(shuffled)
    assert seal_raw(tmp_path, shuffled, size) == seal_raw(tmp_path, data)


@given(rows, rows)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=12)
def test_other_records_have_another_digest(
    tmp_path: Path, data: list[dict[str, Any]], other: list[dict[str, Any]]
) -> None:
    def bag(of: list[dict[str, Any]]) -> list[str]:
        return sorted(repr([(one or 0) if key == "price" and one == 0 else one
                            for key, one in row.items()]) for row in of)  # fmt: skip

    assert (seal_raw(tmp_path, data) == seal_raw(tmp_path, other)) == (bag(data) == bag(other))


def test_a_record_that_stands_twice_changes_the_digest(tmp_path: Path) -> None:
    row = {"school": "0001", "books": 1, "price": 1.0}
    assert seal_raw(tmp_path, [row]) != seal_raw(tmp_path, [row, row])


def test_nothing_and_an_empty_text_are_told_apart(tmp_path: Path) -> None:
    digests = {seal_raw(tmp_path, [{"school": one, "books": 1}]) for one in (None, "", '""')}
    assert len(digests) == 3


def test_a_snapshot_is_found_again_as_it_was_sealed(
    tmp_path: Path, declarations: Declarations
) -> None:
    store = SnapshotStore(tmp_path)
    assert store.get("city", "pupil", YEAR) is None
    sealed = seal(tmp_path, declarations, "pupil", pupils(3, "0001"))
    assert store.get("city", "pupil", YEAR) == sealed
    assert sealed.rows == 3
    assert store.all("pupil", YEAR) == [sealed]
    assert pq.read_table(sealed.path).num_rows == 3
    assert set(sealed.reference()) == {"source", "record", "period", "sha256", "rows", "left_out"}


def test_snapshots_of_several_sources_come_by_name(
    tmp_path: Path, declarations: Declarations
) -> None:
    for source in ("b", "a"):
        seal(tmp_path, declarations, "pupil", pupils(1, "0001"), source=source)
    seal(tmp_path, declarations, "pupil", pupils(1, "0001"), period="2024-2025", source="c")
    found = SnapshotStore(tmp_path).all("pupil", YEAR)
    assert [snapshot.source for snapshot in found] == ["a", "b"]


def test_everything_is_private_and_no_key_is_kept(
    tmp_path: Path, declarations: Declarations
) -> None:
    seal(tmp_path, declarations, "pupil", pupils(3, "0001"))
    SnapshotStore(tmp_path).set_periods("city", "pupil", [YEAR])
    root = tmp_path / "snapshots"
    for path in [root, *root.rglob("*")]:
        expected = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == expected, path
    (parquet,) = root.rglob("*.parquet")
    assert "pupil_key" not in pq.read_schema(parquet).names


def test_a_new_snapshot_takes_the_place_of_the_last(
    tmp_path: Path, declarations: Declarations
) -> None:
    first = seal(tmp_path, declarations, "pupil", pupils(3, "0001"))
    second = seal(tmp_path, declarations, "pupil", pupils(4, "0002"))
    assert SnapshotStore(tmp_path).get("city", "pupil", YEAR) == second
    assert not first.path.exists()
    other = seal(tmp_path, declarations, "pupil", pupils(4, "0002"), period="2024-2025")
    assert second.path.exists() and other.path.exists()


def test_records_that_end_in_an_error_leave_the_last_snapshot(
    tmp_path: Path, declarations: Declarations
) -> None:
    last = seal(tmp_path, declarations, "pupil", pupils(3, "0001"))
    before = contents(tmp_path)

    def broken() -> Iterator[pa.RecordBatch]:
        yield pa.RecordBatch.from_pylist([{"school": "0009"}], schema=SCHEMA)
        raise ConnectionError

    with pytest.raises(ConnectionError):
        SnapshotStore(tmp_path).seal("city", "pupil", YEAR, SCHEMA, broken(), "token")
    assert contents(tmp_path) == before
    assert SnapshotStore(tmp_path).get("city", "pupil", YEAR) == last


def test_periods_are_remembered_even_where_there_are_none(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path)
    assert store.periods("city", "pupil") == []
    assert not store.was_asked("city", "pupil")
    store.set_periods("city", "pupil", [])
    assert store.was_asked("city", "pupil")
    store.set_periods("city", "pupil", ["2025-2026", "2024-2025", "2025-2026"])
    assert store.periods("city", "pupil") == ["2024-2025", "2025-2026"]


def test_what_a_database_puts_aside_is_private_and_gone_afterwards(tmp_path: Path) -> None:
    store = SnapshotStore(tmp_path)
    store.folder("city", "pupil")
    with store.database_settings() as settings:
        spill = Path(settings["temp_directory"])
        assert stat.S_IMODE(spill.stat().st_mode) == 0o700
        assert spill.parent == store.root
    assert not spill.exists()


def test_a_discarded_period_leaves_no_record_behind(
    tmp_path: Path, declarations: Declarations
) -> None:
    store = SnapshotStore(tmp_path)
    seal(tmp_path, declarations, "pupil", pupils(3, "0001"))
    kept = seal(tmp_path, declarations, "pupil", pupils(3, "0001"), period="2024-2025")
    # What a harvest leaves that was killed.
    for kind in ("unsealed", "keys"):
        store.working_file("city", "pupil", YEAR, kind).write_bytes(b"records")
    assert store.kept("pupil") == {("city", YEAR), ("city", "2024-2025")}
    store.discard("city", "pupil", YEAR)
    assert store.kept("pupil") == {("city", "2024-2025")}
    assert store.get("city", "pupil", YEAR) is None
    # Only the change token stays, to notice that the source changes.
    assert set(contents(store.root)) == {
        f"city/pupil/{kept.path.name}", "city/pupil/2024-2025.json",
        f"city/pupil/closed.{YEAR}.json",
    }  # fmt: skip
    assert store.closed_token("city", "pupil", YEAR) == "token-3"
    assert store.closed_token("city", "pupil", "2024-2025") is None
    store.discard("city", "pupil", YEAR)
    assert store.closed_token("city", "pupil", YEAR) == "token-3"


def test_a_period_that_is_being_harvested_is_not_discarded(
    tmp_path: Path, declarations: Declarations
) -> None:
    store = SnapshotStore(tmp_path)
    seal(tmp_path, declarations, "pupil", pupils(3, "0001"))
    with store.lock("city", "pupil", YEAR):
        store.discard("city", "pupil", YEAR)
        assert store.get("city", "pupil", YEAR) is not None
    store.discard("city", "pupil", YEAR)
    assert store.get("city", "pupil", YEAR) is None


def test_a_kill_while_sealing_leaves_the_old_snapshot_or_the_new_one(
    tmp_path: Path, declarations: Declarations
) -> None:
    old, new = pupils(3, "0001"), pupils(5, "0002")
    moment, changes = 0, None
    while changes is None:
        moment += 1
        state = tmp_path / str(moment)
        last = seal(state, declarations, "pupil", old)
        changes = killed(state, moment, seal_rows, declared(declarations), new)
        found = SnapshotStore(state).get("city", "pupil", YEAR)
        assert found is not None
        assert found.rows in (3, 5)
        assert pq.read_table(found.path).num_rows == found.rows
        for path in (state / "snapshots").rglob("*"):
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
        seal(state, declarations, "pupil", new)
        after = SnapshotStore(state).get("city", "pupil", YEAR)
        assert after is not None and after.rows == 5
        assert not last.path.exists()
        # The snapshot and what points at it, and nothing that the kill left.
        files = [path for path in (state / "snapshots/city/pupil").iterdir()
                 if not path.name.startswith(".")]  # fmt: skip
        assert len(files) == 2, files
    assert changes >= 5


def test_a_kill_while_discarding_is_made_good_the_next_time(
    tmp_path: Path, declarations: Declarations
) -> None:
    moment, changes = 0, None
    while changes is None:
        moment += 1
        state = tmp_path / str(moment)
        seal(state, declarations, "pupil", pupils(3, "0001"))
        changes = killed(state, moment, discard)
        store = SnapshotStore(state)
        for source, period in store.kept("pupil"):
            store.discard(source, "pupil", period)
        assert not list(state.rglob("*.parquet"))
    assert moment >= 3
