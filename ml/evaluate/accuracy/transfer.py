"""Accuracy on another collection, without training on it, and stability of the answer on worse copies of a song."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ml.evaluate.accuracy.model import CachedModel, CrossPredictions, Songs
from ml.train import metrics
from ml.train.data.augmentation import VARIANTS
from ml.train.data.corpus import EMOTIFY
from ml.train.genre import recipe
from ml.train.genre.trunk_outputs import Row
from ml.train.metrics import Figures, rounded, share

AS_IS = "as is"
CHANGES = [variant for variant in VARIANTS if variant != AS_IS]


def measure_other_collection(model: CachedModel, crossed: CrossPredictions) -> Figures:
    """A head trained on GTZAN alone, on the clips of Emotify that have one of its labels."""
    table = crossed.table
    head = recipe.fit_head(table, model.labels, ~table.from_emotify)
    clips = table.from_emotify & table.is_original
    truth = np.asarray(table.rows.labels[clips])
    answers = np.asarray(head.scores(table.rows.trunk_output[clips]).argmax(axis=1), np.int64)
    present = sorted(set(truth.tolist()))
    mean, low, high = metrics.mean_recall(truth, answers)
    return {
        "mean_recall": rounded(mean),
        "low": rounded(low),
        "high": rounded(high),
        "n": len(truth),
        "in_training_data": any(EMOTIFY in source for source in model.genre.card.data),
        "recall": {model.labels[i]: share(answers[truth == i] == i, key="recall") for i in present},
    }


def measure_robustness(model: CachedModel, songs: Songs, *, with_test: bool) -> Figures:
    """The share of clips that keep their first answer after each change, by the clips' role in training."""
    groups = {
        "training": [example for example in songs.training if example.path],
        "test": songs.test_clips if with_test else [],
        "other": songs.other_clips + songs.other_style,
    }
    rows = {name: model.rows(examples, tuple(VARIANTS)) for name, examples in groups.items()}
    unchanged = {name: _unchanged_answers(model, found) for name, found in rows.items() if found}
    return {
        change: {name: share(same[change], key="same") for name, same in unchanged.items()}
        | {"all": share([kept for same in unchanged.values() for kept in same[change]], key="same")}
        for change in CHANGES
    }


def _unchanged_answers(model: CachedModel, rows: Sequence[Row]) -> dict[str, list[bool]]:
    """For each change, whether each clip's first answer stayed the same."""
    best = model.predict(rows).argmax(axis=1).tolist()
    answers = {(row.example.name, row.variant): answer for row, answer in zip(rows, best, strict=True)}
    names = [row.example.name for row in rows if row.variant == AS_IS]
    return {change: [answers[name, change] == answers[name, AS_IS] for name in names] for change in CHANGES}
