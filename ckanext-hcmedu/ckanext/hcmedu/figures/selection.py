"""What a reader has chosen of a cube, and the address that says it.

An address holds everything: measures, periods, the codes of each axis, what stands across, the kind
of chart. With the release, which is part of the path, it always leads to the same figures.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ckanext.hcmedu.figures.cube import Axis, Cube
from schemas import TOTAL

EACH = "*"
"""Each code of an axis, the total left out."""

MEASURE, PERIOD, ACROSS, CHART = "measure", "period", "across", "chart"

CHARTS = ("line", "bar", "dot", "multiples", "map")

MOST_ROWS = 20_000
"""Figures that a page or a file of a selection holds, at the most."""

_MOST_VALUES = 2_000
"""Codes that an address names, at the most."""

_NEWEST = 13
"""Periods that are shown where nobody has chosen any: a year of months and the one before."""


class BadSelection(Exception):
    """An address that does not fit its release. `args` are a parameter, and what was said there."""

    @property
    def parameter(self) -> str:
        """The parameter that is wrong."""
        return str(self.args[0])

    @property
    def value(self) -> str:
        """What it says."""
        return str(self.args[1])[:80]


@dataclass(frozen=True)
class Selection:
    """What is chosen. `codes` has the axes of which something other than the total is; `across` is
    ``period``, ``measure`` or an axis; `chart` is one of `CHARTS`, or empty for what suits."""

    measures: tuple[str, ...]
    periods: tuple[str, ...]
    codes: Mapping[str, tuple[str, ...]]
    across: str
    chart: str = ""

    def query(self) -> list[tuple[str, str]]:
        """The parameters of the address; `parse` makes the same of them."""
        return [
            *((MEASURE, one) for one in self.measures),
            *((PERIOD, one) for one in self.periods),
            *((axis, code) for axis, codes in self.codes.items() for code in codes),
            (ACROSS, self.across),
            *([(CHART, self.chart)] if self.chart else []),
        ]

    def of(self, axis: str) -> tuple[str, ...]:
        """The codes that are chosen of an axis."""
        return self.codes.get(axis, (TOTAL,))

    def varies(self, axis: str) -> bool:
        """Whether more than one code of an axis may be in it."""
        return EACH in self.of(axis) or len(self.of(axis)) > 1

    def with_chart(self, chart: str) -> Selection:
        """The same with another chart."""
        return replace(self, chart=chart)

    def where(self, cube: Cube) -> dict[str, tuple[str, ...]]:
        """The condition on each axis: codes, or `EACH`. An axis above a chosen one is that of
        whatever is chosen, unless something of it is chosen too."""
        found = {}
        for name, axis in cube.axes.items():
            given = self.codes.get(name)
            chosen_below = any(one in self.codes for one in axis.below)
            found[name] = given or ((EACH,) if chosen_below else (TOTAL,))
        return found


def parse(cube: Cube, given: Iterable[tuple[str, str]]) -> Selection:
    """The selection that an address describes; of what it leaves out, what suits.

    :raises BadSelection: a parameter, measure, period or code that the release does not have.
    """
    said: dict[str, list[str]] = {}
    pairs = [(name, value) for name, value in given if value]
    if len(pairs) > _MOST_VALUES:
        raise BadSelection(pairs[_MOST_VALUES][0], pairs[_MOST_VALUES][1])
    for name, value in pairs:
        if value not in said.setdefault(name, []):
            said[name].append(value)
    for name in said:
        if name not in (MEASURE, PERIOD, ACROSS, CHART, *cube.axes):
            raise BadSelection(name, said[name][0])
    _check(MEASURE, said.get(MEASURE, ()), cube.indicators)
    _check(PERIOD, said.get(PERIOD, ()), cube.periods)
    codes = {}
    for name, axis in cube.axes.items():
        for code in said.get(name, ()):
            if code != EACH and not cube.knows(axis, code):
                raise BadSelection(name, code)
        chosen = _in_order(cube, axis, said.get(name, ()))
        if chosen and chosen != (TOTAL,):
            codes[name] = chosen
    measures = tuple(one for one in cube.indicators if one in said.get(MEASURE, ()))
    measures = measures or tuple(cube.indicators)[:1]
    periods = tuple(one for one in cube.periods if one in said.get(PERIOD, ()))
    periods = periods or cube.periods[-_NEWEST:]
    _check(CHART, said.get(CHART, ()), CHARTS)
    _check(ACROSS, said.get(ACROSS, ()), (MEASURE, PERIOD, *cube.axes))
    # What is short stands across where nobody has said what.
    short = MEASURE if len(periods) == 1 and len(measures) > 1 else PERIOD
    across, chart = said.get(ACROSS, [short])[0], said.get(CHART, [""])[0]
    return Selection(measures, periods, codes, across, chart)


def _check(name: str, values: Iterable[str], known: Iterable[str]) -> None:
    wrong = [value for value in values if value not in set(known)]
    if wrong:
        raise BadSelection(name, wrong[0])


def _in_order(cube: Cube, axis: Axis, codes: Sequence[str]) -> tuple[str, ...]:
    """Codes in the order of their list, the total first; `EACH` stands for all of them."""
    first = [TOTAL] if TOTAL in codes else []
    if EACH in codes:
        return (*first, EACH)
    if axis.codelist is None:
        return (*first, *sorted(set(codes) - {TOTAL}))
    known = cube.declarations.codelists[axis.codelist].codes
    return (*first, *(code for code in known if code in codes))


def headline(cube: Cube) -> Selection:
    """What a dataset's page shows first: all of it over time; where there is one period only, by
    the codes of the axis that has the fewest."""
    chosen = parse(cube, ())
    if len(chosen.periods) > 1:
        return replace(chosen, chart="line")
    sizes = {
        name: len(cube.declarations.codelists[axis.codelist].codes)
        for name, axis in cube.axes.items()
        if axis.codelist and not axis.above
    }
    if not sizes:
        return chosen
    shortest = min(sizes, key=lambda name: sizes[name])
    return replace(chosen, codes={shortest: (TOTAL, EACH)}, chart="bar")
