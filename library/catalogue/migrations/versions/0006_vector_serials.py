"""A serial for vectors, by which those that were written after an index file was made are found."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.add_column("track_vectors", sa.Column("serial", sa.BigInteger))
    op.create_index("ix_track_vectors_serial", "track_vectors", ["serial"])
    op.execute("INSERT INTO notes (name, value) VALUES ('vectors_serial', '0')")
