"""The programme's targets: computed when a release is published, read by pages.

What is kept says of which releases it was computed. It counts only while readers are shown just
those: a table that is withdrawn, hidden or published anew takes its targets' values away at once,
until they are computed again.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import ROUND_FLOOR, Decimal
from typing import Any

import sqlalchemy as sa
from ckan import model

from ckanext.hcmedu import reports
from ckanext.hcmedu.model import Projection
from ckanext.hcmedu.published import published
from harvesters.releases import ReleaseStore, UnknownRelease
from harvesters.targets import Figure, Values, compute
from schemas import Declarations, Target

log = logging.getLogger(__name__)

REPORT = "scoreboard"
FORMAT = 1
"""Raised with any change of what is computed, so that it is computed again."""


@dataclass(frozen=True)
class Source:
    """The release of a table that a target was computed from."""

    table: str
    release: int
    issued: str
    simulated: bool


@dataclass(frozen=True)
class Standing:
    """A target and its values; `city` is empty, and there are no `sources`, where what it is
    computed from is not published."""

    target: Target
    sources: tuple[Source, ...]
    city: Mapping[str, Figure]

    @property
    def period(self) -> str | None:
        """The newest period."""
        return max(self.city, default=None)

    @property
    def figure(self) -> Figure | None:
        """The figure of the newest period; it may have no value, and then says why."""
        return self.city[self.period] if self.period else None

    @property
    def trend(self) -> list[tuple[str, Figure]]:
        """The figures of the newest periods, a year of months at the most, the oldest first."""
        return sorted(self.city.items())[-13:]

    @property
    def change(self) -> Decimal | None:
        """How much the value, as it is shown, has changed since the period before."""
        shown = [display(figure.value) for _, figure in self.trend[-2:]]
        if len(shown) < 2 or shown[0] is None or shown[1] is None:
            return None
        return shown[1] - shown[0]

    def reaches(self, figure: Figure | None) -> bool | None:
        """Whether a figure is what is aimed at; None where that cannot be said."""
        goal = self.target.goal
        if goal is None or figure is None or figure.value is None:
            return None
        return figure.value >= goal.value


def display(value: float | None) -> Decimal | None:
    """A value as it is shown: with one decimal and never rounded up, so that 100 % means all."""
    if value is None:
        return None
    return Decimal(repr(value)).quantize(Decimal("0.1"), rounding=ROUND_FLOOR)


def follow(store: ReleaseStore, declarations: Declarations) -> None:
    """Compute the targets whose releases, or declarations, are not those of what is kept.

    A target that cannot be computed has no value, and stops nothing.
    """
    if not declarations.targets:
        return
    shown = _releases(sa.select(Projection.table_name, Projection.release))
    last = reports.last(REPORT)
    kept = (last.content if last else None) or {"summary": {}, "behind": {}}
    summary, behind = {}, {}
    for name, target in declarations.targets.items():
        before = kept["summary"].get(name)
        if before is not None and _stands(before, target, shown):
            summary[name], behind[name] = before, kept["behind"][name]
            continue
        try:
            found = _compute(target, store, shown)
        except Exception:
            log.exception("The target %s was not computed", name)
            continue
        if found is not None:
            summary[name], behind[name] = found
    if (summary, behind) != (kept["summary"], kept["behind"]):
        now = datetime.now(UTC).replace(microsecond=0)
        reports.keep(REPORT, now, {"summary": summary, "behind": behind})


def _compute(
    target: Target, store: ReleaseStore, shown: Mapping[str, int]
) -> tuple[dict[str, Any], dict[str, Any]] | None:
    """What is kept of a target; None where one of its tables is not published."""
    if not set(target.tables) <= set(shown):
        return None
    try:
        releases = [store.get(table, shown[table]) for table in target.tables]
    except UnknownRelease:
        return None
    files = {one.table: one.file(f"{one.table}.parquet") for one in releases}
    present = {table: path for table, path in files.items() if path is not None}
    if len(present) < len(files):
        return None
    values = compute(target, present)
    sources = [
        Source(one.table, one.number, one.manifest["issued"], one.manifest["simulated"])
        for one in releases
    ]
    summary = {
        "format": FORMAT,
        "declaration": target.digest,
        "sources": [asdict(one) for one in sources],
        "city": {period: asdict(figure) for period, figure in values.city.items()},
    }
    figures = {code: asdict(figure) for code, figure in values.behind.items()}
    return summary, {"figures": figures, "names": dict(values.names), "others": values.others}


def _stands(kept: Mapping[str, Any], target: Target, shown: Mapping[str, int]) -> bool:
    """Whether what is kept was computed from the declaration and the releases of now."""
    releases = {one["table"]: one["release"] for one in kept["sources"]}
    return (
        kept["format"] == FORMAT
        and kept["declaration"] == target.digest
        and releases == {table: shown.get(table) for table in target.tables}
    )


def _releases(query: Any) -> dict[str, int]:
    return {row.table_name: row.release for row in model.Session.execute(query)}


def _public() -> dict[str, int]:
    """The release of each table that readers without an account are shown."""
    return {table: one.release for table, one in published().items()}


def standings(declarations: Declarations) -> list[Standing]:
    """All targets, in their order, with what the public may know of them."""
    public = _public()
    last = reports.last(REPORT, ("summary",))
    kept = (last.content if last else None) or {}
    return [_standing(one, kept.get(one.name), public) for one in declarations.targets.values()]


def _standing(
    target: Target, kept: Mapping[str, Any] | None, public: Mapping[str, int]
) -> Standing:
    if kept is None or not _stands(kept, target, public):
        return Standing(target, (), {})
    city = {period: Figure(**figure) for period, figure in kept["city"].items()}
    return Standing(target, tuple(Source(**one) for one in kept["sources"]), city)


def behind(standing: Standing) -> Values:
    """The figures that stand behind the newest one of a target; none where it is not available."""
    last = reports.last(REPORT, ("behind", standing.target.name)) if standing.sources else None
    return _values(standing, last.content if last else None)


def _values(standing: Standing, kept: Mapping[str, Any] | None) -> Values:
    if not standing.sources or kept is None:
        return Values(standing.city, {}, {})
    figures = {code: Figure(**figure) for code, figure in kept["figures"].items()}
    return Values(standing.city, figures, kept["names"], kept["others"])


def as_json(declarations: Declarations, address: str) -> dict[str, Any]:
    """The scoreboard for programs: each value with the releases that it was computed from.

    :param address: the portal's, without a slash at its end.
    """
    last = reports.last(REPORT, ("behind",))
    kept = (last.content if last else None) or {}
    return {
        "documentation": f"{address}/scoreboard",
        "targets": [
            _json(one, _values(one, kept.get(one.target.name)), address)
            for one in standings(declarations)
        ],
    }


def _json(standing: Standing, values: Values, address: str) -> dict[str, Any]:
    target, goal = standing.target, standing.target.goal
    return {
        "id": target.name,
        "url": f"{address}/scoreboard/{target.name}",
        "title": dict(target.title),
        "description": dict(target.description),
        "unit": dict(target.unit),
        "goal": {**asdict(goal), "source": dict(goal.source)} if goal else None,
        "available": bool(standing.sources),
        "releases": [
            {
                **asdict(one),
                "url": f"{address}/dataset/{one.table}/release/{one.release}/manifest.json",
            }
            for one in standing.sources
        ],
        "period": standing.period,
        "values": [
            {"period": period, **asdict(figure)} for period, figure in sorted(standing.city.items())
        ],
        "by": target.by,
        "behind": [
            {"code": code, "name": values.names.get(code), **asdict(figure)}
            for code, figure in values.behind.items()
        ],
    }  # fmt: skip
