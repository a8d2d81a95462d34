"""Figures checked by hand, against scikit-learn where it has the same, and for properties of any predictions."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, recall_score

from ml.train import metrics


def answers(seed: int, *, songs: int = 200, labels: int = 4) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    truth = random.integers(labels, size=songs)
    named = np.where(random.random(songs) < 0.7, truth, random.integers(labels, size=songs))
    return truth, named


def test_counts_and_macro_f1_by_hand() -> None:
    # Label 0: 1 right, 1 missed. Label 1: 1 right, 1 wrongly named. Label 2 occurs nowhere.
    predicted = metrics.Predictions(("a", "b", "c"), np.array([0, 0, 1]), np.eye(3)[[0, 1, 1]])
    assert predicted.confusion.tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]
    assert predicted.figures()["macro_f1"] == pytest.approx(2 / 3, abs=1e-4)
    assert {label: row["recall"] for label, row in predicted.by_label().items()} == {"a": 0.5, "b": 1.0}


@settings(deadline=None)  # the first example loads scikit-learn
@given(st.integers(0, 2**31))
def test_the_mean_recall_agrees_with_scikit_learn(seed: int) -> None:
    truth, named = answers(seed)
    assert metrics.mean_recall(truth, named)[0] == pytest.approx(recall_score(truth, named, average="macro"))


@given(st.integers(0, 200), st.integers(1, 200))
def test_an_interval_holds_its_share_and_stays_in_range(right: int, songs: int) -> None:
    correct = np.arange(songs) < right
    low, high = metrics.interval(correct)
    assert 0 <= low <= correct.mean() <= high <= 1


def test_an_interval_narrows_with_songs_and_covers_the_truth() -> None:
    widths = [np.diff(metrics.interval(np.arange(n) < 0.8 * n))[0] for n in (50, 500, 5000)]
    assert widths[0] > 2 * widths[1] > 4 * widths[2]
    random = np.random.default_rng(0)
    found = [metrics.interval(random.random(150) < 0.8) for _ in range(300)]
    assert 0.9 <= np.mean([low <= 0.8 <= high for low, high in found]) <= 0.99


def test_a_share_is_rounded() -> None:
    correct = np.arange(300) < 200
    low, high = metrics.interval(correct)
    expected = {"accuracy": 0.6667, "low": round(low, 4), "high": round(high, 4), "n": 300}
    assert metrics.share(correct) == expected


def test_the_mean_recall_counts_each_label_the_same() -> None:
    truth = np.repeat([0, 1], [90, 10])
    named = np.where(np.arange(100) < 95, truth, 0)
    mean, low, high = metrics.mean_recall(truth, named)
    assert mean == pytest.approx(0.75)
    assert low < mean < high
    assert metrics.mean_recall(truth, truth) == (1.0, 1.0, 1.0)


def calibrated(seed: int, songs: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    probabilities = random.dirichlet(np.full(5, 0.5), songs)
    truth = (random.random(songs)[:, None] > probabilities.cumsum(axis=1)).sum(axis=1)
    return probabilities, np.minimum(truth, 4)


def test_perfect_calibration_has_no_error_and_overconfidence_has() -> None:
    probabilities, truth = calibrated(0)
    assert metrics.calibration_error(probabilities, truth) < 0.01
    boasting = probabilities**3 / (probabilities**3).sum(axis=1, keepdims=True)
    assert metrics.calibration_error(boasting, truth) > 0.1


def test_calibration_by_hand() -> None:
    probabilities = np.array([[0.9, 0.1], [0.9, 0.1], [0.4, 0.6], [0.0, 1.0]])
    confidence, accuracy, counts = metrics.calibration_curve(probabilities, np.array([0, 1, 1, 1]))
    np.testing.assert_allclose(confidence, [0.6, (0.9 + 0.9 + 1.0) / 3])
    np.testing.assert_allclose(accuracy, [1.0, 2 / 3])
    assert counts.tolist() == [1, 3]
    error = metrics.calibration_error(probabilities, np.array([0, 1, 1, 1]))
    assert error == pytest.approx((0.4 * 1 + (2.8 / 3 - 2 / 3) * 3) / 4)


@settings(deadline=None)  # the first example loads scikit-learn
@given(st.integers(0, 2**31))
def test_precision_and_recall_agree_with_scikit_learn(seed: int) -> None:
    random = np.random.default_rng(seed)
    score, mine = random.random(60), random.random(60) < 0.3
    mine[0] = True
    precision, recall, area = metrics.precision_recall(score, mine)
    assert area == pytest.approx(average_precision_score(mine, score))
    assert recall[-1] == 1.0
    assert (np.diff(recall) >= 0).all()
    assert ((precision >= 0) & (precision <= 1)).all()
