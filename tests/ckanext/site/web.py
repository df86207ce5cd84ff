"""The portal behind a web server of its own, for what goes over HTTP."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from werkzeug.serving import make_server

if TYPE_CHECKING:
    from tests.ckanext.site.conftest import Site


def free_address() -> str:
    """An address on a port that is free."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{found.getsockname()[1]}"


@contextmanager
def web_server(site: Site, address: str) -> Iterator[None]:
    """`site` answers at `address` as long as the block runs."""
    port = int(address.rsplit(":", 1)[1])
    server = make_server("127.0.0.1", port, site.app.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
