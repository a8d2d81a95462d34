"""A short-time spectrum that all hand-crafted features share, and its filter banks: librosa's values without librosa.

Layout is (frames, bins): the bins of a frame are adjacent, which suits sorting and matrix products.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import scipy

from ml.features import stft
from ml.features.arrays import Complexes, Doubles, Floats

FFT_SIZE = 2048
HOP_SIZE = 512
MEL_BANDS = 128
CHROMA_BINS = 12
OVERLAP = FFT_SIZE // HOP_SIZE
TINY = np.finfo(np.float32).tiny


@dataclass(frozen=True)
class Spectrum:
    """The centred Hann spectrum of mono `samples` at `rate` Hz, one frame per HOP_SIZE samples."""

    samples: Floats
    rate: int

    @cached_property
    def bins(self) -> Complexes:
        frames = stft.frames(self.samples, size=FFT_SIZE, hop=HOP_SIZE)
        return np.asarray(scipy.fft.rfft(frames * stft.hann(FFT_SIZE), axis=1, overwrite_x=True))

    @cached_property
    def power(self) -> Floats:
        power: Floats = np.square(self.bins.real)
        power += np.square(self.bins.imag)
        return power

    @cached_property
    def magnitude(self) -> Floats:
        return np.sqrt(self.power)

    @cached_property
    def mel_decibels(self) -> Floats:
        return decibels(self.power @ stft.mel_filters(rate=self.rate, fft_size=FFT_SIZE, bands=MEL_BANDS))


def invert(bins: Complexes, length: int) -> Floats:
    """Inverse transform by overlap-add: the samples (length,) whose spectrum is nearest to `bins`."""
    window = stft.hann(FFT_SIZE)
    frames = scipy.fft.irfft(bins, FFT_SIZE, axis=1) * window
    sound = np.zeros((len(frames) + OVERLAP - 1, HOP_SIZE), np.float32)
    weight = np.zeros_like(sound)
    for part in range(OVERLAP):
        block = slice(part * HOP_SIZE, (part + 1) * HOP_SIZE)
        sound[part : part + len(frames)] += frames[:, block]
        weight[part : part + len(frames)] += np.square(window[block])
    sound /= np.where(weight > TINY, weight, np.float32(1))
    samples = sound.ravel()[FFT_SIZE // 2 :][:length]
    return np.pad(samples, (0, length - len(samples)))


def decibels(power: Floats, *, floor: float = 1e-10, range_db: float = 80.0) -> Floats:
    """10 log10(power), at least `floor`, and at most `range_db` below the maximum."""
    level = np.float32(10) * np.log10(np.maximum(np.float32(floor), power))
    return np.asarray(np.maximum(level, level.max() - np.float32(range_db)), np.float32)


def frequencies(rate: int) -> Doubles:
    """(bins,) in Hz."""
    return np.asarray(np.fft.rfftfreq(FFT_SIZE, 1 / rate), np.float64)


@cache
def chroma_filters(rate: int, tuning: float) -> Floats:
    """(bins, CHROMA_BINS) Gaussians around each pitch class, C first, for a tuning in fractions of a semitone."""
    hz = np.linspace(0, rate, FFT_SIZE, endpoint=False)[1:]
    a440 = 440.0 * 2.0 ** (tuning / CHROMA_BINS)
    bins = CHROMA_BINS * np.log2(hz / (a440 / 16))
    bins = np.concatenate([[bins[0] - 1.5 * CHROMA_BINS], bins])
    widths = np.concatenate([np.maximum(bins[1:] - bins[:-1], 1.0), [1.0]])
    half = CHROMA_BINS / 2
    distance = np.remainder(np.subtract.outer(bins, np.arange(CHROMA_BINS)) + half + 120, CHROMA_BINS) - half
    filters = np.exp(-0.5 * (2 * distance / widths[:, None]) ** 2)
    filters /= np.sqrt(np.square(filters).sum(axis=1, keepdims=True))
    filters *= np.exp(-0.5 * ((bins / CHROMA_BINS - 5.0) / 2.0) ** 2)[:, None]
    return np.asarray(np.roll(filters, -3, axis=1)[: FFT_SIZE // 2 + 1], np.float32)
