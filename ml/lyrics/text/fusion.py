"""Sound and words together: a log-linear combination of two sets of genre probabilities.

    log p = log p_sound + weight * confidence * (log p_words - log prior) + constant

over the labels that both have. The words say nothing about another label, so its score stays that of the sound.
"""

from __future__ import annotations

import numpy as np

from ml.features.arrays import Doubles, Reals
from ml.models.logit import softmax
from ml.report.schema import Genre, Score

LEAST = 1e-6
"""Smaller probabilities count as this one: no label is ever ruled out by one part."""


def fuse(sound: Reals, words: Reals, priors: Reals, weight: float | Reals) -> Doubles:
    """Probabilities (..., labels); `words` and `priors` are NaN for labels that the words do not know.

    priors: the probabilities that the words model gives without any word.
    """
    ratio = np.log(np.maximum(np.asarray(words, np.float64), LEAST)) - np.log(np.asarray(priors, np.float64))
    scores = np.log(np.maximum(np.asarray(sound, np.float64), LEAST))
    return softmax(scores + np.asarray(weight)[..., None] * np.nan_to_num(ratio))


def combine(sound: Genre, words: Genre, *, priors: dict[str, float], weight: float, confidence: float) -> Genre | None:
    """The genre by sound and words; None where they have no label in common."""
    labels = [score.label for score in sound.scores]
    by_words = {score.label: score.probability for score in words.scores if score.label in priors}
    if not by_words.keys() & set(labels):
        return None
    probabilities = fuse(
        np.array([score.probability for score in sound.scores]),
        np.array([by_words.get(label, np.nan) for label in labels]),
        np.array([priors.get(label, np.nan) for label in labels]),
        weight * min(max(confidence, 0.0), 1.0),
    )
    if not weight * confidence > 0:  # exactly the sound alone, without rounding
        return sound
    order = np.argsort(-probabilities, kind="stable")
    scores = tuple(Score(labels[i], float(probabilities[i])) for i in order)
    top = scores[0].label
    is_confident = (sound.confident and sound.top == top) or (words.confident and words.top == top)
    return Genre(top, is_confident, scores)
