"""Scans of music folders."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "scans",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("folders", sa.JSON, nullable=False),
        sa.Column("jobs", sa.Integer),
        sa.Column("prune", sa.Boolean, nullable=False),
        sa.Column("retry_failed", sa.Boolean, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done", sa.Integer, nullable=False),
        sa.Column("total", sa.Integer),
        sa.Column("name", sa.String, nullable=False),
        sa.Column("counts", sa.JSON),
        sa.Column("slot", sa.Integer, unique=True),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("engine", sa.String(120)),
        sa.Column("leased_until", sa.DateTime(timezone=True)),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.Column("failure_code", sa.String(40)),
        sa.Column("failure", sa.JSON),
    )
    op.create_index("ix_scans_state", "scans", ["state"])


def downgrade() -> None:
    op.drop_table("scans")
