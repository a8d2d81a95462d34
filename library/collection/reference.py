"""Installs the reference catalogue in a library, and recognises its tracks by the path of a file."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from library.catalogue.database import Catalogue
from library.catalogue.tables import Note, Track, TrackFeatures, TrackVectors
from library.collection.records import write_report
from ml.paths import REFERENCE_FILE
from ml.similarity.reference import Entry, read
from ml.similarity.vectors import projection_version

NOTE = "reference"
_KAGGLE_NAME = re.compile(r"([a-z]+)\.(\d{5})")


def install(catalogue: Catalogue, path: Path = REFERENCE_FILE) -> int:
    """Write the reference into the catalogue unless this version is installed; how many tracks were written."""
    if not path.is_file():
        return 0
    version = f"{hashlib.sha256(path.read_bytes()).hexdigest()} {projection_version()}"
    with catalogue.session() as session:
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
        session.commit()
    return len(new)


def _add(session: Session, entry: Entry, features_version: str) -> None:
    track = Track(reference=entry.reference, source=entry.source, features_version=features_version)
    track.vectors_version = projection_version()
    write_report(session, track, entry.report)
    session.add(TrackVectors(track_id=track.id, harmony=entry.harmony, sound=entry.sound))
    session.add(
        TrackFeatures(track_id=track.id, chromagram=entry.chromagram, trunk_output=entry.trunk_output)
    )


def reference_of(path: Path) -> str | None:
    """The name in the reference of a file in the collection's usual layout: `blues/blues.00042.wav`."""
    name = _KAGGLE_NAME.fullmatch(path.stem)
    return f"gtzan:{path.stem}" if name and path.parent.name == name[1] else None
