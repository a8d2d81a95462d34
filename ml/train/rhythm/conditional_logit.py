"""Fit of a choice among alternatives: the conditional logit of tempo and key.

Every song has the same alternatives (candidate tempi, keys), each with a row of features. The model gives each a linear
score, and a softmax turns the scores into probabilities. Several alternatives may be right (tempi 1 % apart).
"""

from __future__ import annotations

import numpy as np
from scipy.optimize import minimize

from ml.features.arrays import Doubles, Mask
from ml.models.logit import softmax


def fit(songs: Doubles, right: Mask, *, ridge: float, importance: Doubles) -> Doubles:
    """(features,) weights by penalised maximum likelihood.

    `songs` is (songs, alternatives, features), `right` (songs, alternatives), `importance` (songs,).
    """

    def loss(weights: Doubles) -> tuple[float, Doubles]:
        shares = softmax(songs @ weights)
        likelihood = np.maximum((shares * right).sum(axis=1), 1e-12)
        residual = (shares * right / likelihood[:, None] - shares) * importance[:, None]
        value = 0.5 * ridge * weights @ weights - importance @ np.log(likelihood)
        return float(value), ridge * weights - np.einsum("sa,saf->f", residual, songs)

    start = np.zeros(songs.shape[2])
    solution = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 500})
    weights: Doubles = solution.x
    return weights


def calibrate(probability: Doubles, correct: Mask) -> tuple[float, float]:
    """Slope and offset from the log-odds of the chosen alternative to the log-odds that it is right."""
    clipped = np.clip(probability, 1e-6, 1 - 1e-6)
    odds = np.log(clipped / (1 - clipped))

    def loss(line: Doubles) -> float:
        logits = line[0] * odds + line[1]
        return float(np.mean(np.logaddexp(0, np.where(correct, -logits, logits))) + 0.01 * (line[0] - 1) ** 2)

    slope, offset = minimize(loss, np.array([1.0, 0.0]), method="Nelder-Mead").x
    return float(slope), float(offset)
