"""The order of the Vietnamese alphabet: a ă â … d đ e ê … o ô ơ … u ư, then by tone."""

from __future__ import annotations

import unicodedata

_ALPHABET = "aăâbcdđeêfghijklmnoôơpqrstuưvwxyz"
_RANKS = {letter: rank for rank, letter in enumerate(_ALPHABET)}

# Level, then grave, hook above, tilde, acute, dot below: the order of Vietnamese dictionaries.
_TONES = {"\u0300": 1, "\u0309": 2, "\u0303": 3, "\u0301": 4, "\u0323": 5}

Key = tuple[list[tuple[int, str]], list[int], str]


def key(text: str) -> Key:
    """A key to sort Vietnamese texts by: letters first, tones where the letters are the same.

    What is not a letter (spaces, digits) comes before the letters.
    """
    letters: list[tuple[int, str]] = []
    tones: list[int] = []
    for character in unicodedata.normalize("NFC", text).lower():
        marks = unicodedata.normalize("NFD", character)
        tone = next((_TONES[mark] for mark in marks if mark in _TONES), 0)
        toneless = "".join(mark for mark in marks if mark not in _TONES)
        letter = unicodedata.normalize("NFC", toneless)
        letters.append((_RANKS.get(letter, -1), letter))
        tones.append(tone)
    return letters, tones, text
