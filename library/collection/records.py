"""What the library keeps of one file: made where the file was heard, carried to where the rows are written."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from library.catalogue.tables import Track, TrackFeatures, TrackVectors
from ml.report.schema import Report
from ml.similarity.vectors import make_vectors, vectors_version_of

if TYPE_CHECKING:
    from ml.pipeline import SongAnalysis


_TIMES = 2**63 - 1


@dataclass(frozen=True)
class File:
    """A file as a scan found it."""

    path: Path
    size: int
    mtime_ns: int

    @classmethod
    def of(cls, path: Path, status: os.stat_result) -> File:
        """A time that no database can hold, before 1678 or after 2262, is brought into range."""
        return cls(path, status.st_size, status.st_mtime_ns & _TIMES)


@dataclass(frozen=True)
class TrackRecord:
    """Plain data, so that it travels between processes: `content` is the file's SHA-256."""

    file: File
    content: str
    album: str | None
    report: dict[str, Any]
    chromagram: bytes
    trunk_output: bytes
    harmony: bytes
    sound: bytes
    vectors_version: str


def digest(song_analysis: SongAnalysis, file: File, content: str, album: str | None) -> TrackRecord:
    chromagram, trunk_output = song_analysis.packed()
    harmony, sound, _ = make_vectors(chromagram, trunk_output)
    return TrackRecord(
        file,
        content,
        album,
        song_analysis.report.to_dict(),
        chromagram,
        trunk_output,
        harmony,
        sound,
        vectors_version_of(song_analysis.report.model.sha256),
    )


def facts(report: Report) -> dict[str, Any]:
    """The columns of a track that come from its report."""
    report = replace(report, title=storable(report.title), artist=storable(report.artist or "") or None)
    return {
        "title": report.title,
        "artist": report.artist,
        "duration_seconds": report.duration_seconds,
        "genre": report.genre.top,
        "mood": report.mood.label[:40] if report.mood else None,
        "arousal": report.mood.arousal if report.mood else None,
        "bpm": report.tempo.bpm if report.tempo else None,
        "tonic": report.key.tonic if report.key else None,
        "mode": report.key.mode if report.key else None,
        "report": report.to_dict(),
    }


def storable(text: str) -> str:
    """Text that every database takes: no half characters of a broken encoding, no NUL."""
    return text.encode("utf-8", "replace").decode("utf-8").replace("\0", "")


def fill(track: Track, digest: TrackRecord, *, features_version: str, analysed_seconds: float) -> None:
    """Write a digest's facts into a row."""
    for name, value in facts(Report.from_dict(digest.report)).items():
        setattr(track, name, value)
    track.album = storable(digest.album or "") or None
    track.size, track.mtime_ns, track.content = digest.file.size, digest.file.mtime_ns, digest.content
    track.features_version, track.analysed_seconds = features_version, analysed_seconds
    track.vectors_version = digest.vectors_version
    track.failure_code = track.failure = track.failed_at = None


def rows_of(digest: TrackRecord, track_id: int) -> tuple[TrackVectors, TrackFeatures]:
    return (
        TrackVectors(track_id=track_id, harmony=digest.harmony, sound=digest.sound),
        TrackFeatures(track_id=track_id, chromagram=digest.chromagram, trunk_output=digest.trunk_output),
    )
