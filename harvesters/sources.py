"""Sources: where records come from, declared in ``config/sources/<name>.yaml``.

A declaration holds no secret. ``${NAME}`` stands for a variable of the environment, and only where
an address, an allow-list or a credential is expected; it is looked up when a connector is opened,
so that a `Source` can be listed, logged and compared without a secret ever being in it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

from harvesters.errors import SourceConfigurationError, text
from harvesters.mapping import FieldMapping, parse_mapping
from harvesters.periods import is_period
from schemas import RecordType, Text
from schemas.declaration import (
    DeclarationError,
    DeclarationErrors,
    Document,
    check_form,
    read_document,
)

TIMEZONE = "Asia/Ho_Chi_Minh"

_REFERENCE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_WHOLE_REFERENCE = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*\}")
_MAY_REFER = ("address", "allow", "auth", "tls")

_SECRET_KEY = re.compile(
    r"(?i)(^|[_-])(password|passwd|passphrase|secret|api[_-]?key|apikey|private[_-]?key|credentials?"
    r"|access[_-]?token)($|[_-])"
)
_SECRET_TEXT = (
    re.compile(r"://[^/\s:@]*:(?!\$\{)[^/@\s]+@"),
    re.compile(
        r"(?i)[?&](password|token|access_token|api_?key|secret|sig|signature)=(?!\$\{)[^&\s]"
    ),
    re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY"),
    re.compile(r"\beyJ[\w-]{10,}\.[\w-]{10,}\."),
    re.compile(r"\b(AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{20,}|xox[abp]-[A-Za-z0-9-]{10,})"),
)


@dataclass(frozen=True)
class Limits:
    """How much a source may take of our time and room.

    `timeout_seconds` is how long a source may be silent, `connect_seconds` how long it may take to
    answer at all, `read_seconds` how long one record type and period may take in all. `max_bytes`
    and `max_rows` bound one record type and period, `max_response_bytes` one answer of a service,
    `max_file_bytes` one file as it is unpacked. `max_wait_seconds` bounds the wait between two of
    `attempts`. `tolerance` is the share of bad records that may be left out of a snapshot.
    """

    timeout_seconds: float = 60.0
    connect_seconds: float = 10.0
    read_seconds: float = 6 * 3600.0
    max_wait_seconds: float = 60.0
    attempts: int = 5
    max_bytes: int = 16 * 2**30
    max_response_bytes: int = 64 * 2**20
    max_file_bytes: int = 256 * 2**20
    max_rows: int = 20_000_000
    max_files: int = 10_000
    max_columns: int = 512
    max_depth: int = 16
    batch_rows: int = 50_000
    tolerance: float = 0.0


@dataclass(frozen=True)
class Schedule:
    """When a source is harvested: a cron line, in a time zone."""

    cron: str
    timezone: str = TIMEZONE

    def trigger(self) -> CronTrigger:
        """The schedule as APScheduler runs it."""
        return CronTrigger.from_crontab(self.cron, timezone=ZoneInfo(self.timezone))


@dataclass(frozen=True)
class SourceRecord:
    """How a source delivers one record type.

    `options` are those of the connector (table, path, pattern, …); `digest` changes when anything
    in the declaration changes that may change what is delivered.
    """

    name: str
    options: Mapping[str, Any]
    fields: Mapping[str, FieldMapping]
    digest: str

    @property
    def fixed_period(self) -> str | None:
        """The one period that the source is for, where it is declared so."""
        return (self.options.get("period") or {}).get("fixed")

    @property
    def period_map(self) -> Mapping[str, str]:
        """Periods by what the source calls them, where it calls them otherwise."""
        return dict((self.options.get("period") or {}).get("map", {}))

    def source_period(self, period: str) -> str:
        """What the source calls `period`."""
        for name, ours in self.period_map.items():
            if ours == period:
                return name
        return period

    def own_period(self, name: str) -> str:
        """The period that the source calls `name`."""
        return self.period_map.get(name, name)


@dataclass(frozen=True)
class Source:
    """A source as declared. Holds references to secrets, never a secret."""

    name: str
    title: Text
    organization: str
    simulated: bool
    connector: str
    address: str
    allow: tuple[str, ...]
    schedule: Schedule | None
    limits: Limits
    auth: Mapping[str, str]
    tls: Mapping[str, str]
    records: Mapping[str, SourceRecord]
    digest: str
    path: Path = field(compare=False)

    @property
    def safe_address(self) -> str:
        """The address as it may be shown: without user, password, query and fragment.

        A reference that the environment does not have stays as it is.
        """
        known = _REFERENCE.sub(lambda match: os.environ.get(match[1], match[0]), self.address)
        return without_credentials(known)

    def resolved(self, value: str) -> str:
        """`value` with its references replaced by what the environment has.

        :raises SourceConfigurationError: the environment does not have one of them.
        """

        def replace(match: re.Match[str]) -> str:
            found = os.environ.get(match[1])
            if not found:
                raise SourceConfigurationError(
                    vi=f"Thiếu biến môi trường {match[1]}.",
                    en=f"The environment variable {match[1]} is not set.",
                    where=f"{self.name} ({self.path.name})",
                    remedy=text(
                        f"Đặt {match[1]} trong môi trường của tiến trình thu thập.",
                        f"Set {match[1]} in the environment of the harvesting process.",
                    ),
                )
            return found

        return _REFERENCE.sub(replace, value)


def without_credentials(address: str) -> str:
    """`address` without user, password, query and fragment."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return "?"
    if not parts.scheme or not parts.netloc:
        return address.split("?", 1)[0]
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def load_sources(
    folder: str | Path, records: Mapping[str, RecordType] | None = None
) -> dict[str, Source]:
    """The sources declared in the YAML files of `folder`, by name.

    :param records: the record types, to check that each source maps what a record needs
    :raises DeclarationErrors: every mistake in every file.
    """
    sources: dict[str, Source] = {}
    errors: list[DeclarationError] = []
    directory = Path(folder)
    if not directory.is_dir():
        raise DeclarationErrors([DeclarationError(directory, 1, "", "This folder is not there.")])
    for path in sorted(directory.glob("*.yaml")):
        try:
            source = load_source(path, records)
            sources[source.name] = source
        except DeclarationErrors as wrong:
            errors.extend(wrong.errors)
    if errors:
        raise DeclarationErrors(errors)
    return sources


def load_source(path: str | Path, records: Mapping[str, RecordType] | None = None) -> Source:
    """The source that the file at `path` declares.

    :raises DeclarationErrors: every mistake in it, with its line.
    """
    document = read_document(Path(path))
    # A secret in the file must not be quoted by an error about something else in it.
    errors = list(_literal_secrets(document)) or check_form(document, "source")
    if errors:
        raise DeclarationErrors(errors)
    data = document.data
    errors.extend(_check_references(document))
    errors.extend(_check_names(document))
    errors.extend(_check_schedule(document))
    delivered: dict[str, SourceRecord] = {}
    for name, options in data["records"].items():
        errors.extend(_check_options(document, name, options))
        mappings: dict[str, FieldMapping] = {}
        for target, declared in options["fields"].items():
            place = ("records", name, "fields", target)
            try:
                mappings[target] = parse_mapping(declared)
            except ValueError as error:
                errors.append(document.error(place, f"{error}.", "Keep one of the two."))
                continue
            errors.extend(_check_mapping(document, place, mappings[target], data["connector"]))
        if records is not None:
            errors.extend(_check_record(document, name, mappings, records))
        rest = {key: value for key, value in options.items() if key != "fields"}
        digest = _digest([data["connector"], data["address"], name, options])
        delivered[name] = SourceRecord(name, rest, mappings, digest)
    if errors:
        raise DeclarationErrors(sorted(errors, key=lambda error: error.line))
    schedule = data.get("schedule")
    return Source(
        name=data["source"],
        title=data["title"],
        organization=data["organization"],
        simulated=data.get("simulated", False),
        connector=data["connector"],
        address=data["address"],
        allow=tuple(data["allow"]),
        schedule=Schedule(schedule["cron"], schedule.get("timezone", TIMEZONE))
        if schedule
        else None,
        limits=Limits(**data.get("limits", {})),
        auth=data.get("auth", {}),
        tls=data.get("tls", {}),
        records=delivered,
        digest=document.digest,
        path=document.path,
    )


def _digest(data: Any) -> str:
    # In the order of the file: keys of `map` may be of several types, which have no order.
    return hashlib.sha256(json.dumps(data, ensure_ascii=False).encode()).hexdigest()


def _walk(
    data: Any, place: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """Every text in `data`, with its place; keys are the last step of a place."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield from _walk(value, (*place, str(key)))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from _walk(value, (*place, index))
    elif data is not None:
        yield place, str(data)


def _literal_secrets(document: Document) -> Iterator[DeclarationError]:
    remedy = "Put it in the environment and write ${NAME} here."
    kind = ""
    if isinstance(document.data, dict) and isinstance(document.data.get("auth"), dict):
        kind = str(document.data["auth"].get("kind", ""))
    # Where OAuth 2 has `token`, it is the address of the service that hands tokens out.
    secret_auth = {"bearer": ("token",), "header": ("value",)}.get(kind, ())
    for place, value in _walk(document.data):
        # A mapping of values may have any key.
        named = (place and place[0] in ("auth", "address")) or "parameters" in place
        key = str(place[-1]) if place else ""
        is_secret = bool(named and _SECRET_KEY.search(key)) or (
            place[:1] == ("auth",) and key in secret_auth
        )
        if is_secret and not _WHOLE_REFERENCE.fullmatch(value):
            yield document.error(place, "A secret stands here in plain text.", remedy)
        elif any(pattern.search(value) for pattern in _SECRET_TEXT):
            yield document.error(place, "This looks like a secret in plain text.", remedy)


def _check_references(document: Document) -> Iterator[DeclarationError]:
    for place, value in _walk(document.data):
        if _REFERENCE.search(value) and place[0] not in _MAY_REFER:
            message = "A reference to the environment is not looked up here."
            remedy = f"References may stand in: {', '.join(_MAY_REFER)}."
            yield document.error(place, message, remedy)


def _check_names(document: Document) -> Iterator[DeclarationError]:
    data = document.data
    if data["source"] != document.path.stem:
        message = f"The source is called `{data['source']}`, its file `{document.path.name}`."
        yield document.error(("source",), message, "Give both the same name.")


def _check_schedule(document: Document) -> Iterator[DeclarationError]:
    declared = document.data.get("schedule")
    if not declared:
        return
    timezone = declared.get("timezone", TIMEZONE)
    try:
        ZoneInfo(timezone)
    except (KeyError, ValueError, OSError):
        message = f"There is no time zone `{timezone}`."
        yield document.error(("schedule", "timezone"), message, f"As {TIMEZONE}.")
        return
    try:
        Schedule(declared["cron"], timezone).trigger()
    except ValueError as error:
        remedy = 'Minute, hour, day, month, day of the week, as "0 2 * * *".'
        yield document.error(("schedule", "cron"), f"This is not a cron line: {error}.", remedy)


def _check_options(
    document: Document, name: str, options: Mapping[str, Any]
) -> Iterator[DeclarationError]:
    place = ("records", name)
    connector = document.data["connector"]
    period = options.get("period") or {}
    if connector == "sql":
        if ("table" in options) == ("query" in options):
            yield document.error(place, "Needs either `table:` or `query:`.")
        if not {"column", "fixed", "parameter"} & set(period):
            message = "Says nothing of how a period is told from the others."
            yield document.error((*place, "period"), message, "Add `column:` or `fixed:`.")
        if period.get("parameter") and ":period" not in options.get("query", ""):
            message = "The query has no `:period`."
            yield document.error((*place, "query"), message, "Add a condition on `:period`.")
        if "column" not in period and "fixed" not in period and "periods" not in options:
            message = "Nothing says which periods there are."
            yield document.error(place, message, "Add `periods: {query: …}`.")
    elif connector == "rest":
        if not {"parameter", "fixed"} & set(period):
            message = "Says nothing of how a period is asked for."
            yield document.error((*place, "period"), message, "Add `parameter:` or `fixed:`.")
        if "periods" not in options and "fixed" not in period:
            message = "Nothing says which periods there are."
            yield document.error(place, message, "Add `periods: {path: …}` or a list.")
    else:
        pattern = options["pattern"]
        if "{period}" not in pattern and "fixed" not in period:
            message = "Nothing says which period a file is of."
            remedy = "Write {period} in the pattern, or add `period: {fixed: …}`."
            yield document.error((*place, "pattern"), message, remedy)
        if pattern.startswith("/") or ".." in pattern.split("/"):
            message = "The pattern leads out of the source's folder."
            yield document.error((*place, "pattern"), message, "Write it relative to `address`.")
        for index, distinct in enumerate(options.get("distinct", ())):
            if distinct not in options["fields"]:
                message = f"There is no field `{distinct}` below."
                yield document.error((*place, "distinct", index), message)


def _check_mapping(
    document: Document, place: tuple[str, ...], mapping: FieldMapping, connector: str
) -> Iterator[DeclarationError]:
    if bool(mapping.names) == (mapping.value is not None):
        yield document.error(place, "Needs either `from:` or `value:`.")
    if connector == "sql" and len(mapping.names) > 1:
        yield document.error(place, "A column of a database has one name.", "Keep one.")


def _check_record(
    document: Document,
    name: str,
    mappings: Mapping[str, FieldMapping],
    records: Mapping[str, RecordType],
) -> Iterator[DeclarationError]:
    place = ("records", name)
    record = records.get(name)
    if record is None:
        remedy = f"There are: {', '.join(sorted(records))}."
        yield document.error(place, f"There is no record type `{name}`.", remedy)
        return
    for target in mappings:
        if target not in record.fields:
            remedy = f"It has: {', '.join(record.fields)}."
            message = f"The record `{name}` has no field `{target}`."
            yield document.error((*place, "fields", target), message, remedy)
    for target, declared in record.fields.items():
        if declared.required and target not in mappings:
            message = f"The field `{target}`, which the record needs, is not mapped."
            yield document.error((*place, "fields"), message, f"Add `{target}:`.")
    options = document.data["records"][name]
    fixed = (options.get("period") or {}).get("fixed")
    if fixed is not None and not is_period(record.period, fixed):
        message = f"`{fixed}` is not a period of the kind `{record.period}`."
        yield document.error((*place, "period", "fixed"), message)
