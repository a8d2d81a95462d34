"""Tempo as `librosa.feature.tempo` computes it, a classic feature. Reports show the tempo of `ml.models.tempo`."""

from __future__ import annotations

import numpy as np
import scipy

from ml.features.arrays import Doubles, Floats
from ml.features.handcrafted.spectrum import FFT_SIZE, HOP_SIZE

SEGMENT_SECONDS = 8.0
PRIOR_BPM = 120.0
FASTEST_BPM = 320.0
_BLOCK_FRAMES = 2048


def onset_strength(mel_decibels: Floats) -> Floats:
    """(frames,) mean over mel bands of the increase from the frame before."""
    rises = np.maximum(0, mel_decibels[1:] - mel_decibels[:-1]).mean(axis=1)
    delay = 1 + FFT_SIZE // (2 * HOP_SIZE)
    return np.pad(rises, (delay, 0))[: len(mel_decibels)].astype(np.float32)


def tempo(strength: Floats, rate: int) -> float:
    """Beats per minute: the lag of the strongest autocorrelation, with a prior around PRIOR_BPM."""
    size = int(SEGMENT_SECONDS * rate / HOP_SIZE)
    padded = np.pad(strength, size // 2, mode="linear_ramp")
    segments = np.lib.stride_tricks.sliding_window_view(padded, size)[: len(strength)]
    blocks = (segments[start : start + _BLOCK_FRAMES] for start in range(0, len(segments), _BLOCK_FRAMES))
    total = sum(map(_autocorrelation, blocks), np.zeros(size))
    bpm = 60.0 * rate / (HOP_SIZE * np.arange(1.0, size))
    prior = -0.5 * np.square(np.log2(bpm / PRIOR_BPM))
    prior[bpm >= FASTEST_BPM] = -np.inf
    likelihood = np.log1p(1e6 * total[1:] / len(segments)) + prior
    return float(bpm[likelihood.argmax()])


def _autocorrelation(segments: Floats) -> Doubles:
    """(lags,) sum over segments (count, size) of their autocorrelations, each scaled to a maximum of one."""
    size = segments.shape[1]
    window = np.hanning(size + 1)[:-1]
    length = scipy.fft.next_fast_len(2 * size - 1, real=True)
    spectra = scipy.fft.rfft(segments * window, length, axis=1)
    products = scipy.fft.irfft(np.square(np.abs(spectra)), length, axis=1)[:, :size]
    highest = np.abs(products).max(axis=1, keepdims=True)
    total: Doubles = (products / np.where(highest < np.finfo(np.float64).tiny, 1, highest)).sum(axis=0)
    return total
