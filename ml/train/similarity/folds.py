"""What each way of describing learns, five times over, so that nobody is asked about who was learnt from.

The clips are split five ways by artist, and each fifth is asked through what the other four taught. Taught are a clip's
second half, every way in which its first half asks, and pieces cut from all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from ml.features.arrays import Floats, Indices, Mask
from ml.similarity.projection import Projection
from ml.train.similarity.halves import Piece
from ml.train.similarity.methods import Method
from ml.train.similarity.projection import learn

FOLDS = 5
SEED = 11


@dataclass(frozen=True)
class Halves:
    """Everything heard: the library's pieces first those of the asking clips, and the questions by kind.

    `asked` and `crops` name the clip that each piece belongs to by its place.
    """

    library: list[Piece]
    asked: dict[str, list[tuple[int, Piece]]]
    crops: list[tuple[int, Piece]]
    whole: list[Piece]
    artists: list[str]


@dataclass
class Lessons:
    """One method on all halves: features of the library and of the questions, and of all that it may learn from."""

    method: Method
    library: Floats
    asked: dict[str, tuple[Indices, Floats]]
    pieces: Floats
    recordings: Indices
    folds: Indices
    _learnt: dict[int, Callable[[Floats], Floats]] = field(default_factory=dict)

    @classmethod
    def of(cls, method: Method, halves: Halves) -> Lessons:
        library = np.stack([method.features(one) for one in halves.library])
        asked = {question: _finite(method, pairs) for question, pairs in halves.asked.items()}
        pieces, recordings = library[:0], np.arange(0)
        if method.recipe is not None:
            seconds = np.arange(len(halves.artists))
            taught = [(seconds, library[seconds]), *asked.values(), _finite(method, halves.crops)]
            recordings = np.concatenate([owners for owners, _ in taught])
            pieces = np.concatenate([features for _, features in taught])
        return cls(method, library, asked, pieces, recordings, fold_of(halves.artists))

    def without(self, fold: int) -> Callable[[Floats], Floats]:
        """How vectors are made by what the other folds taught."""
        if fold not in self._learnt:
            nothing = self.method.recipe is None
            self._learnt[fold] = (
                (lambda features: features) if nothing else self._learn(self.folds != fold).apply
            )
        return self._learnt[fold]

    def all(self) -> Projection:
        return self._learn(np.ones(len(self.folds), bool))

    def _learn(self, taught: Mask) -> Projection:
        if self.method.recipe is None:
            raise ValueError(f"{self.method.name} learns nothing")
        inside = taught[self.recordings]
        weights = self.method.weights() if self.method.weights else None
        return learn(self.pieces[inside], self.recordings[inside], self.method.recipe, weights)


def fold_of(artists: Sequence[str], known: Sequence[str] | None = None) -> Indices:
    """A fifth for every artist; those that nobody learns from are dealt out by their place among all names."""
    names = sorted(set(known or artists))
    order = np.random.default_rng(SEED).permutation(len(names))
    fold = {name: int(order[place]) % FOLDS for place, name in enumerate(names)}
    return np.array([fold.get(artist, len(artist) % FOLDS) for artist in artists])


def _finite(method: Method, pairs: Sequence[tuple[int, Piece]]) -> tuple[Indices, Floats]:
    """Owners and features of the pieces that this method was given; the trunk did not hear every transposition."""
    features = np.stack([method.features(one) for _, one in pairs])
    heard = np.isfinite(features).all(axis=1)
    return np.array([owner for owner, _ in pairs])[heard], features[heard]
