"""What was found is kept under a name that says what it is made of."""

from dataclasses import make_dataclass
from datetime import UTC, datetime

import pytest

from tests.ckanext.site.conftest import Site

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("context")]

NOW = datetime(2026, 11, 29, 8, tzinfo=UTC)


def test_what_an_older_version_found_is_not_read_with_a_newer_ones_eyes(empty_site: Site) -> None:
    from ckanext.hcmedu import reports

    old = reports.named("look", make_dataclass("Found", [("points", int)]))
    new = reports.named("look", make_dataclass("Found", [("points", int), ("lacks", list)]))
    other = reports.named("looking", make_dataclass("Found", [("points", int)]))
    reports.keep(old, NOW, {"points": 1})
    reports.keep(other, NOW, {"points": 2})
    assert reports.named("look", make_dataclass("Found", [("points", int)])) == old != new
    assert reports.last(new) is None

    reports.keep(new, NOW, {"points": 3, "lacks": []})
    assert reports.last(old) is None
    kept = reports.last(other)
    assert kept is not None and kept.content == {"points": 2}


def test_what_was_kept_before_reports_were_called_so_goes(empty_site: Site) -> None:
    from ckanext.hcmedu import reports

    reports.keep("look", NOW, {})
    new = reports.named("look", make_dataclass("Found", [("points", int)]))
    reports.keep_failure(new, NOW, {"vi": "Không được", "en": "No"})
    assert reports.last("look") is None and reports.last(new) is not None
