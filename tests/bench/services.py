"""Services of the measurements' own, beside a portal and the tests'."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.ckanext.site.web import free_address
from tests.platform.nginx import nginx

ROOT = Path(__file__).parents[2]
STATE = ROOT / "var" / "bench"
_STACK = [sys.executable, str(ROOT / "config/local/stack.py"), "--testing"]


@dataclass(frozen=True)
class Services:
    """Services that run; `environment` is for programs that use them."""

    url: str
    environment: dict[str, str]
    outer: dict[str, str]

    def stack(self, *arguments: str) -> None:
        """Start or stop processes, as `config/local/stack.py` does."""
        subprocess.run([*_STACK, *arguments], env=self.outer, check=True, cwd=ROOT)

    def run(self, *arguments: str) -> str:
        """Run a Python program on the services; returns the last line that it printed."""
        done = subprocess.run(
            [sys.executable, *arguments],
            env=self.environment,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
        return (done.stdout.strip().splitlines() or [""])[-1]


@contextmanager
def services(**settings: str) -> Iterator[Services]:
    """Services that run until the block ends; `settings` are variables of the environment."""
    port = int(os.environ.get("HCMEDU_PORT", "5000")) + 40
    own = {"HCMEDU_STATE": str(STATE.relative_to(ROOT)), "HCMEDU_PORT": str(port)}
    outer = os.environ | own | settings
    state = STATE / "test"
    subprocess.run([*_STACK, "services-up"], env=outer, check=True, cwd=ROOT)
    try:
        paths = {"HCMEDU_STATE": str(state), "CKAN_INI": str(state / "ckan.ini")}
        # The tests' services are the portal's with other ports.
        url = f"http://127.0.0.1:{port + 20}"
        yield Services(url, outer | _secrets(state / "secrets.env") | paths, outer)
    finally:
        subprocess.run([*_STACK, "down"], env=outer, check=False, cwd=ROOT)


@contextmanager
def through_nginx(url: str) -> Iterator[str]:
    """The address of the nginx that is shipped, before the portal at `url`."""
    with tempfile.TemporaryDirectory() as folder:
        # nginx' worker may be another user.
        os.chmod(folder, 0o755)
        listen = free_address()
        with nginx(url, listen, Path(folder)):
            yield listen


def _secrets(file: Path) -> dict[str, str]:
    pairs = (line.partition("=") for line in file.read_text("utf-8").splitlines() if "=" in line)
    return {name: shlex.split(value)[0] if value else "" for name, _, value in pairs}
