"""What can be said of notes and levels over time that neither key nor beginning changes: the sums behind `harmony`.

Frames are (frames, 12), pitch classes from C upwards. Everything is summed over the twelve roots and over time.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from ml.features.arrays import Doubles

_EVEN_PATCH = 16
"""Up to here every frequency of a patch is kept; of longer ones those above are gathered, ever more at a time."""
_SWING_POINTS = 512
_SLOWEST_HZ, _FASTEST_HZ, _SWINGS = 0.25, 3.8, 24


def intervals(first: Doubles, second: Doubles, lags: Sequence[int]) -> Doubles:
    """How strongly each of twelve intervals lies between a note and one that sounds `lag` frames later."""
    x, y = np.fft.rfft(first, axis=1), np.fft.rfft(second, axis=1)
    rows = []
    for lag in lags:
        lag = min(lag, len(x) - 1)
        rows.append(np.fft.irfft((np.conj(x[: len(x) - lag]) * y[lag:]).mean(axis=0), 12))
    return np.concatenate(rows)


def triads(first: Doubles, second: Doubles, third: Doubles) -> Doubles:
    """(144,) how strongly a note sounds with two others, by their two intervals from it.

    Each is (frames, 12), or (1, 12) where one frame stands for all.
    """
    total = np.zeros((12, 12))
    for root in range(12):
        weighted = np.roll(second, -root, axis=1) * first[:, root : root + 1]
        turned = np.roll(third, -root, axis=1)
        total += np.outer(weighted.sum(axis=0), turned[0]) if len(third) == 1 else weighted.T @ turned
    return total.ravel() / len(first)


def after(frames: Doubles, lag: int) -> tuple[Doubles, Doubles]:
    """Each frame and the one `lag` later."""
    lag = min(lag, len(frames) - 1)
    return frames[: len(frames) - lag], frames[lag:]


def staying(frames: Doubles, lags: Sequence[int]) -> Doubles:
    """How like itself the harmony still is after each lag."""
    return np.array([np.mean(np.sum(np.multiply(*after(frames, lag)), axis=1)) for lag in lags])


def patches(frames: Doubles, length: int) -> Doubles:
    """Mean magnitude of the two-dimensional Fourier transform of overlapping patches of `length` frames."""
    if len(frames) < length:
        frames = frames[np.arange(length) % len(frames)]
    # The last axis of a window is time, the one before the pitch classes.
    windows = np.lib.stride_tricks.sliding_window_view(frames, length, axis=0)[:: length // 4]
    magnitudes: Doubles = np.abs(np.fft.fft2(windows)).mean(axis=0)[:7, : length // 2 + 1]
    if length > _EVEN_PATCH:
        edges = np.concatenate([np.arange(5), np.geomspace(5, length // 2 + 1, 7)])
        edges = np.unique(np.round(edges).astype(int))
        parts = [magnitudes[:, a:b].mean(axis=1) for a, b in itertools.pairwise(edges)]
        magnitudes = np.stack(parts, axis=1)
    return magnitudes.ravel()


def rise(frames: Doubles) -> Doubles:
    return np.maximum(np.diff(frames, axis=0, prepend=frames[:1]), 0)


def change(frames: Doubles) -> Doubles:
    """(frames,) how far the chord moves from one frame to the next, however loud it is."""
    shape = unit(frames, 1e-2)
    moved: Doubles = np.linalg.norm(np.diff(shape, axis=0, prepend=shape[:1]), axis=1)
    return moved


def unit(frames: Doubles, floor: float = 1e-3) -> Doubles:
    scaled: Doubles = frames / (np.linalg.norm(frames, axis=1, keepdims=True) + floor)
    return scaled


def echoes(strength: Doubles, lags: Sequence[int]) -> Doubles:
    """How strength (frames,) comes back after each lag."""
    swing = strength - strength.mean()
    power = float(np.mean(swing**2)) + 1e-6
    return np.array([float(swing[:-lag] @ swing[lag:]) / len(swing) / power for lag in lags])


def swings(strength: Doubles, rate: float) -> Doubles:
    """How fast strength goes up and down: its magnitude spectrum between a quarter of a hertz and four."""
    window = np.hanning(len(strength) + 2)[1:-1]
    points = max(_SWING_POINTS, len(strength))
    spectrum = np.abs(np.fft.rfft((strength - strength.mean()) * window, points)) / len(strength)
    rates = np.geomspace(_SLOWEST_HZ, _FASTEST_HZ, _SWINGS)
    found: Doubles = np.interp(rates, np.fft.rfftfreq(points, 1 / rate), spectrum)
    return found


def levels(strength: Doubles) -> Doubles:
    return np.array([strength.mean(), strength.std(), *np.quantile(strength, (0.1, 0.5, 0.9))])
