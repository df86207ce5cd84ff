"""The portal's configuration file, made from the template config/portal.ini.

Needs the standard library only: config/local/stack.py uses it on a developer's machine, the entry
point of the image (docker/portal/entrypoint.py) in production.
"""

import os
import string
from collections.abc import Mapping
from pathlib import Path


class TemplateError(Exception):
    """A template asks for something that nobody fills in."""


def database_url(user: str, password: str, server: str, database: str) -> str:
    """SQLAlchemy's address of a database; `server` is host:port."""
    return f"postgresql://{user}:{password}@{server}/{database}"


def redis_url(password: str, server: str, database: int = 0) -> str:
    """Address of Redis for CKAN; `server` is host:port.

    redis-py 8 gives up on a silent socket after a few seconds, and ckanext-harvest's consumers
    wait in a blocking pop: the time-out has to be longer than any pause between two harvests of
    the day is likely to be. Their supervisor starts them anew after that.
    """
    return f"redis://:{password}@{server}/{database}?socket_timeout=3600"


def portal_values(
    secrets: Mapping[str, str],
    *,
    site_url: str,
    state: Path,
    config: Path,
    database_server: str,
    redis_server: str,
    solr_url: str,
    search_recipe: str,
    simulated: bool,
    contact_email: str = "",
    databases: tuple[str, str] = ("ckan", "datastore"),
    redis_database: int = 0,
) -> dict[str, str]:
    """What config/portal.ini has placeholders for.

    `secrets` holds the passwords and the secret key by the names of their environment variables;
    `config` is the folder config/; servers are host:port; `search_recipe` changes when the search
    index's configset does; `databases` are CKAN's and the DataStore's. Raises KeyError if a secret
    is missing.
    """
    writer = secrets["HCMEDU_CKAN_DATABASE_PASSWORD"]
    reader = secrets["HCMEDU_DATASTORE_READER_PASSWORD"]
    ckan, datastore = databases
    return {
        "site_id": "hcmedu",
        "site_url": site_url,
        "secret_key": secrets["HCMEDU_SECRET_KEY"],
        "database_url": database_url("ckan", writer, database_server, ckan),
        "datastore_write_url": database_url("ckan", writer, database_server, datastore),
        "datastore_read_url": database_url("datastore_reader", reader, database_server, datastore),
        "solr_url": solr_url,
        "redis_url": redis_url(secrets["HCMEDU_REDIS_PASSWORD"], redis_server, redis_database),
        "state_path": str(state),
        "config_path": str(config),
        "simulated": str(simulated).lower(),
        "contact_email": contact_email,
        "search_recipe": search_recipe,
        "secure_cookies": str(site_url.startswith("https://")).lower(),
    }


def render(
    template: Path,
    target: Path,
    values: Mapping[str, str],
    settings: Mapping[str, str] | None = None,
) -> None:
    """Fill in a template and put it at `target`, readable by the owner only.

    `settings` are more lines for its section app:main. Raises TemplateError where the template has
    a placeholder that `values` has no value for.
    """
    try:
        # An ini file's own interpolation would take a % for a reference.
        safe = {name: value.replace("%", "%%") for name, value in values.items()}
        text = string.Template(template.read_text(encoding="utf-8")).substitute(safe)
    except (KeyError, ValueError) as error:
        raise TemplateError(
            f"{template} has a placeholder that nobody fills in: {error}"
        ) from error
    head = f"# Made from {template.name}; changes are lost at the next start.\n"
    if settings:
        lines = "".join(f"{name} = {value}\n" for name, value in settings.items())
        text = text.replace("[app:main]\n", f"[app:main]\n{lines}", 1)
    write_private(target, head + text)


def write_private(path: Path, text: str) -> bool:
    """Put a text in a file that only its owner reads, at once or not at all.

    Returns whether the file's content changed.
    """
    if path.exists() and path.read_text(encoding="utf-8") == text:
        path.chmod(0o600)
        return False
    # A name of its own: several processes may write the same file.
    new = path.with_name(f"{path.name}.{os.getpid()}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        os.fchmod(descriptor, 0o600)
        file.write(text)
    new.replace(path)
    return True
