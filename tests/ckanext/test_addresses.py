"""Which addresses a page links to, and whose IRIs are whose."""

import pytest

from ckanext.hcmedu.addresses import is_linkable, link, may_name

pytestmark = pytest.mark.unit

SITE = "https://giao-duc.example"


@pytest.mark.parametrize(
    "address",
    ["https://example.org/a?b=javascript:c", "HTTP://example.org", "mailto:a@example.org",
     "tep.csv", "/dataset/a", "urn:uuid:1", ""],
)  # fmt: skip
def test_what_leads_somewhere_is_linked_to(address: str) -> None:
    assert is_linkable(address)
    assert link(address) == address


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", "JavaScript:alert(1)", "\tjava\nscript\x00:alert(1)",
     "\x01javascript:a", "java\u200bscript:a", "data:text/html,<script>", "vbscript:a", "blob:x", "file:///etc/passwd"],
)  # fmt: skip
def test_what_runs_is_not(address: str) -> None:
    assert not is_linkable(address)
    assert link(address) == ""


@pytest.mark.parametrize(
    ("iri", "expected"),
    [
        ("https://other.example/dataset/1", True),
        (f"{SITE}.other.example/dataset/1", True),
        (f"{SITE}/dataset/mine", True),
        (f"{SITE}/dataset/mine#contact", True),
        (f"{SITE}/dataset/mine/resource/1", True),
        (f"{SITE}/dataset/mine-too", False),
        (f"{SITE}/dataset/other", False),
        (f"{SITE}/organization/ours#contact", True),
        (f"{SITE}/organization/others#contact", False),
        (f"{SITE}/codelist/area/26734", True),
        (f"{SITE}/api/3/action/datastore_search#enrolment", True),
        (SITE, False),
        (f"{SITE}/", False),
        (f"{SITE}#agent", False),
        (f"{SITE}/catalog", False),
    ],
)
def test_below_the_portal_each_speaks_of_its_own(iri: str, expected: bool) -> None:
    assert may_name(iri, SITE, "mine", "ours") is expected
    assert may_name("urn:a", SITE, None, None)
