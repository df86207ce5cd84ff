"""How the search index is asked what a reader looks for."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

_WEIGHTS = {
    "title": (4, 0.87, 1.7),
    "subject": (5.4, 2, 19),
    "keywords": (9.3, 8.7, 18),
    "codes": (5.9, 5.6, 0.24),
    "notes": (0.98, 2.8, 0.34),
    "columns": (2, 1, 7.7),
    "method": (0.4, 0.59, 0.29),
}
"""What a word counts in a kind of text: with its tones, without them, in English."""

_FIELDS = " ".join(
    [
        *(
            f"{name}_{ending}^{weight}"
            for name, weights in _WEIGHTS.items()
            for ending, weight in zip(("toned", "folded", "english"), weights, strict=True)
        ),
        # What a place is called tells little of the subject.
        "places_toned^0.96",
        "places_folded^5.6",
        # What datasets from elsewhere have beside these. A field that is not cut into syllables
        # (`name`) would have each field asked for all of the question.
        "text^0.035",
    ]
)

_TIE = 0.6

_PRIOR = "def(prominence,1)"
"""What a hit counts for whatever is asked: who says no more than the name of a place, or "how many
pupils", means some tables more often than others."""

_PAIR, _THREE = 1, 0.5
"""What syllables count that stand together in the question and in a text."""

_LEAST = 0.6
"""How many of its words must be found: questions have some that no dataset has."""

_LONGEST = 300
"""Characters of a question that are looked at."""


def parameters(asked: Mapping[str, Any]) -> dict[str, Any]:
    """What is to be sent instead of a question in words; nothing where it is asked in Solr's own
    syntax, or says itself how it is to be asked.

    :param asked: the parameters of `package_search`.
    """
    text = str(asked.get("q") or "").strip()
    if not text or ":" in text or {"defType", "qf", "mm", "boost"} & set(asked):
        return {}
    asked_for = words(text)
    least = max(1, int(len(asked_for) * _LEAST))
    question = _question(asked_for) or "*"
    return {
        "q": question,
        "defType": "edismax",
        "qf": _FIELDS,
        "mm": str(least),
        "tie": _TIE,
        "boost": _PRIOR,
    }


def words(text: str) -> list[str]:
    """The words of a question: what would be syntax in it is taken out."""
    composed = unicodedata.normalize("NFC", text[:_LONGEST])
    kept = "".join(each if each.isalnum() or each in " ." else " " for each in composed)
    # Operators are written in capitals.
    return [word.lower() for word in kept.split()]


def _question(asked_for: list[str]) -> str:
    """The words, and those that stand together: most words of Vietnamese are two syllables that
    are written apart.

    CKAN has Solr join words by AND, and lets nothing but operators in the question change that.
    """
    threes = zip(asked_for, asked_for[1:], asked_for[2:], strict=False)
    return " OR ".join(
        [
            *asked_for,
            *(f'"{" ".join(each)}"^{_PAIR}' for each in pairwise(asked_for)),
            *(f'"{" ".join(each)}"^{_THREE}' for each in threes),
        ]
    )
