"""Published tables of whole GTZAN tracks, for clips of two or three seconds that contain too little of the track.

A taggram gives the trunk's tags of the whole track, and their logits nearly determine the embedding, which the trunk
computes them from. The chroma table gives mean and deviation of the twelve pitch classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ml.features.arrays import Floats
from ml.models.head import tag_output
from ml.models.trunk import EMBEDDING, TAGS, TRUNK_OUTPUT_SIZE
from ml.similarity.invariants import triads
from ml.train.data.corpus import TAGGRAM_SPLITS, read_taggrams
from ml.train.data.feature_tables import read_table
from ml.train.linear import ridge_weights

LOGITS = slice(len(TAGS), 2 * len(TAGS))
RIDGE = 100.0
TABLE_RIDGE = 300.0
CLIP_SHARE = 2.0
"""Weight of the clip's own vector relative to the one predicted from the table."""


def read_tags(shared: Path) -> dict[str, Floats]:
    """Mean trunk output by tags (probabilities and logits) of every track that has a taggram."""
    return {
        example.name: tag_output(example.taggram)
        for split in TAGGRAM_SPLITS
        for example in read_taggrams(shared, split)
        if example.taggram is not None
    }


def read_chroma(shared: Path) -> dict[str, Floats]:
    """Mean and standard deviation (24,) of the pitch classes, C first, of every track in the table."""
    table = read_table(shared / "gtzan" / "features_chroma_30_sec.tsv")
    wanted = [f"chroma_stft_{note}_{kind}" for kind in ("mean", "std") for note in range(1, 13)]
    columns = [table.names.index(name) for name in wanted]
    return dict(zip(table.songs.tolist(), table.features[:, columns], strict=True))


class EmbeddingFromTags:
    """The embedding predicted from the logits: linear, fitted on the trunk's outputs for windows of sound."""

    def __init__(self, windows: Sequence[Floats]) -> None:
        rows = np.concatenate(windows).astype(np.float64)
        self._logits, self._embedding = rows[:, LOGITS].mean(axis=0), rows[:, EMBEDDING].mean(axis=0)
        logits, embedding = rows[:, LOGITS] - self._logits, rows[:, EMBEDDING] - self._embedding
        self._weights = ridge_weights(logits, embedding, RIDGE)

    def trunk_output(self, tags: Floats) -> Floats:
        """(TRUNK_OUTPUT_SIZE,) from its part by tags."""
        filled = np.empty(TRUNK_OUTPUT_SIZE, np.float32)
        filled[: len(tags)] = tags
        filled[EMBEDDING] = self._embedding + (tags[LOGITS] - self._logits) @ self._weights
        return filled


def invariants(chroma: Floats) -> Floats:
    """Features of mean and deviation (24,) of the pitch classes that no transposition changes: triads, magnitudes."""
    mean, deviation = chroma[:12].astype(np.float64), chroma[12:].astype(np.float64)
    raised = np.maximum(mean - np.median(mean), 0) / mean.sum()
    rows = []
    for notes in (mean / mean.sum(), deviation / deviation.sum(), raised):
        frame = notes[None]
        rows += [triads(frame, frame, frame) / (np.sum(frame**2) + 1e-12) ** 1.5, np.abs(np.fft.rfft(notes))]
    return np.concatenate([*rows, [mean.mean(), deviation.mean()]]).astype(np.float32)


def magnitudes(chroma: Floats) -> Floats:
    """(14,) the simplest of these invariants: Fourier magnitudes of mean and deviation."""
    waves: Floats = np.abs(np.fft.rfft(chroma.reshape(2, 12), axis=1)).astype(np.float32)
    waves[:, 1:] /= waves[:, :1]
    return waves.ravel()


def standardised(
    chroma: Mapping[str, Floats], names: Sequence[str], features: Callable[[Floats], Floats] = invariants
) -> Floats:
    """Features of each track's chroma, scaled so that the tracks that have some have mean 0 and deviation 1."""
    rows = np.stack([features(chroma.get(name, np.ones(24, np.float32))) for name in names])
    present = rows[[name in chroma for name in names]]
    return np.asarray((rows - present.mean(axis=0)) / (present.std(axis=0) + 1e-6), np.float32)


class HarmonyFromTable:
    """The harmony vector predicted from standardised rows of the chroma table, fitted on rows marked `complete`."""

    def __init__(self, tables: Floats, vectors: Floats, complete: npt.NDArray[np.bool_]) -> None:
        self._mean = vectors[complete].mean(axis=0)
        self._weights = ridge_weights(tables[complete], vectors[complete] - self._mean, TABLE_RIDGE)

    def blend(self, tables: Floats, vectors: Floats) -> Floats:
        """Vectors of short clips, drawn towards the prediction from their tables; of length one again."""
        predicted = self._mean + tables @ self._weights
        predicted /= np.linalg.norm(predicted, axis=1, keepdims=True)
        blended = CLIP_SHARE * vectors + predicted
        unit: Floats = (blended / np.linalg.norm(blended, axis=1, keepdims=True)).astype(np.float32)
        return unit
