"""How often somebody may do something."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "limits",
        sa.Column("name", sa.String(80), primary_key=True),
        sa.Column("whole_at", sa.Double, nullable=False),
    )
    op.create_index("ix_limits_whole_at", "limits", ["whole_at"])


def downgrade() -> None:
    op.drop_table("limits")
