"""Hand-crafted features of half a minute at 22050 Hz: all from one spectrum, in turns with librosa's functions called
one after the other, as in common scripts. librosa's tonnetz is given the same chroma; by default it takes longer."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

from benchmarks.analyse import write_song
from benchmarks.page import Row
from benchmarks.timing import ratio, take_turns
from ml.evaluate.baselines import librosa_load, librosa_series
from ml.features.handcrafted import extraction, series

SECONDS = 30
ROUNDS = 7


def run() -> Iterator[Row]:
    with TemporaryDirectory() as folder:
        song = Path(folder) / "song.mp3"
        write_song(song, SECONDS)
        samples, rate = librosa_load(song)
    ours, theirs = take_turns(
        {"Sori": lambda: extraction.extract(samples, rate).row(), "librosa": lambda: librosa_series(samples, rate)},
        rounds=ROUNDS,
    )
    yield f"features of {SECONDS} s of music (median)", f"{ours.median * 1000:.0f} ms", ""
    yield "librosa's functions, one by one", f"{theirs.median * 1000:.0f} ms", ""
    yield "librosa's time relative to ours (median of rounds)", f"{ratio(theirs, ours):.1f}", "3"
    rows = librosa_series(samples, rate)[0]
    errors = np.abs(extraction.extract(samples, rate).rows - rows).mean(axis=1) / np.abs(rows).mean(axis=1)
    name = series.NAMES[int(errors.argmax())]
    yield (f"largest mean difference of a series ({name})", f"{errors.max():.1e} of its size", "the same values")
