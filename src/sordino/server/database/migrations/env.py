"""Runs migrations on the connection of `sordino.server.database.migration`."""

from __future__ import annotations

from alembic import context

from sordino.server.database.metadata import TABLES_METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=TABLES_METADATA,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
