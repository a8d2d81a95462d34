"""Alembic's entry: it is given an open connection by `library.catalogue.database`, never an address of its own."""

from __future__ import annotations

from alembic import context

from library.catalogue.tables import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
with context.begin_transaction():
    context.run_migrations()
