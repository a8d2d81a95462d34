"""Learns the projections of `ml.similarity.projection` from recordings that are there more than once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ml.features.arrays import Doubles, Floats, Indices
from ml.models.card import Card
from ml.similarity.projection import WEIGHTS, Projection

SEED = 0


@dataclass(frozen=True)
class Recipe:
    """How a projection is learnt: features are first reduced to `components`, then to `dimensions`.

    `shrinkage` is how far the spread within recordings is taken to be the same in every direction. Without `grouped`
    the components are only brought to one spread.
    """

    dimensions: int
    components: int
    shrinkage: float
    grouped: bool = True


def learn(features: Floats, recordings: Indices, recipe: Recipe, weights: Floats | None = None) -> Projection:
    """Projection of `features` (pieces, features), where equal numbers in `recordings` mean one recording.

    `weights` (features,) say how much each counts before anything is learnt.
    """
    mean, scale = features.mean(axis=0), features.std(axis=0) + 1e-6
    if weights is not None:
        scale = scale / weights
    normal = ((features - mean) / scale).astype(np.float32)
    sizes, directions = _components(normal, recipe.components)
    kept = len(sizes)
    basis = directions.T.astype(np.float64)
    if recipe.grouped:
        turn = _discriminants(normal @ basis, recordings, recipe)
    else:
        kept = min(recipe.dimensions, kept)
        turn = np.eye(basis.shape[1])[:, :kept] / (sizes[:kept] / np.sqrt(len(normal)))
    return Projection(mean.astype(np.float32), scale.astype(np.float32), (basis @ turn).astype(np.float32))


def _components(normal: Floats, count: int) -> tuple[Floats, Floats]:
    """Sizes and directions of the largest components. Where these are few of many, drawn by chance and sharpened:
    it takes seconds, and thousands of features would take minutes."""
    if count * 4 > min(normal.shape):
        _, sizes, directions = np.linalg.svd(normal, full_matrices=False)
        return sizes[:count], directions[:count]
    from sklearn.utils.extmath import randomized_svd

    _, sizes, directions = randomized_svd(normal, count, n_iter=2, random_state=SEED)
    return sizes, directions


def _discriminants(reduced: Doubles, recordings: Indices, recipe: Recipe) -> Doubles:
    _, group = np.unique(recordings, return_inverse=True)
    counts = np.bincount(group)[:, None]
    means = np.stack([np.bincount(group, column) for column in reduced.T], axis=1) / counts
    within = reduced - means[group]
    spread = within.T @ within / len(within)
    spread += recipe.shrinkage * np.trace(spread) / len(spread) * np.eye(len(spread))
    powers, axes = np.linalg.eigh(spread)
    whitened = axes / np.sqrt(powers)
    _, order = np.linalg.eigh(np.cov((means @ whitened).T))
    turned: Doubles = whitened @ order[:, ::-1][:, : recipe.dimensions]
    return turned


def save(projections: dict[str, Projection], card: Card, path: Path = WEIGHTS) -> None:
    arrays = {f"{kind}_{name}": value for kind, p in projections.items() for name, value in vars(p).items()}
    with path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
    card.save(path)
