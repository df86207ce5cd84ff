"""Fixtures of all tests. Folders have conftest files of their own for what they need."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def state() -> Path:
    """State folder of the tests' services (`make test` starts them)."""
    if "HCMEDU_STATE" not in os.environ:
        pytest.fail(
            "This test needs the tests' services: run it with `make test`, or see the chapter on "
            "single tests in docs/developer.md."
        )
    return Path(os.environ["HCMEDU_STATE"])


@pytest.fixture(scope="session")
def ckan_ini(state: Path) -> Path:
    """Configuration of the tests' portal."""
    return state / "ckan.ini"


@pytest.fixture(scope="session")
def stack(state: Path) -> Callable[..., None]:
    """Function that starts, stops, restarts or kills processes of the tests' services.

    `stack("start", "web")` returns when the process answers; `web` is the portal, `city` the
    simulated city's services, `second` the other CKAN; the rest are named in supervisord.conf.
    """

    def command(*arguments: str) -> None:
        done = subprocess.run(
            [sys.executable, str(ROOT / "config/local/stack.py"), "--testing", *arguments],
            env=_outer_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr

    return command


def _outer_environment() -> dict[str, str]:
    # Within the tests HCMEDU_STATE is the tests' own state; stack.py wants the portal's.
    environment = {name: value for name, value in os.environ.items() if name != "HCMEDU_STATE"}
    return environment | {"HCMEDU_STATE": str(Path(os.environ["HCMEDU_STATE"]).parent)}
