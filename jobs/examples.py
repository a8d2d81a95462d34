"""Three short pieces to try Sori with, synthesised by a few lines of arithmetic, so that nobody holds rights to them.

They are made when an engine starts in a home that does not have them yet. Importing this module loads no numpy.
"""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ml.features.arrays import Doubles

FOLDER_NAME = "examples"
RATE = 22_050
SECONDS = 24.0
_A4 = 69
_SEED = 5


def make_in_background(home: Path) -> None:
    """Make what is missing in a process of its own, which loads soundfile; the engine does not need it."""
    if all((home / FOLDER_NAME / f"{name}.flac").exists() for name in EXAMPLES):
        return
    multiprocessing.get_context("spawn").Process(target=make, args=(home,), daemon=True).start()


def make(home: Path) -> None:
    """Write each example as FLAC, whole or not at all."""
    import numpy as np
    import soundfile

    folder = home / FOLDER_NAME
    folder.mkdir(parents=True, exist_ok=True)
    for name, example in EXAMPLES.items():
        samples = example.play()
        samples *= 0.7 / np.abs(samples).max()
        partial = folder / f".{name}.partial"
        soundfile.write(partial, samples.astype(np.float32), RATE, format="FLAC")
        partial.replace(folder / f"{name}.flac")


def waltz() -> Doubles:
    """Three-four time in G major: a bass note, two chords, and a tune of plucked strings above."""
    song, beat = _silence(), 60 / 138
    roots, chords = (43, 40, 36, 38), ((59, 62, 67), (59, 64, 67), (60, 64, 67), (60, 62, 66))
    tune = (74, 71, 74, 79, 78, 76, 72, 76, 79, 74, 72, 69)
    for bar in range(int(SECONDS / (3 * beat))):
        start, step = bar * 3 * beat, bar // 2 % 4
        _add(song, start, _pluck(roots[step], 1.6) * 0.9)
        for place in (1, 2):
            for note in chords[step]:
                _add(song, start + place * beat, _pluck(note, 0.7) * 0.35)
        for place in range(3):
            _add(song, start + place * beat, _pluck(tune[(3 * bar + place) % len(tune)], 0.9) * 0.8)
    return song


def march() -> Doubles:
    """Four on the floor at 122 beats a minute: kick, clap, hi-hat, a bass line and short chords in A minor."""
    song, beat = _silence(), 60 / 122
    roots, chords = (33, 29, 36, 31), ((57, 60, 64), (57, 60, 65), (55, 60, 64), (55, 59, 62))
    for number in range(int(SECONDS / beat)):
        start, step = number * beat, number // 8 % 4
        _add(song, start, _kick())
        _add(song, start + beat / 2, _noise(0.06, 70) * 0.3)
        if number % 2:
            _add(song, start, _noise(0.16, 25) * 0.5)
        for place, octave in ((0, 0), (0.5, 12), (0.75, 12)):
            _add(song, start + place * beat, _tone(roots[step] + octave, beat / 2, 7, 6) * 0.55)
        for note in chords[step]:
            _add(song, start + beat / 2, _tone(note, beat / 2, 5, 9) * 0.22)
    return song


def night() -> Doubles:
    """Slow chords with sevenths and ninths, a walking bass and a brush on every second beat."""
    song, beat = _silence(), 60 / 72
    chords = ((50, 53, 57, 60, 64), (43, 53, 59, 62, 69), (48, 52, 55, 59, 62), (45, 52, 55, 61, 64))
    walk = (0, 4, 7, 9)
    for number in range(int(SECONDS / beat)):
        start, step = number * beat, number // 4 % 4
        if number % 4 == 0:
            for note in chords[step]:
                _add(song, start, _tone(note, 4 * beat, 3, 1.1) * 0.3)
        _add(song, start, _tone(chords[step][0] - 12 + walk[number % 4], beat, 4, 3) * 0.6)
        if number % 2:
            _add(song, start, _noise(0.25, 14) * 0.12)
        if number % 4 in (1, 2):
            _add(song, start + beat * 2 / 3, _tone(chords[step][4] + 12, beat, 2, 3) * 0.3)
    return song


@dataclass(frozen=True)
class Example:
    title: str
    play: Callable[[], Doubles]


EXAMPLES = {
    "waltz": Example("A little waltz", waltz),
    "march": Example("March of the tin drums", march),
    "night": Example("Night ride", night),
}


def _silence() -> Doubles:
    import numpy as np

    return np.zeros(int(SECONDS * RATE))


def _add(song: Doubles, start: float, sound: Doubles) -> None:
    """Mix a sound in where it starts; what reaches beyond the end is cut off."""
    first = int(start * RATE)
    room = max(0, len(song) - first)
    song[first : first + len(sound)] += sound[:room]


def _times(seconds: float) -> Doubles:
    import numpy as np

    return np.arange(int(seconds * RATE)) / RATE


def _hz(note: int) -> float:
    hz: float = 440.0 * 2 ** ((note - _A4) / 12)
    return hz


def _tone(note: int, seconds: float, partials: int, decay: float) -> Doubles:
    """Harmonics that fade, each softer than the last; the attack takes ten milliseconds."""
    import numpy as np

    times = _times(seconds)
    waves = sum(np.sin(2 * np.pi * _hz(note) * k * times) / k**1.3 for k in range(1, partials + 1))
    faded: Doubles = waves * np.exp(-decay * times) * np.minimum(times / 0.01, 1)
    return faded


def _pluck(note: int, seconds: float) -> Doubles:
    """A string let go: the higher a partial, the sooner it dies."""
    import numpy as np

    times = _times(seconds)
    partials = [np.sin(2 * np.pi * _hz(note) * k * times) * np.exp(-(2 + 1.4 * k) * times) / k for k in range(1, 9)]
    plucked: Doubles = np.sum(partials, axis=0) * np.minimum(times / 0.003, 1)
    return plucked


def _kick() -> Doubles:
    """A drum whose pitch falls from 130 to 45 Hz."""
    import numpy as np

    times = _times(0.3)
    phase = 2 * np.pi * (45 * times + (130 - 45) / 30 * (1 - np.exp(-30 * times)))
    kick: Doubles = np.sin(phase) * np.exp(-9 * times) * 1.4
    return kick


def _noise(seconds: float, decay: float) -> Doubles:
    """A breath of noise without lows."""
    import numpy as np

    times = _times(seconds)
    hiss = np.random.default_rng(_SEED).standard_normal(len(times))
    faded: Doubles = np.diff(hiss, prepend=0.0) * np.exp(-decay * times) * 0.5
    return faded
