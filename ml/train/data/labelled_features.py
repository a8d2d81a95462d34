"""Second step of training a classic model: features of labelled songs as one table. Finished songs stay in the cache.

Songs are brought to one loudness first, as in the product.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from ml.audio.loading import load
from ml.audio.settings import SAMPLE_RATE
from ml.features import mel
from ml.features.arrays import Floats
from ml.features.handcrafted import extraction
from ml.models.card import hash_file
from ml.train.data.corpus import CorpusError, Example, process_examples
from ml.train.data.feature_tables import FeatureTable
from ml.train.files import Cache

WINDOW_SECONDS = 3.0
CACHE_FOLDER = Path(".cache/handcrafted")


def handcrafted_table(examples: Sequence[Example], cache: Cache, *, windows: bool) -> FeatureTable:
    """Hand-crafted features: one row per song, or with `windows` one row for every three seconds of it."""

    def rows_of(example: Example) -> Floats:
        rows = handcrafted_rows(example.audio, cache)
        return rows[1:] if windows else rows[:1]

    return _table(examples, rows_of, extraction.NAMES)


def mel_table(examples: Sequence[Example], cache: Cache) -> FeatureTable:
    """One log-mel spectrogram (frames, bands) for every window of every song."""
    return _table(examples, lambda example: mel_windows(example.audio, cache), ())


def _table(examples: Sequence[Example], rows_of: Callable[[Example], Floats], names: tuple[str, ...]) -> FeatureTable:
    found = list(process_examples(examples, rows_of, "extracting features"))
    if not found:
        raise CorpusError(folder=str(examples[0].audio.parent.parent))
    counts = [len(rows) for _, rows in found]
    labels = np.repeat([example.label for example, _ in found], counts)
    songs = np.repeat([example.name for example, _ in found], counts)
    return FeatureTable(np.concatenate([rows for _, rows in found]), names, labels, songs, SAMPLE_RATE)


def handcrafted_rows(path: Path, cache: Cache) -> Floats:
    """(1 + windows, names): the row of the whole song, then one for every three seconds."""

    def compute() -> Floats:
        features = extraction.extract(mel.level(load(path).samples), SAMPLE_RATE)
        return np.concatenate([features.row()[None], features.windows(WINDOW_SECONDS)])

    return cache.get(f"handcrafted {extraction.VERSION}|mel {mel.VERSION}|{hash_file(path)}", compute)


def mel_windows(path: Path, cache: Cache) -> Floats:
    """(windows, frames, bands): `Track.recorded_mel` cut into windows."""

    def compute() -> Floats:
        return mel.windows(mel.log_mel(mel.level(load(path).samples)))

    return cache.get(f"mel|{mel.VERSION}|{hash_file(path)}", compute)
