"""Third step of training the genre head: fit its two parts, calibrate the sum, and choose the limit of confidence.

Every number here was chosen by artist-grouped cross-validation on training and validation songs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.optimize import minimize_scalar

from ml.features.arrays import Doubles, Floats, Integers, Mask
from ml.models import trunk
from ml.models.head import Head, Linear
from ml.models.logit import softmax
from ml.models.trunk import BY_TAGS, EMBEDDING
from ml.train.data.augmentation import ORIGINAL
from ml.train.data.corpus import EMOTIFY
from ml.train.data.folds import predict_out_of_fold, stratified_folds
from ml.train.genre.trunk_outputs import Row
from ml.train.linear import WeightedRows, add, artist_discriminant, normalise, softmax_regression

RIDGE = 0.15
FIDELITY_BY_TAGS, FIDELITY_BY_EMBEDDING = 0.3, 1.0
SHRINKAGE = 0.1
DISCRIMINANT_SHARE, EMBEDDING_SHARE = 0.5, 0.7
CLIP_SHARE = 0.15
"""Weight of a short clip relative to a taggram of the whole track, in the fit of the tag part."""
EMOTIFY_SHARE = 0.2
"""Weight of Emotify's songs. Its pop and rock differ from GTZAN's; a higher weight lowers accuracy on GTZAN."""
FULL_WINDOWS = 5

PRIOR_STRENGTH = 1.2
PRIOR = {
    "blues": {"blues": 1.0, "oldies": 0.2, "guitar": 0.2, "acoustic": 0.2, "classic rock": 0.1},
    "classical": {"instrumental": 0.6, "ambient": 0.5, "beautiful": 0.4},
    "country": {"country": 1.0, "folk": 0.3},
    "disco": {"funk": 0.6, "dance": 0.5, "70s": 0.5, "soul": 0.3, "party": 0.2},
    "hiphop": {"hip-hop": 1.0, "rnb": 0.2},
    "jazz": {"jazz": 1.0},
    "metal": {"metal": 1.0, "heavy metal": 0.5, "hard rock": 0.3},
    "pop": {
        "pop": 1.0, "indie pop": 0.6, "female vocalists": 0.5, "rnb": 0.4, "catchy": 0.4, "00s": 0.4, "sexy": 0.3,
        "dance": 0.3, "indie": 0.3, "80s": 0.3, "90s": 0.3, "electronic": 0.2, "electronica": 0.2, "beautiful": 0.1,
    },
    "reggae": {"mellow": 0.3, "chill": 0.3, "chillout": 0.2, "happy": 0.2},
    "rock": {
        "rock": 0.7, "classic rock": 0.7, "alternative rock": 0.6, "indie rock": 0.5, "alternative": 0.4,
        "progressive rock": 0.4,
    },
}  # fmt: skip
"""Prior weight of tags for genres, from their names alone. A label that is itself a tag gets that tag."""

MUSIC_LIMITS = {"most_pauses": 0.12, "least_peakiness": 1.45, "least_spread": 0.5}
"""Beyond these (`ml.features.musicality`) lie speech, noise and test tones, and fewer than 2 in 100 training songs."""
CONFIDENT_SHARE = 0.9
"""Share of songs of the known genres whose answer shall count as confident."""
UNCALIBRATED = 2.0
"""Scale of the scores if there are too few artists to calibrate it."""


@dataclass(frozen=True)
class TrainingTable:
    """Training rows as arrays, and the row of each copy's original."""

    rows: WeightedRows
    is_taggram: Mask
    is_original: Mask
    from_emotify: Mask
    original_of: Integers


@dataclass(frozen=True)
class Predicted:
    """Scores of every row by a head that was trained without its artist; `scored` marks the rows to measure by."""

    scores: Floats
    scores_by_tags: Floats
    scored: Mask


def tabulate(rows: Sequence[Row], labels: Sequence[str]) -> TrainingTable:
    originals = {
        row.example.name: i for i, row in enumerate(rows) if row.example.taggram is None and row.variant == ORIGINAL
    }
    length = np.array([min(1.0, np.sqrt(row.windows / FULL_WINDOWS) + 0.2) for row in rows])
    table = WeightedRows(
        trunk_output=np.array([row.trunk_output for row in rows], np.float32),
        labels=np.array([labels.index(row.example.label) for row in rows]),
        artists=np.array([row.example.artist for row in rows]),
        counts=length * [EMOTIFY_SHARE if row.example.collection == EMOTIFY else 1.0 for row in rows],
    )
    return TrainingTable(
        table,
        is_taggram=np.array([row.example.taggram is not None for row in rows]),
        is_original=np.array([row.variant == ORIGINAL for row in rows]),
        from_emotify=np.array([row.example.collection == EMOTIFY for row in rows]),
        original_of=np.array([originals.get(row.example.name, i) for i, row in enumerate(rows)]),
    )


def fit_head(table: TrainingTable, labels: Sequence[str], use: Mask) -> Head:
    """A head from the rows marked `use`, its scores not yet calibrated."""
    audio = table.rows.where(use & ~table.is_taggram)
    audio = replace(audio, trunk_output=audio.trunk_output[:, EMBEDDING])
    by_embedding = softmax_regression(
        audio, len(labels), ridge=RIDGE, same=_changes(table, use)[:, EMBEDDING], fidelity=FIDELITY_BY_EMBEDDING
    )
    by_embedding = normalise(by_embedding, audio.trunk_output).scaled(EMBEDDING_SHARE)
    return Head(fit_by_tags(table, labels, use), by_embedding, tags_alone=1.0)


def fit_by_tags(table: TrainingTable, labels: Sequence[str], use: Mask) -> Linear:
    """The part of the head that uses tags alone, and so can be trained on taggrams."""
    shares = np.where(table.is_taggram | table.from_emotify, 1.0, CLIP_SHARE) if table.is_taggram.any() else 1.0
    tagged = table.rows.where(use)
    tagged = replace(
        tagged,
        trunk_output=tagged.trunk_output[:, BY_TAGS],
        counts=tagged.counts * np.broadcast_to(shares, use.shape)[use],
    )
    count = len(labels)
    regression = softmax_regression(
        tagged,
        count,
        ridge=RIDGE,
        prior=prior_weights(labels),
        same=_changes(table, use)[:, BY_TAGS],
        fidelity=FIDELITY_BY_TAGS,
    )
    logits = replace(tagged, trunk_output=tagged.trunk_output[:, len(trunk.TAGS) :])
    discriminant = artist_discriminant(logits, count, shrinkage=SHRINKAGE)
    padding = np.zeros((len(trunk.TAGS), count), np.float32)
    discriminant = Linear(np.concatenate([padding, discriminant.weights]), discriminant.bias)
    return add(
        normalise(regression, tagged.trunk_output),
        normalise(discriminant, tagged.trunk_output).scaled(DISCRIMINANT_SHARE),
    )


def _changes(table: TrainingTable, use: Mask) -> Floats:
    """Trunk output of each copy among the rows marked `use`, minus that of its original."""
    copies = use & ~table.is_taggram & ~table.is_original
    changes: Floats = table.rows.trunk_output[copies] - table.rows.trunk_output[table.original_of[copies]]
    return changes


def prior_weights(labels: Sequence[str]) -> Doubles:
    weights = np.zeros((2 * len(trunk.TAGS), len(labels)))
    for column, label in enumerate(labels):
        own = {label.casefold(): 1.0} if label.casefold() in trunk.TAGS else {}
        for tag, weight in PRIOR.get(label.casefold(), own).items():
            weights[trunk.TAGS.index(tag), column] = PRIOR_STRENGTH * weight
    return weights


def cross_predict(table: TrainingTable, labels: Sequence[str], *, seed: int = 0) -> Predicted | None:
    """Scores of every row by a head trained without its artist; None if there are too few artists for that."""
    rows = table.rows
    folds = stratified_folds(rows.labels, rows.artists, seed=seed)
    if not folds or len(np.unique(rows.labels)) < len(labels):
        return None

    def predict(train: Integers, test: Integers) -> Floats:
        head = fit_head(table, labels, np.isin(np.arange(len(rows.labels)), train))
        outputs = rows.trunk_output[test]
        return np.stack([head.scores(outputs), head.scores_by_tags(outputs[:, BY_TAGS])], axis=1)

    scores = predict_out_of_fold(folds, predict).astype(np.float32)
    return Predicted(scores[:, 0], scores[:, 1], table.is_original & ~table.from_emotify)


def temperature(scores: Floats, labels: Integers) -> float:
    """The factor on `scores` under which the probabilities' squared error (Brier score) is least.

    The factor of maximum likelihood is too small: the few songs with surprising labels dominate it.
    """
    truth = np.eye(scores.shape[1])[labels]

    def cost(logarithm: float) -> float:
        return float(np.square(softmax(scores * np.exp(logarithm)) - truth).sum(axis=1).mean())

    return float(np.exp(minimize_scalar(cost, bounds=(-3.0, 4.0), method="bounded").x))


def calibrate(head: Head, table: TrainingTable, predicted: Predicted | None) -> tuple[Head, float]:
    """The head with calibrated scores, and the least probability at which it is confident."""
    if predicted is None:
        scaled = Head(head.by_tags.scaled(UNCALIBRATED), head.by_embedding.scaled(UNCALIBRATED), 1.0)
        return scaled, 1.5 / len(head.by_tags.bias)
    audio, tagged = predicted.scored & ~table.is_taggram, predicted.scored & table.is_taggram
    factor = temperature(predicted.scores[audio], table.rows.labels[audio])
    alone = temperature(predicted.scores_by_tags[tagged], table.rows.labels[tagged]) if tagged.any() else factor
    best = softmax(factor * predicted.scores[audio]).max(axis=1)
    scaled = Head(head.by_tags.scaled(factor), head.by_embedding.scaled(factor), alone / factor)
    return scaled, float(np.quantile(best, 1 - CONFIDENT_SHARE))
