"""The tempo of a song: every candidate is scored by how the song repeats at it and around it.

The score is linear in the periodicity features of `ml.features.onsets`, the logarithm of the tempo and a prior learnt
from annotated music, by genre where the genre is known (a reggae pulse is counted differently from a disco
one). The winner is then placed between candidates by the fine structure of the onset spectrum.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from scipy.ndimage import uniform_filter1d

from ml.features import onsets
from ml.features.arrays import Doubles, Floats
from ml.features.onsets import TEMPI
from ml.models import logit
from ml.models.logit import LogitModel
from ml.report.schema import Tempo

MIN_SECONDS = 4.0
MIN_ACTIVITY = 0.01
MIN_REGULARITY = 0.06
"""Below either there is no beat to count: silence, held tones, noise. No annotated clip falls below."""

PERIODICITY_SCALE = 3.0
"""Brings periodicity to the spread of the other features, so that one ridge suits all."""

FEATURES = onsets.FEATURES + 5
"""Weights of the periodicity features, of four powers of log-tempo, and of the prior."""

NEIGHBOURS = 5
"""Candidates (1.5 % apart) that count as the same tempo."""
ALTERNATIVE_FACTORS = (1 / 3, 1 / 2, 2, 3)
ALTERNATIVES = 2
FINE_HARMONICS = (1, 2, 3, 4, 6, 8)
FINE_STEPS = np.linspace(0.994, 1.006, 25)


def estimate(
    log_mel: Floats, *, genre: Mapping[str, float] | None = None, model: LogitModel | None = None
) -> Tempo | None:
    """Tempo of a log-mel spectrogram (frames, 96) at 62.5 frames a second, log10(10000 S + 1).

    None for less than four seconds of sound, or where nothing starts or repeats. `confidence` is the
    probability of lying within 4 % of what a listener would tap; `alternatives` are half, double, third or
    triple, likeliest first. `genre` holds probabilities by label.
    """
    levelled = onsets.level(log_mel)
    if len(levelled) < MIN_SECONDS * onsets.FRAMES_PER_SECOND:
        return None
    heard = onsets.measure(levelled)
    if heard.activity < MIN_ACTIVITY or heard.regularity < MIN_REGULARITY:
        return None
    model = model or logit.load("tempo")
    shares = likelihood(features(heard.periodicity, log_prior(model.priors, genre)), model.weights)
    bpm = refine_bpm(shares, heard.spectrum)
    sure = logit.confidence(float(shares.max()), model.calibration)
    return Tempo(round(bpm, 2), sure, _alternatives(bpm, shares))


def features(periodicity: Doubles, prior: Doubles) -> Doubles:
    """(tempi, FEATURES): periodicity (tempi, pulse.FEATURES) beside log-tempo and the log prior (tempi,)."""
    octaves = np.log2(TEMPI / 110)
    powers = [octaves**power for power in (1, 2, 3, 4)]
    return np.column_stack([PERIODICITY_SCALE * periodicity, *powers, prior])


def log_prior(priors: Mapping[str, Doubles], genre: Mapping[str, float] | None) -> Doubles:
    """(tempi,) half the log of how common each tempo is in music of this `genre`."""
    result: Doubles = 0.5 * np.log(logit.mix_priors(priors, genre) + 2e-4)
    return result


def likelihood(candidates: Doubles, weights: Doubles) -> Doubles:
    """(..., tempi) probability that the tempo is within 3 % of each candidate."""
    shares = logit.softmax(candidates @ weights)
    result: Doubles = NEIGHBOURS * uniform_filter1d(shares, NEIGHBOURS, axis=-1, mode="constant")
    return result


def refine_bpm(shares: Doubles, spectrum: Doubles) -> float:
    """Beats per minute of the likeliest candidate, more finely than candidates are spaced.

    A parabola through the logarithms of three neighbours gives the place; the spectrum of onset strength,
    read at the pulse's harmonics, may then move it by half a candidate.
    """
    best = int(np.clip(shares.argmax(), 1, len(TEMPI) - 2))
    left, middle, right = np.log(shares[best - 1 : best + 2] + 1e-12)
    curve = left - 2 * middle + right
    shift = np.clip(0.5 * (left - right) / curve, -0.5, 0.5) if curve < 0 else 0.0
    near = TEMPI[best] * 2 ** (shift / onsets.STEPS_PER_OCTAVE) * FINE_STEPS
    power = np.sum([onsets.at_tempi(spectrum, harmonic * near) ** 2 for harmonic in FINE_HARMONICS], axis=0)
    return float(near[int(power.argmax())])


def _alternatives(bpm: float, shares: Doubles) -> tuple[float, ...]:
    """The likeliest multiples of `bpm` that a listener might tap instead."""
    tempi = [bpm * factor for factor in ALTERNATIVE_FACTORS]
    inside = [tempo for tempo in tempi if TEMPI[0] <= tempo <= TEMPI[-1]]
    ranked = sorted(inside, key=lambda tempo: -np.interp(tempo, TEMPI, shares))
    return tuple(round(tempo, 2) for tempo in ranked[:ALTERNATIVES])
