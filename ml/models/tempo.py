"""The tempo of a song: every candidate is scored by the periodicity of onsets at it and at its multiples.

The score is linear in the periodicity features of `ml.features.onsets`, powers of the log tempo, and a prior from
annotated music, by genre where the genre is known (listeners count reggae at another level than disco). The best
candidate is then refined between candidates with the spectrum of onset strength.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import scipy

from ml.features import onsets
from ml.features.arrays import Doubles, Floats
from ml.features.onsets import TEMPI
from ml.models import logit
from ml.models.logit import LogitModel
from ml.report.schema import Tempo

MIN_SECONDS = 4.0
MIN_ACTIVITY = 0.01
MIN_REGULARITY = 0.06
"""Below either there is no tempo: silence, held tones, noise. No annotated clip lies below."""

PERIODICITY_SCALE = 3.0
"""Scales periodicity to the spread of the other features, so that one ridge penalty suits all."""

FEATURES = onsets.FEATURES + 5
"""Weights of the periodicity features, of four powers of log tempo, and of the prior."""

NEIGHBOURS = 5
"""Candidates (1.5 % apart) that count as the same tempo."""
ALTERNATIVE_FACTORS = (1 / 3, 1 / 2, 2, 3)
ALTERNATIVES = 2
FINE_HARMONICS = (1, 2, 3, 4, 6, 8)
FINE_STEPS = np.linspace(0.994, 1.006, 25)


def estimate(
    log_mel: Floats, *, genre: Mapping[str, float] | None = None, model: LogitModel | None = None
) -> Tempo | None:
    """Tempo of a log-mel spectrogram (frames, MEL_BANDS), given genre probabilities by label.

    None for less than MIN_SECONDS of sound, and without onsets or periodicity. `confidence` is the probability of being
    within 4 % of the tempo that a listener would tap; `alternatives` are half, double, third or triple, most probable
    first.
    """
    levelled = onsets.level(log_mel)
    if len(levelled) < MIN_SECONDS * onsets.FRAMES_PER_SECOND:
        return None
    measured = onsets.measure(levelled)
    if measured.activity < MIN_ACTIVITY or measured.regularity < MIN_REGULARITY:
        return None
    model = model or logit.load("tempo")
    shares = likelihood(features(measured.periodicity, log_prior(model.priors, genre)), model.weights)
    bpm = refine_bpm(shares, measured.spectrum)
    confidence = logit.confidence(float(shares.max()), model.calibration)
    return Tempo(round(bpm, 2), confidence, _alternatives(bpm, shares))


def features(periodicity: Doubles, prior: Doubles) -> Doubles:
    """(tempi, FEATURES): periodicity (tempi, onsets.FEATURES), powers of log tempo, and the log prior (tempi,)."""
    octaves = np.log2(TEMPI / 110)
    powers = [octaves**power for power in (1, 2, 3, 4)]
    return np.column_stack([PERIODICITY_SCALE * periodicity, *powers, prior])


def log_prior(priors: Mapping[str, Doubles], genre: Mapping[str, float] | None) -> Doubles:
    """(tempi,) half the log of the frequency of each tempo in music of this genre."""
    return 0.5 * np.log(logit.mix_priors(priors, genre) + 2e-4)


def likelihood(candidates: Doubles, weights: Doubles) -> Doubles:
    """(..., tempi) probability that the tempo is within 3 % of each candidate."""
    shares = logit.softmax(candidates @ weights)
    return np.asarray(NEIGHBOURS * scipy.ndimage.uniform_filter1d(shares, NEIGHBOURS, axis=-1, mode="constant"))


def refine_bpm(shares: Doubles, spectrum: Doubles) -> float:
    """Beats per minute of the most probable candidate, at a finer resolution than the candidates have.

    A parabola through the logarithms of three candidates interpolates the maximum. The spectrum of onset strength at
    the harmonics of the tempo may then move it by up to half a candidate.
    """
    best = int(np.clip(shares.argmax(), 1, len(TEMPI) - 2))
    left, middle, right = np.log(shares[best - 1 : best + 2] + 1e-12)
    curve = left - 2 * middle + right
    shift = np.clip(0.5 * (left - right) / curve, -0.5, 0.5) if curve < 0 else 0.0
    near = TEMPI[best] * 2 ** (shift / onsets.STEPS_PER_OCTAVE) * FINE_STEPS
    power = np.sum([onsets.at_tempi(spectrum, harmonic * near) ** 2 for harmonic in FINE_HARMONICS], axis=0)
    return float(near[int(power.argmax())])


def _alternatives(bpm: float, shares: Doubles) -> tuple[float, ...]:
    """The most probable multiples of `bpm` within the range of candidates."""
    tempi = [bpm * factor for factor in ALTERNATIVE_FACTORS]
    inside = [tempo for tempo in tempi if TEMPI[0] <= tempo <= TEMPI[-1]]
    ranked = sorted(inside, key=lambda tempo: -np.interp(tempo, TEMPI, shares))
    return tuple(round(tempo, 2) for tempo in ranked[:ALTERNATIVES])
