"""How a file is recognised whose tags were changed. For changes of an older version it is unknown, and stays so."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("tag_changes", sa.Column("after", sa.JSON, nullable=True))
    op.add_column("tag_changes", sa.Column("content", sa.String(64), nullable=True))
    op.add_column("tag_changes", sa.Column("samples", sa.String(64), nullable=True))
