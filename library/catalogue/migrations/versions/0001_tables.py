"""All tables: the tracks of the library, and the analyses, scans and limits of the queue."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_MOMENT = sa.DateTime(timezone=True)
_SORT_TEXT = sa.String(120).with_variant(sa.String(120, collation="C"), "postgresql")


def _columns(kind: Any, *names: str, null: bool = True) -> Iterator[sa.Column[Any]]:
    return (sa.Column(name, kind, nullable=null) for name in names)


def _create_indexes(table: str, *columns: str) -> None:
    for column in columns:
        op.create_index(f"ix_{table}_{column}", table, [column])


def upgrade() -> None:
    op.create_table(
        "tracks",
        sa.Column("id", _ID, primary_key=True),
        *_columns(_SORT_TEXT, "sort_title", "sort_artist", "sort_genre"),
        *_columns(sa.Double, "sort_bpm", "sort_duration"),
        *_columns(sa.Integer, "sort_key"),
        *_columns(sa.Text, "search_text"),
        sa.Column("reference", sa.String(80), unique=True),
        *_columns(sa.String(120), "source"),
        *_columns(sa.LargeBinary, "path"),
        sa.Column("path_hash", sa.String(64), unique=True),
        *_columns(sa.BigInteger, "size", "mtime_ns", null=False),
        *_columns(sa.String(64), "content"),
        *_columns(sa.String, "title", "artist", "album"),
        *_columns(sa.Double, "duration_seconds", "arousal", "bpm", "analysed_seconds"),
        *_columns(sa.String(80), "genre", "features_version", "vectors_version"),
        *_columns(sa.String(40), "mood", "failure_code"),
        *_columns(sa.String(2), "tonic"),
        *_columns(sa.String(5), "mode"),
        *_columns(sa.JSON, "failure"),
        *_columns(_MOMENT, "failed_at"),
    )
    _create_indexes("tracks", "size", "content", "failure_code")
    for name in ("title", "artist", "bpm", "key", "duration"):
        op.create_index(f"ix_tracks_{name}", "tracks", [f"sort_{name}", "id"])
    op.create_index("ix_tracks_genre", "tracks", ["sort_genre", "sort_title", "id"])
    op.create_index("ix_tracks_mood", "tracks", ["mood", "sort_title", "id"])
    for table, kind, names in (
        ("reports", sa.JSON, ("report",)),
        ("track_vectors", sa.LargeBinary, ("harmony", "sound")),
        ("track_features", sa.LargeBinary, ("chromagram", "trunk_output")),
    ):
        track = sa.ForeignKey("tracks.id", ondelete="CASCADE")
        track_id = sa.Column("track_id", _ID, track, primary_key=True, autoincrement=False)
        op.create_table(table, track_id, *_columns(kind, *names, null=False))
    op.create_table(
        "tag_changes",
        sa.Column("id", _ID, primary_key=True),
        *_columns(sa.LargeBinary, "path", null=False),
        *_columns(sa.JSON, "before", null=False),
        *_columns(_MOMENT, "changed_at", null=False),
    )
    note = sa.Column("name", sa.String(80), primary_key=True)
    op.create_table("notes", note, *_columns(sa.String, "value", null=False))
    op.create_table(
        "analyses",
        sa.Column("id", sa.String(32), primary_key=True),
        *_columns(sa.String(64), "client", "content", null=False),
        *_columns(sa.String, "name", null=False),
        *_columns(sa.String(80), "file", null=False),
        *_columns(sa.String(40), "format", "stage", null=False),
        *_columns(sa.BigInteger, "size", null=False),
        *_columns(_MOMENT, "created_at", null=False),
        *_columns(_MOMENT, "expires_at", "leased_until", "started_at", "finished_at"),
        *_columns(sa.String(10), "state", null=False),
        *_columns(sa.Double, "progress", null=False),
        *_columns(sa.Integer, "tries", null=False),
        *_columns(sa.String(120), "engine"),
        *_columns(sa.JSON, "report", "failure"),
        *_columns(sa.String(40), "failure_code"),
        *_columns(sa.String(80), "verdict"),
    )
    _create_indexes("analyses", "client", "content", "created_at", "expires_at", "state")
    limit = sa.Column("name", sa.String(80), primary_key=True)
    op.create_table("limits", limit, *_columns(sa.Double, "full_at", null=False))
    _create_indexes("limits", "full_at")
    op.create_table(
        "scans",
        sa.Column("id", _ID, primary_key=True),
        *_columns(sa.JSON, "folders", null=False),
        *_columns(sa.Integer, "jobs", "total"),
        *_columns(sa.Boolean, "prune", "retry_failed", null=False),
        *_columns(_MOMENT, "created_at", null=False),
        *_columns(_MOMENT, "leased_until", "started_at", "finished_at"),
        *_columns(sa.Integer, "done", "tries", null=False),
        *_columns(sa.String, "name", null=False),
        *_columns(sa.JSON, "counts", "failure"),
        sa.Column("slot", sa.Integer, unique=True),
        *_columns(sa.String(10), "state", null=False),
        *_columns(sa.String(120), "engine"),
        *_columns(sa.String(40), "failure_code"),
    )
    _create_indexes("scans", "state")
