"""What a random split would have made of the same songs: the figure that flatters, beside the one that counts.

Two looks. The recipe's judgement by tags, on taggrams; and a plain SVM on a published table of hand-made features in
which every track stands three times, as segments of ten seconds.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
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

from ml.evaluate.figures import Figures, rounded, spread
from ml.features.arrays import Integers, Names, Reals
from ml.models.genre import BY_TAGS
from ml.train.genre import recipe
from ml.train.genre.trunk_outputs import Row

SEEDS = 5
FOLDS = 5
SEGMENT_TEST_SHARE = 0.1
NOT_FEATURES = {"Track ID", "File", "GenreID", "Genre", "Type"}

Split = tuple[Integers, Integers]


def of_recipe(train: Sequence[Row], test: Sequence[Row], labels: Sequence[str]) -> Figures:
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


def of_recipe_cross_validated(rows: Sequence[Row], labels: Sequence[str]) -> Figures:
    """The same without the test split: folds that keep artists together, and folds that do not."""
    table = recipe.tabulate(rows, labels)
    truth, artists = table.rows.labels, table.rows.artists
    runs: dict[str, list[float]] = {"filtered": [], "random": []}
    for seed in range(SEEDS):
        kept = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed).split(truth, truth, artists)
        mixed = StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(truth, truth)
        runs["filtered"].append(_recipe_accuracy(table, labels, kept))
        runs["random"].append(_recipe_accuracy(table, labels, mixed))
    return {
        "filtered": rounded(np.mean(runs["filtered"])),
        "random": spread(runs["random"]),
        "n": len(rows),
    }


def _recipe_accuracy(
    table: recipe.TrainingTable, labels: Sequence[str], splits: Iterator[Split] | list[Split]
) -> float:
    right: list[bool] = []
    for train, test in splits:
        linear = recipe.fit_by_tags(table, labels, np.isin(np.arange(len(table.rows.labels)), train))
        answers = linear(table.rows.trunk_output[test][:, BY_TAGS]).argmax(axis=1)
        right += (answers == table.rows.labels[test]).tolist()
    return float(np.mean(right))


@dataclass(frozen=True)
class Segments:
    features: Reals
    genres: Integers
    tracks: Names


def read_segments(path: Path) -> Segments:
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    names = [name for name in rows[0] if name not in NOT_FEATURES]
    genres = sorted({row["Genre"] for row in rows})
    return Segments(
        np.array([[float(row[name]) for name in names] for row in rows]),
        np.array([genres.index(row["Genre"]) for row in rows]),
        np.array([Path(row["File"]).stem.replace("_", ".") for row in rows]),
    )


def of_segments(segments: Segments, train: set[str], test: set[str]) -> Figures:
    """An SVM's accuracy per segment when the split is drawn by segment, by track, or filtered by artist."""
    places = np.arange(len(segments.tracks))
    by_segment = ShuffleSplit(SEEDS, test_size=SEGMENT_TEST_SHARE, random_state=0).split(places)
    by_track = GroupShuffleSplit(SEEDS, test_size=SEGMENT_TEST_SHARE, random_state=0)
    filtered = [np.flatnonzero(np.isin(segments.tracks, sorted(names))) for names in (train, test)]
    return {
        "segment_wise": spread([_svm_accuracy(segments, *split) for split in by_segment]),
        "track_wise": spread(
            [_svm_accuracy(segments, *split) for split in by_track.split(places, groups=segments.tracks)]
        ),
        "filtered": rounded(_svm_accuracy(segments, filtered[0], filtered[1])),
        "n": len(places),
    }


def _svm_accuracy(segments: Segments, train: Integers, test: Integers) -> float:
    model = make_pipeline(StandardScaler(), SVC(C=10))
    model.fit(segments.features[train], segments.genres[train])
    return float(model.score(segments.features[test], segments.genres[test]))


def read_split(path: Path) -> set[str]:
    """Track names of a published list such as `blues/blues.00012.wav`."""
    return {Path(line).stem for line in path.read_text(encoding="utf-8").split()}
