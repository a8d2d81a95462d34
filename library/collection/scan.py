"""Compares the files of a scan with the library: what to analyse, what to copy from other rows, what to leave alone.

An unchanged file costs one comparison. A file that was moved or only touched is recognised by its content and not
analysed again; outdated vectors are computed again from stored features. Files of the reference collection are linked
to its tracks (`library.collection.reference`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Row, delete, select
from sqlalchemy.orm import Session

from library.catalogue.database import Catalogue
from library.catalogue.tables import RESULTS, Track, TrackFeatures, TrackReport, TrackVectors, path_hash_of
from library.collection.files import File, Unreadable
from library.collection.moved_files import copy, move, remove
from library.collection.records import TrackRecord, storable, write_record, write_report
from library.collection.reference import Names, ReferenceLinks, detach_file, is_complete, write_names
from ml.lyrics.version import MARK
from ml.report.errors import SoriError
from ml.report.schema import Report
from ml.similarity.vectors import make_vectors, projection_version

FOLDER = "folder"
"""The source of a row that stands for a folder or file which could not be examined."""

KnownFile = Row[*tuple[Any, ...]]
_KNOWN_COLUMNS = (
    *(Track.path_hash, Track.size, Track.mtime_ns, Track.features_version, Track.analysed_seconds),
    *(Track.vectors_version, Track.duration_seconds, Track.failure_code, Track.reference),
)


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


Reclassify = Callable[[Report, bytes], Report]
"""Makes a report again from the stored output of the trunk."""


@dataclass
class Summary:
    """How many files a scan dealt with in which way."""

    unchanged: int = 0
    added: int = 0
    changed: int = 0
    moved: int = 0
    copied: int = 0
    touched: int = 0
    updated: int = 0
    """Vectors and prediction computed again from stored features."""
    linked: int = 0
    failed: int = 0
    known_failures: int = 0
    missing: int = 0
    seen: set[str] = field(default_factory=set)
    """Hashes of the paths that the scan met."""

    @property
    def analysed(self) -> int:
        return self.added + self.changed


class FolderScan:
    """One scan's changes to the catalogue. Every finished file is committed at once, so that a kill loses none."""

    def __init__(
        self, catalogue: Catalogue, versions: Versions, *, reclassify: Reclassify, retry_failed: bool = False
    ) -> None:
        self._catalogue, self._versions, self._reclassify = catalogue, versions, reclassify
        self._retry_failed = retry_failed
        self.summary = Summary()
        with catalogue.session() as session:
            rows = session.execute(select(*_KNOWN_COLUMNS).where(Track.path_hash.is_not(None)))
            self._known = {row.path_hash: row for row in rows}
            self._links = ReferenceLinks(session)
        self._sizes = {row.size for row in self._known.values()}

    def files_to_analyse(self, files: Iterable[File | Unreadable]) -> Iterator[File]:
        """Settle every file that needs no analysis; yield the others."""
        for file in files:
            if not isinstance(file, File):
                path, error = file
                self.summary.seen.add(path_hash_of(path))
                self.store_failure(File(path, 0, 0), error, source=FOLDER)
                continue
            key = path_hash_of(file.path)
            if key in self.summary.seen:
                continue
            self.summary.seen.add(key)
            known = self._known.get(key)
            if known is not None and (known.size, known.mtime_ns) == (file.size, file.mtime_ns):
                settled = self._settle_unchanged(known, file)
            else:
                settled = (known is None and self._link(file)) or self._reuse_row(file)
            if not settled:
                yield file

    def store(self, file: File, result: TrackRecord | SoriError) -> None:
        """Write the result of an analysis."""
        if isinstance(result, SoriError):
            self.store_failure(file, result)
            return
        with self._catalogue.transaction() as session:
            track = self._row(session, file.path, link=True)
            is_new = track.features_version is None
            names = Names.of(track) if track.reference else None
            version, seconds = self._versions.stored, self._versions.seconds
            write_record(session, track, result, features_version=version, analysed_seconds=seconds)
            if names is not None:
                write_names(session, track, names)
        self.summary.added += is_new
        self.summary.changed += not is_new

    def store_failure(self, file: File, error: SoriError, *, source: str | None = None) -> None:
        """Write the cause into the failure log, and delete the results of an earlier, readable state of the file."""
        with self._catalogue.transaction() as session:
            track = self._row(session, file.path)
            if track.reference:  # its results do not come from this file alone
                detach_file(track)
                session.flush()
                track = self._row(session, file.path)
            for table in RESULTS:
                session.execute(delete(table).where(table.track_id == track.id))
            track.size, track.mtime_ns, track.source, track.content = file.size, file.mtime_ns, source, None
            track.failure_code, track.failed_at = error.code, datetime.now(UTC)
            facts = {name: storable(fact) if isinstance(fact, str) else fact for name, fact in error.facts.items()}
            track.failure = {"sentence": error.sentence, "facts": facts}
        self.summary.failed += 1

    def clear_resolved_failures(self, folders: Collection[Path]) -> None:
        """Take folders out of the failure log that this scan could examine again."""
        with self._catalogue.transaction() as session:
            for track in session.scalars(select(Track).where(Track.source == FOLDER)):
                if track.path and _is_below(track.path, folders) and track.path_hash not in self.summary.seen:
                    session.delete(track)

    def remove_missing(self, folders: Collection[Path]) -> None:
        """Remove files that are gone from the folders. What lies in a folder that could not be examined stays."""
        with self._catalogue.transaction() as session:
            failed = select(Track.path).where(Track.source == FOLDER)
            unreadable = [path for path in session.scalars(failed) if path]
            with_file = select(Track.id, Track.path, Track.path_hash).where(Track.path.is_not(None))
            for track_id, path, key in session.execute(with_file).all():
                if key in self.summary.seen or path is None:
                    continue
                if _is_below(path, folders) and not _is_below(path, unreadable):
                    remove(session, session.get_one(Track, track_id))
                    self.summary.missing += 1

    def _settle_unchanged(self, known: KnownFile, file: File) -> bool:
        """Whether an unchanged file needs no analysis, after what is outdated was computed again."""
        if known.failure_code is not None:
            self.summary.known_failures += not self._retry_failed
            return not self._retry_failed
        if self._is_outdated(known):
            return False
        if known.reference is None and (name := self._links.match(file.path)):
            self._adopt(file, name)
        current = {self._versions.vectors_version}
        if known.reference:  # its genre is the collection's own, whatever the model
            current.add(projection_version())
        if known.vectors_version in current:
            self.summary.unchanged += 1
            return True
        return self._update(file)

    def _is_outdated(self, known: KnownFile | Track) -> bool:
        """Made with another trunk, or cut off at another length that matters for this file."""
        if not self._versions.is_current(known.features_version) or known.analysed_seconds is None:
            return True
        shorter = min(known.analysed_seconds, self._versions.seconds)
        return known.analysed_seconds != self._versions.seconds and (known.duration_seconds or 0.0) >= shorter

    def _update(self, file: File) -> bool:
        """Compute vectors and prediction again from stored features; False where there are none."""
        with self._catalogue.transaction() as session:
            track = self._row(session, file.path)
            features = session.get(TrackFeatures, track.id)
            if features is None:
                return False
            stored = session.get(TrackReport, track.id)
            if stored is not None and track.reference is None:
                report = Report.from_dict(stored.report)
                if report.model.sha256 != self._versions.model_sha256:
                    write_report(session, track, self._reclassify(report, features.trunk_output))
            harmony, sound = make_vectors(features.chromagram, features.trunk_output)
            session.merge(TrackVectors(track_id=track.id, harmony=harmony, sound=sound))
            track.vectors_version = self._versions.vectors_version
        self.summary.updated += 1
        return True

    def _reuse_row(self, file: File) -> bool:
        """Find a row with the same content for a file that is new at its path, or has another time than before."""
        if file.size not in self._sizes or (content := file.hash_content()) is None:
            return False
        with self._catalogue.transaction() as session:
            analysed = Track.failure_code.is_(None), Track.path.is_not(None)
            rows = session.scalars(select(Track).where(Track.content == content, *analysed))
            same = [track for track in rows if not self._is_outdated(track)]
            if not same:
                return False
            here = _find(session, file.path)
            if here in same and here is not None:
                here.size, here.mtime_ns = file.size, file.mtime_ns
                self.summary.touched += 1
            elif gone := next((track for track in same if track.path and not track.path.exists()), None):
                if here is not None:
                    remove(session, here)
                    session.flush()
                move(session, gone, file)
                self.summary.moved += 1
            else:
                copy(session, same[0], here, file)
                self.summary.copied += 1
        return True

    def _link(self, file: File) -> bool:
        """Link a file of the reference collection to its track, where that needs no analysis."""
        name = self._links.match(file.path)
        if name is None or not file.contains_audio() or (content := file.hash_content()) is None:
            return False
        with self._catalogue.transaction() as session:
            if not is_complete(session, name, self._versions.features_version):
                return False
            track = self._links.link(session, name, file.path)
            track.size, track.mtime_ns, track.content = file.size, file.mtime_ns, content
            track.analysed_seconds = self._versions.seconds
        self.summary.linked += 1
        return True

    def _adopt(self, file: File, name: str) -> None:
        with self._catalogue.transaction() as session:
            self._links.adopt(session, self._row(session, file.path), name)
        self.summary.linked += 1

    def _row(self, session: Session, path: Path, *, link: bool = False) -> Track:
        track = _find(session, path)
        if track is None and link and (name := self._links.match(path)):
            track = self._links.link(session, name, path)
        if track is None:
            track = Track(path=path, path_hash=path_hash_of(path))
            session.add(track)
            session.flush()
        return track


def _find(session: Session, path: Path) -> Track | None:
    return session.scalars(select(Track).where(Track.path_hash == path_hash_of(path))).one_or_none()


def _is_below(path: Path, folders: Collection[Path]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)
