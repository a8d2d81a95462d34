"""Statistics of pitch classes and levels over time that depend neither on key nor on time shift, for `harmony`.

Frames are (frames, 12), pitch classes from C upwards. Every statistic is a sum over the twelve roots and over time.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from ml.features.arrays import Doubles, FloatArray

POOLED_FRAMES = 2
_LINEAR_PATCH = 16
"""Patches up to this length keep every frequency; the higher ones of longer patches are averaged in growing groups."""
_MODULATION_POINTS = 512
_SLOWEST_HZ, _FASTEST_HZ, _MODULATION_BANDS = 0.25, 3.8, 24


def pool(frames: FloatArray) -> FloatArray:
    """(frames, n): means of POOLED_FRAMES frames; a single frame stays."""
    pooled = max(1, len(frames) // POOLED_FRAMES)
    means: FloatArray = frames[: pooled * POOLED_FRAMES].reshape(pooled, -1, frames.shape[1]).mean(axis=1)
    return means


def intervals(first: Doubles, second: Doubles, lags: Sequence[int]) -> Doubles:
    """(12 * lags,) correlation of the notes in `first` with those an interval higher and a lag later in `second`."""
    x, y = np.fft.rfft(first, axis=1), np.fft.rfft(second, axis=1)
    rows = []
    for lag in lags:
        lag = min(lag, len(x) - 1)
        rows.append(np.fft.irfft((np.conj(x[: len(x) - lag]) * y[lag:]).mean(axis=0), 12))
    return np.concatenate(rows)


def triads(first: Doubles, second: Doubles, third: Doubles) -> Doubles:
    """(144,) strength of every triad: a note in `first` with notes in `second` and `third`, by their two intervals.

    Each is (frames, 12), or (1, 12) where one frame stands for all.
    """
    total = np.zeros((12, 12))
    for root in range(12):
        weighted = np.roll(second, -root, axis=1) * first[:, root : root + 1]
        rotated = np.roll(third, -root, axis=1)
        total += np.outer(weighted.sum(axis=0), rotated[0]) if len(third) == 1 else weighted.T @ rotated
    return total.ravel() / len(first)


def lagged(frames: Doubles, lag: int) -> tuple[Doubles, Doubles]:
    """Pairs of frames that lie `lag` apart: the earlier ones and the later ones."""
    lag = min(lag, len(frames) - 1)
    return frames[: len(frames) - lag], frames[lag:]


def self_similarity(frames: Doubles, lags: Sequence[int]) -> Doubles:
    """(lags,) mean product of frames that lie a lag apart."""
    return np.array([np.mean(np.sum(np.multiply(*lagged(frames, lag)), axis=1)) for lag in lags])


def patches(frames: Doubles, length: int) -> Doubles:
    """Mean magnitude of the two-dimensional Fourier transform of overlapping patches of `length` frames."""
    if len(frames) < length:
        frames = frames[np.arange(length) % len(frames)]
    # The last axis of a window is time, the one before the pitch classes.
    windows = np.lib.stride_tricks.sliding_window_view(frames, length, axis=0)[:: length // 4]
    magnitudes: Doubles = np.abs(np.fft.fft2(windows)).mean(axis=0)[:7, : length // 2 + 1]
    if length > _LINEAR_PATCH:
        edges = np.concatenate([np.arange(5), np.geomspace(5, length // 2 + 1, 7)])
        edges = np.unique(np.round(edges).astype(int))
        parts = [magnitudes[:, a:b].mean(axis=1) for a, b in itertools.pairwise(edges)]
        magnitudes = np.stack(parts, axis=1)
    return magnitudes.ravel()


def rise(frames: Doubles) -> Doubles:
    """Increase of each pitch class from the frame before, never negative."""
    return np.maximum(np.diff(frames, axis=0, prepend=frames[:1]), 0)


def change(frames: Doubles) -> Doubles:
    """(frames,) distance of each frame from the one before, both scaled to length one."""
    scaled = unit(frames, 1e-2)
    return np.asarray(np.linalg.norm(np.diff(scaled, axis=0, prepend=scaled[:1]), axis=1))


def unit(frames: Doubles, floor: float = 1e-3) -> Doubles:
    """Frames scaled to length one; `floor` keeps quiet ones shorter."""
    return np.asarray(frames / (np.linalg.norm(frames, axis=1, keepdims=True) + floor))


def autocorrelation(strength: Doubles, count: int) -> Doubles:
    """(count,) of strength (frames,) at the lags from 1; zero for lags beyond its length."""
    centred = strength - strength.mean()
    power = float(np.mean(centred**2)) + 1e-6
    lags = range(1, min(len(strength) - 1, count) + 1)
    values = [float(centred[:-lag] @ centred[lag:]) / len(centred) / power for lag in lags]
    return np.array(values + [0.0] * (count - len(values)))


def modulation_spectrum(strength: Doubles, rate: float) -> Doubles:
    """(_MODULATION_BANDS,) magnitude spectrum of strength (frames,) between a quarter of a hertz and four."""
    window = np.hanning(len(strength) + 2)[1:-1]
    points = max(_MODULATION_POINTS, len(strength))
    spectrum = np.abs(np.fft.rfft((strength - strength.mean()) * window, points)) / len(strength)
    hz = np.geomspace(_SLOWEST_HZ, _FASTEST_HZ, _MODULATION_BANDS)
    return np.interp(hz, np.fft.rfftfreq(points, 1 / rate), spectrum)


def levels(strength: Doubles) -> Doubles:
    """Mean, deviation and quantiles of strength (frames,)."""
    return np.array([strength.mean(), strength.std(), *np.quantile(strength, (0.1, 0.5, 0.9))])
