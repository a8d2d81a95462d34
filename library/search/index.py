"""Exact nearest neighbours: every vector is compared, without approximation.

One matrix-vector product reads all vectors: a million tracks of 64 numbers take one core less than ten milliseconds,
which no tree index beats in so many dimensions. The matrix is stored dimension by dimension, because the product of a
row vector with it is a quarter faster than that of it with a column vector. The best candidates are then measured again
by differences, because products lose precision between vectors that nearly coincide.
"""

from __future__ import annotations

import numpy as np

from ml.features.arrays import Floats, Integers, Mask

_BLOCK = 512
"""Scores per block: first only the best score of each block is compared, so that a million need no sorting."""
_ROUNDING = 1e-5
"""Upper bound of the relative error of a float32 score of normal vectors; closer candidates are measured again."""


class Index:
    """Vectors (tracks, dimensions) to search. An array in Fortran order is used as it is, another one is copied."""

    def __init__(self, vectors: Floats) -> None:
        self._columns = np.ascontiguousarray(vectors.T, np.float32)
        self.vectors = self._columns.T
        self._half_squares = np.einsum("ji,ji->i", self._columns, self._columns) / np.float32(2)
        self._largest = float(self._half_squares.max(initial=0.0))

    def __len__(self) -> int:
        return len(self.vectors)

    def nearest(self, query: Floats, count: int, *, allowed: Mask | None = None) -> tuple[Integers, Floats]:
        """Rows and Euclidean distances of the `count` vectors nearest to `query` (dimensions,), nearest first.

        Equal distances are ordered by row. `allowed` (tracks,) excludes rows; then there may be fewer than `count`.
        """
        query = np.ascontiguousarray(query, np.float32)
        scores = query @ self._columns
        scores -= self._half_squares
        if allowed is not None:
            scores[~allowed] = -np.inf
        rows = np.flatnonzero(scores >= self._threshold(scores, count, query))
        distances = np.linalg.norm(self.vectors[rows] - query, axis=1)
        order = np.lexsort((rows, distances))[:count]
        return rows[order], distances[order].astype(np.float32)

    def _threshold(self, scores: Floats, count: int, query: Floats) -> float:
        """A score that the `count` best certainly reach: that many blocks contain one that does."""
        whole = len(scores) // _BLOCK * _BLOCK
        if count > whole // _BLOCK:
            best = scores
        else:
            best = scores[:whole].reshape(-1, _BLOCK).max(axis=1)
            if whole < len(scores):
                best = np.append(best, scores[whole:].max())
        bound = -np.inf if count >= len(best) else float(np.partition(best, -count)[-count])
        if bound == -np.inf:  # no more rows are allowed than asked for: take all of them
            return float(np.finfo(np.float32).min)
        return bound - _ROUNDING * (self._largest + float(query @ query))
