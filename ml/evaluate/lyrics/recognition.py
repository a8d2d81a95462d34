"""Word error rate of transcription: wrong, missing and added words, relative to the words that are sung.

It is measured on all that the product shows, so words that it leaves out count as missing.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ml.audio.loading import load
from ml.lyrics.errors import ModelMissingError
from ml.lyrics.transcription import Transcriber, short_name
from ml.report.progress import counted

TRANSCRIPTS = Path("speech") / "transcripts.csv"
KINDS = ("speech", "singing")
_DRAWS = 1000


@dataclass(frozen=True)
class FileErrors:
    """Of one recording: how many of its words are wrong, missing or added, and how many it has."""

    errors: int
    words: int


def measure(shared: Path, models: Sequence[str], models_folder: Path) -> list[dict[str, Any]]:
    """One row for each model that is on this machine and each kind of recording; none where no model is there."""
    rows: list[dict[str, Any]] = []
    for name in models:
        try:
            transcriber = Transcriber.load(name, models_folder)
        except ModelMissingError:
            continue
        for kind in KINDS:
            files = [row for row in _recordings(shared) if row["kind"] == kind]
            results = [
                file_errors(transcriber, shared / TRANSCRIPTS.parent / row["file"], row["transcript"])
                for row in counted(files, f"{short_name(name)}, {kind}")
            ]
            if results:
                rows.append({"model": short_name(name), "kind": kind, "files": len(results), **summary(results)})
    return rows


def file_errors(transcriber: Transcriber, path: Path, transcript: str) -> FileErrors:
    answer = " ".join(line.text for line in transcriber.transcribe(load(path).samples).lines)
    reference = plain_words(transcript)
    return FileErrors(error_count(reference, plain_words(answer)), len(reference))


def summary(results: Sequence[FileErrors], *, seed: int = 0) -> dict[str, Any]:
    """The error rate over all words, with a 95% interval from drawing files anew."""
    counts = np.array([(result.errors, result.words) for result in results], np.float64)
    draws = np.random.default_rng(seed).integers(len(counts), size=(_DRAWS, len(counts)))
    sums = counts[draws].sum(axis=1)
    low, high = np.quantile(sums[:, 0] / sums[:, 1], [0.025, 0.975])
    errors, words = counts.sum(axis=0)
    return {"words": int(words), "error_rate": float(errors / words), "interval": [float(low), float(high)]}


def plain_words(text: str) -> list[str]:
    """Words in lower case without punctuation, so that only the words are compared."""
    return re.findall(r"\w+(?:'\w+)*", text.lower().replace("’", "'"))


def error_count(reference: Sequence[str], answer: Sequence[str]) -> int:
    """The fewest words to replace, remove or add that make one the other (Levenshtein's distance)."""
    row = list(range(len(answer) + 1))
    for number, word in enumerate(reference, start=1):
        diagonal, row[0] = row[0], number
        for column, other in enumerate(answer, start=1):
            diagonal, row[column] = row[column], min(row[column] + 1, row[column - 1] + 1, diagonal + (word != other))
    return row[-1]


def _recordings(shared: Path) -> list[dict[str, str]]:
    with (shared / TRANSCRIPTS).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
