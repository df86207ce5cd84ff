"""The cache that we ship, in a real nginx before a portal."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

NGINX = "/usr/sbin/nginx"
SHIPPED = Path(__file__).parents[2] / "config/nginx/hcmedu.conf"


def configuration_of(portal: str, listen: str, folder: Path) -> str:
    """What is shipped, with the addresses and the folder of the test."""
    shipped = SHIPPED.read_text()
    for ours, theirs in (
        ("127.0.0.1:5000", portal.removeprefix("http://")),
        ("listen 8080", f"listen {listen.removeprefix('http://')}"),
        ("/var/cache/nginx/hcmedu", str(folder / "cache")),
    ):
        assert shipped.count(ours) == 1
        shipped = shipped.replace(ours, theirs)
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;" if os.getuid() == 0 else ""
    return (
        f"{user} worker_processes 1; pid {folder}/pid; error_log {folder}/errors; daemon off;"
        f"events {{}} http {{ access_log off; {temporary} {shipped} }}"
    )


@contextmanager
def nginx(portal: str, listen: str, folder: Path) -> Iterator[None]:
    """nginx answers at `listen` for `portal` as long as the block runs; both are addresses."""
    file = folder / "nginx.conf"
    file.write_text(configuration_of(portal, listen, folder))
    running = subprocess.Popen([NGINX, "-c", str(file), "-e", str(folder / "errors")])
    try:
        for _ in range(100):
            try:
                requests.get(f"{listen}/nope", timeout=10)
                break
            except requests.ConnectionError:
                time.sleep(0.1)
        else:
            raise RuntimeError((folder / "errors").read_text())
        yield
    finally:
        running.terminate()
        running.wait()
