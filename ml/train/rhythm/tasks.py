"""The two questions that are learnt, tempo and key, in the one form that `ml.train.rhythm` fits and judges.

A question names the songs that can teach it, the features and right answers of each, and its figures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from ml.features import onsets
from ml.features.arrays import Doubles, Mask
from ml.models import key, logit, tempo
from ml.report.keys import KEYS
from ml.train.rhythm import scoring
from ml.train.rhythm.songs import Annotation, Song

Genre = Mapping[str, float] | None

TEMPO_TARGET = 0.03
PRIOR_WIDTH_OCTAVES = 0.16
"""The likeliest held out by artist, among 0.12 to 0.2, with the genre model's own out-of-fold estimates."""
SHORT_IMPORTANCE = 0.25
"""A 3-second cut says a quarter as much about a key as a clip of 14 s or more."""


class Question:
    """Base of both. `ridge` is the penalty on the weights, `measures` names the strict and lenient score,
    `knowledge` lists what may be known of a song's genre (see `ml.trial`); nothing where it does not count.
    """

    name: str
    ridge: float
    measures: tuple[str, str]
    knowledge: tuple[str, ...] = ("none",)

    def teaches(self, facts: Annotation) -> bool:
        """Whether a clip may be learnt from; only long ones are judged."""
        raise NotImplementedError

    def importance(self, facts: Annotation) -> float:
        return 1.0

    def priors(self, annotations: Sequence[Annotation]) -> dict[str, Doubles]:
        return {}

    def features(self, song: Song, priors: Mapping[str, Doubles], genre: Genre) -> Doubles:
        """(alternatives, features)."""
        raise NotImplementedError

    def right(self, facts: Annotation) -> Mask:
        """(alternatives,) which answers are right."""
        raise NotImplementedError

    def likelihood(self, candidates: Doubles, weights: Doubles) -> Doubles:
        raise NotImplementedError

    def score(self, song: Song, shares: Doubles) -> tuple[float, float]:
        """Strict and lenient score of the answer that `shares` (alternatives,) lead to."""
        raise NotImplementedError


class TempoQuestion(Question):
    """Strict: within 4 %. Lenient: a third, half, double and triple count too."""

    name, ridge, measures = "tempo", 2.0, ("accuracy1", "accuracy2")
    knowledge = ("none", "estimated", "labelled")

    def teaches(self, facts: Annotation) -> bool:
        return facts.bpm is not None and facts.long

    def priors(self, annotations: Sequence[Annotation]) -> dict[str, Doubles]:
        """(tempi,) smoothed share of every tempo among a genre's annotations."""
        priors = {}
        for label in sorted({facts.genre for facts in annotations if facts.bpm}):
            tempi = np.array([facts.bpm for facts in annotations if facts.bpm and facts.genre == label])
            octaves = np.log2(onsets.TEMPI / tempi[:, None])
            share = np.exp(-0.5 * (octaves / PRIOR_WIDTH_OCTAVES) ** 2).sum(axis=0)
            priors[label] = np.round(share / share.sum(), 5)
        return priors

    def features(self, song: Song, priors: Mapping[str, Doubles], genre: Genre) -> Doubles:
        return tempo.features(song.pulse.periodicity, tempo.log_prior(priors, genre))

    def right(self, facts: Annotation) -> Mask:
        mask: Mask = np.abs(onsets.TEMPI / (facts.bpm or np.nan) - 1) <= TEMPO_TARGET
        return mask

    def likelihood(self, candidates: Doubles, weights: Doubles) -> Doubles:
        return tempo.likelihood(candidates, weights)

    def score(self, song: Song, shares: Doubles) -> tuple[float, float]:
        bpm = tempo.refine_bpm(shares, song.pulse.spectrum)
        annotated = song.facts.bpm or np.nan
        return float(scoring.tempo_is_right(bpm, annotated)), float(scoring.tempo_is_related(bpm, annotated))


class KeyQuestion(Question):
    """Strict: the very key. Lenient: MIREX's weights for related keys."""

    name, ridge, measures = "key", 4.0, ("accuracy", "mirex")

    def teaches(self, facts: Annotation) -> bool:
        return facts.key is not None

    def importance(self, facts: Annotation) -> float:
        return 1.0 if facts.long else SHORT_IMPORTANCE

    def features(self, song: Song, priors: Mapping[str, Doubles], genre: Genre) -> Doubles:
        return key.features(song.profile)

    def right(self, facts: Annotation) -> Mask:
        return np.array([answer == facts.key for answer in KEYS])

    def likelihood(self, candidates: Doubles, weights: Doubles) -> Doubles:
        return logit.softmax(candidates @ weights)

    def score(self, song: Song, shares: Doubles) -> tuple[float, float]:
        answer = KEYS[int(shares.argmax())]
        weighted = scoring.key_score(answer, song.facts.key or answer)
        return float(weighted == scoring.RIGHT), weighted
