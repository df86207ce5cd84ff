"""The address of a dataset that is gone answers 410 (RFC 9110), its page as its documents."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from typing import Any

import sqlalchemy as sa
from ckan import model
from werkzeug.wrappers import Request

from ckanext.hcmedu.dcat import entries
from ckanext.hcmedu.dcat.asking import Start, Wsgi, is_personal, own_path

log = logging.getLogger(__name__)

_PAGE = re.compile(r"/dataset/(?P<dataset>[\w-]+)")


class Departed:
    """WSGI middleware around CKAN, which does not know that there was something."""

    def __init__(self, application: Wsgi):
        self._application = application

    def __call__(self, environ: dict[str, Any], start_response: Start) -> Iterable[bytes]:
        request = Request(environ)
        page = _PAGE.fullmatch(own_path(request))
        if page is None or is_personal(request):
            return self._application(environ, start_response)
        started: list[Any] = []
        body = self._application(environ, lambda *given: started.append(given))
        status, *more = started[-1]
        if status.startswith(("403", "404")) and _is_gone(page["dataset"]):
            status = "410 GONE"
        start_response(status, *more)
        return body


def _is_gone(dataset: str) -> bool:
    try:
        with model.ensure_engine().connect() as connection:
            record = entries.record(connection, dataset, "nt")
    except sa.exc.DBAPIError:
        log.exception("Whether the dataset was there cannot be told")
        return False
    return record is not None and record.kind == "delete"
