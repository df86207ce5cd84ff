"""Requests of the portal itself, not of a source: under the same guard as those."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import urlsplit

import ckan.plugins.toolkit as tk

from harvesters.connectors.network import HttpClient
from harvesters.sources import Limits, Source

_PORT = re.compile(r":[0-9]+$")


def _own(address: str) -> tuple[str, ...]:
    """The host of `address` at its own port, or at those of HTTP: others are other services."""
    host = urlsplit(address).netloc
    return (host,) if _PORT.search(host) else (f"{host}:80", f"{host}:443")


def open_client(
    name: str, address: str, limits: Limits, reachable: Iterable[str] | None = None
) -> HttpClient:
    """A client that may reach the host of `address`, and what else is allowed.

    :param name: what errors call the other side.
    :param reachable: what else; hosts, addresses, networks. `hcmedu.reachable`, unless given.
    :raises SourceError: the address is none of HTTP, or the allow-list is wrong.
    """
    if reachable is None:
        reachable = tk.config["hcmedu.reachable"]
    source = Source(
        name=name,
        title={"vi": name, "en": name},
        organization="",
        simulated=False,
        connector="rest",
        address=address,
        allow=(*_own(address), *reachable),
        schedule=None,
        limits=limits,
        auth={},
        tls={},
        records={},
        digest="",
        path=Path("ckan.ini"),
    )
    return HttpClient(source, limits)
