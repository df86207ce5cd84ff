"""Pages of schools and areas, the search for schools, suggestions."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.ckanext.site.conftest import Site

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("register")]

SCHOOL = "/school/79000001"


@pytest.fixture
def area(site: Site) -> str:
    return list(site.declarations.codelists["area"].codes)[1]


def plain(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))


def test_a_school_stands_beside_its_area_and_the_city(site: Site, area: str) -> None:
    page = plain(site.get(f"/en{SCHOOL}").text)
    name = site.declarations.codelists["area"].codes[area].label["en"]
    assert re.search(rf"Pupils 300 300 {name} 600 600 .*? 1,000 1,000", page)
    assert "Simulated data" in page


def test_an_area_has_its_figures_and_its_schools(site: Site, area: str) -> None:
    page = site.get(f"/en/area/{area}").text
    assert re.search(r"Pupils 600 600", plain(page))
    assert f'href="/en{SCHOOL}"' in page
    drawn = site.get(f"/area/{area}/schools.svg")
    assert drawn.status_code == 200 and drawn.data.startswith(b"<svg")


def test_an_old_unit_leads_to_what_became_of_it(site: Site) -> None:
    from ckanext.hcmedu.vocabulary.areas import changes

    whole: dict[str, set[str]] = {}
    for change in changes():
        if change.old_list == "old_area":
            whole.setdefault(change.old, set()).add(change.new)
    known = site.declarations.codelists["area"].codes
    one = next(old for old, new in whole.items() if len(new) == 1 and old not in known)
    answer = site.get(f"/area/{one}")
    assert answer.status_code == 301
    assert answer.headers["Location"].endswith(f"/area/{next(iter(whole[one]))}")
    split = next(old for old, new in whole.items() if len(new) > 1 and old not in known)
    assert site.get(f"/area/{split}").headers["Location"].endswith(f"/codelist/old_area/{split}")


@pytest.mark.parametrize("question", ["Trường thử 3", "truong thu 3", "TRUONG 3"])
def test_schools_are_found_by_words_of_their_names(site: Site, question: str) -> None:
    page = site.get(f"/school?q={question.replace(' ', '+')}")
    assert "/school/79000003" in page.text and "/school/79000001" not in page.text


def test_schools_are_narrowed_down(site: Site, area: str) -> None:
    page = site.get(f"/school?area={area}").text
    assert SCHOOL in page and "/school/79000002" not in page
    assert "/school/7" not in site.get("/school?area=nope").text


@pytest.mark.parametrize("page", ["0", "-1", "99999999", "x"])
def test_a_page_that_is_not_there_is_the_nearest(site: Site, page: str) -> None:
    assert SCHOOL in site.get(f"/school?page={page}").text


def test_up_to_four_schools_are_compared(site: Site) -> None:
    codes = "&".join(f"school=7900000{number}" for number in range(5))
    page = site.get(f"/en/school/compare?{codes}").text
    assert "Only the first four" in page
    assert "/school/79000003" in page and "/school/79000004" not in page
    # The figure stands below its school, whichever has it.
    table = plain(page[page.index("<table") : page.index("</table>")])
    assert re.search(r"Pupils, 2024–2025 x 300 x x", table)


def test_a_school_that_there_is_not_leaves_the_others_compared(site: Site) -> None:
    page = site.get("/en/school/compare?school=nope&school=79000001&school=%3Cb%3E").text
    assert "The register has no school with this code: nope, &lt;b&gt;." in page
    assert "/school/79000001" in page and "Only the first four" not in page
    assert "nope" in site.get("/school/compare?school=nope").text


def test_schools_of_one_name_are_told_apart(site: Site, context: None) -> None:
    from ckanext.hcmedu.figures import profiles
    from ckanext.hcmedu.figures.register import register

    known = register().schools
    places = [profiles.school(known[f"7900000{number}"]) for number in (2, 1)]
    named = [profiles.Place("Trường Hòa Bình", place.codes) for place in places]
    [pupils] = profiles.compare(named)
    assert [cell.value for cell in pupils.cells] == [None, 300]


def test_a_school_is_found_in_a_search(site: Site) -> None:
    page = site.get("/en/dataset/?q=truong+thu+2").text
    assert "Schools of this name" in page and "/school/79000002" in page
    # One word is no name.
    assert "Schools of this name" not in site.get("/en/dataset/?q=truong").text


def test_points_are_geojson(site: Site, area: str) -> None:
    answer = site.get(f"/school.geojson?area={area}")
    assert answer.headers["Content-Type"] == "application/geo+json"
    [feature] = json.loads(answer.data)["features"]
    assert feature["properties"]["code"] == "79000001"
    assert feature["geometry"] == {"type": "Point", "coordinates": [1.0, 1.0]}


def suggested(site: Site, question: str) -> list[Any]:
    answer = site.get(f"/suggest?q={question}")
    assert answer.headers["Content-Type"] == "application/x-suggestions+json"
    return json.loads(answer.data)


def test_suggestions_follow_what_is_typed_with_and_without_diacritics(site: Site) -> None:
    asked, texts, kinds = suggested(site, "hoc+si")
    assert asked == "hoc si"
    assert "học sinh" in texts and len(texts) == len(kinds) <= 8
    assert suggested(site, "học si")[1] == texts
    assert "Trường thử 4" in suggested(site, "truong+thu+4")[1]
    assert suggested(site, "h")[1] == []


@pytest.mark.parametrize(
    ("question", "meant"),
    [("hocj sinh", "học sinh"), ("hcọ phí", "học phí"), ("trường thcss", "trường thcs")],
)
def test_a_mistyped_word_is_put_right(site: Site, context: None, question: str, meant: str) -> None:
    from ckanext.hcmedu.search import suggestions

    assert suggestions.meant(question) == meant
    page = site.get(f"/dataset/?q={question.replace(' ', '+')}").text
    assert "Có phải bạn muốn tìm" in page and meant in page


@pytest.mark.parametrize("question", ["học sinh", "hoc phi", "tuition fees", "zzzzqqq", "2024"])
def test_what_is_known_or_nothing_like_it_is_left_alone(
    site: Site, context: None, question: str
) -> None:
    from ckanext.hcmedu.search import suggestions

    assert suggestions.meant(question) is None


def test_levels_to_filter_by_stand_from_the_lowest_up(site: Site) -> None:
    import ckan.plugins.toolkit as tk

    levels = list(site.declarations.codelists["level"].codes)
    items = [
        {"name": level, "display_name": level, "count": n} for n, level in enumerate(levels, 1)
    ]
    facets = {"education_level": {"items": items}}
    with site.app.flask_app.test_request_context("/dataset/"):
        offered = tk.h.get_facet_items_dict("education_level", facets)
        fewer = tk.h.get_facet_items_dict("education_level", facets, 2)
    assert [one["name"] for one in offered] == levels
    assert [one["name"] for one in fewer] == levels[:2]


def test_years_to_filter_by_stand_from_the_newest_on(site: Site) -> None:
    import ckan.plugins.toolkit as tk

    counts = {"2023-2024": 9, "2025-2026": 1, "2024-2025": 5}
    items = [{"name": year, "display_name": year, "count": n} for year, n in counts.items()]

    def names(facet: str, limit: int | None = None) -> list[str]:
        offered = tk.h.get_facet_items_dict(facet, {facet: {"items": items}}, limit)
        return [one["name"] for one in offered]

    with site.app.flask_app.test_request_context("/dataset/?_school_year_limit=2"):
        assert names("school_year") == ["2025-2026", "2024-2025"]
        assert names("year_of_release") == ["2025-2026", "2024-2025", "2023-2024"]
        assert names("school_year", 1) == ["2025-2026"]
        assert names("tags") == sorted(counts, key=lambda year: -counts[year])
    page = site.get("/dataset/").text
    assert page.index("school_year=2024-2025") < page.index("school_year=2023-2024")


def test_searches_are_narrowed_down_by_school_year_and_year_of_release(site: Site) -> None:
    assert "/dataset/enrolment" in site.get("/dataset/?school_year=2023-2024").text
    page = site.get("/en/dataset/").text
    assert "School year" in page and "Year of release" in page
    assert 'href="/dataset/enrolment"' not in site.get("/dataset/?school_year=2019-2020").text


SQUARE = {"type": "Polygon", "coordinates": [[[0, 0], [3, 0], [3, 3], [0, 3], [0, 0]]]}


@pytest.fixture
def boundaries(area: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    import ckan.plugins.toolkit as tk

    feature = {"type": "Feature", "properties": {"code": area}, "geometry": SQUARE}
    path = tmp_path / "areas.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    monkeypatch.setitem(tk.config, "hcmedu.area_boundaries_path", str(path))
    return path


def test_areas_have_the_boundaries_that_an_operator_supplies(
    site: Site, area: str, boundaries: Path
) -> None:
    [shape] = json.loads(site.get(f"/area.geojson?area={area}").data)["features"]
    assert shape["properties"] == {"code": area} and shape["geometry"] == SQUARE
    assert "data-boundaries" in site.get(f"/area/{area}").text
    drawn = "/dataset/enrolment/release/2/figures.svg?measure=pupils&period=2024-2025&area=*"
    assert b"geoshape" in site.get(f"{drawn}&chart=map").data


def test_without_boundaries_there_are_none(site: Site, area: str) -> None:
    assert site.get("/area.geojson").status_code == 404
    assert "data-boundaries" not in site.get(f"/area/{area}").text


def test_only_maps_may_have_pictures_from_the_tile_server(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ckan.plugins.toolkit as tk

    url = "https://tiles.example.org/{z}/{x}/{y}.png"
    monkeypatch.setitem(tk.config, "hcmedu.map_tiles_url", url)
    policy = {
        path: site.get(path).headers["Content-Security-Policy"] for path in ("/school/map", "/")
    }
    assert "img-src 'self' data: https://tiles.example.org;" in policy["/school/map"]
    assert "example.org" not in policy["/"]
    assert url in site.get("/school/map").text
