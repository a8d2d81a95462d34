"""Detects whether the library has changed since it was last read; cheap enough to check every few seconds.

New and deleted tracks show in the number of tracks and in the largest id. New vectors for an existing track show in a
note, which every scan rewrites. Which vectors are new, their serials say.
"""

from __future__ import annotations

import secrets

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from library.catalogue.database import Catalogue
from library.catalogue.tables import SERIAL_NOTE, Note, Track

_NOTE = "changed"
_OLDEST_TRANSACTION = text("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint")


def mark_change(session: Session) -> None:
    session.merge(Note(name=_NOTE, value=secrets.token_hex(8)))


def serial_of(session: Session) -> int:
    """Vectors that are committed after this call have larger serials; with PostgreSQL some that are committed already
    may have, if another transaction is older."""
    if session.get_bind().dialect.name == "postgresql":
        return int(session.execute(_OLDEST_TRANSACTION).scalar_one()) - 1
    note = session.get(Note, SERIAL_NOTE, populate_existing=True)
    return int(note.value) if note else 0


def count_listed(session: Session) -> int:
    """How many tracks the library shows; nearly all of them have vectors."""
    return session.scalar(select(func.count()).where(Track.sort_key.is_not(None))) or 0


def state_of(catalogue: Catalogue) -> str:
    """The same text as long as the same tracks have the same vectors."""
    listed = select(func.count(), func.max(Track.id)).where(Track.sort_key.is_not(None))
    with catalogue.session() as session:
        note = session.get(Note, _NOTE)
        return f"{session.execute(listed).one()} {note.value if note else ''}"
