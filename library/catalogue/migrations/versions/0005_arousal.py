"""How stirring each track is, so that neighbours can be asked to be calmer or livelier."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("tracks", sa.Column("arousal", sa.Double))


def downgrade() -> None:
    op.drop_column("tracks", "arousal")
