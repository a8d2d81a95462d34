"""Training of the mood model, step by step: examples, inputs, fit, card, weight file."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np

from ml.audio.loading import Audio, load
from ml.audio.settings import SAMPLE_RATE
from ml.features import motion, onsets
from ml.features.arrays import Floats
from ml.features.track import Track
from ml.models.card import MOOD_WEIGHTS, Card, hash_file
from ml.models.genre import GenreModel
from ml.models.head import Linear
from ml.models.logit import softmax
from ml.models.mood import MoodModel, inputs
from ml.paths import WEIGHT_FOLDER
from ml.report.progress import show_progress
from ml.train.data import corpus
from ml.train.data.corpus import CorpusError, Example, process_examples
from ml.train.files import Cache, save_with_card
from ml.train.genre.trunk_outputs import fingerprint
from ml.train.metrics import Predictions
from ml.train.mood import fit

WHOLE, MIDDLE = "whole song", "5 s from the middle"
MIDDLE_SECONDS = 5.0
LICENCE = "Learnt from the listeners' ratings of Emotify (Aljanaki, Wiering & Veltkamp 2016); MIT, as Sori's own code"
OWN_LICENCE = "Learnt from a person's own songs"


class MoodFeatures:
    """Extracts the inputs of the mood model from examples, through a cache."""

    def __init__(self, model: GenreModel, cache: Cache, executor: Executor) -> None:
        self._model, self._cache, self._executor = model, cache, executor
        self._version = f"mood|motion {motion.VERSION}|onsets {onsets.VERSION}|{fingerprint(model)}"

    def extract(self, examples: Sequence[Example], part: str = WHOLE) -> tuple[list[Example], Floats]:
        """The examples that can be read, and their inputs (examples, INPUTS)."""
        found = list(process_examples(examples, lambda one: self._extract(one, part), "mood inputs"))
        return [example for example, _ in found], np.array([row for _, row in found], np.float32)

    def _extract(self, example: Example, part: str) -> Floats:
        def compute() -> Floats:
            audio = load(example.audio)
            track = Track(middle(audio) if part == MIDDLE else audio, self._model.bands)
            trunk_output = self._model.run_trunk(track.windows, self._executor).mean(axis=0)
            row: Floats = inputs(trunk_output[None], track.motion[None])[0]
            return row

        return self._cache.get(f"{self._version}|{part}|{hash_file(example.audio)}", compute)


def middle(audio: Audio) -> Audio:
    """Five seconds from the middle of the samples, or all of a shorter song."""
    size = int(MIDDLE_SECONDS * SAMPLE_RATE)
    start = max(0, (len(audio.samples) - size) // 2)
    return replace(audio, samples=audio.samples[start : start + size])


def train(options: argparse.Namespace) -> None:
    own = options.data is not None
    output = options.output or (WEIGHT_FOLDER / "own-mood.npz" if own else MOOD_WEIGHTS)
    with ThreadPoolExecutor() as threads:
        features = MoodFeatures(GenreModel.load(), Cache(options.cache), threads)
        model = (_fit_folders if own else _fit_ratings)(options, features)
    save_with_card(model.card, output, model.save)
    show_progress(f"{output}: {MoodModel.load(output).card.metrics}\n")


def _fit_ratings(options: argparse.Namespace, features: MoodFeatures) -> MoodModel:
    """The shipped model, from Emotify."""
    ratings = fit.read_ratings(options.shared)
    examples, given = features.extract(ratings.examples)
    if len(examples) < len(ratings.examples):  # folds and figures need all clips
        raise CorpusError(folder=str(options.shared / "emotify"))
    head, settings, predicted = fit.fit_ratings(given, ratings)
    correct = (predicted > 0) == ratings.exciting
    figures = {
        "accuracy": round(float(correct.mean()), 4),
        "r": round(float(np.corrcoef(predicted, ratings.balance)[0, 1]), 4),
        "accuracy_agreed": round(float(correct[ratings.agreed].mean()), 4),
        "n": len(correct),
    }
    card = Card(
        name=options.name or "sori-mood",
        version="1",
        labels=fit.LABELS,
        settings=settings,
        data={"emotify audio": len(correct)},
        metrics={"cross_validated": figures},
        licence=LICENCE,
    )
    return _model(card, head.scores, head.arousal)


def _fit_folders(options: argparse.Namespace, features: MoodFeatures) -> MoodModel:
    """A user's own moods, from one folder each."""
    examples, given = features.extract(corpus.read_folder(options.data))
    labels = tuple(sorted({example.label for example in examples}))
    if len(labels) < 2:
        raise CorpusError(folder=str(options.data))
    truth = np.array([labels.index(example.label) for example in examples])
    scores, predicted = fit.fit_labels(given, truth, _groups(examples), len(labels))
    shipped = MoodModel.load()
    arousal = Linear(shipped.arousal_weights[:, None], shipped.arousal_bias[None])
    metrics = {}
    if predicted is not None:
        metrics["cross_validated"] = Predictions(labels, truth, softmax(predicted)).figures()
    card = Card(
        name=options.name or "own-mood",
        version="1",
        labels=labels,
        settings={"ridge": fit.OWN_RIDGE},
        data={label: int((truth == place).sum()) for place, label in enumerate(labels)},
        metrics=metrics,
        licence=OWN_LICENCE,
    )
    return _model(card, scores, fit.own_arousal(scores, labels, arousal))


def _groups(examples: Sequence[Example]) -> Any:
    """Songs that must be on one side of a fold: those of one artist. Copies of one file have the same group."""
    group_of_file: dict[str, str] = {}
    return np.array([group_of_file.setdefault(hash_file(one.audio), one.artist) for one in examples])


def _model(card: Card, scores: Linear, arousal: Linear) -> MoodModel:
    return MoodModel(card, "", scores.weights, scores.bias, arousal.weights[:, 0], arousal.bias[0])
