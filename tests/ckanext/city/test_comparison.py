"""Our datasets against the copies in the city's catalogue."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from ckanext.hcmedu.city import moments
from ckanext.hcmedu.city.comparison import MOST_STRANGERS, Copy, Dataset, Finding, compare

pytestmark = pytest.mark.unit

OWN = "https://giao-duc.example/dataset/"
NOW = "2026-11-26T05:00:00+00:00"
OURS = "2026-11-20T08:00:00+07:00"


def dataset(name: str = "a", **given: object) -> Dataset:
    return Dataset(name, name, frozenset({name, f"{OWN}{name}"}), **{"modified": OURS, **given})


def copy(name: str = "a", modified: str | None = OURS) -> Copy:
    return Copy(frozenset({name}), modified)


def found(
    datasets: Sequence[Dataset], copies: Sequence[Copy], before: Sequence[Finding] = ()
) -> list[Finding]:
    return compare(datasets, copies, {one.id: one for one in before}, NOW, OWN)


def state(one: Dataset, *copies: Copy) -> str | None:
    return next((each.state for each in found([one], copies)), None)


@pytest.mark.parametrize(
    ("theirs", "expected"),
    [
        (OURS, "seen"),
        ("2026-11-20T01:00:00Z", "seen"),
        ("2026-11-20T01:00:00", "seen"),  # in UTC, as CKAN means it
        ("2026-11-20T08:00:00.731+07:00", "seen"),
        ("2026-11-20", "seen"),
        ("2026-11-20T00:59:59Z", "stale"),
        ("2026-11-19", "stale"),
        # The city's own date of its copy.
        ("2026-11-25T00:00:00Z", "seen"),
        ("R/P1Y", "seen"),
        (None, "seen"),
    ],
)
def test_a_copy_is_stale_if_its_date_is_before_ours(theirs: str | None, expected: str) -> None:
    assert state(dataset(), copy(modified=theirs)) == expected


@pytest.mark.parametrize("theirs", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00+23:00"])
def test_a_date_at_the_end_of_the_calendar_is_none(theirs: str) -> None:
    assert state(dataset(modified="2026-11-26"), copy(modified=theirs)) == "seen"


def test_a_day_is_one_of_the_city() -> None:
    night = moments.parse("2026-11-19T20:00:00Z")
    assert night is not None
    day = moments.parse("2026-11-20")
    assert day is not None
    assert moments.order(night, day) == 0


def test_a_copy_is_known_by_any_of_its_names() -> None:
    assert state(dataset(), Copy(frozenset({f"{OWN}a", "theirs"}), OURS)) == "seen"
    assert state(dataset(), Copy(frozenset({"theirs"}), OURS)) == "missing"


def test_of_several_copies_the_newest_counts() -> None:
    old = copy(modified="2026-10-01")
    [one] = found([dataset()], [old, copy(), copy(modified=None)])
    assert (one.state, one.theirs) == ("seen", OURS)
    assert state(dataset(), old, copy(modified="2026-09-01")) == "stale"


def test_what_was_taken_back_here_and_is_still_there_is_surplus() -> None:
    gone = dataset(is_gone=True, modified=None)
    assert state(gone, copy()) == "surplus"
    assert state(gone) is None
    # The release that was withdrawn is younger than the one that stands again.
    withdrawn = "2026-11-24T09:00:00+07:00"
    standing = dataset(withdrawn=(withdrawn,))
    assert state(standing, copy(modified=withdrawn)) == "surplus"
    assert state(standing, copy()) == "seen"
    # A withdrawn release of the same day is not told from the one that stands by the day alone.
    same_day = dataset(withdrawn=("2026-11-20T09:30:00+07:00",))
    assert state(same_day, copy(modified="2026-11-20")) == "seen"


def test_a_copy_under_an_address_of_ours_that_we_do_not_know_is_surplus() -> None:
    stranger = Copy(frozenset({"x", f"{OWN}old"}), "2025-01-01")
    other = Copy(frozenset({"y", "https://other.example/dataset/z"}), "2025-01-01")
    [one, _] = found([dataset()], [stranger, other, copy()])
    assert (one.state, one.name, one.theirs) == ("surplus", "old", "2025-01-01")


def test_of_very_many_strangers_some_are_told() -> None:
    strangers = [Copy(frozenset({f"{OWN}{number}"})) for number in range(MOST_STRANGERS + 5)]
    assert len(found([], strangers)) == MOST_STRANGERS


def test_since_when_stands_until_the_state_changes() -> None:
    [first] = found([dataset()], [])
    assert (first.state, first.since) == ("missing", NOW)
    earlier = Finding("a", "a", "", "missing", "2026-11-01T05:00:00+00:00", OURS, None)
    [still] = found([dataset()], [], [earlier])
    assert still.since == earlier.since
    [arrived] = found([dataset()], [copy()], [earlier])
    assert (arrived.state, arrived.since) == ("seen", NOW)


def test_the_most_urgent_stands_first() -> None:
    datasets = [dataset("seen"), dataset("a-missing"), dataset("old"), dataset("x", is_gone=True)]
    copies = [copy("seen"), copy("old", "2020-01-01"), copy("x")]
    states = [one.state for one in found(datasets, copies)]
    assert states == ["surplus", "stale", "missing", "seen"]
