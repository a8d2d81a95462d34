"""Fits the projections of `ml.similarity.projection` to recordings of which there are several pieces."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from sklearn.utils.extmath import randomized_svd

from ml.features.arrays import Floats, Indices
from ml.models.card import Card
from ml.similarity.projection import WEIGHTS, Projection
from ml.train.files import save_with_card

SEED = 0


@dataclass(frozen=True)
class Recipe:
    """Settings of a fit: features are first reduced to `components`, then to `dimensions`.

    `shrinkage` draws the scatter within recordings towards the same in every direction.
    """

    dimensions: int
    components: int
    shrinkage: float


def fit(features: Floats, recordings: Indices, recipe: Recipe, weights: Floats | None = None) -> Projection:
    """Projection of `features` (pieces, features), where equal numbers in `recordings` mean one recording.

    `weights` (features,) scale the standardised features before the fit.
    """
    mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-6
    if weights is not None:
        scale = scale / weights
    normal = ((features - mean) / scale).astype(np.float32)
    basis = _components(normal, recipe.components).astype(np.float64)
    matrix = basis @ _discriminants(normal @ basis, recordings, recipe)
    return Projection(mean.astype(np.float32), scale.astype(np.float32), matrix.astype(np.float32))


def _components(normal: Floats, count: int) -> Floats:
    """(features, count): the largest principal components. A few of many are approximated by a randomised SVD,
    which takes seconds for thousands of features instead of minutes."""
    if count * 4 > min(normal.shape):
        _, _, directions = np.linalg.svd(normal, full_matrices=False)
    else:
        _, _, directions = randomized_svd(normal, count, n_iter=2, random_state=SEED)
    components: Floats = directions[:count].T
    return components


def _discriminants(reduced: npt.NDArray[np.float64], recordings: Indices, recipe: Recipe) -> npt.NDArray[np.float64]:
    _, group = np.unique(recordings, return_inverse=True)
    counts = np.bincount(group)[:, None]
    means = np.stack([np.bincount(group, column) for column in reduced.T], axis=1) / counts
    within = reduced - means[group]
    spread = within.T @ within / len(within)
    spread += recipe.shrinkage * np.trace(spread) / len(spread) * np.eye(len(spread))
    powers, axes = np.linalg.eigh(spread)
    whitened = axes / np.sqrt(powers)
    _, order = np.linalg.eigh(np.cov((means @ whitened).T))
    directions: npt.NDArray[np.float64] = whitened @ order[:, ::-1][:, : recipe.dimensions]
    return directions


def save(projections: dict[str, Projection], card: Card, path: Path = WEIGHTS) -> None:
    arrays = {f"{kind}_{name}": value for kind, p in projections.items() for name, value in vars(p).items()}
    save_with_card(card, path, lambda weights: np.savez_compressed(weights, allow_pickle=False, **arrays))
