"""Exact nearest neighbours: every vector is compared, none is approximated away.

One product of the whole matrix with the question is all the reading that is done: a million tracks of 64 numbers pass
through one core in less than ten milliseconds, which no tree beats in so many dimensions. The matrix lies dimension by
dimension in memory, as the product of a row with it is a quarter faster than that of it with a column. A short list is
then measured again by differences, because products lose what distinguishes vectors that nearly coincide.
"""

from __future__ import annotations

import numpy as np

from ml.features.arrays import Floats, Indices, Mask

_BLOCK = 512
"""Scores of which only the best is looked at first, so that no million has to be sorted."""
_ROUNDING = 1e-5
"""Relative error that a float32 score of normal vectors stays under; what lies that close is measured again."""


class Index:
    """Vectors (tracks, dimensions) to search. An array in Fortran's order is kept, another one copied into it."""

    def __init__(self, vectors: Floats) -> None:
        self._columns = np.ascontiguousarray(vectors.T, np.float32)
        self.vectors = self._columns.T
        self._half_squares = np.einsum("ji,ji->i", self._columns, self._columns) / np.float32(2)
        self._largest = float(self._half_squares.max(initial=0.0))

    def __len__(self) -> int:
        return len(self.vectors)

    def nearest(self, question: Floats, count: int, *, allowed: Mask | None = None) -> tuple[Indices, Floats]:
        """Rows and Euclidean distances of the `count` nearest to `question` (dimensions,), nearest first.

        Equal distances are ordered by row. `allowed` (tracks,) leaves rows out; fewer rows may be left than asked.
        """
        question = np.ascontiguousarray(question, np.float32)
        scores = question @ self._columns
        scores -= self._half_squares
        if allowed is not None:
            scores[~allowed] = -np.inf
        rows = np.flatnonzero(scores >= self._threshold(scores, count, question))
        distances = np.linalg.norm(self.vectors[rows] - question, axis=1)
        order = np.lexsort((rows, distances))[:count]
        return rows[order], distances[order].astype(np.float32)

    def _threshold(self, scores: Floats, count: int, question: Floats) -> float:
        """A score that the `count` best reach for certain: that many blocks have one that does."""
        whole = len(scores) // _BLOCK * _BLOCK
        if count > whole // _BLOCK:
            best = scores
        else:
            best = scores[:whole].reshape(-1, _BLOCK).max(axis=1)
            if whole < len(scores):
                best = np.append(best, scores[whole:].max())
        if count >= len(best):
            return float(np.finfo(np.float32).min)
        bound = float(np.partition(best, -count)[-count])
        if bound == -np.inf:  # fewer allowed than asked: take them all
            return float(np.finfo(np.float32).min)
        return bound - _ROUNDING * (self._largest + float(question @ question))
