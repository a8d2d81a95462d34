"""Second step of training tempo and key: both tasks in one form, the features and the right answers of each song.

In a task, `ridge` is the penalty on the weights, `measures` names the strict and the lenient score, and `genre_inputs`
lists what the estimator is given of a song's genre: none, the estimate, or the label. Arrays are (alternatives, ...).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ml.features import onsets
from ml.features.arrays import Doubles, Mask
from ml.models import key, logit, tempo
from ml.report.keys import KEYS
from ml.train.rhythm import scoring
from ml.train.rhythm.songs import AnnotatedSong, Annotation

Genre = Mapping[str, float] | None

TEMPO_TARGET = 0.03
PRIOR_WIDTH_OCTAVES = 0.16
"""Maximum likelihood on out-of-fold data by artist, among 0.12 to 0.2, with the genre model's out-of-fold estimates."""
SHORT_IMPORTANCE = 0.25
"""Weight of a 3-second clip relative to one of 14 s or more when keys are trained."""


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
        return scoring.tempo_scores(tempo.refine_bpm(shares, song.pulse.spectrum), song.annotation.bpm)


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
        weighted = scoring.key_score(answer, song.annotation.key or answer)
        return float(weighted == scoring.RIGHT), weighted


EstimationTask = TempoTask | KeyTask
