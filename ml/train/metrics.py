"""Figures of predictions: accuracy with its interval, F1, calibration. Plain NumPy on label indices."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from ml.features.arrays import Integers, Reals

BOOTSTRAP_DRAWS = 10_000
CALIBRATION_BINS = 10


def confusion(truth: Integers, answers: Integers, labels: int) -> Integers:
    """(labels, labels) counts, truth by row."""
    counts = np.zeros((labels, labels), np.int64)
    np.add.at(counts, (truth, answers), 1)
    return counts


def recalls(truth: Integers, answers: Integers, labels: int) -> Reals:
    """Share of each label's songs that are predicted right; NaN for a label without songs."""
    counts = confusion(truth, answers, labels)
    with np.errstate(invalid="ignore"):
        share: Reals = counts.diagonal() / counts.sum(axis=1)
    return share


def macro_f1(truth: Integers, answers: Integers, labels: int) -> float:
    """Mean F1 over the labels that occur in the truth."""
    counts = confusion(truth, answers, labels)
    named = counts.sum(axis=0) + counts.sum(axis=1)
    occurring = counts.sum(axis=1) > 0
    return float(np.mean(2 * counts.diagonal()[occurring] / named[occurring]))


def interval(correct: npt.NDArray[np.bool_], *, seed: int = 0) -> tuple[float, float]:
    """95 % bootstrap interval of the share of `correct`, songs drawn with replacement."""
    random = np.random.default_rng(seed)
    shares = random.binomial(len(correct), correct.mean(), BOOTSTRAP_DRAWS) / len(correct)
    low, high = np.quantile(shares, [0.025, 0.975])
    return float(low), float(high)


def accuracy_figures(correct: npt.NDArray[np.bool_]) -> dict[str, Any]:
    """Accuracy, its interval and the number of songs, as a card shows them."""
    low, high = interval(correct)
    shares = {"accuracy": float(correct.mean()), "low": low, "high": high}
    return {name: round(share, 4) for name, share in shares.items()} | {"n": len(correct)}


def mean_recall(truth: Integers, answers: Integers, labels: int, *, seed: int = 0) -> tuple[float, float, float]:
    """Mean recall over the labels that occur, and its 95 % bootstrap interval, drawn within each label."""
    random = np.random.default_rng(seed)
    share = recalls(truth, answers, labels)
    songs = np.bincount(truth, minlength=labels)
    present = np.flatnonzero(songs)
    draws = [random.binomial(songs[i], share[i], BOOTSTRAP_DRAWS) / songs[i] for i in present]
    low, high = np.quantile(np.mean(draws, axis=0), [0.025, 0.975])
    return float(share[present].mean()), float(low), float(high)


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


def calibration_error_of_choice(probability: Reals, correct: npt.NDArray[np.bool_], *, bins: int = 5) -> float:
    """The same from the probability of each chosen answer alone, over bins of equally many songs."""
    parts = np.array_split(np.argsort(probability), bins)
    gaps = [len(part) * abs(probability[part].mean() - correct[part].mean()) for part in parts]
    return float(sum(gaps) / len(probability))


def precision_recall(score: Reals, is_label: npt.NDArray[np.bool_]) -> tuple[Reals, Reals, float]:
    """Precision and recall at every threshold, and their area (average precision)."""
    order = np.argsort(-score, kind="stable")
    hits = np.cumsum(is_label[order])
    precision, recall = hits / np.arange(1, len(order) + 1), hits / max(int(is_label.sum()), 1)
    area = float((np.diff(recall, prepend=0.0) * precision).sum())
    return precision, recall, area
