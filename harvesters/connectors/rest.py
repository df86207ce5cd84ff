"""REST services: JSON over HTTP, page by page.

Each page is held in memory (bounded by ``max_response_bytes``), never the whole. Paging ends when
the service says so: by an empty cursor, a missing link, a page past the last. A service that goes
round in circles, ends short of the total that it announced, or changes while it is being read, is
not believed: nothing of that reading is used.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import urljoin

import pyarrow as pa

from harvesters.connectors.base import Meter, SourceBatch, declared, known, never_equal
from harvesters.connectors.documents import holds, pick, read_json
from harvesters.connectors.network import Answer, HttpClient
from harvesters.errors import SourceAnswerError, SourceChangedError, text
from harvesters.mapping import FieldMapping, map_columns, native_array, plain_text
from harvesters.sources import Limits, Source, SourceRecord
from schemas import RecordType

_MOST_PAGES = 1_000_000
_PARAMETERS = {"cursor": "cursor", "offset": "offset", "page": "page"}
_LINK = re.compile(r"<([^<>]*)>((?:\s*;\s*[\w!#$&+.^`|~*-]+\s*=\s*(?:\"[^\"]*\"|[^\",;\s]+))*)")
_REL = re.compile(r";\s*rel\s*=\s*(?:\"([^\"]*)\"|([^\",;\s]+))", re.IGNORECASE)


class RestConnector:
    """Reads a REST service.

    Options of a record: ``path``, ``parameters``, ``period: {parameter}``, ``periods: {path, items,
    field}`` or a list, ``paging``, ``page_size``, ``items``, ``fields_parameter``, ``change``.
    """

    def __init__(self, source: Source, limits: Limits):
        self._source = source
        self._limits = limits
        self._client = HttpClient(source, limits)

    def close(self) -> None:
        """Close the connections that are kept open."""
        self._client.close()

    def periods(self, record: str) -> list[str]:
        """The periods that the service has of `record`, ascending."""
        about = declared(self._source, record)
        if about.fixed_period:
            return [about.fixed_period]
        wanted = about.options["periods"]
        if isinstance(wanted, list):
            return sorted(wanted)
        url = self._client.url(wanted["path"])
        document = self._json(self._client.fetch(url))
        found = self._items(document, wanted.get("items", ""), url)
        field = wanted.get("field")
        names = [plain_text(pick(item, field) if field else item) for item in found]
        return sorted({about.own_period(name) for name in names if name})

    def change_token(self, record: str, period: str) -> str:
        """What ``change`` says, as a digest; a new one each time where the service cannot tell."""
        about = declared(self._source, record)
        change = about.options.get("change")
        seen: str | None = None
        if change == "etag" or (isinstance(change, Mapping) and "header" in change):
            wanted = ("etag", "last-modified") if change == "etag" else (change["header"].lower(),)
            headers = self._head(about, period).headers
            seen = next((headers[name] for name in wanted if headers.get(name)), None)
        elif change:
            url = self._client.url(change["path"])
            answer = self._client.fetch(url, params=self._period_parameter(about, period))
            seen = json.dumps(pick(self._json(answer), change.get("field", "")), sort_keys=True)
        if not seen or seen == "null":
            return never_equal()
        return hashlib.sha256(f"{about.digest}\n{period}\n{seen}".encode()).hexdigest()

    def read(self, record: RecordType, period: str) -> Iterator[SourceBatch]:
        """The records of `period`, all pages of them."""
        about = declared(self._source, record.name)
        mapped = {name: each for name, each in about.fields.items() if each.names}
        kinds = {name: record.fields[name].type for name in about.fields}
        origin = str(about.options["path"])
        url = self._client.url(origin)
        meter = Meter(self._client.where(url), self._limits)
        before = self.change_token(record.name, period) if about.options.get("change") else ""
        waiting: dict[str, list[Any]] = {name: [] for name in mapped}
        held = 0
        for items in self._pages(about, period, meter):
            if meter.rows == 0 and items:
                self._check_fields(items, mapped, url)
            for name, each in mapped.items():
                waiting[name].extend(_value(item, each) for item in items)
            meter.add(rows=len(items))
            held += len(items)
            if held >= self._limits.batch_rows:
                yield self._batch(waiting, held, meter, about, kinds, origin)
                waiting, held = {name: [] for name in mapped}, 0
        if held:
            yield self._batch(waiting, held, meter, about, kinds, origin)
        # The service shows us pages, not a snapshot: what moved meanwhile may be in none or in two.
        if known(before) and self.change_token(record.name, period) != before:
            raise SourceChangedError(
                vi="Dữ liệu của dịch vụ thay đổi trong khi đang đọc.",
                en="The service's data changed while it was being read.",
                where=self._client.where(url),
                remedy=text("Lượt sau sẽ tự đọc lại.", "The next run reads it again."),
            )

    @staticmethod
    def _batch(
        waiting: Mapping[str, Sequence[Any]],
        held: int,
        meter: Meter,
        about: SourceRecord,
        kinds: Mapping[str, str],
        origin: str,
    ) -> SourceBatch:
        columns: dict[str, pa.Array] = {
            name: native_array(values) for name, values in waiting.items()
        }
        batch = map_columns(columns, about.fields, kinds, held)
        return SourceBatch(batch, origin, range(meter.rows - held + 1, meter.rows + 1))

    # Requests

    def _period_parameter(self, about: SourceRecord, period: str) -> dict[str, str]:
        name = (about.options.get("period") or {}).get("parameter")
        return {name: about.source_period(period)} if name else {}

    def _parameters(self, about: SourceRecord, period: str) -> dict[str, str | int]:
        options = about.options
        wanted: dict[str, str | int] = dict(options.get("parameters", {}))
        wanted |= self._period_parameter(about, period)
        if "fields_parameter" in options:
            # A nested field is asked for by the object that holds it.
            named = (name for each in about.fields.values() for name in each.names)
            roots = dict.fromkeys(name.partition(".")[0] for name in named)
            wanted[options["fields_parameter"]] = ",".join(roots)
        return wanted

    def _head(self, about: SourceRecord, period: str) -> Answer:
        url = self._client.url(about.options["path"])
        params = self._parameters(about, period)
        answer = self._client.fetch(url, params=params, method="HEAD", accept=(200, 405, 501))
        if answer.status == 200:
            return answer
        size = _paging(about).get("size_parameter", "limit")
        return self._client.fetch(url, params=params | {size: 1} if _paged(about) else params)

    def _pages(self, about: SourceRecord, period: str, meter: Meter) -> Iterator[list[Any]]:
        paging = _paging(about)
        kind = paging["kind"]
        url: str = self._client.url(about.options["path"])
        first = self._parameters(about, period)
        if kind != "none" and "page_size" in about.options:
            first[paging.get("size_parameter", "limit")] = about.options["page_size"]
        parameters: dict[str, str | int] | None = first
        counter = paging.get("parameter", _PARAMETERS.get(kind, ""))
        position = paging.get("first", 1) if kind == "page" else 0
        seen: set[bytes] = set()
        got = 0
        for _ in range(_MOST_PAGES):
            if kind in ("offset", "page"):
                first[counter] = position
            answer = self._client.fetch(url, params=parameters)
            meter.add(size=len(answer.body))
            document = self._json(answer)
            items = self._items(document, about.options.get("items", ""), url)
            if items:
                self._check_new(answer, items, seen, url)
            yield items
            got += len(items)
            if kind == "cursor":
                following = pick(document, paging.get("next", "next_cursor"))
                if following in (None, "", False):
                    return
                first[counter] = str(following)
            elif kind == "link":
                target = _next_link(answer.headers.get("link", ""))
                if target is None:
                    return
                # The link carries the parameters; where it may lead, the client checks.
                url, parameters = urljoin(answer.url, target), None
            elif kind in ("offset", "page"):
                position += len(items) if kind == "offset" else 1
                if self._is_last(document, items, paging, position, got, url):
                    return
            else:
                return
        raise self._endless(url)

    def _is_last(
        self,
        document: Any,
        items: Sequence[Any],
        paging: Mapping[str, Any],
        position: int,
        got: int,
        url: str,
    ) -> bool:
        """Whether the page of `items` is the last: by what the service announces, else by being
        empty, since a service may send fewer than were asked for on any page."""
        total = pick(document, paging.get("total", "total"))
        if isinstance(total, int) and not isinstance(total, bool):
            if not items and got < total:
                raise self._short(url, got, total)
            return got >= total
        pages = pick(document, paging.get("pages", "pages"))
        if paging["kind"] == "page" and isinstance(pages, int) and not isinstance(pages, bool):
            return bool(position >= pages + paging.get("first", 1))
        return not items

    # Answers

    def _json(self, answer: Answer) -> Any:
        return read_json(answer.body, self._client.where(answer.url), self._limits.max_depth)

    def _items(self, document: Any, path: str, url: str) -> list[Any]:
        items = pick(document, path)
        if not isinstance(items, list):
            named = path or "."
            raise SourceAnswerError(
                vi=f"Câu trả lời không có danh sách ở “{named}”.",
                en=f"The answer has no list at `{named}`.",
                where=self._client.where(url),
                remedy=text("Sửa items trong khai báo nguồn.", "Mend `items` in the declaration."),
            )
        return items

    def _check_fields(
        self, items: Sequence[Any], mapped: Mapping[str, FieldMapping], url: str
    ) -> None:
        """A field that no record of the first page has is a mistake in a name."""
        if not all(isinstance(item, Mapping) for item in items):
            raise SourceAnswerError(
                vi="Danh sách có phần tử không phải là đối tượng.",
                en="The list has elements that are not objects.",
                where=self._client.where(url),
            )
        for each in mapped.values():
            if each.optional or any(holds(item, name) for item in items for name in each.names):
                continue
            named = " / ".join(each.names)
            raise SourceAnswerError(
                vi=f"Dịch vụ không gửi trường “{named}”.",
                en=f"The service does not send the field `{named}`.",
                where=self._client.where(url),
                remedy=text(
                    "Sửa tên trường trong khai báo nguồn, hoặc ghi optional: true.",
                    "Mend the name in the source's declaration, or say optional: true.",
                ),
            )

    def _check_new(self, answer: Answer, items: Sequence[Any], seen: set[bytes], url: str) -> None:
        # Pages of equal records exist, equal pages in a row of a whole reading hardly: 16 bytes a
        # page are cheap, and a service that ignores its paging parameter is caught on page two.
        digest = hashlib.blake2b(answer.body, digest_size=16).digest()
        if digest in seen and len(items) > 0:
            raise self._endless(url)
        seen.add(digest)

    def _endless(self, url: str) -> SourceAnswerError:
        return SourceAnswerError(
            vi="Dịch vụ gửi lại trang đã gửi: phân trang không có điểm dừng.",
            en="The service sends a page again: its paging has no end.",
            where=self._client.where(url),
            remedy=text(
                "Kiểm tra paging trong khai báo nguồn (kiểu, tên tham số).",
                "Check `paging` in the source's declaration (kind, names of parameters).",
            ),
        )

    def _short(self, url: str, got: int, total: int) -> SourceAnswerError:
        return SourceAnswerError(
            vi=f"Dịch vụ báo có {total} bản ghi nhưng chỉ gửi {got}.",
            en=f"The service announced {total} records but sent {got}.",
            where=self._client.where(url),
            remedy=text(
                "Chạy lại; nếu vẫn thiếu, báo đơn vị vận hành nguồn.",
                "Run again; if some are still missing, tell those who run the source.",
            ),
        )


def _paging(about: SourceRecord) -> dict[str, Any]:
    declared_paging = about.options.get("paging", "none")
    return {"kind": declared_paging} if isinstance(declared_paging, str) else declared_paging


def _paged(about: SourceRecord) -> bool:
    return bool(_paging(about)["kind"] != "none")


def _value(item: Any, mapping: FieldMapping) -> Any:
    for name in mapping.names:
        if holds(item, name):
            return pick(item, name)
    return None


def _next_link(header: str) -> str | None:
    """The target of the ``rel="next"`` link of a ``Link`` header (RFC 8288), if it has one."""
    for target, parameters in _LINK.findall(header):
        relation = _REL.search(parameters)
        if relation and "next" in (relation[1] or relation[2] or "").lower().split():
            return str(target)
    return None
