"""Generated examples are the same in every run, and no machine is too slow for them."""

import logging

import pytest
from hypothesis import settings

settings.register_profile(
    "repeatable", deadline=None, derandomize=True, database=None, max_examples=40
)
settings.load_profile("repeatable")


@pytest.fixture(autouse=True)
def _loggers_on() -> None:
    """Migrations of CKAN's extensions, run by other tests in this process, set logging up anew and
    switch off every logger that their alembic.ini does not name."""
    for name, logger in logging.root.manager.loggerDict.items():
        if name.startswith("harvesters") and isinstance(logger, logging.Logger):
            logger.disabled = False
