"""Training a small network from scratch: seeded, stopped early by held-out songs, and resumable.

After every epoch the whole state is on disk. A run that was killed continues after its last complete epoch, with the
same order of windows as without the interruption.
"""

from __future__ import annotations

import contextlib
import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ml.features.arrays import Floats, Integers
from ml.models.classic import networks
from ml.models.genre import start_tensorflow
from ml.report.progress import show_progress
from ml.train.classic.scikit import TRIALS_NAME
from ml.train.files import write_file

PATIENCE = 12
LEARNING_RATE = 1e-3
WEIGHT_DECAY = 1e-4


@dataclass(frozen=True)
class Windows:
    """Mel windows with the index of each one's label and song."""

    mel: Floats
    labels: Integers
    songs: Integers


@dataclass
class State:
    """Progress of a run."""

    epoch: int = 0
    best: float = -1.0
    best_epoch: int = 0
    seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)


def fit(
    kind: str, train: Windows, valid: Windows, labels: int, *, epochs: int, seed: int, folder: Path
) -> tuple[Any, State]:
    """The network of the best epoch, and the run's history.

    `folder` belongs to this run alone: its name is a hash of data and settings.
    """
    network, state = _resume(kind, train, labels, seed, folder)
    while state.epoch < epochs and state.epoch - state.best_epoch < PATIENCE:
        started = time.perf_counter()
        loss, accuracy = _epoch(kind, network, train, np.random.default_rng([seed, state.epoch]))
        predicted = song_scores(kind, network, valid)
        held_out = float((predicted.argmax(axis=1) == song_labels(valid)).mean())
        state.epoch += 1
        state.seconds += time.perf_counter() - started
        state.history.append({"loss": round(loss, 4), "learn": round(accuracy, 4), "valid": round(held_out, 4)})
        if held_out > state.best:
            state.best, state.best_epoch = held_out, state.epoch
            write_file(folder / "best.keras", network.save)
        write_file(folder / "last.keras", network.save)
        write_file(folder / "state.json", lambda partial: partial.write_text(json.dumps(asdict(state))))
        show_progress(f"{kind}: epoch {state.epoch}, loss {loss:.3f}, held out {held_out:.3f} (best {state.best:.3f})")
    show_progress(f"{kind}: best after epoch {state.best_epoch} of {state.epoch}, held out {state.best:.3f}\n")
    return networks.load(folder / "best.keras"), state


def song_scores(kind: str, network: Any, windows: Windows) -> Floats:
    """(songs, labels): the mean over each song's windows."""
    scores = networks.scores(kind, network, windows.mel)
    _, song = np.unique(windows.songs, return_inverse=True)
    sums = np.zeros((song.max() + 1, scores.shape[1]))
    np.add.at(sums, song, scores)
    return (sums / np.bincount(song)[:, None]).astype(np.float32)


def song_labels(windows: Windows) -> Integers:
    _, first = np.unique(windows.songs, return_index=True)
    return windows.labels[first]


def _resume(kind: str, train: Windows, labels: int, seed: int, folder: Path) -> tuple[Any, State]:
    start_tensorflow()
    import keras

    path = folder / "state.json"
    if path.is_file() and (folder / "last.keras").is_file():
        state = State(**json.loads(path.read_text(encoding="utf-8")))
        return keras.models.load_model(folder / "last.keras", safe_mode=True), state
    scale = {} if kind == "picture" else {"mean": float(train.mel.mean()), "deviation": float(train.mel.std())}
    network = networks.build(kind, labels, seed=seed, **scale)
    network.compile(
        optimizer=keras.optimizers.AdamW(LEARNING_RATE, weight_decay=WEIGHT_DECAY),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    return network, State()


def _epoch(kind: str, network: Any, train: Windows, random: np.random.Generator) -> tuple[float, float]:
    """One pass in random order; each window is shifted in time, and a few of its bands and frames are masked."""
    order = random.permutation(len(train.labels))
    losses: list[float] = []
    right: list[float] = []
    for start in range(0, len(order) - 1, networks.BATCH):
        batch = order[start : start + networks.BATCH]
        drawn = networks.prepare(kind, _augment(train.mel[batch], random))
        network.reset_metrics()  # else a batch counts the batches before it again
        loss, accuracy = network.train_on_batch(drawn, train.labels[batch])
        losses.append(float(loss))
        right.append(float(accuracy))
    return float(np.mean(losses)), float(np.mean(right))


def _augment(windows: Floats, random: np.random.Generator) -> Floats:
    augmented = np.empty_like(windows)
    for number, window in enumerate(windows):
        shifted = np.roll(window, int(random.integers(len(window))), axis=0)
        for by_axis, most in ((shifted, 30), (shifted.T, 12)):
            size = int(random.integers(most))
            first = int(random.integers(len(by_axis) - size))
            by_axis[first : first + size] = shifted.mean()
        augmented[number] = shifted
    return augmented


def clear(folder: Path) -> None:
    """Delete the files of a finished run, and the folder if it is then empty."""
    for name in ("best.keras", "last.keras", "state.json", TRIALS_NAME):
        (folder / name).unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        folder.rmdir()
