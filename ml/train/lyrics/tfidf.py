"""Fit TF-IDF with logistic regression. Terms and settings are chosen on the validation songs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from ml.features.arrays import Floats, Integers
from ml.lyrics.text.tfidf import SEPARATOR, TfidfModel
from ml.lyrics.text.tokens import TERMS
from ml.models.card import Card
from ml.report.progress import show_progress
from ml.train.lyrics.table import TextSong

MOST_TERMS = 40_000
LEAST_SONGS = {"words": 3, "pairs": 4, "characters": 4}
"""A term must occur in so many songs, at most a tenth of the training songs."""
STRENGTHS = (1.0, 3.0, 10.0)
"""Inverse regularisation."""
TOLERANCE = 1e-3
CONFIDENT_ACCURACY = 0.7
"""An answer counts as confident from the probability on at which so many validation answers are right."""
CONFIDENT_SONGS = 20


@dataclass(frozen=True)
class Settings:
    kind: str
    strength: float


@dataclass(frozen=True)
class Fitted:
    vectoriser: Any
    regression: Any

    def scores(self, songs: Sequence[TextSong]) -> Floats:
        """(songs, labels)"""
        return linear_scores(self.regression, self.vectoriser.transform([song.words for song in songs]))


def linear_scores(regression: Any, rows: Any) -> Floats:
    """(rows, labels), also for two labels, for which scikit-learn gives the difference alone."""
    scores = np.asarray(regression.decision_function(rows), np.float32)
    return np.stack([-scores / 2, scores / 2], axis=1) if scores.ndim == 1 else scores


def fit_vectoriser(songs: Sequence[TextSong], kind: str) -> tuple[Any, Any]:
    """The vectoriser, and the training songs as rows."""
    least = max(1, min(LEAST_SONGS[kind], len(songs) // 10))
    vectoriser = TfidfVectorizer(
        analyzer=partial(_terms, kind), sublinear_tf=True, min_df=least, max_features=MOST_TERMS, dtype=np.float32
    )
    return vectoriser, vectoriser.fit_transform([song.words for song in songs])


def _terms(kind: str, found: list[str]) -> list[str]:
    return list(TERMS[kind](found))


def fit_regression(rows: Any, truth: Integers, strength: float) -> Any:
    """Every label has the same total weight, so that the prior is even."""
    model = LogisticRegression(C=strength, class_weight="balanced", max_iter=500, tol=TOLERANCE)
    return model.fit(rows, truth)


def fit(songs: Sequence[TextSong], labels: Sequence[str], settings: Settings) -> Fitted:
    vectoriser, rows = fit_vectoriser(songs, settings.kind)
    return Fitted(vectoriser, fit_regression(rows, truth_of(songs, labels), settings.strength))


def choose(
    train: Sequence[TextSong], valid: Sequence[TextSong], labels: Sequence[str], kinds: Sequence[str]
) -> tuple[Settings, Fitted]:
    """The settings with the highest accuracy on the validation songs, and the model fitted with them."""
    truth, expected = truth_of(train, labels), truth_of(valid, labels)
    best: tuple[float, Settings, Fitted] | None = None
    for kind in kinds:
        vectoriser, rows = fit_vectoriser(train, kind)
        for strength in STRENGTHS:
            fitted = Fitted(vectoriser, fit_regression(rows, truth, strength))
            accuracy = float((fitted.scores(valid).argmax(axis=1) == expected).mean())
            show_progress(f"TF-IDF of {kind}, C {strength:g}: {accuracy:.3f} on validation\n")
            if best is None or accuracy > best[0]:
                best = accuracy, Settings(kind, strength), fitted
    if best is None:
        raise ValueError("no kind of terms to choose from")
    return best[1], best[2]


def build(fitted: Fitted, card: Card, settings: Settings, temperature: float) -> TfidfModel:
    """The model as it is used, its scores scaled by `temperature`."""
    terms = fitted.vectoriser.get_feature_names_out().tolist()
    if any(SEPARATOR in term for term in terms):
        raise ValueError("a term contains the separator")
    regression = fitted.regression
    weights, bias = regression.coef_.T, regression.intercept_
    if weights.shape[1] == 1:
        weights, bias = np.concatenate([-weights, weights], axis=1) / 2, np.concatenate([-bias, bias]) / 2
    arrays = (fitted.vectoriser.idf_, temperature * weights, temperature * bias)
    return TfidfModel(card, settings.kind, tuple(terms), *(np.asarray(array, np.float32) for array in arrays))


def truth_of(songs: Sequence[TextSong], labels: Sequence[str]) -> Integers:
    return np.array([list(labels).index(song.genre) for song in songs], np.int64)


def least_probability(probabilities: Floats, truth: Integers) -> float:
    """The limit of confident answers; above 1 where no limit leaves answers that are right often enough."""
    best, right = probabilities.max(axis=1), probabilities.argmax(axis=1) == truth
    order = np.argsort(-best, kind="stable")
    shares = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    enough = np.flatnonzero((shares >= CONFIDENT_ACCURACY) & (np.arange(len(order)) >= CONFIDENT_SONGS - 1))
    return float(best[order[enough[-1]]]) if len(enough) else 1.01
