"""Fit of the mood head, from listeners' ratings or from a user's own folders.

Emotify's listeners named the emotions that a clip raised in them. A clip is exciting when more of them named power or
joyful activation than calmness; `Ratings.balance` is the difference. The head is linear in the tags' logits and the
motion, with a strong ridge penalty as there are only two hundred clips; cross-validation within the training clips
chooses the penalty.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize_scalar
from sklearn.model_selection import KFold

from ml.features.arrays import Floats, Integers, Mask
from ml.models.head import Linear
from ml.models.mood import CALM, EXCITING, sigmoid
from ml.train.data.corpus import EMOTIFY, CorpusError, Example, read_rows
from ml.train.data.folds import Fold, predict_out_of_fold, stratified_folds
from ml.train.genre import recipe
from ml.train.linear import WeightedRows, ridge_regression, softmax_regression

Predict = Callable[[Floats], Floats]
Fit = Callable[[Floats, Floats], Predict]
"""Fits the balance (clips,) to the clips' inputs (clips, ...), and returns the prediction for other inputs."""

CHOICE_FOLDS = 5
RIDGES = tuple(float(value) for value in np.geomspace(1, 1000, 13))
OWN_RIDGE = 0.15
LABELS = (CALM, EXCITING)


@dataclass(frozen=True)
class Ratings:
    """Emotify's clips with the emotions of their listeners; arrays are in the order of `examples`."""

    examples: list[Example]
    balance: Floats
    """Share of listeners that named power, plus that for joyful activation, minus that for calmness."""
    arousal: Floats
    """The share of the first two among these three emotions: 0 to 1."""
    genres: npt.NDArray[np.str_]

    @property
    def exciting(self) -> Mask:
        return self.balance > 0

    @property
    def agreed(self) -> Mask:
        """The half of the clips whose listeners agree most: the balance is furthest from zero."""
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


def choose_ridge(given: Floats, balance: Floats) -> float:
    """The ridge with the least squared error in five folds of just these clips."""
    folds = list(KFold(min(CHOICE_FOLDS, len(given)), shuffle=True, random_state=0).split(given))

    def error(ridge: float) -> float:
        return sum(
            float(np.square(ridge_regression(given[a], balance[a], ridge)(given[b])[:, 0] - balance[b]).sum())
            for a, b in folds
        )

    return min(RIDGES, key=error)


def fit_balance(given: Floats, balance: Floats) -> Callable[[Floats], Floats]:
    """The shipped recipe. The ridge is chosen on these clips alone, never on those that are predicted."""
    linear = ridge_regression(given, balance, choose_ridge(given, balance))
    return lambda others: linear(others)[:, 0]


def folds_by_clip(ratings: Ratings, seed: int = 0) -> list[Fold]:
    """Five folds with as many exciting clips in each, the same for all methods that are compared."""
    groups = np.array([example.artist for example in ratings.examples])
    return stratified_folds(ratings.exciting, groups, seed=seed)


def cross_predict(
    given: Floats, balance: Floats, folds: Sequence[Fold], *, fit: Fit = fit_balance, tested: Floats | None = None
) -> Floats:
    """The balance of each clip by a model that was not trained on it.

    Models are trained on `given` and tested on `tested`, other inputs of the same clips, or on `given` too.
    """
    others = given if tested is None else tested
    predicted = predict_out_of_fold(folds, lambda train, test: fit(given[train], balance[train])(others[test]))
    return predicted.astype(np.float32)


def slope_of(predicted: Floats, arousal: Floats) -> float:
    """The factor from a predicted balance to log-odds under which the arousal's squared error is least."""

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
    """The shipped head, the settings of its card, and the cross-validated balance of each clip."""
    predicted = cross_predict(given, ratings.balance, folds_by_clip(ratings))
    slope, ridge = slope_of(predicted, ratings.arousal), choose_ridge(given, ratings.balance)
    arousal = ridge_regression(given, ratings.balance, ridge).scaled(slope)
    opposite = np.array([[-0.5, 0.5]], np.float32)
    scores = Linear(arousal.weights @ opposite, arousal.bias @ opposite)
    return MoodHead(scores, arousal), {"ridge": round(ridge, 2), "slope": round(slope, 4)}, predicted


def fit_labels(
    given: Floats, labels: Integers, groups: npt.NDArray[np.str_], count: int
) -> tuple[Linear, Floats | None]:
    """Calibrated scores of a user's own moods, and each song's scores by a model trained without its group.

    The second is None if a mood has songs of one group only.
    """
    rows = WeightedRows(given, labels, groups, np.ones(len(labels), np.float32))

    def fit(part: WeightedRows) -> Linear:
        return softmax_regression(part, count, ridge=OWN_RIDGE, fidelity=0.0)

    folds = stratified_folds(labels, groups)
    if not folds:
        return fit(rows), None

    def predict(train: Integers, test: Integers) -> Floats:
        return fit(rows.where(np.isin(np.arange(len(labels)), train)))(given[test])

    predicted = predict_out_of_fold(folds, predict).astype(np.float32)
    factor = recipe.temperature(predicted, labels)
    return fit(rows).scaled(factor), predicted * np.float32(factor)


def own_arousal(scores: Linear, labels: Sequence[str], shipped: Linear) -> Linear:
    """Arousal from a user's own calm and exciting songs if there are both, else the shipped one."""
    if not {CALM, EXCITING} <= set(labels):
        return shipped
    calm, exciting = labels.index(CALM), labels.index(EXCITING)
    weights = scores.weights[:, exciting] - scores.weights[:, calm]
    return Linear(weights[:, None], scores.bias[[exciting]] - scores.bias[[calm]])
