"""Runs the extension's migrations; `ckan db upgrade -p hcmedu` gives the database's address."""

from __future__ import annotations

from typing import Any

from alembic import context
from ckan.model.meta import metadata
from sqlalchemy import engine_from_config, pool

NAME = "hcmedu"


def _is_ours(_item: Any, name: str | None, kind: str, *_: Any) -> bool:
    """Whether an item belongs to this extension: CKAN's tables have migrations of their own."""
    return kind != "table" or (name or "").startswith(f"{NAME}_")


OPTIONS: dict[str, Any] = {
    "target_metadata": metadata,
    "version_table": f"{NAME}_alembic_version",
    "include_object": _is_ours,
}

if context.is_offline_mode():
    context.configure(
        url=context.config.get_main_option("sqlalchemy.url"), literal_binds=True, **OPTIONS
    )
    with context.begin_transaction():
        context.run_migrations()
else:
    engine = engine_from_config(
        context.config.get_section(context.config.config_ini_section) or {},
        prefix="sqlalchemy.",
        poolclass=pool.NullPool,
    )
    with engine.connect() as connection:
        context.configure(connection=connection, **OPTIONS)
        with context.begin_transaction():
            context.run_migrations()
