"""Constants that were learnt from annotated music: `weight/tempo.json` and `weight/key.json`.

Each file carries a card (what it was fitted on and how well it does there) beside the numbers. Both
estimators weigh alternatives the same way, a linear score per alternative and a softmax over them, so what
they share lives here: reading the file, the softmax, the prior by genre and the calibrated confidence.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, TypeVar

import numpy as np

from ml.features.arrays import Doubles, Floats
from ml.paths import WEIGHT_FOLDER

FloatArray = TypeVar("FloatArray", Floats, Doubles)


@dataclass(frozen=True)
class LogitModel:
    """Numbers of one estimator.

    `weights`: one per feature. `priors`: for each genre label, the share of every alternative in its music;
    empty where the genre did not help. `calibration`: slope and offset from the log-odds of the winning
    alternative to those of being right.
    """

    weights: Doubles
    priors: dict[str, Doubles]
    calibration: tuple[float, float]


@cache
def load(name: str) -> LogitModel:
    """Read `weight/<name>.json`."""
    return from_dict(json.loads((WEIGHT_FOLDER / f"{name}.json").read_text(encoding="utf-8")))


def from_dict(data: dict[str, Any]) -> LogitModel:
    slope, offset = data["calibration"]
    priors = {label: np.asarray(values, dtype=float) for label, values in data["priors"].items()}
    return LogitModel(np.asarray(data["weights"], dtype=float), priors, (slope, offset))


def mix_priors(priors: Mapping[str, Doubles], genre: Mapping[str, float] | None) -> Doubles:
    """Priors weighted by the song's genre probabilities.

    What falls to labels without a prior is spread over all, so that a model with other labels, or no genre
    at all, meets the average prior.
    """
    known = {label: max(0.0, (genre or {}).get(label, 0.0)) for label in priors}
    rest = max(0.0, 1.0 - sum(known.values())) / len(priors)
    shares = np.array([share + rest for share in known.values()])
    mixed: Doubles = shares / shares.sum() @ np.stack(list(priors.values()))
    return mixed


def softmax(scores: FloatArray) -> FloatArray:
    """Over the last axis."""
    exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
    probabilities: FloatArray = exponentials / exponentials.sum(axis=-1, keepdims=True)
    return probabilities


def confidence(probability: float, calibration: tuple[float, float]) -> float:
    """Probability of being right, given the model's own `probability` of the answer it chose."""
    slope, offset = calibration
    clipped = min(max(probability, 1e-6), 1 - 1e-6)
    return float(1 / (1 + np.exp(-(slope * np.log(clipped / (1 - clipped)) + offset))))
