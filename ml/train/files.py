"""Result files and cached arrays. A file appears under its own name only when it is complete."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.features.arrays import Floats
from ml.models.card import Card, card_path, load_card

Write = Callable[[Path], object]


def write_file(path: Path, write: Write) -> None:
    """Write beside `path` and rename, so that an interrupted run leaves no half-written file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"partial-{path.name}")
    write(partial)
    partial.replace(path)


def save_with_card(card: Card, output: Path, write: Write, companions: Mapping[str, Write] | None = None) -> Card:
    """Write a weight file, its companion files (by name) and its card together; return the checked card."""
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=output.parent) as folder:
        weights = Path(folder) / output.name
        others = {Path(folder) / name: write_other for name, write_other in (companions or {}).items()}
        for path, write_one in {**others, weights: write}.items():
            write_one(path)
        card.save(weights, *others)
        for path in (*others, weights, card_path(weights)):
            path.replace(output.parent / path.name)
    return load_card(output)


class Cache:
    """Computed arrays, one file per key: an interrupted run continues from them, a second run reuses them.

    A key names everything that a result depends on: the file's hash and the version of each step.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, key: str, compute: Callable[[], Floats]) -> Floats:
        path = self._path(key, ".npy")
        if not path.exists():
            write_file(path, lambda partial: np.save(partial, compute()))
        array: Floats = np.load(path, allow_pickle=False)
        return array

    def get_arrays(
        self, key: str, compute: Callable[[], Mapping[str, npt.NDArray[Any]]]
    ) -> dict[str, npt.NDArray[Any]]:
        """Several arrays of one key, by name."""
        path = self._path(key, ".npz")
        if not path.exists():
            write_file(path, lambda partial: np.savez(partial, allow_pickle=False, **compute()))
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)

    def _path(self, key: str, suffix: str) -> Path:
        return self._folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}{suffix}"
