"""`python -m ml.train --task mood`, step by step: listen, fit, write the weight file with its card."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import replace
from pathlib import Path
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
from ml.report.errors import SoriError
from ml.train import metrics
from ml.train.data import corpus
from ml.train.data.cache import Cache
from ml.train.data.corpus import CorpusError, Example
from ml.train.genre.trunk_outputs import fingerprint
from ml.train.mood import fit

WHOLE, MIDDLE = "whole song", "5 s from the middle"
MIDDLE_SECONDS = 5.0
LICENCE = "Learnt from the listeners' ratings of Emotify (Aljanaki, Wiering & Veltkamp 2016); MIT, as Sori's own code"
OWN_LICENCE = "Learnt from a person's own songs"


class MoodInputs:
    """What mood is judged by, of each example; what was heard is kept."""

    def __init__(self, model: GenreModel, cache: Cache, executor: Executor) -> None:
        self._model, self._cache, self._executor = model, cache, executor
        self._version = f"mood|motion {motion.VERSION}|onsets {onsets.VERSION}|{fingerprint(model)}"

    def inputs(
        self, examples: Sequence[Example], show_progress: Callable[[str], None], part: str = WHOLE
    ) -> tuple[list[Example], Floats]:
        """(examples, INPUTS) of those that could be heard, and which these are; the others are named."""
        heard, found = [], []
        for number, example in enumerate(examples, start=1):
            show_progress(f"listening to moods {number}/{len(examples)}")
            try:
                found.append(self._input(example, part))
            except SoriError as error:
                show_progress(f"left out {example.name}: {error}\n")
            else:
                heard.append(example)
        return heard, np.array(found, np.float32)

    def _input(self, example: Example, part: str) -> Floats:
        def compute() -> Floats:
            audio = load(example.audio)
            track = Track(middle(audio) if part == MIDDLE else audio, self._model.bands)
            trunk_output = self._model.run_trunk(track.windows, self._executor).mean(axis=0)
            given: Floats = inputs(trunk_output[None], track.motion[None])[0]
            return given

        return self._cache.get(f"{self._version}|{part}|{hash_file(example.audio)}", compute)


def middle(audio: Audio) -> Audio:
    """Five seconds from the middle of the samples, or all of a shorter song."""
    size = int(MIDDLE_SECONDS * SAMPLE_RATE)
    start = max(0, (len(audio.samples) - size) // 2)
    return replace(audio, samples=audio.samples[start : start + size])


def train(options: argparse.Namespace, listener: MoodInputs, show_progress: Callable[[str], None]) -> Card:
    """One training run; the weight file appears only when it is complete."""
    own = options.data is not None
    output = options.output or (WEIGHT_FOLDER / "own-mood.npz" if own else MOOD_WEIGHTS)
    model = _own(options, listener, show_progress) if own else _shipped(options, listener, show_progress)
    _save(model, output)
    card = MoodModel.load(output).card
    show_progress(f"{output}: {card.metrics}\n")
    return card


def _shipped(
    options: argparse.Namespace, listener: MoodInputs, show_progress: Callable[[str], None]
) -> MoodModel:
    ratings = fit.read_ratings(options.shared)
    heard, given = listener.inputs(ratings.examples, show_progress)
    if len(heard) < len(ratings.examples):  # folds and figures are of all clips
        raise CorpusError(folder=str(options.shared / "emotify"))
    head, settings, predicted = fit.fit_ratings(given, ratings)
    right = (predicted > 0) == ratings.exciting
    figures = {
        "accuracy": _rounded(right),
        "r": round(float(np.corrcoef(predicted, ratings.balance)[0, 1]), 4),
        "accuracy_agreed": _rounded(right[ratings.agreed]),
        "n": len(right),
    }
    card = Card(
        name=options.name or "sori-mood",
        version="1",
        labels=fit.LABELS,
        settings=settings,
        data={"emotify audio": len(right)},
        metrics={"cross_validated": figures},
        licence=LICENCE,
    )
    return _model(card, head.scores, head.arousal)


def _own(
    options: argparse.Namespace, listener: MoodInputs, show_progress: Callable[[str], None]
) -> MoodModel:
    examples, given = listener.inputs(corpus.read_folder(options.data), show_progress)
    labels = tuple(sorted({example.label for example in examples}))
    if len(labels) < 2:
        raise CorpusError(folder=str(options.data))
    truth = np.array([labels.index(example.label) for example in examples])
    scores, predicted = fit.fit_labels(given, truth, _groups(examples), len(labels))
    shipped = MoodModel.load()
    arousal = Linear(shipped.arousal_weights[:, None], shipped.arousal_bias[None])
    card = Card(
        name=options.name or "own-mood",
        version="1",
        labels=labels,
        settings={"ridge": fit.OWN_RIDGE},
        data={label: int((truth == place).sum()) for place, label in enumerate(labels)},
        metrics={} if predicted is None else {"cross_validated": _figures(predicted, truth)},
        licence=OWN_LICENCE,
    )
    return _model(card, scores, fit.own_arousal(scores, labels, arousal))


def _groups(examples: Sequence[Example]) -> Any:
    """Who must not stand on both sides of a fold: an artist's songs, and copies of one file with all that are tied."""
    groups: dict[str, str] = {}
    named = []
    for example in examples:
        content = hash_file(example.audio)
        named.append(groups.setdefault(content, example.artist))
    return np.array(named)


def _figures(predicted: Floats, truth: Any) -> dict[str, Any]:
    right = predicted.argmax(axis=1) == truth
    low, high = metrics.interval(right)
    return {
        "accuracy": _rounded(right),
        "low": round(low, 4),
        "high": round(high, 4),
        "macro_f1": round(metrics.macro_f1(truth, predicted.argmax(axis=1), predicted.shape[1]), 4),
        "ece": round(metrics.calibration_error(softmax(predicted), truth), 4),
        "n": len(truth),
    }


def _rounded(right: Any) -> float:
    return round(float(np.mean(right)), 4)


def _model(card: Card, scores: Linear, arousal: Linear) -> MoodModel:
    return MoodModel(card, "", scores.weights, scores.bias, arousal.weights[:, 0], arousal.bias[0])


def _save(model: MoodModel, output: Path) -> None:
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent) as folder:
        weights = Path(folder) / output.name
        model.save(weights)
        model.card.save(weights)
        for path in (weights, weights.with_suffix(".json")):
            path.replace(output.parent / path.name)
