"""Alembic's entry. `library.catalogue.migration` passes an open connection; there is no address to configure."""

from __future__ import annotations

from alembic import context

from library.catalogue.tables import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
with context.begin_transaction():
    context.run_migrations()
