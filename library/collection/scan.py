"""What a scan finds beside what the library knows: what to hear, what to take over, what to leave alone.

An unchanged file costs a comparison. A file that moved, or was only touched, is recognised by its content and not
heard again; a better descriptor is computed from what was kept. Files of the reference collection find their tracks
(`library.collection.reference_files`).
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
from library.catalogue.tables import Track, TrackFeatures, TrackVectors, path_hash_of
from library.collection.files import Found
from library.collection.moved_files import copy, drop, move
from library.collection.records import File, TrackRecord, facts, fill, rows_of, storable
from library.collection.reference_files import Links, give_names, is_sound, names_of, needs_no_hearing, untie
from ml.models.card import hash_file
from ml.report.errors import SoriError
from ml.report.schema import Report
from ml.similarity.vectors import make_vectors, projection_version

FOLDER = "folder"
"""The source of a row that stands for a place which could not be looked into."""


@dataclass(frozen=True)
class Versions:
    """What would make the numbers now: the ear's, the descriptors', and how much of a file is heard."""

    features_version: str
    vectors_version: str
    seconds: float
    model_sha256: str
    """SHA-256 of the model whose head judges."""


Reclassify = Callable[[Report, bytes], Report]
"""The report anew from what was kept of the sound."""


@dataclass
class Summary:
    """What a run did, counted."""

    unchanged: int = 0
    known_failures: int = 0
    heard: int = 0
    moved: int = 0
    copied: int = 0
    touched: int = 0
    described: int = 0
    linked: int = 0
    failed: int = 0
    pruned: int = 0
    seen: set[str] = field(default_factory=set)
    """Digests of the paths that the scan met."""


class Keeper:
    """One run's dealings with the catalogue. Each finished file is committed by itself, so nothing finished is lost."""

    def __init__(
        self, catalogue: Catalogue, versions: Versions, *, reclassify: Reclassify, retry_failed: bool = False
    ) -> None:
        self._catalogue, self._versions, self._reclassify = catalogue, versions, reclassify
        self._retry_failed = retry_failed
        self.summary = Summary()
        with catalogue.session() as session:
            rows = session.execute(
                select(
                    Track.path_hash,
                    Track.size,
                    Track.mtime_ns,
                    Track.features_version,
                    Track.analysed_seconds,
                    Track.vectors_version,
                    Track.duration_seconds,
                    Track.failure_code,
                    Track.reference,
                ).where(Track.path_hash.is_not(None))
            )
            self._known = {row.path_hash: row for row in rows}
            self._links = Links(session)
        self._sizes = {row.size for row in self._known.values()}

    def sort(self, found: Iterable[Found]) -> Iterator[File]:
        """Deal with everything that needs no ear; what is left needs one."""
        for one in found:
            if not isinstance(one, File):
                self._refuse_place(*one)
                continue
            key = path_hash_of(one.path)
            if key in self.summary.seen:
                continue
            self.summary.seen.add(key)
            known = self._known.get(key)
            if known is not None and (known.size, known.mtime_ns) == (one.size, one.mtime_ns):
                if not self._is_settled(known, one):
                    yield one
            elif not (known is None and self._link(one)) and not self._take_over(one):
                yield one

    def _is_settled(self, known: Row[*tuple[Any, ...]], file: File) -> bool:
        """Whether an unchanged file may be left alone, after what can be mended without hearing it."""
        if known.failure_code is not None:
            if self._retry_failed:
                return False
            self.summary.known_failures += 1
            return True
        if self._is_outdated(known):
            return False
        if known.reference is None and (name := self._links.name(file.path)):
            self._adopt(known, name)
        # The reference's genres are its makers' own, whatever judges.
        fitting = {self._versions.vectors_version} | ({projection_version()} if known.reference else set())
        if known.vectors_version not in fitting:
            with self._catalogue.session() as session:
                track = session.scalars(select(Track).where(Track.path_hash == known.path_hash)).one()
                if not self._redescribe(session, track):
                    return False
                session.commit()
            self.summary.described += 1
        else:
            self.summary.unchanged += 1
        return True

    def _is_outdated(self, known: Row[*tuple[Any, ...]] | Track) -> bool:
        """Made by another ear, or cut off at another length that matters to this file."""
        if known.features_version != self._versions.features_version or known.analysed_seconds is None:
            return True
        shorter = min(known.analysed_seconds, self._versions.seconds)
        return known.analysed_seconds != self._versions.seconds and (known.duration_seconds or 0.0) >= shorter

    def _redescribe(self, session: Session, track: Track) -> bool:
        heard = session.get(TrackFeatures, track.id)
        if heard is None:
            return False
        if track.report and track.reference is None:
            report = Report.from_dict(track.report)
            if report.model.sha256 != self._versions.model_sha256:
                for name, value in facts(self._reclassify(report, heard.trunk_output)).items():
                    setattr(track, name, value)
        harmony, sound, _ = make_vectors(heard.chromagram, heard.trunk_output)
        session.merge(TrackVectors(track_id=track.id, harmony=harmony, sound=sound))
        track.vectors_version = self._versions.vectors_version
        return True

    def _take_over(self, file: File) -> bool:
        """Find the numbers of a file that is new here, or newly touched, under its content."""
        if file.size not in self._sizes:
            return False
        content = _content_of(file)
        if content is None:
            return False
        with self._catalogue.session() as session:
            same = session.scalars(
                select(Track).where(
                    Track.content == content, Track.failure_code.is_(None), Track.path.is_not(None)
                )
            )
            twins = [track for track in same if not self._is_outdated(track)]
            if not twins:
                return False
            here = session.scalars(
                select(Track).where(Track.path_hash == path_hash_of(file.path))
            ).one_or_none()
            if here in twins and here is not None:
                here.size, here.mtime_ns = file.size, file.mtime_ns
                self.summary.touched += 1
            elif gone := next((twin for twin in twins if twin.path and not twin.path.exists()), None):
                if here is not None:
                    drop(session, here)
                    session.flush()
                move(session, gone, file)
                self.summary.moved += 1
            else:
                copy(session, twins[0], here, file)
                self.summary.copied += 1
            session.commit()
        return True

    def _link(self, file: File) -> bool:
        """Tie a file of the reference collection to its track, where that needs no hearing."""
        name = self._links.name(file.path)
        if name is None or not is_sound(file) or (content := _content_of(file)) is None:
            return False
        with self._catalogue.session() as session:
            if not needs_no_hearing(session, name, self._versions.features_version):
                return False
            track = self._links.take(session, name, file.path)
            track.size, track.mtime_ns, track.content = file.size, file.mtime_ns, content
            track.analysed_seconds = self._versions.seconds
            session.commit()
        self.summary.linked += 1
        return True

    def _adopt(self, known: Row[*tuple[Any, ...]], name: str) -> None:
        with self._catalogue.session() as session:
            track = session.scalars(select(Track).where(Track.path_hash == known.path_hash)).one()
            self._links.adopt(session, track, name)
            session.commit()
        self.summary.linked += 1

    def keep(self, file: File, result: TrackRecord | SoriError) -> None:
        """Write down what hearing a file gave."""
        if isinstance(result, SoriError):
            self.refuse(file, result)
            return
        with self._catalogue.session() as session:
            track = self._row(session, file.path, link=True)
            names = names_of(track) if track.reference else None
            fill(
                track,
                result,
                features_version=self._versions.features_version,
                analysed_seconds=self._versions.seconds,
            )
            if names is not None:
                give_names(track, names)
            session.flush()
            for row in rows_of(result, track.id):
                session.merge(row)
            session.commit()
        self.summary.heard += 1

    def refuse(self, file: File, error: SoriError, *, source: str | None = None) -> None:
        """Into the ledger: the cause and when. Numbers of an earlier, readable state of the file go."""
        with self._catalogue.session() as session:
            track = self._row(session, file.path)
            if track.reference:  # its numbers do not come from this file alone
                untie(track)
                session.flush()
                track = self._row(session, file.path)
            session.execute(delete(TrackVectors).where(TrackVectors.track_id == track.id))
            session.execute(delete(TrackFeatures).where(TrackFeatures.track_id == track.id))
            track.size, track.mtime_ns, track.source, track.content = file.size, file.mtime_ns, source, None
            track.failure_code, track.failed_at = error.code, datetime.now(UTC)
            facts = {
                name: storable(fact) if isinstance(fact, str) else fact for name, fact in error.facts.items()
            }
            track.failure = {"sentence": error.sentence, "facts": facts}
            session.commit()
        self.summary.failed += 1

    def _refuse_place(self, place: Path, error: SoriError) -> None:
        self.summary.seen.add(path_hash_of(place))
        self.refuse(File(place, 0, 0), error, source=FOLDER)

    def _row(self, session: Session, path: Path, *, link: bool = False) -> Track:
        track = session.scalars(select(Track).where(Track.path_hash == path_hash_of(path))).one_or_none()
        if track is None and link and (name := self._links.name(path)):
            track = self._links.take(session, name, path)
        if track is None:
            track = Track(path=path, path_hash=path_hash_of(path), size=0, mtime_ns=0)
            session.add(track)
            session.flush()
        return track

    def forget_open_places(self, folders: Collection[Path]) -> None:
        """Take places out of the ledger that this scan could look into again."""
        with self._catalogue.session() as session:
            for track in session.scalars(select(Track).where(Track.source == FOLDER)):
                if track.path and _is_below(track.path, folders) and track.path_hash not in self.summary.seen:
                    session.delete(track)
            session.commit()

    def prune(self, folders: Collection[Path]) -> None:
        """Forget files that are gone from the folders. What lies in a place that could not be looked into stays."""
        with self._catalogue.session() as session:
            closed = [
                path for path in session.scalars(select(Track.path).where(Track.source == FOLDER)) if path
            ]
            placed = select(Track.id, Track.path, Track.path_hash).where(Track.path.is_not(None))
            for track_id, path, key in session.execute(placed).all():
                if path is None or key in self.summary.seen or not _is_below(path, folders):
                    continue
                if _is_below(path, closed):
                    continue
                drop(session, session.get_one(Track, track_id))
                self.summary.pruned += 1
            session.commit()


def _content_of(file: File) -> str | None:
    """None where it cannot be read: whoever hears the file says why."""
    try:
        return hash_file(file.path) if file.path.is_file() else None
    except OSError:
        return None


def _is_below(path: Path, folders: Collection[Path]) -> bool:
    return any(path.is_relative_to(folder) for folder in folders)
