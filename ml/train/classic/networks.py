"""Training a small network from scratch: seeded, stopped early by songs it does not learn from, and resumable.

After every epoch the whole state lies on disk. A run that was killed goes on after its last whole epoch, with the same
order of windows as if nothing had happened.
"""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ml.features.arrays import Floats, Integers
from ml.models.classic import networks
from ml.models.genre import start_tensorflow

PATIENCE = 12
LEARNING_RATE = 1e-3
WEIGHT_DECAY = 1e-4


@dataclass(frozen=True)
class Windows:
    """Mel windows of songs; `songs` says which song each belongs to, `labels` what it is called."""

    mel: Floats
    labels: Integers
    songs: Integers

    def where(self, rows: Any) -> Windows:
        return Windows(self.mel[rows], self.labels[rows], self.songs[rows])


@dataclass
class State:
    """Where a run stands; `run` says what of, so that another run's state is not taken over."""

    run: str
    epoch: int = 0
    best: float = -1.0
    best_epoch: int = 0
    seconds: float = 0.0
    history: list[dict[str, float]] = field(default_factory=list)


def fit(
    kind: str,
    learn: Windows,
    held: Windows,
    labels: int,
    *,
    epochs: int,
    seed: int,
    place: Path,
    run: str,
    show_progress: Callable[[str], None],
) -> tuple[Any, State]:
    """The network of the best epoch, and the run's history. `place` is a folder that the run has to itself."""
    place.mkdir(parents=True, exist_ok=True)
    network, state = _resume(kind, learn, labels, seed, place, run)
    while state.epoch < epochs and state.epoch - state.best_epoch < PATIENCE:
        started = time.perf_counter()
        loss, accuracy = _epoch(kind, network, learn, np.random.default_rng([seed, state.epoch]))
        predicted = song_scores(kind, network, held)
        valid = float((predicted.argmax(axis=1) == song_labels(held)).mean())
        state.epoch += 1
        state.seconds += time.perf_counter() - started
        state.history.append({"loss": round(loss, 4), "learn": round(accuracy, 4), "valid": round(valid, 4)})
        if valid > state.best:
            state.best, state.best_epoch = valid, state.epoch
            _save(network, place / "best.keras")
        _save(network, place / "last.keras")
        _write(place / "state.json", json.dumps(asdict(state)))
        show_progress(
            f"{kind}: epoch {state.epoch}, loss {loss:.3f}, held out {valid:.3f} (best {state.best:.3f})"
        )
    show_progress(
        f"{kind}: best after epoch {state.best_epoch} of {state.epoch}, held out {state.best:.3f}\n"
    )
    return networks.load(place / "best.keras"), state


def song_scores(kind: str, network: Any, windows: Windows) -> Floats:
    """(songs, labels): the mean over each song's windows."""
    scores = networks.scores(kind, network, windows.mel)
    _, place = np.unique(windows.songs, return_inverse=True)
    sums = np.zeros((place.max() + 1, scores.shape[1]))
    np.add.at(sums, place, scores)
    return (sums / np.bincount(place)[:, None]).astype(np.float32)


def song_labels(windows: Windows) -> Integers:
    _, first = np.unique(windows.songs, return_index=True)
    return windows.labels[first]


def _resume(kind: str, learn: Windows, labels: int, seed: int, place: Path, run: str) -> tuple[Any, State]:
    path = place / "state.json"
    if path.is_file() and (place / "last.keras").is_file():
        state = State(**json.loads(path.read_text(encoding="utf-8")))
        if state.run == run:
            start_tensorflow()
            import keras

            return keras.models.load_model(place / "last.keras", safe_mode=True), state
    scale = (
        {} if kind == "picture" else {"mean": float(learn.mel.mean()), "deviation": float(learn.mel.std())}
    )
    network = networks.build(kind, labels, seed=seed, **scale)
    _compile(network)
    return network, State(run)


def _compile(network: Any) -> None:
    import keras

    network.compile(
        optimizer=keras.optimizers.AdamW(LEARNING_RATE, weight_decay=WEIGHT_DECAY),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )


def _epoch(kind: str, network: Any, learn: Windows, choose: np.random.Generator) -> tuple[float, float]:
    """One pass in an order of its own; each window starts at another moment and lacks a few bands or moments."""
    order = choose.permutation(len(learn.labels))
    losses: list[float] = []
    right: list[float] = []
    for start in range(0, len(order) - 1, networks.BATCH):
        batch = order[start : start + networks.BATCH]
        drawn = networks.prepare(kind, _varied(learn.mel[batch], choose))
        network.reset_metrics()  # else each batch answers for those before it too
        loss, accuracy = network.train_on_batch(drawn, learn.labels[batch])
        losses.append(float(loss))
        right.append(float(accuracy))
    return float(np.mean(losses)), float(np.mean(right))


def _varied(windows: Floats, choose: np.random.Generator) -> Floats:
    found = np.empty_like(windows)
    for place, window in enumerate(windows):
        moved = np.roll(window, int(choose.integers(len(window))), axis=0)
        for axis, most in ((0, 30), (1, 12)):
            size = int(choose.integers(most))
            first = int(choose.integers(moved.shape[axis] - size))
            masked: list[Any] = [slice(None), slice(None)]
            masked[axis] = slice(first, first + size)
            moved[tuple(masked)] = moved.mean()
        found[place] = moved
    return found


def _save(network: Any, path: Path) -> None:
    partial = path.with_name("partial.keras")
    network.save(partial)
    partial.replace(path)


def _write(path: Path, text: str) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def clear(place: Path, names: Sequence[str] = ("best.keras", "last.keras", "state.json")) -> None:
    """Take away what a finished run needs no more, and the folder if nothing else is in it."""
    for name in names:
        (place / name).unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        place.rmdir()
