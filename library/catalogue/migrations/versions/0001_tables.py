"""All tables: the library's tracks, and the analyses and limits of the queue."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_MOMENT = sa.DateTime(timezone=True)
_SORT_TEXT = sa.String(120).with_variant(sa.String(120, collation="C"), "postgresql")


def _required(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def _of_track(name: str, *columns: sa.Column[Any]) -> None:
    """A table with at most one row for each track."""
    track = sa.ForeignKey("tracks.id", ondelete="CASCADE")
    op.create_table(name, sa.Column("track_id", _ID, track, primary_key=True, autoincrement=False), *columns)


def _index(table: str, *columns: str) -> None:
    for column in columns:
        op.create_index(f"ix_{table}_{column}", table, [column])


def upgrade() -> None:
    op.create_table(
        "tracks",
        sa.Column("id", _ID, primary_key=True),
        sa.Column("reference", sa.String(80), unique=True),
        sa.Column("source", sa.String(120)),
        sa.Column("path", sa.LargeBinary),
        sa.Column("path_hash", sa.String(64), unique=True),
        _required("size", sa.BigInteger),
        _required("mtime_ns", sa.BigInteger),
        sa.Column("content", sa.String(64)),
        *(sa.Column(name, sa.String) for name in ("title", "artist", "album")),
        sa.Column("duration_seconds", sa.Double),
        sa.Column("genre", sa.String(80)),
        sa.Column("mood", sa.String(40)),
        sa.Column("arousal", sa.Double),
        sa.Column("bpm", sa.Double),
        sa.Column("tonic", sa.String(2)),
        sa.Column("mode", sa.String(5)),
        sa.Column("features_version", sa.String(80)),
        sa.Column("analysed_seconds", sa.Double),
        sa.Column("vectors_version", sa.String(80)),
        sa.Column("failure_code", sa.String(40)),
        sa.Column("failure", sa.JSON),
        sa.Column("failed_at", _MOMENT),
        *(sa.Column(name, _SORT_TEXT) for name in ("sort_title", "sort_artist", "sort_genre")),
        sa.Column("sort_bpm", sa.Double),
        sa.Column("sort_key", sa.Integer),
        sa.Column("sort_duration", sa.Double),
        sa.Column("search_text", sa.Text),
    )
    _index("tracks", "size", "content", "failure_code")
    for name in ("title", "artist", "bpm", "key", "duration"):
        op.create_index(f"ix_tracks_{name}", "tracks", [f"sort_{name}", "id"])
    op.create_index("ix_tracks_genre", "tracks", ["sort_genre", "sort_title", "id"])
    op.create_index("ix_tracks_mood", "tracks", ["mood", "sort_title", "id"])
    _of_track("reports", _required("report", sa.JSON))
    _of_track("track_vectors", *(_required(name, sa.LargeBinary) for name in ("harmony", "sound")))
    _of_track("track_features", *(_required(name, sa.LargeBinary) for name in ("chromagram", "trunk_output")))
    op.create_table(
        "tag_changes",
        sa.Column("id", _ID, primary_key=True),
        _required("path", sa.LargeBinary),
        _required("before", sa.JSON),
        _required("changed_at", _MOMENT),
    )
    op.create_table(
        "notes", sa.Column("name", sa.String(80), primary_key=True), _required("value", sa.String)
    )
    op.create_table(
        "analyses",
        sa.Column("id", sa.String(32), primary_key=True),
        _required("client", sa.String(64)),
        _required("name", sa.String),
        _required("file", sa.String(80)),
        _required("format", sa.String(40)),
        _required("size", sa.BigInteger),
        _required("content", sa.String(64)),
        _required("created_at", _MOMENT),
        sa.Column("expires_at", _MOMENT),
        _required("state", sa.String(10)),
        _required("stage", sa.String(40)),
        _required("progress", sa.Double),
        _required("tries", sa.Integer),
        sa.Column("engine", sa.String(120)),
        *(sa.Column(name, _MOMENT) for name in ("leased_until", "started_at", "finished_at")),
        sa.Column("report", sa.JSON),
        sa.Column("failure_code", sa.String(40)),
        sa.Column("failure", sa.JSON),
        sa.Column("verdict", sa.String(80)),
    )
    _index("analyses", "client", "content", "created_at", "expires_at", "state")
    op.create_table(
        "limits", sa.Column("name", sa.String(80), primary_key=True), _required("whole_at", sa.Double)
    )
    _index("limits", "whole_at")


def downgrade() -> None:
    for table in ("limits", "analyses", "notes", "tag_changes", "track_features", "track_vectors", "reports"):
        op.drop_table(table)
    op.drop_table("tracks")
