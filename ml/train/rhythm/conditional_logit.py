"""Fitting a choice among alternatives from examples: the conditional logit behind tempo and key.

Every song offers the same alternatives (candidate tempi, keys), each with a row of features; the model gives
each a linear score and a softmax its probability. Several alternatives may be right (tempi 1 % apart).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

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
        hit = np.maximum((shares * right).sum(axis=1), 1e-12)
        pull = (shares * right / hit[:, None] - shares) * importance[:, None]
        value = 0.5 * ridge * weights @ weights - importance @ np.log(hit)
        return float(value), ridge * weights - np.einsum("sa,saf->f", pull, songs)

    start = np.zeros(songs.shape[2])
    solution = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 500})
    result: Doubles = solution.x
    return result


def calibrate(probability: Doubles, correct: Mask) -> tuple[float, float]:
    """Slope and offset that turn log-odds of the chosen alternative into those of being right."""
    clipped = np.clip(probability, 1e-6, 1 - 1e-6)
    odds = np.log(clipped / (1 - clipped))

    def loss(line: Doubles) -> float:
        logits = line[0] * odds + line[1]
        return float(np.mean(np.logaddexp(0, np.where(correct, -logits, logits))) + 0.01 * (line[0] - 1) ** 2)

    slope, offset = minimize(loss, np.array([1.0, 0.0]), method="Nelder-Mead").x
    return float(slope), float(offset)


def calibration_error(probability: Doubles, correct: Mask, *, bins: int = 5) -> float:
    """Expected calibration error over bins that hold equally many songs."""
    order = np.array_split(np.argsort(probability), bins)
    gaps = [len(part) * abs(probability[part].mean() - correct[part].mean()) for part in order]
    return float(sum(gaps) / len(probability))


def group_folds(groups: Sequence[str], *, count: int = 10, seed: int = 0) -> Iterator[Mask]:
    """Masks of held-out songs such that no group (artist) is on both sides."""
    names = sorted(set(groups))
    order = np.random.default_rng(seed).permutation(len(names))
    fold = {name: int(place) % count for name, place in zip(names, order, strict=True)}
    members = np.array([fold[name] for name in groups])
    for number in range(count):
        yield members == number


def cross_validate(
    predict: Callable[[Mask], Doubles], groups: Sequence[str], *, shape: tuple[int, ...], seed: int = 0
) -> Doubles:
    """Predictions of `shape` for every song from a model that saw no song of its group.

    `predict(held_out)` trains on the rest and returns the rows of the held-out songs.
    """
    out = np.zeros(shape)
    for held_out in group_folds(groups, seed=seed):
        if held_out.any():
            out[held_out] = predict(held_out)
    return out
