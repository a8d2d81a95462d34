"""Second step of training tempo and key: both tasks in one form, the features and the right answers of each song.

In a task, `ridge` is the penalty on the weights, `measures` names the strict and the lenient score (as in the MIREX
evaluations), and `genre_inputs` lists what the estimator is given of a song's genre: none, the estimate, or the label.
Arrays are (alternatives, ...).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from ml.features import onsets
from ml.features.arrays import Doubles, Mask
from ml.models import key, logit, tempo
from ml.report.keys import KEYS, TONICS
from ml.train.rhythm.songs import AnnotatedSong, Annotation

Genre = Mapping[str, float] | None

TEMPO_TARGET = 0.03
PRIOR_WIDTH_OCTAVES = 0.16
"""Maximum likelihood on out-of-fold data by artist, among 0.12 to 0.2, with the genre model's out-of-fold estimates."""
SHORT_IMPORTANCE = 0.25
"""Weight of a 3-second clip relative to one of 14 s or more when keys are trained."""
TEMPO_TOLERANCE = 0.04
TEMPO_FACTORS = (1 / 3, 1 / 2, 1, 2, 3)

RIGHT, FIFTH, RELATIVE, PARALLEL = 1.0, 0.5, 0.3, 0.2
"""MIREX's scores of a key estimate: exact, a fifth above, relative and parallel."""


class TempoTask:
    """Strict: within 4 %. Lenient: a third, half, double and triple count too."""

    name, ridge, measures = "tempo", 2.0, ("accuracy1", "accuracy2")
    genre_inputs = ("none", "estimated", "labelled")

    def can_train_on(self, annotation: Annotation) -> bool:
        return annotation.bpm is not None and annotation.long

    def importance(self, annotation: Annotation) -> float:
        return 1.0

    def priors(self, annotations: Sequence[Annotation]) -> dict[str, Doubles]:
        """(tempi,) smoothed share of every tempo among a genre's annotations."""
        priors = {}
        for label in sorted({one.genre for one in annotations if one.bpm}):
            tempi = np.array([one.bpm for one in annotations if one.bpm and one.genre == label])
            octaves = np.log2(onsets.TEMPI / tempi[:, None])
            share = np.exp(-0.5 * (octaves / PRIOR_WIDTH_OCTAVES) ** 2).sum(axis=0)
            priors[label] = np.round(share / share.sum(), 5)
        return priors

    def features(self, song: AnnotatedSong, priors: Mapping[str, Doubles], genre: Genre) -> Doubles:
        return tempo.features(song.pulse.periodicity, tempo.log_prior(priors, genre))

    def right(self, annotation: Annotation) -> Mask:
        mask: Mask = np.abs(onsets.TEMPI / (annotation.bpm or np.nan) - 1) <= TEMPO_TARGET
        return mask

    def likelihood(self, candidates: Doubles, weights: Doubles) -> Doubles:
        return tempo.likelihood(candidates, weights)

    def score(self, song: AnnotatedSong, shares: Doubles) -> tuple[float, float]:
        return tempo_scores(tempo.refine_bpm(shares, song.pulse.spectrum), song.annotation.bpm)


class KeyTask:
    """Strict: the exact key. Lenient: MIREX's weights for related keys."""

    name, ridge, measures = "key", 4.0, ("accuracy", "mirex")
    genre_inputs = ("none",)

    def can_train_on(self, annotation: Annotation) -> bool:
        return annotation.key is not None

    def importance(self, annotation: Annotation) -> float:
        return 1.0 if annotation.long else SHORT_IMPORTANCE

    def priors(self, annotations: Sequence[Annotation]) -> dict[str, Doubles]:
        return {}

    def features(self, song: AnnotatedSong, priors: Mapping[str, Doubles], genre: Genre) -> Doubles:
        return key.features(song.profile)

    def right(self, annotation: Annotation) -> Mask:
        return np.array([known == annotation.key for known in KEYS])

    def likelihood(self, candidates: Doubles, weights: Doubles) -> Doubles:
        return logit.softmax(candidates @ weights)

    def score(self, song: AnnotatedSong, shares: Doubles) -> tuple[float, float]:
        answer = KEYS[int(shares.argmax())]
        weighted = key_score(answer, song.annotation.key or answer)
        return float(weighted == RIGHT), weighted


EstimationTask = TempoTask | KeyTask


def tempo_is_right(estimated: float, annotated: float, *, tolerance: float = TEMPO_TOLERANCE) -> bool:
    """Accuracy 1: within `tolerance` of the annotation, which is in the same unit."""
    return abs(estimated - annotated) <= tolerance * annotated


def tempo_is_related(estimated: float, annotated: float, *, tolerance: float = TEMPO_TOLERANCE) -> bool:
    """Accuracy 2: a third, half, double and triple of the annotation count as right too."""
    return any(tempo_is_right(estimated, annotated * factor, tolerance=tolerance) for factor in TEMPO_FACTORS)


def tempo_scores(estimated: float, annotated: float | None) -> tuple[float, float]:
    """Accuracies 1 and 2 of one clip as 0.0 or 1.0; both 0.0 without an annotation."""
    truth = annotated or math.nan
    return float(tempo_is_right(estimated, truth)), float(tempo_is_related(estimated, truth))


def key_score(estimated: tuple[str, str], annotated: tuple[str, str]) -> float:
    """MIREX weighted score of a (tonic, mode) estimate; 1.0 means that it is right."""
    (tonic, mode), (true_tonic, true_mode) = estimated, annotated
    interval = (TONICS.index(tonic) - TONICS.index(true_tonic)) % 12
    if mode == true_mode:
        return {0: RIGHT, 7: FIFTH}.get(interval, 0.0)
    if interval == 0:
        return PARALLEL
    return RELATIVE if interval == (9 if true_mode == "major" else 3) else 0.0
