"""The steps that the tests of kills run in a process of their own."""

from __future__ import annotations

from pathlib import Path

from harvesters.release import release
from harvesters.releases import ReleaseStore
from harvesters.snapshots import SnapshotStore
from schemas import Declarations
from tests.harvesters.builders import YEAR, City, Row, make_source, seal


def seal_rows(state: Path, declared: Path, rows: list[Row]) -> None:
    """Seal pupils, in place of those sealed before."""
    seal(state, Declarations.load(own=declared), "pupil", rows)


def harvest_rows(state: Path, declared: Path, rows: list[Row]) -> None:
    """Harvest pupils from a source in memory."""
    city = City(declared.parent, documents=())
    assert (city.state, city.declared) == (state, declared)
    city.use(make_source(records=["pupil"]))
    city.deliver("pupil", rows)
    city.harvest()


def release_all(state: Path, declared: Path) -> None:
    """The release step."""
    release([make_source()], state, Declarations.load(own=declared))


def withdraw(state: Path, table: str, number: int | None) -> None:
    """Take a release back."""
    ReleaseStore(state).withdraw(table, number, "Sai số liệu")


def discard(state: Path) -> None:
    """Delete the pupils of a closed period."""
    SnapshotStore(state).discard("city", "pupil", YEAR)
