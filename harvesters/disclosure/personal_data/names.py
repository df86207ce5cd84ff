"""Names of persons: two to six capitalised syllables that start with a family name.

Schools, wards and streets are named after people. What an institution's or a place's word stands
before is its name (``Trường THPT Nguyễn Du``, ``phường Võ Thị Sáu``); so is what the registry of
schools or the list of areas knows. Family names: Lê Trung Hoa, *Họ và tên người Việt Nam* (2005).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from importlib import resources

import yaml

from harvesters.disclosure.personal_data.public import Public
from harvesters.disclosure.personal_data.text import fold

_LISTS: Mapping[str, frozenset[str]] = {
    name: frozenset(words)
    for name, words in yaml.safe_load(
        (resources.files(__package__) / "names.yaml").read_text(encoding="utf-8")
    ).items()
}
_FAMILY = _LISTS["family"]
_STRONG = _LISTS["strong"]
_PLAIN = _LISTS["toneless"]

_INSTITUTION_START = (
    r"(?i)^[^\pL]*(?:trường|truong|thpt|thcs|tiểu học|tieu hoc|mầm non|mam non|mẫu giáo|th|mn|mg"
    r"|trung tâm|trung tam|gdtx|nhóm trẻ|nhom tre|lớp|lop|phường|phuong|xã|xa|đặc khu|dac khu"
    r"|ubnd|đường|duong|thị trấn|quận|huyện|cơ sở|phòng|sở|công ty|nhà trẻ|nha tre|trung học)"
    r"(?:[^\pL]|$)"
)
_ADDRESSED = (
    r"(?i)(?:^|[^\pL])(?:ông|bà|thầy|cô|em|cháu|bé|học sinh|giáo viên|phụ huynh|hiệu trưởng|họ tên"
    r"|người|liên hệ|chủ hộ|mr|mrs|ms|hoc sinh|giao vien|hieu truong|ho ten|nguoi|ong|ba|co)"
    r"[^\pL]"
)

_TOKEN = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)?|[^\s]")
_SYLLABLE = re.compile(
    r"(?:b|ch?|d|gh?|gi|h|kh?|l|m|nh?|ngh?|ph?|qu|r|s|th?|tr|v|x)?[aeiouy]{1,3}(?:ch?|m|nh?|ng|p|t)?"
    r"|[b-z]"
)
_MOST = 6


def candidates() -> tuple[str, str, str]:
    """Three RE2 patterns of normalised texts: those that may hold a name; those that start as an
    institution or a place does; those that address somebody in spite of it."""
    names = "|".join(sorted(_FAMILY | _PLAIN))
    return rf"(?i)(?:^|[^\pL])(?:{names})[ ]+\pL", _INSTITUTION_START, _ADDRESSED


def has_name(value: str, public: Public, institution: bool = False) -> bool:
    """Whether there is a person's name in a normalised `value`.

    :param public: names that are no person's
    :param institution: whether the column is headed as names of institutions or places: there the
        bare names that schools and streets have are theirs
    """
    if public.resolves(value):
        return False
    tokens = _TOKEN.findall(value)
    index = 0
    while index < len(tokens):
        length = _run(tokens, index) if _is_family(tokens[index]) else 0
        if length and _is_person(tokens, index, length, public, institution):
            return True
        index += max(length, 1)
    return False


def _is_family(token: str) -> bool:
    lower = token.lower()
    return lower in _FAMILY or (lower.isascii() and lower in _PLAIN)


def _run(tokens: Sequence[str], start: int) -> int:
    """How many tokens from `start` on may be one name: all capitalised, or all in capitals; all in
    small letters where nothing else stands there."""
    style = _style(tokens[start])
    if style == "small" and (start or len(tokens) > _MOST):
        return 0
    end = start
    while (
        end < len(tokens)
        and end - start < _MOST
        and tokens[end][0].isalpha()
        and (_style(tokens[end]) == style or (len(tokens[end]) == 1 and tokens[end].isupper()))
        and _SYLLABLE.fullmatch(fold(tokens[end]).replace("'", ""))
    ):
        end += 1
    return end - start if end - start >= 2 else 0


def _style(token: str) -> str:
    if token.islower():
        return "small"
    if token.isupper() and len(token) > 1:
        return "capitals"
    return "title" if token[0].isupper() and token[1:].lower() == token[1:] else "mixed"


def _is_person(
    tokens: Sequence[str], start: int, length: int, public: Public, institution: bool
) -> bool:
    run = tokens[start : start + length]
    folded = [fold(token) for token in run]
    if " ".join(folded[:2]) in _LISTS["words"] or folded[:3] == ["ho", "chi", "minh"]:
        return False
    before = [token.lower() for token in tokens[max(0, start - 2) : start]]
    pair = fold(" ".join(before))
    addressed = bool(before) and (
        before[-1] in _LISTS["addressed"]
        or pair in _LISTS["addressed_two"]
        or before[-1] in (":", "：")
    )
    if not addressed:
        if before and (before[-1] in _LISTS["before"] or pair in _LISTS["before_two"]):
            return False
        if before and before[-1] == "." and before[0] in _LISTS["before"]:
            return False
        after = tokens[start + length] if start + length < len(tokens) else ""
        if after.lower() in _LISTS["after"]:
            return False
        if institution and public.is_eponym(run):
            return False
    return _is_strong_enough(tokens, start, run, addressed)


def _is_strong_enough(
    tokens: Sequence[str], start: int, run: Sequence[str], addressed: bool
) -> bool:
    """Whether a run is more than a word that is also a family name."""
    first = run[0].lower()
    whole = len(run) == len(tokens) or (start == 0 and not tokens[len(run)][0].isalpha())
    style = _style(run[0])
    if style == "small":
        return fold(run[1]) in ("van", "thi") and len(run) >= 3
    if not any(_has_marks(token) for token in run):
        # Without tones much is a name that is none.
        return len(run) >= 3 or first in _LISTS["toneless_strong"]
    if whole or addressed:
        return True
    if style == "capitals":
        # In a sentence in capitals every word looks like a name's.
        alone = start == 0 or not tokens[start - 1][0].isalpha()
        small = any(token.islower() for token in tokens if len(token) > 1)
        return (alone or small) and (first in _STRONG or len(run) >= 3)
    inner = start > 0 and tokens[start - 1][0].isupper() and tokens[start - 1].isalpha()
    if inner:
        return first in _STRONG and len(run) >= 3
    return first in _STRONG or len(run) >= 3


def _has_marks(token: str) -> bool:
    return not unicodedata.normalize("NFC", token).isascii()
