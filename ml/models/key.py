"""The key of a song: 24 tonics and modes, scored by weights that turn with the tonic.

One set of weights per mode is laid on the song's pitch-class profile twelve times, once for each tonic, so
that nothing can be learnt about C that is not learnt about F# too. Beside bass and treble strength the
profile holds how strongly complete major and minor triads sound, which tells a tonic from its relatives.
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
"""Weights of the major profiles, of the minor ones, and the bias of minor."""

FLATNESS_FLOOR = 0.4
"""Share of the mean added to the spread of a profile, so that noise is not blown up into a melody."""


def estimate(chromagram: Chromagram, *, model: LogitModel | None = None) -> Key | None:
    """The most likely key with the probability that it is right; None for silence."""
    if chromagram.silent:
        return None
    model = model or logit.load("key")
    shares = logit.softmax(features(profile(chromagram)) @ model.weights)
    best = int(shares.argmax())
    sure = logit.confidence(float(shares[best]), model.calibration)
    return Key(*KEYS[best], sure)


def profile(chromagram: Chromagram) -> Doubles:
    """(4, 12) standardised means over the song: bass, treble, major triads and minor triads by root."""
    treble = chromagram.treble.astype(float)
    rows = [chromagram.bass.mean(axis=0, dtype=float), treble.mean(axis=0)]
    for third, fifth in (MAJOR_TRIAD, MINOR_TRIAD):
        # The cube root of the product is the geometric mean: zero unless all three tones sound together.
        triad = np.cbrt(treble * np.roll(treble, -third, axis=1) * np.roll(treble, -fifth, axis=1))
        rows.append(triad.mean(axis=0))
    means = np.stack(rows)
    average = means.mean(axis=1, keepdims=True)
    result: Doubles = (means - average) / (means.std(axis=1, keepdims=True) + FLATNESS_FLOOR * average + 1e-9)
    return result


def features(song: Doubles) -> Doubles:
    """(24, FEATURES) of a `profile`, for the twelve major keys, then the twelve minor ones, C first."""
    turned = np.stack([np.roll(song, -tonic, axis=1).ravel() for tonic in range(12)])
    size = turned.shape[1]
    out = np.zeros((24, FEATURES))
    out[:12, :size] = turned
    out[12:, size : 2 * size] = turned
    out[12:, -1] = 1.0
    return out
