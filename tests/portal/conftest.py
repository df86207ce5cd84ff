"""A whole portal: the simulated city harvested and published by the real processes."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from harvesters.releases import ReleaseStore

from .planted import Planted

ROOT = Path(__file__).parents[2]
WORKERS = ("harvest-gather", "harvest-fetch")


@dataclass(frozen=True)
class Portal:
    """The portal as its users and its operator meet it."""

    url: str
    state: Path
    ini: Path
    stack: Callable[..., None]

    def get(self, path: str, **options: Any) -> requests.Response:
        """What the portal answers to a GET of `path`."""
        return requests.get(self.url + path, timeout=60, **options)

    def action(self, name: str, **parameters: Any) -> Any:
        """The result of an action of CKAN's API, as anyone may call it."""
        answer = self.get(f"/api/3/action/{name}", params=parameters)
        assert answer.status_code == 200, f"{name}: {answer.status_code} {answer.text[:500]}"
        return answer.json()["result"]

    def run(
        self, *command: str, ini: Path | None = None, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run a command of ``ckan`` and wait for its end."""
        done = subprocess.run(
            [str(Path(sys.executable).with_name("ckan")), "-c", str(ini or self.ini), *command],
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
            timeout=900,
        )
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def start(self, *command: str) -> "subprocess.Popen[str]":
        """Start a command of ``ckan`` and leave it running."""
        return subprocess.Popen(
            [str(Path(sys.executable).with_name("ckan")), "-c", str(self.ini), *command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=ROOT,
        )

    def empty(self, ini: Path | None = None) -> None:
        """Empty databases, search index and queues; releases and snapshots stay."""
        done = subprocess.run(
            [sys.executable, str(Path(__file__).with_name("emptied.py")), "--queues"],
            env=os.environ | {"CKAN_INI": str(ini or self.ini)},
            capture_output=True,
            text=True,
            check=False,
            cwd=ROOT,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    @property
    def releases(self) -> ReleaseStore:
        """The releases on disk."""
        return ReleaseStore(self.state)


def until(condition: Callable[[], bool], what: str, seconds: float = 300) -> None:
    """Wait until `condition` holds; fail, saying `what` was waited for, after `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"Waited {seconds} s in vain: {what}."
        time.sleep(0.2)


@pytest.fixture(scope="session")
def empty_portal(state: Path, ckan_ini: Path, stack: Callable[..., None]) -> Iterator[Portal]:
    """A portal with nothing in it, its processes running beside the simulated city's."""
    url = next(
        line.partition("=")[2].strip()
        for line in ckan_ini.read_text(encoding="utf-8").splitlines()
        if line.startswith("ckan.site_url")
    )
    portal = Portal(url, state, ckan_ini, stack)
    # Other tests, in this process, have used the same databases.
    portal.empty()
    for name in ("snapshots", "parts", "releases", "reports", "withdrawn"):
        shutil.rmtree(state / name, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "demo", "seed"], check=True, cwd=ROOT, env=os.environ)
    portal.stack("start", "city", *WORKERS, "web")
    yield portal
    portal.stack("stop", "city", *WORKERS, "web")


@pytest.fixture(scope="session")
def portal(empty_portal: Portal) -> Portal:
    """The portal with the simulated city harvested, released and published."""
    empty_portal.run("hcmedu", "bootstrap")
    empty_portal.run("hcmedu", "run")
    return empty_portal


@pytest.fixture(scope="session")
def planted(portal: Portal) -> Iterator[Planted]:
    """A school year with markers in its records, in the central database; not harvested yet."""
    planted = Planted()
    planted.sow()
    yield planted
    planted.close()
