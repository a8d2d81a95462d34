"""Genre accuracy on the fault-filtered test split or, as a rehearsal, by cross-validation on training songs.

The test split is for published models only. Decisions about a model that look at it would fit the model to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ml.audio.loading import from_samples
from ml.audio.settings import SAMPLE_RATE
from ml.evaluate.accuracy import noises
from ml.evaluate.accuracy.model import CachedModel, CrossPredictions, Songs
from ml.models.genre import BY_TAGS
from ml.models.logit import softmax
from ml.train import metrics
from ml.train.data import corpus
from ml.train.data.corpus import Example
from ml.train.metrics import Figures, Predictions, rounded, share


@dataclass(frozen=True)
class GenrePredictions:
    """`tracks`: whole tracks by published taggrams. `clips`: audio clips end to end, in the order of `examples`."""

    tracks: Predictions
    clips: Predictions
    examples: list[Example]


def predict_test(model: CachedModel, songs: Songs) -> GenrePredictions:
    """The shipped model on the test split."""
    taggrams, clips = model.rows(songs.test_taggrams), model.rows(songs.test_clips)
    tags = np.array([row.trunk_output for row in taggrams], np.float32)[:, BY_TAGS]
    return GenrePredictions(
        Predictions(model.labels, model.truth(taggrams), softmax(model.head.scores_by_tags(tags))),
        Predictions(model.labels, model.truth(clips), model.predict(clips)),
        [row.example for row in clips],
    )


def predict_valid(model: CachedModel, crossed: CrossPredictions) -> GenrePredictions:
    """The same without the test split: training taggrams and validation clips, cross-validated by artist."""
    valid = np.array([row.example.split == "valid" for row in crossed.rows])
    taggrams = crossed.held & crossed.table.is_taggram
    clips = crossed.held & ~crossed.table.is_taggram & valid
    return GenrePredictions(
        crossed.select(model.labels, crossed.taggrams, taggrams),
        crossed.select(model.labels, crossed.clips, clips),
        [row.example for row, use in zip(crossed.rows, clips, strict=True) if use],
    )


def measure(predicted: GenrePredictions) -> Figures:
    tracks, clips = predicted.tracks, predicted.clips
    confidence, accuracy, counts = metrics.calibration_curve(tracks.probabilities, tracks.truth)
    return {
        "labels": list(tracks.labels),
        "fault_filtered": tracks.figures(),
        "ece": rounded(tracks.calibration_error),
        "by_label": tracks.by_label(),
        "confusion": tracks.confusion.tolist(),
        "calibration": [
            {"confidence": rounded(c), "accuracy": rounded(a), "n": int(n)}
            for c, a, n in zip(confidence, accuracy, counts, strict=True)
        ],
        "end_to_end": clips.figures() | {"by_label": clips.by_label()},
    }


def measure_confidence(model: CachedModel, songs: Songs, predicted: GenrePredictions, shared: Path) -> Figures:
    """How often the model is confident: on songs of its genres, and on audio of none of them."""
    best = predicted.clips.probabilities.max(axis=1)
    confident = np.array(
        [model.is_confident(clip, value) for clip, value in zip(predicted.examples, best, strict=True)], bool
    )
    sounds = [from_samples(samples, SAMPLE_RATE) for samples in noises.make().values()]
    return {
        "songs": share(confident, key="rate"),
        "accuracy_when_confident": share(predicted.clips.correct[confident]),
        "accuracy_otherwise": share(predicted.clips.correct[~confident]),
        "speech": share(model.confident_files(corpus.read_speech(shared)), key="rate"),
        "noise_and_tones": share([model.is_confident_in_audio(sound) for sound in sounds], key="rate"),
        "other_style": share(model.confident_files([example.audio for example in songs.other_style]), key="rate"),
    }
