"""Limits that survive a clock set back, the sender of an upload, and sign-ins."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.drop_table("limits")  # every limit recovers within an hour
    op.create_table(
        "limits",
        sa.Column("name", sa.String(80), primary_key=True),
        sa.Column("used_seconds", sa.Double, nullable=False),
        sa.Column("updated_at", sa.Double, nullable=False),
    )
    op.create_index("ix_limits_updated_at", "limits", ["updated_at"])
    op.add_column("analyses", sa.Column("sender", sa.String(64), nullable=False, server_default=""))
    op.create_index("ix_analyses_sender", "analyses", ["sender"])
    op.create_table(
        "sign_ins",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("password_mark", sa.String(64), nullable=False),
        sa.Column("ends_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_sign_ins_ends_at", "sign_ins", ["ends_at"])
