"""Multinomial logit models: `weight/tempo.json` and `weight/key.json`, fitted to annotated music.

Both estimators score every alternative linearly and take the softmax. Each file holds the fitted numbers and a card
that names the data they were fitted to and their accuracy.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from ml.features.arrays import Doubles, FloatArray
from ml.paths import WEIGHT_FOLDER


@dataclass(frozen=True)
class LogitModel:
    weights: Doubles
    """One per feature."""
    priors: dict[str, Doubles]
    """For each genre label, the share of every alternative in its music. Empty where genre does not help."""
    calibration: tuple[float, float]
    """Slope and offset from the log-odds of the best alternative to those of it being right."""


@cache
def load(name: str) -> LogitModel:
    """Read `weight/<name>.json`."""
    data = json.loads((WEIGHT_FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    slope, offset = data["calibration"]
    priors = {label: np.asarray(values, dtype=float) for label, values in data["priors"].items()}
    return LogitModel(np.asarray(data["weights"], dtype=float), priors, (slope, offset))


def mix_priors(priors: Mapping[str, Doubles], genre: Mapping[str, float] | None) -> Doubles:
    """Priors weighted by genre probabilities.

    The probability of labels without a prior is spread over all priors. So an unknown genre gives the average prior.
    """
    known = {label: max(0.0, (genre or {}).get(label, 0.0)) for label in priors}
    rest = max(0.0, 1.0 - sum(known.values())) / len(priors)
    shares = np.array([share + rest for share in known.values()])
    return np.asarray(shares / shares.sum() @ np.stack(list(priors.values())))


def softmax(scores: FloatArray) -> FloatArray:
    """Over the last axis."""
    exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
    probabilities: FloatArray = exponentials / exponentials.sum(axis=-1, keepdims=True)
    return probabilities


def confidence(probability: float, calibration: tuple[float, float]) -> float:
    """Calibrated probability that an answer is right, from the `probability` that the model gives it."""
    slope, offset = calibration
    clipped = min(max(probability, 1e-6), 1 - 1e-6)
    return float(1 / (1 + np.exp(-(slope * np.log(clipped / (1 - clipped)) + offset))))
