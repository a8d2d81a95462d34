"""One four-minute MP3 from path to Report: warm, cold, in memory, and in turns with the way of the trunk's package."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import soundfile

from benchmarks.page import Row
from benchmarks.timing import ratio, run_python, take_turns
from ml.audio.settings import SAMPLE_RATE
from ml.features.mel import FFT_SIZE, HOP_SIZE, MEL_BANDS, WINDOW_FRAMES
from ml.pipeline import Pipeline, load

SONG_SECONDS = 240
SONG_RATE = 44_100
ROUNDS = 7


def write_song(path: Path, seconds: float = SONG_SECONDS) -> None:
    """A stereo MP3 of chords, drums and noise."""
    random = np.random.default_rng(0)
    time = np.arange(round(seconds * SONG_RATE)) / SONG_RATE
    sound = 0.02 * random.standard_normal(len(time))
    for hz in (110.0, 220.0, 277.2, 329.6, 440.0):
        sound += 0.1 * np.sin(2 * np.pi * hz * time * (1 + (time // 2 % 4) / 12))
    beat = np.exp(-20 * (time % 0.5)) * random.standard_normal(len(time))
    left = 0.4 * (sound + 0.2 * beat)
    soundfile.write(path, np.column_stack([left, 0.8 * left]), SONG_RATE, format="MP3")


def classify_like_the_package(path: Path, pipeline: Pipeline) -> None:
    """librosa loads and transforms the song, and the trunk runs on one window after the other."""
    import librosa

    samples, _ = librosa.load(path, sr=SAMPLE_RATE)
    power = librosa.feature.melspectrogram(
        y=samples, sr=SAMPLE_RATE, n_fft=FFT_SIZE, hop_length=HOP_SIZE, n_mels=MEL_BANDS
    )
    spectrogram = np.log10(10_000 * power.T + 1).astype(np.float32)
    for start in range(0, len(spectrogram) - WINDOW_FRAMES + 1, WINDOW_FRAMES):
        pipeline.model.model.run_trunk(spectrogram[None, start : start + WINDOW_FRAMES]).numpy()


def run() -> Iterator[Row]:
    with TemporaryDirectory() as folder, load() as pipeline:
        song = Path(folder) / "song.mp3"
        write_song(song)
        ours, theirs = take_turns(
            {
                "Sori": lambda: pipeline.analyse(song),
                "the package's way": lambda: classify_like_the_package(song, pipeline),
            },
            rounds=ROUNDS,
        )
        yield "4-minute MP3 to Report, warm (median)", f"{ours.median:.2f} s", "1.0 s"
        yield "the same, fastest and slowest", f"{min(ours.seconds):.2f} s, {max(ours.seconds):.2f} s", ""
        yield "genre tags alone, as the trunk's package does it", f"{theirs.median:.2f} s", ""
        yield "its time relative to all of Sori (median of rounds)", f"{ratio(theirs, ours):.1f}", ""
        for stage, seconds in pipeline.analyse(song).timings.items():
            yield f"of which {stage}", f"{seconds:.3f} s", ""
        yield from _fresh_processes(song)


def _fresh_processes(song: Path) -> Iterator[Row]:
    code = f"from ml.pipeline import load\npipeline = load()\nfor _ in range(3): pipeline.analyse({str(song)!r})"
    yield "peak memory of three such songs", f"{run_python(code).megabytes:.0f} MB", "900 MB"
    code = f"import sys\nfrom main import run\nrun(['analyse', {str(song)!r}], variables={{}})"
    yield "main.py analyse, cold, import to answer", f"{run_python(code).seconds:.1f} s", "8 s"
    for module in ("ml", "web", "main"):
        heavy = "print([name for name in ('tensorflow', 'keras', 'librosa', 'numpy') if name in sys.modules])"
        done = run_python(f"import sys, {module}\n{heavy}")
        yield f"import {module}: heavy packages loaded", done.output.strip(), "none"
        yield f"import {module}: a new process", f"{done.seconds:.2f} s, {done.megabytes:.0f} MB", ""
