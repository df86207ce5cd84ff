"""What can go wrong between a source and a snapshot, in words for the people who mend it.

Two kinds are told apart. A `SourceError` stops a run: nothing of the source can be read, or nothing
of it can be trusted. A `RecordProblem` is one thing wrong with one record or one cell; the run goes
on to find the others. Neither ever holds a value that a source sent, nor a secret: both are shown
to operators, kept in reports and written to logs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

Text = Mapping[str, str]
"""A text in both languages of the portal: ``{"vi": …, "en": …}``."""


def text(vi: str, en: str) -> dict[str, str]:
    """The two languages of one text, Vietnamese first."""
    return {"vi": vi, "en": en}


class SourceError(Exception):
    """A source cannot be read; the run of that source stops.

    :param code: names the kind of error in reports; each subclass has its own
    :param vi, en: what was wrong, in both languages
    :param where: where: a source's name, a host, a path (never with credentials)
    :param expected: what was expected there
    :param remedy: how to mend it

    `transient` tells that the same run may well succeed later without anyone's help. Both texts,
    `vi` and `en`, are whole messages that may be shown to anyone who operates the portal.
    """

    code = "source"
    transient = False

    def __init__(
        self,
        code: str | None = None,
        *,
        vi: str,
        en: str,
        where: str = "",
        expected: Text | None = None,
        remedy: Text | None = None,
    ):
        self.code = code or self.code
        self.what = text(vi, en)
        self.where = where
        self.expected = dict(expected) if expected else None
        self.remedy = dict(remedy) if remedy else None
        super().__init__(self.vi, self.en)

    @property
    def vi(self) -> str:
        """The whole message in Vietnamese."""
        return self._message("vi", "Nơi", "Cần", "Cách xử lý")

    @property
    def en(self) -> str:
        """The whole message in English."""
        return self._message("en", "Where", "Expected", "Remedy")

    def _message(self, language: str, where: str, expected: str, remedy: str) -> str:
        parts = [self.what[language]]
        if self.where:
            parts.append(f"{where}: {self.where}.")
        if self.expected:
            parts.append(f"{expected}: {self.expected[language]}")
        if self.remedy:
            parts.append(f"{remedy}: {self.remedy[language]}")
        return " ".join(parts)

    def __str__(self) -> str:
        return f"{self.vi} | {self.en}"

    def as_dict(self) -> dict[str, Any]:
        """The error for a report: plain texts only."""
        return {
            "code": self.code,
            "transient": self.transient,
            "where": self.where,
            "message": {"vi": self.vi, "en": self.en},
        }


class SourceConfigurationError(SourceError):
    """The declaration of the source does not fit what is there, or a setting is missing."""

    code = "configuration"


class SourceConnectionError(SourceError):
    """The source cannot be reached, or the connection broke."""

    code = "connection"
    transient = True


class SourceRefusedError(SourceError):
    """The address is not allowed to us, or the source does not let us in."""

    code = "refused"


class SourceTooLargeError(SourceError):
    """The source sent more than its declaration allows."""

    code = "too_large"


class SourceTimeoutError(SourceError):
    """The source did not answer in time."""

    code = "timed_out"
    transient = True


class SourceAnswerError(SourceError):
    """The source answered with something that is not what its declaration says."""

    code = "answer"


class SourceChangedError(SourceError):
    """The source changed while it was being read, so that what was read may be of two minds."""

    code = "changed"
    transient = True


@dataclass(frozen=True)
class RecordProblem:
    """One thing that is wrong with one record or one cell, never with its value.

    `origin` is what an operator can find (a table, an endpoint, a file); `row` counts from 1 as a
    person sees it; `column` is the letter of a spreadsheet's column. Without a row the problem is
    one of the whole origin.
    """

    source: str
    record: str
    period: str
    origin: str
    row: int | None
    field: str | None
    rule: str
    expected: Text
    remedy: Text
    sheet: str | None = None
    column: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """The problem for a report."""
        return {key: value for key, value in asdict(self).items() if value is not None}

    def _line(self, language: str, words: Mapping[str, str]) -> str:
        place = [self.origin]
        for name in ("sheet", "row", "column", "field"):
            value = getattr(self, name)
            if value is not None:
                place.append(f"{words[name]} {value}")
        return f"{', '.join(place)}: {self.expected[language]} {self.remedy[language]}"

    @property
    def vi(self) -> str:
        """The problem in one Vietnamese line."""
        words = {"sheet": "trang tính", "row": "dòng", "column": "cột", "field": "trường dữ liệu"}
        return self._line("vi", words)

    @property
    def en(self) -> str:
        """The problem in one English line."""
        words = {"sheet": "sheet", "row": "row", "column": "column", "field": "field"}
        return self._line("en", words)


class _Refused(SourceError):
    """What was delivered was read, and is refused for the problems found in it."""

    def __init__(
        self, problems: Iterable[RecordProblem], total: int | None, vi: str, en: str, where: str
    ):
        self.problems = list(problems)
        self.total = max(total or 0, len(self.problems))
        super().__init__(
            vi=vi,
            en=en,
            where=where,
            remedy=text(
                "Sửa từng lỗi trong danh sách rồi gửi lại.",
                "Mend each problem on the list and send it again.",
            ),
        )

    def as_dict(self) -> dict[str, Any]:
        """The error and its problems for a report."""
        return super().as_dict() | {
            "total": self.total,
            "problems": [problem.as_dict() for problem in self.problems],
        }


class RefusedFile(_Refused):
    """Files of a record and period are refused, and with them the snapshot they were to make.

    :param problems: what is wrong, file by file
    :param total: how many problems there were, where `problems` holds only the first of them
    """

    code = "refused_file"

    def __init__(self, problems: Iterable[RecordProblem], total: int | None = None):
        listed = list(problems)
        count = max(total or 0, len(listed))
        files = sorted({problem.origin for problem in listed})
        super().__init__(
            listed,
            total,
            f"{len(files)} tệp bị từ chối vì {count} lỗi.",
            f"{len(files)} file(s) refused for {count} problem(s).",
            ", ".join(files[:5]) + (", …" if len(files) > 5 else ""),
        )


class RefusedRecords(_Refused):
    """More records of a delivery are bad than the source's tolerance allows.

    :param problems: what is wrong, the first of them
    :param bad: how many records are bad, of `seen`
    """

    code = "refused_records"

    def __init__(
        self,
        source: str,
        record: str,
        period: str,
        problems: Iterable[RecordProblem],
        *,
        bad: int,
        seen: int,
    ):
        self.bad = bad
        self.seen = seen
        super().__init__(
            problems,
            None,
            f"{bad} trong {seen} bản ghi có lỗi, nhiều hơn mức cho phép của nguồn.",
            f"{bad} of {seen} records are bad, more than the source's tolerance allows.",
            f"{source} / {record} / {period}",
        )
