"""An inverted file: vectors of one byte per number in lists, one list around each centre. A search reads few lists.

A vector is rotated so that its first numbers hold most of it, cut to these, and rounded to one byte each. So products
with it are about right; the best of them are candidates, whose true distances the caller measures.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from ml.features.arrays import Floats, Indices, Integers, Mask

Codes = npt.NDArray[np.int8]
LARGEST_CODE = 127
_ROWS = 2048
"""Vectors that are unpacked together: as floats they fit into the cache of a core."""


@dataclass(frozen=True)
class Encoding:
    """How vectors (dimensions,) become codes (kept,): `rotation` is (dimensions, kept), `scales` (kept,)."""

    rotation: Floats
    scales: Floats

    @classmethod
    def fitted(cls, sample: Floats, rotation: Floats) -> Encoding:
        largest = np.abs(sample @ rotation).max(axis=0, initial=0.0)
        return cls(rotation, np.asarray(np.maximum(largest, 1e-9) / LARGEST_CODE, np.float32))

    def encode(self, rotated: Floats) -> Codes:
        rounded = np.rint(rotated / self.scales)
        return np.asarray(np.clip(rounded, -LARGEST_CODE, LARGEST_CODE), np.int8)


@dataclass(frozen=True)
class InvertedFile:
    """The list of centre `i` is `ids[offsets[i]:offsets[i + 1]]`, with `codes` beside them."""

    encoding: Encoding
    centres: Floats
    offsets: Integers
    ids: Integers
    codes: Codes

    def __len__(self) -> int:
        return len(self.ids)

    def nearest(
        self, query: Floats, count: int, *, compared: int, allowed: Mask | None = None
    ) -> tuple[Integers, bool]:
        """Ids of about the `count` nearest, nearest first, and whether there are no further ones.

        Lists are read, nearest centre first, until `compared` vectors were compared. `allowed` is True at each id that
        may be found.
        """
        rotated = query @ self.encoding.rotation
        weights = rotated * self.encoding.scales
        scores: list[Floats] = []
        ids: list[Integers] = []
        seen = 0
        for number in np.argsort(-(self.centres @ rotated), kind="stable"):
            if seen >= compared:
                break
            found, measured = self._read(slice(*self.offsets[number : number + 2]), weights, allowed)
            ids.append(found)
            scores.append(measured)
            seen += len(found)
        return _best(ids, scores, count), len(ids) == len(self.centres) and seen <= count

    def _read(self, part: slice, weights: Floats, allowed: Mask | None) -> tuple[Integers, Floats]:
        """The ids of a list and their products with the query."""
        ids, codes = self.ids[part], self.codes[part]
        if allowed is not None:
            rows = np.flatnonzero(allowed[ids])
            ids, codes = ids[rows], codes[rows]
        scores = np.empty(len(ids), np.float32)
        unpacked = np.empty((min(_ROWS, len(ids)), codes.shape[1]), np.float32)
        for start in range(0, len(ids), _ROWS):
            end = min(start + _ROWS, len(ids))
            numbers = unpacked[: end - start]
            np.copyto(numbers, codes[start:end])
            np.dot(numbers, weights, out=scores[start:end])
        return ids, scores


def _best(ids: list[Integers], scores: list[Floats], count: int) -> Integers:
    """The ids with the `count` highest scores, highest first; equal ones in the order of ids."""
    all_scores = np.concatenate([np.empty(0, np.float32), *scores])
    best: Indices = np.arange(len(all_scores))
    if count < len(all_scores):
        best = np.sort(np.argpartition(-all_scores, count - 1)[:count])
    starts = np.cumsum([0, *map(len, ids)])
    bounds = np.searchsorted(best, starts)
    found = np.empty(len(best), np.int64)  # without joining the ids of all lists
    for number, (first, last) in enumerate(pairwise(bounds.tolist())):
        if first < last:
            found[first:last] = ids[number][best[first:last] - starts[number]]
    return found[np.lexsort((found, -all_scores[best]))]
