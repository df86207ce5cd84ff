"""What a reader may be about to ask, and what was meant by a word that nothing has.

It goes by the words of what is published: titles, keywords, codes, places, schools. Most words of
Vietnamese are two syllables that are written apart, so a syllable is judged by its neighbours.
"""

from __future__ import annotations

import string
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from ckanext.hcmedu import settings, wording
from ckanext.hcmedu.figures.register import TABLE, register
from ckanext.hcmedu.published import published
from ckanext.hcmedu.search import queries
from harvesters.mapping import fold
from schemas import Declarations

_MOST = 8
_SHORTEST = 2
"""Characters from which on something is suggested."""
_LISTS_OF_PLACES = ("area", "old_area", "district")


@dataclass(frozen=True)
class Suggestion:
    """Something that a question may become: a text, and the kind of what it is."""

    text: str
    kind: str


@dataclass(frozen=True)
class Words:
    """The syllables that are known, folded: how often, as they are written, and which stand side
    by side."""

    counts: Counter[str]
    written: dict[str, Counter[str]]
    pairs: dict[tuple[str, str], Counter[tuple[str, str]]]


def suggest(question: str) -> list[Suggestion]:
    """What begins as the question does, with or without diacritics: datasets, then places, then
    schools."""
    asked = [fold(one) for one in queries.words(question)]
    if len("".join(asked)) < _SHORTEST:
        return []
    found = list(_titles(asked))
    for name in ("area", "district"):
        for code in settings.declarations().codelists[name].codes.values():
            if _begins(code.label["vi"], asked):
                found.append(Suggestion(wording.text(code.label), "place"))
    found += [Suggestion(one.school_name, "school") for one in register().starting(asked, _MOST)]
    # What begins so comes before what only has such a word in it.
    found.sort(key=lambda one: not fold(one.text).startswith(" ".join(asked)))
    distinct = {one.text: one for one in found}
    return list(distinct.values())[:_MOST]


def _titles(asked: list[str]) -> Iterator[Suggestion]:
    declared = settings.declarations().tables
    for name in published():
        table = declared.get(name)
        if table is None:
            continue
        for keyword in table.keywords.get(wording.language(), ()):
            if _begins(keyword, asked):
                yield Suggestion(keyword, "dataset")
        title = wording.text(table.title)
        if _begins(title, asked):
            yield Suggestion(title, "dataset")


def _begins(text: str, asked: list[str]) -> bool:
    """Whether the words of a text, from one of them on, are those asked for, the last one begun."""
    words = [fold(one) for one in queries.words(text)]
    whole, last = asked[:-1], asked[-1]
    return any(
        words[at : at + len(whole)] == whole
        and at + len(whole) < len(words)
        and words[at + len(whole)].startswith(last)
        for at in range(len(words))
    )


def meant(question: str) -> str | None:
    """The question with words that nothing has put right; None where all are known, or nothing
    better is."""
    asked = queries.words(question)
    shown = published().get(TABLE)
    words = _words(shown.digest if shown else "")
    folded = [fold(one) for one in asked]
    better = list(asked)
    for at, word in enumerate(folded):
        if word in words.counts or len(word) < _SHORTEST or not word.isalpha():
            continue
        found = _best(words, word, folded[at - 1] if at else "", "".join(folded[at + 1 : at + 2]))
        if found is not None:
            folded[at] = found
            better[at] = words.written[found].most_common(1)[0][0]
    if better == asked:
        return None
    # A word that was put right is written as it is beside its neighbour.
    for at, pair in enumerate(pairwise(folded)):
        known = words.pairs.get(pair)
        if known and (better[at] != asked[at] or better[at + 1] != asked[at + 1]):
            better[at : at + 2] = known.most_common(1)[0][0]
    return " ".join(better)


def _best(words: Words, word: str, before: str, after: str) -> str | None:
    """The known syllable one letter away that goes best with its neighbours, then the commonest."""
    ranked = sorted(
        (
            -((before, other) in words.pairs) - ((other, after) in words.pairs),
            -words.counts[other],
            other,
        )
        for other in _near(word)
        if other in words.counts
    )
    return ranked[0][2] if ranked else None


def _near(word: str) -> set[str]:
    """Words one letter away: left out, put in, another, two changed over."""
    cuts = [(word[:at], word[at:]) for at in range(len(word) + 1)]
    letters = string.ascii_lowercase
    return {
        *(left + right[1:] for left, right in cuts if right),
        *(left + right[1] + right[0] + right[2:] for left, right in cuts if len(right) > 1),
        *(left + one + right[1:] for left, right in cuts if right for one in letters),
        *(left + one + right for left, right in cuts for one in letters),
    } - {word}


@lru_cache(maxsize=2)
def _words(register_digest: str) -> Words:
    counts: Counter[str] = Counter()
    written: dict[str, Counter[str]] = defaultdict(Counter)
    pairs: dict[tuple[str, str], Counter[tuple[str, str]]] = defaultdict(Counter)
    for text in _texts(settings.declarations()):
        words = queries.words(text)
        folded = [fold(one) for one in words]
        counts.update(folded)
        for one, as_written in zip(folded, words, strict=True):
            written[one][as_written] += 1
        for known, pair in zip(pairwise(folded), pairwise(words), strict=True):
            pairs[known][pair] += 1
    return Words(counts, dict(written), dict(pairs))


def _texts(declared: Declarations) -> Iterable[str]:
    for table in declared.tables.values():
        yield from (*table.title.values(), *table.description.values())
        for keywords in table.keywords.values():
            # Whoever asks, asks in these words.
            yield from keywords * 5
        for measure in table.measures:
            yield from measure.title.values()
    for codelist in declared.codelists.values():
        for code in codelist.codes.values():
            yield from code.label.values()
            yield from code.aliases
    for school in register().schools.values():
        yield school.school_name
