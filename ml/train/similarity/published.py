"""Tables that others published of whole GTZAN tracks, beside what a cut of two or three seconds tells.

A taggram gives the trunk's tags of the whole track, and its logits nearly give the embedding, which the trunk computes
them from. The chroma table gives mean and spread of the twelve pitch classes.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ml.features.arrays import Floats, Mask
from ml.models.genre import EMBEDDING, TRUNK_OUTPUT_SIZE
from ml.models.head import tag_output
from ml.models.trunk import TAGS
from ml.similarity.invariants import triads
from ml.train.data.corpus import TAGGRAM_SPLITS, read_taggrams

LOGITS = slice(len(TAGS), 2 * len(TAGS))
RIDGE = 100.0
TABLE_RIDGE = 300.0
CUT_SHARE = 2.0
"""How much the cut's own vector counts beside the one expected from the table."""


def read_tags(shared: Path) -> dict[str, Floats]:
    """Mean evidence by tags (probabilities and logits) of every track that has a taggram."""
    return {
        example.name: tag_output(example.taggram)
        for split in TAGGRAM_SPLITS
        for example in read_taggrams(shared, split)
        if example.taggram is not None
    }


def read_chroma(shared: Path) -> dict[str, Floats]:
    """Mean and standard deviation (24,) of the pitch classes, C first, of every track in the table."""
    columns = [f"chroma_stft_{note}_{kind}" for kind in ("mean", "std") for note in range(1, 13)]
    table = shared / "gtzan" / "features_chroma_30_sec.tsv"
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return {
        row["File"].removesuffix(".wav").replace("_", "."): np.array(
            [row[name] for name in columns], np.float32
        )
        for row in rows
    }


class Imputation:
    """The embedding that logits lead one to expect: linear, learnt from windows of sound (windows, EVIDENCE_SIZE)."""

    def __init__(self, windows: Sequence[Floats]) -> None:
        heard = np.concatenate(windows).astype(np.float64)
        self._logits, self._embedding = heard[:, LOGITS].mean(axis=0), heard[:, EMBEDDING].mean(axis=0)
        logits, embedding = heard[:, LOGITS] - self._logits, heard[:, EMBEDDING] - self._embedding
        power = logits.T @ logits + RIDGE * np.eye(len(self._logits))
        self._slope = np.linalg.solve(power, logits.T @ embedding)

    def trunk_output(self, tags: Floats) -> Floats:
        """(EVIDENCE_SIZE,) from evidence by tags."""
        filled = np.empty(TRUNK_OUTPUT_SIZE, np.float32)
        filled[: len(tags)] = tags
        filled[EMBEDDING] = self._embedding + (tags[LOGITS] - self._logits) @ self._slope
        return filled


def invariants(chroma: Floats) -> Floats:
    """What no transposition changes of mean and deviation (24,) of the pitch classes: thirds of notes, magnitudes."""
    mean, deviation = chroma[:12].astype(np.float64), chroma[12:].astype(np.float64)
    raised = np.maximum(mean - np.median(mean), 0) / mean.sum()
    rows = []
    for notes in (mean / mean.sum(), deviation / deviation.sum(), raised):
        frame = notes[None]
        rows += [triads(frame, frame, frame) / (np.sum(frame**2) + 1e-12) ** 1.5, np.abs(np.fft.rfft(notes))]
    return np.concatenate([*rows, [mean.mean(), deviation.mean()]]).astype(np.float32)


def transposable(chroma: Floats) -> Floats:
    """(14,) the plainest of them: Fourier magnitudes of mean and deviation."""
    magnitudes: Floats = np.abs(np.fft.rfft(chroma.reshape(2, 12), axis=1)).astype(np.float32)
    magnitudes[:, 1:] /= magnitudes[:, :1]
    return magnitudes.ravel()


def standardise(rows: Floats, there: Mask) -> Floats:
    """Rows brought to mean 0 and deviation 1, by those that are `there`."""
    scaled: Floats = (rows - rows[there].mean(axis=0)) / (rows[there].std(axis=0) + 1e-6)
    return scaled


class ChordImputation:
    """The harmony vector that the chroma table leads one to expect, learnt from `known` rows of both.

    `tables` are standardised invariants.
    """

    def __init__(self, tables: Floats, vectors: Floats, known: Mask) -> None:
        self._middle, rows = vectors[known].mean(axis=0), tables[known]
        power = rows @ rows.T + TABLE_RIDGE * np.eye(len(rows))
        self._slope = rows.T @ np.linalg.solve(power, vectors[known] - self._middle)

    def blend(self, tables: Floats, vectors: Floats) -> Floats:
        """Vectors of cuts, drawn towards what their tables say; of length one again."""
        expected = self._middle + tables @ self._slope
        expected /= np.linalg.norm(expected, axis=1, keepdims=True)
        blended = CUT_SHARE * vectors + expected
        unit: Floats = (blended / np.linalg.norm(blended, axis=1, keepdims=True)).astype(np.float32)
        return unit
