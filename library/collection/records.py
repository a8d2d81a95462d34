"""The result of analysing one file: made in a worker process, sent to the process that writes the rows."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from library.catalogue.lyrics import write_words
from library.catalogue.tables import Track, TrackFeatures, TrackReport, TrackVectors
from library.collection.files import File
from ml.report.schema import Lyrics, Report
from ml.similarity.vectors import make_vectors, vectors_version_of

if TYPE_CHECKING:
    from ml.pipeline import SongAnalysis


@dataclass(frozen=True)
class TrackRecord:
    """Plain data that can be sent between processes. `content` is the SHA-256 of the file."""

    file: File
    content: str
    album: str | None
    report: dict[str, Any]
    chromagram: bytes
    trunk_output: bytes
    harmony: bytes
    sound: bytes
    vectors_version: str


def make_record(analysis: SongAnalysis, file: File, content: str, album: str | None) -> TrackRecord:
    chromagram, trunk_output = analysis.packed()
    harmony, sound = make_vectors(chromagram, trunk_output)
    version = vectors_version_of(analysis.report.model.sha256)
    report = analysis.report.to_dict()
    return TrackRecord(file, content, album, report, chromagram, trunk_output, harmony, sound, version)


def write_report(session: Session, track: Track, report: Report) -> None:
    """Store a report, and write the columns of its track that come from it."""
    report = replace(
        report,
        title=storable(report.title),
        artist=storable(report.artist or "") or None,
        lyrics=_storable_lyrics(report.lyrics) if report.lyrics else None,
    )
    mood, tempo, key = report.mood, report.tempo, report.key
    track.title, track.artist = report.title, report.artist
    track.duration_seconds = report.duration_seconds
    track.genre = report.genre.top
    track.mood, track.arousal = (mood.label[:40], mood.arousal) if mood else (None, None)
    track.bpm = tempo.bpm if tempo else None
    track.tonic, track.mode = (key.tonic, key.mode) if key else (None, None)
    session.add(track)
    session.flush()
    session.merge(TrackReport(track_id=track.id, report=report.to_dict()))
    write_words(session, track.id, report.lyrics)


def write_record(
    session: Session, track: Track, record: TrackRecord, *, features_version: str, analysed_seconds: float
) -> None:
    """Write everything that the analysis of a file gave."""
    track.album = storable(record.album or "") or None
    track.size, track.mtime_ns, track.content = record.file.size, record.file.mtime_ns, record.content
    track.features_version, track.analysed_seconds = features_version, analysed_seconds
    track.vectors_version = record.vectors_version
    track.failure_code = track.failure = track.failed_at = None
    write_report(session, track, Report.from_dict(record.report))
    session.merge(TrackVectors(track_id=track.id, harmony=record.harmony, sound=record.sound))
    features = TrackFeatures(track_id=track.id, chromagram=record.chromagram, trunk_output=record.trunk_output)
    session.merge(features)


def storable(text: str) -> str:
    """Text that every database accepts: without lone surrogates from a broken encoding, without NUL."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "")


def _storable_lyrics(lyrics: Lyrics) -> Lyrics:
    """The lyrics with storable texts: they come from the files of strangers."""
    lines = tuple(
        replace(
            line, text=storable(line.text), words=tuple(replace(word, text=storable(word.text)) for word in line.words)
        )
        for line in lyrics.lines
    )
    return replace(lyrics, lines=lines)
