"""A lab model behind the ear: it names the genre, and everything else of a report is heard as always.

The shipped trunk listens along, because tags, mood and neighbours come from it. `open_model` takes any weight file
whose card says what kind it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ml.audio.settings import SAMPLE_RATE
from ml.features import mel
from ml.features.arrays import Floats
from ml.features.handcrafted import extraction
from ml.features.track import Track
from ml.models.card import GENRE_WEIGHTS, Card, WeightError, load_card
from ml.models.classic import networks, scikit
from ml.models.classic.feature_inputs import prepare
from ml.models.classic.kinds import FEATURE_KINDS, KINDS
from ml.models.genre import WINDOW_SECONDS, GenreModel, UnusableWeightsError, smooth
from ml.models.logit import softmax
from ml.report.schema import Model


class TableOnlyWeightsError(WeightError):
    code = "weights_deaf"
    sentence = (
        "The weight file {file} was trained on a published table of numbers. It can be measured, "
        "but it cannot hear a song."
    )


class Classifier(Protocol):
    """Scores of one song, before they are brought to scale."""

    def song(self, track: Track) -> Floats:
        """(labels,)"""

    def moments(self, track: Track) -> Floats:
        """(windows, labels), for the windows of the trunk."""


@dataclass(frozen=True)
class FeatureClassifier:
    """Judges rows of hand-crafted features: one of the song, one of each window."""

    model: Any
    bare: bool = False
    """Whether it learnt from the features as they are."""

    def song(self, track: Track) -> Floats:
        found: Floats = self._scores(track.handcrafted.row()[None])[0]
        return found

    def moments(self, track: Track) -> Floats:
        return self._scores(track.handcrafted.windows(WINDOW_SECONDS))

    def _scores(self, rows: Floats) -> Floats:
        return scikit.scores(self.model, rows if self.bare else prepare(extraction.NAMES, rows)[1])


@dataclass(frozen=True)
class NetworkClassifier:
    """Judges window by window; the song is the mean over its windows."""

    kind: str
    network: Any

    def song(self, track: Track) -> Floats:
        found: Floats = self.moments(track).mean(axis=0)
        return found

    def moments(self, track: Track) -> Floats:
        return networks.scores(self.kind, self.network, mel.windows(track.recorded_mel))


@dataclass(frozen=True)
class ClassicModel(GenreModel):
    classifier: Classifier

    def predict_song(self, track: Track, trunk_output: Floats) -> Floats:
        return softmax(self.card.settings["scale"] * self.classifier.song(track))

    def predict_timeline(self, track: Track, trunk_output: Floats) -> Floats:
        scores = self.classifier.moments(track)
        if len(scores) != len(trunk_output):  # a window more or less, by rounding at the song's end
            scores = scores[np.minimum(np.arange(len(trunk_output)), len(scores) - 1)]
        return softmax(self.card.settings["scale"] * smooth(scores))


def open_model(weights: Path | None = None) -> GenreModel:
    """The shipped model, one trained like it, or one of the lab's, as its card says."""
    path = weights or GENRE_WEIGHTS
    card = load_card(path)
    if card.kind == "transfer":
        return GenreModel.load(path)
    predict = open_classifier(path, card)
    if card.settings.get("rate") != SAMPLE_RATE:
        raise TableOnlyWeightsError(file=path.name)
    base = GenreModel.load()
    identity = Model(card.name, card.version, card.sha256[path.name])
    return ClassicModel(base.model, card, base.bands, identity, predict)


def open_classifier(path: Path, card: Card) -> FeatureClassifier | NetworkClassifier:
    if card.kind not in KINDS:
        raise UnusableWeightsError(file=path.name)
    if card.kind in FEATURE_KINDS:
        return FeatureClassifier(scikit.load(path), bare=bool(card.settings.get("bare")))
    return NetworkClassifier(card.kind, networks.load(path))
