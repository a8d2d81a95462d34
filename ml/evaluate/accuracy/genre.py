"""Genre accuracy on the fault-filtered test split or, as a rehearsal, by cross-validation on training songs.

Also on another collection, without training on it, and the stability of the answer on worse copies of a song.

The test split is for published models only. Decisions about a model that look at it would fit the model to it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ml.audio.loading import from_samples
from ml.audio.settings import SAMPLE_RATE
from ml.evaluate.accuracy import noises
from ml.evaluate.accuracy.model import CachedModel, CrossPredictions, Songs
from ml.models.logit import softmax
from ml.models.trunk import BY_TAGS
from ml.train import metrics
from ml.train.data import corpus
from ml.train.data.augmentation import ORIGINAL, VARIANTS
from ml.train.data.corpus import EMOTIFY, Example
from ml.train.genre import recipe
from ml.train.genre.trunk_outputs import Row
from ml.train.metrics import Figures, Predictions, rounded, share

CHANGES = [variant for variant in VARIANTS if variant != ORIGINAL]


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


def measure_other_collection(model: CachedModel, crossed: CrossPredictions) -> Figures:
    """A head trained on GTZAN alone, on the clips of Emotify that have one of its labels."""
    table = crossed.table
    head = recipe.fit_head(table, model.labels, ~table.from_emotify)
    clips = table.from_emotify & table.is_original
    truth = np.asarray(table.rows.labels[clips])
    answers = np.asarray(head.scores(table.rows.trunk_output[clips]).argmax(axis=1), np.int64)
    present = sorted(set(truth.tolist()))
    mean, low, high = metrics.mean_recall(truth, answers)
    return {
        "mean_recall": rounded(mean),
        "low": rounded(low),
        "high": rounded(high),
        "n": len(truth),
        "in_training_data": any(EMOTIFY in source for source in model.genre.card.data),
        "recall": {model.labels[i]: share(answers[truth == i] == i, key="recall") for i in present},
    }


def measure_robustness(model: CachedModel, songs: Songs, *, with_test: bool) -> Figures:
    """The share of clips that keep their first answer after each change, by the clips' role in training."""
    groups = {
        "training": [example for example in songs.training if example.path],
        "test": songs.test_clips if with_test else [],
        "other": songs.other_clips + songs.other_style,
    }
    rows = {name: model.rows(examples, tuple(VARIANTS)) for name, examples in groups.items()}
    unchanged = {name: _unchanged_answers(model, found) for name, found in rows.items() if found}
    return {
        change: {name: share(same[change], key="same") for name, same in unchanged.items()}
        | {"all": share([kept for same in unchanged.values() for kept in same[change]], key="same")}
        for change in CHANGES
    }


def _unchanged_answers(model: CachedModel, rows: Sequence[Row]) -> dict[str, list[bool]]:
    """For each change, whether each clip's first answer stayed the same."""
    best = model.predict(rows).argmax(axis=1).tolist()
    answers = {(row.example.name, row.variant): answer for row, answer in zip(rows, best, strict=True)}
    names = [row.example.name for row in rows if row.variant == ORIGINAL]
    return {change: [answers[name, change] == answers[name, ORIGINAL] for name in names] for change in CHANGES}
