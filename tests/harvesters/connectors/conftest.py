"""Services for the tests of connectors, each on a free port of this machine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.harvesters.connectors.service import Service, serving


@pytest.fixture
def service() -> Iterator[Service]:
    """An HTTP service with no routes yet."""
    with serving() as running:
        yield running
