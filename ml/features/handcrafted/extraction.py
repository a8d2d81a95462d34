"""From sound to rows of features: mean and variance of every series over a song, or over each three seconds of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ml.features.arrays import Doubles, Floats
from ml.features.handcrafted import rhythm, separation, series
from ml.features.handcrafted.spectrum import HOP_SIZE, Spectrum

VERSION = 1
"""Part of the keys of cached results. Raise it when the numbers change."""

PIECE_SECONDS = 60.0
"""Longer sounds are heard piece by piece: a spectrum of an hour would not fit into memory."""
_LEAST_PIECE = 0.25
"""A rest shorter than this part of a piece belongs to the piece before."""

WAVES = ("harmonic", "percussive")
NAMES = (
    *(f"{name}_{what}" for what in ("mean", "var") for name in series.NAMES),
    *(f"{name}_{what}" for what in ("mean", "var") for name in WAVES),
    "tempo",
)
"""The columns of a row, in order."""


@dataclass(frozen=True)
class HandcraftedFeatures:
    """What was heard: series (rows, frames) with each frame's centre in samples, and running sums of both waves."""

    rows: Floats
    centres: Doubles
    sums: Doubles
    """(waves, 2, samples + 1): running sums of each wave and of its square."""
    tempo: float
    rate: int

    @property
    def samples(self) -> int:
        return int(self.sums.shape[2]) - 1

    def row(self, start: int = 0, end: int | None = None) -> Floats:
        """(len(NAMES),) of the samples from `start` to `end`. The tempo is the song's: three seconds have none."""
        stop = self.samples if end is None else end
        first, last = np.searchsorted(self.centres, (start, stop))
        inside = (
            self.rows[:, first : max(last, first + 1)] if first < self.rows.shape[1] else self.rows[:, -1:]
        )
        if start == 0 and end is None:
            inside = self.rows
        heard = inside.astype(np.float64)
        means = (self.sums[:, :, stop] - self.sums[:, :, start]) / (stop - start)
        spread = np.maximum(means[:, 1] - np.square(means[:, 0]), 0)
        found = [heard.mean(axis=1), heard.var(axis=1), means[:, 0], spread, [self.tempo]]
        return np.concatenate(found).astype(np.float32)

    def windows(self, seconds: float) -> Floats:
        """(windows, len(NAMES)): one row for every `seconds`; the last ends where the sound ends."""
        length = round(seconds * self.rate)
        starts = list(range(0, self.samples - length + 1, length)) or [0]
        if starts[-1] + length < self.samples and self.samples > length:
            starts.append(self.samples - length)
        return np.stack([self.row(start, min(start + length, self.samples)) for start in starts])


def extract(samples: Floats, rate: int) -> HandcraftedFeatures:
    """Describe mono samples. Up to PIECE_SECONDS the numbers are those of librosa's functions, one by one."""
    rows, centres, waves, strength = [], [], [], []
    for start, end in _pieces(len(samples), round(PIECE_SECONDS * rate)):
        heard = Spectrum(samples[start:end], rate)
        rows.append(series.measure(heard))
        centres.append(start + HOP_SIZE * np.arange(len(heard.bins), dtype=np.float64))
        waves.append(np.stack(separation.split(heard)))
        strength.append(rhythm.onsets(heard.mel_decibels))
    wave = np.concatenate(waves, axis=1).astype(np.float64)
    sums = np.zeros((len(WAVES), 2, wave.shape[1] + 1))
    np.cumsum(wave, axis=1, out=sums[:, 0, 1:])
    np.cumsum(np.square(wave), axis=1, out=sums[:, 1, 1:])
    beats = rhythm.tempo(np.concatenate(strength), rate)
    return HandcraftedFeatures(np.concatenate(rows, axis=1), np.concatenate(centres), sums, beats, rate)


def _pieces(length: int, piece: int) -> list[tuple[int, int]]:
    starts = list(range(0, length, piece))
    if len(starts) > 1 and length - starts[-1] < _LEAST_PIECE * piece:
        starts.pop()
    return list(zip(starts, [*starts[1:], length], strict=True))
