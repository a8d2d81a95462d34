"""Fit the weight of the words against the sound, on GTZAN's published taggrams paired with texts of the same genre.

No collection here has both sound and text of a song, so each track gets the text of another song of its genre.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ml.features.arrays import Doubles, Floats, Integers, Mask, Reals
from ml.lyrics.text.fusion import fuse
from ml.models.head import tag_output
from ml.models.logit import softmax
from ml.models.trunk import BY_TAGS, TRUNK_OUTPUT_SIZE
from ml.train.data.augmentation import ORIGINAL
from ml.train.data.corpus import Example, read_taggrams
from ml.train.data.folds import predict_out_of_fold, stratified_folds
from ml.train.genre import recipe
from ml.train.genre.trunk_outputs import Row
from ml.train.lyrics.table import TextSong
from ml.train.metrics import Figures, share

WEIGHTS = np.arange(0, 1.51, 0.05)
"""Candidates for the weight of the words; 0 is the sound alone."""


@dataclass(frozen=True)
class Sound:
    """Genre probabilities (tracks, labels) by sound, and the true label of each track."""

    labels: tuple[str, ...]
    truth: Integers
    probabilities: Reals


@dataclass(frozen=True)
class Pairs:
    """Tracks with a text each; `words` (pairs, labels of the sound) are NaN for labels that the words do not know."""

    sound: Sound
    words: Doubles
    priors: Doubles
    is_shared: Mask
    """Pairs whose genre the words model knows; the others have the text of another genre."""

    def fused(self, weight: float) -> Doubles:
        return fuse(self.sound.probabilities, self.words, self.priors, weight)

    def accuracy(self, weight: float) -> Figures:
        return share(self.fused(weight).argmax(axis=1) == self.sound.truth)


def cross_predict(shared: Path, labels: tuple[str, ...]) -> Sound:
    """Training tracks, each classified by the tag part of a head that was trained without its artist."""
    rows = [_row(example) for example in read_taggrams(shared, "train")]
    present = tuple(label for label in labels if any(row.example.label == label for row in rows))
    table = recipe.tabulate(rows, present)
    outputs, truth = table.rows.trunk_output[:, BY_TAGS], table.rows.labels

    def predict(train: Integers, test: Integers) -> Floats:
        return recipe.fit_by_tags(table, present, np.isin(np.arange(len(rows)), train))(outputs[test])

    scores = predict_out_of_fold(stratified_folds(truth, table.rows.artists), predict).astype(np.float32)
    columns = [labels.index(label) for label in present]
    probabilities = np.zeros((len(rows), len(labels)), np.float32)
    probabilities[:, columns] = softmax(scores * recipe.temperature(scores, truth))
    return Sound(labels, np.array(columns, np.int64)[truth], probabilities)


def _row(example: Example) -> Row:
    taggram = np.asarray(example.taggram)
    output = np.full(TRUNK_OUTPUT_SIZE, np.nan, np.float32)
    output[BY_TAGS] = tag_output(taggram)
    return Row(example, ORIGINAL, output, len(taggram))


def make_pairs(
    sound: Sound, songs: Sequence[TextSong], by_words: Reals, priors: dict[str, float], *, seed: int
) -> Pairs:
    """Each track with a text of its genre, drawn without repetition as long as there are enough.

    by_words: (songs, labels of `priors`). A genre that the words model does not know gets texts of any genre, the
    worst case for it. A genre that it knows but that has no text among `songs` is left out.
    """
    random = np.random.default_rng(seed)
    by_genre = {label: [i for i, song in enumerate(songs) if song.genre == label] for label in priors}
    order = {label: random.permutation(rows) for label, rows in by_genre.items()}
    anything = random.permutation(len(songs))
    used, tracks, texts = dict.fromkeys(["", *priors], 0), [], []
    for track, label in enumerate(sound.labels[truth] for truth in sound.truth.tolist()):
        key = label if label in priors else ""
        pool = order[key] if key else anything
        if len(pool):
            tracks.append(track)
            texts.append(int(pool[used[key] % len(pool)]))
            used[key] += 1
    words = np.full((len(tracks), len(sound.labels)), np.nan)
    for column, label in enumerate(priors):
        if label in sound.labels:
            words[:, sound.labels.index(label)] = by_words[texts, column]
    chosen = Sound(sound.labels, sound.truth[tracks], sound.probabilities[tracks])
    known = np.array([sound.labels[truth] in priors for truth in chosen.truth.tolist()], bool)
    return Pairs(chosen, words, np.array([priors.get(label, np.nan) for label in sound.labels]), known)


def fit_weight(pairs: Pairs) -> float:
    """The weight of the lowest log loss among those that are at least as accurate as the sound alone."""
    truth = pairs.sound.truth
    costs = []
    for weight in WEIGHTS:
        probabilities = pairs.fused(float(weight))
        accuracy = float((probabilities.argmax(axis=1) == truth).mean())
        costs.append((accuracy, -float(np.log(probabilities[np.arange(len(truth)), truth]).mean()), float(weight)))
    alone = costs[0][0]
    return min((cost, weight) for accuracy, cost, weight in costs if accuracy >= alone)[1]
