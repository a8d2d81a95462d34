"""The recipe of the head: which rows teach which part, how the parts are weighed, brought to scale, and when to doubt.

Every number here was chosen by artist-grouped cross-validation on training and validation songs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from sklearn.model_selection import StratifiedGroupKFold

from ml.features.arrays import Doubles, Floats, Integers, Mask
from ml.models import trunk
from ml.models.genre import BY_TAGS, EMBEDDING
from ml.models.head import Head, Linear
from ml.models.logit import softmax
from ml.train.data.corpus import EMOTIFY
from ml.train.genre.linear import Rows, add, artist_discriminant, even, softmax_regression
from ml.train.genre.trunk_outputs import Row

FOLDS = 5
RIDGE = 0.15
FIDELITY_BY_TAGS, FIDELITY_BY_EMBEDDING = 0.3, 1.0
SHRINKAGE = 0.1
DISCRIMINANT_SHARE, EMBEDDING_SHARE = 0.5, 0.7
CLIP_SHARE = 0.15
"""How much a short clip counts beside a taggram of the whole track, where the tags are judged."""
EMOTIFY_SHARE = 0.2
"""Another collection's idea of pop and rock; much more of it blurs GTZAN's."""
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
"""What a tag's name says of a genre before any song is heard. A label that is itself a tag speaks for itself."""

MUSIC_LIMITS = {"most_pauses": 0.12, "least_peakiness": 1.45, "least_spread": 0.5}
"""Beyond these (`ml.features.musicality`) lie speech, noise and test tones, and fewer than 2 in 100 training songs."""
CONFIDENT_SHARE = 0.9
"""So many songs of the known genres are to be answered with confidence."""
UNCALIBRATED = 2.0
"""Scale where there are too few songs to measure one."""


@dataclass(frozen=True)
class Table:
    """Rows as arrays, and which rows are copies of which."""

    rows: Rows
    is_taggram: Mask
    is_original: Mask
    from_emotify: Mask
    original_of: Integers


@dataclass(frozen=True)
class Predicted:
    """Scores of every row by a head that never met its artist; `held` marks the rows that were judged."""

    scores: Floats
    scores_by_tags: Floats
    held: Mask


def tabulate(rows: Sequence[Row], labels: Sequence[str]) -> Table:
    place = {(row.example.name, row.variant): i for i, row in enumerate(rows) if row.example.taggram is None}
    original = [place.get((row.example.name, "as is"), i) for i, row in enumerate(rows)]
    length = np.array([min(1.0, np.sqrt(row.windows / FULL_WINDOWS) + 0.2) for row in rows])
    table = Rows(
        trunk_output=np.array([row.trunk_output for row in rows], np.float32),
        labels=np.array([labels.index(row.example.label) for row in rows]),
        artists=np.array([row.example.artist for row in rows]),
        counts=length * [EMOTIFY_SHARE if row.example.collection == EMOTIFY else 1.0 for row in rows],
    )
    return Table(
        table,
        is_taggram=np.array([row.example.taggram is not None for row in rows]),
        is_original=np.array([row.variant == "as is" for row in rows]),
        from_emotify=np.array([row.example.collection == EMOTIFY for row in rows]),
        original_of=np.array(original),
    )


def fit_head(table: Table, labels: Sequence[str], use: Mask) -> Head:
    """A head from the rows marked `use`, its scores not yet calibrated."""
    heard = table.rows.where(use & ~table.is_taggram)
    heard = Rows(heard.trunk_output[:, EMBEDDING], heard.labels, heard.artists, heard.counts)
    by_embedding = softmax_regression(
        heard,
        len(labels),
        ridge=RIDGE,
        same=_changes(table, use)[:, EMBEDDING],
        fidelity=FIDELITY_BY_EMBEDDING,
    )
    by_embedding = even(by_embedding, heard.trunk_output).scaled(EMBEDDING_SHARE)
    return Head(fit_by_tags(table, labels, use), by_embedding, tags_alone=1.0)


def fit_by_tags(table: Table, labels: Sequence[str], use: Mask) -> Linear:
    """The part of the head that looks at tags, which taggrams alone can teach."""
    shares = (
        np.where(table.is_taggram | table.from_emotify, 1.0, CLIP_SHARE) if table.is_taggram.any() else 1.0
    )
    tagged = table.rows.where(use)
    tagged = Rows(
        tagged.trunk_output[:, BY_TAGS],
        tagged.labels,
        tagged.artists,
        tagged.counts * np.broadcast_to(shares, use.shape)[use],
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
    logits = Rows(tagged.trunk_output[:, len(trunk.TAGS) :], tagged.labels, tagged.artists, tagged.counts)
    discriminant = artist_discriminant(logits, count, shrinkage=SHRINKAGE)
    padding = np.zeros((len(trunk.TAGS), count), np.float32)
    discriminant = type(discriminant)(np.concatenate([padding, discriminant.weights]), discriminant.bias)
    return add(
        even(regression, tagged.trunk_output),
        even(discriminant, tagged.trunk_output).scaled(DISCRIMINANT_SHARE),
    )


def _changes(table: Table, use: Mask) -> Floats:
    """Evidence of each copy among the rows marked `use`, less that of its original."""
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


def cross_predict(table: Table, labels: Sequence[str], *, seed: int = 0) -> Predicted | None:
    """Judge every row by a head trained without its artist. None where there are too few artists for that."""
    rows, count = table.rows, len(labels)
    artists = [len(np.unique(rows.artists[rows.labels == label])) for label in range(count)]
    if min(artists) < 2:
        return None
    scores, by_tags = np.zeros((2, len(rows.labels), count), np.float32)
    folds = StratifiedGroupKFold(min(FOLDS, min(artists)), shuffle=True, random_state=seed)
    for train, held in folds.split(rows.trunk_output, rows.labels, rows.artists):
        head = fit_head(table, labels, np.isin(np.arange(len(rows.labels)), train))
        scores[held] = head.scores(rows.trunk_output[held])
        by_tags[held] = head.scores_by_tags(rows.trunk_output[held, BY_TAGS])
    return Predicted(scores, by_tags, table.is_original & ~table.from_emotify)


def temperature(scores: Floats, labels: Integers) -> float:
    """The factor on `scores` under which the probabilities' squared error (Brier score) is least.

    The likeliest factor is too timid: it is ruled by the few songs whose label no listener would guess.
    """
    truth = np.eye(scores.shape[1])[labels]

    def cost(logarithm: float) -> float:
        return float(np.square(softmax(scores * np.exp(logarithm)) - truth).sum(axis=1).mean())

    return float(np.exp(minimize_scalar(cost, bounds=(-3.0, 4.0), method="bounded").x))


def calibrate(head: Head, table: Table, predicted: Predicted | None) -> tuple[Head, float]:
    """The head brought to scale, and the least probability at which it is confident."""
    if predicted is None:
        scaled = Head(head.by_tags.scaled(UNCALIBRATED), head.by_embedding.scaled(UNCALIBRATED), 1.0)
        return scaled, 1.5 / len(head.by_tags.bias)
    audio, tagged = predicted.held & ~table.is_taggram, predicted.held & table.is_taggram
    factor = temperature(predicted.scores[audio], table.rows.labels[audio])
    alone = (
        temperature(predicted.scores_by_tags[tagged], table.rows.labels[tagged]) if tagged.any() else factor
    )
    best = softmax(factor * predicted.scores[audio]).max(axis=1)
    scaled = Head(head.by_tags.scaled(factor), head.by_embedding.scaled(factor), alone / factor)
    return scaled, float(np.quantile(best, 1 - CONFIDENT_SHARE))
