"""The published totals that the city is calibrated to, and how the years before led there."""

from __future__ import annotations

SCHOOL_YEARS = ("2021-2022", "2022-2023", "2023-2024", "2024-2025", "2025-2026")

LEVELS = ("preschool", "primary", "lower_secondary", "upper_secondary", "continuing")

PUPILS = {
    "preschool": 478_458,
    "primary": 939_002,
    "lower_secondary": 759_278,
    "upper_secondary": 352_051,
}
"""Pupils of the city in 2025-2026, as published; together 2,528,789."""

INSTITUTIONS = {
    "preschool": 1_873,
    "primary": 761,
    "lower_secondary": 521,
    "upper_secondary": 333,
    "continuing": 40,
}
"""Institutions in 2025-2026: some 3,500, of which the split by level is assumed."""

GROWTH = {
    "preschool": (0.842, 0.921, 0.958, 0.983, 1.0),
    "primary": (0.951, 0.962, 0.981, 0.994, 1.0),
    "lower_secondary": (0.908, 0.934, 0.962, 0.986, 1.0),
    "upper_secondary": (0.897, 0.921, 0.947, 0.971, 1.0),
}
"""Pupils of each year as a share of those of 2025-2026 (assumed: a growing city, and the
kindergartens empty in the year of the pandemic)."""

BIRTHS = {
    2003: 1.04, 2007: 1.13, 2008: 1.03, 2010: 1.03, 2011: 0.98, 2012: 1.12, 2013: 0.98,
    2014: 1.01, 2016: 1.02, 2018: 1.01, 2020: 0.97, 2021: 0.92, 2022: 0.91, 2023: 0.95,
}  # fmt: skip
"""How many were born in a year against the trend (Pig 2007 and Dragon 2012 are lucky years)."""

GRADES = (
    ("Nhà trẻ", "preschool"),
    ("Mẫu giáo", "preschool"),
    *((f"Lớp {number}", "primary") for number in range(1, 6)),
    *((f"Lớp {number}", "lower_secondary") for number in range(6, 10)),
    *((f"Lớp {number}", "upper_secondary") for number in range(10, 13)),
)
"""Grades in order with their levels; grade n of general education has index n + 1."""


def targets(scale: float) -> dict[tuple[str, str], int]:
    """Pupils to simulate, by level and school year, for a city of `scale` (1.0 = all of it)."""
    return {
        (level, year): round(total * scale * GROWTH[level][index])
        for level, total in PUPILS.items()
        for index, year in enumerate(SCHOOL_YEARS)
    }


def institutions(scale: float) -> dict[str, int]:
    """Institutions to simulate by level, at least one each."""
    return {level: max(1, round(count * scale)) for level, count in INSTITUTIONS.items()}
