"""From many features to the few dozen numbers that neighbours are found by.

A projection is learnt from recordings that are there more than once (cut in two, transposed, re-encoded): what differs
between the pieces of one recording counts little, what differs between recordings counts. Its vectors have length one,
so that their Euclidean distance, 0 to 2, is the same thing as their angle.
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
        unit: Floats = (vectors / np.maximum(length, 1e-9)).astype(np.float32)
        return unit


@cache
def load(path: Path = WEIGHTS) -> tuple[dict[str, Projection], str]:
    """The projection of each kind, and the version that a track described with them remembers."""
    card = load_card(path)
    with np.load(path, allow_pickle=False) as kept:
        projections = {
            kind: Projection(kept[f"{kind}_mean"], kept[f"{kind}_scale"], kept[f"{kind}_matrix"])
            for kind in KINDS
        }
    return projections, card.sha256[path.name][:16]
