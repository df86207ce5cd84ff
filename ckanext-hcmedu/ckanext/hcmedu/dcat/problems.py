"""What the feed answers where it has nothing to give: problems as RFC 9457 has them.

Whoever harvests is a program; who has to mend it reads one of two languages.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from werkzeug.wrappers import Response

Text = Mapping[str, str]

METHOD: Text = {
    "vi": "Địa chỉ này chỉ để đọc: dùng GET hoặc HEAD.",
    "en": "This address is for reading: use GET or HEAD.",
}
NO_DATABASE: Text = {
    "vi": "Danh mục tạm thời không đọc được. Hãy thử lại sau ít phút.",
    "en": "The feed cannot be read at the moment. Try again in some minutes.",
}
FORMAT: Text = {
    "vi": "Danh mục không có định dạng này. Có: .ttl, .rdf, .jsonld, .nt, /data.json và "
    "/dcat-us.json.",
    "en": "The feed does not have this format. It has .ttl, .rdf, .jsonld, .nt, /data.json and "
    "/dcat-us.json.",
}
DATASET_FORMAT: Text = {
    "vi": "Bộ dữ liệu không có định dạng này. Có: .ttl, .rdf, .jsonld, .nt và /croissant.jsonld.",
    "en": "A dataset does not have this format. It has .ttl, .rdf, .jsonld, .nt and "
    "/croissant.jsonld.",
}
SEARCHED: Text = {
    "vi": "Kết quả tìm kiếm không có định dạng này. Có: .ttl, .rdf và .jsonld.",
    "en": "A search does not have this format. It has .ttl, .rdf and .jsonld.",
}
UNKNOWN: Text = {
    "vi": "Danh mục không có bộ dữ liệu này.",
    "en": "The feed does not have this dataset.",
}
ADDRESS: Text = {
    "vi": "Địa chỉ có ký tự không hợp lệ.",
    "en": "The address has a character that no address has.",
}
STREAM_FORMAT: Text = {
    "vi": "Dòng thay đổi không có định dạng này. Có: .trig, .nq và .jsonld.",
    "en": "The stream of changes does not have this format. It has .trig, .nq and .jsonld.",
}
SNAPSHOT: Text = {
    "vi": "Bản chụp danh mục này không còn hoặc không thuộc danh mục này. Hãy đọc lại từ trang "
    "đầu (không có tham số `at`); chưa được xóa gì ở phía bạn.",
    "en": "This snapshot of the feed is no longer kept, or is not of this feed. Start again from "
    "the first page (without `at`), and delete nothing on your side before that.",
}
CURSOR: Text = {
    "vi": "`after` không phải là mã bộ dữ liệu, hoặc thiếu `at`. Hãy đi theo liên kết hydra:next.",
    "en": "`after` is not a dataset's identifier, or `at` is missing. Follow the hydra:next links.",
}
BEYOND: Text = {
    "vi": "Sau bộ dữ liệu này không còn trang nào.",
    "en": "There is no page after this dataset.",
}
CONDITION: Text = {
    "vi": "Nội dung không còn như điều kiện trong yêu cầu (If-Match, If-Unmodified-Since).",
    "en": "The content is not what the request makes a condition of (If-Match, "
    "If-Unmodified-Since).",
}
SINCE: Text = {
    "vi": "`modified_since` không phải là một thời điểm. Hãy viết theo RFC 3339, ví dụ "
    "2026-11-25T08:00:00%2B07:00 hoặc 2026-11-25T01:00:00Z.",
    "en": "`modified_since` is not a point in time. Write it as RFC 3339 has it, such as "
    "2026-11-25T08:00:00%2B07:00 or 2026-11-25T01:00:00Z.",
}
STREAM_PAGE: Text = {
    "vi": "`page` không phải là tên một trang của dòng thay đổi. Hãy đi theo các tree:relation.",
    "en": "`page` is not the name of a page of the stream. Follow the tree:relation links.",
}
STREAM_BEYOND: Text = {
    "vi": "Trang này của dòng thay đổi chưa có.",
    "en": "The stream does not have this page yet.",
}
LOG: Text = {
    "vi": "Trang này thuộc một dòng thay đổi trước đây; cổng đã được dựng lại từ đầu. Hãy sao chép "
    "lại từ /changes và so với bản sao của bạn.",
    "en": "This page is of an earlier stream; the portal was built anew. Replicate again from "
    "/changes, and compare with your copy.",
}
GONE: Mapping[str, Text] = {
    "deleted": {
        "vi": "Bộ dữ liệu đã được gỡ khỏi cổng. Hãy xóa bản sao của bạn.",
        "en": "The dataset was taken off the portal. Delete your copy of it.",
    },
    "private": {
        "vi": "Bộ dữ liệu không còn công khai. Hãy xóa bản sao của bạn.",
        "en": "The dataset is no longer public. Delete your copy of it.",
    },
    "moved": {
        "vi": "Bộ dữ liệu có định danh (IRI) khác. Hãy xóa bản sao dưới định danh này.",
        "en": "The dataset has another IRI. Delete your copy under this one.",
    },
    "purged": {
        "vi": "Bộ dữ liệu đã được xóa hẳn khỏi cổng. Hãy xóa bản sao của bạn.",
        "en": "The dataset was removed from the portal for good. Delete your copy of it.",
    },
}


def problem(status: int, detail: Text, at: str | None = None, **headers: str) -> Response:
    """An error as RFC 9457 has it, in both languages.

    :param at: since when it is so.
    """
    described: dict[str, Any] = {
        "status": status,
        "title": HTTPStatus(status).phrase,
        "detail": detail["vi"],
        "detail_en": detail["en"],
    }
    if at:
        described["at"] = at
    body = json.dumps(described, ensure_ascii=False)
    response = Response(body, status=status, content_type="application/problem+json")
    response.headers.extend(headers)
    response.headers["Cache-Control"] = "no-cache"
    return response
