"""A person's own files of the reference collection, tied to the tracks of the reference: then these can be played.

A track of the reference and its file are one row, so that a song is no neighbour of itself. Its title, artist and genre
stay those of the collection, because the files carry no tags; its numbers are those that hearing the file would give.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from library.catalogue.tables import Track, TrackFeatures, path_hash_of
from library.collection.records import File
from library.collection.reference import reference_of

WHOLE_SECONDS = 14.0
"""A track of the reference that was made from a shorter cut than this tells less than its file does."""


class Links:
    """The tracks of the reference by name, each with the file that it has, or none."""

    def __init__(self, session: Session) -> None:
        rows = session.execute(select(Track.reference, Track.path).where(Track.reference.is_not(None)))
        self._files: dict[str | None, Path | None] = {row.reference: row.path for row in rows}

    def name(self, path: Path) -> str | None:
        """The track that the file at `path` is by the layout of the collection, provided that it waits for one."""
        name = reference_of(path)
        if name not in self._files:
            return None
        held = self._files[name]
        return None if held is not None and held.exists() else name

    def take(self, session: Session, name: str, path: Path) -> Track:
        """The row of that track, which now has this file."""
        track = session.scalars(select(Track).where(Track.reference == name)).one()
        track.path, track.path_hash = path, path_hash_of(path)
        self._files[name] = path
        return track

    def adopt(self, session: Session, own: Track, name: str) -> None:
        """Let a file's own row, from a time when the reference was not there, become that track's."""
        entry = session.scalars(select(Track).where(Track.reference == name)).one()
        names = names_of(entry)
        session.delete(entry)
        session.flush()
        own.reference = name
        give_names(own, names)
        self._files[name] = own.path


def needs_no_hearing(session: Session, name: str, features_version: str) -> bool:
    """Whether the reference knows as much of a track as hearing its file with this ear would tell."""
    track = session.scalars(select(Track).where(Track.reference == name)).one()
    long = (track.duration_seconds or 0.0) >= WHOLE_SECONDS
    return (
        long
        and track.features_version == features_version
        and session.get(TrackFeatures, track.id) is not None
    )


def is_sound(file: File) -> bool:
    """Whether the file begins as sound does. One of the collection that is spread most widely does not."""
    from ml.audio.sniff import sniff

    try:
        with file.path.open("rb") as opened:
            return file.path.is_file() and sniff(opened).reader is not None
    except OSError:
        return False


def untie(track: Track) -> None:
    """The track stays, without its file."""
    track.path = track.path_hash = track.content = None
    track.size = track.mtime_ns = 0


def names_of(track: Track) -> dict[str, Any]:
    return {"title": track.title, "artist": track.artist, "genre": track.genre}


def give_names(track: Track, names: dict[str, Any]) -> None:
    """What the collection calls the track, in its row and in its report."""
    for column, value in names.items():
        setattr(track, column, value)
    track.source = f"the file, {track.duration_seconds or 0.0:.1f} s"
    if track.report is not None:
        genre = {**track.report["genre"], "top": names["genre"]}
        track.report = {**track.report, "title": names["title"], "artist": names["artist"], "genre": genre}
