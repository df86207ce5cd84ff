"""What the public may have of a certificate, and what it may not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harvesters.certificates import protection, public_certificate
from harvesters.files import read_json
from harvesters.parts import PartStore
from harvesters.releases import Release
from tests.harvesters.builders import YEAR, City

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> City:
    city = City(tmp_path_factory.mktemp("city"))
    city.publish()
    return city


def release_of(city: City, table: str = "enrolment") -> Release:
    release = city.store.current(table)
    assert release is not None
    return release


def test_the_public_part_binds_the_outcome_to_the_files(city: City) -> None:
    release = release_of(city)
    told = public_certificate(release)
    assert (told["table"], told["release"]) == ("enrolment", 1)
    assert {one["sha256"] for one in told["files"]} == {
        one["sha256"] for one in release.manifest["files"]
    }
    (period,) = told["periods"]
    assert period["file_sha256"] == release.digests[0]
    assert period["thresholds"] == {"pupils": 5}
    assert period["system"]["suppressed"] == period["suppressed"]["pupils"] > 0
    assert "pupils: no value from 1 to 4." in period["checks"]
    assert period["system"]["solver"].startswith("HiGHS")


def test_nothing_of_sources_and_of_what_is_too_small_is_told(city: City) -> None:
    told = json.dumps(public_certificate(release_of(city)))
    private = read_json(PartStore(city.state).root / "pupil" / YEAR / "0001" / "enrolment.json")
    for snapshot in private["snapshots"]:
        assert snapshot["sha256"] not in told
        assert f'"{snapshot["source"]}"' not in told
    for name in ("snapshots", "rows", "left_out", "register", "linear_programmes", "told_before"):
        assert f'"{name}"' not in told


def test_the_share_that_is_hidden_is_of_figures_about_persons(city: City) -> None:
    release = release_of(city)
    found = protection(city.declarations.tables["enrolment"], release.manifest)
    hidden = release.manifest["parts"][0]["suppressed"]["pupils"]
    assert (found.about_persons, found.solved) == (True, True)
    assert (found.figures, found.suppressed) == (release.manifest["rows"], hidden)
    assert 0 < found.share < 1


def test_a_table_about_institutions_hides_nothing(city: City) -> None:
    release = release_of(city, "schools")
    found = protection(city.declarations.tables["schools"], release.manifest)
    assert (found.about_persons, found.suppressed, found.share) == (False, 0, 0.0)
    assert public_certificate(release)["periods"][0]["suppressed"] == {}


def test_a_release_without_a_certificate_tells_none(city: City, tmp_path: Path) -> None:
    release = release_of(city)
    gone = Release("enrolment", 1, tmp_path, release.manifest, "published", None)
    with pytest.raises(FileNotFoundError):
        public_certificate(gone)
