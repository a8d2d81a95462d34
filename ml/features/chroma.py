"""Chromagram: the strength of the twelve pitch classes over time, for key and harmonic similarity.

Narrow Gaussian bands, placed on the song's own tuning, sum the spectrum of long windows into semitones. These are
compressed, and the mean of the neighbouring semitones is subtracted, which removes broadband sound (drums, noise). Bass
and treble are folded into one octave separately, because the bass alone gives the root of most chords.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy

from ml.audio.settings import SAMPLE_RATE
from ml.features import stft
from ml.features.arrays import Floats

FFT_SIZE = 8192
"""Samples: half a second, so that semitones separate down to the low E of a bass guitar."""
HOP_SIZE = 2048
FRAMES_PER_SECOND = SAMPLE_RATE / HOP_SIZE

LOWEST_NOTE = 24
"""MIDI number of band 0, a C."""
BASS_BANDS = slice(0, 36)
TREBLE_BANDS = slice(24, 72)
BANDS = 72
BAND_WIDTH_SEMITONES = 0.2
COMPRESSION = 300.0

TUNING_RANGE_HZ = (80.0, 2000.0)
BLOCK_FRAMES = 64
"""Frames transformed at once. A block fits into the processor's cache, a third faster than the whole song at once."""
TUNING_FRAMES = 2048
"""Frames whose peaks are found at once: four minutes."""
SILENCE_RMS = 1e-6
_SPECTRUM_BINS = int(440.0 * 2 ** ((LOWEST_NOTE + BANDS + 1 - 69) / 12) * FFT_SIZE / SAMPLE_RATE)
"""Up to just above the highest band."""


@dataclass(frozen=True)
class Chromagram:
    """`tones` (frames, BANDS): strength of every semitone from C1, never negative and independent of loudness.

    Frame `i` is centred on `i / FRAMES_PER_SECOND` seconds. `tuning_cents` (-50..50) is the deviation of the recording
    from A = 440 Hz; `tones` are already corrected for it.
    """

    tones: Floats
    tuning_cents: float

    @classmethod
    def of_chords(cls, bass: Floats, treble: Floats) -> Chromagram:
        """From pitch classes of bass and treble (frames, 12), each written to an octave that only one of them reads."""
        tones = np.zeros((len(bass), BANDS), np.float32)
        tones[:, :12], tones[:, -12:] = bass, treble
        return cls(tones, 0.0)

    @cached_property
    def bass(self) -> Floats:
        """(frames, 12), C first."""
        return fold(self.tones[:, BASS_BANDS])

    @cached_property
    def treble(self) -> Floats:
        """(frames, 12), C first."""
        return fold(self.tones[:, TREBLE_BANDS])

    @cached_property
    def full(self) -> Floats:
        """(frames, 12): bass and treble together, each frame scaled to length one, silent frames zero."""
        both = self.bass + self.treble
        length = np.linalg.norm(both, axis=1, keepdims=True)
        unit: Floats = np.divide(both, length, out=np.zeros_like(both), where=length > 0)
        return unit

    @property
    def silent(self) -> bool:
        return not bool(self.tones.any())


def chromagram(samples: Floats) -> Chromagram:
    """Chromagram of mono `samples` at SAMPLE_RATE."""
    spectrum = _spectrum(np.asarray(samples, dtype=np.float32))
    energy = np.sqrt(np.mean(np.einsum("ij,ij->i", spectrum, spectrum)))
    if not energy > SILENCE_RMS:
        return Chromagram(np.zeros((len(spectrum), BANDS), np.float32), 0.0)
    spectrum /= energy
    tuning = estimate_tuning(spectrum)
    semitones = np.log1p(COMPRESSION * (spectrum @ _bands(tuning)))
    tonal = np.maximum(semitones - scipy.ndimage.uniform_filter1d(semitones, 13, axis=1), 0)
    return Chromagram(tonal, 100 * tuning)


def fold(tones: Floats) -> Floats:
    """(frames, 12 * octaves) -> (frames, 12): the sum over octaves."""
    return np.asarray(tones.reshape(len(tones), -1, 12).sum(axis=1), np.float32)


def estimate_tuning(spectrum: Floats) -> float:
    """Deviation from A = 440 Hz in semitones (-0.5..0.5), from magnitudes (frames, bins).

    It is the circular mean over all spectral peaks, weighted by magnitude. A parabola through the logarithms of three
    bins locates a peak between bins.
    """
    # In blocks, because a long song has millions of peaks.
    starts = range(0, len(spectrum), TUNING_FRAMES)
    total = sum((_sum_of_peaks(spectrum[start : start + TUNING_FRAMES]) for start in starts), 0j)
    return float(np.angle(total) / (2 * np.pi))


def _sum_of_peaks(spectrum: Floats) -> complex:
    """The sum of the peaks as vectors: as long as their magnitudes, turned by their deviation."""
    low, high = (int(hz * FFT_SIZE / SAMPLE_RATE) for hz in TUNING_RANGE_HZ)
    inner, before, after = (spectrum[:, low + step : high + step] for step in (0, -1, 1))
    frame, offset = np.nonzero((inner > before) & (inner >= after))
    index = offset + low
    left, middle, right = (np.log(spectrum[frame, index + step] + 1e-6) for step in (-1, 0, 1))
    shift = np.clip(0.5 * (left - right) / (left - 2 * middle + right - 1e-9), -0.5, 0.5)
    semitones = 12 * np.log2((index + shift) * SAMPLE_RATE / FFT_SIZE / 440.0)
    return complex(np.sum(spectrum[frame, index] * np.exp(2j * np.pi * semitones)))


def _spectrum(samples: Floats) -> Floats:
    """Magnitudes (frames, _SPECTRUM_BINS)."""
    frames = stft.frames(samples, size=FFT_SIZE, hop=HOP_SIZE)
    window = stft.hann(FFT_SIZE) / (FFT_SIZE / 4)
    magnitudes = np.empty((len(frames), _SPECTRUM_BINS), dtype=np.float32)
    for start in range(0, len(frames), BLOCK_FRAMES):
        block = slice(start, start + BLOCK_FRAMES)
        np.abs(scipy.fft.rfft(frames[block] * window, axis=1)[:, :_SPECTRUM_BINS], out=magnitudes[block])
    return magnitudes


def _bands(tuning: float) -> Floats:
    """(_SPECTRUM_BINS, BANDS) Gaussian weights around each semitone of a scale raised by `tuning` semitones."""
    hz = np.arange(1, _SPECTRUM_BINS) * SAMPLE_RATE / FFT_SIZE
    notes = 69 + 12 * np.log2(hz / 440.0) - tuning
    distance = notes[:, None] - (LOWEST_NOTE + np.arange(BANDS))
    # High semitones span more bins than low ones. Weighting by bin width gives every octave the same influence.
    width = np.minimum(1, 12 * np.log2(1 + SAMPLE_RATE / FFT_SIZE / hz))[:, None]
    weights = np.zeros((_SPECTRUM_BINS, BANDS), dtype=np.float32)
    weights[1:] = width * np.exp(-0.5 * (distance / BAND_WIDTH_SEMITONES) ** 2)
    return weights
