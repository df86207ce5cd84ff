"""What the configuration says, as the values the extension works with."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from urllib.parse import urlsplit

import ckan.plugins.toolkit as tk
from ckan import model
from ckan.exceptions import CkanConfigurationException

from harvesters import audits
from harvesters.audits import Audit
from harvesters.releases import ReleaseStore
from schemas import DeclarationErrors, Declarations


def state_path() -> Path:
    """The folder that holds snapshots, parts and releases (`hcmedu.state_path`)."""
    return Path(tk.config["hcmedu.state_path"])


def check() -> None:
    """Hold the configured paths against the disk.

    :raises CkanConfigurationException: a path is relative or not there, or a declaration is wrong.
    """
    for key, is_there in (
        ("hcmedu.state_path", Path.is_dir),
        ("hcmedu.sources_path", Path.is_dir),
        ("hcmedu.organizations_path", Path.is_file),
        ("hcmedu.topics_path", Path.is_file),
        ("hcmedu.official_shapes_path", Path.is_dir),
        ("hcmedu.area_boundaries_path", Path.is_file),
    ):
        value = tk.config.get(key)
        if not value and key != "hcmedu.state_path":
            continue
        path = Path(value)
        if not path.is_absolute():
            raise CkanConfigurationException(f"{key} is `{value}`: give an absolute path.")
        if not is_there(path):
            kind = "folder" if is_there is Path.is_dir else "file"
            raise CkanConfigurationException(f"{key} is `{value}`: there is no such {kind}.")
    tiles = map_tiles()
    if tiles and not (
        tiles["url"].startswith(("https://", "http://"))
        and all(part in tiles["url"] for part in ("{z}", "{x}", "{y}"))
        and not set(tiles["origin"]) & set(" ;,'\"{}")
    ):
        raise CkanConfigurationException(
            f"hcmedu.map_tiles_url is `{tiles['url']}`: expected an address with {{z}}, {{x}} and "
            "{y} in its path, like https://tiles.example.org/{z}/{x}/{y}.png."
        )
    try:
        declarations()
    except DeclarationErrors as errors:
        raise CkanConfigurationException(f"The declarations have mistakes.\n{errors}") from errors


def release_store() -> ReleaseStore:
    """The releases on disk; reads no file before it is asked for one."""
    return ReleaseStore(state_path())


def last_audit() -> Audit | None:
    """The outcome of the last audit of what is published; None where there was none yet."""
    return audits.last_audit(state_path())


def declarations() -> Declarations:
    """The tables, record types and code lists of the portal.

    They are read once a process: a new declaration is taken up on a restart.

    :raises schemas.DeclarationErrors: a declaration is wrong.
    """
    paths = tk.config.get("hcmedu.declarations_paths") or []
    return _declarations(tuple(paths))


@lru_cache(maxsize=4)
def _declarations(paths: tuple[str, ...]) -> Declarations:
    return Declarations.load([Path(path) for path in paths])


def is_simulated() -> bool:
    """Whether the portal shows simulated data (`hcmedu.simulated`)."""
    return tk.asbool(tk.config.get("hcmedu.simulated"))


def map_tiles() -> dict[str, str] | None:
    """The address of the background of maps, its origin, and whom it is owed to; None without."""
    url = tk.config["hcmedu.map_tiles_url"]
    if not url:
        return None
    parts = urlsplit(url)
    return {
        "url": url,
        "origin": f"{parts.scheme}://{parts.netloc}",
        "attribution": tk.config["hcmedu.map_attribution"],
    }


def site_url() -> str:
    """The portal's own address, without a slash at its end."""
    return tk.config["ckan.site_url"].rstrip("/")


def root_path() -> str:
    """The path below which the portal answers (`ckan.root_path`), without the page's language and
    without a slash at its end; empty where it has the host for itself."""
    return (tk.config.get("ckan.root_path") or "").replace("/{{LANG}}", "").rstrip("/")


def public_url() -> str:
    """Where readers find the portal: its address with the path below which it answers."""
    return f"{site_url()}{root_path()}"


def catalog_iri() -> str:
    """The IRI of the catalogue in the feed."""
    return tk.config.get("ckanext.dcat.base_uri") or site_url()


def feed_path() -> Path:
    """The folder of the feed's pages, which can be made anew at any time."""
    return state_path() / "feed"


def site_title() -> dict[str, str]:
    """The portal's title in both languages."""
    return {"vi": tk.config["ckan.site_title"], "en": tk.config["hcmedu.site_title_en"]}


def site_description() -> dict[str, str]:
    """What the portal is, in a sentence, in both languages."""
    return {
        "vi": tk.config["ckan.site_description"],
        "en": tk.config["hcmedu.catalog_description_en"],
    }


def license() -> dict[str, str]:
    """The licence of the portal's datasets, as a dataset's fields of CKAN name it."""
    identifier = tk.config["hcmedu.license_id"]
    known = model.Package.get_license_register().get(identifier)
    return {"license_id": identifier, "license_url": known.url if known else ""}
