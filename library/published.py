"""Tables that others published of whole GTZAN tracks, beside what a cut of two or three seconds tells.

A taggram gives the trunk's tags of the whole track, and its logits nearly give the embedding, which the trunk computes
them from. The chroma table gives mean and spread of the twelve pitch classes.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from ml.genre import EMBEDDING, EVIDENCE_SIZE
from ml.head import tag_evidence
from ml.train.corpus import TAGGRAM_SPLITS, read_taggrams
from ml.trunk import TAGS

Floats = npt.NDArray[np.float32]

LOGITS = slice(len(TAGS), 2 * len(TAGS))
RIDGE = 100.0


def read_tags(shared: Path) -> dict[str, Floats]:
    """Mean evidence by tags (probabilities and logits) of every track that has a taggram."""
    return {
        example.name: tag_evidence(example.taggram)
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

    def evidence(self, tags: Floats) -> Floats:
        """(EVIDENCE_SIZE,) from evidence by tags."""
        filled = np.empty(EVIDENCE_SIZE, np.float32)
        filled[: len(tags)] = tags
        filled[EMBEDDING] = self._embedding + (tags[LOGITS] - self._logits) @ self._slope
        return filled


def transposable(chroma: Floats) -> Floats:
    """(14,) what no transposition changes of mean and deviation of the pitch classes: Fourier magnitudes."""
    magnitudes = np.abs(np.fft.rfft(chroma.reshape(2, 12), axis=1))
    relative: Floats = (magnitudes / magnitudes[:, :1]).ravel().astype(np.float32)
    relative[[0, 7]] = magnitudes[:, 0]
    return relative
