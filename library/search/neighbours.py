"""What is most like this? The nearest tracks of the library by harmony and by sound, and why they are near.

The same recording in several files is one answer, and never the song that was asked about.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import Select, select
from sqlalchemy.orm import Session, defer

from library.catalogue.database import Catalogue
from library.catalogue.filters import Filter
from library.catalogue.tables import Track, TrackFeatures, TrackVectors
from library.search.index import Index
from library.search.vectors import read_vectors
from ml.features.arrays import Floats, Indices, Integers, Mask
from ml.report.schema import Neighbour, Neighbours, Report, Why
from ml.similarity.harmony import Chords, unpack
from ml.similarity.reasons import compare
from ml.similarity.vectors import make_vectors

if TYPE_CHECKING:
    from ml.pipeline import SongAnalysis

KINDS = ("harmony", "sound")
SAME_SOUND = 0.28
SAME_HARMONY = 0.4
"""Distances under which two files hold one recording, when both hold. Of 396 clips as MP3 at 64 kbit/s none lies
further than 0.24 and 0.21 from the original, of 769 clips none nearer than 0.32 and 0.63 to another."""
SAME_SECONDS = 3.0
_ASKED_AT_ONCE = 32
_MOST_ASKED = 2048


@dataclass(frozen=True)
class Song:
    """A song to ask about, of the library (`track_id`) or heard just now."""

    chord_vector: Floats
    sound_vector: Floats
    chords: Chords
    report: Report | None
    title: str | None
    artist: str | None
    duration_seconds: float | None
    content: str | None = None
    track_id: int | None = None

    @classmethod
    def heard(cls, song_analysis: SongAnalysis) -> Song:
        """A song that was heard just now and is no track of the library."""
        chromagram, trunk_output = song_analysis.packed()
        chords, timbre, _ = make_vectors(chromagram, trunk_output)
        report = song_analysis.report
        return cls(
            np.frombuffer(chords, "<f4"),
            np.frombuffer(timbre, "<f4"),
            unpack(chromagram),
            report,
            report.title,
            report.artist,
            report.duration_seconds,
        )

    def vector(self, by: str) -> Floats:
        return self.chord_vector if by == "harmony" else self.sound_vector


@dataclass(frozen=True)
class Found:
    """A neighbour with the reasons for it."""

    track: Track
    distance: float
    why: Why

    def neighbour(self) -> Neighbour:
        track = self.track
        name = track.title or (track.path.stem if track.path else str(track.id))
        return Neighbour(
            str(track.id), name, track.artist, track.genre, round(self.distance, 4), why=self.why
        )


@dataclass
class Library:
    """All descriptors in memory, rows in the order of track ids."""

    catalogue: Catalogue
    ids: Integers
    indices: dict[str, Index] = field(default_factory=dict)

    @classmethod
    def load(cls, catalogue: Catalogue) -> Library:
        """Read every descriptor: two seconds for a million of them."""
        with catalogue.session() as session:
            ids, arrays = read_vectors(session)
        return cls(catalogue, ids, {by: Index(array) for by, array in zip(KINDS, arrays, strict=True)})

    def __len__(self) -> int:
        return len(self.ids)

    def song(self, track_id: int) -> Song | None:
        """A track of the library as something to ask about; None where there is no such track."""
        with self.catalogue.session() as session:
            track = session.get(Track, track_id)
            heard, descriptor = session.get(TrackFeatures, track_id), session.get(TrackVectors, track_id)
            if track is None or heard is None or descriptor is None:
                return None
            return Song(
                np.frombuffer(descriptor.harmony, "<f4"),
                np.frombuffer(descriptor.sound, "<f4"),
                unpack(heard.chromagram),
                Report.from_dict(track.report) if track.report else None,
                track.title,
                track.artist,
                track.duration_seconds,
                track.content,
                track.id,
            )

    def nearest(
        self,
        song: Song,
        by: str,
        count: int = 3,
        *,
        only: Filter | None = None,
        without: Sequence[int] = (),
        livelier: bool | None = None,
    ) -> list[Found]:
        """The `count` tracks most like `song`, nearest first; `without` leaves tracks out by their ids.

        `livelier` asks for clearly livelier tracks (True) or calmer ones (False): none where the song has no mood.
        """
        if by not in KINDS:
            raise ValueError(f"by is {by!r}, not one of {KINDS}")
        if livelier is not None:
            if song.report is None or song.report.mood is None:
                return []
            arousal = song.report.mood.arousal
            wanted = only or Filter()
            only = wanted.livelier(arousal) if livelier else wanted.calmer(arousal)
        with self.catalogue.session() as session:
            allowed = self._allowed(session, only, without)
            asked = _ASKED_AT_ONCE
            while True:
                rows, distances = self.indices[by].nearest(song.vector(by), asked, allowed=allowed)
                chosen = self._choose(session, song, rows, distances, count)
                if len(chosen) == count or len(rows) < asked or asked >= _MOST_ASKED:
                    return [self._explain(session, song, *one) for one in chosen]
                asked *= 4

    def neighbours(self, song: Song, count: int = 3, *, only: Filter | None = None) -> Neighbours:
        """Both lists as a report carries them."""
        lists = {by: self.nearest(song, by, count, only=only) for by in KINDS}
        named = {by: tuple(one.neighbour() for one in found) for by, found in lists.items()}
        return Neighbours(**named)

    def duplicates(self) -> Iterator[list[Track]]:
        """Groups of files that hold one recording."""
        seen: set[int] = set()
        with self.catalogue.session() as session:
            for row, track_id in enumerate(self.ids.tolist()):
                if track_id in seen:
                    continue
                near, apart = self.indices["sound"].nearest(self._vector("sound", row), _ASKED_AT_ONCE)
                if apart[1:2].size == 0 or float(apart[1]) > SAME_SOUND:
                    continue
                same = [
                    other
                    for other, distance in zip(near.tolist(), apart.tolist(), strict=True)
                    if distance <= SAME_SOUND and self._chords_agree(row, other)
                ]
                if len(same) > 1:
                    members = [int(self.ids[other]) for other in sorted(same)]
                    seen.update(members)
                    tracks = {track.id: track for track in session.scalars(_tracks(members))}
                    yield [tracks[member] for member in members]

    def _vector(self, by: str, row: int) -> Floats:
        vector: Floats = self.indices[by].vectors[row]
        return vector

    def _chords_agree(self, row: int, other: int) -> bool:
        apart = self._vector("harmony", row) - self._vector("harmony", other)
        return float(np.linalg.norm(apart)) <= SAME_HARMONY

    def _allowed(self, session: Session, only: Filter | None, without: Sequence[int]) -> Mask | None:
        if (only is None or only.is_open) and not without:
            return None
        allowed = np.ones(len(self.ids), bool)
        if only is not None and not only.is_open:
            allowed = np.isin(self.ids, np.fromiter(session.scalars(only.query()), np.int64))
        if without:
            allowed &= ~np.isin(self.ids, np.array(without, np.int64))
        return allowed

    def _choose(
        self,
        session: Session,
        song: Song,
        rows: Indices,
        distances: Floats,
        count: int,
    ) -> list[tuple[Track, float]]:
        """The first `count` of a sorted short list that are neither the song nor one another."""
        # A report is read for those that are chosen, not for the ten times as many that are looked at.
        some = _tracks(self.ids[rows].tolist()).options(defer(Track.report))
        tracks = {track.id: track for track in session.scalars(some)}
        chosen: list[tuple[Track, float, int]] = []
        for row, distance in zip(rows.tolist(), distances.tolist(), strict=True):
            track = tracks.get(int(self.ids[row]))  # None: forgotten since the descriptors were read
            if track is None or self._is_song(song, track, row):
                continue
            if any(self._is_same(track, row, other, place) for other, _, place in chosen):
                continue
            chosen.append((track, distance, row))
            if len(chosen) == count:
                break
        return [(track, distance) for track, distance, _ in chosen]

    def _is_song(self, song: Song, track: Track, row: int) -> bool:
        if track.id == song.track_id or (song.content is not None and track.content == song.content):
            return True
        near = {by: float(np.linalg.norm(self._vector(by, row) - song.vector(by))) for by in KINDS}
        if near["sound"] <= SAME_SOUND and near["harmony"] <= SAME_HARMONY:
            return True
        return same_name(
            (song.title, song.artist, song.duration_seconds),
            (track.title, track.artist, track.duration_seconds),
        )

    def _is_same(self, track: Track, row: int, other: Track, place: int) -> bool:
        if track.content is not None and track.content == other.content:
            return True
        apart = float(np.linalg.norm(self._vector("sound", row) - self._vector("sound", place)))
        if apart <= SAME_SOUND and self._chords_agree(row, place):
            return True
        return same_name(
            (track.title, track.artist, track.duration_seconds),
            (other.title, other.artist, other.duration_seconds),
        )

    def _explain(self, session: Session, song: Song, track: Track, distance: float) -> Found:
        heard = session.get(TrackFeatures, track.id)
        chords = unpack(heard.chromagram) if heard else None
        report = Report.from_dict(track.report) if track.report else None
        return Found(track, distance, compare(song.chords, song.report, chords, report))


Facts = tuple[str | None, str | None, float | None]


def same_name(first: Facts, second: Facts) -> bool:
    """Title, artist and length agree. A song without a title or an artist agrees with none."""
    if not (first[0] and second[0] and first[1] and second[1]):
        return False
    if (_plain(first[0]), _plain(first[1])) != (_plain(second[0]), _plain(second[1])):
        return False
    return first[2] is None or second[2] is None or abs(first[2] - second[2]) <= SAME_SECONDS


def _plain(name: str) -> str:
    """Letters and digits alone, without case or accents: what is left the same by most spellings."""
    parts = unicodedata.normalize("NFKD", name).casefold()
    return "".join(sign for sign in parts if sign.isalnum()) or name


def _tracks(ids: Sequence[int]) -> Select[Track]:
    return select(Track).where(Track.id.in_(ids))


__all__ = ["Filter", "Found", "Library", "Song", "same_name"]
