"""Tracks, their descriptors, what these were made from, and the tags that were changed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "tracks",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("reference", sa.String(80), unique=True),
        sa.Column("source", sa.String(120)),
        sa.Column("path", sa.LargeBinary),
        sa.Column("path_hash", sa.String(64), unique=True),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("mtime_ns", sa.BigInteger, nullable=False),
        sa.Column("content", sa.String(64)),
        sa.Column("title", sa.String),
        sa.Column("artist", sa.String),
        sa.Column("album", sa.String),
        sa.Column("duration_seconds", sa.Double),
        sa.Column("genre", sa.String(80)),
        sa.Column("mood", sa.String(40)),
        sa.Column("bpm", sa.Double),
        sa.Column("tonic", sa.String(2)),
        sa.Column("mode", sa.String(5)),
        sa.Column("report", sa.JSON),
        sa.Column("features_version", sa.String(80)),
        sa.Column("analysed_seconds", sa.Double),
        sa.Column("vectors_version", sa.String(80)),
        sa.Column("failure_code", sa.String(40)),
        sa.Column("failure", sa.JSON),
        sa.Column("failed_at", sa.DateTime(timezone=True)),
    )
    for column in ("size", "content", "genre", "failure_code"):
        op.create_index(f"ix_tracks_{column}", "tracks", [column])
    for table, columns in {
        "track_vectors": ("harmony", "sound"),
        "track_features": ("chromagram", "trunk_output"),
    }.items():
        op.create_table(
            table,
            sa.Column(
                "track_id",
                _ID,
                sa.ForeignKey("tracks.id", ondelete="CASCADE"),
                primary_key=True,
                autoincrement=False,
            ),
            *(sa.Column(name, sa.LargeBinary, nullable=False) for name in columns),
        )
    op.create_table(
        "tag_changes",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("path", sa.LargeBinary, nullable=False),
        sa.Column("before", sa.JSON, nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "notes",
        sa.Column("name", sa.String(80), primary_key=True),
        sa.Column("value", sa.String, nullable=False),
    )


def downgrade() -> None:
    for table in ("notes", "tag_changes", "track_features", "track_vectors", "tracks"):
        op.drop_table(table)
