"""Where everything of a local portal stands: folders, ports, secrets.

A checkout has one portal (`HCMEDU_PORT`, default 5000; `HCMEDU_STATE`, default `var`) and one set
of services for tests beside it (20 ports up, `test` inside the state folder).
"""

import hashlib
import os
import re
import secrets
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from rendering import database_url, write_private

ROOT = Path(__file__).resolve().parents[2]

# Length of a Unix socket's path is limited to 107 bytes; supervisor adds its process id to it.
_LONGEST_SOCKET = 95

_GENERATED = (
    "HCMEDU_POSTGRES_PASSWORD",
    "HCMEDU_CKAN_DATABASE_PASSWORD",
    "HCMEDU_DATASTORE_READER_PASSWORD",
    "HCMEDU_CENTRAL_OWNER_PASSWORD",
    "HCMEDU_CENTRAL_READER_PASSWORD",
    "HCMEDU_REDIS_PASSWORD",
    "HCMEDU_SECRET_KEY",
    "HCMEDU_SERVICES_CLIENT_SECRET",
)

# What the simulated city is like. Kept with the state: its service platform has to have the very
# schools of its central database, at the next start too.
_CITY = ("HCMEDU_CITY_SCALE", "HCMEDU_CITY_SEED")


class StackError(Exception):
    """Something that stops the stack; the message says what, where, and how to mend it."""


@dataclass(frozen=True)
class Layout:
    """Folders and ports of one set of services.

    `port` is the portal's; the others follow it. `testing` says that the set is for tests: without
    web server and workers, with the databases and the Solr core of a second CKAN.
    """

    state: Path
    port: int
    testing: bool = False

    @classmethod
    def from_environment(cls, environment: Mapping[str, str], testing: bool = False) -> "Layout":
        """Read `HCMEDU_PORT` and `HCMEDU_STATE`; a relative state folder is below the checkout.

        Raises StackError if the port is no number or leaves no room for the others.
        """
        text = environment.get("HCMEDU_PORT") or "5000"
        if not re.fullmatch(r"\d{4,5}", text) or not 1024 <= int(text) <= 65500:
            raise StackError(
                f"HCMEDU_PORT is {text!r}; expected a port from 1024 to 65500 (the services take "
                "the five after it, tests those from 20 on)."
            )
        port = int(text)
        state = ROOT / (environment.get("HCMEDU_STATE") or "var")
        layout = cls(state / "test", port + 20, True) if testing else cls(state, port)
        if len(os.fsencode(layout.socket)) > _LONGEST_SOCKET:
            raise StackError(
                f"The path of {layout.socket} is too long for a Unix socket. Set HCMEDU_STATE to "
                "a folder with a shorter path."
            )
        return layout

    @property
    def postgres_port(self) -> int:
        return self.port + 1

    @property
    def redis_port(self) -> int:
        return self.port + 2

    @property
    def solr_port(self) -> int:
        return self.port + 3

    @property
    def services_port(self) -> int:
        return self.port + 4

    @property
    def second_port(self) -> int:
        return self.port + 5

    @property
    def site_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def second_site_url(self) -> str:
        return f"http://127.0.0.1:{self.second_port}"

    @property
    def run(self) -> Path:
        """Sockets, process ids, digests of what runs."""
        return self.state / "run"

    @property
    def log(self) -> Path:
        return self.state / "log"

    @property
    def socket(self) -> Path:
        return self.run / "supervisor.sock"

    @property
    def ini(self) -> Path:
        return self.state / "ckan.ini"

    @property
    def second_ini(self) -> Path:
        return self.state / "second.ini"

    @property
    def admin_password(self) -> Path:
        return self.state / "admin-password"

    @property
    def secrets_file(self) -> Path:
        return self.state / "secrets.env"

    @property
    def cache(self) -> Path:
        """What is fetched once for all states of this checkout."""
        return ROOT / "var" / "cache"

    def make_folders(self) -> None:
        """Make the state's folders; nobody but the owner reads them.

        The state folder itself may be passed through (0711): PostgreSQL runs as a user of its own.
        """
        self.state.mkdir(parents=True, exist_ok=True)
        self.state.chmod(0o711)
        if self.testing:
            self.state.parent.chmod(0o711)
        for folder in (self.run, self.log, self.state / "drop", self.state / "storage"):
            folder.mkdir(mode=0o700, exist_ok=True)


def read_secrets(layout: Layout) -> dict[str, str]:
    """Secrets and addresses that contain them, by the name of their environment variable.

    Empty if there are none yet.
    """
    if not layout.secrets_file.exists():
        return {}
    found = {}
    for line in layout.secrets_file.read_text(encoding="utf-8").splitlines():
        for word in shlex.split(line, comments=True):
            name, _, value = word.partition("=")
            found[name] = value
    return found


def ensure_secrets(layout: Layout) -> dict[str, str]:
    """Make the secrets that are missing, keep the others, and write the addresses made of them.

    The file can be read by shells (`config/local/env` does). Only characters that need no quoting
    in a URL, in SQL or in an ini file are in a secret.
    """
    known = read_secrets(layout)
    values = {name: known.get(name) or secrets.token_hex(24) for name in _GENERATED}
    city = {name: os.environ.get(name) or known.get(name) for name in _CITY}
    values |= {name: value for name, value in city.items() if value}
    server = f"127.0.0.1:{layout.postgres_port}"
    values |= {
        "HCMEDU_STATE": str(layout.state),
        "HCMEDU_DROP_FOLDER": str(layout.state / "drop"),
        "HCMEDU_CENTRAL_DATABASE_URL": database_url(
            "central_reader", values["HCMEDU_CENTRAL_READER_PASSWORD"], server, "central"
        ),
        "HCMEDU_CENTRAL_ADMIN_URL": database_url(
            "central_owner", values["HCMEDU_CENTRAL_OWNER_PASSWORD"], server, "central"
        ),
        "HCMEDU_SERVICES_URL": f"http://127.0.0.1:{layout.services_port}",
        "HCMEDU_SERVICES_CLIENT_ID": "hcmedu-portal",
    }
    text = "# Made by config/local/stack.py. Secrets: for the portal's owner only.\n" + "".join(
        f"{name}={shlex.quote(value)}\n" for name, value in sorted(values.items())
    )
    write_private(layout.secrets_file, text)
    return values


def digest(*parts: str | Path) -> str:
    """SHA-256 over texts and over files (a folder: every file below it, by name and content)."""
    hashed = hashlib.sha256()
    for part in parts:
        if isinstance(part, str):
            hashed.update(part.encode() + b"\0")
            continue
        files = sorted(part.rglob("*")) if part.is_dir() else [part]
        for file in files:
            if file.is_file() and "__pycache__" not in file.parts:
                hashed.update(
                    str(file.relative_to(ROOT) if file.is_relative_to(ROOT) else file).encode()
                )
                hashed.update(b"\0" + hashlib.sha256(file.read_bytes()).digest())
    return hashed.hexdigest()
