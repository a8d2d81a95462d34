"""Figures of predictions, on label indices: accuracy with its interval, F1, precision and recall, calibration."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.metrics import confusion_matrix, f1_score

from ml.features.arrays import Integers, Mask, Reals

Figures = dict[str, Any]

DIGITS = 4
BOOTSTRAP_DRAWS = 10_000
CALIBRATION_BINS = 10


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
        return np.asarray(confusion_matrix(self.truth, self.answers, labels=range(len(self.labels))), np.int64)

    @property
    def calibration_error(self) -> float:
        return calibration_error(self.probabilities, self.truth)

    def figures(self) -> Figures:
        """Accuracy with its interval, macro F1 over the labels that have songs, and calibration error."""
        f1 = f1_score(self.truth, self.answers, labels=np.unique(self.truth), average="macro")
        return share(self.correct) | {"macro_f1": rounded(f1), "ece": rounded(self.calibration_error)}

    def by_label(self) -> Figures:
        """Recall with its interval, and average precision, of each label that has songs."""
        figures: Figures = {}
        for index, label in enumerate(self.labels):
            has_label = self.truth == index
            if has_label.any():
                area = precision_recall(self.probabilities[:, index], has_label)[2]
                recall = share(self.correct[has_label], key="recall")
                figures[label] = recall | {"average_precision": rounded(area)}
        return figures


def share(correct: Mask | Sequence[bool], *, key: str = "accuracy") -> Figures:
    """The share that is correct with its 95% interval; None without any songs."""
    correct = np.asarray(correct, bool)
    if not len(correct):
        return {key: None, "low": None, "high": None, "n": 0}
    low, high = interval(correct)
    return {key: rounded(correct.mean()), "low": rounded(low), "high": rounded(high), "n": len(correct)}


def spread(values: Sequence[float]) -> Figures:
    """Mean of repeated runs, with the lowest and the highest."""
    return {"accuracy": rounded(np.mean(values)), "low": rounded(min(values)), "high": rounded(max(values))}


def rounded(value: float | np.floating[Any]) -> float:
    return round(float(value), DIGITS)


def interval(correct: Mask, *, seed: int = 0) -> tuple[float, float]:
    """95 % bootstrap interval of the share of `correct`, songs drawn with replacement."""
    random = np.random.default_rng(seed)
    shares = random.binomial(len(correct), correct.mean(), BOOTSTRAP_DRAWS) / len(correct)
    low, high = np.quantile(shares, [0.025, 0.975])
    return float(low), float(high)


def mean_recall(truth: Integers, answers: Integers, *, seed: int = 0) -> tuple[float, float, float]:
    """Mean recall over the labels that occur, and its 95 % bootstrap interval, drawn within each label."""
    random = np.random.default_rng(seed)
    groups = [answers[truth == label] == label for label in np.unique(truth)]
    draws = [random.binomial(len(group), group.mean(), BOOTSTRAP_DRAWS) / len(group) for group in groups]
    low, high = np.quantile(np.mean(draws, axis=0), [0.025, 0.975])
    return float(np.mean([group.mean() for group in groups])), float(low), float(high)


def calibration_curve(probabilities: Reals, truth: Integers) -> tuple[Reals, Reals, Integers]:
    """Mean confidence, accuracy and count of each occupied bin of the best label's probability."""
    best, answers = probabilities.max(axis=1), probabilities.argmax(axis=1)
    bins = np.minimum((best * CALIBRATION_BINS).astype(int), CALIBRATION_BINS - 1)
    counts = np.bincount(bins, minlength=CALIBRATION_BINS)
    used = counts > 0
    confidence = np.bincount(bins, best, CALIBRATION_BINS)[used] / counts[used]
    accuracy = np.bincount(bins, answers == truth, CALIBRATION_BINS)[used] / counts[used]
    return confidence, accuracy, counts[used]


def calibration_error(probabilities: Reals, truth: Integers) -> float:
    """Expected calibration error: mean distance of confidence from accuracy over bins of equal width."""
    confidence, accuracy, counts = calibration_curve(probabilities, truth)
    return float((np.abs(confidence - accuracy) * counts).sum() / counts.sum())


def calibration_error_of_choice(probability: Reals, correct: Mask, *, bins: int = 5) -> float:
    """The same from the probability of each chosen answer alone, over bins of equally many songs."""
    parts = np.array_split(np.argsort(probability), bins)
    gaps = [len(part) * abs(probability[part].mean() - correct[part].mean()) for part in parts]
    return float(sum(gaps) / len(probability))


def precision_recall(score: Reals, is_label: Mask) -> tuple[Reals, Reals, float]:
    """Precision and recall at every threshold, and their area (average precision)."""
    order = np.argsort(-score, kind="stable")
    hits = np.cumsum(is_label[order])
    precision, recall = hits / np.arange(1, len(order) + 1), hits / max(int(is_label.sum()), 1)
    area = float((np.diff(recall, prepend=0.0) * precision).sum())
    return precision, recall, area
