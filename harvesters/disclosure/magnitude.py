"""Sums of amounts, such as money or floor area: which may not be published, and how far a reader
has to be kept from them.

The rules are those for magnitude tables in Hundepool et al., *Statistical Disclosure Control*
(2012), section 4.2: a minimum of contributors, the p % rule and the (n, k) dominance rule; and the
protection that each asks for, called sliding there, since it grows with what breaks the rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pyarrow as pa

from harvesters.disclosure.system import Mask, Values
from schemas import Component
from schemas.table import DOMINANCE, LEAST_CONTRIBUTORS, PRECISION

_ROUNDING = 1e-9
"""Sums of decimals are exact to this share at the least; what is nearer to a limit is past it."""

_STEPS = 1e6
_LEAST_MARGIN = 1e-3


def is_unsafe(total: Values, contributors: Values, first: Values, second: Values) -> Mask:
    """Which sums may not be published, by the number of contributors and the two largest
    contributions; all of shape (cells,).

    A sum of nothing is no amount of anybody's, and is open, like a count of nobody. With the
    numbers of today the last of the rules implies the others; each is written down all the same.
    """
    rest = total - first - second
    few = contributors < LEAST_CONTRIBUTORS
    near = rest < PRECISION * first + _ROUNDING * total
    dominated = first + second > DOMINANCE * total - _ROUNDING * total
    return (total > 0) & (few | near | dominated)


def margin(total: Values, first: Values, second: Values) -> Values:
    """How far above and below an unsafe sum what a reader can work out has to reach; all of shape
    (cells,).

    Whoever contributes the second most, or nobody, takes their own amount off the upper end, and
    comes no nearer to the largest contribution than p % of it: that asks for ``p x1 - rest``. Here
    it is the whole of ``p x1``, so that it holds whoever asks and below as well as above. The two
    largest are no more than k of the upper end: ``(x1 + x2) / k - total``.
    """
    return np.maximum(PRECISION * first, (first + second) / DOMINANCE - total)


def asked(cells: pa.Table, component: Component) -> tuple[Mask, Values]:
    """The rows in which a magnitude is unsafe, and the margin that it has there (0 elsewhere)."""
    names = (component.name, component.contributors, *component.largest)
    total, contributors, first, second = (
        np.nan_to_num(cells[name].to_numpy(zero_copy_only=False).astype(np.float64))
        for name in names
    )
    unsafe = is_unsafe(total, contributors, first, second)
    return unsafe, np.where(unsafe, margin(total, first, second), 0.0)


def units(cells: Iterable[tuple[Component, pa.Table]]) -> Mapping[str, float]:
    """The unit, by the field that is summed, in which sums of it are told to the solver: a power
    of ten that makes of the largest one to ten million. Its tolerances are absolute, and amounts
    of money run to 10^13."""
    most: dict[str, float] = {}
    for component, table in cells:
        assert component.source is not None
        here = np.nan_to_num(table[component.name].to_numpy(zero_copy_only=False).astype(float))
        most[component.source] = max(most.get(component.source, 0.0), float(here.max(initial=0)))
    return {
        source: 10.0 ** np.floor(np.log10(largest)) / _STEPS if largest else 1.0
        for source, largest in most.items()
    }


def within_reach(margin_: Values) -> Values:
    """Margins in `units`, none so small that the solver could not tell it from nothing."""
    return np.maximum(margin_, _LEAST_MARGIN)
