"""A real HTTP service on this machine that answers as a test tells it to."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ssl import SSLContext
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Request:
    """What the service was asked: query and form have one value a name."""

    method: str
    path: str
    query: Mapping[str, str]
    form: Mapping[str, str]
    headers: Mapping[str, str]


@dataclass
class Reply:
    """What it answers: a body of bytes or JSON, or chunks sent one by one."""

    body: Any = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    chunks: Iterator[bytes] | None = None
    cut: int | None = None


class Service:
    """`routes` has a function for each path; `requests` is what has been asked so far."""

    def __init__(self, address: str):
        self.address = address
        self.routes: dict[str, Callable[[Request], Reply]] = {}
        self.requests: list[Request] = []

    @property
    def port(self) -> int:
        return urlsplit(self.address).port or 0

    def asked(self, path: str) -> list[Request]:
        """The requests for `path`."""
        return [request for request in self.requests if request.path == path]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    service: Service

    def _answer(self) -> None:
        parts = urlsplit(self.path)
        size = int(self.headers.get("content-length") or 0)
        form = parse_qs(self.rfile.read(size).decode()) if size else {}
        request = Request(
            self.command,
            parts.path,
            {name: values[-1] for name, values in parse_qs(parts.query).items()},
            {name: values[-1] for name, values in form.items()},
            {name.lower(): value for name, value in self.headers.items()},
        )
        self.service.requests.append(request)
        route = self.service.routes.get(parts.path)
        reply = route(request) if route else Reply(status=404)
        body = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
        try:
            self._send(reply, body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _send(self, reply: Reply, body: bytes) -> None:
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.chunks is not None:
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for chunk in reply.chunks:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
            self.wfile.write(b"0\r\n\r\n")
            return
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(body if reply.cut is None else body[: reply.cut])
        if reply.cut is not None:
            self.wfile.flush()
            self.close_connection = True

    do_GET = do_POST = do_HEAD = _answer

    def log_message(self, *_: object) -> None:
        """Nothing is written."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: object) -> None:
        """A client that leaves is part of the tests."""


@contextmanager
def serving(host: str = "127.0.0.1", tls: SSLContext | None = None) -> Iterator[Service]:
    """A service that runs as long as the block does."""
    handler = type("Handler", (_Handler,), {})
    server = _Server((host, 0), handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    scheme = "http" if tls is None else "https"
    service = Service(f"{scheme}://{host}:{server.server_address[1]}")
    handler.service = service
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield service
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
