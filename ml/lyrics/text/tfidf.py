"""The text model that ships: TF-IDF of terms and a linear layer, in NumPy alone.

The file holds the terms (single words, pairs, or a few letters), their inverse document frequencies and the weights.
"""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from ml.features.arrays import Floats
from ml.lyrics.text.tokens import TERMS
from ml.models.card import Card, load_card
from ml.models.genre import UnusableWeightsError
from ml.models.logit import softmax

KIND = "tfidf"
SEPARATOR = "\n"


@dataclass(frozen=True)
class TfidfModel:
    """`weights` (terms, labels) and `bias` (labels,) give calibrated scores of labels."""

    card: Card
    kind: str
    """A name of `ml.lyrics.text.tokens.TERMS`."""
    terms: tuple[str, ...]
    frequencies: Floats
    """(terms,) inverse document frequency."""
    weights: Floats
    bias: Floats

    @classmethod
    def load(cls, path: Path) -> TfidfModel:
        """Load a weight file whose hash matches its card. It holds plain numbers and text, no code."""
        card = load_card(path)
        try:
            # From memory, because NumPy does not close a file that is no archive.
            with np.load(io.BytesIO(path.read_bytes()), allow_pickle=False) as archive:
                arrays = [archive[name].astype(np.float32) for name in ("frequencies", "weights", "bias")]
                terms = tuple(archive["terms"].tobytes().decode("utf-8").split(SEPARATOR))
                model = cls(card, str(archive["kind"]), terms, *arrays)
        except (OSError, EOFError, ValueError, KeyError, TypeError, AttributeError, BadZipFile) as error:
            raise UnusableWeightsError(file=path.name) from error
        if not model._is_whole:
            raise UnusableWeightsError(file=path.name)
        return model

    def save(self, path: Path) -> None:
        terms = np.frombuffer(SEPARATOR.join(self.terms).encode("utf-8"), np.uint8)
        arrays = {"frequencies": self.frequencies, "weights": self.weights, "bias": self.bias}
        halved = {name: array.astype(np.float16) for name, array in arrays.items()}
        with path.open("wb") as file:
            np.savez_compressed(file, allow_pickle=False, kind=np.array(self.kind), terms=terms, **halved)

    @property
    def _is_whole(self) -> bool:
        count, labels = len(self.terms), len(self.card.labels)
        shapes = (self.frequencies.shape, self.weights.shape, self.bias.shape)
        arrays = (self.frequencies, self.weights, self.bias)
        fits = shapes == ((count,), (count, labels), (labels,)) and all(np.isfinite(a).all() for a in arrays)
        return fits and self.kind in TERMS and self.card.kind == KIND

    @cached_property
    def _places(self) -> dict[str, int]:
        return {term: place for place, term in enumerate(self.terms)}

    def known_words(self, found: list[str]) -> int:
        """How many of the words have a term of the model."""
        return sum(any(term in self._places for term in TERMS[self.kind]([word])) for word in found)

    def probabilities(self, found: list[str], bpm: float | None = None) -> Floats:
        """Calibrated probabilities (labels,) from the words of a text. The tempo is not used."""
        counts = Counter(self._places[term] for term in TERMS[self.kind](found) if term in self._places)
        places = np.fromiter(counts, np.intp, len(counts))
        values = (1 + np.log(np.fromiter(counts.values(), np.float32, len(counts)))) * self.frequencies[places]
        length = float(np.linalg.norm(values))
        scores = values / (length or 1.0) @ self.weights[places] + self.bias
        return softmax(np.asarray(scores, np.float32))
