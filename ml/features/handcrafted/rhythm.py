"""Beats per minute as `librosa.feature.tempo` counts them; the tempo that reports show is `ml.models.tempo`'s own."""

from __future__ import annotations

import numpy as np
import scipy.fft

from ml.features.arrays import Doubles, Floats
from ml.features.handcrafted.spectrum import FFT_SIZE, HOP_SIZE

MEMORY_SECONDS = 8.0
LIKELY_BPM = 120.0
FASTEST_BPM = 320.0
_BLOCK = 2048


def onsets(mel_decibels: Floats) -> Floats:
    """How much louder each frame is than the one before, on the mean over mel bands (frames,)."""
    rises = np.maximum(0, mel_decibels[1:] - mel_decibels[:-1]).mean(axis=1)
    late = 1 + FFT_SIZE // (2 * HOP_SIZE)
    return np.pad(rises, (late, 0))[: len(mel_decibels)].astype(np.float32)


def tempo(strength: Floats, rate: int) -> float:
    """The period at which onsets (frames,) come again, likelier near 120 beats a minute."""
    size = int(MEMORY_SECONDS * rate / HOP_SIZE)
    padded = np.pad(strength, size // 2, mode="linear_ramp")
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[: len(strength)]
    # Long and short frames alike count by their strongest lag, so the sum runs over normalised rows.
    total = sum(
        (_repeats(frames[start : start + _BLOCK]) for start in range(0, len(frames), _BLOCK)), np.zeros(size)
    )
    bpm = 60.0 * rate / (HOP_SIZE * np.arange(1.0, size))
    prior = -0.5 * np.square(np.log2(bpm / LIKELY_BPM))
    prior[bpm >= FASTEST_BPM] = -np.inf
    likely = np.log1p(1e6 * total[1:] / len(frames)) + prior
    return float(bpm[likely.argmax()])


def _repeats(frames: Floats) -> Doubles:
    """Sum over frames of their normalised autocorrelation (size,)."""
    size = frames.shape[1]
    window = np.hanning(size + 1)[:-1]
    length = scipy.fft.next_fast_len(2 * size - 1, real=True)
    spectra = scipy.fft.rfft(frames * window, length, axis=1)
    again = scipy.fft.irfft(np.square(np.abs(spectra)), length, axis=1)[:, :size]
    highest = np.abs(again).max(axis=1, keepdims=True)
    found: Doubles = (again / np.where(highest < np.finfo(np.float64).tiny, 1, highest)).sum(axis=0)
    return found
