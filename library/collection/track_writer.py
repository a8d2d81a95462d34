"""Writes the result of analysing one file to the row of its track."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from library.catalogue.tables import RESULTS, Track, path_hash_of
from library.collection.files import File
from library.collection.records import TrackRecord, storable, write_record
from library.collection.reference import Names, ReferenceLinks, detach_file, write_names
from ml.lyrics.version import MARK
from ml.report.errors import SoriError

FOLDER = "folder"
"""The source of a row that stands for a folder or file which could not be examined."""
ADDED, CHANGED, FAILED = OUTCOMES = ("added", "changed", "failed")


@dataclass(frozen=True)
class Versions:
    """What an analysis would be made with now; `seconds` is how much of a file is analysed at most."""

    features_version: str
    vectors_version: str
    seconds: float
    model_sha256: str
    """SHA-256 of the genre model."""
    lyrics_version: str = ""
    """How words are read; empty if they are not. It is stored behind the version of the features."""

    @property
    def stored(self) -> str:
        return self.features_version + self.lyrics_version

    def is_current(self, stored: str | None) -> bool:
        """Whether features of the stored version serve. Words that were read earlier do not harm."""
        if stored is None or self.lyrics_version:
            return stored == self.stored
        return stored.partition(MARK)[0] == self.features_version


class TrackWriter:
    """Writes with these versions; `links` are the tracks of the reference that files may belong to."""

    def __init__(self, versions: Versions, links: ReferenceLinks) -> None:
        self._versions, self._links = versions, links

    def store(self, session: Session, file: File, result: TrackRecord | SoriError) -> str:
        """Write the result of an analysis; one of `OUTCOMES`."""
        if isinstance(result, SoriError):
            return self.store_failure(session, file, result)
        track = self.row(session, file.path, link=True)
        is_new = track.features_version is None
        names = Names.of(track) if track.reference else None
        version, seconds = self._versions.stored, self._versions.seconds
        write_record(session, track, result, features_version=version, analysed_seconds=seconds)
        if names is not None:
            write_names(session, track, names)
        return ADDED if is_new else CHANGED

    def store_failure(self, session: Session, file: File, error: SoriError, *, source: str | None = None) -> str:
        """Write the cause into the failure log, and delete the results of an earlier, readable state of the file."""
        track = self.row(session, file.path)
        if track.reference:  # its results do not come from this file alone
            detach_file(track)
            session.flush()
            track = self.row(session, file.path)
        for table in RESULTS:
            session.execute(delete(table).where(table.track_id == track.id))
        track.size, track.mtime_ns, track.source, track.content = file.size, file.mtime_ns, source, None
        track.failure_code, track.failed_at = error.code, datetime.now(UTC)
        facts = {name: storable(fact) if isinstance(fact, str) else fact for name, fact in error.facts.items()}
        track.failure = {"sentence": error.sentence, "facts": facts}
        return FAILED

    def row(self, session: Session, path: Path, *, link: bool = False) -> Track:
        """The row of a file, made where there is none. With `link` it may be a track of the reference."""
        track = find_track(session, path)
        if track is None and link and (name := self._links.match(path)):
            track = self._links.link(session, name, path)
        if track is None:
            track = Track(path=path, path_hash=path_hash_of(path))
            session.add(track)
            session.flush()
        return track


def find_track(session: Session, path: Path) -> Track | None:
    return session.scalars(select(Track).where(Track.path_hash == path_hash_of(path))).one_or_none()
