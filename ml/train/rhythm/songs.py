"""First step of training tempo and key: GTZAN's annotated clips with the features of both estimators.

The test split has no annotations there, so none of these clips belongs to it. Annotations without audio still show how
common a tempo is in a genre.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from ml.audio.loading import load
from ml.features import onsets
from ml.features.arrays import Doubles, Floats, Integers
from ml.features.bands import BandStatistics
from ml.features.track import Track
from ml.models import key
from ml.models.genre import BANDS_NAME
from ml.paths import WEIGHT_FOLDER
from ml.train.data.corpus import LONG_SECONDS, read_rows
from ml.train.data.folds import folds_by_value, predict_out_of_fold, shuffled_folds

ARTIST_FOLDS, GENRE_SEED = 10, 5


@dataclass(frozen=True)
class Annotation:
    """One annotated track; `key` is (tonic, mode). `file` is None if there is no audio of it."""

    id: str
    genre: str
    artist: str
    bpm: float | None
    key: tuple[str, str] | None
    file: Path | None
    seconds: float

    @property
    def long(self) -> bool:
        """Only long clips are measured; shorter ones are used for the training of keys alone."""
        return self.seconds >= LONG_SECONDS


def read_annotations(gtzan: Path) -> list[Annotation]:
    """Every track of `gtzan` that has a tempo or a key."""
    clips, tracks, tempi, keys = (
        {row["id"]: row for row in read_rows(gtzan / f"{name}.csv")} for name in ("clips", "tracks", "tempo", "key")
    )
    return [
        Annotation(
            id=name,
            genre=name.split(".")[0],
            # A track whose artist is unknown counts as an artist of its own.
            artist=tracks[name]["artist"] or name,
            bpm=float(tempi[name]["bpm"]) if name in tempi else None,
            key=(keys[name]["key"], keys[name]["mode"]) if name in keys else None,
            file=gtzan / clips[name]["file"] if name in clips else None,
            seconds=float(clips[name]["seconds"]) if name in clips else 0.0,
        )
        for name in sorted(set(tempi) | set(keys))
    ]


@dataclass(frozen=True)
class AnnotatedSong:
    """A clip with the features of the estimators; `genre` is estimated by a model trained without its artist."""

    annotation: Annotation
    pulse: onsets.OnsetFeatures
    profile: Doubles
    genre: dict[str, float]


def read_songs(annotations: Sequence[Annotation]) -> list[AnnotatedSong]:
    """Features of every annotated clip, by the same calls as in the product."""
    with_audio = [annotation for annotation in annotations if annotation.file is not None]
    bands = BandStatistics.load(WEIGHT_FOLDER / BANDS_NAME)
    tracks = [Track(load(one.file), bands) for one in with_audio if one.file is not None]
    genres = estimate_genres(with_audio, [track.mel for track in tracks])
    return [
        AnnotatedSong(annotation, onsets.measure(onsets.level(track.mel)), key.profile(track.chromagram), genre)
        for annotation, track, genre in zip(with_audio, tracks, genres, strict=True)
    ]


def estimate_genres(annotations: Sequence[Annotation], mels: Sequence[Floats]) -> list[dict[str, float]]:
    """Out-of-fold genre probabilities by linear discriminants on the spectrum's mean, deviation and change.

    So tempo and key can be trained in seconds, without the genre model.
    """
    rows = np.stack([np.r_[mel.mean(0), mel.std(0), np.abs(np.diff(mel, axis=0)).mean(0)] for mel in mels])
    genres = np.array([annotation.genre for annotation in annotations])

    def predict(train: Integers, test: Integers) -> Floats:
        model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.3)
        probabilities: Floats = model.fit(rows[train], genres[train]).predict_proba(rows[test])
        return probabilities

    artists = [annotation.artist for annotation in annotations]
    folds = folds_by_value(shuffled_folds(artists, count=ARTIST_FOLDS, seed=GENRE_SEED))
    labels = sorted(set(genres.tolist()))
    return [dict(zip(labels, map(float, row), strict=True)) for row in predict_out_of_fold(folds, predict)]
