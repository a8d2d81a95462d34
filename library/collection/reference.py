"""Installs the reference catalogue into a library, and tells which of its tracks a file on disk is."""

from __future__ import annotations

import re
from pathlib import Path

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from library.catalogue.database import Catalogue
from library.catalogue.tables import Note, Track, TrackFeatures, TrackVectors
from library.collection.records import facts
from ml.models.card import hash_file
from ml.paths import REFERENCE_FILE
from ml.similarity.reference import Entry, read
from ml.similarity.vectors import projection_version

_NOTE = "reference"
_KAGGLE_NAME = re.compile(r"([a-z]+)\.(\d{5})")


def install(catalogue: Catalogue, path: Path = REFERENCE_FILE) -> int:
    """Lay the reference into the catalogue unless just this one is there; how many tracks were written."""
    if not path.is_file():
        return 0
    digest = hash_file(path)
    stamp = f"{digest} {projection_version()}"
    with catalogue.session() as session:
        note = session.get(Note, _NOTE)
        if note is not None and note.value == stamp:
            return 0
        count = 0
        features_version, entries = read(path)
        # One that somebody linked to a file of theirs stays as it is.
        session.execute(delete(Track).where(Track.reference.is_not(None), Track.path.is_(None)))
        linked = set(session.scalars(select(Track.reference).where(Track.reference.is_not(None))))
        for entry in entries:
            if entry.reference not in linked:
                _add(session, entry, features_version)
                count += 1
        session.merge(Note(name=_NOTE, value=stamp))
        session.commit()
    return count


def _add(session: Session, entry: Entry, features_version: str) -> None:
    track = Track(reference=entry.reference, source=entry.source, size=0, mtime_ns=0)
    track.features_version = features_version
    for name, value in facts(entry.report).items():
        setattr(track, name, value)
    track.vectors_version = projection_version()
    session.add(track)
    session.flush()
    session.add(TrackVectors(track_id=track.id, harmony=entry.harmony, sound=entry.sound))
    session.add(
        TrackFeatures(track_id=track.id, chromagram=entry.chromagram, trunk_output=entry.trunk_output)
    )


def reference_of(path: Path) -> str | None:
    """The reference that a file in the usual layout of the collection is: `blues/blues.00042.wav`."""
    found = _KAGGLE_NAME.fullmatch(path.stem)
    return f"gtzan:{path.stem}" if found and path.parent.name == found[1] else None
