"""The library as a list for people: what they search, filter, sort and leaf through, in a narrow table of its own.

A track's row carries its whole report, so that a glance at a hundred thousand of them would be a glance at gigabytes.
Here each track that was heard has a short row: what it is sorted by, and one text that holds what it is searched by.
Whatever writes a track by a catalogue's session writes this row too.
"""

from __future__ import annotations

import os
import unicodedata
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    ForeignKey,
    Index,
    String,
    Text,
    delete,
    event,
    func,
    insert,
    select,
    tuple_,
)
from sqlalchemy.orm import InstrumentedAttribute, Mapped, Session, defer, mapped_column, sessionmaker

from library.catalogue.database import Catalogue
from library.catalogue.filters import Filter
from library.catalogue.tables import Base, Id, Track
from ml.report.keys import MODES, TONICS

LAST = "\U0010ffff"
LAST_NUMBER = 1e9
"""What is unknown comes after everything that is known."""
MOST_COUNTED = 1000
ANY = Filter()
_LONGEST = 120

Ordered = String(_LONGEST).with_variant(String(_LONGEST, collation="C"), "postgresql")
"""Text in the order of its code points in either database, which is also the order of the Korean alphabet."""


class Listing(Base):
    """A track that was heard. Texts are folded (see `fold`), `key` counts semitones up from C, minor after major."""

    __tablename__ = "listing"

    track_id: Mapped[int] = mapped_column(
        Id, ForeignKey("tracks.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    title: Mapped[str] = mapped_column(Ordered)
    artist: Mapped[str] = mapped_column(Ordered)
    genre: Mapped[str] = mapped_column(Ordered)
    bpm: Mapped[float]
    key: Mapped[int]
    seconds: Mapped[float]
    mood: Mapped[str | None] = mapped_column(String(40))
    own: Mapped[bool]
    words: Mapped[str] = mapped_column(Text)

    __table_args__ = (
        *(
            Index(f"ix_listing_{name}", name, "track_id")
            for name in ("title", "artist", "bpm", "key", "seconds")
        ),
        Index("ix_listing_genre", "genre", "title", "track_id"),
    )


SORTS: dict[str, InstrumentedAttribute[Any]] = {
    "title": Listing.title,
    "artist": Listing.artist,
    "genre": Listing.genre,
    "tempo": Listing.bpm,
    "key": Listing.key,
    "duration": Listing.seconds,
}


@dataclass(frozen=True)
class Place:
    """A place between two tracks of a sorted list: behind the track with this value and id."""

    value: str | float
    track_id: int


@dataclass(frozen=True)
class Ask:
    """Which tracks, in which order. Each of the `words` must be somewhere in title, artist, album or file name."""

    words: str = ""
    only: Filter = ANY
    sort: str = "title"
    descending: bool = False


@dataclass(frozen=True)
class Page:
    """Tracks without their reports, where the next page begins, and how many there are on all pages: counted no further
    than to one more than `MOST_COUNTED`."""

    tracks: list[Track]
    following: Place | None
    count: int


def fold(text: str) -> str:
    """How a text is compared: without case, accents, control characters or the way it is encoded."""
    parts = unicodedata.normalize("NFKD", text).casefold()
    kept = "".join(
        sign
        for sign in parts
        if sign.isspace() or unicodedata.category(sign) not in ("Mn", "Cc", "Cf", "Cs", "Cn")
    )
    return " ".join(unicodedata.normalize("NFC", kept).split())


def key_number(tonic: str | None, mode: str | None) -> int:
    if tonic not in TONICS or mode not in MODES:
        return len(TONICS) * len(MODES)
    return TONICS.index(tonic) + len(TONICS) * MODES.index(mode)


def listing_of(track: Track) -> dict[str, Any] | None:
    """The short row of a track; None where there is nothing to show of it."""
    if track.failure_code is not None or track.features_version is None:
        return None
    file = os.fsencode(track.path.name).decode("utf-8", "replace") if track.path else ""
    stem = os.fsencode(track.path.stem).decode("utf-8", "replace") if track.path else ""
    names = [fold(name or "") for name in (track.title or stem, track.artist, track.album, file)]
    return {
        "track_id": track.id,
        "title": names[0][:_LONGEST] or LAST,
        "artist": names[1][:_LONGEST] or LAST,
        "genre": (track.genre or LAST)[:_LONGEST],
        "bpm": track.bpm or LAST_NUMBER,
        "key": key_number(track.tonic, track.mode),
        "seconds": track.duration_seconds or LAST_NUMBER,
        "mood": track.mood,
        "own": track.path is not None,
        "words": "\n".join(names),
    }


def follow(sessions: sessionmaker[Session]) -> None:
    """From now on, what these sessions write of tracks is listed."""

    @event.listens_for(sessions, "after_flush")
    def write(session: Session, _: object) -> None:
        tracks = [track for track in (*session.new, *session.dirty) if isinstance(track, Track)]
        if tracks:
            write_rows(session, tracks)


def write_rows(session: Session, tracks: list[Track]) -> None:
    rows = [row for track in tracks if (row := listing_of(track)) is not None]
    session.execute(delete(Listing).where(Listing.track_id.in_([track.id for track in tracks])))
    if rows:
        session.execute(insert(Listing), rows)


def read_page(catalogue: Catalogue, ask: Ask, count: int, after: Place | None = None) -> Page:
    """The first `count` tracks behind a place: as quick on the last page as on the first.

    Few matches are gathered and then sorted. Many lie so close in the index of the order that a walk along it is
    short.
    """
    column = SORTS[ask.sort]
    with catalogue.session() as session:
        matching = select(Listing.track_id).where(*_conditions(ask, session)).limit(MOST_COUNTED + 1)
        matches = session.scalars(matching).all()
        wanted = select(Listing.track_id, column)
        if len(matches) <= MOST_COUNTED:
            wanted = wanted.where(Listing.track_id.in_(matches))
        else:
            wanted = wanted.where(*_conditions(ask, session))
        if after is not None:
            here, there = tuple_(column, Listing.track_id), tuple_(after.value, after.track_id)
            wanted = wanted.where(here < there if ask.descending else here > there)
        order = (column, Listing.track_id)
        wanted = wanted.order_by(*(one.desc() if ask.descending else one for one in order))
        rows = session.execute(wanted.limit(count + 1)).all()
        shown = [row.track_id for row in rows[:count]]
        found = select(Track).where(Track.id.in_(shown)).options(defer(Track.report), defer(Track.failure))
        tracks = {track.id: track for track in session.scalars(found)}
    following = Place(rows[count - 1][1], shown[-1]) if len(rows) > count else None
    there_still = [tracks[track_id] for track_id in shown if track_id in tracks]
    return Page(there_still, following, len(matches))


def read_genres(catalogue: Catalogue) -> dict[str, int]:
    """Every genre of the library and how many tracks it has."""
    with catalogue.session() as session:
        rows = session.execute(select(Listing.genre, func.count()).group_by(Listing.genre))
        return {genre: count for genre, count in rows if genre != LAST}


def genre_names(catalogue: Catalogue) -> list[str]:
    """Every genre of the library: from one to the next in the index, which takes as many steps as there are genres."""
    found: list[str] = []
    with catalogue.session() as session:
        while len(found) < MOST_COUNTED:
            wanted = select(func.min(Listing.genre))
            genre = session.scalar(wanted.where(Listing.genre > found[-1]) if found else wanted)
            if genre is None or genre == LAST:
                break
            found.append(genre)
    return found


def _conditions(ask: Ask, session: Session) -> list[ColumnElement[bool]]:
    only, found = ask.only, list[ColumnElement[bool]]()
    if only.genre is not None:
        found.append(Listing.genre == only.genre)
    if only.mood is not None:
        found.append(Listing.mood == only.mood)
    if only.slowest_bpm is not None or only.fastest_bpm is not None:
        fastest = LAST_NUMBER / 2 if only.fastest_bpm is None else only.fastest_bpm
        found.append(Listing.bpm.between(only.slowest_bpm or 0.0, fastest))
    if only.key is not None:
        found.append(Listing.key == key_number(*only.key))
    if only.own:
        found.append(Listing.own.is_(True))
    position = func.strpos if session.get_bind().dialect.name == "postgresql" else func.instr
    return [*found, *(position(Listing.words, word) > 0 for word in fold(ask.words).split())]
