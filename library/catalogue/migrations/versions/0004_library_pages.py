"""The list of tracks that people search, filter and leaf through."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy import select
from sqlalchemy.orm import Session, load_only

from library.catalogue.listing import write_rows
from library.catalogue.tables import Track

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
_TEXT = sa.String(120).with_variant(sa.String(120, collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "listing",
        sa.Column(
            "track_id",
            _ID,
            sa.ForeignKey("tracks.id", ondelete="CASCADE"),
            primary_key=True,
            autoincrement=False,
        ),
        *(sa.Column(name, _TEXT, nullable=False) for name in ("title", "artist", "genre")),
        sa.Column("bpm", sa.Double, nullable=False),
        sa.Column("key", sa.Integer, nullable=False),
        sa.Column("seconds", sa.Double, nullable=False),
        sa.Column("mood", sa.String(40)),
        sa.Column("own", sa.Boolean, nullable=False),
        sa.Column("words", sa.Text, nullable=False),
    )
    for name in ("title", "artist", "bpm", "key", "seconds"):
        op.create_index(f"ix_listing_{name}", "listing", [name, "track_id"])
    op.create_index("ix_listing_genre", "listing", ["genre", "title", "track_id"])
    _fill(Session(op.get_bind()))


def _fill(session: Session) -> None:
    """List what the library knows already, a thousand tracks at a time."""
    last = 0
    # By name: what later steps add to the table is not there yet.
    names = ("path", "title", "artist", "album", "duration_seconds", "genre", "mood", "bpm", "tonic", "mode")
    columns = [getattr(Track, name) for name in ("id", *names, "features_version", "failure_code")]
    known = select(Track).options(load_only(*columns, raiseload=True)).order_by(Track.id)
    while tracks := list(session.scalars(known.where(Track.id > last).limit(1000))):
        write_rows(session, tracks)
        last = tracks[-1].id
        session.expunge_all()
    session.flush()


def downgrade() -> None:
    op.drop_table("listing")
