from datetime import date, datetime

import ckan.plugins.toolkit as tk
import pytest

from ckanext.hcmedu import helpers, wording

pytestmark = pytest.mark.unit


@pytest.fixture(params=["vi", "en"])
def language(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    for module in (helpers, wording):
        monkeypatch.setattr(module, "language", lambda: request.param)
    monkeypatch.setitem(tk.config, "ckan.display_timezone", "Asia/Ho_Chi_Minh")
    return request.param


def test_numbers_are_written_as_the_reader_writes_them(language: str) -> None:
    expected = {"vi": ["2.528.789", "12,5", ""], "en": ["2,528,789", "12.5", ""]}
    assert [helpers.number(each) for each in (2528789, 12.5, None)] == expected[language]


def test_dates_are_written_as_the_reader_writes_them(language: str) -> None:
    expected = {"vi": "23/11/2026", "en": "23 November 2026"}[language]
    for value in ("2026-11-23", date(2026, 11, 23), datetime(2026, 11, 23, 23, 59)):
        assert helpers.day(value) == expected


def test_a_moment_is_on_its_day_in_the_citys_time_zone(language: str) -> None:
    expected = {"vi": "24/11/2026", "en": "24 November 2026"}[language]
    assert helpers.day("2026-11-23T19:00:00+00:00") == expected


def test_periods(language: str) -> None:
    expected = {
        "vi": ["2024-2025", "09/2026", "01/07/2025"],
        "en": ["2024–2025", "September 2026", "1 July 2025"],
    }
    given = ("2024-2025", "2026-09", "2025-07-01")
    assert [helpers.period_name(each) for each in given] == expected[language]


def test_a_span_of_one_period_is_that_period(language: str) -> None:
    once = helpers.period_name("2024-2025")
    assert helpers.period_span(["2024-2025"]) == once
    assert helpers.period_span(["2025-2026", "2023-2024"]).endswith(
        helpers.period_name("2025-2026")
    )
    assert helpers.period_span([]) == ""


def test_file_sizes(language: str) -> None:
    expected = {"vi": ["999 B", "12,3 KB", "250 MB"], "en": ["999 B", "12.3 KB", "250 MB"]}
    assert [helpers.file_size(n) for n in (999, 12345, "250000000")] == expected[language]


def test_a_text_falls_back_to_vietnamese(language: str) -> None:
    assert helpers.text({"vi": "Lớp", "en": "Grade"}) == {"vi": "Lớp", "en": "Grade"}[language]
    assert helpers.text({"vi": "Lớp"}) == "Lớp"
    assert helpers.text(None) == ""


def test_keywords_find_datasets_by_the_vietnamese_tag(language: str) -> None:
    dataset = {"tags_translated": {"vi": ["học sinh"], "en": ["pupils"]}}
    title = {"vi": "học sinh", "en": "pupils"}[language]
    assert helpers.tags(dataset) == [{"name": "học sinh", "title": title}]


def test_keywords_that_do_not_pair_up_are_shown_in_vietnamese(language: str) -> None:
    dataset = {"tags_translated": {"vi": ["học sinh", "lớp"], "en": ["pupils"]}}
    assert [tag["title"] for tag in helpers.tags(dataset)] == ["học sinh", "lớp"]


def test_the_web_servers_own_phrases_are_not_shown() -> None:
    from werkzeug.exceptions import NotFound

    assert helpers.error_detail(404, NotFound.description) == ""
    assert helpers.error_detail(404, "Không có bộ dữ liệu này.") == "Không có bộ dữ liệu này."
