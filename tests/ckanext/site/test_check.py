"""The nightly check of the feed, over real HTTP, and the page that shows what it found."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from ckanext.hcmedu.cli import hcmedu
from ckanext.hcmedu.conformance import outcome as kept
from ckanext.hcmedu.conformance.check import CheckFailed, check_and_keep
from ckanext.hcmedu.conformance.outcome import Asked, Outcome
from ckanext.hcmedu.dcat import entries
from ckanext.hcmedu.dcat.quality import MOST
from schemas.identity import dataset_id
from tests.ckanext.site.by_hand import act, make
from tests.ckanext.site.conftest import Site

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("served")]

FORMS = ["nt", "ttl", "rdf", "jsonld", "data.json", "dcat-us.json"]


@pytest.fixture(autouse=True)
def _clean(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    import ckan.model as model

    from ckanext.hcmedu.model import Report

    model.Session.rollback()
    model.Session.query(Report).delete()
    model.Session.commit()


def test_the_check_finds_a_good_feed_good_and_the_page_shows_it(
    served: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ckan.plugins.toolkit as tk

    monkeypatch.setitem(tk.config, "hcmedu.feed_page_size", 2)
    assert "Danh mục chưa được kiểm tra lần nào" in served.get("/conformance").text
    found = check_and_keep()
    assert found.is_good and found.datasets == 3
    assert found.score == MOST and found.lost == ()
    assert [(one.name, one.violations) for one in found.shapes] == [("own", 0)]
    # Five files and a table that can be asked, of three datasets.
    assert found.addresses == Asked(18, 0, 0, [])
    assert [one.name for one in found.dialects] == FORMS
    for one in found.dialects:
        assert one.is_valid and one.agrees and one.datasets == 3, one
    *graphs, _, _ = found.dialects
    assert {one.pages for one in graphs} == {2}
    assert len({one.statements for one in graphs}) == 1
    page = served.get("/conformance").text
    assert "đúng chuẩn" in page and "405 trên 405" in page
    assert page.count('aria-label="100 trên 100"') == 2
    assert "bộ quy tắc do SEMIC ban hành không được cài ở đây" in page
    assert "Every dataset has all points" in served.get("/en/conformance").text
    page = served.get("/dataset/enrolment").text
    assert 'aria-label="405 trên 405"' in page and "Đúng quy tắc DCAT-AP 3" in page
    assert "Mô tả còn thiếu" not in page and "Bộ dữ liệu đã thay đổi" not in page


@pytest.mark.parametrize(
    ("seconds", "is_said"), [(0, False), (0.9, False), (-60, False), (60, True)]
)
def test_a_change_since_the_check_is_told(served: Site, seconds: float, is_said: bool) -> None:
    from ckanext.hcmedu.helpers import quality_of

    check_and_keep()
    report = kept.last()
    assert report is not None and report.at is not None
    modified = (report.at + timedelta(seconds=seconds)).replace(tzinfo=None).isoformat()
    dataset = {"id": dataset_id("enrolment"), "metadata_modified": modified}
    with served.app.flask_app.test_request_context():
        found = quality_of(dataset, None)
    assert found.score is not None and found.score.points == MOST
    assert found.has_changed is is_said


def test_a_dataset_that_was_not_there_yet_is_not_called_good(served: Site) -> None:
    assert "Đêm nay mô tả mới được kiểm tra lần đầu." in served.get("/dataset/enrolment").text


def test_what_is_wrong_is_found_counted_and_shown(served: Site) -> None:
    import ckan.model as model

    with served.app.flask_app.test_request_context():
        made = make("go-tay")
        address = f"{made['resources'][0]['url']}"
    assert address.startswith("https://example.org/")
    # Behind the back of whatever renders it: one format loses a title, two are broken.
    entry = entries.FeedEntry.__table__
    [(nt, rdf)] = model.Session.execute(
        entry.select()
        .where(entry.c.dataset_id == made["id"], entry.c.until.is_(None))
        .with_only_columns(entry.c.nt, entry.c.rdf)
    )
    lines = [line for line in nt.splitlines(keepends=True) if "dc/terms/title" not in line]
    model.Session.execute(
        entry.update()
        .where(entry.c.dataset_id == made["id"], entry.c.until.is_(None))
        .values(
            nt="".join(lines), rdf=rdf.replace("</rdf:Description>", "", 1), pod='{"identifier": '
        )
    )
    model.Session.commit()
    try:
        done = CliRunner().invoke(hcmedu, ["feed", "check"])
        report = kept.last()
        page = served.get("/conformance").text
        own_page = served.get("/en/dataset/go-tay").text
        others = served.get("/en/dataset/enrolment").text
    finally:
        with served.app.flask_app.test_request_context():
            act("dataset_purge", id=made["id"])
    assert done.exit_code == 1, done.output
    assert report is not None and report.content is not None
    found = Outcome.of(report.content)
    assert not found.is_good and found.datasets == 4
    forms = {one.name: one for one in found.dialects}
    assert not forms["rdf"].is_valid and not forms["data.json"].is_valid
    assert forms["ttl"].is_valid and not forms["ttl"].agrees
    [own] = found.shapes
    assert own.violations > 0
    assert any(made["id"] in each["node"] for each in own.examples)
    lost = {one.item: one.datasets for one in found.lost}
    # The others conform, and their addresses answer.
    assert lost["DCAT-AP conformant"] == 1
    # Its file lies where nobody may go: it was not asked, and is not assumed to be there.
    assert found.addresses.not_asked == 1 and lost["access URL answers"] == 1
    assert f"<code>{own.examples[0]['node']}</code>" in page
    assert "có chỗ chưa đạt" in page and "Địa chỉ truy cập có trả lời" in page
    of_dataset = found.scores[str(own.examples[0]["node"])]
    assert not of_dataset.conforms and "DCAT-AP conformant" in of_dataset.lacks
    assert f"{of_dataset.points} of 405" in own_page
    assert "The description lacks:" in own_page and "access URL answers" in own_page
    assert "405 of 405" in others and "The description lacks:" not in others


def test_an_address_that_does_not_answer_is_told(served: Site) -> None:
    release = served.store.current("fees")
    assert release is not None
    file = release.file("fees.csv")
    assert file is not None
    hidden = file.rename(file.with_suffix(".hidden"))
    try:
        done = CliRunner().invoke(hcmedu, ["feed", "check"])
    finally:
        hidden.rename(file)
    assert done.exit_code == 1
    assert "fees.csv" in done.output and "1 did not" in done.output
    page = served.get("/conformance").text
    assert "fees.csv</code>" in page


def test_a_check_that_cannot_be_done_leaves_the_last_outcome(
    served: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ckan.plugins.toolkit as tk

    good = check_and_keep()
    monkeypatch.setitem(tk.config, "hcmedu.official_shapes_path", str(tmp_path))
    with pytest.raises(CheckFailed, match=r"shapes_path: shapes\.ttl"):
        check_and_keep()
    assert CliRunner().invoke(hcmedu, ["feed", "check"]).exit_code == 2
    report = kept.last()
    assert report is not None and report.content is not None
    assert Outcome.of(report.content) == good
    page = served.get("/conformance").text
    assert "không thực hiện được" in page and "405 trên 405" in page
    assert str(tmp_path) not in page


def test_official_shapes_are_used_where_they_are(
    served: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ckan.plugins.toolkit as tk

    from ckanext.hcmedu.conformance.shapes import OFFICIAL

    demanding = (
        "@prefix sh: <http://www.w3.org/ns/shacl#> . <urn:shape> a sh:NodeShape ; sh:targetClass "
        "<http://www.w3.org/ns/dcat#Dataset> ; sh:property [ sh:path <urn:p> ; sh:minCount 1 ] ."
    )
    for name in OFFICIAL:
        (tmp_path / f"{name}.ttl").write_text(demanding if name == "range" else "", "utf-8")
    monkeypatch.setitem(tk.config, "hcmedu.official_shapes_path", str(tmp_path))
    found = check_and_keep()
    assert [(one.name, one.violations) for one in found.shapes] == [("own", 0), ("official", 3)]
    assert {one.item for one in found.lost} == {"DCAT-AP conformant"}


def test_the_scheduler_checks_at_night_and_says_what_is_wrong(
    served: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    import ckan.plugins.toolkit as tk

    from ckanext.hcmedu import scheduler

    monkeypatch.setattr(scheduler, "declared_sources", list)
    monkeypatch.setattr(logging.getLogger("ckanext.hcmedu.scheduler"), "disabled", False)
    jobs = {job.id: job for job in scheduler.scheduler().get_jobs()}
    jobs["check, if due"].func()
    first = kept.last()
    assert first is not None and first.content is not None and caplog.text == ""
    # Not due: what is wrong by now is found at night.
    monkeypatch.setitem(tk.config, "hcmedu.official_shapes_path", str(tmp_path))
    jobs["check, if due"].func()
    assert kept.last() == first
    jobs["check"].func()
    assert "could not be checked" in caplog.text
    # What failed is tried again.
    monkeypatch.setitem(tk.config, "hcmedu.official_shapes_path", "")
    jobs["check, if due"].func()
    mended = kept.last()
    assert mended is not None and mended.failure is None
