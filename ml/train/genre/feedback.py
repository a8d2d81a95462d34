"""Listeners' answers as additional training rows: the trunk's output for their songs, in one folder per genre."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np

from ml.features.arrays import Floats
from ml.models.genre import TRUNK_OUTPUT_SIZE
from ml.report.errors import SoriError
from ml.train.data.augmentation import ORIGINAL
from ml.train.data.corpus import Example
from ml.train.genre.trunk_outputs import Row

COLLECTION = "listeners"


class NoFeedbackError(SoriError):
    code = "no_feedback"
    sentence = "There are no listeners' answers in {folder} for the genres of this model."


def read_feedback(folder: Path, labels: Collection[str]) -> list[Row]:
    """One row per answer. Artists are unknown, so each answer is its own group; other genres are left out."""
    rows = []
    for path in sorted(folder.glob("*/*.npy")):
        if path.parent.name not in labels:
            continue
        trunk_output = _read(path)
        if trunk_output is not None:
            example = Example(path.stem, path.parent.name, f"listener {path.stem}", COLLECTION, "train")
            rows.append(Row(example, ORIGINAL, trunk_output, 1))
    if not rows:
        raise NoFeedbackError(folder=str(folder))
    return rows


def _read(path: Path) -> Floats | None:
    """None for a broken file, and for the output of an older model, which has another size."""
    try:
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError):
        return None
    fits = array.shape == (TRUNK_OUTPUT_SIZE,) and array.dtype == np.float32 and np.isfinite(array).all()
    return array if fits else None
