"""Samples to rows of features: mean and variance of every series, over the whole song or over each window."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ml.features import stft
from ml.features.arrays import Doubles, Floats
from ml.features.handcrafted import rhythm, separation, series
from ml.features.handcrafted.spectrum import HOP_SIZE, Spectrum

VERSION = 1
"""Part of the keys of cached results. Raise it when the numbers change."""

PIECE_SECONDS = 60.0
"""Longer songs are computed piece by piece, because the spectrum of an hour does not fit into memory."""
_LEAST_PIECE = 0.25
"""A remainder below this fraction of a piece is added to the piece before."""

WAVES = ("harmonic", "percussive")
NAMES = (
    *(f"{name}_{statistic}" for statistic in ("mean", "var") for name in series.NAMES),
    *(f"{name}_{statistic}" for statistic in ("mean", "var") for name in WAVES),
    "tempo",
)
"""The columns of a row, in order."""


@dataclass(frozen=True)
class HandcraftedFeatures:
    """The series of one song, from which rows for any part of it are computed."""

    rows: Floats
    """(len(series.NAMES), frames)"""
    centres: Doubles
    """(frames,) centre of each frame, in samples."""
    sums: Doubles
    """(waves, 2, samples + 1): running sums of each wave and of its square."""
    tempo: float
    rate: int

    @property
    def samples(self) -> int:
        return int(self.sums.shape[2]) - 1

    def row(self, start: int = 0, end: int | None = None) -> Floats:
        """(len(NAMES),) for the samples from `start` to `end`. The tempo is always that of the whole song."""
        stop = self.samples if end is None else end
        if start == 0 and end is None:
            frames = self.rows
        else:
            first, last = np.searchsorted(self.centres, (start, stop))
            first = min(first, self.rows.shape[1] - 1)
            frames = self.rows[:, first : max(last, first + 1)]
        values = frames.astype(np.float64)
        means = (self.sums[:, :, stop] - self.sums[:, :, start]) / (stop - start)
        variances = np.maximum(means[:, 1] - np.square(means[:, 0]), 0)
        parts = [values.mean(axis=1), values.var(axis=1), means[:, 0], variances, [self.tempo]]
        return np.concatenate(parts).astype(np.float32)

    def windows(self, seconds: float) -> Floats:
        """(windows, len(NAMES)): one row per `seconds`; the last window ends where the song ends."""
        length = round(seconds * self.rate)
        starts = stft.window_starts(self.samples, size=length, hop=length)
        return np.stack([self.row(start, min(start + length, self.samples)) for start in starts])


def extract(samples: Floats, rate: int) -> HandcraftedFeatures:
    """Features of mono samples. Up to PIECE_SECONDS the numbers are those of librosa's functions, called one by one."""
    rows, centres, waves, strength = [], [], [], []
    for start, end in _pieces(len(samples), round(PIECE_SECONDS * rate)):
        spectrum = Spectrum(samples[start:end], rate)
        rows.append(series.measure(spectrum))
        centres.append(start + HOP_SIZE * np.arange(len(spectrum.bins), dtype=np.float64))
        waves.append(np.stack(separation.split(spectrum)))
        strength.append(rhythm.onset_strength(spectrum.mel_decibels))
    wave = np.concatenate(waves, axis=1).astype(np.float64)
    sums = np.zeros((len(WAVES), 2, wave.shape[1] + 1))
    np.cumsum(wave, axis=1, out=sums[:, 0, 1:])
    np.cumsum(np.square(wave), axis=1, out=sums[:, 1, 1:])
    bpm = rhythm.tempo(np.concatenate(strength), rate)
    return HandcraftedFeatures(np.concatenate(rows, axis=1), np.concatenate(centres), sums, bpm, rate)


def _pieces(length: int, piece: int) -> list[tuple[int, int]]:
    starts = list(range(0, length, piece))
    if len(starts) > 1 and length - starts[-1] < _LEAST_PIECE * piece:
        starts.pop()
    return list(zip(starts, [*starts[1:], length], strict=True))
