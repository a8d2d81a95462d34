"""Vectors like those of a real library, as many as are wanted: sampled around the tracks of the reference catalogue.

Each is a random mixture of a track with one of its neighbours, moved at random along the directions to its neighbours,
and a little along all directions in which the tracks of the catalogue differ.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from library.catalogue.database import open_catalogue
from library.collection import reference
from library.search.memory_store import KINDS
from library.search.vectors import read_vectors
from ml.features.arrays import Floats, Indices

NEIGHBOURS = 12
EVERYWHERE = {"harmony": 0.7, "sound": 0.33}
"""How far along all directions, fitted so that distances to the third neighbour are those of the catalogue."""
NEAREST = 20


@dataclass(frozen=True)
class Source:
    """The tracks of the catalogue, the rows of their neighbours, and a square root of their covariance."""

    tracks: Floats
    neighbours: Indices
    spread: Floats
    everywhere: float

    @classmethod
    def of(cls, tracks: Floats, everywhere: float) -> Source:
        products = tracks @ tracks.T
        np.fill_diagonal(products, -np.inf)
        neighbours = np.argsort(-products, axis=1)[:, :NEIGHBOURS]
        values, directions = np.linalg.eigh(np.cov(tracks.T))
        spread = np.sqrt(np.maximum(values, 0))[:, None] * directions.T
        return cls(tracks, neighbours, spread.astype(np.float32), everywhere)

    def sample(self, tracks: Indices, random: np.random.Generator) -> Floats:
        """One vector around each of these tracks."""
        count = len(tracks)
        others = self.neighbours[tracks, random.integers(NEIGHBOURS, size=count)]
        share = random.random((count, 1), np.float32)
        vectors = share * self.tracks[tracks] + (1 - share) * self.tracks[others]
        steps = random.standard_normal((count, NEIGHBOURS), np.float32) / np.sqrt(np.float32(NEIGHBOURS))
        steps -= steps.mean(axis=1, keepdims=True)
        for number in range(NEIGHBOURS):
            vectors += steps[:, number : number + 1] * self.tracks[self.neighbours[tracks, number]]
        everywhere = random.standard_normal((count, self.tracks.shape[1]), np.float32) @ self.spread
        vectors += np.float32(self.everywhere) * everywhere
        return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)


def read_sources() -> dict[str, Source]:
    with TemporaryDirectory() as home:
        catalogue = open_catalogue(Path(home))
        reference.install(catalogue)
        with catalogue.session() as session:
            _, arrays = read_vectors(session)
        catalogue.close()
    return {by: Source.of(np.ascontiguousarray(array), EVERYWHERE[by]) for by, array in zip(KINDS, arrays, strict=True)}


def spacing(vectors: Floats) -> tuple[Floats, float]:
    """Percentiles (5, 25, 50, 75, 95) of the distance to the third neighbour, and the dimension by distances."""
    distances = np.sqrt(np.maximum(0, 2 - 2 * vectors @ vectors.T))
    np.fill_diagonal(distances, np.inf)
    distances.sort(axis=1)
    near = np.maximum(distances[:, :NEAREST], 1e-6)
    dimension = 1 / np.mean(np.log(near[:, -1:] / near[:, :-1]), axis=1)
    return np.percentile(distances[:, 2], [5, 25, 50, 75, 95]), float(np.median(dimension))
