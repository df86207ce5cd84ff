"""Where the words of a question stand in a text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import lru_cache
from itertools import pairwise

from markupsafe import Markup

from ckanext.hcmedu.search import queries
from harvesters.mapping import fold

_WORD = re.compile(r"\w+")


def highlight(text: str, question: str) -> Markup:
    """The text as HTML in which words that were asked for are marked, with whatever tones.

    A syllable alone says little in Vietnamese: of a longer question only those are marked that
    stand together in it as in the text.
    """
    asked = [fold(word) for word in queries.words(question)]
    pairs = set(pairwise(asked))
    text = unicodedata.normalize("NFC", text)
    found = _words(text)
    marked = set()
    for place, (_, _, word) in enumerate(found):
        if len(asked) == 1 and word == asked[0]:
            marked.add(place)
        elif place + 1 < len(found) and (word, found[place + 1][2]) in pairs:
            marked |= {place, place + 1}
    return _mark(text, found, marked)


@lru_cache(maxsize=2048)
def _words(text: str) -> tuple[tuple[int, int, str], ...]:
    """Where the words of a text begin and end, and what they are without tones; lists of datasets
    have the same texts again and again."""
    return tuple((each.start(), each.end(), fold(each[0])) for each in _WORD.finditer(text))


def _mark(text: str, found: Sequence[tuple[int, int, str]], marked: set[int]) -> Markup:
    html, done = Markup(""), 0
    for place in sorted(marked):
        if place - 1 in marked:
            continue
        last = place
        while last + 1 in marked:
            last += 1
        start, end = found[place][0], found[last][1]
        html += text[done:start] + Markup("<mark>{}</mark>").format(text[start:end])
        done = end
    return html + text[done:]
