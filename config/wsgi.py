"""The portal as a WSGI application; the configuration file is named by `CKAN_INI`."""

import os

from ckan.authz import auth_functions_list
from ckan.cli import load_config
from ckan.config.middleware import make_app

application = make_app(load_config(os.environ["CKAN_INI"]))

# CKAN gathers who may do what in the first request that asks; another thread's request beside it
# finds that half done, without what our plugins say (`ckan.authz.AuthFunctions._build`).
auth_functions_list()
