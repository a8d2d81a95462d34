"""One four-minute MP3 from path to Report: warm, cold, in memory, and beside the way of the trunk's own package."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import soundfile

from benchmarks.timing import ratio, run_python, take_turns
from ml.audio.settings import SAMPLE_RATE
from ml.features.mel import FFT_SIZE, HOP_SIZE, MEL_BANDS, WINDOW_FRAMES
from ml.pipeline import Pipeline, load

Row = tuple[str, str, str]
"""What was measured, the figure, what was aimed at."""

SONG_SECONDS = 240
SONG_RATE = 44_100
ROUNDS = 7


def write_song(path: Path, seconds: float = SONG_SECONDS) -> None:
    """Four minutes of chords, drums and noise in stereo, as an MP3."""
    choose = np.random.default_rng(0)
    time = np.arange(round(seconds * SONG_RATE)) / SONG_RATE
    sound = 0.02 * choose.standard_normal(len(time))
    for hz in (110.0, 220.0, 277.2, 329.6, 440.0):
        sound += 0.1 * np.sin(2 * np.pi * hz * time * (1 + (time // 2 % 4) / 12))
    beat = np.exp(-20 * (time % 0.5)) * choose.standard_normal(len(time))
    left = 0.4 * (sound + 0.2 * beat)
    soundfile.write(path, np.column_stack([left, 0.8 * left]), SONG_RATE, format="MP3")


def the_packages_own_way(path: Path, pipeline: Pipeline) -> None:
    """librosa loads and transforms the song, the trunk hears one window after the other."""
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
                "the package's way": lambda: the_packages_own_way(song, pipeline),
            },
            rounds=ROUNDS,
        )
        yield "4-minute MP3 to Report, warm (median)", f"{ours.median:.2f} s", "1.0 s"
        yield "the same, fastest and slowest", f"{min(ours.seconds):.2f} s, {max(ours.seconds):.2f} s", ""
        yield "genre tags alone, as the trunk's package does it", f"{theirs.median:.2f} s", ""
        yield "times as long as all of Sori", f"{ratio(theirs, ours):.1f}", ""
        for stage, seconds in pipeline.analyse(song).timings.items():
            yield f"of which {stage}", f"{seconds:.3f} s", ""
        yield from _fresh_processes(song)


def _fresh_processes(song: Path) -> Iterator[Row]:
    code = f"from ml.pipeline import load\near = load()\nfor _ in range(3): ear.analyse({str(song)!r})"
    _, megabytes, _ = run_python(code)
    yield "peak memory of three such songs", f"{megabytes:.0f} MB", "900 MB"
    code = f"import sys\nfrom main import run\nrun(['analyse', {str(song)!r}], variables={{}})"
    seconds, _, _ = run_python(code)
    yield "main.py analyse, cold, import to answer", f"{seconds:.1f} s", "8 s"
    for module in ("ml", "web", "main"):
        heavy = "print([name for name in ('tensorflow', 'keras', 'librosa', 'numpy') if name in sys.modules])"
        seconds, megabytes, loaded = run_python(f"import sys, {module}\n{heavy}")
        yield f"import {module}: heavy packages loaded", loaded.strip(), "none"
        yield f"import {module}: a fresh Python", f"{seconds:.2f} s, {megabytes:.0f} MB", ""
