"""Mood against the listeners' ratings of Emotify, in folds by clip and by genre; every method gets the same folds.

Agreement is defined by the listeners alone (`Ratings.agreed`). Hyper-parameters such as the ridge are chosen among the
clips that a fold is trained on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ml.evaluate.accuracy import mood_network
from ml.evaluate.accuracy.model import CachedModel
from ml.features.arrays import Floats, Integers, Mask
from ml.models.mood import sigmoid
from ml.models.trunk import TAGS
from ml.report.progress import show_progress
from ml.train.data.folds import Fold, folds_by_value
from ml.train.metrics import Figures, rounded
from ml.train.mood import fit
from ml.train.mood.fit import Ratings
from ml.train.mood.training import MIDDLE, MoodFeatures

DRAWS = 10
"""How often the clips are divided into five folds; figures are means over these."""
BOOTSTRAP = 2000


def measure(model: CachedModel, moods: MoodFeatures, shared: Path) -> Figures:
    ratings = fit.read_ratings(shared)
    _, whole = moods.extract(ratings.examples)
    _, middle = moods.extract(ratings.examples, MIDDLE)
    show_progress("cross-validating mood\n")
    draws = [fit.folds_by_clip(ratings, seed) for seed in range(DRAWS)]

    def predict(train: Floats, test: Floats | None = None) -> list[Floats]:
        return [fit.cross_predict(train, ratings.balance, folds, tested=test) for folds in draws]

    predicted = predict(whole)
    by_genre = fit.cross_predict(whole, ratings.balance, folds_by_value(ratings.genres))
    mean = np.stack(predicted).mean(axis=0)
    arousal = sigmoid(fit.slope_of(mean, ratings.arousal) * mean)
    return {
        "whole": _figures(ratings, predicted),
        "middle": _figures(ratings, predict(whole, middle)),
        "middle_alone": _figures(ratings, predict(middle)),
        "genre_left_out": _figures(ratings, [by_genre]),
        "tags_alone": _figures(ratings, predict(whole[:, : len(TAGS)])),
        "picture": _figures(ratings, [_predict_by_network(model, ratings, draws[0])]),
        "draws": DRAWS,
        "n": len(ratings.balance),
        "n_agreed": int(ratings.agreed.sum()),
        "exciting": rounded(ratings.exciting.mean()),
        "arousal_error": rounded(np.abs(arousal - ratings.arousal).mean()),
        "by_genre": {
            genre: _accuracy((mean > 0) == ratings.exciting, ratings.genres == genre)
            for genre in np.unique(ratings.genres).tolist()
        },
    }


def _predict_by_network(model: CachedModel, ratings: Ratings, folds: Sequence[Fold]) -> Floats:
    """Training takes minutes, so predictions are cached under a hash of everything they depend on."""
    pictures = mood_network.pictures(ratings.examples, model.cache)
    show_progress("training networks on mel pictures\n")
    inputs = hashlib.sha256(pictures.tobytes() + ratings.balance.tobytes())
    inputs.update(np.concatenate([held for _, held in folds]).tobytes())
    return model.cache.get(
        f"judged pictures|{mood_network.VERSION}|{inputs.hexdigest()}",
        lambda: fit.cross_predict(pictures, ratings.balance, folds, fit=mood_network.fit),
    )


def _figures(ratings: Ratings, predicted: Sequence[Floats]) -> Figures:
    """Accuracy over all clips and over those whose listeners agree, and r: means over draws, clips bootstrapped."""
    answers = np.stack(predicted)
    correct = ((answers > 0) == ratings.exciting).mean(axis=0)
    return {
        **_accuracy(correct, np.ones(len(correct), bool)),
        "r": _bootstrap(lambda clips: _correlation(answers[:, clips], ratings.balance[clips]), len(correct)),
        "agreed": _accuracy(correct, ratings.agreed),
    }


def _accuracy(correct: npt.NDArray[np.floating], clips: Mask) -> Figures:
    part = correct[clips].astype(float)
    result = _bootstrap(lambda chosen: float(part[chosen].mean()), len(part))
    return {"accuracy": result["value"], "low": result["low"], "high": result["high"], "n": len(part)}


def _bootstrap(value: Callable[[Integers], float], count: int) -> Figures:
    """A figure over all clips with its 95% bootstrap interval."""
    choose = np.random.default_rng(0)
    drawn = [value(choose.integers(count, size=count)) for _ in range(BOOTSTRAP)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return {"value": rounded(value(np.arange(count))), "low": rounded(low), "high": rounded(high)}


def _correlation(answers: Floats, truth: Floats) -> float:
    """Mean correlation of the rows of `answers` with `truth`; 0 where either does not vary."""
    rows, target = answers - answers.mean(axis=1, keepdims=True), truth - truth.mean()
    scale = np.sqrt(np.square(rows).sum(axis=1) * np.square(target).sum())
    return float(np.mean((rows @ target) / np.maximum(scale, 1e-12)))
