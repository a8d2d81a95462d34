"""Predictions beside the true labels, and the figures computed from them."""

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
class Predictions:
    """Calibrated probabilities (songs, labels) and the true label index (songs,)."""

    labels: tuple[str, ...]
    truth: Integers
    probabilities: Reals

    @property
    def answers(self) -> Integers:
        return np.asarray(self.probabilities.argmax(axis=1), np.int64)

    @property
    def correct(self) -> Mask:
        return np.asarray(self.answers == self.truth, bool)

    @property
    def confusion(self) -> Integers:
        """(labels, labels) counts, truth by row."""
        return metrics.confusion(self.truth, self.answers, len(self.labels))

    @property
    def calibration_error(self) -> float:
        return metrics.calibration_error(self.probabilities, self.truth)

    def figures(self) -> Figures:
        """Accuracy with its interval, macro F1 and calibration error over all songs."""
        return share(self.correct) | {
            "macro_f1": rounded(metrics.macro_f1(self.truth, self.answers, len(self.labels))),
            "ece": rounded(self.calibration_error),
        }

    def by_label(self) -> Figures:
        """Recall with its interval, and average precision, of each label that has songs."""
        figures: Figures = {}
        for index, label in enumerate(self.labels):
            has_label = self.truth == index
            if has_label.any():
                area = metrics.precision_recall(self.probabilities[:, index], has_label)[2]
                recall = share(self.correct[has_label], key="recall")
                figures[label] = recall | {"average_precision": rounded(area)}
        return figures


def share(correct: Mask | Sequence[bool], *, key: str = "accuracy") -> Figures:
    """The share that is correct with its 95% interval; None without any songs."""
    correct = np.asarray(correct, bool)
    if not len(correct):
        return {key: None, "low": None, "high": None, "n": 0}
    low, high = metrics.interval(correct)
    return {key: rounded(correct.mean()), "low": rounded(low), "high": rounded(high), "n": len(correct)}


def spread(values: Sequence[float]) -> Figures:
    """Mean of repeated runs, with the lowest and the highest."""
    return {"accuracy": rounded(np.mean(values)), "low": rounded(min(values)), "high": rounded(max(values))}


def rounded(value: float | np.floating[Any]) -> float:
    return round(float(value), DIGITS)
