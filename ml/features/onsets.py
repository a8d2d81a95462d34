"""Onset strength and its periodicity at every tempo, by autocorrelation and by spectrum.

Onset strength is the rise of the log-mel spectrogram, in three bands (kick, voices, cymbals) and in all of them. It is
cut into overlapping segments, so that neither a drifting tempo nor the length of a song blurs the result: 20 s for a
steady tempo, 6 and 10 s for a varying one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy

from ml.audio.settings import SAMPLE_RATE
from ml.features.arrays import Doubles, Floats
from ml.features.mel import HOP_SIZE

VERSION = 1
"""Part of the keys of cached results. Raise it when the numbers change."""


FRAMES_PER_SECOND = SAMPLE_RATE / HOP_SIZE
STEPS_PER_OCTAVE = 48
SLOWEST_BPM = 30.0
FASTEST_BPM = 330.0
TEMPI: Doubles = SLOWEST_BPM * 2 ** (
    np.arange(int(STEPS_PER_OCTAVE * np.log2(FASTEST_BPM / SLOWEST_BPM)) + 1) / STEPS_PER_OCTAVE
)
"""Candidate tempi in beats per minute, 1.5 % apart."""

USUAL = (TEMPI > 40) & (TEMPI < 250)

MULTIPLES = (1 / 4, 1 / 3, 1 / 2, 1, 2, 3, 4)
"""Metrical levels, in duple and triple time, whose periodicity is a feature of a tempo."""

LOW, MIDDLE, HIGH, ALL = slice(0, 14), slice(14, 50), slice(50, 96), slice(0, 96)
LONG_SECONDS = 20.0
VIEWS = ((LOW, LONG_SECONDS), (MIDDLE, LONG_SECONDS), (HIGH, LONG_SECONDS), (ALL, 6.0), (ALL, 10.0))
"""Mel bands and segment length in seconds. LOW is below 0.5 kHz, HIGH above 2.3 kHz."""
FEATURES = 2 * len(MULTIPLES) * len(VIEWS)

REFERENCE_POWER = 30_000.0
"""Mean mel power (10000 S) to which a spectrogram is scaled: that of loud modern music."""
QUIETEST_POWER = 1e-3
SILENCE_SHARE = 1e-5

RISE_FRAMES = 2
MEAN_FRAMES = 64
TRANSFORM_SIZE = 4096


@dataclass(frozen=True)
class OnsetFeatures:
    periodicity: Doubles
    """(tempi, FEATURES)"""
    spectrum: Doubles
    """(bins,) magnitude spectrum of onset strength, for `at_tempi`."""
    activity: float
    """Mean rise of a mel band per frame, near zero where there are no onsets."""
    regularity: float
    """Strongest autocorrelation at any tempo (0..1), mean over VIEWS: 0.3 in most music, below 0.06 in long noise."""


def measure(levelled: Floats) -> OnsetFeatures:
    """Features of a spectrogram from `level` that lasts a second or more."""
    rises = rise(levelled)
    whole = onset_strength(rises, ALL)
    beats = 60 * FRAMES_PER_SECOND / TEMPI
    columns, strongest = [], []
    for bands, seconds in VIEWS:
        stack, weights = segments(whole if bands == ALL else onset_strength(rises, bands), seconds)
        lags, magnitudes = autocorrelation(stack, weights), spectrum(stack, weights)
        frames = np.arange(len(lags))
        columns += [np.interp(beats * multiple, frames, lags, right=0.0) for multiple in MULTIPLES]
        strongest.append(np.interp(beats[USUAL], frames, lags).max())
        columns += [at_tempi(magnitudes, TEMPI * multiple) for multiple in MULTIPLES]
    return OnsetFeatures(
        periodicity=np.stack(columns, axis=1),
        spectrum=spectrum(*segments(whole, LONG_SECONDS)),
        activity=float(rises.mean()),
        regularity=float(np.mean(strongest)),
    )


def level(log_mel: Floats) -> Floats:
    """A log-mel spectrogram (frames, bands), log10(10000 S + 1), scaled to REFERENCE_POWER, without silent ends.

    Loudness is the mean power of frames weighted by their own power, which silence does not change.
    """
    power = np.expm1(log_mel * np.float32(np.log(10)))
    frames = power.mean(axis=1, dtype=np.float64)
    total = float(frames.sum())
    if not total > 0:
        return log_mel
    loudness = float(frames @ frames) / total
    audible = np.flatnonzero(frames > SILENCE_SHARE * loudness)
    # The end of silence would count as one large onset, so the first frames are left out.
    inside = power[audible[0] + RISE_FRAMES : audible[-1] + 1]
    inside *= np.float32(REFERENCE_POWER / max(loudness, QUIETEST_POWER))
    return np.asarray(np.log1p(inside, out=inside) / np.float32(np.log(10)))


def rise(log_mel: Floats) -> Floats:
    """(frames - 2, bands): increase of each band over the loudest of three neighbouring bands two frames before.

    The maximum over neighbours keeps vibrato from counting as onsets.
    """
    before = log_mel[:-RISE_FRAMES]
    reference = before.copy()
    np.maximum(reference[:, 1:], before[:, :-1], out=reference[:, 1:])
    np.maximum(reference[:, :-1], before[:, 1:], out=reference[:, :-1])
    np.subtract(log_mel[RISE_FRAMES:], reference, out=reference)
    return np.maximum(reference, 0, out=reference)


def onset_strength(rises: Floats, bands: slice) -> Doubles:
    """(frames,) mean rise over `bands`, minus its local mean over a second, never negative."""
    strength = rises[:, bands].mean(axis=1, dtype=float)
    result: Doubles = np.maximum(strength - scipy.ndimage.uniform_filter1d(strength, MEAN_FRAMES, mode="nearest"), 0)
    return result


def segments(strength: Doubles, seconds: float) -> tuple[Doubles, Doubles]:
    """Overlapping standardised segments (count, frames) and their weights (count,), zero for near-silent ones."""
    size = min(len(strength), int(seconds * FRAMES_PER_SECOND))
    count = 1 + int(np.ceil((len(strength) - size) / (size / 2)))
    starts = np.linspace(0, len(strength) - size, count).round().astype(int)
    stack = np.stack([strength[start : start + size] for start in starts])
    energy = np.sqrt((stack**2).mean(axis=1))
    weights = (energy > 0.1 * energy.max()).astype(float)
    centred = stack - stack.mean(axis=1, keepdims=True)
    return centred / (stack.std(axis=1, keepdims=True) + 1e-6), weights / max(1.0, weights.sum())


def autocorrelation(stack: Doubles, weights: Doubles) -> Doubles:
    """(lags,) weighted mean over segments, 1 at lag 0 for a segment that is not constant."""
    size = stack.shape[1]
    length = scipy.fft.next_fast_len(2 * size, real=True)
    products = scipy.fft.irfft(np.abs(scipy.fft.rfft(stack, length, axis=1)) ** 2, length, axis=1)[:, :size]
    overlap = np.maximum(size - np.arange(size), size / 4)
    return np.asarray(weights @ (products / overlap))


def spectrum(stack: Doubles, weights: Doubles) -> Doubles:
    """(bins,) weighted mean magnitude over segments; bin `k` is `k * FRAMES_PER_SECOND / TRANSFORM_SIZE` hertz."""
    window = np.hanning(stack.shape[1])
    magnitudes = np.abs(scipy.fft.rfft(stack * (window / window.sum()), TRANSFORM_SIZE, axis=1))
    return np.asarray(weights @ magnitudes)


def at_tempi(magnitudes: Doubles, tempi: Doubles) -> Doubles:
    """A spectrum of onset strength (bins,), interpolated at `tempi` (beats per minute)."""
    bins = tempi / 60 * TRANSFORM_SIZE / FRAMES_PER_SECOND
    return np.interp(bins, np.arange(len(magnitudes)), magnitudes, right=0.0)
