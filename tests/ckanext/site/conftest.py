"""A portal that shows three of the project's tables, made once for each module of tests."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harvesters.releases import ReleaseStore
from schemas import Declarations
from tests.ckanext.site.by_hand import SIZE, seven
from tests.ckanext.site.portal import enrolment, make_release
from tests.ckanext.site.web import free_address, web_server

TABLES_WITH_MIGRATIONS = ("activity", "harvest", "hcmedu")


@dataclass
class Site:
    """The portal's releases, and readers of its pages."""

    store: ReleaseStore
    declarations: Declarations
    app: Any

    def get(self, path: str, **headers: str) -> Any:
        """The answer to a reader without an account; header names with `_` for `-`."""
        return self._open("GET", path, headers)

    def head(self, path: str, **headers: str) -> Any:
        """The answer to the same reader's HEAD."""
        return self._open("HEAD", path, headers)

    def _open(self, method: str, path: str, headers: dict[str, str]) -> Any:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        reader = self.app.flask_app.test_client(use_cookies=False)
        return reader.open(path, method=method, headers=names)

    def sysadmin(self) -> Any:
        """A browser in which a new sysadmin is logged in."""
        from ckan.tests import factories

        browser = self.app.flask_app.test_client()
        with browser.session_transaction() as session:
            session["_user_id"] = factories.Sysadmin()["id"]
            session["_fresh"] = True
        return browser


@pytest.fixture(scope="module")
def site_url(request: pytest.FixtureRequest) -> str:
    """The portal's address; modules that use `served` have one of their own."""
    import ckan.plugins.toolkit as tk

    if any("served" in mark.args for mark in request.node.iter_markers("usefixtures")):
        return free_address()
    return tk.config["ckan.site_url"]


@pytest.fixture(scope="module")
def empty_site(
    site_url: str,
    tmp_path_factory: pytest.TempPathFactory,
    reset_db: Any,
    reset_index: Any,
    migrate_db_for: Any,
) -> Iterator[Site]:
    """A portal with organisations and topics, and no datasets.

    The plugins stay loaded for all tests of a module: CKAN's own fixture loads them for each, which
    takes longer than the tests.
    """
    import ckan.plugins.toolkit as tk
    from ckan import plugins
    from ckan.tests.helpers import _get_test_app

    from ckanext.hcmedu import settings
    from ckanext.hcmedu.organizations import sync_organizations, sync_topics

    state = tmp_path_factory.mktemp("state")
    plugins.load_all()
    reset_db()
    for plugin in TABLES_WITH_MIGRATIONS:
        migrate_db_for(plugin)
    reset_index()
    app = _get_test_app()
    configure(tk.config, state, site_url)
    with app.flask_app.test_request_context():
        sync_organizations(tk.config["hcmedu.organizations_path"])
        sync_topics(tk.config["hcmedu.topics_path"])
    yield Site(ReleaseStore(Path(state)), settings.declarations(), app)
    plugins.unload_all()


def configure(config: Any, state: Path, site_url: str) -> None:
    """Set what is not the same for every portal of the tests."""
    config["hcmedu.state_path"] = str(state)
    config["hcmedu.simulated"] = True
    config["ckan.site_url"] = config["ckanext.dcat.base_uri"] = site_url


@pytest.fixture(autouse=True)
def configuration(request: pytest.FixtureRequest) -> None:
    """The configuration of the portal, which CKAN's test plugin takes back after each test."""
    if "empty_site" in request.fixturenames:
        import ckan.plugins.toolkit as tk

        site = request.getfixturevalue("empty_site")
        configure(tk.config, site.store.state, request.getfixturevalue("site_url"))


@pytest.fixture(scope="module")
def site(empty_site: Site, site_url: str) -> Site:
    """The same with three datasets: `enrolment` in two releases, `fees`, and `areas` (real).

    The third release of `enrolment` was withdrawn.
    """
    import ckan.plugins.toolkit as tk

    from ckanext.hcmedu.reconcile import reconcile

    configure(tk.config, empty_site.store.state, site_url)
    store, declarations = empty_site.store, empty_site.declarations
    tables = declarations.tables
    years = ["2023-2024", "2024-2025", "2025-2026"]
    rows = enrolment(declarations)
    for number in (1, 2, 3):
        make_release(
            store, tables["enrolment"], declarations, years[:number], suppressed=number, given=rows
        )
    store.withdraw("enrolment", 3, "Sai số liệu")
    make_release(store, tables["fees"], declarations)
    make_release(store, tables["areas"], declarations, simulated=False)
    with empty_site.app.flask_app.test_request_context():
        outcomes = reconcile(store, declarations, tables=["enrolment", "fees", "areas"])
    assert not [outcome for outcome in outcomes if outcome.is_problem], outcomes
    return empty_site


@pytest.fixture(scope="module")
def register(site: Site) -> Site:
    """The same with the register of schools, six of them; the second is of the area that
    `enrolment` has figures of."""
    from ckanext.hcmedu.reconcile import reconcile

    make_release(site.store, site.declarations.tables["schools"], site.declarations)
    with site.app.flask_app.test_request_context():
        outcomes = reconcile(site.store, site.declarations, tables=["schools"])
    assert not [outcome for outcome in outcomes if outcome.is_problem], outcomes
    return site


@pytest.fixture(scope="module")
def served(site: Site, site_url: str) -> Iterator[Site]:
    """The same behind a web server, at its address; for whole modules, by `usefixtures`."""
    with web_server(site, site_url):
        yield site


@pytest.fixture
def context(empty_site: Site) -> Iterator[None]:
    """A request in Vietnamese to run actions in."""
    with empty_site.app.flask_app.test_request_context():
        yield


@pytest.fixture
def address(configuration: None) -> str:
    """The portal's address."""
    import ckan.plugins.toolkit as tk

    return tk.config["ckan.site_url"]


@pytest.fixture
def pages_of_three(configuration: None) -> None:
    """So that a few datasets make several pages of the feed."""
    import ckan.plugins.toolkit as tk

    tk.config["hcmedu.feed_page_size"] = SIZE


@pytest.fixture
def datasets(empty_site: Site) -> Iterator[list[dict[str, Any]]]:
    """Seven datasets written by hand, in the order of the feed; there are no others."""
    with seven(empty_site) as made:
        yield made
