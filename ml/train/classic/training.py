"""Training of a classic model, step by step: rows, split, fit, card, weight file.

The test rows of the split are set aside; only `python -m ml.evaluate --all` uses them.
"""

from __future__ import annotations

import argparse
import hashlib
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.features.arrays import Floats, Integers
from ml.models.card import Card
from ml.models.classic import scikit
from ml.models.classic.kinds import NETWORK_KINDS
from ml.models.logit import softmax
from ml.paths import WEIGHT_FOLDER
from ml.report.errors import SoriError
from ml.report.progress import show_progress
from ml.train.classic import datasets, networks
from ml.train.classic import scikit as fitting
from ml.train.data import splits
from ml.train.data.feature_tables import FeatureTable
from ml.train.data.splits import Split
from ml.train.files import save_with_card
from ml.train.genre import recipe
from ml.train.metrics import share

LAB_FOLDER = WEIGHT_FOLDER / "lab"
PUBLISHED = {False: ("features_30_sec.csv", "features_chroma_30_sec.tsv"), True: ("features_10_sec.tsv",)}
"""The published tables that a feature model is trained on without `--data`: of songs, and of pieces for `leaky`."""
MOST_WINDOWS = 6
"""Training windows per song, so that long songs do not outweigh short ones."""
LICENCE = "Trained here from scratch; the numbers carry no sound of the songs."


class NoFolderError(SoriError):
    code = "nothing_to_hear"
    sentence = "A {kind} model learns from songs. Name a folder with --data."


class TooFewGenresError(SoriError):
    code = "too_few_genres"
    sentence = "There must be songs of at least two genres to learn from."


@dataclass(frozen=True)
class Run:
    """Data and settings of one training run. `folder` keeps what a run that was stopped continues from."""

    kind: str
    table: FeatureTable
    split: Split
    labels: tuple[str, ...]
    options: argparse.Namespace
    folder: Path


@dataclass(frozen=True)
class Trained:
    """A model, and scores of songs that it, or its like in cross-validation, was not trained on, with their labels."""

    model: Any
    scores: Floats
    truth: Integers
    metrics: dict[str, Any]


def train(options: argparse.Namespace) -> None:
    started = time.perf_counter()
    table, name = _read(options)
    artists = datasets.artists_of(options.data, options.shared)
    split = splits.split(name, table.songs, table.labels, artists, shared=options.shared, seed=options.seed)
    labels = tuple(sorted(set(table.labels[split.train].tolist())))
    if len(labels) < 2:
        raise TooFewGenresError()
    kind, is_network = options.model, options.model in NETWORK_KINDS
    content = f"{kind}|{name}|{options.seed}|{table.features.sum()}|{labels}"
    key = hashlib.sha256(content.encode()).hexdigest()[:12]
    run = Run(kind, table, split, labels, options, options.cache / "lab" / key)
    trained = _train_network(run) if is_network else _train_features(run)
    card = _card(run, name, trained)
    card.metrics.setdefault("train_seconds", round(time.perf_counter() - started, 1))
    output = options.output or WEIGHT_FOLDER / ("own.keras" if is_network else "own.skops")
    save_with_card(card, output, trained.model.save if is_network else partial(scikit.save, trained.model))
    networks.clear(run.folder)
    show_progress(f"{output}: {card.metrics['held_out']}\n")


def _read(options: argparse.Namespace) -> tuple[FeatureTable, str]:
    """The rows, and the name of the split."""
    kind, leaky = options.model, options.split == "leaky"
    if options.features:
        table = datasets.read_features(options.features, bare=leaky)
    elif options.data:
        table = datasets.read_folder(options.data, kind, options.cache, pieces=leaky)
    elif kind in NETWORK_KINDS:
        raise NoFolderError(kind=kind)
    else:
        paths = [options.shared / "gtzan" / name for name in PUBLISHED[leaky]]
        table = datasets.read_features(paths, bare=leaky)
    return table, options.split or ("filtered" if table.is_gtzan else "artist")


def _train_features(run: Run) -> Trained:
    table, options = run.table.where(run.split.train), run.options
    truth = np.array([run.labels.index(label) for label in table.labels])
    logit = fitting.fit(
        run.kind,
        fitting.TrainingRows(table.features, truth, run.split.groups[run.split.train]),
        len(run.labels),
        tune=options.tune,
        trials=options.trials,
        seed=options.seed,
        folder=run.folder,
    )
    metrics = {"values": dict(logit.settings), "trials": logit.trials}
    return Trained(logit.model, logit.scores, truth, metrics)


def _train_network(run: Run) -> Trained:
    held_out = _held_out(run)
    valid = _windows(run, held_out, None)
    model, state = networks.fit(
        run.kind,
        _windows(run, run.split.train & ~held_out, MOST_WINDOWS),
        valid,
        len(run.labels),
        epochs=run.options.epochs,
        seed=run.options.seed,
        folder=run.folder,
    )
    metrics = {"history": state.history, "best_epoch": state.best_epoch, "train_seconds": round(state.seconds, 1)}
    return Trained(model, networks.song_scores(run.kind, model, valid), networks.song_labels(valid), metrics)


def _held_out(run: Run) -> npt.NDArray[np.bool_]:
    """Training rows that early stopping is based on: those that the split reserves, or a quarter by group."""
    if run.split.valid.any():
        return run.split.valid
    train = np.flatnonzero(run.split.train)
    valid = splits.by_group(run.split.groups[train], run.table.labels[train], run.options.seed)
    return np.isin(np.arange(len(run.table.songs)), train[valid])


def _windows(run: Run, rows: npt.NDArray[np.bool_], most: int | None) -> networks.Windows:
    """The windows marked `rows`, at most `most` of each song, evenly spaced."""
    names, song = np.unique(run.table.songs, return_inverse=True)
    chosen: list[int] = []
    for number in range(len(names)):
        of_song = np.flatnonzero(rows & (song == number))
        if most and len(of_song) > most:
            of_song = of_song[np.linspace(0, len(of_song) - 1, most).round().astype(int)]
        chosen += of_song.tolist()
    truth = np.array([run.labels.index(label) for label in run.table.labels[chosen]])
    return networks.Windows(run.table.features[chosen], truth, song[chosen])


def _card(run: Run, split_name: str, trained: Trained) -> Card:
    options, scores = run.options, trained.scores
    scale = recipe.temperature(scores, trained.truth) if scores.any() else 1.0
    best = softmax(scale * scores).max(axis=1)
    sources = [path.name for path in options.features or ()] or (
        [options.data.name] if options.data else list(PUBLISHED[split_name == "leaky"])
    )
    return Card(
        name=options.name or f"{run.kind}-{split_name if split_name in splits.NAMED else 'listed'}",
        version="1",
        labels=run.labels,
        settings={
            "scale": scale,
            "rate": float(run.table.rate),
            "bare": float(split_name == "leaky"),
            "least_probability": float(np.quantile(best, 1 - recipe.CONFIDENT_SHARE)),
            **recipe.MUSIC_LIMITS,
        },
        data={
            "source": sources,
            "split": split_name if split_name in splits.NAMED else Path(split_name).name,
            "seed": options.seed,
            "rows": int(run.split.train.sum()),
            "songs": len(set(run.table.songs[run.split.train].tolist())),
        },
        metrics={**trained.metrics, "held_out": share(scores.argmax(axis=1) == trained.truth)},
        licence=LICENCE,
        kind=run.kind,
    )
