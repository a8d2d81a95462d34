"""Figures of predictions with 95 % intervals by a bootstrap over artists: whole artists are drawn, not songs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ml.features.arrays import Integers
from ml.train.metrics import Figures, rounded

DRAWS = 4000


def figures_by_artist(truth: Integers, answers: Integers, artists: Sequence[str], *, seed: int = 0) -> Figures:
    """Accuracy and macro recall (over the labels that occur), each with its interval.

    A song's neighbours by the same artist tell little that is new, so an interval over songs would be too narrow.
    """
    names, group = np.unique(np.asarray(artists), return_inverse=True)
    labels = np.unique(truth)
    right = np.zeros((len(names), len(labels)))
    count = np.zeros_like(right)
    column = np.searchsorted(labels, truth)
    np.add.at(right, (group, column), (answers == truth).astype(float))
    np.add.at(count, (group, column), 1.0)
    drawn = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), size=DRAWS)
    drawn_right, drawn_count = drawn @ right, drawn @ count
    accuracies = drawn_right.sum(axis=1) / drawn_count.sum(axis=1)
    shares = np.divide(drawn_right, drawn_count, out=np.full_like(drawn_right, np.nan), where=drawn_count > 0)
    recalls = np.nanmean(shares, axis=1)
    return {
        "accuracy": _figure("accuracy", right.sum() / count.sum(), accuracies),
        "macro_recall": _figure("macro_recall", float(np.mean(right.sum(axis=0) / count.sum(axis=0))), recalls),
        "n": len(truth),
        "artists": len(names),
    }


def _figure(key: str, value: float, draws: npt.NDArray[np.float64]) -> Figures:
    low, high = np.quantile(draws, [0.025, 0.975])
    return {key: rounded(value), "low": rounded(low), "high": rounded(high)}
