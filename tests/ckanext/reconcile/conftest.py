"""A portal on the tests' services, empty at the start of each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harvesters.releases import ReleaseStore
from schemas import Declarations
from tests.ckanext.reconcile.portal import (
    DECLARATIONS,
    Portal,
    empty_datastore,
    prepare_empty_portal,
)

PLUGINS_WITH_TABLES = ("activity", "harvest", "hcmedu")


@pytest.fixture(scope="module")
def empty_portal(
    reset_db: Callable[[], None],
    reset_index: Callable[[], None],
    migrate_db_for: Callable[[str], None],
) -> Iterator[Callable[[], None]]:
    """Empties CKAN's databases and search index; then makes organisations and topics.

    The plugins stay loaded for all tests of a module: CKAN's own fixture loads them for each, which
    takes longer than the tests.
    """
    from ckan import plugins

    plugins.load_all()
    reset_db()
    for plugin in PLUGINS_WITH_TABLES:
        migrate_db_for(plugin)

    def empty() -> None:
        reset_db()
        reset_index()
        empty_datastore()
        prepare_empty_portal()

    yield empty
    plugins.unload_all()


@pytest.fixture
def portal(empty_portal: Callable[[], None], tmp_path: Path) -> Portal:
    """An empty portal with an empty folder of releases."""
    empty_portal()
    return Portal(ReleaseStore(tmp_path), Declarations.load(own=DECLARATIONS))
