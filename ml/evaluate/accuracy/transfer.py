"""Does it hold elsewhere? On another collection, after training without it, and on worse copies of the same songs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ml.evaluate.accuracy.songs import CrossPredicted, Predictor, Songs
from ml.evaluate.figures import Figures, rounded, share
from ml.train import metrics
from ml.train.data.augmentation import VARIANTS
from ml.train.data.corpus import EMOTIFY
from ml.train.genre import recipe
from ml.train.genre.trunk_outputs import Row

AS_IS = "as is"


def other_collection(predictor: Predictor, crossed: CrossPredicted) -> Figures:
    """A head from GTZAN alone, on the clips of Emotify that bear one of its labels."""
    table = crossed.table
    head = recipe.fit_head(table, predictor.labels, ~table.from_emotify)
    asked = table.from_emotify & table.is_original
    truth = np.asarray(table.rows.labels[asked])
    answers = np.asarray(head.scores(table.rows.trunk_output[asked]).argmax(axis=1), np.int64)
    present = sorted(set(truth.tolist()))
    mean, low, high = metrics.mean_recall(truth, answers, len(predictor.labels))
    return {
        "mean_recall": rounded(mean),
        "low": rounded(low),
        "high": rounded(high),
        "n": len(truth),
        "learnt_by_model": any(EMOTIFY in source for source in predictor.model.card.data),
        "recall": {predictor.labels[i]: share(answers[truth == i] == i, key="recall") for i in present},
    }


def robustness(predictor: Predictor, songs: Songs, *, with_test: bool) -> Figures:
    """How many clips keep their first answer after each change, by whether the model was trained on them."""
    groups = {
        "learnt": [example for example in songs.learnt if example.path],
        "test": songs.test_clips if with_test else [],
        "unseen": songs.strangers + songs.strange_style,
    }
    rows = {name: predictor.rows(examples, tuple(VARIANTS)) for name, examples in groups.items()}
    kept = {name: _kept(predictor, found) for name, found in rows.items()}
    kept["all"] = {
        variant: [same for name in rows for same in kept[name].get(variant, [])] for variant in _changes()
    }
    return {
        variant: {name: share(np.array(same[variant]), key="same") for name, same in kept.items() if same}
        for variant in _changes()
    }


def _changes() -> list[str]:
    return [variant for variant in VARIANTS if variant != AS_IS]


def _kept(predictor: Predictor, rows: Sequence[Row]) -> dict[str, list[bool]]:
    """For each change, whether each clip's answer stayed. Empty without clips."""
    if not rows:
        return {}
    answers = predictor.predict(rows).argmax(axis=1)
    place = {(row.example.name, row.variant): int(answers[i]) for i, row in enumerate(rows)}
    names = [row.example.name for row in rows if row.variant == AS_IS]
    return {variant: [place[name, variant] == place[name, AS_IS] for name in names] for variant in _changes()}
