"""Who changes a dataset starts from what it is now."""

from __future__ import annotations

from typing import Any

import ckan.plugins.toolkit as tk
from ckan import model
from ckan.types import Context


@tk.chained_action
@tk.side_effect_free
def package_show(original: Any, context: Context, data_dict: dict[str, Any]) -> dict[str, Any]:
    """A dataset; where it is read to be changed, as the database has it.

    CKAN (2.12) locks the row and goes on with what its session knows from asking whether the user
    may change it: a dataset that another has made private meanwhile would be public in the search
    index.
    """
    if context.get("for_update"):
        package = model.Package.get(tk.get_or_bust(data_dict, "id"))
        if package is not None:
            model.Session.flush()
            # CKAN reads it again when it locks it.
            model.Session.expire(package)
    shown: dict[str, Any] = original(context, data_dict)
    return shown


def get_actions() -> dict[str, Any]:
    """The actions that are chained."""
    return {"package_show": package_show}
