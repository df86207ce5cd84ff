"""However a value is disguised, it is the same value."""

from __future__ import annotations

import random
import re
import unicodedata

import pyarrow as pa
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from harvesters.disclosure.personal_data import Place, Public, scan_texts
from harvesters.disclosure.personal_data.text import fold, normalise, normalised
from tests.harvesters.disclosure.personal_data import values

pytestmark = pytest.mark.unit

_INVISIBLE = "\u200b\u200c\u200d\u2060\ufeff\u00ad\u034f\u200e\u202a\u2066\ufe0f\U000e0001"
_SPACES = " \u00a0\u2007\u2009\u202f\u3000\t"
_SEPARATORS = _SPACES + ".-_/\\,·•'()–—:;|~*"
_DIGITS = ("0123456789", "０１２３４５６７８９", "٠١٢٣٤٥٦٧٨٩", "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗", "०१२३४५६७८९")
_PUBLIC = Public()


def rules(text: str) -> set[str]:
    return {found.rule for found in scan_texts([(Place("comment"), text)], _PUBLIC)}


@st.composite
def disguised(draw: st.DrawFn, number: str, alphabet: str) -> str:
    """`number` in digits of any script, with any of `alphabet` between them."""
    between = st.text(alphabet, max_size=3)
    return "".join(draw(st.sampled_from(_DIGITS))[int(digit)] + draw(between) for digit in number)


@st.composite
def numbers(draw: st.DrawFn, alphabet: str) -> tuple[str, str]:
    """A rule, and a disguised number that breaks it."""
    dice = random.Random(draw(st.integers(0, 10_000)))
    rule, number = draw(
        st.sampled_from(
            (("personal-number", values.personal_number(dice)), ("phone", values.phone(dice)))
        )
    )
    text = draw(disguised(number, alphabet))
    # 0.79 is a fraction, 07/9/2030 a date: what is written as one is read as one.
    plain = normalise(text)
    assume(not re.fullmatch(r"0 ?[.,] ?\d+", plain.strip(" .,")))
    assume(not re.search(r"\d([-/.])\d{1,2}\1(19|20)\d\d|(19|20)\d\d([-/.])\d{1,2}\3\d", plain))
    return rule, text


@given(numbers(_INVISIBLE + _SEPARATORS))
def test_separators_scripts_and_invisible_characters_hide_no_number(found: tuple[str, str]):
    rule, text = found
    assert rule in rules(text)
    assert rule in rules(f"Ghi chú: {text} (mới)")


@given(st.data(), st.integers(0, 10_000))
def test_invisible_characters_hide_nothing(data: st.DataObject, seed: int):
    dice = random.Random(seed)
    kind = data.draw(st.sampled_from(list(values.ANYWHERE.values())))
    value = kind.make(dice)
    noise = st.text(_INVISIBLE, max_size=2)
    assert kind.rule in rules("".join(letter + data.draw(noise) for letter in value))


@given(st.data(), st.integers(0, 10_000), st.sampled_from(("NFC", "NFD", "NFKC", "NFKD")))
def test_names_are_found_composed_or_not_and_however_they_are_spaced(
    data: st.DataObject, seed: int, form: str
):
    name = unicodedata.normalize(form, values.name(random.Random(seed)))
    space = data.draw(st.text(_SPACES, min_size=1, max_size=3))
    assert rules(name.replace(" ", space)) == {"name"}
    assert rules(name.upper().replace(" ", space)) == {"name"}


@given(st.text(max_size=60))
def test_normalising_twice_changes_nothing(text: str):
    once = normalise(text)
    assert normalise(once) == once
    assert fold(fold(once)) == fold(once)


@given(st.lists(st.text(max_size=30), max_size=5))
def test_texts_are_normalised_each_by_itself(texts: list[str]):
    together = normalised(pa.array(texts, pa.string())).to_pylist()
    assert together == [normalise(text) for text in texts]


@given(st.text(max_size=200))
def test_no_text_makes_the_scanner_fail(text: str):
    rules(text)


def test_a_long_text_is_searched_to_its_end():
    text = "lorem " * 20_000 + values.personal_number(random.Random(1))
    assert rules(text) == {"personal-number"}
    assert rules("0 " * 100_000 + "@" + "a" * 100_000) == set()
