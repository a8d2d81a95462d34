"""Accuracy on random splits beside the artist-filtered split of the same songs: how much a random split overstates.

Measured twice: with the recipe's tag part on taggrams, and with a plain SVM on a published table of hand-crafted
features in which every track appears three times, as segments of ten seconds.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from sklearn.model_selection import (
    GroupShuffleSplit,
    ShuffleSplit,
    StratifiedGroupKFold,
    StratifiedKFold,
    StratifiedShuffleSplit,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from ml.evaluate.accuracy.model import CachedModel, Songs
from ml.features.arrays import Integers
from ml.models.trunk import BY_TAGS
from ml.report.progress import show_progress
from ml.train.data.corpus import read_split, read_taggrams
from ml.train.data.feature_tables import FeatureTable, read_table
from ml.train.genre import recipe
from ml.train.genre.trunk_outputs import Row
from ml.train.metrics import Figures, rounded, spread

SEEDS = 5
FOLDS = 5
SEGMENT_TEST_SHARE = 0.1

Split = tuple[Integers, Integers]


def measure(model: CachedModel, songs: Songs, shared: Path, split: str) -> Figures:
    """Both measurements; with `split` "valid" no song of the test split is read."""
    show_progress("measuring random splits\n")
    train = model.rows(read_taggrams(shared, "train"))
    if split == "test":
        by_recipe = measure_recipe(train, model.rows(songs.test_taggrams), model.labels)
    else:
        by_recipe = cross_validate_recipe(train, model.labels)
    segments = read_table(shared / "gtzan" / "features_10_sec.tsv")
    sides = read_split(shared, "train"), read_split(shared, split)
    return {"recipe": by_recipe, "segments": measure_segments(segments, *sides)}


def measure_recipe(train: Sequence[Row], test: Sequence[Row], labels: Sequence[str]) -> Figures:
    """The filtered split, and random ones of the same songs and sizes."""
    table = recipe.tabulate([*train, *test], labels)
    filtered = np.arange(len(train)), np.arange(len(train), len(train) + len(test))
    shuffled = StratifiedShuffleSplit(SEEDS, test_size=len(test), random_state=0)
    draws = shuffled.split(table.rows.labels, table.rows.labels)
    return {
        "filtered": rounded(_recipe_accuracy(table, labels, [filtered])),
        "random": spread([_recipe_accuracy(table, labels, [draw]) for draw in draws]),
        "n": len(test),
    }


def cross_validate_recipe(rows: Sequence[Row], labels: Sequence[str]) -> Figures:
    """The same without the test split: folds grouped by artist, and folds that are not."""
    table = recipe.tabulate(rows, labels)
    truth, artists = table.rows.labels, table.rows.artists
    filtered, random = [], []
    for seed in range(SEEDS):
        grouped = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed).split(truth, truth, artists)
        mixed = StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(truth, truth)
        filtered.append(_recipe_accuracy(table, labels, grouped))
        random.append(_recipe_accuracy(table, labels, mixed))
    return {"filtered": rounded(np.mean(filtered)), "random": spread(random), "n": len(rows)}


def _recipe_accuracy(table: recipe.TrainingTable, labels: Sequence[str], splits: Iterable[Split]) -> float:
    correct: list[bool] = []
    for train, test in splits:
        linear = recipe.fit_by_tags(table, labels, np.isin(np.arange(len(table.rows.labels)), train))
        answers = linear(table.rows.trunk_output[test][:, BY_TAGS]).argmax(axis=1)
        correct += (answers == table.rows.labels[test]).tolist()
    return float(np.mean(correct))


def measure_segments(segments: FeatureTable, train: set[str], test: set[str]) -> Figures:
    """An SVM's accuracy per segment when the split is random by segment, random by track, or filtered by artist."""
    indices = np.arange(len(segments.songs))
    by_segment = ShuffleSplit(SEEDS, test_size=SEGMENT_TEST_SHARE, random_state=0).split(indices)
    by_track = GroupShuffleSplit(SEEDS, test_size=SEGMENT_TEST_SHARE, random_state=0)
    grouped = by_track.split(indices, groups=segments.songs)
    filtered = [np.flatnonzero(np.isin(segments.songs, sorted(names))) for names in (train, test)]
    return {
        "segment_wise": spread([_svm_accuracy(segments, *split) for split in by_segment]),
        "track_wise": spread([_svm_accuracy(segments, *split) for split in grouped]),
        "filtered": rounded(_svm_accuracy(segments, filtered[0], filtered[1])),
        "n": len(indices),
    }


def _svm_accuracy(segments: FeatureTable, train: Integers, test: Integers) -> float:
    model, features = make_pipeline(StandardScaler(), SVC(C=10)), segments.features.astype(np.float64)
    model.fit(features[train], segments.labels[train])
    return float(model.score(features[test], segments.labels[test]))
