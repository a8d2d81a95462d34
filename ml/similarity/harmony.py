"""Harmony: features of the chords of a song and of their order, whatever its key and wherever it begins.

A library stores a compact chromagram: four registers, eight frames a second, four bits per number. The features do not
change under transposition and hardly under time shift: how strongly each interval and each triad sounds, together or
one after another and in which register, how frames relate to the mean chord of the song, when chords change, and
magnitudes of two-dimensional Fourier transforms. A projection fitted to recordings cut in two weights them.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from ml.features.arrays import Doubles, Floats
from ml.features.chroma import FRAMES_PER_SECOND, Chromagram, fold
from ml.similarity import invariants
from ml.similarity.invariants import lagged, pool, triads, unit

VERSION = 2
REGISTERS = ((0, 24), (24, 36), (36, 48), (48, 72))
"""Semitones from C1: deep, low, middle, high. Their sums are bass and treble as in `ml.features.chroma`."""
LEVELS = 15
LAGS = (0, 1, 2, 4, 6, 8, 12)
SHARP_LAGS = (*LAGS, 16, 24)
CHANGE_LAGS = (2, 4, 8)
SIMILARITY_LAGS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28)
AUTOCORRELATION_LAGS = 32
PATCHES = (8, 16, 32)
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
_FLOOR = 1e-9


@dataclass(frozen=True)
class Chords:
    """A stored chromagram: `registers` (frames, 4, 12), C first, at FRAMES_PER_SECOND, scaled to one strength."""

    registers: Doubles

    @cached_property
    def voices(self) -> Doubles:
        """(3, frames, 12): bass, middle and high, which do not overlap."""
        deep, low, middle, high = self.registers.swapaxes(0, 1)
        return np.stack([deep, low + middle, high])

    @cached_property
    def slow(self) -> Doubles:
        """The voices, pooled to quarters of a second."""
        return np.stack([pool(voice) for voice in self.voices])

    @cached_property
    def both(self) -> Doubles:
        """(frames, 12): bass and treble together, pooled to quarters of a second."""
        deep, low, middle, high = self.registers.swapaxes(0, 1)
        return pool(deep + 2 * low + middle + high)


def pack(chromagram: Chromagram) -> bytes:
    """A chromagram to store, about nine kilobytes a minute: the square roots of strengths, in 16 levels."""
    parts = np.stack([fold(chromagram.tones[:, slice(*register)]) for register in REGISTERS], axis=1)
    loudest = float(parts.max(initial=0.0))
    levels = np.round(np.sqrt(parts / loudest) * LEVELS) if loudest > 0 else parts
    return zlib.compress(levels.astype(np.uint8).tobytes(), 6)


def unpack(packed: bytes) -> Chords:
    levels = np.frombuffer(zlib.decompress(packed), np.uint8).reshape(-1, len(REGISTERS), 12)
    registers = (levels / LEVELS) ** 2
    strength = float(np.sqrt(np.mean(np.sum(registers.sum(axis=1) ** 2, axis=1))))
    return Chords(2 * registers / (strength + _FLOOR))


def features(chords: Chords) -> Floats:
    """(FEATURES,) signed square roots, which make their distribution more even."""
    values = np.concatenate([block for _, block in _blocks(chords)])
    return np.asarray(np.sign(values) * np.sqrt(np.abs(values)), np.float32)


@cache
def weights() -> Floats:
    """(FEATURES,) with which every kind of feature has the same total weight, however many numbers it has."""
    sizes: dict[str, int] = {}
    blocks = list(_blocks(Chords(np.ones((1, len(REGISTERS), 12)))))
    for kind, block in blocks:
        sizes[kind] = sizes.get(kind, 0) + len(block)
    return np.concatenate([np.full(len(block), sizes[kind] ** -0.5, np.float32) for kind, block in blocks])


def mean_chroma(chords: Chords) -> Doubles:
    """(12,) share of each pitch class; the sum is one."""
    mean: Doubles = chords.both.mean(axis=0)
    mean /= mean.sum() + _FLOOR
    return mean


def _blocks(chords: Chords) -> Iterator[tuple[str, Doubles]]:
    """Features with their kind; those of one kind share a weight."""
    yield from _intervals_and_triads(*chords.slow)
    yield from _changes_over_time(chords)
    yield from _patches(chords)
    sharp = unit(unit(chords.both) ** 2)
    mean = sharp.mean(axis=0, keepdims=True)
    yield "sharp", invariants.intervals(sharp, sharp, SHARP_LAGS)
    for notes in ((sharp, sharp, sharp), (*lagged(sharp, 4), mean), (sharp, sharp, mean)):
        yield "sharp", triads(*notes)
    strength = pool(chords.registers.sum(axis=2))
    yield "register", np.concatenate([strength.mean(axis=0), strength.std(axis=0)])


def _intervals_and_triads(bass: Doubles, middle: Doubles, high: Doubles) -> Iterator[tuple[str, Doubles]]:
    """Notes that sound together or one after another, within and between the voices."""
    voices = (bass, middle, high)
    for first, second in itertools.product(voices, repeat=2):
        yield "intervals", invariants.intervals(first, second, LAGS)
    means = [voice.mean(axis=0, keepdims=True) for voice in voices]
    mean_bass, mean_middle, mean_high = means
    for notes in (
        (bass, middle, middle),
        (bass, middle, high),
        (middle, middle, middle),
        (middle, high, high),
        (middle, bass, mean_middle),
        (bass, bass, mean_bass),
        (middle, middle, mean_middle),
        (high, high, mean_high),
        (mean_bass, mean_middle, mean_high),
        (mean_middle, mean_middle, mean_middle),
    ):
        yield "triads", triads(*notes)
    for voice, mean in zip(voices, means, strict=True):
        for lag in CHANGE_LAGS:
            yield "changes", triads(*lagged(voice, lag), mean)
        yield "fullness", np.quantile(np.sort(voice, axis=1), QUANTILES, axis=0).ravel()


def _changes_over_time(chords: Chords) -> Iterator[tuple[str, Doubles]]:
    """When notes begin and chords change, in each voice and in all of them."""
    for voice in (*chords.voices, chords.voices.sum(axis=0)):
        for strength in (voice.sum(axis=1), invariants.rise(voice).sum(axis=1), invariants.change(voice)):
            yield "autocorrelation", invariants.autocorrelation(strength, AUTOCORRELATION_LAGS)
            yield "modulation", invariants.modulation_spectrum(strength, FRAMES_PER_SECOND)
            yield "levels", invariants.levels(strength)
    for frames in (unit(chords.both), *(unit(voice, 1e-2) for voice in chords.slow)):
        yield "self-similarity", invariants.self_similarity(frames, SIMILARITY_LAGS)


def _patches(chords: Chords) -> Iterator[tuple[str, Doubles]]:
    for length in PATCHES:
        for frames in (*chords.slow, unit(chords.both)):
            yield f"patches of {length}", invariants.patches(frames, length)
    for frames in (*chords.voices, unit(chords.voices.sum(axis=0), 1e-2)):
        yield "quick patches", invariants.patches(frames, 16)
