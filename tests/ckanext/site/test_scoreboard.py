"""The programme's targets: computed from what readers are shown, and from nothing else."""

from __future__ import annotations

import csv
import io
import itertools
from typing import Any

import pytest

from schemas import TOTAL
from tests.ckanext.site.conftest import Site
from tests.ckanext.site.portal import make_release

pytestmark = pytest.mark.integration

TABLE, TARGET = "internet-access", "pupils-online"
AREA, OTHER, HIDDEN = "25747", "25768", "25777"


_DEVICES = itertools.count()


def cells(online: int) -> list[dict[str, Any]]:
    """What is published of the city and three areas; of the last it is hidden how many are
    online."""
    # Figures that were withdrawn are never published again: each release is another.
    device = next(_DEVICES)
    figures = [(TOTAL, 2000, online), (AREA, 400, 400), (OTHER, 600, 599), (HIDDEN, 100, None)]
    return [
        {
            "area": area, "level": TOTAL, "all_pupils": pupils, "with_internet": found,
            "with_device": device,
            "with_internet_status": "c" if found is None else "",
        }
        for area, pupils, found in figures
    ]  # fmt: skip


def publish(site: Site, *tables: str) -> None:
    from ckanext.hcmedu.reconcile import reconcile

    with site.app.flask_app.test_request_context():
        outcomes = reconcile(site.store, site.declarations, tables=tables or [TABLE])
    assert not [one for one in outcomes if one.is_problem], outcomes


def release(site: Site, online: int) -> None:
    table = site.declarations.tables[TABLE]
    years = ["2024-2025"]
    make_release(site.store, table, site.declarations, years, given=cells(online))
    publish(site)


@pytest.fixture
def scored(site: Site) -> Site:
    """A portal that publishes the table behind one of the targets."""
    release(site, 1999)
    return site


def told(site: Site) -> dict[str, Any]:
    answer = site.get("/scoreboard.json")
    assert answer.content_type == "application/json"
    [found] = [one for one in answer.json["targets"] if one["id"] == TARGET]
    return found


def test_the_value_is_that_of_the_published_file(scored: Site) -> None:
    found = told(scored)
    [source] = found["releases"]
    manifest = scored.get(source["url"].removeprefix(source["url"].split("/dataset/")[0])).json
    assert (source["release"], source["issued"]) == (manifest["release"], manifest["issued"])
    path = f"/dataset/{TABLE}/release/{source['release']}/{TABLE}.csv"
    rows = csv.DictReader(io.StringIO(scored.get(path).text))
    [city] = [row for row in rows if (row["area"], row["level"]) == (TOTAL, TOTAL)]
    [value] = found["values"]
    assert value["value"] == 100 * int(city["with_internet"]) / int(city["all_pupils"])
    assert (value["of"], value["over"], value["period"]) == (1999, 2000, "2024-2025")
    behind = {one["code"]: (one["value"], one["status"]) for one in found["behind"]}
    assert behind[AREA] == (100.0, "")
    assert behind[HIDDEN] == (None, "c")


def test_pages_say_who_reaches_it_and_never_round_up(scored: Site) -> None:
    page = scored.get(f"/scoreboard/{TARGET}").text
    # 99.95 %: not all, and so it is not told as all.
    assert "99,9%" in page and "chưa đạt" in page
    assert "Chưa đạt: 1" in page and "Đã đạt: 1" in page and "Chưa có số liệu: 1" in page
    assert "Dữ liệu mô phỏng" in page and "ẩn để bảo vệ" in page
    missed, reached = page.index('id="missed"'), page.index('id="reached"')
    assert missed < page.index(f"/area/{OTHER}") < reached < page.index(f"/area/{AREA}")
    english = scored.get(f"/en/scoreboard/{TARGET}").text
    assert "99.9%" in english and "Not reached yet: 1" in english
    assert "style=" not in page


def test_the_front_page_has_it_in_short(scored: Site) -> None:
    assert "99,9%" in scored.get("/").text
    assert "99.9%" in scored.get("/en").text


def test_a_new_release_has_its_own_value(scored: Site) -> None:
    before = told(scored)["releases"][0]["release"]
    release(scored, 1000)
    found = told(scored)
    assert found["releases"][0]["release"] == before + 1
    assert found["values"][0]["value"] == 50.0


def is_told_nowhere(site: Site) -> bool:
    paths = ("/scoreboard", f"/scoreboard/{TARGET}", "/scoreboard.json", "/")
    return not any(
        figure in site.get(path).text
        for path in paths
        for figure in ("99,9%", "99.95", "1999", "1.999")
    )


def test_what_is_withdrawn_has_no_value_any_more(scored: Site) -> None:
    assert not is_told_nowhere(scored)
    scored.store.withdraw(TABLE, None, "Sai số liệu")
    publish(scored)
    assert is_told_nowhere(scored)
    assert told(scored)["available"] is False
    page = scored.get(f"/scoreboard/{TARGET}").text
    assert "Hiện số liệu dùng để tính chưa được công bố." in page
    release(scored, 1999)
    assert not is_told_nowhere(scored)


def test_what_is_hidden_from_readers_has_no_value_at_once(scored: Site) -> None:
    """Nothing is reconciled in between."""
    from tests.ckanext.site.by_hand import act

    for is_private in (True, False):
        with scored.app.flask_app.test_request_context():
            act("package_patch", id=TABLE, private=is_private)
        assert is_told_nowhere(scored) is is_private


def test_a_target_that_cannot_be_computed_stops_nothing(
    scored: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ckanext.hcmedu import scoreboard

    def broken(*arguments: Any) -> None:
        raise OSError("The file is damaged.")

    with monkeypatch.context() as patch:
        patch.setattr(scoreboard, "compute", broken)
        release(scored, 1500)
    assert scored.get(f"/dataset/{TABLE}").status_code == 200
    assert told(scored)["available"] is False
    publish(scored)
    assert told(scored)["values"][0]["value"] == 75.0


def test_programs_may_keep_the_document(scored: Site) -> None:
    first = scored.get("/scoreboard.json")
    assert "private" not in first.headers["Cache-Control"]
    again = scored.get("/scoreboard.json", If_None_Match=first.headers["ETag"])
    assert again.status_code == 304
