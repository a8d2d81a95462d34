"""Synthetic music, and sounds that are not music, for the tests."""

from __future__ import annotations

import numpy as np

from ml.audio.settings import SAMPLE_RATE
from ml.features.arrays import Floats


def note(hz: float, seconds: float, *, harmonics: int = 6) -> Floats:
    """A decaying tone with harmonics."""
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    tone = sum(np.sin(2 * np.pi * hz * n * time) / n for n in range(1, harmonics + 1))
    return np.asarray(tone * np.exp(-3 * time), np.float32)


def drum(seconds: float, *, seed: int = 0) -> Floats:
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    noise = np.random.default_rng(seed).standard_normal(len(time))
    return np.asarray(noise * np.exp(-40 * time), np.float32)


def song(seconds: float = 12.0, *, bpm: float = 120.0, root_hz: float = 220.0, seed: int = 0) -> Floats:
    """A chord progression with drums and quiet background noise."""
    random = np.random.default_rng(seed)
    beat = 60.0 / bpm
    sound = 0.002 * random.standard_normal(round(seconds * SAMPLE_RATE))
    steps = (0, 5, 7, 0)
    for number in range(int(seconds / beat)):
        start = round(number * beat * SAMPLE_RATE)
        pitch = root_hz * 2 ** (steps[number // 4 % 4] / 12)
        for part in (
            note(pitch, beat),
            note(pitch * 2 ** (4 / 12), beat),
            note(pitch * 1.5, beat),
            drum(beat, seed=number),
        ):
            end = min(start + len(part), len(sound))
            sound[start:end] += 0.1 * part[: end - start]
    return np.asarray(sound, np.float32)


def white_noise(seconds: float = 10.0, *, seed: int = 0) -> Floats:
    return np.asarray(0.1 * np.random.default_rng(seed).standard_normal(round(seconds * SAMPLE_RATE)), np.float32)


def pure_tone(seconds: float = 10.0, *, hz: float = 440.0) -> Floats:
    return np.asarray(0.3 * np.sin(2 * np.pi * hz * np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE), np.float32)


def babble(seconds: float = 15.0, *, seed: int = 0) -> Floats:
    """Syllables and pauses as in speech: buzzes of changing pitch, with silence for a fifth of the time."""
    random = np.random.default_rng(seed)
    parts: list[Floats] = []
    while sum(map(len, parts)) < seconds * SAMPLE_RATE:
        for _ in range(int(random.integers(3, 8))):
            parts.append(0.2 * note(float(random.uniform(90, 220)), float(random.uniform(0.1, 0.25)), harmonics=20))
        parts.append(np.zeros(int(random.uniform(0.2, 0.5) * SAMPLE_RATE), np.float32))
    return np.concatenate(parts)[: round(seconds * SAMPLE_RATE)]
