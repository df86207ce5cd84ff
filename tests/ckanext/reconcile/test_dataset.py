"""From release and declaration to dataset: no services needed."""

from __future__ import annotations

import pytest

from schemas import Declarations

pytestmark = pytest.mark.integration


def test_declarations_of_the_portal_make_datasets() -> None:
    """Every declared table can be described, whatever its periods and topic."""
    from ckanext.hcmedu.reconcile.dataset import Setting, make_dataset

    setting = Setting(
        site="https://example.org",
        license_id="cc-by",
        license_url="https://creativecommons.org/licenses/by/4.0/",
        organization={"id": "1", "name": "so-gddt", "title": "Sở"},
    )
    periods = {"school_year": "2024-2025", "month": "2025-03", "date": "2025-07-01"}
    for table in Declarations.load().tables.values():
        manifest = {
            "release": 2,
            "issued": "2026-11-23T02:10:00+07:00",
            "simulated": True,
            "sources": [{"name": "city", "title": {"vi": "Nguồn", "en": "Source"}}],
            "organization": "so-gddt",
            "periods": [periods[table.period]],
            "files": [],
            "changes": {
                "previous": 1, "periods_added": [], "periods_removed": [],
                "rows_added": 1234, "rows_changed": 0, "rows_removed": 0,
            },
            "notes": [],
        }  # fmt: skip
        dataset = make_dataset(table, manifest, "2026-11-22T02:10:00+07:00", setting)
        assert dataset["name"] == table.name
        assert "1.234 dòng" in dataset["version_notes_translated"]["vi"]
        assert "1,234 rows" in dataset["version_notes_translated"]["en"]


def test_coverage_joins_periods_that_adjoin() -> None:
    from ckanext.hcmedu.reconcile.dataset import coverage

    assert list(coverage("school_year", ["2023-2024", "2021-2022", "2022-2023"])) == [
        {"start": "2021-09-01", "end": "2024-08-31"}
    ]
    assert list(coverage("month", ["2025-12", "2026-01", "2026-03"])) == [
        {"start": "2025-12-01", "end": "2026-01-31"},
        {"start": "2026-03-01", "end": "2026-03-31"},
    ]
    assert list(coverage("date", [])) == []
