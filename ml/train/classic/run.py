"""One run of the lab: labelled songs or a feature file in, a weight file with its card out, which the ear can serve.

The test side of the split is set apart and not looked at; `python -m ml.evaluate --all` does that.
"""

from __future__ import annotations

import argparse
import hashlib
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ml.features.arrays import Floats, Integers, Mask
from ml.models.card import Card, card_path, load_card
from ml.models.classic import scikit
from ml.models.classic.kinds import FEATURE_KINDS, NETWORK_KINDS
from ml.models.logit import softmax
from ml.paths import WEIGHT_FOLDER
from ml.report.errors import SoriError
from ml.train.classic import datasets, networks
from ml.train.classic import scikit as fitting
from ml.train.classic.datasets import Material
from ml.train.classic.networks import Windows
from ml.train.data import splits
from ml.train.data.splits import Split
from ml.train.genre import recipe
from ml.train.metrics import interval

LAB_FOLDER = WEIGHT_FOLDER / "lab"
CACHE = Path(".cache")
PUBLISHED = {
    False: ("features_30_sec.csv", "features_chroma_30_sec.tsv"),
    True: ("features_10_sec.tsv",),
}
"""The published tables that a feature model learns from without `--data`: of songs, and of pieces for `leaky`."""
MOST_WINDOWS = 6
"""Windows of one song that teach a network: a long song must not drown the short ones."""
LICENCE = "Trained here from scratch; the numbers carry no sound of the songs."
ShowProgress = Callable[[str], None]


class NothingToHearError(SoriError):
    code = "nothing_to_hear"
    sentence = "A {kind} model learns from songs. Name a folder with --data."


class TooFewGenresError(SoriError):
    code = "too_few_genres"
    sentence = "There must be songs of at least two genres to learn from."


@dataclass(frozen=True)
class Learnt:
    """What training gives beside the model itself."""

    model: Any
    scores: Floats
    """Of songs that the model, or its like in cross-validation, did not learn from, with their labels."""
    truth: Integers
    metrics: dict[str, Any]


def train(options: argparse.Namespace, show_progress: ShowProgress) -> Card:
    started = time.perf_counter()
    kind, songs, how = options.model, *_gather(options, show_progress)
    artists = datasets.artists_of(options.data, options.shared)
    divided = splits.split(how, songs.songs, songs.labels, artists, shared=options.shared, seed=options.seed)
    labels = tuple(sorted(set(songs.labels[divided.learn].tolist())))
    if len(labels) < 2:
        raise TooFewGenresError()
    output = options.output or WEIGHT_FOLDER / f"own{_suffix(kind)}"
    run = hashlib.sha256(f"{kind}|{how}|{options.seed}|{songs.inputs.sum()}|{labels}".encode()).hexdigest()[
        :12
    ]
    place = options.cache / "lab" / run
    fit = _fit_network if kind in NETWORK_KINDS else _fit_features
    learnt = fit(kind, songs, divided, labels, options, place, run, show_progress)
    card = _card(options, kind, songs, divided, how, labels, learnt)
    card.metrics.setdefault("train_seconds", round(time.perf_counter() - started, 1))
    _save(learnt.model, card, output)
    networks.clear(place, ("best.keras", "last.keras", "state.json", "trials.json"))
    show_progress(f"{output}: {card.metrics['held_out']}\n")
    return card


def _gather(options: argparse.Namespace, show_progress: ShowProgress) -> tuple[Material, str]:
    kind, cache = options.model, options.cache
    leaky = options.split == "leaky"
    if options.features:
        songs = datasets.read_features(options.features, bare=leaky)
    elif options.data:
        songs = datasets.read_folder(options.data, kind, cache, show_progress, pieces=leaky)
    elif kind in NETWORK_KINDS:
        raise NothingToHearError(kind=kind)
    else:
        songs = datasets.read_features(
            [options.shared / "gtzan" / name for name in PUBLISHED[leaky]], bare=leaky
        )
    return songs, options.split or ("filtered" if songs.is_gtzan else "artist")


def _fit_features(
    kind: str, songs: Material, divided: Split, labels: tuple[str, ...], options: argparse.Namespace,
    place: Path, run: str, show_progress: ShowProgress,
) -> Learnt:  # fmt: skip
    if kind not in FEATURE_KINDS:
        raise ValueError(f"{kind!r} is no feature model")
    truth = np.array([labels.index(label) for label in songs.labels[divided.learn]])
    rows = fitting.Rows(songs.inputs[divided.learn], truth, divided.groups[divided.learn])
    found = fitting.fit(
        kind, rows, len(labels), tune=options.tune, trials=options.trials, seed=options.seed,
        notes=place / "trials.json", show_progress=show_progress,
    )  # fmt: skip
    metrics = {"values": dict(found.values), "trials": found.trials}
    return Learnt(found.model, found.scores, truth, metrics)


def _fit_network(
    kind: str, songs: Material, divided: Split, labels: tuple[str, ...], options: argparse.Namespace,
    place: Path, run: str, show_progress: ShowProgress,
) -> Learnt:  # fmt: skip
    held = _held_out(songs, divided, options.seed)
    learn = _windows(songs, divided.learn & ~held, labels, MOST_WINDOWS)
    watch = _windows(songs, held, labels, None)
    model, state = networks.fit(
        kind,
        learn,
        watch,
        len(labels),
        epochs=options.epochs,
        seed=options.seed,
        place=place,
        run=run,
        show_progress=show_progress,
    )
    metrics = {
        "history": state.history,
        "best_epoch": state.best_epoch,
        "train_seconds": round(state.seconds, 1),
    }
    return Learnt(model, networks.song_scores(kind, model, watch), networks.song_labels(watch), metrics)


def _held_out(songs: Material, divided: Split, seed: int) -> Mask:
    """Learning rows by which training is stopped: those that the split sets apart, or a quarter by group."""
    if divided.valid.any():
        return divided.valid
    learn = np.flatnonzero(divided.learn)
    held = splits.by_group(divided.groups[learn], songs.labels[learn], seed)
    return np.isin(np.arange(len(songs.songs)), learn[held])


def _windows(songs: Material, rows: Mask, labels: tuple[str, ...], most: int | None) -> Windows:
    names, place = np.unique(songs.songs, return_inverse=True)
    chosen: list[int] = []
    for song in range(len(names)):
        mine = np.flatnonzero(rows & (place == song))
        if most and len(mine) > most:
            mine = mine[np.linspace(0, len(mine) - 1, most).round().astype(int)]
        chosen += mine.tolist()
    truth = np.array([labels.index(label) for label in songs.labels[chosen]])
    return Windows(songs.inputs[chosen], truth, place[chosen])


def _card(
    options: argparse.Namespace, kind: str, songs: Material, divided: Split, how: str,
    labels: tuple[str, ...], learnt: Learnt,
) -> Card:  # fmt: skip
    scale = recipe.temperature(learnt.scores, learnt.truth) if learnt.scores.any() else 1.0
    correct = learnt.scores.argmax(axis=1) == learnt.truth
    low, high = interval(correct)
    best = softmax(scale * learnt.scores).max(axis=1)
    sources = [path.name for path in options.features or ()] or (
        [options.data.name] if options.data else list(PUBLISHED[how == "leaky"])
    )
    return Card(
        name=options.name or f"{kind}-{how if how in splits.NAMED else 'listed'}",
        version="1",
        labels=labels,
        settings={
            "scale": scale,
            "rate": float(songs.rate),
            "bare": float(how == "leaky"),
            "least_probability": float(np.quantile(best, 1 - recipe.CONFIDENT_SHARE)),
            **recipe.MUSIC_LIMITS,
        },
        data={
            "source": sources,
            "split": how if how in splits.NAMED else Path(how).name,
            "seed": options.seed,
            "rows": int(divided.learn.sum()),
            "songs": len(set(songs.songs[divided.learn].tolist())),
        },
        metrics={
            **learnt.metrics,
            "held_out": {
                "accuracy": round(float(correct.mean()), 4),
                "low": round(low, 4),
                "high": round(high, 4),
                "n": len(correct),
            },
        },
        licence=LICENCE,
        kind=kind,
    )


def _suffix(kind: str) -> str:
    return ".keras" if kind in NETWORK_KINDS else ".skops"


def _save(model: Any, card: Card, output: Path) -> None:
    """The weight file appears only when it is complete, and its card with it."""
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent) as folder:
        weights = Path(folder) / output.name
        if card.kind in NETWORK_KINDS:
            model.save(weights)
        else:
            scikit.save(model, weights)
        card.save(weights)
        for path in (weights, card_path(weights)):
            path.replace(output.parent / path.name)
    load_card(output)
