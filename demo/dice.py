"""Chance that can be asked again: every draw is a function of the seed, a topic and keys.

A draw does not depend on what was drawn before it. So one pupil, one school or one month can be
made on its own, in chunks of any size and in any order, and is always the same; and attributes
that belong to a pupil stay with the pupil from year to year.

The mixing function is the finaliser of SplitMix64 (Steele, Lea and Flood, "Fast splittable
pseudorandom number generators", OOPSLA 2014). It is written out here, because numpy's generators
may give other numbers in another version of numpy.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Keys = npt.ArrayLike
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _mix(value: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


class Dice:
    """Draws for one seed; `topic` names what is drawn, `keys` (broadcast) say for what."""

    def __init__(self, seed: int):
        self.seed = seed

    def bits(self, topic: str, *keys: Keys) -> npt.NDArray[np.uint64]:
        """64 well-mixed bits for each combination of `keys`."""
        with np.errstate(over="ignore"):
            start = np.uint64(zlib.crc32(topic.encode()) | (self.seed & 0xFFFFFFFF) << 32)
            state = _mix(np.asarray([start]) + _GOLDEN)
            for key in keys:
                number = np.asarray(key).astype(np.int64).astype(np.uint64)
                state = _mix((state ^ number) * _GOLDEN + _GOLDEN)
        return state if any(np.ndim(key) for key in keys) else state[0:1]

    def uniform(self, topic: str, *keys: Keys) -> Floats:
        """Numbers in [0, 1), equally likely."""
        return (self.bits(topic, *keys) >> np.uint64(11)).astype(np.float64) * 2.0**-53

    def normal(self, topic: str, *keys: Keys) -> Floats:
        """Numbers of the standard normal distribution (Box and Muller, 1958)."""
        radius = np.sqrt(-2 * np.log1p(-self.uniform(topic + " r", *keys)))
        return radius * np.cos(2 * np.pi * self.uniform(topic + " a", *keys))

    def below(self, topic: str, limit: npt.ArrayLike, *keys: Keys) -> Ints:
        """Whole numbers from 0 to `limit` - 1, equally likely."""
        return np.floor(self.uniform(topic, *keys) * np.asarray(limit)).astype(np.int64)

    def pick(self, topic: str, shares: Sequence[float] | Floats, *keys: Keys) -> Ints:
        """Indices 0, 1, … drawn with probabilities proportional to `shares` (one list for all)."""
        edges = np.cumsum(np.asarray(shares, dtype=np.float64))
        edges /= edges[-1]
        return np.searchsorted(edges[:-1], self.uniform(topic, *keys), side="right")

    def round(self, topic: str, values: npt.ArrayLike, *keys: Keys) -> Ints:
        """`values` as whole numbers, up or down by chance, so that their mean stays."""
        return np.floor(np.asarray(values) + self.uniform(topic, *keys)).astype(np.int64)


def apportion(total: int, weights: npt.ArrayLike) -> Ints:
    """Share `total` units out in proportion to `weights`, exactly (largest remainders).

    :returns: whole numbers of the shape of `weights` with the sum `total`.
    :raises ValueError: no weight is above zero although there is something to share out.
    """
    share = np.asarray(weights, dtype=np.float64)
    if total == 0:
        return np.zeros(share.shape, dtype=np.int64)
    whole = share.sum()
    if whole <= 0:
        raise ValueError(f"{total} units cannot be shared out: no weight is above zero.")
    exact = share * (total / whole)
    parts = np.floor(exact).astype(np.int64)
    left = total - int(parts.sum())
    order = np.argsort(-(exact - parts), axis=None, kind="stable")
    parts.flat[order[:left]] += 1
    return parts
