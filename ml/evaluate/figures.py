"""Answers beside the truth, and the figures that are told of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ml.features.arrays import Integers, Mask, Reals
from ml.train import metrics

Figures = dict[str, Any]

DIGITS = 4


@dataclass(frozen=True)
class Judgement:
    """Calibrated probabilities (songs, labels) and the label index (songs,) that each song has."""

    labels: tuple[str, ...]
    truth: Integers
    probabilities: Reals

    @property
    def answers(self) -> Integers:
        return np.asarray(self.probabilities.argmax(axis=1), np.int64)

    @property
    def correct(self) -> Mask:
        return np.asarray(self.answers == self.truth, bool)


def overall(prediction: Judgement) -> Figures:
    return share(prediction.correct) | {
        "macro_f1": rounded(metrics.macro_f1(prediction.truth, prediction.answers, len(prediction.labels))),
        "ece": rounded(metrics.calibration_error(prediction.probabilities, prediction.truth)),
    }


def by_label(prediction: Judgement) -> Figures:
    """Recall with its interval and average precision of each label that has songs."""
    found: Figures = {}
    for place, label in enumerate(prediction.labels):
        mine = prediction.truth == place
        if mine.any():
            area = metrics.precision_recall(prediction.probabilities[:, place], mine)[2]
            found[label] = share(prediction.correct[mine], key="recall") | {
                "average_precision": rounded(area)
            }
    return found


def confused(prediction: Judgement) -> list[list[int]]:
    counts = metrics.confusion(prediction.truth, prediction.answers, len(prediction.labels))
    rows: list[list[int]] = counts.tolist()
    return rows


def share(correct: Mask, *, key: str = "accuracy") -> Figures:
    """How many are right, with the 95 % interval; no share where there is nothing to count."""
    if not len(correct):
        return {key: None, "low": None, "high": None, "n": 0}
    low, high = metrics.interval(correct)
    return {key: rounded(correct.mean()), "low": rounded(low), "high": rounded(high), "n": len(correct)}


def spread(values: Sequence[float]) -> Figures:
    """Mean of repeated runs, with the least and the greatest."""
    return {"accuracy": rounded(np.mean(values)), "low": rounded(min(values)), "high": rounded(max(values))}


def rounded(value: float | np.floating[Any]) -> float:
    return round(float(value), DIGITS)
