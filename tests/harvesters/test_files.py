"""Writing that leaves the old state or the new one."""

from __future__ import annotations

import json
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvesters.files import (
    canonical,
    digest_of,
    locked,
    new_folder,
    read_json,
    sha256,
    write_json,
)

pytestmark = pytest.mark.unit

data = st.dictionaries(st.text(max_size=3), st.integers() | st.text(max_size=5), max_size=5)


@given(data)
def test_the_digest_does_not_depend_on_the_order_of_keys(value: dict[str, object]) -> None:
    assert digest_of(dict(reversed(value.items()))) == digest_of(value)
    assert json.loads(canonical(value)) == value


def test_different_data_have_different_digests() -> None:
    assert len({digest_of(one) for one in ([], {}, None, "", 0, [1, 2], [2, 1], "[]")}) == 8


def test_a_digest_of_a_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert sha256(tmp_path / "a").startswith("ba7816bf8f01cfea")


def test_json_is_written_in_place_with_the_mode_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "one.json"
    write_json(path, {"tên": "Trường"}, mode=0o600)
    write_json(path, {"tên": "Trường 2"}, mode=0o600)
    assert read_json(path) == {"tên": "Trường 2"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["one.json"]


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "1"
    with pytest.raises(RuntimeError), new_folder(target) as folder:
        (folder / "a").write_text("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    with new_folder(target) as folder:
        (folder / "a").write_text("whole")
        assert not target.exists()
    assert [path.name for path in tmp_path.iterdir()] == ["1"]
    assert (target / "a").read_text() == "whole"


def test_a_folder_that_is_there_stays(tmp_path: Path) -> None:
    target = tmp_path / "1"
    target.mkdir()
    (target / "a").write_text("first")
    with pytest.raises(FileExistsError), new_folder(target):
        pass
    assert (target / "a").read_text() == "first"


def test_what_a_kill_left_half_done_is_swept_away(tmp_path: Path) -> None:
    (tmp_path / ".new-dead").mkdir()
    (tmp_path / ".new-dead" / "a").write_text("half")
    with new_folder(tmp_path / "1"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["1"]


def test_a_lock_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "deep" / ".lock"
    inside: list[str] = []
    with locked(path):
        with pytest.raises(BlockingIOError), locked(path, wait=False):
            pass

        def enter() -> None:
            with locked(path):
                inside.append("second")

        thread = threading.Thread(target=enter)
        thread.start()
        inside.append("first")
    thread.join(timeout=30)
    assert inside == ["first", "second"]
    with locked(path, wait=False):
        inside.append("third")
    assert inside[-1] == "third"
