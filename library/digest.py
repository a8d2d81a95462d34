"""What the library keeps of one file: made where the file was heard, carried to where the rows are written."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from library.catalogue import Descriptor, Heard, Track
from ml.models.card import Card
from ml.report.schema import Report

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


def describe(chromagram: bytes, evidence: bytes) -> tuple[bytes, bytes, str]:
    """The two vectors of kept numbers, and the version that made them."""
    from ml.similarity import harmony, projection, timbre

    projections, version = projection.load()
    chords = projections["harmony"].apply(harmony.features(harmony.unpack(chromagram)))
    heard = timbre.unpack(evidence)
    sound = projections["sound"].apply(timbre.features(heard.evidence, heard.timbre))
    return chords.astype("<f4").tobytes(), sound.astype("<f4").tobytes(), version


def description_version() -> str:
    from ml.similarity import projection

    return projection.load()[1]


def described_by(model_sha256: str) -> str:
    """The version that a track remembers of all that follows from what is kept: vectors, and the head's judgement."""
    return f"{description_version()}+{model_sha256[:16]}"


HEARING_VERSION = 2
"""Raised when the same trunk hears something else in the same file."""


def heard_by(card: Card) -> str:
    """The version that a track heard with this model remembers.

    A head trained anew hears nothing else; a card that does not name what hears stands for the whole file.
    """
    hears = card.hearing or "".join(digest for _, digest in sorted(card.sha256.items()))
    return f"{hashlib.sha256(hears.encode()).hexdigest()[:16]}-{HEARING_VERSION}"


def keep(hearing: Hearing) -> tuple[bytes, bytes]:
    """What is kept of one listening: the chromagram, and the evidence with the timbre beside it."""
    from ml.similarity import harmony, timbre

    measured = timbre.measure(timbre.pool(hearing.mel))
    heard = timbre.Kept(hearing.evidence.mean(axis=0), measured, hearing.musicality)
    return harmony.pack(hearing.chromagram), timbre.pack(heard)


def digest(hearing: Hearing, file: File, content: str, album: str | None) -> Digest:
    chromagram, evidence = keep(hearing)
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
