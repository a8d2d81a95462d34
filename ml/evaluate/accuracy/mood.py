"""Mood against what listeners felt (Emotify), in folds by clip and by genre; every way gets the same folds.

Agreement is defined by the listeners alone: `Ratings.agreed`, the half of the clips where calmness and activation lie
furthest apart. Whatever is chosen, such as the ridge, is chosen among the clips that a fold learns from.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ml.evaluate.accuracy import mood_network
from ml.evaluate.accuracy.songs import Predictor
from ml.evaluate.figures import Figures, rounded
from ml.features.arrays import Floats, Integers, Mask, Reals
from ml.models.mood import sigmoid
from ml.models.trunk import TAGS
from ml.train.data.folds import Fold, folds_by_value
from ml.train.mood import fit
from ml.train.mood.fit import Ratings
from ml.train.mood.training import MIDDLE, MoodFeatures

DRAWS = 10
"""How often the clips are dealt into five folds; figures are means over these."""
BOOTSTRAP = 2000


def measure(predictor: Predictor, moods: MoodFeatures, shared: Path) -> Figures:
    ratings = fit.read_ratings(shared)
    _, whole = moods.extract(ratings.examples, predictor.show_progress)
    _, part = moods.extract(ratings.examples, predictor.show_progress, MIDDLE)
    predictor.show_progress("judging moods\n")
    draws = [fit.folds_by_clip(ratings, seed) for seed in range(DRAWS)]
    by_genre = folds_by_value(ratings.genres)

    def predict(given: Floats, asked: Floats | None = None) -> list[Floats]:
        return [fit.cross_predict(given, ratings.balance, folds, tested=asked) for folds in draws]

    predicted = predict(whole)
    ways = {
        "whole": describe(ratings, predicted),
        "middle": describe(ratings, predict(whole, part)),
        "middle_alone": describe(ratings, predict(part)),
        "genre_left_out": describe(ratings, [fit.cross_predict(whole, ratings.balance, by_genre)]),
        "tags_alone": describe(ratings, predict(whole[:, : len(TAGS)])),
        "picture": describe(ratings, [_predict_pictures(predictor, ratings, draws[0])]),
    }
    spread = np.stack(predicted).mean(axis=0)
    slope = fit.slope_of(spread, ratings.arousal)
    return {
        **ways,
        "draws": DRAWS,
        "n": len(ratings.balance),
        "n_agreed": int(ratings.agreed.sum()),
        "exciting": rounded(ratings.exciting.mean()),
        "arousal_error": rounded(np.abs(sigmoid(slope * spread) - ratings.arousal).mean()),
        "by_genre": {
            genre: _share((spread > 0) == ratings.exciting, ratings.genres == genre)
            for genre in np.unique(ratings.genres).tolist()
        },
    }


def _predict_pictures(predictor: Predictor, ratings: Ratings, folds: Sequence[Fold]) -> Floats:
    """Minutes of training, so its judgements are kept under all that they depend on."""
    seen = mood_network.pictures(ratings.examples, predictor.cache, predictor.show_progress)
    predictor.show_progress("training picture networks\n")
    known = hashlib.sha256(seen.tobytes() + ratings.balance.tobytes())
    known.update(np.concatenate([held for _, held in folds]).tobytes())
    key = f"judged pictures|{mood_network.VERSION}|{known.hexdigest()}"
    return predictor.cache.get(
        key, lambda: fit.cross_predict(seen, ratings.balance, folds, fit=mood_network.fit)
    )


def describe(ratings: Ratings, predicted: Sequence[Floats]) -> Figures:
    """Accuracy over all clips and over those whose listeners agree, and r; means over draws, clips bootstrapped."""
    answers = np.stack(predicted)
    right = ((answers > 0) == ratings.exciting).mean(axis=0)
    return {
        **_share(right, np.ones(len(right), bool)),
        "r": _interval(lambda clips: _correlation(answers[:, clips], ratings.balance[clips]), len(right)),
        "agreed": _share(right, ratings.agreed),
    }


def _share(right: Reals, clips: Mask) -> Figures:
    part = right[clips].astype(float)
    found = _interval(lambda chosen: float(part[chosen].mean()), len(part))
    return {"accuracy": found["value"], "low": found["low"], "high": found["high"], "n": len(part)}


def _interval(value: Callable[[Integers], float], count: int) -> Figures:
    """A figure of all clips, and where it lies in 95 % of bootstrapped collections."""
    choose = np.random.default_rng(0)
    drawn = [value(choose.integers(count, size=count)) for _ in range(BOOTSTRAP)]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return {"value": rounded(value(np.arange(count))), "low": rounded(low), "high": rounded(high)}


def _correlation(answers: Floats, truth: Floats) -> float:
    """Mean correlation of rows of answers with the truth; none where either does not vary."""
    apart, off = answers - answers.mean(axis=1, keepdims=True), truth - truth.mean()
    spread = np.sqrt(np.square(apart).sum(axis=1) * np.square(off).sum())
    return float(np.mean((apart @ off) / np.maximum(spread, 1e-12)))
