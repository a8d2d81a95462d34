"""What becomes of a row when its file is moved, copied or gone."""

from __future__ import annotations

from sqlalchemy import update
from sqlalchemy.orm import Session

from library.catalogue.tables import TagChange, Track, TrackFeatures, TrackVectors, path_hash_of
from library.collection.records import File
from library.collection.reference_files import untie

_OWN = frozenset({"id", "path", "path_hash", "reference", "source"})
"""What a copy does not share with the row that it is copied from."""


def drop(session: Session, track: Track) -> None:
    """Forget a file. A track of the reference only loses it."""
    if track.reference:
        untie(track)
    else:
        session.delete(track)


def move(session: Session, track: Track, file: File) -> None:
    """The file lies elsewhere now, and with it the tags that can be put back."""
    session.execute(update(TagChange).where(TagChange.path == track.path).values(path=file.path))
    track.path, track.path_hash, track.mtime_ns = file.path, path_hash_of(file.path), file.mtime_ns


def copy(session: Session, twin: Track, here: Track | None, file: File) -> None:
    """The same bytes in two places: the second takes the first one's numbers over."""
    made = here or Track(path=file.path, path_hash=path_hash_of(file.path))
    for name in {column.key for column in Track.__table__.columns} - _OWN:
        setattr(made, name, getattr(twin, name))
    made.size, made.mtime_ns = file.size, file.mtime_ns
    session.add(made)
    session.flush()
    for table, names in (
        (TrackVectors, ("harmony", "sound")),
        (TrackFeatures, ("chromagram", "trunk_output")),
    ):
        row = session.get(table, twin.id)
        if row is not None:
            session.merge(table(track_id=made.id, **{name: getattr(row, name) for name in names}))
