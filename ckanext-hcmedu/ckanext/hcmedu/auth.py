"""Who may see what of the harvest: ckanext-harvest lets anyone; here only staff."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import ckan.authz as authz
import ckan.model as model
import ckan.plugins.toolkit as tk

Auth = Callable[[dict[str, Any], dict[str, Any]], dict[str, Any]]

_STAFF_ONLY = (
    "harvest_source_list",
    "harvest_object_show",
    "harvest_object_list",
    "harvesters_info_show",
)


def is_staff(user: str | None) -> bool:
    """Whether the account called `user` is one of the department's staff."""
    # The lowest permission that staff of any organisation have and nobody else does.
    return bool(user) and authz.has_user_permission_for_some_org(user, "create_dataset")


def may_decide(tables: Iterable[str]) -> bool:
    """Whether who asks may edit every dataset of `tables`: those that there are, and some have to
    be; else only a sysadmin may."""
    may = bool(getattr(tk.current_user, "sysadmin", False))
    for table in tables:
        try:
            tk.check_access("package_update", {"user": tk.current_user.name}, {"id": table})
        except tk.NotAuthorized:
            return False
        except tk.ObjectNotFound:
            continue
        may = True
    return may


def _staff_only(name: str) -> Auth:
    @tk.chained_auth_function
    @tk.auth_disallow_anonymous_access
    def check(next_auth: Auth, context: dict[str, Any], data_dict: dict[str, Any]) -> Any:
        if not is_staff(context.get("user")):
            return {"success": False, "msg": tk._("Only the department's staff may see this.")}
        return next_auth(context, data_dict)

    check.__name__ = name
    return check


def functions() -> dict[str, Any]:
    """The authorisation functions, by name of the action."""
    return {name: _staff_only(name) for name in _STAFF_ONLY}


def actions() -> dict[str, Callable[..., Any]]:
    """The actions that are guarded here, by name."""
    return {
        "harvest_source_list": harvest_source_list,
        "harvest_source_reindex": harvest_source_reindex,
    }


@tk.chained_action
@tk.side_effect_free
def harvest_source_list(
    next_action: Callable[..., Any], context: dict[str, Any], data_dict: dict[str, Any]
) -> Any:
    """ckanext-harvest 1.6.3 never asks whether the caller may see the list; this does."""
    tk.check_access("harvest_source_list", context, data_dict)
    return next_action(context, data_dict)


@tk.chained_action
def harvest_source_reindex(
    next_action: Callable[..., Any], context: dict[str, Any], data_dict: dict[str, Any]
) -> Any:
    """ckanext-harvest 1.6.3 indexes any dataset anew for anyone who asks, in another form than the
    portal's; this does so for harvest sources, and for those who may edit them."""
    tk.check_access("harvest_source_reindex", context, data_dict)
    source = model.Package.get(data_dict.get("id"))
    if source is None or source.type != "harvest":
        raise tk.ObjectNotFound(tk._("There is no such harvest source."))
    return next_action(context, data_dict)
