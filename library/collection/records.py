"""What the library keeps of one file: made where the file was heard, carried to where the rows are written."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from library.catalogue.tables import Descriptor, Heard, Track
from ml.report.schema import Report
from ml.similarity.vectors import describe, described_by

if TYPE_CHECKING:
    from ml.pipeline import Hearing


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
class Digest:
    """Plain data, so that it travels between processes: `content` is the file's SHA-256."""

    file: File
    content: str
    album: str | None
    report: dict[str, Any]
    chromagram: bytes
    evidence: bytes
    harmony: bytes
    sound: bytes
    described_with: str


def digest(hearing: Hearing, file: File, content: str, album: str | None) -> Digest:
    chromagram, evidence = hearing.packed()
    harmony, sound, _ = describe(chromagram, evidence)
    return Digest(
        file,
        content,
        album,
        hearing.report.to_dict(),
        chromagram,
        evidence,
        harmony,
        sound,
        described_by(hearing.report.model.sha256),
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


def fill(track: Track, digest: Digest, *, heard_with: str, heard_seconds: float) -> None:
    """Write a digest's facts into a row."""
    for name, value in facts(Report.from_dict(digest.report)).items():
        setattr(track, name, value)
    track.album = storable(digest.album or "") or None
    track.size, track.mtime_ns, track.content = digest.file.size, digest.file.mtime_ns, digest.content
    track.heard_with, track.heard_seconds = heard_with, heard_seconds
    track.described_with = digest.described_with
    track.failure_code = track.failure = track.failed_at = None


def rows_of(digest: Digest, track_id: int) -> tuple[Descriptor, Heard]:
    return (
        Descriptor(track_id=track_id, harmony=digest.harmony, sound=digest.sound),
        Heard(track_id=track_id, chromagram=digest.chromagram, evidence=digest.evidence),
    )
