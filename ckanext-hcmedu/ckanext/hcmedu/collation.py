"""The order of the Vietnamese alphabet: a ă â … d đ e ê … o ô ơ … u ư, then by tone."""

from __future__ import annotations

import unicodedata

_ALPHABET = "aăâbcdđeêfghijklmnoôơpqrstuưvwxyz"
_RANKS = {letter: rank for rank, letter in enumerate(_ALPHABET)}

TONES = {"\u0300": 1, "\u0309": 2, "\u0303": 3, "\u0301": 4, "\u0323": 5}
"""The marks of the tones, as Unicode writes them apart from the letter, in the order of Vietnamese
dictionaries: after the level tone grave, hook above, tilde, acute, dot below."""

Key = tuple[list[tuple[int, str]], list[int], str]


def key(text: str) -> Key:
    """A key to sort Vietnamese texts by: letters first, tones where the letters are the same.

    What is not a letter (spaces, digits) comes before the letters.
    """
    letters: list[tuple[int, str]] = []
    tones: list[int] = []
    for character in unicodedata.normalize("NFC", text).lower():
        marks = unicodedata.normalize("NFD", character)
        tone = next((TONES[mark] for mark in marks if mark in TONES), 0)
        toneless = "".join(mark for mark in marks if mark not in TONES)
        letter = unicodedata.normalize("NFC", toneless)
        letters.append((_RANKS.get(letter, -1), letter))
        tones.append(tone)
    return letters, tones, text
