"""How a snapshot is cut into pages: no services needed."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ckanext.hcmedu.dcat.pages import Addresses, Cut, link_header

pytestmark = pytest.mark.unit

ids = st.lists(st.text("0123456789abcdef", min_size=1, max_size=6), unique=True).map(sorted)
sizes = st.integers(min_value=1, max_value=7)


def walk(all_ids: list[str], size: int) -> list[Cut]:
    cut = Cut(all_ids, size, "")
    cuts = [cut]
    while cut.next is not None:
        cut = Cut(all_ids, size, cut.next)
        cuts.append(cut)
    return cuts


@given(ids, sizes)
def test_a_crawl_sees_every_dataset_once_and_comes_back_the_same_way(
    all_ids: list[str], size: int
) -> None:
    cuts = walk(all_ids, size)
    assert [one for cut in cuts for one in cut.own] == all_ids
    assert all(len(cut.own) <= size for cut in cuts)
    assert all(cut.is_regular and cut.last == cuts[-1].after for cut in cuts)
    assert [cut.previous for cut in cuts] == [None, *(cut.after for cut in cuts[:-1])]


@given(ids, sizes, st.data())
def test_what_is_deleted_during_a_crawl_hides_nothing_else(
    all_ids: list[str], size: int, data: st.DataObject
) -> None:
    seen: list[str] = []
    left, after = list(all_ids), ""
    while True:
        cut = Cut(left, size, after)
        seen += cut.own
        if cut.next is None:
            break
        after = cut.next
        gone = data.draw(st.sets(st.sampled_from(left)))
        left = [one for one in left if one not in gone]
    assert len(seen) == len(set(seen))
    assert set(left) <= set(seen)


@given(ids, sizes, st.text("0123456789abcdef", max_size=6))
@example(["0"], 1, "0")
def test_a_cursor_that_no_page_ends_with_is_not_regular(
    all_ids: list[str], size: int, after: str
) -> None:
    regular = {cut.after for cut in walk(all_ids, size)}
    assert Cut(all_ids, size, after).is_regular == (after in regular)


def test_links_are_absolute_and_encoded_and_the_last_page_has_no_next() -> None:
    addresses = Addresses("https://example.org/data/catalog.ttl", "5-ab")
    first, last = Cut(["a", "b", "c"], 2, ""), Cut(["a", "b", "c"], 2, "b")
    assert dict(addresses.links(first)) == {
        "first": "https://example.org/data/catalog.ttl?at=5-ab",
        "last": "https://example.org/data/catalog.ttl?at=5-ab&after=b",
        "next": "https://example.org/data/catalog.ttl?at=5-ab&after=b",
    }
    assert set(dict(addresses.links(last))) == {"first", "last", "previous"}
    assert 'rel="prev"' in link_header(addresses.links(last))


def test_a_page_is_described_in_both_spellings_of_hydra() -> None:
    addresses = Addresses("https://example.org/catalog.ttl", "5-ab")
    said = addresses.describe(Cut(["a", "b", "c"], 1, "a"), "https://example.org")
    page = addresses.page("a")
    properties = {predicate for subject, predicate, _ in said if subject == page}
    for relation in ("first", "last", "previous", "next"):
        assert {f"hydra:{relation}", f"hydra:{relation}Page"} <= properties
    assert {"hydra:totalItems", "hydra:itemsPerPage"} <= properties
    assert ("https://example.org", "hydra:view", page) in said
