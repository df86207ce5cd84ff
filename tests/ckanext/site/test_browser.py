"""The pages in a real browser, at the widths of a desk and of a phone."""

import io
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import openpyxl
import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from ckanext.hcmedu import reports
from ckanext.hcmedu.conformance.outcome import (
    OWN,
    REPORT,
    Asked,
    Dialect,
    Dimension,
    Lost,
    Outcome,
    Shapes,
)
from tests.ckanext.site.accessibility import invalid, violations
from tests.ckanext.site.conftest import Site

pytestmark = [pytest.mark.browser, pytest.mark.usefixtures("served", "register")]

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
PATHS = [
    "/", "/about", "/accessibility", "/privacy", "/conformance", "/federation",
    "/dataset/?q=quan+1&groups=pupils", "/dataset/enrolment", "/dataset/enrolment/releases",
    "/dataset/enrolment/release/3/enrolment.csv", "/group/", "/group/pupils",
    "/organization/so-gddt", "/organization/about/so-gddt", "/codelist", "/codelist/area",
    "/codelist/area/25747", "/schema/enrolment", "/scoreboard", "/scoreboard/pupils-online",
    "/dataset/enrolment/release/2/figures?measure=pupils&level=*&sex=*",
    "/dataset/enrolment/release/2/embed", "/school", "/school/79000001",
    "/school/compare?school=79000001&school=79000002&q=truong", "/area",
    "/school/map",
    "/user/login", "/nope",
]  # fmt: skip
WIDE = {"width": 1280, "height": 800}
# What is left of `WIDE` at 400 %, and the narrowest phone (WCAG 2.2, 1.4.10).
NARROW = {"width": 320, "height": 800}
WATCH_SHIFTS = """
  window.shifts = 0;
  new PerformanceObserver((list) => {
    for (const entry of list.getEntries()) window.shifts += entry.value;
  }).observe({type: "layout-shift", buffered: true});
"""


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        yield browser
        browser.close()


def problems_of(page: Page) -> list[str]:
    """What goes wrong on a page from now on: errors of scripts, requests that leave the portal,
    what its Content-Security-Policy forbids."""
    found: list[str] = []
    page.on("pageerror", lambda error: found.append(str(error)))

    def listen(message: Any) -> None:
        if "Content Security Policy" in message.text:
            found.append(f"{page.url}: {message.text}")

    page.on("console", listen)

    def look(request: Any) -> None:
        if not request.url.startswith(("http://127.0.0.1:", "data:")):
            found.append(request.url)

    page.on("request", look)
    return found


@pytest.mark.parametrize("language", ["", "/en"])
def test_every_kind_of_page_is_for_everyone(address: str, chromium: Browser, language: str) -> None:
    # Colours that are on their way from one scheme to the other would be nobody's.
    page = chromium.new_page(viewport=WIDE, reduced_motion="reduce")
    page.add_init_script(WATCH_SHIFTS)
    problems = problems_of(page)
    sent = {}
    for path in PATHS:
        page.emulate_media(color_scheme="light")
        page.set_viewport_size(WIDE)
        answer = page.goto(address + language + path)
        assert answer is not None
        sent[path] = answer.text()
        assert page.locator("h1").count() == 1, path
        # A long page is painted while it comes, which on a busy machine shows. Moving less than a
        # tenth of what Web Vitals calls good is not seen.
        assert page.evaluate("shifts") < 0.01, path
        problems += [f"{path}: {each}" for each in violations(page)]
        page.emulate_media(color_scheme="dark")
        problems += [f"{path}, dark: {each}" for each in violations(page, ["color-contrast"])]
        page.set_viewport_size(NARROW)
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW["width"], path
        problems += [f"{path}, narrow and dark: {each}" for each in violations(page)]
    page.close()
    assert problems == []
    assert invalid(sent) == []


def test_the_first_visit_of_a_dataset_is_light_and_needs_no_script(
    address: str, chromium: Browser
) -> None:
    page = chromium.new_context().new_page()
    bytes_of: dict[str, float] = {}
    tools = page.context.new_cdp_session(page)
    tools.send("Network.enable")
    asked: dict[str, str] = {}
    tools.on(
        "Network.requestWillBeSent", lambda e: asked.update({e["requestId"]: e["request"]["url"]})
    )
    tools.on(
        "Network.loadingFinished",
        lambda e: bytes_of.update({asked.get(e["requestId"], ""): e["encodedDataLength"]}),
    )
    page.goto(f"{address}/dataset/enrolment", wait_until="networkidle")
    page.context.close()
    assert sum(bytes_of.values()) < 250_000, bytes_of
    assert sum(one.endswith(".woff2") for one in bytes_of) == 2
    assert not [one for one in bytes_of if one.endswith(".js")]


def test_a_page_on_paper_has_its_figures_and_its_address(address: str, chromium: Browser) -> None:
    page = chromium.new_page()
    page.goto(f"{address}/dataset/enrolment")
    page.emulate_media(media="print", color_scheme="dark")
    assert not page.get_by_role("navigation", name="Trình đơn chính").is_visible()
    assert page.get_by_text(f"{address}/dataset/enrolment").last.is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.close()


def test_a_phone_can_keep_the_portal(address: str, chromium: Browser) -> None:
    page = chromium.new_page()
    page.goto(f"{address}/en/")
    where = page.locator("link[rel=manifest]").get_attribute("href")
    manifest = page.request.get(address + str(where)).json()
    assert manifest["lang"] == "en" and manifest["start_url"] == "/en/"
    for icon in manifest["icons"]:
        answer = page.request.get(address + icon["src"])
        assert answer.ok and answer.headers["content-type"].startswith(icon["type"])
    page.close()


def test_a_reader_finds_a_dataset_and_changes_the_language(address: str, chromium: Browser) -> None:
    page = chromium.new_page(viewport={"width": 390, "height": 800})
    page.goto(address)
    page.get_by_placeholder("Ví dụ: học sinh, học phí, hồ sơ").fill("học sinh")
    page.get_by_role("button", name="Tìm kiếm").click()
    page.get_by_role("link", name="Số học sinh theo trường, khối lớp và giới tính").click()
    assert page.get_by_role("heading", level=1).inner_text() == (
        "Số học sinh theo trường, khối lớp và giới tính"
    )
    with page.expect_download() as download:
        page.get_by_role("link", name="Tải về: Tệp Excel").click()
    assert download.value.suggested_filename == "enrolment.xlsx"
    page.get_by_role("link", name="English", exact=True).click()
    assert page.get_by_role("heading", level=1).inner_text() == "Pupils by school, grade and sex"
    page.close()


def test_the_site_can_be_used_with_the_keyboard(address: str, chromium: Browser) -> None:
    page = chromium.new_page()
    page.goto(f"{address}/dataset/enrolment")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent").strip() == "Đến nội dung chính"
    page.keyboard.press("Enter")
    assert page.url.endswith("#content")
    page.close()


def test_the_table_is_shown_in_vietnamese(address: str, chromium: Browser) -> None:
    page = chromium.new_page()
    page.goto(f"{address}/dataset/enrolment")
    page.get_by_role("link", name="Mở bảng số liệu").click()
    table = page.frame_locator("iframe")
    table.get_by_text("trong tổng số 12 mục").first.wait_for()
    assert table.get_by_text("Khối lớp").first.is_visible()
    page.close()


def test_the_page_about_privacy_needs_no_script_and_no_mouse(
    address: str, chromium: Browser
) -> None:
    page = chromium.new_context(java_script_enabled=False).new_page()
    page.goto(f"{address}/en/privacy")
    pictures = page.get_by_role("img", name="A small table with")
    assert pictures.count() == 1 and pictures.first.is_visible()
    page.get_by_text("datasets", exact=False).first.wait_for()
    tables = page.locator("summary").first
    tables.focus()
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Pupils by school, grade and sex").click()
    page.get_by_role("link", name="How children are protected").first.click()
    assert page.url.endswith("/en/privacy")
    page.close()


def test_a_bad_outcome_of_the_check_fits_a_phone_and_opens_by_keyboard(
    address: str, chromium: Browser
) -> None:
    long = f"{address}/dataset/{'0123456789abcdef' * 8}"
    found = Outcome(
        datasets=3,
        shapes=(Shapes(OWN, 2, [{"node": long, "path": "http://purl.org/dc/terms/title"}]),),
        dimensions=(Dimension("accessibility", 100, 33.3),),
        lost=(Lost("accessibility", "access URL answers", 50, 2),),
        addresses=Asked(1, 1, 1, [long]),
        dialects=(Dialect("ttl", 1, 3, 1_000_000, False, False),),
    )
    reports.keep(REPORT, datetime.now(UTC), asdict(found))
    page = chromium.new_page(viewport={"width": 390, "height": 800}, java_script_enabled=False)
    page.goto(f"{address}/en/conformance")
    assert page.get_by_role("img", name="33.3 of 100").is_visible()
    for summary in page.locator("summary").all():
        summary.focus()
        page.keyboard.press("Enter")
    shown = page.locator("code", has_text=long)
    assert [each.is_visible() for each in shown.all()] == [True, True]
    assert all(each.bounding_box()["width"] <= 390 for each in shown.all())
    page.close()


@pytest.mark.parametrize("language", ["", "/en"])
def test_staff_see_how_the_portal_stands_on_a_phone(
    address: str, chromium: Browser, language: str
) -> None:
    from ckan.tests import factories

    name = factories.Sysadmin(password="just-for-this-test")["name"]
    page = chromium.new_context(viewport={"width": 390, "height": 800}).new_page()
    problems = problems_of(page)
    page.goto(f"{address}{language}/user/login")
    page.locator("input[name=login]").fill(name)
    page.locator("input[name=password]").fill("just-for-this-test")
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Operations" if language else "Vận hành").click()
    assert page.get_by_role("status").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.context.close()
    assert problems == []


PHONE = {"width": 390, "height": 800}
READERS = [
    (WIDE, "", True), (PHONE, "", True), (PHONE, "", False), (WIDE, "/en", False),
]  # fmt: skip
"""At a desk or on a phone, in one of the languages, with or without scripts."""


@pytest.fixture(params=READERS, ids=["desk", "phone", "phone-no-script", "desk-en-no-script"])
def reader(request: pytest.FixtureRequest, chromium: Browser) -> Iterator[tuple[Page, str]]:
    """A reader's page, and the language in the address; nothing may go wrong on the way."""
    viewport, language, scripts = request.param
    context = chromium.new_context(viewport=viewport, java_script_enabled=scripts)
    page = context.new_page()
    problems = problems_of(page)
    yield page, language
    context.close()
    assert problems == []


def test_two_schools_are_compared_from_a_search(address: str, reader: tuple[Page, str]) -> None:
    page, language = reader
    en = bool(language)
    page.goto(f"{address}{language}/dataset/?q=truong+thu+1")
    page.get_by_role("link", name="Trường thử 1").click()
    page.get_by_role("link", name="Compare with other" if en else "So sánh với trường khác").click()
    page.get_by_role("searchbox").fill("truong thu 2")
    page.get_by_role("button", name="Search" if en else "Tìm kiếm").click()
    page.get_by_role("link", name="Trường thử 2").click()
    heads = page.locator("thead th").all_inner_texts()
    assert len(heads) == 3 and "Trường thử 1" in heads[1] and "Trường thử 2" in heads[2]
    row = page.get_by_role("row").filter(has_text="Pupils," if en else "Số học sinh,")
    assert row.locator("td").all_inner_texts() == ["300", "x"]


def test_a_table_is_built_shared_and_taken_away(
    address: str, reader: tuple[Page, str], chromium: Browser
) -> None:
    page, language = reader
    en = bool(language)
    page.goto(f"{address}{language}/dataset/enrolment")
    page.get_by_role("link", name="Build a table" if en else "Tự lập bảng").first.click()
    form = page.locator(".builder-form")
    level = form.locator("details").filter(has_text="Level of education" if en else "Cấp học").first
    if not level.locator("input").first.is_visible():
        level.locator("summary").click()
    level.get_by_label("Each one, without the total" if en else "Từng mục, không kèm tổng").check()
    form.get_by_role("button", name="Show" if en else "Xem").click()
    table = page.locator("table.figures")
    assert "1.000" in table.inner_text() or "1,000" in table.inner_text()
    # The reason of a suppressed figure is said where it stands.
    why = "suppressed to protect" if en else "được ẩn để bảo vệ"
    assert why in str(table.locator("abbr.symbol").first.get_attribute("title"))
    shared = page.locator("pre code", has_text="/figures?").first.inner_text()
    with page.expect_download() as download:
        page.get_by_role("link", name="Excel (XLSX)").click()
    book = openpyxl.load_workbook(io.BytesIO(download.value.path().read_bytes()))
    assert book.worksheets[0]["B2"].value == 1000
    other = chromium.new_page()
    other.goto(shared)
    assert other.locator("table.figures").inner_text() == table.inner_text()
    other.close()


def test_figures_of_an_area_are_chosen_on_the_datasets_page(
    address: str, reader: tuple[Page, str]
) -> None:
    page, language = reader
    page.goto(f"{address}{language}/dataset/enrolment")
    page.locator("#quick-level").select_option("primary")
    page.locator(".quick-form").get_by_role("button").click()
    assert page.locator(".key-figures .value").first.inner_text().strip() == "400"
    assert page.locator("#quick-level").input_value() == "primary"


def test_suggestions_come_while_a_question_is_typed(address: str, chromium: Browser) -> None:
    page = chromium.new_page(viewport=PHONE)
    problems = problems_of(page)
    page.goto(address)
    page.get_by_role("combobox", name="Tìm bộ dữ liệu").press_sequentially("hoc si")
    option = page.locator("datalist option[value='học sinh']")
    option.wait_for(state="attached")
    page.close()
    assert problems == []


def test_schools_are_on_a_map_that_leads_to_them(
    site: Site, address: str, chromium: Browser
) -> None:
    area = list(site.declarations.codelists["area"].codes)[1]
    page = chromium.new_page(viewport=PHONE, reduced_motion="reduce")
    problems = problems_of(page)
    page.goto(f"{address}/area/{area}")
    map = page.get_by_role("group", name="Bản đồ trường học")
    map.locator("canvas").wait_for()
    map.scroll_into_view_if_needed()
    assert page.locator(".map-legend").inner_text().strip() == "Tiểu học"
    box = map.bounding_box()
    assert box is not None
    # The only school stands in the middle.
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    map.get_by_role("link", name="Trường thử 1").click()
    assert page.url == f"{address}/school/79000001"
    page.goto(f"{address}/area/{area}")
    assert violations(page) == []
    page.close()
    assert problems == []


def test_without_scripts_the_map_is_a_picture(site: Site, address: str, chromium: Browser) -> None:
    area = list(site.declarations.codelists["area"].codes)[1]
    page = chromium.new_context(java_script_enabled=False).new_page()
    page.goto(f"{address}/area/{area}")
    picture = page.get_by_role("img", name="Bản đồ các trường")
    assert picture.is_visible()
    assert page.request.get(address + str(picture.get_attribute("src"))).ok
    page.context.close()
