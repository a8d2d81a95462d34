"""The most similar tracks of the library by harmony and by sound, and the reasons why they are similar.

Several files of one recording count as one track, and a song is never its own neighbour.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import select
from sqlalchemy.orm import Session

from library.catalogue.changes import count_listed
from library.catalogue.database import Catalogue
from library.catalogue.filters import Filter
from library.catalogue.tables import Track, TrackFeatures, TrackReport, TrackVectors
from library.search.file_store import FileStore
from library.search.index_folder import newest_file
from library.search.index_names import NoIndexError
from library.search.memory_store import KINDS, Found, MemoryStore, Store, Vectors
from ml.report.schema import Neighbour, Neighbours, Report, Why
from ml.similarity.harmony import Chords, unpack
from ml.similarity.reasons import compare
from ml.similarity.vectors import make_vectors

if TYPE_CHECKING:
    from ml.pipeline import SongAnalysis

EXACT_LIMIT = 1_000_000
"""Up to so many tracks every vector is compared, which takes one core less than 20 ms."""
SAME_SOUND = 0.28
SAME_HARMONY = 0.4
"""Two tracks closer than both distances are the same recording. Of 396 clips encoded as MP3 at 64 kbit/s, none is
further than 0.24 and 0.21 from the original; of 769 clips, none is closer than 0.32 and 0.63 to another."""
SAME_SECONDS = 3.0
_FIRST_CANDIDATES = 32
_MOST_CANDIDATES = 2048


@dataclass(frozen=True)
class QuerySong:
    """A song to find neighbours of: a track of the library (`track_id`), or a new analysis."""

    vectors: Vectors
    chords: Chords
    report: Report | None
    title: str | None
    artist: str | None
    duration_seconds: float | None
    content: str | None = None
    track_id: int | None = None

    @classmethod
    def from_analysis(cls, analysis: SongAnalysis) -> QuerySong:
        """A song that was analysed just now and is no track of the library."""
        chromagram, trunk_output = analysis.packed()
        harmony, sound = make_vectors(chromagram, trunk_output)
        report = analysis.report
        names = report.title, report.artist, report.duration_seconds
        return cls(_unpack_vectors(harmony, sound), unpack(chromagram), report, *names)


@dataclass(frozen=True)
class Match:
    """A similar track, and the reasons why it is similar."""

    track: Track
    distance: float
    why: Why

    def neighbour(self) -> Neighbour:
        track = self.track
        distance = round(self.distance, 4)
        return Neighbour(str(track.id), track.name, track.artist, track.genre, distance, why=self.why)


@dataclass
class Library:
    """The tracks of a catalogue and a store of their vectors."""

    catalogue: Catalogue
    store: Store

    @classmethod
    def load(
        cls,
        catalogue: Catalogue,
        *,
        exact_limit: int = EXACT_LIMIT,
        memory_limit: int | None = None,
        before: Library | None = None,
    ) -> Library:
        """Open the index file of a library of more than `exact_limit` tracks, otherwise read every vector.

        Without a file, more than `memory_limit` raise `NoIndexError`. A file that `before` has open is not checked
        again.
        """
        with catalogue.session() as session:
            count = count_listed(session)
            if count > exact_limit:
                opened = before.store.file if before and isinstance(before.store, FileStore) else None
                if (file := newest_file(catalogue, opened)) is not None:
                    return cls(catalogue, FileStore.load(session, file))
                if memory_limit is not None and count > memory_limit:
                    raise NoIndexError(f"{count} tracks have no index file yet")
            return cls(catalogue, MemoryStore.load(session))

    def __len__(self) -> int:
        return len(self.store)

    @property
    def has_lost_file(self) -> bool:
        """Whether its index file was removed, which happens some time after there is a newer one."""
        return isinstance(self.store, FileStore) and not self.store.file.path.exists()

    def song(self, track_id: int) -> QuerySong | None:
        """A track of the library as a query; None where there is no such track."""
        with self.catalogue.session() as session:
            track, report = session.get(Track, track_id), session.get(TrackReport, track_id)
        return self.song_of(track, Report.from_dict(report.report) if report else None) if track else None

    def song_of(self, track: Track, report: Report | None) -> QuerySong | None:
        """A track that was read already, as a query; None where it has no vectors."""
        columns = select(TrackVectors.harmony, TrackVectors.sound, TrackFeatures.chromagram)
        rows = columns.join(TrackFeatures, TrackFeatures.track_id == TrackVectors.track_id)
        with self.catalogue.session() as session:
            row = session.execute(rows.where(TrackVectors.track_id == track.id)).one_or_none()
        if row is None:
            return None
        vectors, chords = _unpack_vectors(row.harmony, row.sound), unpack(row.chromagram)
        names = track.title, track.artist, track.duration_seconds
        return QuerySong(vectors, chords, report, *names, content=track.content, track_id=track.id)

    def nearest(
        self,
        song: QuerySong,
        by: str,
        count: int = 3,
        *,
        only: Filter | None = None,
        without: Sequence[int] = (),
        feel: str | None = None,
    ) -> list[Match]:
        """The `count` tracks most similar to `song`, nearest first; `without` excludes tracks by their ids.

        `feel` asks for clearly "livelier" or "calmer" tracks: there are none where the song has no mood.
        """
        if by not in KINDS:
            raise ValueError(f"by is {by!r}, not one of {KINDS}")
        only = only or Filter()
        if feel is not None:
            if song.report is None or song.report.mood is None:
                return []
            only = only.narrowed(feel, song.report.mood.arousal)
        with self.catalogue.session() as session:
            search = self.store.search(session, only, without)
            candidates = _FIRST_CANDIDATES
            while True:
                found = search.nearest(by, song.vectors[by], candidates)
                chosen = self._choose(session, song, found, count)
                if len(chosen) == count or found.is_all or candidates >= _MOST_CANDIDATES:
                    return _explain(session, song, chosen)
                candidates *= 4

    def neighbours(self, song: QuerySong) -> Neighbours:
        """Both lists as a report contains them."""
        return Neighbours(**{by: tuple(match.neighbour() for match in self.nearest(song, by)) for by in KINDS})

    def duplicates(self) -> Iterator[list[Track]]:
        """Groups of files that contain the same recording."""
        grouped: set[int] = set()
        with self.catalogue.session() as session:
            search = self.store.search(session, Filter(), ())
            for track_id, vectors in self.store.songs(session):
                if track_id in grouped:
                    continue
                found = search.nearest("sound", vectors["sound"], _FIRST_CANDIDATES)
                close = np.flatnonzero(found.distances <= SAME_SOUND).tolist()
                members = [int(found.ids[place]) for place in close if is_near(vectors, found.vectors(place))]
                if len(members) > 1:
                    grouped.update(members)
                    rows = session.scalars(select(Track).where(Track.id.in_(members)).order_by(Track.id))
                    yield list(rows)

    def _choose(self, session: Session, song: QuerySong, found: Found, count: int) -> list[tuple[Track, float]]:
        """The first `count` of the sorted candidates that are neither the song nor one another."""
        candidates = session.scalars(select(Track).where(Track.id.in_(found.ids.tolist())))
        tracks = {track.id: track for track in candidates}
        chosen: list[tuple[Track, float]] = []
        different: list[tuple[Track | QuerySong, Vectors]] = [(song, song.vectors)]
        for place, (track_id, distance) in enumerate(zip(found.ids.tolist(), found.distances.tolist(), strict=True)):
            track = tracks.get(track_id)  # None: deleted after the vectors were read
            if track is None or track.id == song.track_id:
                continue
            vectors = found.vectors(place)
            if any(is_same(track, vectors, other, others) for other, others in different):
                continue
            different.append((track, vectors))
            chosen.append((track, distance))
            if len(chosen) == count:
                break
        return chosen


def is_same(song: Track | QuerySong, vectors: Vectors, other: Track | QuerySong, others: Vectors) -> bool:
    """Whether two songs are the same recording: by content, by their vectors, or by their names."""
    if song.content is not None and song.content == other.content:
        return True
    return is_near(vectors, others) or same_name(
        (song.title, song.artist, song.duration_seconds), (other.title, other.artist, other.duration_seconds)
    )


def is_near(vectors: Vectors, others: Vectors) -> bool:
    limits = {"harmony": SAME_HARMONY, "sound": SAME_SOUND}
    return all(float(np.linalg.norm(vectors[by] - others[by])) <= limits[by] for by in KINDS)


NamesAndLength = tuple[str | None, str | None, float | None]


def same_name(first: NamesAndLength, second: NamesAndLength) -> bool:
    """Title, artist and length agree. A song without a title or an artist agrees with none."""
    if not (first[0] and second[0] and first[1] and second[1]):
        return False
    if (_simplify(first[0]), _simplify(first[1])) != (_simplify(second[0]), _simplify(second[1])):
        return False
    return first[2] is None or second[2] is None or abs(first[2] - second[2]) <= SAME_SECONDS


def _simplify(name: str) -> str:
    """Letters and digits alone, without case or accents: the same for most spellings."""
    decomposed = unicodedata.normalize("NFKD", name).casefold()
    return "".join(letter for letter in decomposed if letter.isalnum()) or name


def _unpack_vectors(harmony: bytes, sound: bytes) -> Vectors:
    return {"harmony": np.frombuffer(harmony, "<f4"), "sound": np.frombuffer(sound, "<f4")}


def _explain(session: Session, song: QuerySong, chosen: list[tuple[Track, float]]) -> list[Match]:
    """Read reports and chromagrams of the chosen tracks alone, not of all candidates."""
    rows = (
        select(Track.id, TrackReport.report, TrackFeatures.chromagram)
        .outerjoin(TrackReport, TrackReport.track_id == Track.id)
        .outerjoin(TrackFeatures, TrackFeatures.track_id == Track.id)
        .where(Track.id.in_([track.id for track, _ in chosen]))
    )
    known = {track_id: (report, chromagram) for track_id, report, chromagram in session.execute(rows)}
    matches = []
    for track, distance in chosen:
        report, chromagram = known.get(track.id, (None, None))
        chords = unpack(chromagram) if chromagram else None
        why = compare(song.chords, song.report, chords, Report.from_dict(report) if report else None)
        matches.append(Match(track, distance, why))
    return matches
