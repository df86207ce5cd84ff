"""Reference periods."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harvesters.periods import bounds, following, is_period, school_year_of, span

pytestmark = pytest.mark.unit

months = st.builds("{:04d}-{:02d}".format, st.integers(1900, 2999), st.integers(1, 12))
years = st.integers(1900, 2998).map(lambda year: f"{year}-{year + 1}")
dates = st.dates(date(1900, 1, 1), date(2999, 12, 31)).map(date.isoformat)


@given(months, years, dates)
def test_a_period_is_of_one_kind_only(month: str, year: str, day: str) -> None:
    kinds = ("school_year", "month", "date")
    assert [kind for kind in kinds if is_period(kind, month)] == ["month"]
    assert [kind for kind in kinds if is_period(kind, year)] == ["school_year"]
    assert [kind for kind in kinds if is_period(kind, day)] == ["date"]


@pytest.mark.parametrize(
    "text",
    ["", "2025", "2025-2025", "2025-2027", "2026-2025", "2025-13", "2025-00", "2025-1",
     "2025-02-30", "2025-2-3", "2025-2026 ", "2025-2026\n", " 2025-10", "２０２５-１０",
     "0000-0001", "0000-01", "2025/2026", "2025-10-1", "../2025-10", "2025-2026/.."],
)  # fmt: skip
def test_what_is_no_period_is_none_of_any_kind(text: str) -> None:
    assert not any(is_period(kind, text) for kind in ("school_year", "month", "date"))


@given(months)
def test_a_month_lies_in_its_school_year(month: str) -> None:
    first, last = bounds("month", month)
    year = school_year_of("month", month)
    begin, end = bounds("school_year", year)
    assert is_period("school_year", year)
    assert begin <= first <= last <= end
    assert first.day == 1
    assert (last + timedelta(days=1)).day == 1


@given(dates)
def test_a_date_lies_in_its_school_year(day: str) -> None:
    begin, end = bounds("school_year", school_year_of("date", day))
    assert begin <= date.fromisoformat(day) <= end
    assert bounds("date", day) == (date.fromisoformat(day), date.fromisoformat(day))


def test_school_years_run_from_september_to_august() -> None:
    assert bounds("school_year", "2024-2025") == (date(2024, 9, 1), date(2025, 8, 31))
    assert school_year_of("month", "2025-08") == "2024-2025"
    assert school_year_of("month", "2025-09") == "2025-2026"
    assert school_year_of("school_year", "2025-2026") == "2025-2026"


def test_a_span_reaches_over_all_its_periods() -> None:
    assert span("month", ["2025-02", "2024-12"]) == (date(2024, 12, 1), date(2025, 2, 28))


@pytest.mark.parametrize(
    ("kind", "period", "after"),
    [
        ("school_year", "2024-2025", "2025-2026"),
        ("month", "2025-08", "2025-09"),
        ("month", "2025-12", "2026-01"),
        ("date", "2025-07-01", "2026-07-01"),
    ],
)
def test_a_period_follows_another(kind: str, period: str, after: str) -> None:
    assert following(kind, period) == after
    assert is_period(kind, after)
