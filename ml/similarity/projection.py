"""Projections: from many features to the vectors, of about a hundred numbers, by which similar tracks are found.

A projection is fitted to several versions of each recording (cut in two, transposed, re-encoded), so that differences
between versions of one recording count little and differences between recordings count. Vectors have length one, so
that their Euclidean distance (0 to 2) orders them as their angle does.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from ml.features.arrays import Floats
from ml.models.card import load_card
from ml.paths import WEIGHT_FOLDER

WEIGHTS = WEIGHT_FOLDER / "neighbours.npz"
KINDS = ("harmony", "sound")


@dataclass(frozen=True)
class Projection:
    """`mean` and `scale` are (features,), `matrix` is (features, dimensions)."""

    mean: Floats
    scale: Floats
    matrix: Floats

    @property
    def dimensions(self) -> int:
        return int(self.matrix.shape[1])

    def apply(self, features: Floats) -> Floats:
        """Vectors (..., dimensions) of length one."""
        vectors = ((features - self.mean) / self.scale) @ self.matrix
        length = np.linalg.norm(vectors, axis=-1, keepdims=True)
        return np.asarray(vectors / np.maximum(length, 1e-9), np.float32)


@cache
def load(path: Path = WEIGHTS) -> tuple[dict[str, Projection], str]:
    """The projection of each kind, and their version, which is stored with the vectors of a track."""
    card = load_card(path)
    with np.load(path, allow_pickle=False) as arrays:
        projections = {
            kind: Projection(*(arrays[f"{kind}_{part}"] for part in ("mean", "scale", "matrix"))) for kind in KINDS
        }
    return projections, card.sha256[path.name][:16]
