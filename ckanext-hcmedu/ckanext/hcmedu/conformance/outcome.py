"""What a check of the feed finds, as it is kept and shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from ckanext.hcmedu import reports
from ckanext.hcmedu.dcat.quality import CONFORMANT

OWN, OFFICIAL = "own", "official"
_SCORES = "scores"


@dataclass(frozen=True)
class Shapes:
    """Of one set of shapes: how often the feed says otherwise than they ask, and examples."""

    name: str
    violations: int
    examples: list[Mapping[str, str]]


@dataclass(frozen=True)
class Dimension:
    """Of one dimension of the quality score: its points, and what datasets got on the average."""

    name: str
    most: int
    points: float


@dataclass(frozen=True)
class Lost:
    """An item of the score that some datasets did not get, worth so many points."""

    dimension: str
    item: str
    most: int
    datasets: int


@dataclass(frozen=True)
class Asked:
    """How many addresses were asked and answered, were asked and did not (some of them by name),
    and were not asked."""

    answered: int
    silent: int
    not_asked: int
    examples: list[str]


@dataclass(frozen=True)
class Dialect:
    """One of the forms that the feed has: how much it holds, and whether a strict reader takes it.

    `statements` are counted page by page, and None where the form has none; `agrees` is whether
    it says what the first form says.
    """

    name: str
    pages: int
    datasets: int
    statements: int | None
    is_valid: bool
    agrees: bool


@dataclass(frozen=True)
class Score:
    """What one dataset got: its points, and the items of the score that it lacks."""

    points: int
    lacks: list[str]

    @property
    def conforms(self) -> bool:
        """Whether what is said of it keeps to all shapes."""
        return CONFORMANT not in self.lacks


@dataclass(frozen=True)
class Outcome:
    """What a check of the feed found, over all of its datasets; `scores` by their IRIs."""

    datasets: int
    shapes: tuple[Shapes, ...]
    dimensions: tuple[Dimension, ...]
    lost: tuple[Lost, ...]
    addresses: Asked
    dialects: tuple[Dialect, ...]
    scores: Mapping[str, Score] = field(default_factory=dict)

    @property
    def is_good(self) -> bool:
        """Whether the feed keeps to all shapes and forms, and every address asked answered."""
        forms = all(one.is_valid and one.agrees for one in self.dialects)
        shapes = all(not one.violations for one in self.shapes)
        return forms and shapes and not self.addresses.silent

    @property
    def score(self) -> float:
        """The quality score, of `quality.MOST`, on the average."""
        return sum(one.points for one in self.dimensions)

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Outcome:
        """The outcome that a report holds."""
        return cls(
            datasets=content["datasets"],
            shapes=tuple(Shapes(**one) for one in content["shapes"]),
            dimensions=tuple(Dimension(**one) for one in content["dimensions"]),
            lost=tuple(Lost(**one) for one in content["lost"]),
            addresses=Asked(**content["addresses"]),
            dialects=tuple(Dialect(**one) for one in content["dialects"]),
            scores={iri: Score(**one) for iri, one in content.get(_SCORES, {}).items()},
        )


REPORT = reports.named("conformance", Outcome, Shapes, Dimension, Lost, Asked, Dialect, Score)


def last() -> reports.Report | None:
    """The last check, whether it could be carried through or not."""
    return reports.last(REPORT)


def last_of(dataset: str) -> tuple[Score, datetime] | None:
    """What the dataset with that IRI got, and when; None where it was not there at the last check.

    Nothing else of the outcome is read.
    """
    report = reports.last(REPORT, (_SCORES, dataset))
    if report is None or report.at is None or report.content is None:
        return None
    return Score(**report.content), report.at
