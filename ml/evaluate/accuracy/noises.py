"""Generated sounds that are not music: noises, tones and clicks. A model should not be confident about them."""

from __future__ import annotations

import numpy as np

from ml.audio.settings import SAMPLE_RATE
from ml.features.arrays import Doubles, Floats

SECONDS = 10.0
NOISE_SLOPES = {"white noise": 0.0, "pink noise": 0.5, "brown noise": 1.0}
"""The amplitude falls with the frequency to this power."""
TONES_HZ = (50.0, 110.0, 440.0, 1000.0, 3000.0)
TAKES = 4


def make() -> dict[str, Floats]:
    """Mono sounds at SAMPLE_RATE by name; every call returns the same samples."""
    time = np.arange(int(SECONDS * SAMPLE_RATE)) / SAMPLE_RATE
    noises = {
        f"{name} {take}": _noise(len(time), slope, take)
        for name, slope in NOISE_SLOPES.items()
        for take in range(TAKES)
    }
    tones = {f"{hz:g} Hz": np.sin(2 * np.pi * hz * time) for hz in TONES_HZ}
    others = {
        "hum with overtones": np.sum([np.sin(2 * np.pi * 50 * n * time) / n for n in range(1, 9)], axis=0),
        "square wave": np.sign(np.sin(2 * np.pi * 220 * time)),
        "sweep": np.sin(2 * np.pi * (50 * time + 350 * time**2)),
        "dial tone": np.sin(2 * np.pi * 350 * time) + np.sin(2 * np.pi * 440 * time),
        "metronome": np.sin(2 * np.pi * 1500 * time) * (time % 0.5 < 0.02),
        "noise in bursts": _noise(len(time), 0.0, TAKES) * (time % 1.0 < 0.4),
    }
    return {name: _levelled(sound) for name, sound in (noises | tones | others).items()}


def _noise(samples: int, slope: float, seed: int) -> Doubles:
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(samples))
    falling = np.arange(len(spectrum), dtype=float)
    falling[0] = np.inf if slope else 1.0  # no constant offset
    sound: Doubles = np.fft.irfft(spectrum / falling**slope, samples)
    return sound


def _levelled(sound: Doubles) -> Floats:
    levelled: Floats = (0.3 * sound / np.abs(sound).max()).astype(np.float32)
    return levelled
