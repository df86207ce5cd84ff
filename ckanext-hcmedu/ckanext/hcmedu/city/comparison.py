"""Our datasets against the copies in another catalogue: pure functions.

A copy is ours if one of its identities (identifier, IRI) is one of our dataset's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cmp_to_key
from itertools import islice

from ckanext.hcmedu.city import moments

SEEN, STALE, MISSING, SURPLUS = "seen", "stale", "missing", "surplus"
MOST_STRANGERS = 1_000
"""Copies under an address of ours that we do not know, of which each is told. One would do."""
STATES = (SURPLUS, STALE, MISSING, SEEN)
"""What may be of a dataset, the most urgent first: it is there although it, or the release that
it shows, was taken back here; it is older than ours; it is not there; it is there."""


@dataclass(frozen=True)
class Dataset:
    """A dataset that we publish, or that is gone here.

    `identities` are what the feed calls it by, `modified` is when it last changed and `withdrawn`
    when the releases did that were taken back; ISO 8601.
    """

    id: str
    name: str
    identities: frozenset[str]
    title: str = ""
    modified: str | None = None
    withdrawn: tuple[str, ...] = ()
    is_gone: bool = False


@dataclass(frozen=True)
class Copy:
    """A dataset of the other catalogue: what it is called by, when it last changed as it says."""

    identities: frozenset[str]
    modified: str | None = None


@dataclass(frozen=True)
class Finding:
    """What the other catalogue has of a dataset of ours: `state` is one of `STATES`, `since` when
    it was first found so, `ours` and `theirs` are the dates of change. ISO 8601."""

    id: str
    name: str
    title: str
    state: str
    since: str
    ours: str | None
    theirs: str | None


def compare(
    datasets: Iterable[Dataset],
    copies: Sequence[Copy],
    before: Mapping[str, Finding],
    now: str,
    own: str,
) -> list[Finding]:
    """What became of each dataset, the most urgent first.

    Datasets that are gone are left out where they are gone there as well.

    :param before: the last findings, by id, from which `since` is taken over.
    :param now: ISO 8601.
    :param own: what IRIs of our datasets begin with. A copy called so that we do not know is
        surplus: it is of a dataset that we had before the portal was rebuilt.
    """
    by_identity: dict[str, list[Copy]] = {}
    for copy in copies:
        for identity in copy.identities:
            by_identity.setdefault(identity, []).append(copy)
    found, known = [], set()
    for dataset in datasets:
        known |= dataset.identities
        theirs = [one for key in sorted(dataset.identities) for one in by_identity.get(key, ())]
        finding = _find(dataset, theirs, now)
        if finding is not None:
            found.append(finding)
    found += islice(_strangers(copies, known, now, own), MOST_STRANGERS)
    return in_order(_since(one, before.get(one.id)) for one in found)


def in_order(findings: Iterable[Finding]) -> list[Finding]:
    """The findings, the most urgent first."""
    return sorted(findings, key=lambda one: (STATES.index(one.state), one.name, one.id))


def _find(dataset: Dataset, copies: Sequence[Copy], now: str) -> Finding | None:
    def finding(state: str, theirs: str | None) -> Finding:
        return Finding(
            dataset.id, dataset.name, dataset.title, state, now, dataset.modified, theirs
        )

    if not copies:
        return None if dataset.is_gone else finding(MISSING, None)
    theirs = _newest(copies)
    if dataset.is_gone:
        return finding(SURPLUS, theirs)
    here, there = moments.parse(dataset.modified), moments.parse(theirs)
    if here is None or there is None:
        return finding(SEEN, theirs)
    order = moments.order(there, here)
    withdrawn = filter(None, map(moments.parse, dataset.withdrawn))
    if order and any(moments.order(there, one) == 0 for one in withdrawn):
        return finding(SURPLUS, theirs)
    return finding(STALE if order < 0 else SEEN, theirs)


def _newest(copies: Sequence[Copy]) -> str | None:
    """The date of the newest copy, of those that tell one: whoever has two shows that first."""
    dated = {one.modified: moments.parse(one.modified) for one in copies}
    told = {text: moment for text, moment in dated.items() if moment is not None}
    return max(told, key=cmp_to_key(lambda a, b: moments.order(told[a], told[b])), default=None)


def _strangers(copies: Iterable[Copy], known: set[str], now: str, own: str) -> Iterator[Finding]:
    for copy in copies:
        ours = sorted(one for one in copy.identities if one.startswith(own))
        if ours and not copy.identities & known:
            name = ours[0].removeprefix(own)
            yield Finding(ours[0], name, "", SURPLUS, now, None, copy.modified)


def _since(finding: Finding, before: Finding | None) -> Finding:
    if before is None or before.state != finding.state:
        return finding
    return replace(finding, since=before.since)
