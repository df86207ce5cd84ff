"""One reconcile at a time, in whatever process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from ckan.model import ensure_engine

_KEY = 0x68636D656475  # "hcmedu"; advisory locks are told apart by number, a database each
_LOCK_NOT_AVAILABLE = "55P03"


class AlreadyRunning(Exception):
    """Another reconcile held the lock for longer than this one would wait."""


@contextmanager
def exclusive(wait_seconds: float) -> Iterator[None]:
    """Hold the lock; a process that dies lets go of it.

    :param wait_seconds: how long to wait for another reconcile to finish.
    :raises AlreadyRunning: it did not.
    """
    connection = ensure_engine().connect().execution_options(isolation_level="AUTOCOMMIT")
    # Out of the pool: the lock goes with the connection, so closing it is all that is needed.
    connection.detach()
    with connection:
        # 0 would mean to wait for ever.
        milliseconds = max(1, int(wait_seconds * 1000))
        connection.exec_driver_sql(f"SET lock_timeout = {milliseconds}")
        try:
            connection.execute(sa.select(sa.func.pg_advisory_lock(_KEY)))
        except sa.exc.OperationalError as error:
            if getattr(error.orig, "pgcode", None) != _LOCK_NOT_AVAILABLE:
                raise
            raise AlreadyRunning(
                f"Another reconcile has been running for {wait_seconds:.0f} seconds; this one "
                "changed nothing. Wait for it to finish, then try again."
            ) from None
        yield
