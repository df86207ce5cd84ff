"""One column, judged as its values stream by: what it holds as a whole decides, not one cell.

Work is done once for each distinct value of a batch. Patterns in RE2, which is linear whatever the
text, pick the few values that may be something; only those are looked at in Python.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from harvesters.connectors.encodings import old_encoding
from harvesters.disclosure.personal_data import addresses, dates, names, numbers
from harvesters.disclosure.personal_data.findings import PRIORITY
from harvesters.disclosure.personal_data.headings import Heading
from harvesters.disclosure.personal_data.public import Public
from harvesters.disclosure.personal_data.text import normalised

_THREE = 3
_HUNDRED = 100
# Beyond 300 distinct values three hits are less than one in a hundred: no need to count on.
_MOST_DISTINCT = 300
# A column with so many hits is refused whatever else it holds.
_MOST_HITS = 300
_WINDOW = 4096
_SMALL = 500
# A number of so many digits may be a large figure, or somebody's.
_LARGE = 7
_OVERLAP = 256

_NAMES, _INSTITUTIONS, _ADDRESSED = names.candidates()
_LETTERS = r"\pL{2}"
_CODES = f"{numbers.EMAIL}|{numbers.PLATE}|{numbers.ADDRESS}|{numbers.BANK}"
_BIRTH_YEAR = r"^(?:19[2-9][0-9]|20[0-3][0-9])(?:\.0)?$"
_ANY_NUMBER = r"^[0-9][0-9 .-]{4,}[0-9]$"

Hit = tuple[frozenset[str], int]
Mask = npt.NDArray[np.bool_]


@dataclass
class Column:
    """The evidence of one column, or of one text that stands alone.

    :param heading: what the column says that it holds
    :param public: names that are no person's
    :param headed_until: the last row of the headings; rows below it hold data
    :param today: decides which dates lie in the age range
    """

    heading: Heading
    public: Public
    headed_until: int = 0
    today: date = field(default_factory=date.today)

    _sure: dict[str, Hit] = field(default_factory=dict, init=False)
    _few: dict[str, dict[str, int]] = field(default_factory=dict, init=False)
    _distinct: set[str] = field(default_factory=set, init=False)
    _shares: Counter[str] = field(default_factory=Counter, init=False)
    _first: dict[str, int] = field(default_factory=dict, init=False)
    _lengths: Counter[int] = field(default_factory=Counter, init=False)
    birth_year: int | None = field(default=None, init=False)
    """The first row with a year of birth, if the column is headed as such."""

    def add(self, values: pa.Array, rows: Sequence[int]) -> None:
        """Take the next values of the column (strings, nulls allowed) and their rows."""
        encoded = values.dictionary_encode()
        raw = encoded.dictionary
        if len(raw) == 0:
            return
        batch = _Batch(normalised(raw), encoded.indices, rows)
        self._old_encoding(raw, batch)
        self._count(batch)
        if len(self._sure) < _MOST_HITS:
            self._sure_rules(batch)
        self._name(batch)
        if self.heading.declared is None or not self.heading.is_amount:
            self._collect(batch, "address", addresses.ADDRESS, self._is_address)
        self._dates(batch)
        self._whole(batch)

    def _old_encoding(self, raw: pa.Array, batch: _Batch) -> None:
        foreign = raw.filter(pc.invert(pc.string_is_ascii(raw)))
        if len(foreign) and old_encoding(foreign.to_pylist()):
            self._first.setdefault("old-encoding", batch.row(0))

    def _count(self, batch: _Batch) -> None:
        if len(self._distinct) <= _MOST_DISTINCT:
            self._distinct.update(batch.texts.slice(0, _MOST_DISTINCT + 1).to_pylist())

    # What is a hit wherever it stands

    def _sure_rules(self, batch: _Batch) -> None:
        digits = batch.mask(numbers.DIGITS)
        if self.heading.is_amount:
            digits &= ~batch.mask(numbers.NUMBER)
        if self.heading.number_rules:
            digits |= batch.mask(_ANY_NUMBER)
        codes = batch.mask(_CODES)
        for index in _places(digits | codes):
            text = batch.text(index)
            if self.public.resolves(text):
                continue
            rules: set[str] = set()
            for part in _windows(text):
                if digits[index]:
                    rules |= numbers.digit_rules(part, self.heading)
                if codes[index]:
                    rules |= numbers.code_rules(part, self.heading)
            if rules:
                self._sure.setdefault(text, (frozenset(rules), batch.row(index)))
                if len(self._sure) >= _MOST_HITS:
                    break

    # What is a hit where it stands several times

    def _collect(
        self, batch: _Batch, rule: str, pattern: str, is_hit: Callable[[str], bool]
    ) -> None:
        hits = self._few.setdefault(rule, {})
        if len(hits) >= _THREE:
            return
        for index in _places(batch.mask(pattern)):
            text = batch.text(index)
            if text not in hits and any(is_hit(part) for part in _windows(text)):
                hits[text] = batch.row(index)
                if len(hits) >= _THREE:
                    return

    def _name(self, batch: _Batch) -> None:
        if self.heading.is_person:
            self._headed(batch, "name", _LETTERS)
        hits = self._few.setdefault("name", {})
        if len(hits) >= _THREE:
            return
        candidates = batch.mask(_NAMES)
        if not candidates.any():
            return
        candidates &= ~batch.mask(_INSTITUTIONS) | batch.mask(_ADDRESSED)
        for index in _places(candidates):
            text = batch.text(index)
            if text not in hits and any(
                names.has_name(part, self.public, self.heading.is_institution)
                for part in _windows(text)
            ):
                hits[text] = batch.row(index)
                if len(hits) >= _THREE:
                    return

    def _is_address(self, text: str) -> bool:
        return not self.heading.is_own_address and addresses.is_address(text)

    def _headed(self, batch: _Batch, rule: str, pattern: str) -> None:
        """Data below a heading that says it all: the first row with any."""
        if rule in self._first:
            return
        for index in _places(batch.mask(pattern)):
            below = [row for row in batch.rows_of(index) if row > self.headed_until]
            if below:
                self._first[rule] = min(below)
                return

    def _dates(self, batch: _Batch) -> None:
        if self.heading.is_birth_year:
            found = _places(batch.mask(_BIRTH_YEAR))
            if len(found) and self.birth_year is None:
                self.birth_year = min(batch.row(index) for index in found)
        if self.heading.is_birth_date:
            pattern, headed = f"{dates.DATE}|{dates.SERIAL}|[0-9]{{8}}", True
        else:
            pattern, headed = dates.DATE, False
        hits = self._few.setdefault("birth-date", {})
        for index in _places(batch.mask(pattern)):
            if "birth-date" in self._first and len(hits) >= _THREE:
                return
            text = batch.text(index)[:_WINDOW]
            if dates.is_birth_date(text, headed):
                self._first.setdefault("birth-date", batch.row(index))
            elif (
                not self.heading.is_other_date
                and self.heading.declared is None
                and len(hits) < _THREE
                and dates.in_age_range(text, self.today)
            ):
                hits.setdefault(text, batch.row(index))

    # What is a hit where most of the column is so

    def _whole(self, batch: _Batch) -> None:
        self._shares["all"] += len(batch.texts)
        if not self.heading.is_key:
            lower, upper, digit = (batch.mask(each) for each in ("[a-z]", "[A-Z]", "[0-9]"))
            tokens = batch.mask(numbers.UUID)
            tokens |= batch.mask(numbers.HEX) & batch.mask("[A-Fa-f]") & digit
            tokens |= batch.mask(numbers.BASE64) & lower & upper & digit
            self._share("token", tokens, batch)
        is_number = batch.mask(numbers.NUMBER)
        self._shares["numbers"] += int(is_number.sum())
        lengths = pc.utf8_length(batch.texts.filter(pa.array(is_number)))
        self._lengths.update(lengths.to_pylist())
        if self.heading.is_amount:
            short = batch.mask(f"^{numbers.SHORT_PERSONAL_NUMBER}$")
            self._share("personal-number", short, batch)
        if self.heading.may_be_serials:
            first, last = dates.serials_in_age_range(self.today)
            serials = batch.mask(dates.SERIAL)
            for index in _places(serials):
                serials[index] = first <= float(batch.text(index)) <= last
            self._share("birth-date", serials, batch)

    def _share(self, rule: str, mask: Mask, batch: _Batch) -> None:
        found = _places(mask)
        if len(found):
            self._shares[rule] += len(found)
            self._first.setdefault(f"share {rule}", batch.row(found[0]))

    # The verdict

    def findings(self) -> Iterator[tuple[str, int]]:
        """The rules that the column breaks, each with the first row found."""
        yield from self._named()
        seen = set()
        for rule, row in self._first.items():
            if rule in PRIORITY:
                seen.add(rule)
                yield rule, row
        for rule, hits in self._few.items():
            if rule in seen or not hits:
                continue
            enough = len(hits) >= _THREE
            # A single date may be that of the report.
            if rule != "birth-date":
                enough |= len(hits) * _HUNDRED >= len(self._distinct)
            if enough:
                yield rule, min(hits.values())
        yield from self._by_share(seen)

    def _named(self) -> Iterator[tuple[str, int]]:
        """The fewest rules that explain every number found. Of those that explain nearly as many
        the one that comes first in `PRIORITY` stands for all: a column of telephone numbers has one
        or two that were never given out."""
        unclear = self._looks_like_amounts()
        open_hits = [
            hit for text, hit in self._sure.items() if not (unclear and numbers.is_number(text))
        ]
        while open_hits:
            counts = Counter(rule for rules, _ in open_hits for rule in rules)
            most = max(counts.values())
            best = min((r for r, n in counts.items() if n * 5 >= most * 4), key=PRIORITY.index)
            explained = frozenset().union(*(rules for rules, _ in open_hits if best in rules))
            yield best, min(row for rules, row in open_hits if rules & explained)
            open_hits = [hit for hit in open_hits if not hit[0] & explained]

    def _looks_like_amounts(self) -> bool:
        """Whether a column that nobody says what it is holds figures: large numbers of many
        lengths. Numbers that stand for a person have all the same, or nearly all."""
        if self.heading.declared is not None or self.heading.is_identifier:
            return False
        large = {length: count for length, count in self._lengths.items() if length >= _LARGE}
        count = sum(large.values())
        return (
            count >= 5
            and self._shares["numbers"] * 5 >= self._shares["all"] * 4
            and max(large.values()) * 5 <= count * 3
        )

    def _by_share(self, seen: set[str]) -> Iterator[tuple[str, int]]:
        every, found = self._shares["all"], self._shares
        # Beside the values stand a heading and perhaps a title.
        if found["token"] and found["token"] * 2 >= every - 1:
            yield "token", self._first["share token"]
        if found["personal-number"] >= 5 and (found["personal-number"] * 5 >= found["numbers"] * 4):
            yield "personal-number", self._first["share personal-number"]
        if (
            "birth-date" not in seen
            and found["birth-date"] >= _THREE
            and found["birth-date"] * 5 >= found["numbers"] * 4
        ):
            yield "birth-date", self._first["share birth-date"]


class _Batch:
    """The distinct values of a batch, normalised, and where they stand."""

    def __init__(self, texts: pa.Array, indices: pa.Array, rows: Sequence[int]):
        self.texts = texts
        self._indices = indices.fill_null(-1).to_numpy(zero_copy_only=False)
        self._rows = rows
        self._firsts: npt.NDArray[np.int64] | None = None
        # Arrow compiles a pattern each time: for a few short values that is most of the work.
        self._few: list[str] | None = None
        if len(texts) <= _SMALL and pc.max(pc.utf8_length(texts)).as_py() <= _WINDOW:
            self._few = texts.to_pylist()

    def mask(self, pattern: str) -> Mask:
        """Which values match the RE2 `pattern` somewhere."""
        if self._few is not None:
            search = _compiled(pattern).search
            return np.array([search(text) is not None for text in self._few], dtype=bool)
        found: Any = pc.match_substring_regex(self.texts, pattern=pattern)
        mask: Mask = found.fill_null(False).to_numpy(zero_copy_only=False)
        return mask.copy()

    def text(self, index: int) -> str:
        """One value."""
        return str(self.texts[index].as_py())

    def row(self, index: int) -> int:
        """The first row with the value."""
        if self._firsts is None:
            self._firsts = np.zeros(len(self.texts), dtype=np.int64)
            backwards = self._indices[::-1]
            places = np.arange(len(backwards) - 1, -1, -1)
            valid = backwards >= 0
            self._firsts[backwards[valid]] = places[valid]
        return int(self._rows[int(self._firsts[index])])

    def rows_of(self, index: int) -> list[int]:
        """All rows with the value."""
        return [self._rows[place] for place in _places(self._indices == index)]


def _places(mask: Mask) -> list[int]:
    """Where `mask` is true."""
    return [int(place) for place in np.flatnonzero(mask)]


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """An RE2 pattern as Python's: the classes of letters are all that differs."""
    for ours, python in (
        (r"[^\pL0-9]", r"[\W_]"), (r"[^\pL]", r"[\W\d_]"), (r"\pL", r"[^\W\d_]"),
    ):  # fmt: skip
        pattern = pattern.replace(ours, python)
    return re.compile(pattern)


def may_be_personal(texts: pa.Array) -> list[bool]:
    """Which of `texts`, each by itself, are worth a closer look; the rest break no rule."""
    batch = _Batch(normalised(texts), pa.array(range(len(texts))), range(len(texts)))
    mask = np.zeros(len(texts), dtype=bool)
    patterns = (
        numbers.DIGITS, _CODES, _NAMES, addresses.ADDRESS, dates.DATE,
        numbers.UUID, numbers.HEX, numbers.BASE64,
    )  # fmt: skip
    for pattern in patterns:
        mask |= batch.mask(pattern)
    for index in _places(~pc.string_is_ascii(texts).to_numpy(zero_copy_only=False)):
        mask[index] |= old_encoding([texts[index].as_py()]) is not None
    return [bool(each) for each in mask]


def _windows(text: str) -> Iterator[str]:
    """`text` in pieces that overlap, so that no rule ever works on a very long one."""
    if len(text) <= _WINDOW:
        yield text
        return
    for start in range(0, len(text), _WINDOW - _OVERLAP):
        yield text[start : start + _WINDOW]
