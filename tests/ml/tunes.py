"""Synthetic music with known answers: drums at a tempo, cadences in a key. Mono float32 at 16 kHz."""

from __future__ import annotations

from functools import cache

import numpy as np

from ml.audio.settings import SAMPLE_RATE
from ml.features.arrays import Floats

HARMONICS = {
    "sine": (1.0,),
    "organ": (1.0, 0.5, 0.0, 0.25),
    "strings": (1.0, 0.5, 0.33, 0.25, 0.2, 0.17),
    "clarinet": (1.0, 0.0, 0.4, 0.0, 0.2),
}
SCALES = {"major": (0, 4, 7), "minor": (0, 3, 7)}


def noise(seconds: float, *, level: float = 0.1, seed: int = 0) -> Floats:
    samples = np.random.default_rng(seed).standard_normal(int(seconds * SAMPLE_RATE))
    return (level * samples).astype(np.float32)


def silence(seconds: float) -> Floats:
    return np.zeros(int(seconds * SAMPLE_RATE), dtype=np.float32)


def tone(hz: float, seconds: float, *, timbre: str = "sine", level: float = 0.2) -> Floats:
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    partials = enumerate(HARMONICS[timbre], start=1)
    return (level * sum(a * np.sin(2 * np.pi * n * hz * time) for n, a in partials)).astype(np.float32)


def note(midi: float, seconds: float, *, timbre: str, cents: float = 0.0) -> Floats:
    """A tone with a soft attack and a decay."""
    sound = tone(440 * 2 ** ((midi - 69 + cents / 100) / 12), seconds, timbre=timbre, level=0.1)
    time = np.arange(len(sound)) / SAMPLE_RATE
    return (sound * np.minimum(1, time / 0.01) * np.exp(-1.5 * time)).astype(np.float32)


@cache
def hit(kind: str) -> Floats:
    """One stroke: a kick glides from 120 to 50 Hz, a snare is noise with a tone, a hat is high-pass noise."""
    time = np.arange(int(0.15 * SAMPLE_RATE)) / SAMPLE_RATE
    hiss = np.random.default_rng(1).standard_normal(len(time))
    if kind == "kick":
        sound = np.sin(2 * np.pi * (50 * time + 2 * (1 - np.exp(-35 * time)))) * np.exp(-18 * time)
    elif kind == "snare":
        sound = (0.5 * hiss + 0.5 * np.sin(2 * np.pi * 190 * time)) * np.exp(-25 * time)
    else:
        sound = 0.3 * np.diff(hiss, prepend=0.0) * np.exp(-80 * time)
    return (0.5 * sound).astype(np.float32)


def strike(track: Floats, kind: str, seconds: float, *, level: float = 1.0) -> None:
    start = round(seconds * SAMPLE_RATE)
    sound = hit(kind)[: max(0, len(track) - start)]
    track[start : start + len(sound)] += level * sound


def clicks(bpm: float, seconds: float) -> Floats:
    track = silence(seconds)
    for beat in range(int(seconds * bpm / 60)):
        strike(track, "snare", beat * 60 / bpm)
    return track


def drums(bpm: float, seconds: float, *, swing: float = 0.5) -> Floats:
    """Rock beat: kick on 1 and 3, snare on 2 and 4, hats on eighths, the off-beat at `swing` of a beat."""
    track = silence(seconds)
    for beat in range(int(seconds * bpm / 60)):
        start = beat * 60 / bpm
        strike(track, "snare" if beat % 2 else "kick", start)
        strike(track, "hat", start)
        strike(track, "hat", start + swing * 60 / bpm, level=0.6)
    return track


def cadence(tonic: int, mode: str, *, timbre: str = "strings", cents: float = 0.0, repeats: int = 2) -> Floats:
    """I IV V I (minor: i iv V i) with a bass, `tonic` 0 for C."""
    third = SCALES[mode]
    fourth = tuple(5 + step for step in third)
    fifth = tuple(7 + step for step in SCALES["major"])
    bars = []
    for chord in (third, fourth, fifth, third) * repeats:
        voices = [36 + tonic + chord[0], *(60 + (tonic + step) % 12 for step in chord)]
        bars.append(np.sum([note(midi, 0.8, timbre=timbre, cents=cents) for midi in voices], axis=0))
    return np.concatenate(bars).astype(np.float32)
