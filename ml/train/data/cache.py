"""Arrays that took long to compute, by key in a folder: what was heard once is not heard again."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ml.features.arrays import Floats


class Cache:
    """A file half-written by an interrupted run is never read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def get(self, key: str, compute: Callable[[], Floats]) -> Floats:
        path = self._folder / f"{hashlib.sha256(key.encode()).hexdigest()[:32]}.npy"
        if not path.exists():
            partial = path.with_suffix(".partial.npy")
            np.save(partial, compute())
            partial.replace(path)
        found: Floats = np.load(path, allow_pickle=False)
        return found
