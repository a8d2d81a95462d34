"""The mood head: `python -m ml.train --task mood`. From what listeners felt, or from a person's own folders.

Emotify's listeners named the emotions that a clip stirred in them. A clip is exciting when more of them named power or
joyful activation than calmness; `Ratings.balance` is by how much. The judgement of tags' logits and motion is linear
and its weights are held back (ridge), since two hundred clips teach no more; how much is chosen by cross-validation
within whatever is learnt from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.optimize import minimize_scalar
from sklearn.model_selection import KFold, StratifiedGroupKFold

from ml.features.arrays import Floats, Integers, Mask, Names
from ml.models.head import Linear
from ml.models.mood import CALM, EXCITING, sigmoid
from ml.train.data.corpus import EMOTIFY, CorpusError, Example, read_rows
from ml.train.genre import recipe
from ml.train.genre.linear import Rows, Scale, softmax_regression

Folds = Sequence[tuple[Integers, Integers]]
"""Clips learnt from and clips judged."""
Fit = Callable[[Floats, Floats], Callable[[Floats], Floats]]
"""Learns a balance (clips,) from what was heard of the clips (clips, ...), and returns what then judges others."""

FOLDS = 5
RIDGES = tuple(float(value) for value in np.geomspace(1, 1000, 13))
OWN_RIDGE = 0.15
LABELS = (CALM, EXCITING)


@dataclass(frozen=True)
class Ratings:
    """Emotify's clips with what their listeners felt; arrays are in the order of `examples`."""

    examples: list[Example]
    balance: Floats
    """Share of listeners that named power, plus that for joyful activation, less that for calmness."""
    arousal: Floats
    """Of all that was named of these three, the share of the first two: 0 to 1."""
    genres: Names

    @property
    def exciting(self) -> Mask:
        return self.balance > 0

    @property
    def agreed(self) -> Mask:
        """The half of the clips whose listeners agree most: the balance lies furthest from nought."""
        return np.asarray(np.abs(self.balance) >= np.median(np.abs(self.balance)), bool)


def read_ratings(shared: Path) -> Ratings:
    folder = shared / "emotify"
    if not (folder / "ratings.csv").is_file():
        raise CorpusError(folder=str(folder))
    rows = list(read_rows(folder / "ratings.csv"))
    active = np.array([float(row["power"]) + float(row["joyful_activation"]) for row in rows])
    calm = np.array([float(row["calmness"]) for row in rows])
    balance = active - calm
    examples = [
        Example(
            row["clip"], LABELS[int(value > 0)], row["clip"], EMOTIFY, "train",
            folder / "clips" / f"{row['clip']}.ogg",
        )
        for row, value in zip(rows, balance, strict=True)
    ]  # fmt: skip
    share = np.where(active + calm > 0, active / np.maximum(active + calm, 1e-9), 0.5)
    return Ratings(examples, balance, share, np.array([row["genre"] for row in rows]))


def ridge_regression(given: Floats, balance: Floats, ridge: float) -> Linear:
    """balance = given @ weights + bias, the standardised weights held back by `ridge`."""
    scale = Scale.of(given)
    x, middle = scale.apply(given), float(balance.mean())
    weights = np.linalg.solve(x.T @ x + ridge * np.eye(x.shape[1]), x.T @ (balance - middle))
    return scale.undo(np.asarray(weights[:, None], np.float64), np.array([middle]))


def choose_ridge(given: Floats, balance: Floats) -> float:
    """The ridge with the least squared error in five folds of just these clips."""
    folds = list(KFold(min(FOLDS, len(given)), shuffle=True, random_state=0).split(given))

    def error(ridge: float) -> float:
        return sum(
            float(np.square(ridge_regression(given[a], balance[a], ridge)(given[b])[:, 0] - balance[b]).sum())
            for a, b in folds
        )

    return min(RIDGES, key=error)


def fit_balance(given: Floats, balance: Floats) -> Callable[[Floats], Floats]:
    """The shipped recipe: the ridge is chosen among these clips alone, so a fold that is judged has no say in it."""
    linear = ridge_regression(given, balance, choose_ridge(given, balance))
    return lambda others: linear(others)[:, 0]


def folds_by_clip(ratings: Ratings, seed: int = 0) -> list[tuple[Integers, Integers]]:
    """Five folds with as many exciting clips in each; every model that is compared gets these."""
    groups = np.array([example.artist for example in ratings.examples])
    few = int(min(ratings.exciting.sum(), (~ratings.exciting).sum()))
    folds = StratifiedGroupKFold(max(2, min(FOLDS, few)), shuffle=True, random_state=seed)
    return list(folds.split(groups, ratings.exciting, groups))


def folds_by_genre(ratings: Ratings) -> list[tuple[Integers, Integers]]:
    """Each genre in turn is judged by what the others teach."""
    genres = np.unique(ratings.genres)
    return [(np.flatnonzero(ratings.genres != one), np.flatnonzero(ratings.genres == one)) for one in genres]


def cross_predict(
    given: Floats, balance: Floats, folds: Folds, *, fit: Fit = fit_balance, asked: Floats | None = None
) -> Floats:
    """The balance of each clip by a model that never met it: learnt from `given`, asked about `asked` or the same."""
    others = given if asked is None else asked
    predicted = np.zeros(len(balance), np.float32)
    for learnt, held in folds:
        predicted[held] = fit(given[learnt], balance[learnt])(others[held])
    return predicted


def slope_of(predicted: Floats, arousal: Floats) -> float:
    """The factor from a judged balance to log-odds under which the arousal's squared error is least."""

    def cost(logarithm: float) -> float:
        return float(np.square(sigmoid(np.exp(logarithm) * predicted) - arousal).mean())

    return float(np.exp(minimize_scalar(cost, bounds=(-2.0, 3.0), method="bounded").x))


@dataclass(frozen=True)
class MoodHead:
    scores: Linear
    """(INPUTS, labels)"""
    arousal: Linear
    """(INPUTS, 1), log-odds"""


def fit_ratings(given: Floats, ratings: Ratings) -> tuple[MoodHead, dict[str, float], Floats]:
    """The head that ships, the settings of its card, and the cross-validated balance of each clip."""
    predicted = cross_predict(given, ratings.balance, folds_by_clip(ratings))
    slope, ridge = slope_of(predicted, ratings.arousal), choose_ridge(given, ratings.balance)
    arousal = ridge_regression(given, ratings.balance, ridge).scaled(slope)
    opposite = np.array([[-0.5, 0.5]], np.float32)
    scores = Linear(arousal.weights @ opposite, arousal.bias @ opposite)
    return MoodHead(scores, arousal), {"ridge": round(ridge, 2), "slope": round(slope, 4)}, predicted


def fit_labels(given: Floats, labels: Integers, groups: Names, count: int) -> tuple[Linear, Floats | None]:
    """Calibrated scores of a person's own moods, and each song's scores by a model that never met its group.

    The second is None where a mood has songs of one group alone.
    """
    rows = Rows(given, labels, groups, np.ones(len(labels), np.float32))

    def fit(part: Rows) -> Linear:
        return softmax_regression(part, count, ridge=OWN_RIDGE, fidelity=0.0)

    least = min(len(np.unique(groups[labels == label])) for label in range(count))
    if least < 2:
        return fit(rows), None
    predicted = np.zeros((len(labels), count), np.float32)
    folds = StratifiedGroupKFold(min(FOLDS, least), shuffle=True, random_state=0)
    for learnt, held in folds.split(given, labels, groups):
        predicted[held] = fit(rows.where(np.isin(np.arange(len(labels)), learnt)))(given[held])
    factor = recipe.temperature(predicted, labels)
    return fit(rows).scaled(factor), predicted * np.float32(factor)


def own_arousal(scores: Linear, labels: Sequence[str], shipped: Linear) -> Linear:
    """Arousal follows a person's own calm and exciting songs where there are both; else it is the shipped one."""
    if not {CALM, EXCITING} <= set(labels):
        return shipped
    calm, exciting = labels.index(CALM), labels.index(EXCITING)
    weights = scores.weights[:, exciting] - scores.weights[:, calm]
    return Linear(weights[:, None], scores.bias[[exciting]] - scores.bias[[calm]])
