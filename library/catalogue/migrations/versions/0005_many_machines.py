"""The content of an upload while it is analysed, and the files of scans that other machines analyse."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

BIG = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.add_column("analyses", sa.Column("running_content", sa.String(64)))
    op.create_index("ix_analyses_running_content", "analyses", ["running_content"], unique=True)
    op.create_table(
        "scan_files",
        sa.Column("id", BIG, primary_key=True),
        sa.Column("scan_id", BIG, nullable=False),
        sa.Column("path", sa.LargeBinary, nullable=False),
        sa.Column("path_hash", sa.String(64), nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("mtime_ns", sa.BigInteger, nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True)),
        sa.Column("outcome", sa.String(10)),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("engine", sa.String(120)),
        sa.Column("leased_until", sa.DateTime(timezone=True)),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.Column("finished_at", sa.DateTime(timezone=True)),
        sa.Column("failure_code", sa.String(40)),
        sa.Column("failure", sa.JSON),
    )
    op.create_index("ix_scan_files_path_hash", "scan_files", ["path_hash"], unique=True)
    op.create_index("ix_scan_files_state", "scan_files", ["state"])
    op.create_index("ix_scan_files_scan_id", "scan_files", ["scan_id", "state", "sent_at"])
