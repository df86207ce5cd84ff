"""The public pages: what is on them, in both languages, and that none is left half in English."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import brotli
import pytest

from tests.ckanext.site.conftest import Site

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("register")]

PAGES = {
    "/": 200,
    "/about": 200,
    "/accessibility": 200,
    "/privacy": 200,
    "/conformance": 200,
    "/federation": 200,
    "/scoreboard": 200,
    "/scoreboard/broadband": 200,
    "/scoreboard/nope": 404,
    "/operations": 404,
    "/dataset/": 200,
    "/dataset/?q=zzzz": 200,
    "/dataset/?groups=pupils&organization=so-gddt&res_format=CSV": 200,
    "/dataset/enrolment": 200,
    "/dataset/areas": 200,
    "/dataset/groups/enrolment": 200,
    "/dataset/enrolment/releases": 200,
    "/dataset/enrolment/release/2/figures": 200,
    "/dataset/enrolment/release/2/figures?measure=pupils&period=2024-2025&level=*": 200,
    "/dataset/enrolment/release/2/figures?measure=nope": 400,
    "/dataset/enrolment/release/2/embed": 200,
    "/dataset/areas/release/1/figures": 404,
    "/dataset/enrolment/release/3/figures": 410,
    "/school": 200,
    "/school?q=zzzz": 200,
    "/school/79000001": 200,
    "/school/map": 200,
    "/school/nope": 404,
    "/school/compare": 200,
    "/school/compare?school=79000001&school=79000002&q=truong": 200,
    "/area": 200,
    "/area/25747": 200,
    "/area/nope": 404,
    "/group/": 200,
    "/group/pupils": 200,
    "/group/about/pupils": 200,
    "/organization/": 200,
    "/organization/so-gddt": 200,
    "/organization/about/so-gddt": 200,
    "/codelist": 200,
    "/codelist/area": 200,
    "/codelist/area/25747": 200,
    "/codelist/old_area/25741": 200,
    "/codelist/grade/grade-1": 200,
    "/schema/enrolment": 200,
    "/user/login": 200,
    "/user/reset": 200,
    "/user/register": 403,
    "/dataset/nope": 404,
    "/group/nope": 404,
    "/organization/nope": 404,
    "/codelist/nope": 404,
    "/nope": 404,
    "/dataset/enrolment/release/3/enrolment.csv": 410,
}
# The same in both languages.
SAME = {"{bytes} bytes", "{kibibytes} KiB", "SHA-256", "{n}"}


class Page(HTMLParser):
    """What the tests ask of a page: scripts that stand in it, and the number of its headings."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.inline_scripts: list[str] = []
        self.headings = 0
        self.language = ""
        self._in_script = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        # A block of data is never run, so a Content-Security-Policy does not forbid it.
        is_data = given.get("type") == "application/ld+json"
        self._in_script = tag == "script" and "src" not in given and not is_data
        self.headings += tag == "h1"
        if tag == "html":
            self.language = given.get("lang") or ""
        self.inline_scripts += [name for name in given if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        if self._in_script and data.strip():
            self.inline_scripts.append(data.strip())
            self._in_script = False


def resource_pages(site: Site) -> list[str]:
    page = site.get("/dataset/enrolment").text
    found = re.findall(r"/dataset/enrolment/resource/[0-9a-f-]{36}", page)
    return sorted(set(found))


@pytest.fixture
def untranslated(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, None]]:
    """The messages that pages asked for, while this runs, and that came back as they are."""
    import flask_babel

    found: dict[str, None] = {}
    original = flask_babel.Domain.get_translations

    class Recording:
        def __init__(self, translations: Any) -> None:
            self.translations = translations

        def __getattr__(self, name: str) -> Any:
            return getattr(self.translations, name)

        def ugettext(self, message: str) -> str:
            answer = self.translations.ugettext(message)
            if answer == message:
                found[message] = None
            return answer

        def ungettext(self, singular: str, plural: str, number: int) -> str:
            answer = self.translations.ungettext(singular, plural, number)
            if answer in (singular, plural):
                found[singular] = None
            return answer

        gettext, ngettext = ugettext, ungettext

    def recording(domain: flask_babel.Domain) -> Recording:
        return Recording(original(domain))

    monkeypatch.setattr(flask_babel.Domain, "get_translations", recording)
    yield found


@pytest.mark.parametrize("language", ["vi", "en"])
def test_pages_answer_and_are_whole(site: Site, language: str) -> None:
    prefix = "" if language == "vi" else "/en"
    for path, status in PAGES.items():
        answer = site.get(prefix + path, Accept="text/html")
        assert answer.status_code == status, path
        page = Page(answer.text)
        assert page.language == language, path
        assert page.headings == 1, path
        assert page.inline_scripts == [], path
        assert "simulated-banner" in answer.text, path
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "unsafe" not in policy, path
        assert answer.headers["X-Content-Type-Options"] == "nosniff", path
        # Any cache may keep it for a second, or it is a form that makes a session.
        caching = answer.headers["Cache-Control"]
        if path.startswith(FORMS) or "Set-Cookie" in answer.headers:
            assert "private" in caching, path
        else:
            assert caching in (PUBLIC, "no-cache", "private"), path
        if status == 200 and not path.startswith(FORMS):
            assert "Set-Cookie" not in answer.headers and "public" in caching, path


FORMS = ("/user/", "/dataset/groups/")
PUBLIC = "public, max-age=1, must-revalidate"


def test_what_somebody_with_an_account_or_a_key_gets_is_theirs(site: Site) -> None:
    from ckan.tests import factories

    browser = site.sysadmin()
    for path in ("/", "/dataset/enrolment", "/dataset/?q=lop"):
        page = browser.get(path)
        assert "private" in page.headers["Cache-Control"], path
        assert 'name="_csrf_token"' in page.text, path
        assert "script-src 'self' 'unsafe-inline'" in page.headers["Content-Security-Policy"]
    key = factories.APIToken(user=factories.Sysadmin()["id"])["token"]
    api = "/api/3/action/package_search"
    assert site.get(api, Authorization=key).headers["Cache-Control"] == "private"
    assert "private" not in site.get(api).headers["Cache-Control"]


def test_what_anyone_may_have_is_compressed_and_asked_for_once(site: Site) -> None:
    page = site.get("/dataset/enrolment", Accept_Encoding="gzip, br")
    assert page.headers["Content-Encoding"] == "br"
    assert "Accept-Encoding" in page.headers["Vary"]
    plain = site.get("/dataset/enrolment")
    assert "Content-Encoding" not in plain.headers
    assert brotli.decompress(page.data) == plain.data
    again = site.get("/dataset/enrolment", If_None_Match=page.headers["ETag"])
    assert again.status_code == 304 and again.data == b""
    # A form with the token of somebody's session is theirs: it is not even compressed.
    form = site.get("/user/login", Accept_Encoding="br")
    assert "Content-Encoding" not in form.headers and "ETag" not in form.headers
    # What has a digest in its name is never asked for again.
    (style,) = re.findall(r'href="(/webassets/[^"]+\.css)"', plain.text)
    asset = site.get(style, Accept_Encoding="br")
    assert "immutable" in asset.headers["Cache-Control"]
    assert asset.headers["Content-Encoding"] == "br"
    assert "immutable" not in site.get("/webassets/none.css").headers["Cache-Control"]


def test_a_fault_of_ours_has_a_page_too(site: Site) -> None:
    import ckan.plugins.toolkit as tk

    environ = {"CKAN_LANG": "vi", "CKAN_LANG_IS_DEFAULT": True, "CKAN_CURRENT_URL": "/"}
    with site.app.flask_app.test_request_context(environ_overrides=environ):
        site.app.flask_app.preprocess_request()
        # As CKAN calls it.
        page = tk.render("error_document_template.html", {"code": [500], "content": "x"})
    assert "Cổng dữ liệu gặp sự cố" in page


def test_nothing_on_a_vietnamese_page_is_left_in_english(
    site: Site, untranslated: dict[str, None]
) -> None:
    for path in [*PAGES, *resource_pages(site)]:
        site.get(path, Accept="text/html")
    site.app.flask_app.test_client().post("/user/login", data={"login": "x", "password": "y"})
    # Our own text in a language is not a message; messages are what gettext was asked for.
    assert set(untranslated) - SAME == set()


def test_the_front_page(site: Site) -> None:
    page = site.get("/").text
    assert "Giáo dục Thành phố Hồ Chí Minh qua số liệu" in page
    assert page.count('type="search"') == 1
    topics = re.findall(r'href="/group/([a-z]+)"', page)
    assert topics[:3] == ["digital", "learning", "services"]  # Chuyển, Dạy, Dịch
    assert "Số học sinh theo trường, khối lớp và giới tính" in page
    english = site.get("/en/").text
    assert "Education in Ho Chi Minh City, in figures" in english
    assert "Pupils by school, grade and sex" in english
    assert "Digital transformation" in english


def test_the_dataset_page_says_what_one_has_to_know(site: Site) -> None:
    page = site.get("/dataset/enrolment").text
    assert "Số 2" in page
    assert "2023-2024 – 2024-2025" in page
    assert "Dữ liệu mô phỏng" in page
    # Two in each of two periods of six rows.
    assert "4 số liệu được ẩn để bảo vệ dữ liệu cá nhân, trên tổng số 12 (33,3%)" in page
    assert "/dataset/enrolment/release/2/enrolment.xlsx" in page
    assert "Creative Commons Ghi công" in page
    assert 'href="/codelist/grade"' in page
    english = site.get("/en/dataset/enrolment").text
    assert "Pupils by school, grade and sex" in english
    assert "Creative Commons Attribution" in english
    assert "2023–2024 – 2024–2025" in english


def test_real_data_is_labelled_so(site: Site) -> None:
    page = site.get("/dataset/areas").text
    assert "Số liệu thật" in page
    assert 'class="label-simulated"' not in page


def test_a_search_result_is_in_the_language_of_the_page(site: Site) -> None:
    assert "Số học sinh theo trường" in site.get("/dataset/").text
    english = site.get("/en/dataset/").text
    assert "Pupils by school, grade and sex" in english
    assert "Ho Chi Minh City Department of Education and Training" in english
    # The filters at the side, too.
    assert re.search(r'<span class="item-label">Pupils</span>', english)


def test_results_can_be_narrowed_down_by_area_and_level(site: Site) -> None:
    page = site.get("/dataset/").text
    for label in ("Toàn thành phố", "Phường, xã, đặc khu", "Trường", "Trung học cơ sở"):
        assert f'<span class="item-label">{label}</span>' in page
    by_school = site.get("/dataset/?area_level=school").text
    assert "/dataset/enrolment" in by_school and "/dataset/fees" not in by_school
    assert "Whole city" in site.get("/en/dataset/").text
    level = site.get("/en/dataset/?education_level=lower_secondary").text
    assert "/dataset/fees" in level and "/dataset/areas" not in level


def test_a_search_leads_to_the_places_that_it_names(site: Site) -> None:
    page = site.get("/dataset/?q=hoc+sinh+quan+1").text
    assert re.search(r'<a href="/codelist/district/\d+">Quận 1</a>', page)
    assert "Địa bàn có trong câu hỏi" in page
    english = site.get("/en/dataset/?q=ph%C6%B0%E1%BB%9Dng+b%E1%BA%BFn+th%C3%A0nh").text
    assert "Places in your question" in english and "Bến Thành Ward</a>" in english
    assert "found-places" not in site.get("/dataset/?q=hoc+phi").text


def test_the_preview_labels_columns_in_the_language_of_the_page(site: Site) -> None:
    path = next(
        match.group(0)
        for page in resource_pages(site)
        for match in [re.search(r"/dataset/[^\"]*/view/[0-9a-f-]{36}", site.get(page).text)]
        if match
    )
    path = path[path.index("/dataset/") :]
    assert "Khối&nbsp;lớp" in site.get(path).text
    assert "Grade&nbsp;" in site.get(f"/en{path}").text


def test_a_portal_of_real_data_has_no_banner(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    import ckan.plugins.toolkit as tk

    monkeypatch.setitem(tk.config, "hcmedu.simulated", False)
    assert "simulated-banner" not in site.get("/").text
