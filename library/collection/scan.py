"""Compares the files of a scan with the library: what to analyse, what to copy from other rows, what to leave alone.

An unchanged file costs one comparison. A file that was moved or only touched is recognised by its content and not
analysed again; outdated vectors are computed again from stored features. Files of the reference collection are linked
to its tracks (`library.collection.reference`).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import Row, select

from library.catalogue.database import Catalogue
from library.catalogue.tables import Track, TrackFeatures, TrackReport, TrackVectors, path_hash_of
from library.collection.files import File, Unreadable
from library.collection.moved_files import copy, move, remove
from library.collection.records import TrackRecord, write_report
from library.collection.reference import ReferenceLinks, is_complete
from library.collection.track_writer import FOLDER, TrackWriter, Versions, find_track
from ml.report.errors import SoriError
from ml.report.schema import Report
from ml.similarity.vectors import make_vectors, projection_version

KnownFile = Row[*tuple[Any, ...]]
_KNOWN_COLUMNS = (
    *(Track.path_hash, Track.size, Track.mtime_ns, Track.features_version, Track.analysed_seconds),
    *(Track.vectors_version, Track.duration_seconds, Track.failure_code, Track.reference),
)


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

    def count(self, outcome: str) -> None:
        """Count a file by its outcome, one of `OUTCOMES`."""
        setattr(self, outcome, getattr(self, outcome) + 1)


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
        self._writer = TrackWriter(versions, self._links)
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
        with self._catalogue.transaction() as session:
            outcome = self._writer.store(session, file, result)
        self.summary.count(outcome)

    def store_failure(self, file: File, error: SoriError, *, source: str | None = None) -> None:
        with self._catalogue.transaction() as session:
            outcome = self._writer.store_failure(session, file, error, source=source)
        self.summary.count(outcome)

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
            track = self._writer.row(session, file.path)
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
            here = find_track(session, file.path)
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
            self._links.adopt(session, self._writer.row(session, file.path), name)
        self.summary.linked += 1


def _is_below(path: Path, folders: Collection[Path]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)
