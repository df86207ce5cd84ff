"""What a connector is: the one shape in which every kind of source delivers records."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa

from harvesters.errors import (
    SourceConfigurationError,
    SourceTimeoutError,
    SourceTooLargeError,
    text,
)
from harvesters.sources import Limits, Source, SourceRecord
from schemas import RecordType


@dataclass(frozen=True)
class SourceBatch:
    """Some records of a source.

    :param batch: columns named by the record's fields, mapped but not yet checked: text, or native
        numbers where the source has them; nulls allowed
    :param origin: what an operator can find: a table, an endpoint, a file
    :param rows: the records' numbers in the origin, from 1, as a person sees them
    """

    batch: pa.RecordBatch
    origin: str
    rows: pa.Array | range


class Connector(Protocol):
    """Reads one source. Not for use by several threads at once."""

    def periods(self, record: str) -> list[str]:
        """The periods that the source has of a record type, ascending."""

    def change_token(self, record: str, period: str) -> str:
        """A short text that stays the same as long as nothing of the period changed. Cheap.

        Where a source cannot tell, the token is a new one every time.
        """

    def read(self, record: RecordType, period: str) -> Iterator[SourceBatch]:
        """The records of a period, in batches; memory does not grow with their number.

        :raises SourceError: the source cannot be read to the end; nothing of it may be used.
        """

    def close(self) -> None:
        """Let go of connections and files; may be called twice."""


def declared(source: Source, record: str) -> SourceRecord:
    """How `source` delivers `record`.

    :raises SourceConfigurationError: it does not.
    """
    found = source.records.get(record)
    if found is None:
        raise SourceConfigurationError(
            vi=f"Nguồn không cung cấp loại bản ghi “{record}”.",
            en=f"The source does not deliver the record type `{record}`.",
            where=f"{source.name} ({source.path.name})",
            expected=text(
                f"một trong: {', '.join(sorted(source.records))}.",
                f"one of: {', '.join(sorted(source.records))}.",
            ),
        )
    return found


def never_equal() -> str:
    """The change token of a source that cannot tell whether it changed."""
    return f"unknown-{secrets.token_hex(16)}"


def known(token: str) -> bool:
    """Whether a change token tells anything."""
    return bool(token) and not token.startswith("unknown-")


class Meter:
    """Counts what a reading brings, and stops it when it is more than the source's limits allow."""

    def __init__(self, where: str, limits: Limits):
        self._where = where
        self._limits = limits
        self._until = time.monotonic() + limits.read_seconds
        self.rows = 0
        self.bytes = 0

    def add(self, rows: int = 0, size: int = 0) -> None:
        """Count `rows` records and `size` bytes more.

        :raises SourceTooLargeError: that is more than the limits allow.
        :raises SourceTimeoutError: the reading takes longer than they allow.
        """
        self.rows += rows
        self.bytes += size
        if self.rows > self._limits.max_rows:
            raise too_large(self._where, "max_rows", self._limits.max_rows, "dòng", "rows")
        if self.bytes > self._limits.max_bytes:
            raise too_large(self._where, "max_bytes", self._limits.max_bytes, "byte", "bytes")
        if time.monotonic() > self._until:
            raise timed_out(self._where, self._limits.read_seconds)


def timed_out(where: str, seconds: float) -> SourceTimeoutError:
    """The error of a source that is silent for longer than it may be."""
    return SourceTimeoutError(
        vi="Nguồn không trả lời kịp thời.",
        en="The source does not answer in time.",
        where=where,
        expected=text(f"trả lời trong {seconds:g} giây.", f"an answer within {seconds:g} seconds."),
        remedy=text(
            "Kiểm tra tải của nguồn; lượt sau sẽ tự thử lại.",
            "Check the source's load; the next run tries again by itself.",
        ),
    )


def too_large(where: str, limit: str, most: int, unit_vi: str, unit_en: str) -> SourceTooLargeError:
    """The error of a source that sends more than `most`, which its setting `limit` allows."""
    return SourceTooLargeError(
        vi="Nguồn gửi nhiều dữ liệu hơn mức cho phép.",
        en="The source sends more than it may.",
        where=where,
        expected=text(f"nhiều nhất {most:,} {unit_vi}.".replace(",", "."),
                      f"at most {most:,} {unit_en}."),
        remedy=text(
            f"Kiểm tra nguồn; nếu đúng, nâng limits.{limit} trong khai báo nguồn.",
            f"Check the source; if it is right, raise limits.{limit} in its declaration.",
        ),
    )  # fmt: skip
