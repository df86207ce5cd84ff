"""The table builder: what is chosen is what is shown, taken away and embedded, at an address that
stays."""

import csv
import io
import re
from typing import Any

import openpyxl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harvesters.releases import Release
from tests.ckanext.site.conftest import Site

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("register")]

BASE = "/dataset/enrolment/release/2/figures"
EARLIER = "/dataset/enrolment/release/1/figures"
NEWEST = "measure=pupils&period=2024-2025"


def cube(site: Site, number: int = 2) -> Any:
    from ckanext.hcmedu.figures.cube import Cube

    found = Cube.of(site.store.get("enrolment", number), site.declarations)
    assert found is not None
    return found


def rows(site: Site, query: str, base: str = BASE) -> list[dict[str, str]]:
    answer = site.get(f"{base}.csv?{query}")
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(answer.text)))


def test_what_is_chosen_is_what_is_shown(site: Site) -> None:
    found = rows(site, f"{NEWEST}&level=_T&level=*")
    assert {row["level"]: (row["value"], row["status"]) for row in found} == {
        "_T": ("1000", ""), "primary": ("400", ""), "preschool": ("", "c"),
    }  # fmt: skip
    page = site.get(f"/en{BASE}?{NEWEST}&level=_T&level=*").text
    assert "Pupils, by level of education, 2024–2025" in page
    assert "1 figure is suppressed (c)" in page


def test_a_school_is_found_without_its_area(site: Site) -> None:
    [found] = rows(site, f"{NEWEST}&school=79000001")
    assert (found["value"], found["period"]) == ("300", "2024-2025")
    page = site.get(f"{BASE}?{NEWEST}&school=79000001").text
    assert "Trường thử 1" in page and "300" in page


def test_an_earlier_release_is_read_from_its_file_and_says_the_same(site: Site) -> None:
    query = "measure=pupils&period=2023-2024&level=*"
    assert rows(site, query, EARLIER) == rows(site, query)


def test_the_address_of_a_release_leads_to_its_own_periods(site: Site) -> None:
    assert site.get(f"{EARLIER}?{NEWEST}").status_code == 400
    assert "2024-2025" not in site.get(EARLIER).text


@pytest.mark.parametrize(
    "query", ["measure=nope", "period=1999-2000", "level=nope", "nope=1", "across=nope",
              "chart=pie", "school=a'b", "level=" + "x" * 500],
)  # fmt: skip
@pytest.mark.parametrize("language", ["", "/en"])
def test_what_the_release_does_not_have_is_said(site: Site, query: str, language: str) -> None:
    answer = site.get(f"{language}{BASE}?{query}")
    assert answer.status_code == 400
    said = "is not a value of" if language else "không có giá trị"
    assert said in answer.text and query.split("=")[0] in answer.text


def test_what_was_asked_for_is_said_as_a_text(site: Site) -> None:
    answer = site.get(f"{BASE}?measure=%3Cscript%3Ealert(1)%3C/script%3E")
    assert answer.status_code == 400
    assert "&lt;script&gt;" in answer.text and "<script>alert" not in answer.text


def test_codes_are_bound_and_never_part_of_a_statement(site: Site) -> None:
    # All that is let through by form; nothing is found, nothing breaks.
    assert rows(site, f"{NEWEST}&school=x-1-OR-1") == []


@pytest.mark.parametrize("ending", ["svg", "png"])
@pytest.mark.parametrize("chart", ["line", "bar", "dot", "multiples", "map"])
def test_charts_are_drawn(site: Site, chart: str, ending: str) -> None:
    query = {
        "line": "measure=pupils", "multiples": "measure=pupils&level=_T&level=*",
        "map": f"{NEWEST}&area=*",
    }.get(chart, f"{NEWEST}&level=*&level=_T")  # fmt: skip
    answer = site.get(f"{BASE}.{ending}?{query}&chart={chart}")
    assert answer.status_code == 200
    start = {"svg": b"<svg", "png": b"\x89PNG"}[ending]
    assert answer.data.startswith(start)
    if ending == "svg":
        # A picture in a page may not bring anything along.
        assert not re.search(rb"<script|href=|url\([^#]", answer.data)
        assert b"<title>" in answer.data


def test_a_suppressed_figure_is_in_no_chart(site: Site) -> None:
    drawn = site.get(f"/en{BASE}.svg?{NEWEST}&level=*&chart=bar").text
    assert "Primary" in drawn and "Preschool" not in drawn


def test_where_nothing_can_be_drawn_that_is_said(site: Site) -> None:
    query = f"{NEWEST}&level=preschool"
    assert site.get(f"{BASE}.svg?{query}").status_code == 404
    page = site.get(f"/en{BASE}?{query}").text
    assert "<figure" not in page and "1 figure is suppressed" in page


def test_a_spreadsheet_has_the_table_and_where_it_comes_from(site: Site) -> None:
    answer = site.get(f"/en{BASE}.xlsx?{NEWEST}&level=_T&level=*")
    book = openpyxl.load_workbook(io.BytesIO(answer.data))
    figures, source = book.worksheets
    shown = {row[0]: row[1] for row in figures.iter_rows(min_row=2, values_only=True)}
    assert shown == {"Total": 1000, "Preschool": "c", "Primary": 400}
    told = [str(row[0]) for row in source.iter_rows(values_only=True)]
    assert any("/dataset/enrolment/release/2/figures?measure=pupils" in one for one in told)
    assert "Simulated data" in told
    assert "c: suppressed to protect personal information" in told


def test_only_what_is_embedded_may_stand_in_other_pages(site: Site) -> None:
    embedded = site.get("/dataset/enrolment/release/2/embed")
    assert "frame-ancestors *" in embedded.headers["Content-Security-Policy"]
    assert "frame-ancestors 'self'" in site.get(BASE).headers["Content-Security-Policy"]


def test_what_is_withdrawn_has_no_figures(site: Site) -> None:
    for view in ("figures", "figures.csv", "figures.svg", "embed"):
        assert site.get(f"/dataset/enrolment/release/3/{view}").status_code == 410


def test_a_list_has_no_figures(site: Site) -> None:
    assert site.get("/dataset/areas/release/1/figures").status_code == 404


def test_the_datasets_page_begins_with_the_answer(site: Site) -> None:
    page = site.get("/en/dataset/enrolment").text
    assert page.index("1,000") < page.index("Download")
    assert "unchanged since 2023–2024" in page
    filtered = site.get("/en/dataset/enrolment?level=primary").text
    assert ">400<" in re.sub(r"\s+", "", filtered)
    # What is not of the table is passed over: the address may have been made for anything.
    assert site.get("/en/dataset/enrolment?level=nope&utm_source=x").status_code == 200


def test_the_front_page_has_a_figure_for_a_topic(site: Site) -> None:
    assert re.search(r'class="value">\s*1,000', site.get("/en/").text)


@st.composite
def selections(draw: st.DrawFn, of: Any) -> list[tuple[str, str]]:
    """Parameters of an address, in any order, some of them twice."""
    given = [("measure", "pupils")] if draw(st.booleans()) else []
    periods = draw(st.lists(st.sampled_from(of.periods)))
    given += [("period", one) for one in periods]
    for name, axis in of.axes.items():
        codes = ["_T", "*", "79000001"]
        if axis.codelist:
            codes = ["_T", "*", *list(of.declarations.codelists[axis.codelist].codes)[:4]]
        given += [(name, code) for code in draw(st.lists(st.sampled_from(codes), max_size=4))]
    across = draw(st.sampled_from(["", "measure", "period", *of.axes]))
    chart = draw(st.sampled_from(["", "line", "bar", "dot", "multiples", "map"]))
    return draw(st.permutations([*given, ("across", across), ("chart", chart)]))


@settings(deadline=None, max_examples=150,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(data=st.data())
def test_an_address_says_all_that_is_chosen(site: Site, context: None, data: st.DataObject) -> None:
    from ckanext.hcmedu.figures.grid import lay_out
    from ckanext.hcmedu.figures.selection import parse

    of = cube(site)
    chosen = parse(of, data.draw(selections(of)))
    assert parse(of, chosen.query()) == chosen
    grid = lay_out(of, chosen)
    # Each figure of the table is one of the release, at the place that its headings name.
    published = {
        (row["school_year"], *(row[name] for name in of.axes)): row["pupils"]
        for row in released(of.release)
    }
    where = chosen.where(of)
    for keys, cell in grid.points():
        if cell.value is None:
            continue
        period = keys["period"].code if "period" in keys else chosen.periods[0]
        matching = [
            value for at, value in published.items()
            if at[0] == period and all(
                code == keys[name].code if name in keys
                else "*" in where[name] or code in where[name]
                for name, code in zip(of.axes, at[1:], strict=True)
            )
        ]  # fmt: skip
        assert cell.value in matching


def released(release: Release) -> list[dict[str, Any]]:
    import pyarrow.parquet as pq

    path = release.file("enrolment.parquet")
    assert path is not None
    return pq.read_table(path).to_pylist()


@pytest.mark.parametrize("chart", ["bar", "line", "multiples", "map", "dot"])
def test_a_phone_has_a_chart_of_its_own_that_fits(site: Site, chart: str) -> None:
    query = {
        "line": "measure=pupils&level=_T&level=*", "multiples": "measure=pupils&level=_T&level=*",
        "map": f"{NEWEST}&area=*",
    }.get(chart, f"{NEWEST}&level=*&level=_T")  # fmt: skip
    page = site.get(f"{BASE}?{query}&chart={chart}").text
    [phone] = re.findall(r'<source media="[^"]+" srcset="([^"]+)" width="(\d+)"', page)
    assert "size=narrow" in phone[0] and int(phone[1]) <= 420
    drawn = site.get(phone[0].replace("&amp;", "&")).text
    assert f'width="{phone[1]}' in drawn[:500]


def test_a_picture_has_its_texts(site: Site) -> None:
    # The same figures in two languages: without their texts, as where no font is found, the
    # pictures would be the same.
    query = f"figures.png?{NEWEST}&level=*&level=_T&chart=bar"
    pictures = [
        site.get(f"{each}/dataset/enrolment/release/2/{query}").data for each in ("", "/en")
    ]
    assert pictures[0] != pictures[1]
