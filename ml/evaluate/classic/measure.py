"""Every model of the lab on the test side of its split. Nothing is trained here.

The split is reproduced from the card: its source, name and seed.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ml.audio.loading import load
from ml.evaluate.handcrafted import whole_clips
from ml.features.arrays import Integers
from ml.features.bands import BandStatistics
from ml.features.mel import MEL_BANDS
from ml.features.track import Track
from ml.models.card import Card, hash_file, load_card
from ml.models.classic import scikit, serving
from ml.models.classic.kinds import FEATURE_KINDS
from ml.models.classic.serving import FeatureClassifier, NetworkClassifier
from ml.models.logit import softmax
from ml.report.progress import show_progress
from ml.train.classic import datasets, networks
from ml.train.data import splits
from ml.train.data.feature_tables import FeatureTable
from ml.train.files import Cache
from ml.train.metrics import Figures, Predictions

CLIPS, TABLES = "clips", "tables"
TIMED_SONGS = 5


@dataclass(frozen=True)
class ModelResult:
    """One weight file and its predictions. `milliseconds` is from a file of half a minute to the answer; None for a
    model of published tables, which cannot analyse a file."""

    weights: Path
    card: Card
    predictions: Predictions
    milliseconds: float | None
    model: Any
    names: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        return CLIPS if CLIPS in self.card.data["source"] else TABLES

    @property
    def split(self) -> str:
        return str(self.card.data["split"])

    def figures(self) -> Figures:
        return {
            "kind": self.card.kind,
            "source": self.source,
            "split": self.split,
            **self.predictions.figures(),
            "by_label": self.predictions.by_label(),
            "confusion": self.predictions.confusion.tolist(),
            "train_seconds": self.card.metrics["train_seconds"],
            "kilobytes": kilobytes(self.weights),
            "milliseconds": self.milliseconds,
            "held_out": self.card.metrics["held_out"],
        }


class LabMeasurement:
    """Measures the weight files of one folder; test data that several models share is read once."""

    def __init__(self, shared: Path, cache: Path) -> None:
        self._shared, self._cache = shared, cache
        self._datasets: dict[tuple[str, ...], FeatureTable] = {}

    def measure_folder(self, folder: Path) -> list[ModelResult]:
        """Every weight file with a card, in order; models of other data than `shared` are left out."""
        results = []
        for path in sorted(folder.glob("*.json")):
            weights = next(filter(Path.is_file, map(path.with_suffix, (".skops", ".keras"))), None)
            if weights is None:
                show_progress(f"left out {path.name}: there is no weight file beside it\n")
                continue
            card = load_card(weights)
            sources = card.data.get("source", [])
            if not sources or not all((self._shared / "gtzan" / name).exists() for name in sources):
                show_progress(f"left out {weights.name}: its training data is not in {self._shared.name}\n")
                continue
            show_progress(f"{weights.name}\n")
            results.append(self._measure(weights, card))
        return results

    def _measure(self, weights: Path, card: Card) -> ModelResult:
        songs = self._read_dataset(card)
        artists = datasets.artists_of(None, self._shared)
        how, seed = str(card.data["split"]), int(card.data["seed"])
        sides = splits.split(how, songs.songs, songs.labels, artists, shared=self._shared, seed=seed)
        test = songs.where(sides.test & np.isin(songs.labels, card.labels))
        classifier = serving.open_classifier(weights, card)
        scores, truth = _scores(classifier, card, test, by_row=how == "leaky")
        predictions = Predictions(card.labels, truth, softmax(np.float32(card.settings["scale"]) * scores))
        milliseconds = None
        if CLIPS in card.data["source"]:
            bands = BandStatistics(np.zeros(MEL_BANDS, np.float32), np.eye(MEL_BANDS, dtype=np.float32))
            milliseconds = median_milliseconds(
                lambda path: classifier.song(Track(load(path), bands)), weights, self._shared, self._cache
            )
        model = classifier.model if isinstance(classifier, FeatureClassifier) else classifier.network
        return ModelResult(weights, card, predictions, milliseconds, model, songs.names)

    def _read_dataset(self, card: Card) -> FeatureTable:
        """The data of the card's source, in the form that its kind of model takes."""
        sources, leaky = card.data["source"], card.data["split"] == "leaky"
        form = "features" if card.kind in FEATURE_KINDS else "mel"
        key = (*sources, form, "pieces" if leaky else "songs")
        if key not in self._datasets:
            paths = [self._shared / "gtzan" / name for name in sources]
            self._datasets[key] = (
                datasets.read_folder(paths[0], card.kind, self._cache, pieces=leaky)
                if CLIPS in sources
                else datasets.read_features(paths, bare=leaky)
            )
        return self._datasets[key]


def _scores(
    classifier: FeatureClassifier | NetworkClassifier, card: Card, test: FeatureTable, *, by_row: bool
) -> tuple[Any, Integers]:
    """Scores (songs, labels) and the true label index of each song, or of each row."""
    truth = np.array([card.labels.index(label) for label in test.labels])
    if isinstance(classifier, FeatureClassifier):
        return scikit.scores(classifier.model, test.features), truth
    songs = np.arange(len(truth)) if by_row else np.unique(test.songs, return_inverse=True)[1]
    windows = networks.Windows(test.features, truth, songs)
    return networks.song_scores(card.kind, classifier.network, windows), networks.song_labels(windows)


def median_milliseconds(analyse: Callable[[Path], object], weights: Path, shared: Path, cache: Path) -> float | None:
    """Median time of an analysis of half a minute of music. Cached, so that a second run writes the same page."""
    clips = [path for _, path in whole_clips(shared)][:TIMED_SONGS]
    if not clips:
        return None

    def measure() -> Any:
        analyse(clips[0])  # loads and compiles what later calls reuse
        milliseconds = []
        for path in clips:
            started = time.perf_counter()
            analyse(path)
            milliseconds.append(1000 * (time.perf_counter() - started))
        return np.array([statistics.median(milliseconds)])

    return round(float(Cache(cache).get(f"milliseconds|{hash_file(weights)}", measure)[0]), 1)


def kilobytes(weights: Path) -> int:
    return round(weights.stat().st_size / 1000)


def best(results: Sequence[ModelResult], source: str, split: str) -> ModelResult | None:
    """The model with the best held-out accuracy in training; the test songs choose nothing."""
    same = [result for result in results if (result.source, result.split) == (source, split)]
    return max(same, key=lambda result: result.card.metrics["held_out"]["accuracy"], default=None)
