"""What comes from Maven is what it was."""

import hashlib
from pathlib import Path

import pytest

import maven
from layout import StackError
from maven import check_digests, run_again

pytestmark = pytest.mark.unit


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two libraries in a folder, and the list of them beside it."""
    folder = tmp_path / "libraries"
    folder.mkdir()
    lines = []
    for name in ("a-1.0.jar", "b-2.1.jar"):
        (folder / name).write_bytes(name.encode())
        lines.append(f"{hashlib.sha256(name.encode()).hexdigest()}  {name}\n")
    (tmp_path / "SHA256SUMS").write_text("".join(lines), "utf-8")
    return folder


def test_libraries_that_are_as_listed_pass(folder: Path) -> None:
    check_digests(folder, folder.parent / "SHA256SUMS")


@pytest.mark.parametrize("name", ["b-2.1.jar", "c-3.0.jar"])
def test_a_library_that_was_changed_or_added_is_refused(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"something else")
    with pytest.raises(StackError, match=name):
        check_digests(folder, folder.parent / "SHA256SUMS")


def test_a_library_that_is_missing_is_told(folder: Path) -> None:
    (folder / "a-1.0.jar").unlink()
    with pytest.raises(StackError, match=r"a-1\.0\.jar"):
        check_digests(folder, folder.parent / "SHA256SUMS")


@pytest.mark.parametrize(("failures", "comes"), [(0, True), (2, True), (3, False)])
def test_what_is_not_answered_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failures: int, comes: bool
) -> None:
    monkeypatch.setattr(maven, "PAUSES", (0, 0))
    tried = tmp_path / "tried"
    # Fails as often as is said, then works.
    command = f"echo x >> {tried}; test $(wc -l < {tried}) -gt {failures}"
    if comes:
        run_again("sh", "-c", command)
    else:
        with pytest.raises(StackError):
            run_again("sh", "-c", command)
    assert len(tried.read_text().split()) == min(failures + 1, 3)
