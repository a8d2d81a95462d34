"""Classic models in the pipeline: they classify the genre; the rest of a report is computed as always.

The shipped trunk runs too, because tags, mood and similar tracks come from it. `open_model` opens a weight file of any
kind, which its card names.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ml.audio.settings import SAMPLE_RATE
from ml.features import mel
from ml.features.arrays import Floats
from ml.features.handcrafted import extraction
from ml.features.track import Track
from ml.models.card import GENRE_WEIGHTS, Card, WeightError, load_card
from ml.models.classic import networks, scikit
from ml.models.classic.kinds import FEATURE_KINDS, KINDS
from ml.models.genre import WINDOW_SECONDS, GenreModel, UnusableWeightsError, smooth
from ml.models.logit import softmax
from ml.report.schema import Model


class TableOnlyWeightsError(WeightError):
    code = "weights_table_only"
    sentence = (
        "The weight file {file} was trained on a published table of features. It can be evaluated, but it cannot "
        "classify a song."
    )


@dataclass(frozen=True)
class FeatureClassifier:
    """Scores of hand-crafted features, over the whole song and over each window."""

    model: Any
    bare: bool = False
    """Whether the features enter without `scikit.prepare`."""

    def song(self, track: Track) -> Floats:
        """(labels,) uncalibrated scores."""
        return np.asarray(self._scores(track.handcrafted.row()[None])[0])

    def windows(self, track: Track) -> Floats:
        """(windows, labels) uncalibrated scores."""
        return self._scores(track.handcrafted.windows(WINDOW_SECONDS))

    def _scores(self, rows: Floats) -> Floats:
        return scikit.scores(self.model, rows if self.bare else scikit.prepare(extraction.NAMES, rows)[1])


@dataclass(frozen=True)
class NetworkClassifier:
    """Scores of each window; those of the song are their mean."""

    kind: str
    network: Any

    def song(self, track: Track) -> Floats:
        """(labels,) uncalibrated scores."""
        return np.asarray(self.windows(track).mean(axis=0))

    def windows(self, track: Track) -> Floats:
        """(windows, labels) uncalibrated scores."""
        return networks.scores(self.kind, self.network, mel.windows(track.recorded_mel))


Classifier = FeatureClassifier | NetworkClassifier


@dataclass(frozen=True)
class ClassicModel(GenreModel):
    classifier: Classifier

    def predict_song(self, track: Track, trunk_output: Floats) -> Floats:
        return softmax(self.card.settings["scale"] * self.classifier.song(track))

    def predict_timeline(self, track: Track, trunk_output: Floats) -> Floats:
        scores = self.classifier.windows(track)
        if len(scores) != len(trunk_output):  # one window more or less, by rounding at the end of the song
            scores = scores[np.minimum(np.arange(len(trunk_output)), len(scores) - 1)]
        return softmax(self.card.settings["scale"] * smooth(scores))


def open_model(weights: Path | None = None) -> GenreModel:
    """The shipped model, another of its kind, or a classic one, depending on the card."""
    path = weights or GENRE_WEIGHTS
    card = load_card(path)
    if card.kind == "transfer":
        return GenreModel.load(path)
    classifier = open_classifier(path, card)
    if card.settings.get("rate") != SAMPLE_RATE:
        raise TableOnlyWeightsError(file=path.name)
    base = GenreModel.load()
    identity = Model(card.name, card.version, card.sha256[path.name])
    return ClassicModel(base.model, card, base.bands, identity, classifier)


def open_classifier(path: Path, card: Card) -> Classifier:
    if card.kind not in KINDS:
        raise UnusableWeightsError(file=path.name)
    if card.kind in FEATURE_KINDS:
        return FeatureClassifier(scikit.load(path), bare=bool(card.settings.get("bare")))
    return NetworkClassifier(card.kind, networks.load(path))
