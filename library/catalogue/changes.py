"""Whether the descriptors are still those that were read: a question that may be asked every few seconds.

Growing and shrinking shows in the ids. Numbers that are made anew for a track that stays show in a note, which every
run leaves behind that changed some.
"""

from __future__ import annotations

import secrets

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from library.catalogue.database import Catalogue
from library.catalogue.listing import Listing
from library.catalogue.tables import Note

_NOTE = "changed"


def mark_change(session: Session) -> None:
    session.merge(Note(name=_NOTE, value=secrets.token_hex(8)))


def state_of(catalogue: Catalogue) -> str:
    """The same text for as long as the same tracks have the same numbers."""
    with catalogue.session() as session:
        tracks = select(func.count(Listing.track_id), func.max(Listing.track_id))
        note = session.get(Note, _NOTE)
        return f"{session.execute(tracks).one()} {note.value if note else ''}"
