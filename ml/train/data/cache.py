"""Cache of computed arrays, one file per key: an interrupted run continues from it, a second run reuses it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ml.features.arrays import Floats
from ml.train.files import write_file


class Cache:
    """A key names everything that a result depends on: the file's hash and the version of each step."""

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
