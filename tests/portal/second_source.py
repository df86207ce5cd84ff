"""``python second_source.py ADDRESS``: give the CKAN that ``CKAN_INI`` names a source to harvest.

Its command line cannot: it makes no organisations, and a source needs one.
"""

import os
import sys

import ckan.plugins.toolkit as tk
from ckan.cli import load_config
from ckan.config.middleware import make_app

if __name__ == "__main__":
    application = make_app(load_config(os.environ["CKAN_INI"]))
    with application._wsgi_app.test_request_context():
        user = tk.get_action("get_site_user")({"ignore_auth": True}, {})["name"]
        tk.get_action("organization_create")(
            {"ignore_auth": True, "user": user}, {"name": "city", "title": "City portal"}
        )
        tk.get_action("harvest_source_create")(
            {"ignore_auth": True, "user": user},
            {
                "name": "hcmedu",
                "title": "HCMEDU",
                "url": sys.argv[1],
                "source_type": "dcat_rdf",
                "owner_org": "city",
                "frequency": "MANUAL",
            },
        )
