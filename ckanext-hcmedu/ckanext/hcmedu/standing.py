"""How the portal stands: what staff read at `/operations` and `ckan hcmedu status` prints.

All of it was kept by those who did the work: jobs of ckanext-harvest, reports, releases, outcomes
of the nightly looks. Nothing outside is asked, and nothing here names a value or a secret.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import ckan.model as model
import sqlalchemy as sa
from ckanext.harvest.model import HarvestGatherError, HarvestJob, HarvestObject

from ckanext.hcmedu import reports, settings
from ckanext.hcmedu.city import comparison, readback
from ckanext.hcmedu.conformance import outcome as conformance
from ckanext.hcmedu.sources import declared_sources
from harvesters import deliveries, revisions
from harvesters.deliveries import Delivery
from harvesters.errors import Text, text
from harvesters.releases import Release
from harvesters.revisions import Revision
from harvesters.sources import Source

MOST_RUNS = 30
MOST_REPORTS = 400
"""How many of the newest reports on deliveries are read."""

GRACE = timedelta(hours=3)
"""How long after its time a harvest may be done: it may take long, and is tried again."""

RELEASING, RECONCILING = "releasing", "reconciling"
"""The reports on the last release step and the last whole reconcile."""


@dataclass(frozen=True)
class Run:
    """A harvest job. `snapshots` is how many record types and periods it looked at, of which
    `sealed` were new, with so many `records`, and `failed` failed; `errors` counts them and what
    went wrong before."""

    id: str
    source_id: str
    begun: datetime
    ended: datetime | None
    snapshots: int
    sealed: int
    records: int
    failed: int
    errors: int

    @property
    def seconds(self) -> float | None:
        """How long it took; None while it runs."""
        return (self.ended - self.begun).total_seconds() if self.ended else None


@dataclass(frozen=True)
class Feeding:
    """A source and its harvests. `expected` is when the next success is due, `state` one of
    ``fresh``, ``failed``, ``late``, ``never`` and ``by hand`` (it has no schedule); where the last
    harvest had errors, it has failed since `failed_since`."""

    source: Source
    id: str | None
    next: datetime | None
    last: datetime | None
    succeeded: datetime | None
    expected: datetime | None
    failed_since: datetime | None
    state: str


@dataclass(frozen=True)
class Problem:
    """What is not well, since when if that is known, and how to mend it. `source` is the one whose
    errors say more."""

    what: Text
    remedy: Text
    since: datetime | None = None
    source: Feeding | None = None


@dataclass(frozen=True)
class Row:
    """A line of the overview: a dataset as it is published."""

    table: str
    title: Text
    sources: str
    rows: int
    suppressed: int
    release: int | None
    state: str
    periods: str


def feeding(now: datetime) -> list[Feeding]:
    """Each declared source, and how its harvests stand."""
    return [_feeding(source, now) for source in declared_sources()]


def _feeding(source: Source, now: datetime) -> Feeding:
    package = model.Package.get(source.name)
    identifier = package.id if package else None
    trigger = source.schedule.trigger() if source.schedule else None
    upcoming = trigger.get_next_fire_time(None, now) if trigger else None
    if identifier is None:
        return Feeding(source, None, upcoming, None, None, None, None, "never")
    jobs = sa.select(HarvestJob.created).where(HarvestJob.source_id == identifier)
    ended = jobs.where(HarvestJob.status == "Finished")
    last = _one(jobs.order_by(HarvestJob.created.desc()).limit(1))
    succeeded = _one(ended.where(*_went_well()).order_by(HarvestJob.created.desc()).limit(1))
    since = ended if succeeded is None else ended.where(HarvestJob.created > succeeded)
    failed_since = _one(since.order_by(HarvestJob.created).limit(1))
    done, failing = _zoned(succeeded), _zoned(failed_since)
    expected = trigger.get_next_fire_time(None, done) if trigger and done else None
    if failing is not None:
        state = "failed"
    elif done is None:
        state = "never"
    elif expected is None:
        state = "by hand"
    else:
        state = "late" if expected + GRACE < now else "fresh"
    return Feeding(source, identifier, upcoming, _zoned(last), done, expected, failing, state)


def _went_well() -> tuple[Any, ...]:
    """That neither the gathering of a job nor one of its objects failed."""
    gathering = sa.exists().where(HarvestGatherError.harvest_job_id == HarvestJob.id)
    sealing = sa.exists().where(
        HarvestObject.harvest_job_id == HarvestJob.id, HarvestObject.state == "ERROR"
    )
    return ~gathering, ~sealing


def _one(query: Any) -> datetime | None:
    found: datetime | None = model.Session.execute(query).scalar()
    return found


def runs(source_ids: Iterable[str], most: int = MOST_RUNS) -> list[Run]:
    """The newest harvests of these sources, at most `most` of them, the newest first."""
    jobs = model.Session.execute(
        sa.select(
            HarvestJob.id, HarvestJob.source_id, HarvestJob.created, HarvestJob.finished,
            HarvestJob.gather_finished,
        )
        .where(HarvestJob.source_id.in_(list(source_ids)))
        .order_by(HarvestJob.created.desc())
        .limit(most)
    ).all()  # fmt: skip
    ids = [job.id for job in jobs]
    state, content = HarvestObject.state, HarvestObject.content
    rows = sa.cast(content, sa.dialects.postgresql.JSONB)["rows"].as_integer()
    counted = model.Session.execute(
        sa.select(
            HarvestObject.harvest_job_id,
            sa.func.count(),
            sa.func.count(rows),
            sa.func.coalesce(sa.func.sum(rows), 0),
            sa.func.count().filter(state == "ERROR"),
        )
        .where(HarvestObject.harvest_job_id.in_(ids))
        .group_by(HarvestObject.harvest_job_id)
    )
    counts = {row[0]: tuple(map(int, row[1:])) for row in counted}
    gathering = dict(
        model.Session.execute(
            sa.select(HarvestGatherError.harvest_job_id, sa.func.count())
            .where(HarvestGatherError.harvest_job_id.in_(ids))
            .group_by(HarvestGatherError.harvest_job_id)
        ).all()
    )
    return [_run(job, counts.get(job.id, (0, 0, 0, 0)), gathering.get(job.id, 0)) for job in jobs]


def _run(job: Any, counts: Sequence[int], gathering: int) -> Run:
    snapshots, sealed, records, failed = counts
    # ckanext-harvest writes no end where there was nothing to fetch.
    ended = job.finished or (job.gather_finished if not snapshots else None)
    begun = _zoned(job.created)
    assert begun is not None
    return Run(
        job.id, job.source_id, begun, _zoned(ended), snapshots, sealed, records, failed,
        failed + gathering,
    )  # fmt: skip


def overview(sources: Iterable[Source] | None = None) -> Iterator[Row]:
    """Each declared table and its newest release.

    :param sources: those that are declared, where the caller has read them already.
    """
    store = settings.release_store()
    feeds = list(declared_sources() if sources is None else sources)
    for table in settings.declarations().tables.values():
        sources = ", ".join(source.name for source in feeds if table.record in source.records)
        latest, current = store.latest(table.name), store.current(table.name)
        waits = latest is not None and latest.state == "waiting"
        if current is not None:
            manifest = current.manifest
            periods = manifest["periods"]
            span = periods[0] if len(periods) == 1 else f"{periods[0]} … {periods[-1]}"
            suppressed = sum(sum(part["suppressed"].values()) for part in manifest["parts"])
            yield Row(
                table.name,
                table.title,
                sources,
                manifest["rows"],
                suppressed,
                current.number,
                "published" + (", next waits for approval" if waits else ""),
                span,
            )
            continue
        withdrawn = latest is None and bool(store.releases(table.name))
        state = "waits for approval" if waits else "withdrawn" if withdrawn else "no release"
        yield Row(table.name, table.title, sources, 0, 0, None, state, "")


def waiting() -> list[Release]:
    """The releases that wait for approval."""
    store = settings.release_store()
    newest = (store.latest(name) for name in settings.declarations().tables)
    return [one for one in newest if one is not None and one.state == "waiting"]


def held() -> list[Revision]:
    """The revisions that wait for a decision."""
    return revisions.held(settings.state_path())


def refused() -> list[Delivery]:
    """The newest deliveries of which something was wrong."""
    return deliveries.with_problems(settings.state_path(), MOST_REPORTS)


def problems(sources: Iterable[Feeding]) -> list[Problem]:
    """All that is not well; nothing is where this is empty."""
    return [
        *(problem for one in sources if (problem := _of_source(one)) is not None),
        *_of_steps(),
        *_of_audit(),
        *_of_feed(),
        *_of_city(),
    ]


_SCHEDULER = text(
    "Kiểm tra tiến trình scheduler có đang chạy không: make status, rồi xem nhật ký của nó.",
    "See whether the process scheduler runs: make status, then its log.",
)


def _of_source(one: Feeding) -> Problem | None:
    name = one.source.name
    if one.state == "failed":
        return Problem(
            text(
                f"Thu thập từ nguồn {name} có lỗi.",
                f"The harvest of the source {name} has errors.",
            ),
            text(
                f"Cổng tự thử lại vài lần. Sửa ở nguồn hoặc trong config/sources/{name}.yaml, rồi "
                f"chạy: ckan hcmedu harvest {name}",
                "The portal tries again a few times by itself. Mend it at the source or in "
                f"config/sources/{name}.yaml, then: ckan hcmedu harvest {name}",
            ),
            one.failed_since,
            one,
        )
    if one.state == "late":
        return Problem(
            text(
                f"Nguồn {name} chưa được thu thập theo lịch.",
                f"The source {name} was not harvested on schedule.",
            ),
            _SCHEDULER,
            one.expected,
        )
    if one.state == "never" and one.last is None:
        return Problem(
            text(
                f"Nguồn {name} chưa được thu thập lần nào.",
                f"The source {name} was never harvested.",
            ),
            text(
                f"Chạy: ckan hcmedu bootstrap, rồi ckan hcmedu harvest {name}",
                f"Run: ckan hcmedu bootstrap, then ckan hcmedu harvest {name}",
            ),
        )
    return None


def _of_steps() -> Iterator[Problem]:
    releasing, reconciling = reports.last(RELEASING), reports.last(RECONCILING)
    for one in _content(releasing).get("refusals", ()):
        yield Problem(
            text(
                f"Chưa công bố được {one['tables']}: {one['reason']}",
                f"Not published: {one['tables']}: {one['reason']}",
            ),
            text(
                "Sửa khai báo của bảng hoặc số liệu ở nguồn; bản công bố trước vẫn giữ nguyên.",
                "Mend the declaration or the source; the last release stands.",
            ),
            datetime.fromisoformat(one["since"]),
        )
    for one in _content(reconciling).get("problems", ()):
        yield Problem(
            text(
                f"Trang dữ liệu {one['table']} chưa khớp với bản công bố ({one['action']}).",
                f"The dataset {one['table']} does not agree with its release ({one['action']}).",
            ),
            text(
                f"Chạy: ckan hcmedu reconcile {one['table']} để biết vì sao.",
                f"`ckan hcmedu reconcile {one['table']}` says why.",
            ),
            datetime.fromisoformat(one["since"]),
        )


def _content(report: reports.Report | None) -> Mapping[str, Any]:
    return (report.content if report else None) or {}


def _of_audit() -> Iterator[Problem]:
    again = text("Chạy: ckan hcmedu privacy audit", "Run: ckan hcmedu privacy audit")
    last = settings.last_audit()
    if last is None:
        if settings.release_store().tables():
            yield Problem(
                text(
                    "Số liệu đã công bố chưa được soát lần nào.",
                    "What is published was never audited.",
                ),
                again,
            )
        return
    for one in last.problems:
        tables = ", ".join(one.files)
        yield Problem(
            text(
                f"Số liệu đã công bố của {tables} kỳ {one.period} KHÔNG AN TOÀN ({one.problem}).",
                f"What is published of {tables} {one.period} is NOT SAFE ({one.problem}).",
            ),
            text(
                "Thu hồi ngay: ckan hcmedu withdraw, rồi tìm nguyên nhân.",
                "Withdraw it at once: ckan hcmedu withdraw. Then look for the reason.",
            ),
            datetime.fromisoformat(one.at),
        )
    if last.is_overdue:
        yield Problem(
            text("Lần soát hằng đêm chưa chạy.", "The nightly audit is overdue."),
            _SCHEDULER,
            datetime.fromisoformat(last.at),
        )


def _of_feed() -> Iterator[Problem]:
    again = text("Chạy: ckan hcmedu feed check", "Run: ckan hcmedu feed check")
    last = conformance.last()
    if last is None:
        yield Problem(
            text("Danh mục chưa được kiểm tra lần nào.", "The catalogue was never checked."), again
        )
        return
    yield from _of_look(
        last,
        text("Không kiểm tra được danh mục", "The catalogue could not be checked"),
        text("Lần kiểm tra danh mục hằng đêm chưa chạy.", "The nightly check is overdue."),
        again,
    )
    if last.content and not conformance.Outcome.of(last.content).is_good:
        yield Problem(
            text(
                "Danh mục có chỗ chưa đúng chuẩn.",
                "The catalogue does not keep to its standards.",
            ),
            again,
            last.at,
        )


def _of_city() -> Iterator[Problem]:
    if not readback.is_configured():
        return
    last = readback.last()
    if last is None:
        return
    yield from _of_look(
        last,
        text("Không đọc được cổng của Thành phố", "The city’s portal could not be read"),
        text(
            "Chưa đối chiếu với cổng của Thành phố.",
            "The comparison with the city’s portal is overdue.",
        ),
        text("Chạy: ckan hcmedu city compare", "Run: ckan hcmedu city compare"),
    )
    surplus = readback.Comparison.of(last.content).counts[comparison.SURPLUS] if last.content else 0
    if surplus:
        yield Problem(
            text(
                f"Cổng của Thành phố vẫn còn {surplus} bộ dữ liệu đã thu hồi ở đây.",
                f"The city’s portal still shows {surplus} datasets that were taken back here.",
            ),
            text(
                "Đề nghị đơn vị vận hành cổng của Thành phố xóa bản sao.",
                "Ask its operators to delete the copies.",
            ),
            last.at,
        )


def _of_look(last: reports.Report, failed: Text, overdue: Text, remedy: Text) -> Iterator[Problem]:
    if last.failed_at is not None:
        why = last.failure or {}
        what = {key: f"{failed[key]}: {why.get(key, '')}" for key in failed}
        yield Problem(what, remedy, last.failed_at)
    elif last.is_overdue:
        yield Problem(overdue, _SCHEDULER, last.at)


def _zoned(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment else None
