"""What fragments are made with: when it changes, they are made anew."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from importlib import metadata, resources

import ckan.plugins.toolkit as tk

_SETTINGS = (
    "ckan.root_path",
    "ckan.site_description",
    "ckan.site_title",
    "ckan.site_url",
    "ckanext.dcat.base_uri",
    "hcmedu.catalog_description_en",
    "hcmedu.catalog_issued",
    "hcmedu.catalog_publisher",
    "hcmedu.contact_email",
    "hcmedu.feed_page_size",
    "hcmedu.license_id",
    "hcmedu.simulated",
    "hcmedu.site_title_en",
)
_PACKAGES = ("ckanext-dcat", "ckanext-scheming", "pyoxigraph", "rdflib")


def recipe() -> str:
    """A digest of the code and the configuration that fragments and pages are made with."""
    return _digest(json.dumps([str(tk.config.get(name, "")) for name in _SETTINGS]))


@lru_cache(maxsize=16)
def _digest(settings: str) -> str:
    digest = hashlib.sha256(settings.encode())
    for package in _PACKAGES:
        digest.update(f"{package} {metadata.version(package)}".encode())
    folders = (resources.files("ckanext.hcmedu.dcat"), resources.files("schemas") / "scheming")
    for folder in folders:
        for file in sorted(folder.iterdir(), key=lambda one: one.name):
            if file.name.endswith((".py", ".yaml")):
                digest.update(file.read_bytes())
    return digest.hexdigest()
