"""The form of a dataset, as a publisher fills it in."""

from typing import Any

import ckan.plugins.toolkit as tk
import pytest

from schemas.identity import organization_id
from tests.ckanext.site.conftest import Site

pytestmark = pytest.mark.integration


def call(site: Site, action: str, **data: Any) -> Any:
    # In a context of its own: the reader's login would otherwise be taken from the test's.
    with site.app.flask_app.test_request_context():
        user = tk.get_action("get_site_user")({"ignore_auth": True}, {})["name"]
        return tk.get_action(action)({"ignore_auth": True, "user": user}, data)


def test_the_form_asks_for_both_languages(empty_site: Site) -> None:
    browser = empty_site.sysadmin()
    page = browser.get("/dataset/new")
    assert page.status_code == 200
    assert 'name="title_translated-vi"' in page.text
    assert page.text.index('name="title_translated-vi"') < page.text.index(
        'name="title_translated-en"'
    )
    assert "Bắt đầu bằng đối tượng được thống kê" in page.text
    assert "Starts with what is counted" in browser.get("/en/dataset/new").text


def test_an_edited_form_is_stored(empty_site: Site) -> None:
    call(empty_site, "package_create", name="form", title="Số học sinh",
         owner_org=organization_id("so-gddt"))  # fmt: skip
    form = {
        "name": "form",
        "title_translated-vi": "Số trẻ",
        "title_translated-en": "Children",
        "tags_translated-vi": "trẻ, lớp",
        "owner_org": organization_id("so-gddt"),
        "save": "",
    }
    answer = empty_site.sysadmin().post("/dataset/edit/form", data=form, follow_redirects=False)
    assert answer.status_code == 302, answer.text
    shown = call(empty_site, "package_show", id="form")
    assert shown["title_translated"] == {"vi": "Số trẻ", "en": "Children"}
    assert shown["tags_translated"] == {"vi": ["trẻ", "lớp"]}
