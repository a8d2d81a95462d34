"""One short-time spectrum, computed once, and the filter banks that read it: the values of librosa, without librosa.

Layout is (frames, bins): a frame's bins lie side by side, which is what sorting and matrix products want.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np
import scipy.fft

from ml.features.arrays import Complexes, Doubles, Floats

FFT_SIZE = 2048
HOP_SIZE = 512
MEL_BANDS = 128
CHROMA_BINS = 12
OVERLAP = FFT_SIZE // HOP_SIZE


@dataclass(frozen=True)
class Spectrum:
    """The centred Hann spectrum of mono `samples` at `rate` Hz, a frame every HOP_SIZE samples."""

    samples: Floats
    rate: int

    @cached_property
    def bins(self) -> Complexes:
        padded = np.pad(self.samples, FFT_SIZE // 2)
        frames = np.lib.stride_tricks.sliding_window_view(padded, FFT_SIZE)[::HOP_SIZE]
        found: Complexes = scipy.fft.rfft(frames * hann(), axis=1, overwrite_x=True)
        return found

    @cached_property
    def power(self) -> Floats:
        bins = self.bins
        power: Floats = np.square(bins.real)
        power += np.square(bins.imag)
        return power

    @cached_property
    def magnitude(self) -> Floats:
        return np.sqrt(self.power)

    @cached_property
    def mel_decibels(self) -> Floats:
        return decibels(self.power @ mel_filters(self.rate))


def invert(bins: Complexes, length: int) -> Floats:
    """The samples whose spectrum is nearest to `bins`: windowed frames, added where they overlap."""
    frames = scipy.fft.irfft(bins, FFT_SIZE, axis=1) * hann()
    sound = np.zeros((len(frames) + OVERLAP - 1, HOP_SIZE), np.float32)
    weight = np.zeros_like(sound)
    for part in range(OVERLAP):
        block = slice(part * HOP_SIZE, (part + 1) * HOP_SIZE)
        sound[part : part + len(frames)] += frames[:, block]
        weight[part : part + len(frames)] += np.square(hann()[block])
    tiny = np.finfo(np.float32).tiny
    sound /= np.where(weight > tiny, weight, np.float32(1))
    found = sound.ravel()[FFT_SIZE // 2 :][:length]
    return np.pad(found, (0, length - len(found)))


def decibels(power: Floats, *, floor: float = 1e-10, range_db: float = 80.0) -> Floats:
    """10 log10, nothing lower than `range_db` under the highest."""
    found = np.float32(10) * np.log10(np.maximum(np.float32(floor), power))
    return np.asarray(np.maximum(found, found.max() - np.float32(range_db)), np.float32)


def frequencies(rate: int) -> Doubles:
    return np.asarray(np.fft.rfftfreq(FFT_SIZE, 1 / rate), np.float64)


@cache
def hann() -> Floats:
    return np.hanning(FFT_SIZE + 1)[:-1].astype(np.float32)


@cache
def mel_filters(rate: int) -> Floats:
    """(bins, MEL_BANDS) triangles of equal area on the Slaney scale, up to half the rate."""
    edges = _mel_to_hz(np.linspace(0.0, float(_hz_to_mel(np.array([rate / 2]))[0]), MEL_BANDS + 2))
    hz = frequencies(rate)[:, None]
    lower, centre, upper = edges[:-2], edges[1:-1], edges[2:]
    triangles = np.maximum(0.0, np.minimum((hz - lower) / (centre - lower), (upper - hz) / (upper - centre)))
    return (triangles * (2.0 / (upper - lower))).astype(np.float32)


@cache
def chroma_filters(rate: int, tuning: float) -> Floats:
    """(bins, CHROMA_BINS) Gaussian bumps around each pitch class, C first, for a tuning in parts of a semitone."""
    hz = np.linspace(0, rate, FFT_SIZE, endpoint=False)[1:]
    a440 = 440.0 * 2.0 ** (tuning / CHROMA_BINS)
    bins = CHROMA_BINS * np.log2(hz / (a440 / 16))
    bins = np.concatenate([[bins[0] - 1.5 * CHROMA_BINS], bins])
    widths = np.concatenate([np.maximum(bins[1:] - bins[:-1], 1.0), [1.0]])
    half = CHROMA_BINS / 2
    apart = np.remainder(np.subtract.outer(bins, np.arange(CHROMA_BINS)) + half + 120, CHROMA_BINS) - half
    bumps = np.exp(-0.5 * (2 * apart / widths[:, None]) ** 2)
    bumps /= np.sqrt(np.square(bumps).sum(axis=1, keepdims=True))
    bumps *= np.exp(-0.5 * ((bins / CHROMA_BINS - 5.0) / 2.0) ** 2)[:, None]
    return np.asarray(np.roll(bumps, -3, axis=1)[: FFT_SIZE // 2 + 1], np.float32)


_HZ_PER_MEL, _LOG_HZ, _LOG_STEP = 200.0 / 3, 1000.0, float(np.log(6.4)) / 27.0
_LOG_MEL = _LOG_HZ / _HZ_PER_MEL


def _hz_to_mel(hz: Doubles) -> Doubles:
    above = _LOG_MEL + np.log(np.maximum(hz, _LOG_HZ) / _LOG_HZ) / _LOG_STEP
    return np.where(hz < _LOG_HZ, hz / _HZ_PER_MEL, above)


def _mel_to_hz(mel: Doubles) -> Doubles:
    return np.where(mel < _LOG_MEL, mel * _HZ_PER_MEL, _LOG_HZ * np.exp(_LOG_STEP * (mel - _LOG_MEL)))
