"""Alembic's entry: it is given an open connection by `library.catalogue`, never an address of its own."""

from __future__ import annotations

from alembic import context

import library.analyses
import library.limits
import library.listing  # noqa: F401 - their tables belong to the same database
from library.catalogue import Base

context.configure(connection=context.config.attributes["connection"], target_metadata=Base.metadata)
with context.begin_transaction():
    context.run_migrations()
