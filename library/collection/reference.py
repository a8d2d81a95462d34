"""Installs the reference catalogue in a library, and links the user's own files of that collection to its tracks.

A track of the reference and its file share one row, so that the track can be played and a song is not its own
neighbour. Title, artist and genre stay those of the collection, because the files have no tags; everything else is what
an analysis of the file gives.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from library.catalogue.database import Catalogue
from library.catalogue.tables import Note, Track, TrackFeatures, TrackReport, TrackVectors, path_hash_of
from library.collection.records import write_report
from ml.paths import REFERENCE_FILE
from ml.similarity.reference import Entry, read
from ml.similarity.vectors import projection_version

NOTE = "reference"
WHOLE_SECONDS = 14.0
"""A track of the reference that was made from a shorter excerpt than this is analysed again from its file."""
_KAGGLE_NAME = re.compile(r"([a-z]+)\.(\d{5})")


def install(catalogue: Catalogue, path: Path = REFERENCE_FILE) -> int:
    """Write the reference into the catalogue unless this version is installed; how many tracks were written."""
    if not path.is_file():
        return 0
    version = f"{hashlib.sha256(path.read_bytes()).hexdigest()} {projection_version()}"
    with catalogue.transaction() as session:
        note = session.get(Note, NOTE)
        if note is not None and note.value == version:
            return 0
        features_version, entries = read(path)
        # A track that is linked to a file of the user stays as it is.
        session.execute(delete(Track).where(Track.reference.is_not(None), Track.path.is_(None)))
        linked = set(session.scalars(select(Track.reference).where(Track.reference.is_not(None))))
        new = [entry for entry in entries if entry.reference not in linked]
        for entry in new:
            _add(session, entry, features_version)
        session.merge(Note(name=NOTE, value=version))
    return len(new)


def _add(session: Session, entry: Entry, features_version: str) -> None:
    track = Track(reference=entry.reference, source=entry.source, features_version=features_version)
    track.vectors_version = projection_version()
    write_report(session, track, entry.report)
    session.add(TrackVectors(track_id=track.id, harmony=entry.harmony, sound=entry.sound))
    session.add(TrackFeatures(track_id=track.id, chromagram=entry.chromagram, trunk_output=entry.trunk_output))


def reference_of(path: Path) -> str | None:
    """The name in the reference of a file in the collection's usual layout: `blues/blues.00042.wav`."""
    name = _KAGGLE_NAME.fullmatch(path.stem)
    return f"gtzan:{path.stem}" if name and path.parent.name == name[1] else None


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
