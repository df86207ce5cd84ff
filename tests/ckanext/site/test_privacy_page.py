"""What readers and operators see of the privacy gate."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Iterator

import pytest

from ckanext.hcmedu.views import privacy
from harvesters.audits import Audit, Audited
from harvesters.files import write_json
from harvesters.releases import TIME_ZONE
from tests.ckanext.site.conftest import Site

pytestmark = pytest.mark.integration


def keep(site: Site, hours: float = 1, problem: str | None = None) -> Audit:
    """An audit some hours ago of what the portal shows."""
    at = datetime.datetime.now(TIME_ZONE) - datetime.timedelta(hours=hours)
    release = site.store.current("enrolment")
    assert release is not None
    sets = tuple(
        Audited(
            "pupil", part["period"], at.isoformat(), {"enrolment": part["digest"]}, 0, 2, 5, problem
        )
        for part in release.manifest["parts"]
    )
    audit = Audit(at.isoformat(), "HiGHS 1", sets)
    write_json(site.store.state / "audits" / "latest.json", audit.as_dict())
    return audit


@pytest.fixture(autouse=True)
def _not_audited(request: pytest.FixtureRequest) -> Iterator[None]:
    yield
    if "site" in request.fixturenames:
        site = request.getfixturevalue("site")
        (site.store.state / "audits" / "latest.json").unlink(missing_ok=True)


def test_the_page_shows_the_last_audit(site: Site) -> None:
    assert "Chưa có số liệu nào về người được công bố." in site.get("/privacy").text
    audit = keep(site)
    page = site.get("/privacy").text
    day = datetime.datetime.fromisoformat(audit.at)
    assert f"{day:%d/%m/%Y}" in page
    assert "không suy ra được số nào" in page
    assert "<dd>4</dd>" in page  # two in each of two periods
    assert "none can be worked out" in site.get("/en/privacy").text
    assert "chưa chạy" not in page and "không đạt" not in page


def test_the_page_hides_neither_a_failed_audit_nor_a_missing_one(site: Site) -> None:
    keep(site, problem="unsafe")
    page = site.get("/privacy").text
    assert "có số liệu không đạt" in page
    assert "không suy ra được số nào" not in page
    # Which one it is would tell those who mean ill where to look.
    assert "unsafe" not in page
    keep(site, hours=30)
    assert "Lần kiểm tra của đêm qua chưa chạy" in site.get("/privacy").text


def test_an_operator_who_is_logged_in_is_alarmed(site: Site) -> None:
    alarm = "không qua được lần kiểm tra gần nhất"
    browser = site.sysadmin()
    keep(site)
    assert alarm not in browser.get("/about").text
    for hours, problem in ((1, "changed"), (30, None)):
        keep(site, hours, problem)
        assert alarm in browser.get("/about").text
        assert alarm not in site.get("/about").text


def test_the_rules_are_those_of_the_declarations(site: Site) -> None:
    page = site.get("/privacy").text
    assert "từ 1 đến 4 người" in page and "(k = 5)" in page
    assert "từ 1 đến 9 người" in page and "(k = 10)" in page
    assert 'href="/dataset/enrolment"' in page
    # Declared, but not published here.
    assert "Số bài thi theo kỳ thi" in page
    assert 'href="/dataset/exam-scores"' not in page


def test_the_page_is_linked_from_where_figures_are_met(site: Site) -> None:
    for path in ("/", "/dataset/enrolment", "/schema/enrolment", "/about"):
        assert 'href="/privacy"' in site.get(path).text
    assert 'href="/en/privacy"' in site.get("/en/dataset/enrolment").text
    legend = site.get("/schema/enrolment").text
    assert "Vì sao có số liệu bị ẩn, và trẻ em được bảo vệ thế nào" in legend


def test_the_dataset_page_tells_what_is_hidden_and_how_it_was_checked(site: Site) -> None:
    page = site.get("/dataset/enrolment").text
    assert 'aria-label="Được ẩn: 33,3%"' in page
    assert "Từng số được ẩn đã được kiểm tra" in page
    assert "Đã kiểm tra trước khi công bố" in page
    assert 'href="/dataset/enrolment/release/2/certificate.json"' in page
    keep(site)
    assert "Kiểm tra lần gần nhất" in site.get("/dataset/enrolment").text
    keep(site, problem="unsafe")
    assert "Kiểm tra lần gần nhất" not in site.get("/dataset/enrolment").text


def test_tables_about_institutions_say_so(site: Site) -> None:
    for path in ("/dataset/fees", "/dataset/areas"):
        page = site.get(path).text
        assert "Đây là số liệu về cơ sở, không phải về người. Không ô nào bị ẩn." in page
        assert "Kiểm tra lần gần nhất" not in page


@pytest.mark.unit
def test_the_example_is_true() -> None:
    """Its sums add up, one hidden cell is given away by them, four are not."""
    rows = privacy.ONE_HIDDEN.rows
    assert rows == privacy.FOUR_HIDDEN.rows
    assert all(a + b == total for a, b, total in rows)
    assert [sum(column) for column in zip(*rows[:-1], strict=True)] == list(rows[-1])
    line, place = privacy.TOO_SMALL
    value = rows[line][place]
    assert 0 < value < 5

    def possible(hidden: frozenset[tuple[int, int]]) -> set[int]:
        """What the cell may be, by trying every way to fill in the hidden cells."""
        ways = [
            [
                (a, total - a)
                for a in range(total + 1)
                if ((i, 0) in hidden or a == first) and ((i, 1) in hidden or total - a == second)
            ]
            for i, (first, second, total) in enumerate(rows[:-1])
        ]
        return {
            table[line][place]
            for table in itertools.product(*ways)
            if all(sum(row[j] for row in table) == rows[-1][j] for j in range(2))
        }

    assert possible(privacy.ONE_HIDDEN.hidden) == {value}
    assert possible(privacy.FOUR_HIDDEN.hidden) == set(range(privacy.MOST + 1))
