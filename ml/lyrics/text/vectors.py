"""Word vectors: the mean vector of a text. Fitted by Word2Vec or loaded from a published file; used in NumPy alone."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from ml.features.arrays import Floats
from ml.models.genre import UnusableWeightsError

NAME = "vectors.npz"
SEPARATOR = "\n"


@dataclass(frozen=True)
class WordVectors:
    words: tuple[str, ...]
    vectors: Floats
    """(words, size)"""

    @classmethod
    def load(cls, path: Path) -> WordVectors:
        try:
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as archive:
                found = tuple(archive["words"].tobytes().decode("utf-8").split(SEPARATOR))
                vectors = archive["vectors"].astype(np.float32)
        except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, BadZipFile) as error:
            raise UnusableWeightsError(file=path.name) from error
        if vectors.ndim != 2 or len(vectors) != len(found) or not np.isfinite(vectors).all():
            raise UnusableWeightsError(file=path.name)
        return cls(found, vectors)

    def save(self, path: Path) -> None:
        found = np.frombuffer(SEPARATOR.join(self.words).encode("utf-8"), np.uint8)
        with path.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, words=found, vectors=self.vectors.astype(np.float16))

    @property
    def size(self) -> int:
        return int(self.vectors.shape[1])

    @cached_property
    def _places(self) -> dict[str, int]:
        return {word: place for place, word in enumerate(self.words)}

    def known_words(self, found: list[str]) -> int:
        return sum(word in self._places for word in found)

    def mean(self, found: list[str]) -> Floats:
        """(size,) the mean over the known words of a text; zeros without any."""
        places = [self._places[word] for word in found if word in self._places]
        if not places:
            return np.zeros(self.size, np.float32)
        return np.asarray(self.vectors[places].mean(axis=0), np.float32)
