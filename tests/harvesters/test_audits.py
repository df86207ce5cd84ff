"""What the last audit came to is kept, up to date with what is published."""

from __future__ import annotations

import datetime
from dataclasses import replace
from pathlib import Path

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

import harvesters.audits
import harvesters.reaudit
from harvesters.audits import audit_and_keep, audit_changes, last_audit
from harvesters.files import read_json
from harvesters.parts import Part, PartStore
from harvesters.reaudit import CHANGED, ERROR, UNSAFE, audited_sets, reaudit_set, versions_of
from tests.harvesters.builders import YEAR, City, many_pupils
from tests.schemas.builders import CITY, cube, measure

pytestmark = pytest.mark.unit

LATER = "2026-2027"
BY_SEX = cube("by-sex", "pupil", [["sex"]], [measure("pupils")])


@pytest.fixture
def city(tmp_path: Path) -> City:
    city = City(tmp_path, [*CITY, BY_SEX])
    city.publish()
    return city


def part_of(city: City, table: str = "enrolment", period: str = YEAR) -> Part:
    part = PartStore(city.state).get(city.declarations.tables[table], period)
    assert part is not None
    return part


def spoil(path: Path) -> None:
    path.chmod(0o600)
    path.write_bytes(path.read_bytes() + b" ")


def no_programmes(monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on any audit but a look at certificates fails."""
    monkeypatch.setattr(harvesters.reaudit, "audit_together", None)


def test_a_release_stands_by_its_certificate(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    no_programmes(monkeypatch)
    (result,) = audit_changes(city.state, city.declarations)
    assert result.problem is None and result.tables == ("by-sex", "enrolment")
    kept = last_audit(city.state)
    release = city.store.current("enrolment")
    assert kept is not None and release is not None
    assert kept.at == release.manifest["issued"]
    assert kept.of(release.digests) == kept.at
    assert audit_changes(city.state, city.declarations) == []


def test_what_is_kept_is_the_same_by_certificate_and_by_audit(city: City) -> None:
    (certified,) = audit_changes(city.state, city.declarations)
    (audited,) = audit_and_keep(city.state, city.declarations)
    assert certified == audited
    assert audited.suppressed > 0


def test_the_file_tells_what_an_operator_needs_and_no_figure(city: City) -> None:
    (result,) = audit_and_keep(city.state, city.declarations)
    kept = read_json(city.state / "audits" / "latest.json")
    assert kept.pop("sets")[0].keys() == {
        "record", "period", "at", "files", "earlier_versions", "suppressed", "linear_programmes",
        "problem",
    }  # fmt: skip
    assert datetime.datetime.fromisoformat(kept.pop("at")).tzinfo is not None
    assert kept.pop("solver").startswith("HiGHS ")
    assert kept == {
        "tables": 2, "periods": 1, "suppressed": result.suppressed,
        "linear_programmes": result.programmes, "problems": [],
    }  # fmt: skip


def test_a_new_period_is_added_and_the_others_keep_their_time(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(harvesters.audits, "_now", lambda: "2026-01-01T02:00:00+07:00")
    audit_and_keep(city.state, city.declarations)
    city.publish([{**one, "grade": "g1"} for one in many_pupils()], LATER)
    (result,) = audit_changes(city.state, city.declarations)
    assert result.period == LATER
    kept = last_audit(city.state)
    release = city.store.current("enrolment")
    assert kept is not None and release is not None
    assert [one.period for one in kept.sets] == [YEAR, LATER]
    assert kept.sets[1].at > kept.sets[0].at == kept.at == kept.of(release.digests)


def test_what_was_withdrawn_is_audited_no_more_and_the_rest_anew(city: City) -> None:
    audit_changes(city.state, city.declarations)
    city.store.withdraw("by-sex", None, "Sai số liệu")
    (result,) = audit_changes(city.state, city.declarations)
    assert result.tables == ("enrolment",) and result.problem is None
    city.store.withdraw("enrolment", None, "Sai số liệu")
    assert audit_changes(city.state, city.declarations) == []
    kept = last_audit(city.state)
    assert kept is not None and kept.sets == ()


def test_a_file_changed_after_its_certificate_is_no_longer_certified(city: City) -> None:
    spoil(part_of(city).path)
    (result,) = audit_changes(city.state, city.declarations)
    assert result.kind == CHANGED
    kept = last_audit(city.state)
    assert kept is not None
    (problem,) = kept.as_dict()["problems"]
    assert problem == {"tables": ["by-sex", "enrolment"], "period": YEAR, "kind": CHANGED}
    assert kept.of([part_of(city).digest]) is None


def test_what_readers_download_is_held_against_its_digest(city: City) -> None:
    release = city.store.current("by-sex")
    assert release is not None
    spoil(release.path / "by-sex.csv")
    (result,) = audit_and_keep(city.state, city.declarations)
    assert result.kind == CHANGED and result.problem is not None
    assert "by-sex" in result.problem and "enrolment" not in result.problem


def test_an_error_in_one_set_is_told_and_the_others_are_audited(
    city: City, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    city.publish([{**one, "grade": "g1"} for one in many_pupils()], LATER)
    real, of_a_record = harvesters.reaudit.audit_together, "Nguyễn"

    def breaks_once(period: str, *more: object) -> object:
        if period == YEAR:
            raise ValueError(of_a_record)
        return real(period, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(harvesters.reaudit, "audit_together", breaks_once)
    broken, fine = audit_and_keep(city.state, city.declarations)
    assert (broken.kind, fine.kind) == (ERROR, None)
    (told,) = caplog.messages
    assert "ValueError" in told and of_a_record not in told + str(broken.problem)


def test_what_is_no_longer_safe_is_told(city: City) -> None:
    """Of one table alone too little is hidden when others are counted otherwise."""
    cells = part_of(city, "by-sex").cells
    rows = pq.read_table(cells)
    place = rows.column_names.index("pupils")
    cells.chmod(0o600)
    pq.write_table(rows.set_column(place, "pupils", pc.multiply(rows["pupils"], 2)), cells)
    tables = list(audited_sets(city.declarations)["pupil"])
    versions = versions_of(city.state, tables)[YEAR]
    assert reaudit_set(city.state, "pupil", YEAR, versions).kind == UNSAFE


def test_an_audit_of_some_leaves_the_others(city: City) -> None:
    audit_and_keep(city.state, city.declarations)
    before = last_audit(city.state)
    audit_and_keep(city.state, city.declarations, ["something-else"])
    assert last_audit(city.state) == before


def test_a_missing_night_is_noticed(city: City) -> None:
    audit_and_keep(city.state, city.declarations)
    kept = last_audit(city.state)
    assert kept is not None and not kept.is_overdue
    then = datetime.datetime.fromisoformat(kept.at) - datetime.timedelta(hours=27)
    assert replace(kept, at=then.isoformat()).is_overdue


def test_nothing_is_known_before_the_first_audit(tmp_path: Path) -> None:
    assert last_audit(tmp_path) is None


def test_a_revision_is_audited_with_the_version_before(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit_changes(city.state, city.declarations)
    more = [{**one, "pupil_key": f"more-{place}"} for place, one in enumerate(many_pupils())]
    outcome = city.publish([*many_pupils(), *more])
    assert not outcome.refusals and outcome.releases
    (result,) = audit_changes(city.state, city.declarations)
    assert (result.problem, result.earlier) == (None, 1)
    # The version before stands again, and a reader may have kept the revision: no certificate
    # says anything of that.
    for table in ("by-sex", "enrolment"):
        city.store.withdraw(table, 2, "Sai số liệu")
    looked = []
    monkeypatch.setattr(
        harvesters.audits, "reaudit_set",
        lambda *about: looked.append(about) or reaudit_set(*about),
    )  # fmt: skip
    (result,) = audit_changes(city.state, city.declarations)
    assert result.earlier == 1 and len(looked) == 1
