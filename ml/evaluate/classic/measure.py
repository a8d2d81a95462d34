"""Every model of the lab on the test side of its split, which it has not seen; nothing is trained here.

What a split was is worked out again from the card: its source, its name and its seed.
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
from ml.evaluate.figures import Figures, Judgement, by_label, confused, overall
from ml.evaluate.handcrafted.agreement import whole_clips
from ml.features.arrays import Integers
from ml.features.bands import BandStatistics
from ml.features.mel import MEL_BANDS
from ml.features.track import Track
from ml.models.card import Card, load_card
from ml.models.classic import scikit, serving
from ml.models.classic.kinds import FEATURE_KINDS
from ml.models.classic.serving import FeatureClassifier
from ml.models.logit import softmax
from ml.train.classic import datasets, networks
from ml.train.data import splits
from ml.train.data.feature_tables import FeatureTable

CLIPS = "clips"
TIMED_SONGS = 5
ShowProgress = Callable[[str], None]


@dataclass(frozen=True)
class Examined:
    """One weight file and what it answered. `milliseconds` is from a file of half a minute to the answer, None for a
    model of published numbers, which cannot hear."""

    weights: Path
    card: Card
    prediction: Judgement
    milliseconds: float | None
    model: Any
    names: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        return CLIPS if CLIPS in self.card.data["source"] else "tables"

    @property
    def split(self) -> str:
        return str(self.card.data["split"])

    def figures(self) -> Figures:
        return {
            "kind": self.card.kind,
            "source": self.source,
            "split": self.split,
            **overall(self.prediction),
            "by_label": by_label(self.prediction),
            "confusion": confused(self.prediction),
            "train_seconds": self.card.metrics["train_seconds"],
            "kilobytes": round(self.weights.stat().st_size / 1000),
            "milliseconds": self.milliseconds,
            "held_out": self.card.metrics["held_out"],
        }


def examine_all(folder: Path, shared: Path, cache: Path, show_progress: ShowProgress) -> list[Examined]:
    """Every weight file of `folder` with a card, in order; those of other people's songs cannot be examined here."""
    kept: dict[tuple[str, ...], FeatureTable] = {}
    found = []
    for path in sorted(folder.glob("*.json")):
        weights = next((p for p in (path.with_suffix(s) for s in (".skops", ".keras")) if p.is_file()), None)
        if weights is None:
            show_progress(f"left out {path.name}: there is no weight file beside it\n")
            continue
        card = load_card(weights)
        if not _is_ours(card, shared):
            show_progress(f"left out {weights.name}: what it was trained on is not in {shared.name}\n")
            continue
        show_progress(f"{weights.name}\n")
        found.append(_examine(weights, card, shared, cache, kept, show_progress))
    return found


def _is_ours(card: Card, shared: Path) -> bool:
    sources = card.data.get("source", [])
    return bool(sources) and all((shared / "gtzan" / name).exists() for name in sources)


def _examine(
    weights: Path,
    card: Card,
    shared: Path,
    cache: Path,
    kept: dict[tuple[str, ...], FeatureTable],
    show_progress: ShowProgress,
) -> Examined:
    songs = _material(card, shared, cache, kept, show_progress)
    artists = datasets.artists_of(None, shared)
    how, seed = str(card.data["split"]), int(card.data["seed"])
    divided = splits.split(how, songs.songs, songs.labels, artists, shared=shared, seed=seed)
    test = songs.where(divided.test & np.isin(songs.labels, card.labels))
    predict = serving.open_classifier(weights, card)
    scores, truth = _scores(predict, card, test, by_row=how == "leaky")
    prediction = Judgement(card.labels, truth, softmax(np.float32(card.settings["scale"]) * scores))
    timed = _milliseconds(predict, shared) if CLIPS in card.data["source"] else None
    model = predict.model if isinstance(predict, FeatureClassifier) else predict.network
    return Examined(weights, card, prediction, timed, model, songs.names)


def _material(
    card: Card,
    shared: Path,
    cache: Path,
    kept: dict[tuple[str, ...], FeatureTable],
    show_progress: ShowProgress,
) -> FeatureTable:
    """What the card was trained on; read once for all cards that look at it alike."""
    sources, leaky = card.data["source"], card.data["split"] == "leaky"
    looks = "features" if card.kind in FEATURE_KINDS else "mel"
    key = (*sources, looks, "pieces" if leaky else "songs")
    if key not in kept:
        paths = [shared / "gtzan" / name for name in sources]
        kept[key] = (
            datasets.read_folder(paths[0], card.kind, cache, show_progress, pieces=leaky)
            if CLIPS in sources
            else datasets.read_features(paths, bare=leaky)
        )
    return kept[key]


def _scores(
    predict: FeatureClassifier | serving.NetworkClassifier, card: Card, test: FeatureTable, *, by_row: bool
) -> tuple[Any, Integers]:
    truth = np.array([card.labels.index(label) for label in test.labels])
    if isinstance(predict, FeatureClassifier):
        return scikit.scores(predict.model, test.features), truth
    songs = np.arange(len(truth)) if by_row else np.unique(test.songs, return_inverse=True)[1]
    windows = networks.Windows(test.features, truth, songs)
    return networks.song_scores(card.kind, predict.network, windows), networks.song_labels(windows)


def _milliseconds(predict: serving.Classifier, shared: Path) -> float | None:
    nothing = BandStatistics(np.zeros(MEL_BANDS, np.float32), np.eye(MEL_BANDS, dtype=np.float32))
    clips = [path for _, path in whole_clips(shared)][:TIMED_SONGS]
    if not clips:
        return None
    predict.song(Track(load(clips[0]), nothing))  # the first song pays for what is loaded and compiled
    return round(statistics.median(_timed(predict, path, nothing) for path in clips), 1)


def _timed(predict: serving.Classifier, path: Path, bands: BandStatistics) -> float:
    started = time.perf_counter()
    predict.song(Track(load(path), bands))
    return 1000 * (time.perf_counter() - started)


def best(examined: Sequence[Examined], source: str, split: str) -> Examined | None:
    """The one that did best on the songs it was chosen by: the test songs choose nothing."""
    mine = [one for one in examined if (one.source, one.split) == (source, split)]
    return max(mine, key=lambda one: one.card.metrics["held_out"]["accuracy"], default=None)
