"""Third step of training the projections: fit them, and measure the search by cross-validation over artists.

The clips are divided into five folds by artist. The queries of a fold use the projection that was fitted on the other
four: on their second halves, all queries from their first halves, and random excerpts.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from ml.features.arrays import Floats, Indices
from ml.similarity.projection import Projection
from ml.train.data.folds import FOLDS, shuffled_folds
from ml.train.similarity.methods import Method
from ml.train.similarity.projection import fit
from ml.train.similarity.recording_pieces import MP3, UNCHANGED, Piece, random_excerpts

Pieces = list[tuple[int, Piece]]
"""Pieces with the number of the recording that each belongs to."""
Figures = dict[str, dict[str, float]]

SEED = 11
TRANSPOSED = "transposed ±1 to ±6"
QUERIES = (UNCHANGED, TRANSPOSED, MP3, "tempo +5 %", "tempo -5 %")


@dataclass(frozen=True)
class SearchTask:
    """The pieces of all recordings, sorted by their use. The library starts with the second halves, one per artist."""

    library: list[Piece]
    queries: dict[str, Pieces]
    excerpts: Pieces
    whole: list[Piece]
    artists: list[str]

    @classmethod
    def of(cls, pieces: Sequence[Piece]) -> SearchTask:
        second = [piece for piece in pieces if piece.part == "second"]
        recordings = {piece.example.name: number for number, piece in enumerate(second)}
        queries: dict[str, Pieces] = {query: [] for query in QUERIES}
        for piece in pieces:
            if piece.part == "first":
                query = TRANSPOSED if piece.change.startswith("transposed") else piece.change
                queries[query].append((recordings[piece.example.name], piece))
        whole = [piece for piece in pieces if piece.part == "whole"]
        excerpts = [
            (recordings[piece.example.name], excerpt)
            for seed, piece in enumerate(whole)
            if piece.example.name in recordings
            for excerpt in random_excerpts(piece, seed)
        ]
        short = [piece for piece in whole if piece.example.name not in recordings]
        artists = [piece.example.artist for piece in second]
        return cls(second + short, queries, excerpts, whole, artists)


@dataclass
class FoldProjections:
    """One method's features of a search task, and its projections: one for each fold, fitted without it."""

    method: Method
    library: Floats
    queries: dict[str, tuple[Indices, Floats]]
    pieces: Floats
    recordings: Indices
    """The recording of each of `pieces`, which the projections are fitted on."""
    folds: Indices
    _fitted: dict[int, Callable[[Floats], Floats]] = field(default_factory=dict)

    @classmethod
    def of(cls, method: Method, task: SearchTask) -> FoldProjections:
        library = np.stack([method.features(piece) for piece in task.library])
        queries = {query: _features(method, pieces) for query, pieces in task.queries.items()}
        pieces, recordings = library[:0], np.arange(0)
        if method.recipe is not None:
            second = np.arange(len(task.artists))
            training = [(second, library[second]), *queries.values(), _features(method, task.excerpts)]
            recordings = np.concatenate([numbers for numbers, _ in training])
            pieces = np.concatenate([features for _, features in training])
        return cls(method, library, queries, pieces, recordings, folds_of_artists(task.artists, task.artists))

    def without(self, fold: int) -> Callable[[Floats], Floats]:
        """Features to vectors, by the projection that was fitted on the other folds."""
        if self.method.recipe is None:
            return lambda features: features
        if fold not in self._fitted:
            self._fitted[fold] = self._fit(self.folds != fold).apply
        return self._fitted[fold]

    def all(self) -> Projection:
        return self._fit(np.ones(len(self.folds), bool))

    def _fit(self, recordings: npt.NDArray[np.bool_]) -> Projection:
        if self.method.recipe is None:
            raise ValueError(f"{self.method.name} has no projection")
        rows = recordings[self.recordings]
        weights = self.method.weights() if self.method.weights else None
        return fit(self.pieces[rows], self.recordings[rows], self.method.recipe, weights)


def folds_of_artists(artists: Sequence[str], training_artists: Sequence[str]) -> Indices:
    """The fold of each artist; an artist outside the training data may be in any."""
    folds = shuffled_folds(training_artists, count=FOLDS, seed=SEED).tolist()
    known = dict(zip(training_artists, folds, strict=True))
    return np.array([known.get(artist, len(artist) % FOLDS) for artist in artists])


def search_figures(projections: FoldProjections) -> Figures:
    """Of each kind of query, the share whose second half is found first, and among the first three."""
    ranks: dict[str, list[int]] = {query: [] for query in QUERIES}
    for fold in range(FOLDS):
        project = projections.without(fold)
        library = project(projections.library)
        for query, (recordings, features) in projections.queries.items():
            in_fold = projections.folds[recordings] == fold
            if in_fold.any():
                all_distances = distances(projections.method, project(features[in_fold]), library)
                right = all_distances[np.arange(in_fold.sum()), recordings[in_fold]]
                ranks[query] += (all_distances < right[:, None]).sum(axis=1).tolist()
    return {
        query: {"top1": _share(ranks_of, 1), "top3": _share(ranks_of, 3), "questions": len(ranks_of)}
        for query, ranks_of in ranks.items()
    }


def distances(method: Method, queries: Floats, vectors: Floats) -> npt.NDArray[np.float64]:
    """Squared distances (queries, vectors); of mean chroma at the best of twelve rotations."""
    turns = range(12) if method.kind == "rotation" else range(1)
    squares = np.sum(vectors.astype(float) ** 2, axis=1)[None]
    own = np.sum(queries.astype(float) ** 2, axis=1)[:, None]
    turned = [own + squares - 2 * np.roll(queries, turn, axis=1).astype(float) @ vectors.T for turn in turns]
    nearest: npt.NDArray[np.float64] = np.min(turned, axis=0)
    return nearest


def _share(ranks: Sequence[int], count: int) -> float:
    return round(float(np.mean(np.array(ranks) < count)), 3) if ranks else 0.0


def _features(method: Method, pieces: Pieces) -> tuple[Indices, Floats]:
    """Recordings and features of the pieces that have all of them; not every transposition has a trunk output."""
    features = np.stack([method.features(piece) for _, piece in pieces])
    complete = np.isfinite(features).all(axis=1)
    return np.array([recording for recording, _ in pieces])[complete], features[complete]
