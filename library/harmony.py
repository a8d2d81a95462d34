"""What chords a song is made of and how they follow one another, whatever its key and wherever it begins.

Kept is a compact chromagram: bass and treble, four moments a second, one byte a number. Described is what stays when
all notes move by the same interval and when time starts elsewhere: how strongly each interval and each three notes
sound together or after one another, how the steps lie to the song's own mean chord, and the magnitudes of the
two-dimensional Fourier transform. A projection learnt from recordings cut in two weighs all this.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ml.chroma import FRAMES_PER_SECOND, Chromagram

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

VERSION = 1
POOLED_FRAMES = 2
STORED_PER_SECOND = FRAMES_PER_SECOND / POOLED_FRAMES
LAGS = (0, 1, 2, 4, 6, 8, 12)
"""Stored frames, a quarter of a second each."""
CHANGE_LAGS = (2, 4)
PATCH_FRAMES = 16
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
PULSE_LAGS = range(1, 9)
_FLOOR = 1e-9


@dataclass(frozen=True)
class Chords:
    """A stored chromagram: bass and treble (frames, 12), C first, at STORED_PER_SECOND, of unit strength together."""

    bass: Doubles
    treble: Doubles


def pack(chromagram: Chromagram) -> bytes:
    """The chromagram as it is kept: about four kilobytes a minute before compression."""
    parts = np.concatenate([_pool(chromagram.bass), _pool(chromagram.treble)], axis=1)
    loudest = float(parts.max(initial=0.0))
    levels = np.round(parts * (255 / loudest)) if loudest > 0 else parts
    return zlib.compress(levels.astype(np.uint8).tobytes(), 6)


def unpack(kept: bytes) -> Chords:
    levels = np.frombuffer(zlib.decompress(kept), np.uint8).reshape(-1, 24).astype(np.float64)
    bass, treble = levels[:, :12], levels[:, 12:]
    strength = float(np.sqrt(np.mean(np.sum((bass + treble) ** 2, axis=1))))
    return Chords(bass / (strength + _FLOOR), treble / (strength + _FLOOR))


def features(chords: Chords) -> Floats:
    """Everything about the chords that neither key nor beginning changes, (FEATURES,), roots taken to even it out."""
    bass, treble = chords.bass, chords.treble
    both = bass + treble
    length = np.linalg.norm(both, axis=1, keepdims=True)
    unit = both / (length + 1e-3)
    mean_bass, mean_treble = bass.mean(axis=0, keepdims=True), treble.mean(axis=0, keepdims=True)
    over = np.ones((len(treble), 1))
    parts = [
        *(_intervals(x, y, LAGS) for x, y in ((unit, unit), (treble, treble), (bass, bass), (bass, treble))),
        *(
            _triads(*notes)
            for notes in (
                (treble, treble, treble),
                (bass, treble, treble),
                (treble, treble, over * mean_treble),
                (treble, bass, over * mean_treble),
                (bass, bass, over * mean_bass),
                (mean_bass, mean_treble, mean_treble),
            )
        ),
        *(_triads(*_after(treble, lag), mean_treble) for lag in CHANGE_LAGS),
        *(np.quantile(np.sort(x, axis=1), QUANTILES, axis=0).ravel() for x in (bass, treble, unit)),
        *(_pulse(x.sum(axis=1)) for x in (bass, treble, _rise(bass), _rise(treble))),
        *(patches(x) for x in (bass, treble, unit)),
    ]
    joined = np.concatenate(parts)
    rooted: Floats = (np.sign(joined) * np.sqrt(np.abs(joined))).astype(np.float32)
    return rooted


def mean_chroma(chords: Chords) -> Doubles:
    """(12,) how much each pitch class sounds, adding up to one."""
    mean: Doubles = (chords.bass + chords.treble).mean(axis=0)
    mean /= mean.sum() + _FLOOR
    return mean


def _pool(frames: Floats) -> Floats:
    whole = max(1, len(frames) // POOLED_FRAMES)
    pooled: Floats = frames[: whole * POOLED_FRAMES].reshape(whole, -1, 12).mean(axis=1)
    return pooled


def _after(frames: Doubles, lag: int) -> tuple[Doubles, Doubles]:
    lag = min(lag, len(frames) - 1)
    return frames[: len(frames) - lag], frames[lag:]


def _intervals(first: Doubles, second: Doubles, lags: tuple[int, ...]) -> Doubles:
    """How strongly each of twelve intervals lies between a note and one that sounds `lag` frames later."""
    x, y = np.fft.rfft(first, axis=1), np.fft.rfft(second, axis=1)
    rows = []
    for lag in lags:
        lag = min(lag, len(x) - 1)
        rows.append(np.fft.irfft((np.conj(x[: len(x) - lag]) * y[lag:]).mean(axis=0), 12))
    return np.concatenate(rows)


def _triads(first: Doubles, second: Doubles, third: Doubles) -> Doubles:
    """(144,) how strongly a note sounds with two others, by their two intervals from it.

    Summed over the twelve roots, so that only the intervals matter; `third` may be one frame for all.
    """
    total = np.zeros((12, 12))
    for root in range(12):
        weighted = np.roll(second, -root, axis=1) * first[:, root : root + 1]
        turned = np.roll(third, -root, axis=1)
        total += np.outer(weighted.sum(axis=0), turned[0]) if len(third) == 1 else weighted.T @ turned
    return total.ravel() / len(first)


def _rise(frames: Doubles) -> Doubles:
    return np.maximum(np.diff(frames, axis=0, prepend=frames[:1]), 0)


def _pulse(strength: Doubles) -> Doubles:
    """How strength goes up and down: its own echo after each lag, its spread and its levels."""
    swing = strength - strength.mean()
    power = float(np.mean(swing**2)) + 1e-6
    echoes = [float((swing[:-lag] * swing[lag:]).sum()) / len(swing) / power for lag in PULSE_LAGS]
    return np.array([*echoes, np.sqrt(power), strength.mean(), *np.quantile(strength, (0.1, 0.5, 0.9))])


def patches(frames: Doubles) -> Doubles:
    """Mean magnitude of the two-dimensional Fourier transform of overlapping patches of four seconds."""
    if len(frames) < PATCH_FRAMES:
        frames = frames[np.arange(PATCH_FRAMES) % len(frames)]
    # The last axis of a window is time, the one before the pitch classes.
    windows = np.lib.stride_tricks.sliding_window_view(frames, PATCH_FRAMES, axis=0)[:: PATCH_FRAMES // 4]
    magnitudes: Doubles = np.abs(np.fft.fft2(windows)).mean(axis=0)  # (pitch classes, frames)
    return magnitudes[:7, : PATCH_FRAMES // 2 + 1].ravel()
