"""Listeners' answers as examples: what was heard of their songs, in one folder per genre (`feedback` in the home)."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np

from ml.models.genre import TRUNK_OUTPUT_SIZE
from ml.report.errors import SoriError
from ml.train.data.corpus import Example
from ml.train.genre.trunk_outputs import Row

COLLECTION = "listeners"


class NoFeedbackError(SoriError):
    code = "no_feedback"
    sentence = "There are no listeners' answers in {folder} for the genres that are learnt."


def read_feedback(folder: Path, labels: Collection[str]) -> list[Row]:
    """A row per answer. Each stands alone in the folds, as the artists are unknown; other genres are left out."""
    rows = []
    for path in sorted(folder.glob("*/*.npy")):
        if path.parent.name not in labels:
            continue
        heard = _read(path)
        if heard is not None:
            example = Example(path.stem, path.parent.name, f"listener {path.stem}", COLLECTION, "train")
            rows.append(Row(example, "as it is", heard, 1))
    if not rows:
        raise NoFeedbackError(folder=str(folder))
    return rows


def _read(path: Path) -> np.ndarray | None:
    """What an older model heard has another size, or the file is broken: such an answer teaches nothing."""
    try:
        heard = np.load(path, allow_pickle=False)
    except (OSError, ValueError):
        return None
    fits = (
        heard.shape == (TRUNK_OUTPUT_SIZE,) and heard.dtype == np.float32 and bool(np.isfinite(heard).all())
    )
    return heard if fits else None
