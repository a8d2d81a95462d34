"""Cross-validation folds that keep the songs of one group (an artist, a recording) together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import StratifiedGroupKFold

from ml.features.arrays import Integers

Array = npt.NDArray[Any]
Fold = tuple[Integers, Integers]
"""Row numbers to train on and row numbers to predict."""

FOLDS = 5


def stratified_folds(labels: Array, groups: Array, *, count: int = FOLDS, seed: int = 0) -> list[Fold]:
    """Folds with about the same share of each label, `count` of them or as many as the rarest label has groups.

    The list is empty if a label has one group only: no model can then be tested on a new group of each label.
    """
    fewest = min(len(np.unique(groups[labels == label])) for label in np.unique(labels))
    if fewest < 2:
        return []
    folds = StratifiedGroupKFold(min(count, fewest), shuffle=True, random_state=seed)
    return list(folds.split(labels, labels, groups))


def shuffled_folds(groups: Sequence[str], *, count: int, seed: int) -> Integers:
    """The number of each row's fold: the sorted groups are shuffled and dealt out one by one."""
    names, places = np.unique(groups, return_inverse=True)
    numbers: Integers = np.random.default_rng(seed).permutation(len(names))[places] % count
    return numbers


def folds_by_value(values: Array) -> list[Fold]:
    """Leave one value out at a time: fold numbers, genres, artists."""
    return [(np.flatnonzero(values != value), np.flatnonzero(values == value)) for value in np.unique(values)]


def predict_out_of_fold(folds: Sequence[Fold], predict: Callable[[Integers, Integers], Array]) -> Array:
    """A prediction for every row from a model that was not trained on it.

    `predict(train, test)` trains on rows `train` and returns predictions for rows `test`.
    """
    predicted = np.concatenate([predict(train, test) for train, test in folds])
    order = np.argsort(np.concatenate([test for _, test in folds]))
    return predicted[order]
