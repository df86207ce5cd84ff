"""A protection set as numbers: figures, and the sums between them.

Everything that is published of one record type and period is one linear system, whatever table
it stands in: Fischetti and Salazar-González, *Solving the Cell Suppression Problem on Tabular
Data with Linear Constraints* (Management Science 47, 2001).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Mask = npt.NDArray[np.bool_]
Values = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Sums:
    """Equations ``total = part + part + …`` over numbered figures.

    Equation e has the total `total[e]` and the parts ``part[start[e]:start[e + 1]]``; shapes are
    (equations,), (equations + 1,) and (all parts,).
    """

    total: Index
    start: Index
    part: Index

    def __len__(self) -> int:
        return len(self.total)

    @property
    def of_part(self) -> Index:
        """The equation of each entry of `part`."""
        return np.repeat(np.arange(len(self.total)), np.diff(self.start))

    def take(self, equations: Index) -> Sums:
        """Some of the equations, in the given order."""
        sizes = np.diff(self.start)[equations]
        start = np.concatenate([[0], np.cumsum(sizes)])
        offset = np.repeat(self.start[equations] - start[:-1], sizes)
        return Sums(self.total[equations], start, self.part[np.arange(start[-1]) + offset])

    def __add__(self, more: Sums) -> Sums:
        return Sums(
            np.concatenate([self.total, more.total]),
            np.concatenate([self.start, self.start[-1] + more.start[1:]]),
            np.concatenate([self.part, more.part]),
        )

    def terms(self) -> Terms:
        """The equations as ``part + part + … - total = 0``, term by term."""
        equations = np.arange(len(self.total))
        return Terms(
            len(self.total),
            np.concatenate([self.of_part, equations]),
            np.concatenate([self.part, self.total]),
            np.concatenate([np.ones(len(self.part)), -np.ones(len(self.total))]),
        )


@dataclass(frozen=True)
class Terms:
    """A sparse matrix of `rows` rows: `sign` at (`row`, `figure`), shape (terms,) each."""

    rows: int
    row: Index
    figure: Index
    sign: Values

    def take(self, places: Index) -> Terms:
        """Some of the terms, in the given order."""
        return Terms(self.rows, self.row[places], self.figure[places], self.sign[places])

    def where(self, mask: Mask, number: Index) -> Terms:
        """The terms in `mask`, their figures numbered anew as `number` says."""
        return Terms(self.rows, self.row[mask], number[self.figure[mask]], self.sign[mask])


@dataclass(frozen=True)
class System:
    """Figures about persons, the sums between them, and what has to be kept of each.

    All arrays but `sums` have the shape (figures,). A figure that is not `published` is one that
    a reader could work out, such as the rest of a filtered count. What a reader can work out of a
    figure has to contain everything from `low` to `high` (NaN where nothing is asked); where
    `sensitive`, the figure itself must not be published. What is `open` stands published already
    and cannot be hidden. `block` groups figures that hang together closely; block 0 is what the
    others share. A reader knows of no figure that it is more than `most`, where that is given.
    """

    value: Values
    sums: Sums
    published: Mask
    sensitive: Mask
    open: Mask
    low: Values
    high: Values
    block: Index
    most: Values | None = None

    def __len__(self) -> int:
        return len(self.value)
