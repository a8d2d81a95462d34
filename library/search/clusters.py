"""Groups of neighbouring vectors: centres from a sample by k-means, and the nearest centre of any vector.

All vectors have about length one, so the nearest centre is the one with the largest product.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ml.features.arrays import Floats, Indices

ROUNDS = 6
_ROWS = 4096
"""Vectors that are compared together: their products with all centres stay within 200 MB."""


def train_centres(
    sample: Floats, count: int, random: np.random.Generator, check: Callable[[], object] = lambda: None
) -> Floats:
    """`count` centres (count, dimensions) of length one, for a sample of at least as many vectors.

    `check` is called in each round, and may raise to give up.
    """
    centres = _normalise(sample[random.choice(len(sample), count, replace=False)])
    for _ in range(ROUNDS):
        check()
        groups = nearest_centres(sample, centres)
        sizes = np.bincount(groups, minlength=count)
        filled = np.flatnonzero(sizes)
        starts = np.concatenate([[0], np.cumsum(sizes[filled])[:-1]])
        sums = np.add.reduceat(sample[np.argsort(groups, kind="stable")], starts, axis=0)
        centres = sample[random.choice(len(sample), count, replace=False)]  # for the groups that became empty
        centres[filled] = sums
        centres = _normalise(centres)
    return centres


def nearest_centres(vectors: Floats, centres: Floats) -> Indices:
    """The row of the nearest centre for each vector."""
    nearest = np.empty(len(vectors), np.intp)
    for start in range(0, len(vectors), _ROWS):
        nearest[start : start + _ROWS] = np.argmax(vectors[start : start + _ROWS] @ centres.T, axis=1)
    return nearest


def train_rotation(sample: Floats, kept: int) -> Floats:
    """The `kept` orthogonal directions (dimensions, kept) that hold most of the sample, most first."""
    _, directions = np.linalg.eigh(sample.T @ sample)
    return np.ascontiguousarray(directions[:, ::-1][:, :kept], np.float32)


def _normalise(vectors: Floats) -> Floats:
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-9), np.float32)
