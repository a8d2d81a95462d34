"""Links the user's own files of the reference collection to the tracks of the reference, so that these can be played.

A track of the reference and its file share one row, so that a song is not its own neighbour. Title, artist and genre
stay those of the collection, because the files have no tags; everything else is what an analysis of the file gives.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from library.catalogue.tables import Track, TrackFeatures, TrackReport, path_hash_of
from library.collection.reference import reference_of

WHOLE_SECONDS = 14.0
"""A track of the reference that was made from a shorter excerpt than this is analysed again from its file."""


class Names(NamedTuple):
    """What the collection calls a track."""

    title: str | None
    artist: str | None
    genre: str | None

    @classmethod
    def of(cls, track: Track) -> Names:
        return cls(track.title, track.artist, track.genre)


class ReferenceLinks:
    """The tracks of the reference by name, each with the file that it is linked to, or None."""

    def __init__(self, session: Session) -> None:
        rows = session.execute(select(Track.reference, Track.path).where(Track.reference.is_not(None)))
        self._files: dict[str | None, Path | None] = {row.reference: row.path for row in rows}

    def match(self, path: Path) -> str | None:
        """The track that the path names in the layout of the collection, unless it has another file."""
        name = reference_of(path)
        if name not in self._files:
            return None
        linked = self._files[name]
        return None if linked is not None and linked.exists() else name

    def link(self, session: Session, name: str, path: Path) -> Track:
        """Give that track this file."""
        track = _find(session, name)
        track.path, track.path_hash = path, path_hash_of(path)
        self._files[name] = path
        return track

    def adopt(self, session: Session, own: Track, name: str) -> None:
        """Turn the row of a file that was scanned before the reference was installed into that track."""
        entry = _find(session, name)
        names = Names.of(entry)
        session.delete(entry)
        session.flush()
        own.reference = name
        write_names(session, own, names)
        self._files[name] = own.path


def is_complete(session: Session, name: str, features_version: str) -> bool:
    """Whether the reference holds all that an analysis of the track's file would give."""
    track = _find(session, name)
    return (
        (track.duration_seconds or 0.0) >= WHOLE_SECONDS
        and track.features_version == features_version
        and session.get(TrackFeatures, track.id) is not None
    )


def detach_file(track: Track) -> None:
    """The track stays, without its file."""
    track.path = track.path_hash = track.content = None
    track.size = track.mtime_ns = 0


def write_names(session: Session, track: Track, names: Names) -> None:
    """Write the collection's names into the row of a linked file, and into its report."""
    track.title, track.artist, track.genre = names
    track.source = f"the file, {track.duration_seconds or 0.0:.1f} s"
    stored = session.get(TrackReport, track.id)
    if stored is not None:
        genre = {**stored.report["genre"], "top": names.genre}
        stored.report = {**stored.report, "title": names.title, "artist": names.artist, "genre": genre}


def _find(session: Session, name: str) -> Track:
    return session.scalars(select(Track).where(Track.reference == name)).one()
