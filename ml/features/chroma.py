"""Which of the twelve pitch classes sound, and when: the descriptor behind key and harmonic similarity.

The spectrum of long windows is gathered into semitones with narrow Gaussian bands laid on the song's own
tuning, compressed, cleared of whatever is broad (drums, noise) by subtracting the local mean, and folded
into octaves. Bass and treble are folded apart because the bass alone names the root of most chords.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import fft
from scipy.ndimage import uniform_filter1d

from ml.audio.settings import SAMPLE_RATE
from ml.features.arrays import Floats

FFT_SIZE = 8192
"""Samples: half a second, so that semitones separate down to the low E of a bass guitar."""
HOP_SIZE = 2048
FRAMES_PER_SECOND = SAMPLE_RATE / HOP_SIZE

LOWEST_NOTE = 24
"""MIDI number of C1; bands run from here upwards, so band 0 is a C."""
BASS_BANDS = slice(0, 36)
TREBLE_BANDS = slice(24, 72)
BANDS = 72
BAND_WIDTH_SEMITONES = 0.2
COMPRESSION = 300.0

TUNING_RANGE_HZ = (80.0, 2000.0)
BLOCK_FRAMES = 64
"""Frames transformed at once: a block stays in cache, which is a third faster than the whole song at once."""
SILENCE_RMS = 1e-6


@dataclass(frozen=True)
class Chromagram:
    """Strength of every semitone over time: `tones` (frames, BANDS), C1 first, never negative.

    Frame `i` is centred on `i / FRAMES_PER_SECOND` seconds. Strengths do not depend on loudness.
    `tuning_cents` (-50..50) is how far the recording lies from A = 440 Hz; it is already allowed for.
    """

    tones: Floats
    tuning_cents: float

    @classmethod
    def of_chords(cls, bass: Floats, treble: Floats) -> Chromagram:
        """Pitch classes of bass and treble (frames, 12) alone, each laid where the other does not look."""
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
        """(frames, 12), each frame scaled to unit length, silent frames zero: for comparing harmony."""
        both = self.bass + self.treble
        length = np.linalg.norm(both, axis=1, keepdims=True)
        unit: Floats = np.divide(both, length, out=np.zeros_like(both), where=length > 0)
        return unit

    @property
    def silent(self) -> bool:
        return not bool(self.tones.any())


def chromagram(samples: Floats) -> Chromagram:
    """Chromagram of mono float32 `samples` at 16 kHz."""
    spectrum = _spectrum(np.asarray(samples, dtype=np.float32))
    energy = np.sqrt(np.mean(np.sum(spectrum**2, axis=1)))
    if not energy > SILENCE_RMS:
        return Chromagram(np.zeros((len(spectrum), BANDS), np.float32), 0.0)
    spectrum /= energy
    tuning = estimate_tuning(spectrum)
    semitones = np.log1p(COMPRESSION * (spectrum @ _bands(tuning)))
    tonal = np.maximum(semitones - uniform_filter1d(semitones, 13, axis=1), 0)
    return Chromagram(tonal, 100 * tuning)


def fold(tones: Floats) -> Floats:
    """Whole octaves of semitones (frames, 12 * octaves) laid over one another, (frames, 12)."""
    folded: Floats = tones.reshape(len(tones), -1, 12).sum(axis=1).astype(np.float32)
    return folded


def estimate_tuning(spectrum: Floats) -> float:
    """Deviation from A = 440 Hz in semitones (-0.5..0.5): the circular mean over all spectral peaks.

    `spectrum` is (frames, bins) of magnitudes. Peaks are placed between bins by a parabola through their
    logarithms, and count by their strength.
    """
    low, high = (int(hz * FFT_SIZE / SAMPLE_RATE) for hz in TUNING_RANGE_HZ)
    inner = spectrum[:, low:high]
    frame, offset = np.nonzero(
        (inner > spectrum[:, low - 1 : high - 1]) & (inner >= spectrum[:, low + 1 : high + 1])
    )
    if not len(frame):
        return 0.0
    index = offset + low
    left, middle, right = (np.log(spectrum[frame, index + step] + 1e-6) for step in (-1, 0, 1))
    shift = np.clip(0.5 * (left - right) / (left - 2 * middle + right - 1e-9), -0.5, 0.5)
    semitones = 12 * np.log2((index + shift) * SAMPLE_RATE / FFT_SIZE / 440.0)
    mean = np.sum(spectrum[frame, index] * np.exp(2j * np.pi * semitones))
    return float(np.angle(mean) / (2 * np.pi))


def _spectrum(samples: Floats) -> Floats:
    """Magnitudes (frames, bins) up to just above the highest band; the signal is padded with silence."""
    bins = int(_hz(LOWEST_NOTE + BANDS + 1) * FFT_SIZE / SAMPLE_RATE)
    padded = np.pad(samples, FFT_SIZE // 2)
    frames = np.lib.stride_tricks.sliding_window_view(padded, FFT_SIZE)[::HOP_SIZE]
    window = np.hanning(FFT_SIZE + 1)[:-1].astype(np.float32) / (FFT_SIZE / 4)
    out = np.empty((len(frames), bins), dtype=np.float32)
    for start in range(0, len(frames), BLOCK_FRAMES):
        block = slice(start, start + BLOCK_FRAMES)
        np.abs(fft.rfft(frames[block] * window, axis=1)[:, :bins], out=out[block])
    return out


def _bands(tuning: float) -> Floats:
    """(bins, BANDS) Gaussian weights around each semitone of a scale raised by `tuning` semitones."""
    bins = int(_hz(LOWEST_NOTE + BANDS + 1) * FFT_SIZE / SAMPLE_RATE)
    hz = np.arange(1, bins) * SAMPLE_RATE / FFT_SIZE
    notes = 69 + 12 * np.log2(hz / 440.0) - tuning
    distance = notes[:, None] - (LOWEST_NOTE + np.arange(BANDS))
    # A semitone holds more bins the higher it lies; weighting by bin width lets no octave outvote another.
    width = np.minimum(1, 12 * np.log2(1 + SAMPLE_RATE / FFT_SIZE / hz))[:, None]
    weights = np.zeros((bins, BANDS), dtype=np.float32)
    weights[1:] = width * np.exp(-0.5 * (distance / BAND_WIDTH_SEMITONES) ** 2)
    return weights


def _hz(note: float) -> float:
    return float(440.0 * 2 ** ((note - 69) / 12))
