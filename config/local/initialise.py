"""Brings the databases of the portal that `CKAN_INI` names up to the installed code.

CKAN's tables, those of its extensions, and the first sysadmin, `admin`; on standard output comes
the SQL that gives the DataStore's roles their rights, for a superuser to run. All in one process:
starting CKAN is what takes time.

The sysadmin's password comes by the environment (`HCMEDU_ADMIN_PASSWORD`): command lines can be
read by all users of a machine, which rules `ckan user add` out. An existing user keeps his.
"""

import contextlib
import io
import os
import sys

import ckan.plugins.toolkit as tk
from ckan import model
from ckan.cli import load_config
from ckan.cli.cli import ckan as command_line
from ckan.config.middleware import make_app

ADMINISTRATOR = "admin"


def run(*arguments: str) -> str:
    """Run a command of CKAN's, as on the command line; returns what it prints."""
    # With bytes beneath: a command of the DataStore's asks for them when it is imported.
    with contextlib.redirect_stdout(io.TextIOWrapper(io.BytesIO(), "utf-8")) as printed:
        command_line.main(list(arguments), prog_name="ckan", standalone_mode=False)
        printed.seek(0)
        return printed.read()


def make_administrator() -> None:
    """Make the sysadmin, or make sure that he still is one."""
    user = model.User.get(ADMINISTRATOR)
    if user is None:
        site_user = tk.get_action("get_site_user")({"ignore_auth": True}, {})
        tk.get_action("user_create")(
            {"ignore_auth": True, "user": site_user["name"]},
            {
                "name": ADMINISTRATOR,
                "fullname": "Quản trị hệ thống",
                # Reserved for addresses that must not exist (RFC 2606).
                "email": "admin@portal.invalid",
                "password": os.environ["HCMEDU_ADMIN_PASSWORD"],
            },
        )
        user = model.User.get(ADMINISTRATOR)
    if not user.sysadmin or user.state != model.State.ACTIVE:
        user.sysadmin = True
        user.state = model.State.ACTIVE
        model.repo.commit_and_remove()


def main() -> None:
    run("db", "init")
    run("db", "pending-migrations", "--apply")
    # CKAN's scripts read their messages from files that nothing else makes.
    run("translation", "js")
    permissions = run("datastore", "set-permissions")
    application = make_app(load_config(os.environ["CKAN_INI"]))
    with application._wsgi_app.test_request_context():
        make_administrator()
    sys.stdout.write(permissions)


if __name__ == "__main__":
    main()
