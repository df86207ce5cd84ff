"""JSON from outside: bounded in depth, strict in form, and values picked from it by path."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from harvesters.errors import SourceAnswerError, text

# Possessive, and a text that does not end is one as well: else its end is looked for from each of
# its quotation marks anew.
_TOKENS = re.compile(rb'"(?:[^"\\]|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)

_ABSENT: Any = object()


def depth(body: bytes) -> int:
    """How deep the objects and arrays of `body` are nested, without building them."""
    level = deepest = 0
    for match in _TOKENS.finditer(body):
        first = body[match.start()]
        if first in b"[{":
            level += 1
            deepest = max(deepest, level)
        elif first in b"]}":
            level -= 1
    return deepest


def _refuse(name: str) -> Any:
    raise ValueError(name)


def read_json(body: bytes, where: str, max_depth: int) -> Any:
    """`body` as JSON (RFC 8259: no NaN, no Infinity) nested at most `max_depth` deep.

    :raises SourceAnswerError: it is something else; `where` says where it came from.
    """
    # Python's parser is written in recursion: what is nested too deep is not given to it.
    if body.count(b"[") + body.count(b"{") > max_depth and depth(body) > max_depth:
        raise SourceAnswerError(
            vi="Tài liệu JSON lồng nhau quá sâu.",
            en="The JSON is nested too deep.",
            where=where,
            expected=text(f"nhiều nhất {max_depth} cấp.", f"at most {max_depth} levels."),
        )
    try:
        return json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise SourceAnswerError(
            vi="Nội dung nhận được không phải là JSON.",
            en="What came is not JSON.",
            where=where,
            expected=text("tài liệu JSON, mã hóa UTF-8.", "a JSON document in UTF-8."),
            remedy=text(
                "Kiểm tra đường dẫn và phiên bản của dịch vụ.",
                "Check the path and the service's version.",
            ),
        ) from None


def pick(document: Any, path: str, default: Any = None) -> Any:
    """The value at `path` (``data.items``) in `document`; ``""`` is the document itself."""
    if not path:
        return document
    if isinstance(document, Mapping):
        if path in document:
            return document[path]
        head, dot, rest = path.partition(".")
        if dot and head in document:
            return pick(document[head], rest, default)
    return default


def holds(document: Any, path: str) -> bool:
    """Whether there is anything, be it null, at `path` in `document`."""
    return pick(document, path, _ABSENT) is not _ABSENT
