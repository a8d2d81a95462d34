"""What chords a song is made of and how they follow one another, whatever its key and wherever it begins.

Kept is a compact chromagram: four registers, eight moments a second, half a byte a number. Described is what stays
when all notes move by the same interval and when time starts elsewhere: how strongly each interval and each three notes
sound together or after one another, in which register, how the steps lie to the song's own mean chord, when chords
change, and the magnitudes of the two-dimensional Fourier transform. A projection learnt from recordings cut in two
weighs all this.
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
from ml.similarity import intervals as between

VERSION = 2
REGISTERS = ((0, 24), (24, 36), (36, 48), (48, 72))
"""Semitones from C1: deep, low, middle, high. Their sums give bass and treble as `ml.features.chroma` has them."""
LEVELS = 15
POOLED_FRAMES = 2
"""What chords are made of is read from quarters of a second, when they change from eighths."""
LAGS = (0, 1, 2, 4, 6, 8, 12)
SHARP_LAGS = (*LAGS, 16, 24)
CHANGE_LAGS = (2, 4, 8)
STAYING_LAGS = (1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28)
PATCHES = (8, 16, 32)
QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
_FLOOR = 1e-9


@dataclass(frozen=True)
class Chords:
    """A stored chromagram: `registers` (frames, 4, 12), C first, at FRAMES_PER_SECOND, equally strong in any song."""

    registers: Doubles

    @cached_property
    def voices(self) -> Doubles:
        """(3, frames, 12): bass, middle and high, which do not overlap."""
        deep, low, middle, high = self.registers.swapaxes(0, 1)
        return np.stack([deep, low + middle, high])

    @cached_property
    def slow(self) -> Doubles:
        """The voices in quarters of a second."""
        return np.stack([_pool(voice) for voice in self.voices])

    @cached_property
    def both(self) -> Doubles:
        """(frames, 12): bass and treble together, in quarters of a second."""
        deep, low, middle, high = self.registers.swapaxes(0, 1)
        return _pool(deep + 2 * low + middle + high)


def pack(chromagram: Chromagram) -> bytes:
    """The chromagram as it is kept: about nine kilobytes a minute. The root of a strength is what is rounded."""
    parts = np.stack([fold(chromagram.tones[:, slice(*register)]) for register in REGISTERS], axis=1)
    loudest = float(parts.max(initial=0.0))
    levels = np.round(np.sqrt(parts / loudest) * LEVELS) if loudest > 0 else parts
    return zlib.compress(levels.astype(np.uint8).tobytes(), 6)


def unpack(kept: bytes) -> Chords:
    levels = np.frombuffer(zlib.decompress(kept), np.uint8).reshape(-1, len(REGISTERS), 12)
    registers = (levels / LEVELS) ** 2
    strength = float(np.sqrt(np.mean(np.sum(registers.sum(axis=1) ** 2, axis=1))))
    return Chords(2 * registers / (strength + _FLOOR))


def features(chords: Chords) -> Floats:
    """Everything about the chords that neither key nor beginning changes, (FEATURES,), roots taken to even it out."""
    joined = np.concatenate([block for _, block in _blocks(chords)])
    rooted: Floats = (np.sign(joined) * np.sqrt(np.abs(joined))).astype(np.float32)
    return rooted


@cache
def weights() -> Floats:
    """(FEATURES,) such that every kind of feature counts the same, however many numbers it has."""
    sizes: dict[str, int] = {}
    blocks = list(_blocks(Chords(np.ones((1, len(REGISTERS), 12)))))
    for name, block in blocks:
        sizes[name] = sizes.get(name, 0) + len(block)
    return np.concatenate([np.full(len(block), sizes[name] ** -0.5, np.float32) for name, block in blocks])


def mean_chroma(chords: Chords) -> Doubles:
    """(12,) how much each pitch class sounds, adding up to one."""
    mean: Doubles = chords.both.mean(axis=0)
    mean /= mean.sum() + _FLOOR
    return mean


def _blocks(chords: Chords) -> Iterator[tuple[str, Doubles]]:
    """Features by kind; those of one kind share their weight."""
    yield from _together(*chords.slow)
    yield from _course(chords)
    yield from _patches(chords)
    sharp = between.unit(between.unit(chords.both) ** 2)
    mean = sharp.mean(axis=0, keepdims=True)
    yield "sharp", between.intervals(sharp, sharp, SHARP_LAGS)
    yield "sharp", between.triads(sharp, sharp, sharp)
    yield "sharp", between.triads(*between.after(sharp, 4), mean)
    yield "sharp", between.triads(sharp, sharp, mean)
    strength = _pool(chords.registers.sum(axis=2))
    yield "register", np.concatenate([strength.mean(axis=0), strength.std(axis=0)])


def _together(bass: Doubles, middle: Doubles, high: Doubles) -> Iterator[tuple[str, Doubles]]:
    """What sounds with what, and what after what."""
    voices = (bass, middle, high)
    for first, second in itertools.product(voices, repeat=2):
        yield "intervals", between.intervals(first, second, LAGS)
    means = [voice.mean(axis=0, keepdims=True) for voice in voices]
    of_bass, of_middle, of_high = means
    for notes in (
        (bass, middle, middle),
        (bass, middle, high),
        (middle, middle, middle),
        (middle, high, high),
        (middle, bass, of_middle),
        (bass, bass, of_bass),
        (middle, middle, of_middle),
        (high, high, of_high),
        (of_bass, of_middle, of_high),
        (of_middle, of_middle, of_middle),
    ):
        yield "triads", between.triads(*notes)
    for voice, mean in zip(voices, means, strict=True):
        for lag in CHANGE_LAGS:
            yield "changes", between.triads(*between.after(voice, lag), mean)
        yield "fullness", np.quantile(np.sort(voice, axis=1), QUANTILES, axis=0).ravel()


def _course(chords: Chords) -> Iterator[tuple[str, Doubles]]:
    """When notes begin and chords change, in each register and in all."""
    lags = range(1, 33)
    for voice in (*chords.voices, chords.voices.sum(axis=0)):
        for strength in (voice.sum(axis=1), between.rise(voice).sum(axis=1), between.change(voice)):
            known = min(len(strength) - 1, len(lags))
            echoes = np.zeros(len(lags))
            echoes[:known] = between.echoes(strength, lags[:known])
            yield "echoes", echoes
            yield "swings", between.swings(strength, FRAMES_PER_SECOND)
            yield "levels", between.levels(strength)
    yield "staying", between.staying(between.unit(chords.both), STAYING_LAGS)
    for voice in chords.slow:
        yield "staying", between.staying(between.unit(voice, 1e-2), STAYING_LAGS)


def _patches(chords: Chords) -> Iterator[tuple[str, Doubles]]:
    for length in PATCHES:
        for frames in (*chords.slow, between.unit(chords.both)):
            yield f"patches of {length}", between.patches(frames, length)
    for frames in (*chords.voices, between.unit(chords.voices.sum(axis=0), 1e-2)):
        yield "quick patches", between.patches(frames, 16)


def _pool(frames: Doubles) -> Doubles:
    whole = max(1, len(frames) // POOLED_FRAMES)
    pooled: Doubles = frames[: whole * POOLED_FRAMES].reshape(whole, -1, frames.shape[1]).mean(axis=1)
    return pooled
