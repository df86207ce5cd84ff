"""CKAN on the stores: its configuration files, its tables, its first sysadmin."""

import os
import secrets as randomness
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import rendering
import stores
from layout import ROOT, Layout, StackError, digest, read_secrets
from rendering import write_private

CONFIG = ROOT / "config"

# What the tests' portal has otherwise than the real one, without being told apart by a reader.
_TEST_SETTINGS = {
    "testing": "true",
    # The pages that tests ask for are the same without a token for each form.
    "WTF_CSRF_ENABLED": "false",
}


def write_configuration(layout: Layout, secrets: Mapping[str, str]) -> None:
    """Write `ckan.ini` (and, for tests, `second.ini`), readable by the owner only."""
    portal = rendering.portal_values(
        secrets,
        site_url=layout.site_url,
        state=layout.state,
        config=CONFIG,
        database_server=f"127.0.0.1:{layout.postgres_port}",
        redis_server=f"127.0.0.1:{layout.redis_port}",
        solr_url=stores.solr_url(layout),
        search_recipe=digest(CONFIG / "solr"),
        simulated=True,
        # No real address: nobody shall write to a simulated department.
        contact_email="opendata@hcmedu.example",
    )
    _render(CONFIG / "portal.ini", layout.ini, portal, _TEST_SETTINGS if layout.testing else {})
    if layout.testing:
        second = rendering.portal_values(
            secrets,
            site_url=layout.second_site_url,
            state=layout.state,
            config=CONFIG,
            database_server=f"127.0.0.1:{layout.postgres_port}",
            redis_server=f"127.0.0.1:{layout.redis_port}",
            solr_url=stores.solr_url(layout, "second"),
            search_recipe="",
            simulated=True,
            databases=("second_ckan", "second_datastore"),
            redis_database=1,
        )
        _render(CONFIG / "local" / "second.ini", layout.second_ini, second, {})


def _render(
    template: Path, target: Path, values: Mapping[str, str], settings: Mapping[str, str]
) -> None:
    try:
        rendering.render(template, target, values, settings)
    except rendering.TemplateError as error:
        raise StackError(str(error)) from error


def prepare(layout: Layout, secrets: Mapping[str, str]) -> bool:
    """Bring CKAN's databases up to the installed code, if they are not there yet.

    Needs PostgreSQL, Redis and Solr. Returns whether there was anything to do.
    """
    inis = [layout.ini, layout.second_ini] if layout.testing else [layout.ini]
    fingerprint = digest(
        ROOT / "requirements.txt",
        CONFIG / "local" / "initialise.py",
        ROOT / "ckanext-hcmedu" / "ckanext" / "hcmedu" / "migration",
        ROOT / "ckanext-hcmedu" / "ckanext" / "hcmedu" / "i18n",
        *(_plugins(ini) for ini in inis),
    )
    if stores.database_mark(layout, secrets, "ckan") == fingerprint:
        return False
    print("Setting up CKAN's databases …", flush=True)
    if not layout.admin_password.exists():
        write_private(layout.admin_password, randomness.token_urlsafe(18) + "\n")
    password = layout.admin_password.read_text(encoding="utf-8").strip()
    for ini in inis:
        permissions = _run(
            [sys.executable, str(CONFIG / "local" / "initialise.py")],
            environment(layout, ini) | {"HCMEDU_ADMIN_PASSWORD": password},
        )
        stores.run_sql_script(layout, secrets, permissions)
    stores.set_database_mark(layout, secrets, "ckan", fingerprint)
    return True


def _plugins(ini: Path) -> str:
    settings = ini.read_text(encoding="utf-8").splitlines()
    return next(line for line in settings if line.startswith("ckan.plugins"))


def _run(command: list[str], environment: Mapping[str, str]) -> str:
    done = subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise StackError(
            f"{Path(command[-1]).name} failed on {environment['CKAN_INI']}:\n"
            f"{done.stdout[-2000:]}{done.stderr[-8000:]}"
        )
    return done.stdout


def environment(layout: Layout, ini: Path | None = None) -> dict[str, str]:
    """Environment for commands on this portal, secrets included."""
    return os.environ | read_secrets(layout) | {"CKAN_INI": str(ini or layout.ini)}


def web_answers(layout: Layout) -> str | None:
    """None if the portal answers its API, else what is wrong."""
    try:
        address = f"{layout.site_url}/api/3/action/status_show"
        with urllib.request.urlopen(address, timeout=30) as answer:  # noqa: S310
            answer.read()
    except urllib.error.HTTPError as error:
        return f"status_show answers {error.code}"
    except (urllib.error.URLError, OSError) as error:
        return str(error)
    return None
