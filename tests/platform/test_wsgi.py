"""The portal as a WSGI application, as a web server loads it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.integration

CONFIG = Path(__file__).parents[2] / "config"


def test_it_knows_who_may_do_what_before_anybody_asks(ckan_ini: Path) -> None:
    # CKAN would gather it in the first request, and tell a second beside it that there is no such
    # function, or ask the one that a plugin replaces.
    program = (
        "import wsgi\n"
        "from ckan import authz\n"
        "known = authz._AuthFunctions._functions\n"
        "print(known['package_create'].__module__, known['harvest_object_show'].func.__module__)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"CKAN_INI": str(ckan_ini.resolve()), "PYTHONPATH": str(CONFIG)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[-2:] == ["ckan.logic.auth.create", "ckanext.hcmedu.auth"]
