"""The annotated clips of GTZAN under `../shared`: what tempo and key are tuned and judged on.

The test split carries no annotation there, so nothing read here belongs to it. Annotations without audio
still tell how common a tempo or a mode is in a genre.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ml.audio.loading import load
from ml.features import onsets
from ml.features.arrays import Doubles, Floats, Mask
from ml.features.bands import BandStatistics
from ml.features.track import Track
from ml.models import key
from ml.models.genre import BANDS_NAME
from ml.paths import WEIGHT_FOLDER
from ml.train.rhythm import conditional_logit

LONG_SECONDS = 14.0
"""Clips from this length on are judged; shorter ones only help to learn keys."""


@dataclass(frozen=True)
class Annotation:
    """One annotated track; `key` is (tonic, mode). `file` is None where its audio is not at hand."""

    id: str
    genre: str
    artist: str
    bpm: float | None
    key: tuple[str, str] | None
    file: Path | None
    seconds: float

    @property
    def long(self) -> bool:
        return self.seconds >= LONG_SECONDS


def read_annotations(gtzan: Path) -> list[Annotation]:
    """Every track of `gtzan` that has a tempo or a key."""
    clips, tracks = _rows(gtzan / "clips.csv"), _rows(gtzan / "tracks.csv")
    tempi, keys = _rows(gtzan / "tempo.csv"), _rows(gtzan / "key.csv")
    return [
        Annotation(
            id=name,
            genre=name.split(".")[0],
            # A track whose artist is unknown is taken for an artist of its own.
            artist=tracks[name]["artist"] or name,
            bpm=float(tempi[name]["bpm"]) if name in tempi else None,
            key=(keys[name]["key"], keys[name]["mode"]) if name in keys else None,
            file=gtzan / clips[name]["file"] if name in clips else None,
            seconds=float(clips[name]["seconds"]) if name in clips else 0.0,
        )
        for name in sorted(set(tempi) | set(keys))
    ]


@dataclass(frozen=True)
class Song:
    """A clip with what the estimators take from it; `genre` is an estimate by someone who never heard the artist."""

    facts: Annotation
    pulse: onsets.OnsetFeatures
    profile: Doubles
    genre: dict[str, float]


def read_songs(annotations: Sequence[Annotation]) -> list[Song]:
    """Hear every annotated clip as the pipeline does, once."""
    heard = [facts for facts in annotations if facts.file is not None]
    bands = BandStatistics.load(WEIGHT_FOLDER / BANDS_NAME)
    tracks = [Track(load(facts.file), bands) for facts in heard if facts.file is not None]
    genres = estimate_genres(heard, [track.mel for track in tracks])
    return [
        Song(facts, onsets.measure(onsets.level(track.mel)), key.profile(track.chromagram), genre)
        for facts, track, genre in zip(heard, tracks, genres, strict=True)
    ]


def estimate_genres(annotations: Sequence[Annotation], mels: Sequence[Floats]) -> list[dict[str, float]]:
    """Out-of-fold genre probabilities by linear discriminants on the spectrum's mean, spread and motion.

    No genre model is asked: tempo and key can be tuned without one, in seconds.
    """
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    looks = np.stack([np.r_[mel.mean(0), mel.std(0), np.abs(np.diff(mel, axis=0)).mean(0)] for mel in mels])
    names = np.array([facts.genre for facts in annotations])
    labels = sorted(set(names))

    def predict(held_out: Mask) -> Doubles:
        model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.3)
        result: Doubles = model.fit(looks[~held_out], names[~held_out]).predict_proba(looks[held_out])
        return result

    artists = [facts.artist for facts in annotations]
    rows = conditional_logit.cross_validate(predict, artists, shape=(len(names), len(labels)), seed=5)
    return [dict(zip(labels, map(float, row), strict=True)) for row in rows]


def _rows(file: Path) -> dict[str, dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        return {row["id"]: row for row in csv.DictReader(lines)}
