"""The page for the operators of other portals: whatever it sends them to is there."""

from __future__ import annotations

import html
import re

import pytest
import requests

from tests.ckanext.site.conftest import Site

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("served")]


@pytest.mark.parametrize("language", ["", "/en"])
def test_every_address_on_the_page_answers(address: str, language: str) -> None:
    page = requests.get(f"{address}{language}/federation", timeout=60).text
    main = page[page.index("<main") : page.index("</main>")]
    links = {html.unescape(link) for link in re.findall(r'href="([^"]+)"', main)}
    shown = {html.unescape(text) for text in re.findall(r'class="address"[^>]*>([^<]+)<', main)}
    own = {link for link in links if link.startswith(address)}
    # What can be copied is what is linked.
    assert shown == own
    forms = ("ttl", "rdf", "jsonld", "nt", "ttl.manifest", "ttl?modified_since=")
    for path in (*(f"catalog.{form}" for form in forms), "data.json", "changes.trig", "dataset/"):
        assert any(link.startswith(f"{address}/{path}") for link in own), path
    for link in own | {address + link for link in links if link.startswith("/")}:
        answer = requests.get(link, timeout=60)
        assert answer.status_code == 200 and answer.content, link


def test_the_page_tells_of_paging_identifiers_and_whom_to_ask(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    import ckan.plugins.toolkit as tk

    monkeypatch.setitem(tk.config, "hcmedu.feed_page_size", 37)
    monkeypatch.setitem(tk.config, "hcmedu.contact_email", "dulieu@example.org")
    page = site.get("/federation").text
    for text in ("Mỗi trang có 37 bộ dữ liệu", "dct:identifier", "410", "dulieu@example.org"):
        assert text in page
    assert "A page has 37 datasets" in site.get("/en/federation").text
    assert 'href="/federation"' in site.get("/").text
