"""Entry point of the portal's image: makes CKAN's configuration, then runs a command.

    entrypoint.py COMMAND ARGUMENT...

Where things are comes by the environment, what is secret by files in /run/secrets: a file's name
is that of the variable that the command finds it under. The command gets `CKAN_INI` and those
variables, the same as on a developer's machine (config/local/env).
"""

import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from layout import digest
from rendering import TemplateError, portal_values, render

CONFIG = Path(__file__).resolve().parents[2] / "config"
SECRETS = Path("/run/secrets")

# Without these there is no portal.
_NEEDED_SECRETS = (
    "HCMEDU_SECRET_KEY",
    "HCMEDU_CKAN_DATABASE_PASSWORD",
    "HCMEDU_DATASTORE_READER_PASSWORD",
    "HCMEDU_REDIS_PASSWORD",
)
_NEEDED_SETTINGS = (
    "HCMEDU_SITE_URL",
    "HCMEDU_DATABASE_SERVER",
    "HCMEDU_REDIS_SERVER",
    "HCMEDU_SOLR_URL",
)


class SettingsError(Exception):
    """Something about the container's settings; the message says what, where and how to mend it."""


def read_secrets(folder: Path) -> dict[str, str]:
    """Each file `HCMEDU_...` of a folder as name and value, without the line end that editors add.

    An empty file is none. Raises SettingsError for a file that cannot be read, for a needed one
    that is missing, and for one whose value cannot stand where it has to.
    """
    found = {}
    for file in sorted(folder.glob("HCMEDU_*")):
        try:
            value = file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingsError(
                f"The secret {file} cannot be read by the container's user {os.getuid()} "
                f"({error.strerror}). Let the file be readable in a folder that is not: "
                "docker/make-secrets.sh makes them so."
            ) from error
        if value:
            found[file.name] = value
    missing = [name for name in _NEEDED_SECRETS if name not in found]
    if missing:
        raise SettingsError(
            f"{' and '.join(missing)} in {folder}: no such file, or an empty one. Secrets come as "
            "files, made by docker/make-secrets.sh and mounted as in docker/compose.yaml."
        )
    unsafe = [
        name for name in _NEEDED_SECRETS if not re.fullmatch(r"[A-Za-z0-9._~-]+", found[name])
    ]
    if unsafe:
        raise SettingsError(
            f"{' and '.join(unsafe)} in {folder} stand in addresses: only letters, digits and "
            ". _ ~ - may be in them. docker/make-secrets.sh makes such ones."
        )
    return found


def check_settings(environment: Mapping[str, str]) -> None:
    """Raise SettingsError if a setting is missing, or if a secret stands in the environment."""
    exposed = [name for name in _NEEDED_SECRETS if environment.get(name)]
    if exposed:
        raise SettingsError(
            f"{', '.join(exposed)} came by the environment, which everybody reads who may inspect "
            f"the container. Mount a file of that name in {SECRETS} instead."
        )
    missing = [name for name in _NEEDED_SETTINGS if not environment.get(name)]
    if missing:
        raise SettingsError(
            f"The environment has no {', '.join(missing)}. docker/README.md lists the settings."
        )
    if environment.get("HCMEDU_SIMULATED", "false") not in ("true", "false"):
        raise SettingsError(
            f"HCMEDU_SIMULATED is {environment['HCMEDU_SIMULATED']!r}; expected true or false."
        )


def configure(environment: Mapping[str, str], secrets: Mapping[str, str]) -> None:
    """Write CKAN's configuration to where `CKAN_INI` says."""
    values = portal_values(
        secrets,
        site_url=environment["HCMEDU_SITE_URL"].rstrip("/"),
        state=Path(environment["HCMEDU_STATE"]),
        config=CONFIG,
        database_server=environment["HCMEDU_DATABASE_SERVER"],
        redis_server=environment["HCMEDU_REDIS_SERVER"],
        solr_url=environment["HCMEDU_SOLR_URL"],
        search_recipe=digest(CONFIG / "solr"),
        simulated=environment.get("HCMEDU_SIMULATED") == "true",
        contact_email=environment.get("HCMEDU_CONTACT_EMAIL", ""),
    )
    render(CONFIG / "portal.ini", Path(environment["CKAN_INI"]), values)


def main() -> None:
    command = sys.argv[1:]
    try:
        check_settings(os.environ)
        secrets = read_secrets(SECRETS)
        configure(os.environ, secrets)
    except (SettingsError, TemplateError) as error:
        sys.exit(f"Error: {error}")
    # Files of the portal are its own: snapshots hold what must not be public.
    os.umask(0o077)
    try:
        os.execvpe(command[0], command, os.environ | secrets)
    except (IndexError, FileNotFoundError):
        sys.exit(f"Error: {' '.join(command) or 'nothing'} is no command of this image.")


if __name__ == "__main__":
    main()
