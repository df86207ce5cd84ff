"""A citizen with a phone and a developer at a desk, in a real browser."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from .conftest import Portal

pytestmark = pytest.mark.browser

CHROMIUM = "/usr/bin/chromium"
OPTIONS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 900}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(OPTIONS))
        yield browser
        browser.close()


@pytest.fixture(params=[PHONE, DESK], ids=["phone", "desk"])
def page(request: pytest.FixtureRequest, browser: Browser, portal: Portal) -> Iterator[Page]:
    context = browser.new_context(
        viewport=request.param, base_url=portal.url, accept_downloads=True
    )
    page = context.new_page()
    # Whatever a page asks for has to come from the portal itself.
    foreign: list[str] = []
    page.on("request", lambda one: foreign.append(one.url) if portal.url not in one.url else None)
    page.set_default_timeout(60_000)
    yield page
    context.close()
    assert [url for url in foreign if not url.startswith(("data:", "blob:"))] == []


def _fits(page: Page) -> bool:
    """Whether nothing sticks out of the screen sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


def test_a_citizen_finds_the_pupils_of_the_city_and_takes_the_file_away(page: Page) -> None:
    page.goto("/")
    expect(page.locator("html")).to_have_attribute("lang", "vi")
    expect(page.get_by_text("Dữ liệu mô phỏng").first).to_be_visible()
    assert _fits(page)
    page.locator("main input[name=q], [role=main] input[name=q], input[name=q]").first.fill(
        "số học sinh theo trường"
    )
    page.keyboard.press("Enter")
    page.get_by_role("link", name="Số học sinh theo trường, khối lớp và giới tính").first.click()
    expect(page.locator("h1").first).to_contain_text("Số học sinh theo trường")
    assert _fits(page)
    with page.expect_download() as taken:
        page.locator("a[href$='/enrolment.xlsx']").first.click()
    assert taken.value.suggested_filename == "enrolment.xlsx"


def test_the_same_dataset_reads_in_english(page: Page) -> None:
    page.goto("/en/dataset/enrolment")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    expect(page.locator("h1").first).to_contain_text("Pupils by school")
    expect(page.get_by_text("Simulated data").first).to_be_visible()


def test_a_code_leads_to_its_meaning_and_an_old_ward_to_the_new(page: Page) -> None:
    page.goto("/codelist/area/25747")
    expect(page.locator("h1").first).to_contain_text("Phường Thủ Dầu Một")
    page.get_by_role("link", name="Phường Phú Cường").first.click()
    expect(page.get_by_text("Phường Thủ Dầu Một").first).to_be_visible()


def test_the_table_can_be_looked_at_in_the_page(page: Page) -> None:
    page.goto("/dataset/areas")
    page.get_by_role("link", name="Mở bảng số liệu").click()
    frame = page.frame_locator("iframe").first
    expect(frame.get_by_text("Phường Thủ Dầu Một").first).to_be_visible()
