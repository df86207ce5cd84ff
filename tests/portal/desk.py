"""What an operator of the portal that ``CKAN_INI`` names does at a desk, in one process.

``python desk.py editor NAME`` makes an account that may edit the datasets of every organisation,
and prints a token of it; ``python desk.py mails SOURCE`` prints the mails that ckanext-harvest
would send of a source's jobs (the portal sends none, see ``ckan.harvest.status_mail``; a setting
may change); ``python desk.py actions`` prints the names of the actions that a GET may call.
"""

import os
import sys
from typing import Any

import ckan.plugins.toolkit as tk
from ckan.cli import load_config
from ckan.config.middleware import make_app


def make_editor(context: dict[str, Any], name: str) -> None:
    """Make the account where it is missing, and print a new token of it."""
    from ckan import model

    if model.User.get(name) is None:
        account = {"name": name, "email": f"{name}@hcmedu.invalid", "password": "for-tests-only"}
        tk.get_action("user_create")(dict(context), account)
    for organization in tk.get_action("organization_list")(dict(context), {}):
        member = {"id": organization, "username": name, "role": "editor"}
        tk.get_action("organization_member_create")(dict(context), member)
    token = tk.get_action("api_token_create")(dict(context), {"user": name, "name": "tests"})
    print(token["token"])


def print_mails(context: dict[str, Any], name: str) -> None:
    """Print the mail about errors of each job of the harvest source."""
    from ckan import model
    from ckanext.harvest.logic.action.update import prepare_error_mail
    from ckanext.harvest.model import HarvestJob

    context |= {"model": model, "session": model.Session}
    source = model.Package.get(name)
    for job in model.Session.query(HarvestJob).filter_by(source_id=source.id):
        shown = tk.get_action("harvest_job_show")(dict(context), {"id": job.id})
        print(*prepare_error_mail(context, source.id, {"last_job": shown}), sep="\n")


def print_actions(context: dict[str, Any]) -> None:
    """Print the names of the actions without side effects, apart by spaces."""
    tk.get_action("package_show")
    from ckan.logic import _actions

    print(*(name for name, one in _actions.items() if getattr(one, "side_effect_free", False)))


if __name__ == "__main__":
    application = make_app(load_config(os.environ["CKAN_INI"]))
    with application._wsgi_app.test_request_context():
        user = tk.get_action("get_site_user")({"ignore_auth": True}, {})["name"]
        context = {"ignore_auth": True, "user": user}
        commands = {"editor": make_editor, "mails": print_mails, "actions": print_actions}
        commands[sys.argv[1]](context, *sys.argv[2:])
