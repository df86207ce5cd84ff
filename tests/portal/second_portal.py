"""What an operator of the CKAN that ``CKAN_INI`` names does to harvest the portal.

``python second_portal.py source ADDRESS`` makes an organisation and a harvest source in it, which
CKAN's command line cannot; ``python second_portal.py harvest`` harvests it once, in this process
(``ckan harvester run-test`` of ckanext-harvest 1.6.3 fails on CKAN 2.12, which keeps the fields
of a source that comes from the search index as extras).
"""

import os
import sys
from typing import Any

import ckan.plugins.toolkit as tk
from ckan.cli import load_config
from ckan.config.middleware import make_app

NAME = "hcmedu"


def make_source(context: dict[str, Any], address: str) -> None:
    """An organisation, and a source that harvests `address` into it."""
    tk.get_action("organization_create")(dict(context), {"name": "city", "title": "City portal"})
    tk.get_action("harvest_source_create")(
        dict(context),
        {
            "name": NAME,
            "title": "HCMEDU",
            "url": address,
            "source_type": "dcat_rdf",
            "owner_org": "city",
            "frequency": "MANUAL",
        },
    )


def harvest(context: dict[str, Any]) -> None:
    """Gather, fetch and import, as ckanext-harvest's workers do."""
    from ckan import model
    from ckanext.harvest.model import HarvestJob
    from ckanext.harvest.queue import get_harvester
    from ckanext.harvest.tests.lib import run_harvest_job

    source = model.Package.get(NAME)
    job = tk.get_action("harvest_job_create")(dict(context), {"source_id": source.id, "run": False})
    run_harvest_job(HarvestJob.get(job["id"]), get_harvester("dcat_rdf"))


if __name__ == "__main__":
    application = make_app(load_config(os.environ["CKAN_INI"]))
    with application._wsgi_app.test_request_context():
        user = tk.get_action("get_site_user")({"ignore_auth": True}, {})["name"]
        context = {"ignore_auth": True, "user": user}
        if sys.argv[1] == "source":
            make_source(context, sys.argv[2])
        else:
            harvest(context)
