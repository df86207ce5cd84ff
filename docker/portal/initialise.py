"""Makes an empty deployment ready and brings an older one up to this image; can be repeated.

CKAN's tables and migrations, the DataStore's permissions, the first sysadmin, organisations,
topics and harvest sources. Databases and roles are there already (docker/postgres/databases.sh).
"""

import configparser
import os
import subprocess
import sys
from pathlib import Path

import psycopg2

INITIALISE = Path(__file__).resolve().parents[2] / "config" / "local" / "initialise.py"


def grant(permissions: str, address: str) -> None:
    """Run CKAN's script for the DataStore's permissions at the DataStore's address.

    PostgreSQL 15 lets a database's owner do all that is in it: no superuser is needed.
    """
    # The script changes to the database that we are connected to.
    statements = "\n".join(
        line for line in permissions.splitlines() if not line.startswith("\\connect ")
    )
    connection = psycopg2.connect(address)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute(statements)
    finally:
        connection.close()


def main() -> int:
    settings = configparser.ConfigParser()
    settings.read(os.environ["CKAN_INI"], encoding="utf-8")
    done = subprocess.run([sys.executable, str(INITIALISE)], stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        return done.returncode
    grant(done.stdout, settings["app:main"]["ckan.datastore.write_url"])
    return subprocess.run(["ckan", "hcmedu", "bootstrap"], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
