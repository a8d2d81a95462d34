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
import numpy.typing as npt

from ml import choice, chroma, key, pulse
from ml.fitted import Floats
from ml.settings import FFT_SIZE, HOP_SIZE, MEL_BANDS, SAMPLE_RATE

Array = npt.NDArray[np.float32]

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
    """A clip with what the estimators take from it; `genre` is the stand-in estimate."""

    facts: Annotation
    pulse: pulse.Pulse
    profile: Floats
    genre: dict[str, float]


def read_songs(annotations: Sequence[Annotation]) -> list[Song]:
    """Load every annotated clip, once."""
    heard = [(facts, load(facts.file)) for facts in annotations if facts.file is not None]
    mels = [log_mel(samples) for _, samples in heard]
    genres = estimate_genres([facts for facts, _ in heard], mels)
    return [
        Song(facts, pulse.listen(pulse.level(mel)), key.profile(chroma.chromagram(samples)), genre)
        for (facts, samples), mel, genre in zip(heard, mels, genres, strict=True)
    ]


def estimate_genres(annotations: Sequence[Annotation], mels: Sequence[Array]) -> list[dict[str, float]]:
    """Out-of-fold genre probabilities by linear discriminants on the spectrum's mean, spread and motion."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    looks = np.stack([np.r_[mel.mean(0), mel.std(0), np.abs(np.diff(mel, axis=0)).mean(0)] for mel in mels])
    names = np.array([facts.genre for facts in annotations])
    labels = sorted(set(names))

    def predict(held_out: choice.Mask) -> Floats:
        model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.3)
        result: Floats = model.fit(looks[~held_out], names[~held_out]).predict_proba(looks[held_out])
        return result

    artists = [facts.artist for facts in annotations]
    rows = choice.cross_validate(predict, artists, shape=(len(names), len(labels)), seed=5)
    return [dict(zip(labels, map(float, row), strict=True)) for row in rows]


def load(file: Path) -> Array:
    """Mono float32 samples at 16 kHz."""
    import soundfile
    import soxr

    samples, rate = soundfile.read(file, dtype="float32", always_2d=True)
    mono = samples.mean(axis=1)
    return np.asarray(mono if rate == SAMPLE_RATE else soxr.resample(mono, rate, SAMPLE_RATE), np.float32)


def log_mel(samples: Array) -> Array:
    """The trunk's spectrogram, (frames, 96): log10(10000 S + 1) at 62.5 frames a second."""
    import librosa

    power = librosa.feature.melspectrogram(
        y=samples, sr=SAMPLE_RATE, n_fft=FFT_SIZE, hop_length=HOP_SIZE, n_mels=MEL_BANDS
    )
    result: Array = np.log10(10_000 * power.T + 1).astype(np.float32)
    return result


def _rows(file: Path) -> dict[str, dict[str, str]]:
    with file.open(encoding="utf-8", newline="") as lines:
        return {row["id"]: row for row in csv.DictReader(lines)}
