"""What happens to a row when its file is moved, copied or gone."""

from __future__ import annotations

from sqlalchemy import update
from sqlalchemy.orm import Session

from library.catalogue.tables import RESULTS, TagChange, Track, path_hash_of
from library.collection.files import File
from library.collection.reference import detach_file

_OWN = frozenset({"id", "path", "path_hash", "reference", "source"})
"""Columns that a copy does not take from the original."""


def remove(session: Session, track: Track) -> None:
    """Remove a file from the library. A track of the reference only loses its file."""
    if track.reference:
        detach_file(track)
    else:
        session.delete(track)


def move(session: Session, track: Track, file: File) -> None:
    """Give a track the new path of its file; the file's tag changes move along, so that they can be undone."""
    session.execute(update(TagChange).where(TagChange.path == track.path).values(path=file.path))
    track.path, track.path_hash, track.mtime_ns = file.path, path_hash_of(file.path), file.mtime_ns


def copy(session: Session, original: Track, existing: Track | None, file: File) -> None:
    """The same bytes at a second path: its row takes everything over from the first."""
    track = existing or Track(path=file.path, path_hash=path_hash_of(file.path))
    for name in {column.key for column in Track.__table__.columns} - _OWN:
        setattr(track, name, getattr(original, name))
    track.size, track.mtime_ns = file.size, file.mtime_ns
    session.add(track)
    session.flush()
    for table in RESULTS:
        row = session.get(table, original.id)
        if row is not None:
            values = {column.key: getattr(row, column.key) for column in table.__table__.columns}
            session.merge(table(**(values | {"track_id": track.id})))
