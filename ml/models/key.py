"""The key of a song: 24 alternatives, scored by weights that rotate with the tonic.

There is one set of weights per mode, applied to the pitch-class profile of the song once for each of the twelve tonics,
so that all tonics share what is learnt. Beside the strength of bass and treble, the profile holds the strength of
complete major and minor triads, which separates a key from its relative and its parallel.
"""

from __future__ import annotations

import numpy as np

from ml.features.arrays import Doubles
from ml.features.chroma import Chromagram
from ml.models import logit
from ml.models.logit import LogitModel
from ml.report.keys import KEYS
from ml.report.schema import Key

MAJOR_TRIAD = (4, 7)
MINOR_TRIAD = (3, 7)
PROFILES = 4
FEATURES = 2 * 12 * PROFILES + 1
"""Weights of the major profiles, of the minor profiles, and the bias of minor."""

FLATNESS_FLOOR = 0.4
"""Share of the mean that is added to the spread of a profile, so that noise is not scaled up to a melody."""


def estimate(chromagram: Chromagram, *, model: LogitModel | None = None) -> Key | None:
    """The most probable key and the probability that it is right; None for silence."""
    if chromagram.silent:
        return None
    model = model or logit.load("key")
    probabilities = logit.softmax(features(profile(chromagram)) @ model.weights)
    best = int(probabilities.argmax())
    return Key(*KEYS[best], logit.confidence(float(probabilities[best]), model.calibration))


def profile(chromagram: Chromagram) -> Doubles:
    """(4, 12) standardised means over the song: bass, treble, major triads and minor triads by root."""
    treble = chromagram.treble.astype(float)
    rows = [chromagram.bass.mean(axis=0, dtype=float), treble.mean(axis=0)]
    for third, fifth in (MAJOR_TRIAD, MINOR_TRIAD):
        # The geometric mean of three tones is zero unless all of them sound.
        triad = np.cbrt(treble * np.roll(treble, -third, axis=1) * np.roll(treble, -fifth, axis=1))
        rows.append(triad.mean(axis=0))
    means = np.stack(rows)
    average = means.mean(axis=1, keepdims=True)
    spread = means.std(axis=1, keepdims=True) + FLATNESS_FLOOR * average + 1e-9
    return np.asarray((means - average) / spread)


def features(song_profile: Doubles) -> Doubles:
    """(24, FEATURES) of a `profile`, for the twelve major keys, then the twelve minor keys, C first."""
    rotated = np.stack([np.roll(song_profile, -tonic, axis=1).ravel() for tonic in range(12)])
    size = rotated.shape[1]
    rows = np.zeros((24, FEATURES))
    rows[:12, :size] = rotated
    rows[12:, size : 2 * size] = rotated
    rows[12:, -1] = 1.0
    return rows
