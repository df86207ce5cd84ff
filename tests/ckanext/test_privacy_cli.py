"""``ckan hcmedu privacy``: files are tried, what is published is audited, and what is hidden
explained, without a service."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from apscheduler.triggers.cron import CronTrigger
from ckan.lib import mailer
from ckan.tests.helpers import changed_config
from click.testing import CliRunner, Result

from ckanext.hcmedu import operations, scheduler, standing
from ckanext.hcmedu.cli import hcmedu
from harvesters.audits import last_audit
from harvesters.files import read_json, write_json
from harvesters.sources import TIMEZONE
from tests.harvesters.builders import YEAR, City

pytestmark = pytest.mark.unit


@pytest.fixture
def city(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[City]:
    """A small city that is published, as the configured portal."""
    city = City(tmp_path)
    city.publish()
    monkeypatch.setattr("ckanext.hcmedu.settings.declarations", lambda: city.declarations)
    with changed_config("hcmedu.state_path", str(city.state)):
        yield city


def run(*arguments: str) -> Result:
    return CliRunner().invoke(hcmedu, list(arguments))


def spoil(city: City) -> None:
    """Change a file that readers download."""
    release = city.store.current("enrolment")
    assert release is not None
    file = release.path / "enrolment.csv"
    file.chmod(0o600)
    file.write_bytes(file.read_bytes() + b" ")


def test_a_file_is_tried_without_any_service(tmp_path: Path):
    good, bad = tmp_path / "tot.csv", tmp_path / "sai.csv"
    good.write_text("Mã trường;Số lượng\n79000101;12\n", "utf-8")
    bad.write_text("Mã trường;Liên hệ\n79000101;0981 234 567\n", "utf-8")
    with changed_config("hcmedu.state_path", str(tmp_path / "state")):
        let_in = CliRunner().invoke(hcmedu, ["privacy", "check", str(good)])
        refused = CliRunner().invoke(hcmedu, ["privacy", "check", str(good), str(bad)])
    assert (let_in.exit_code, refused.exit_code) == (0, 1)
    assert "dòng 2" in refused.output
    assert "234" not in refused.output


def test_only_datasets_that_there_are_are_audited(tmp_path: Path):
    with changed_config("hcmedu.state_path", str(tmp_path / "state")):
        unknown = CliRunner().invoke(hcmedu, ["privacy", "audit", "nothing"])
        known = CliRunner().invoke(hcmedu, ["privacy", "audit", "enrolment"])
    assert (unknown.exit_code, known.exit_code) == (1, 0)
    assert "There is no dataset nothing" in unknown.output


def test_an_audit_is_kept_and_a_failed_one_is_an_error(city: City) -> None:
    assert run("privacy", "audit").exit_code == 0
    kept = last_audit(city.state)
    assert kept is not None and kept.problems == []
    spoil(city)
    failed = run("privacy", "audit")
    assert failed.exit_code == 1
    assert "is not the one that was audited" in failed.output
    kept = last_audit(city.state)
    assert kept is not None and len(kept.problems) == 1


def test_a_hidden_figure_is_explained_and_not_shown(city: City) -> None:
    cell = ["period=" + YEAR, "school=0001", "grade=g2", "sex=male"]
    found = run("privacy", "explain", "enrolment", *cell)
    assert found.exit_code == 0
    assert "Hidden (c)." in found.output
    assert "Too small: it is from 1 to 4" in found.output
    assert "between 0 and 14" in found.output
    assert "school 0001, grade g2 (Code g2)" in found.output
    other = run("privacy", "explain", "enrolment", *cell[:3], "sex=female")
    assert "Not too small itself" in other.output


def test_a_published_figure_is_shown(city: City) -> None:
    found = run("privacy", "explain", "enrolment", "school=0002", "grade=g1", "sex=male")
    assert "Not hidden. What is published: 30" in found.output


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["enrolment", "school"], "is not COLUMN=CODE"),
        (["enrolment", "scholl=0001"], "Did you mean school?"),
        (["nothing"], "There is no table `nothing`"),
    ],
)
def test_a_cell_that_is_not_there_is_an_error(city: City, arguments: list[str], told: str) -> None:
    found = run("privacy", "explain", *arguments)
    assert found.exit_code == 1
    assert told in found.output


def test_the_status_shows_a_failed_and_a_missing_audit(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("feeding", "problems", "overview"):
        monkeypatch.setattr(standing, name, lambda *arguments: iter(()))
    assert "Not audited again so far" in run("status").output
    operations.audit_changes()
    assert "1 datasets, 12 suppressed figures: safe." in run("status").output
    file = city.state / "audits" / "latest.json"
    kept = read_json(file)
    write_json(file, {**kept, "at": "2026-01-01T02:00:00+07:00"})
    assert "An audit is overdue" in run("status").output
    spoil(city)
    operations.audit()
    assert f"NOT SAFE: enrolment {YEAR} (changed)" in run("status").output


def test_a_nightly_audit_that_fails_or_breaks_is_critical(
    city: City, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(scheduler, "declared_sources", list)
    monkeypatch.setattr(logging.getLogger("ckanext.hcmedu.alarm"), "disabled", False)
    [nightly] = [job for job in scheduler.scheduler().get_jobs() if job.id == "audit"]
    assert isinstance(nightly.trigger, CronTrigger)
    assert str(nightly.trigger.timezone) == TIMEZONE
    nightly.func()
    assert [one for one in caplog.records if one.levelno >= logging.CRITICAL] == []
    spoil(city)
    nightly.func()
    (alarm,) = [one for one in caplog.records if one.levelno >= logging.CRITICAL]
    assert "Withdraw it" in alarm.getMessage()
    caplog.clear()
    monkeypatch.setattr("ckanext.hcmedu.settings.declarations", lambda: None)
    nightly.func()
    (alarm,) = [one for one in caplog.records if one.levelno >= logging.CRITICAL]
    assert "was not audited" in alarm.getMessage()


def test_an_alarm_goes_to_who_is_configured_and_mail_that_fails_stops_nothing(
    city: City, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sent: list[tuple[str, str]] = []
    monkeypatch.setattr(
        mailer, "mail_recipient", lambda name, address, subject, body: sent.append((address, body))
    )
    spoil(city)
    operations.audit()
    assert sent == []
    with changed_config("email_to", "night@example.org, day@example.org"):
        operations.audit()
        assert [address for address, _ in sent] == ["night@example.org", "day@example.org"]
        assert "enrolment" in sent[0][1] and "Withdraw it" in sent[0][1]

        def unreachable(*about: str) -> None:
            raise mailer.MailerException

        monkeypatch.setattr(mailer, "mail_recipient", unreachable)
        monkeypatch.setattr(logging.getLogger("ckanext.hcmedu.alarm"), "disabled", False)
        (result,) = operations.audit()
    assert result.problem is not None
    assert "could not be sent to day@example.org" in caplog.text


def test_a_night_that_was_missed_is_made_up_for(
    city: City, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scheduler, "declared_sources", list)
    missed = "audit that was missed"
    assert missed not in {job.id for job in scheduler.scheduler().get_jobs()}
    operations.audit()
    assert missed not in {job.id for job in scheduler.scheduler().get_jobs()}
    file = city.state / "audits" / "latest.json"
    write_json(file, {**read_json(file), "at": "2026-01-01T02:00:00+07:00"})
    assert missed in {job.id for job in scheduler.scheduler().get_jobs()}


def test_a_reason_with_personal_data_withdraws_nothing(city: City) -> None:
    reason = "Phụ huynh em Nguyễn Thị Minh Anh báo, 0981 234 567"
    refused = run("withdraw", "enrolment", "--reason", reason)
    assert refused.exit_code == 1
    assert "Nothing was withdrawn." in refused.output
    assert "No telephone number" in refused.output and "name no one" in refused.output
    assert "Minh Anh" not in refused.output and "0981" not in refused.output
    assert city.store.current("enrolment") is not None
