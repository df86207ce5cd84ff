"""The city's service platform over HTTP: OAuth 2 tokens, paging of four kinds, rate limit, ETag.

Every answer carries the header ``X-Simulated-Data: true`` and, in its body, ``"mo_phong": true``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import flask
import gunicorn.app.base
import itsdangerous
import pyarrow as pa
from werkzeug.exceptions import HTTPException

from demo import NOTICE
from demo.city import City
from demo.fingerprint import fingerprint
from demo.public_services import RESOURCES, Resource

TOKEN_SECONDS = 600
DEFAULT_LIMIT, MOST = 100, 1000


@dataclass(frozen=True)
class ServiceSettings:
    """Who may ask, and how often: `rate` requests a second after a burst of `burst`."""

    client_id: str
    client_secret: str
    rate: float = 25.0
    burst: int = 50


class RateLimit:
    """A token bucket for each client."""

    def __init__(self, rate: float, burst: int, clock: Callable[[], float] = time.monotonic):
        self._rate, self._burst, self._clock = rate, burst, clock
        self._buckets: dict[str, tuple[float, float]] = {}
        self._lock = threading.Lock()

    def wait(self, client: str) -> float:
        """0 if the client may ask now (and has), else the seconds until it may."""
        now = self._clock()
        with self._lock:
            left, since = self._buckets.get(client, (float(self._burst), now))
            left = min(self._burst, left + (now - since) * self._rate)
            allowed = left >= 1
            self._buckets[client] = (left - 1 if allowed else left, now)
        return 0.0 if allowed else (1 - left) / self._rate


class _Problem(Exception):
    """An answer that is not data: status, short code, what is wrong and how to mend it."""

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None):
        super().__init__(message)
        self.status, self.code, self.message = status, code, message
        self.headers = headers or {}


def create_app(city: City, settings: ServiceSettings) -> flask.Flask:
    """The service platform of `city` as a WSGI application."""
    app = flask.Flask("demo.services", static_folder=None)
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.json.sort_keys = False  # type: ignore[attr-defined]
    signer = itsdangerous.URLSafeTimedSerializer(settings.client_secret, salt="access-token")
    limit = RateLimit(settings.rate, settings.burst)

    @lru_cache(maxsize=24)
    def table(name: str, period: str) -> pa.Table:
        return RESOURCES[name].rows(city, period).combine_chunks()

    @app.after_request
    def label(response: flask.Response) -> flask.Response:
        response.headers["X-Simulated-Data"] = "true"
        return response

    @app.errorhandler(_Problem)
    def problem(error: _Problem) -> tuple[flask.Response, int, dict[str, str]]:
        body = {"error": error.code, "error_description": error.message, "mo_phong": True}
        return flask.jsonify(body), error.status, error.headers

    @app.errorhandler(HTTPException)
    def http_problem(error: HTTPException) -> tuple[flask.Response, int | None]:
        code = error.name.lower().replace(" ", "_")
        body = {"error": code, "error_description": error.description, "mo_phong": True}
        return flask.jsonify(body), error.code

    @app.get("/")
    def root() -> flask.Response:
        return flask.jsonify(
            thong_bao=NOTICE, tai_nguyen=[f"/v1/{name}" for name in RESOURCES], mo_phong=True
        )

    @app.get("/health")
    def health() -> flask.Response:
        return flask.jsonify(status="ok", mo_phong=True)

    @app.post("/oauth/token")
    def token() -> tuple[flask.Response, dict[str, str]]:
        form, basic = flask.request.form, flask.request.authorization
        if form.get("grant_type") != "client_credentials":
            message = "Only grant_type=client_credentials is offered; send it as a form field."
            raise _Problem(400, "unsupported_grant_type", message)
        if basic is not None and basic.type == "basic":
            client, secret = basic.username or "", basic.password or ""
        else:
            client, secret = form.get("client_id", ""), form.get("client_secret", "")
        known = hmac.compare_digest(client.encode(), settings.client_id.encode())
        right = hmac.compare_digest(secret.encode(), settings.client_secret.encode())
        if not (known and right):
            message = "The client is not known or its secret is wrong."
            raise _Problem(401, "invalid_client", message, {"WWW-Authenticate": "Basic"})
        body = flask.jsonify(
            access_token=signer.dumps(client),
            token_type="Bearer",  # noqa: S106 - the name of a scheme
            expires_in=TOKEN_SECONDS,
        )
        return body, {"Cache-Control": "no-store"}

    def authorise() -> None:
        given = flask.request.authorization
        if given is None or given.type != "bearer" or not given.token:
            message = "Send an access token: Authorization: Bearer … (POST /oauth/token)."
            raise _Problem(401, "unauthorized", message, {"WWW-Authenticate": "Bearer"})
        try:
            client = signer.loads(given.token, max_age=TOKEN_SECONDS)
        except itsdangerous.BadData:
            challenge = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
            message = "The access token has expired or is not ours; ask for a new one."
            raise _Problem(401, "invalid_token", message, challenge) from None
        wait = limit.wait(client)
        if wait:
            message = f"More than {settings.rate:g} requests a second; wait as Retry-After says."
            headers = {"Retry-After": str(math.ceil(wait))}
            raise _Problem(429, "too_many_requests", message, headers)

    def resource(name: str) -> Resource:
        found = RESOURCES.get(name)
        if found is None:
            message = f"There is no resource {name}; there are {', '.join(RESOURCES)}."
            raise _Problem(404, "not_found", message)
        return found

    def tag(name: str, period: str) -> str:
        key = f"{fingerprint()} {city.seed} {city.scale} {name} {period}"
        return hashlib.sha256(key.encode()).hexdigest()[:32]

    @app.get("/v1/<name>/periods")
    def periods(name: str) -> flask.Response:
        authorise()
        return flask.jsonify(data=list(resource(name).periods), mo_phong=True)

    @app.get("/v1/<name>")
    def rows(name: str) -> flask.Response:
        authorise()
        asked, arguments = resource(name), flask.request.args
        period = arguments.get(asked.parameter, "")
        if period not in asked.periods:
            message = (
                f"`{asked.parameter}` must be one of the periods at /v1/{name}/periods,"
                f" such as {asked.periods[-1]}."
            )
            raise _Problem(404 if period else 400, "unknown_period", message)
        etag = tag(name, period)
        response = flask.Response(status=304)
        if etag not in flask.request.if_none_match:
            everything = table(name, period)
            columns = _columns(everything, arguments.get("fields"))
            response = _page(asked, everything.select(columns), etag)
        response.set_etag(etag)
        response.headers["Cache-Control"] = "private, no-cache"
        return response

    return app


def _columns(table: pa.Table, asked: str | None) -> list[str]:
    """The columns that `fields=` asks for (all without it)."""
    if asked is None:
        return table.column_names
    names = [name.strip() for name in asked.split(",") if name.strip()]
    unknown = [name for name in names if name not in table.column_names]
    if unknown or not names:
        message = f"`fields` names what is not there; known are {', '.join(table.column_names)}."
        raise _Problem(400, "unknown_field", message)
    return names


def _whole(name: str, default: int, least: int) -> int:
    text = flask.request.args.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or int(text) < least or len(text) > 12:
        message = f"`{name}` must be a whole number from {least} up."
        raise _Problem(400, "invalid_parameter", message)
    return int(text)


def _page(asked: Resource, table: pa.Table, etag: str) -> flask.Response:
    """One page, and the way to the next in the manner of the resource."""
    size = min(_whole("limit", DEFAULT_LIMIT, 1), MOST)
    total = table.num_rows
    body: dict[str, Any] = {"mo_phong": True}
    headers: dict[str, str] = {}
    if asked.paging == "cursor":
        start = _read_cursor(flask.request.args.get("cursor"), etag)
        body["next_cursor"] = _cursor(start + size, etag) if start + size < total else None
    elif asked.paging == "offset":
        start = _whole("offset", 0, 0)
        body |= {"total": total, "offset": start, "limit": size}
    else:
        page = _whole("page", 1, 1)
        start = (page - 1) * size
        pages = max(1, -(-total // size))
        if asked.paging == "page":
            body |= {"page": page, "pages": pages, "total": total}
        elif page < pages:
            arguments = flask.request.args.to_dict() | {"page": str(page + 1)}
            following = flask.url_for("rows", name=asked.name, _external=True, **arguments)
            headers["Link"] = f'<{following}>; rel="next"'
    body["data"] = table.slice(start, size).to_pylist()
    response = flask.jsonify(body)
    response.headers.update(headers)
    return response


def _cursor(start: int, etag: str) -> str:
    return base64.urlsafe_b64encode(f"{etag[:8]}:{start}".encode()).decode().rstrip("=")


def _read_cursor(cursor: str | None, etag: str) -> int:
    if not cursor:
        return 0
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        prefix, start = text.split(":")
        if prefix != etag[:8]:
            raise ValueError
        return max(0, int(start))
    except (ValueError, binascii.Error):
        message = "The cursor is not one of this resource and period, or the data has changed."
        raise _Problem(400, "invalid_cursor", f"{message} Start without `cursor`.") from None


class _Server(gunicorn.app.base.BaseApplication):
    """gunicorn with one process, so that the rate limit counts all of a client's requests."""

    def __init__(self, app: flask.Flask, options: dict[str, Any]):
        self._app, self._options = app, options
        super().__init__()

    def init(self, parser: Any, opts: Any, args: Any) -> None:
        """Nothing is read from the command line."""

    def load_config(self) -> None:
        for key, value in self._options.items():
            self.cfg.set(key, value)

    def load(self) -> flask.Flask:
        return self._app


def serve(app: flask.Flask, port: int, host: str = "127.0.0.1") -> None:
    """Answer on `port` until the process is told to stop (SIGTERM, SIGINT)."""
    options = {
        "bind": f"{host}:{port}",
        "workers": 1,
        "worker_class": "gthread",
        "threads": 4,
        "timeout": 60,
        "graceful_timeout": 5,
        "preload_app": True,
        "proc_name": "demo-services",
        "loglevel": "warning",
        # Nobody steers it through a socket in the home directory.
        "control_socket_disable": True,
    }
    _Server(app, options).run()
