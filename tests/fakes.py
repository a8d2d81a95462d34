"""Fakes at the model's boundary: a pipeline that reads WAV files without a model, and a report to render."""

from __future__ import annotations

import hashlib
import math
import os
import signal
import struct
import wave
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ml.audio.loading import load
from ml.audio.settings import DecodeLimits
from ml.features.arrays import Floats
from ml.features.chroma import Chromagram
from ml.features.mel import MEL_BANDS
from ml.features.musicality import Musicality
from ml.models.card import GENRE_WEIGHTS, load_card
from ml.models.trunk import TRUNK_OUTPUT_SIZE
from ml.pipeline import SongAnalysis
from ml.report.errors import AudioError
from ml.report.progress import ProgressCallback, ignore_progress
from ml.report.schema import Genre, Key, Model, Moment, Mood, Report, Score, Tempo

SHA256 = load_card(GENRE_WEIGHTS).sha256[GENRE_WEIGHTS.name]
"""Of the shipped model, under whose name a fake pipeline works."""
LABELS = ("blues", "hiphop", "reggae")


class FakePipeline:
    """Reports the length of a WAV file. A file named `bomb` raises, `stop` interrupts like Ctrl-C."""

    def __init__(self) -> None:
        self.limits: DecodeLimits | None = None
        self.analysed: list[Path] = []

    def begin(self, source: Path, name: str | None, on_progress: ProgressCallback) -> None:
        """What happens before the file is read. A file named `crash` kills its worker."""
        on_progress("decode")
        if source.stem == "crash":
            os.kill(os.getpid(), signal.SIGKILL)

    def analyse(self, source: Path, *, limits: DecodeLimits, name: str | None = None) -> Report:
        self.limits = limits
        self.analysed.append(source)
        if source.stem == "bomb":
            raise ZeroDivisionError("a bug\x1b[31m")
        if source.stem == "stop":
            signal.raise_signal(signal.SIGINT)
        try:
            with wave.open(str(source)) as file:
                seconds = file.getnframes() / file.getframerate()
        except (OSError, EOFError, wave.Error) as error:
            raise AudioError from error
        return a_report(title=name or source.stem, duration_seconds=min(seconds, limits.max_seconds))

    def run(
        self, source: Path, *, on_progress: ProgressCallback = ignore_progress, name: str | None = None, **limits: Any
    ) -> SongAnalysis:
        """Features that depend on the file's bytes alone."""
        self.begin(source, name, on_progress)
        report = self.analyse(source, name=name, **limits)
        random = np.random.default_rng(list(hashlib.sha256(source.read_bytes()).digest()))
        bass, treble = (random.random((40, 12), np.float32) for _ in range(2))
        trunk_output = random.standard_normal((4, TRUNK_OUTPUT_SIZE), np.float32)
        mel = random.random((80, MEL_BANDS), np.float32)
        return SongAnalysis(report, trunk_output, Chromagram.of_chords(bass, treble), Musicality(0.01, 2.0, 0.8), mel)

    def reclassify(self, report: Report, trunk_output: Floats, music: Musicality) -> Report:
        """By another head, which answers blues for everything."""
        predicted = a_report(shares=(0.8, 0.1, 0.1)).genre
        return replace(report, genre=predicted, timeline=(), model=Model("genre", "2", SHA256))


class Decoder(FakePipeline):
    """Decodes and refuses files like the real pipeline, without a model."""

    def analyse(self, source: Path, *, limits: DecodeLimits, name: str | None = None) -> Report:
        audio = load(source, limits=limits, name=name)
        return a_report(title=audio.title, artist=audio.artist, duration_seconds=audio.duration_seconds)


def a_report(
    *,
    title: str = "Redemption Song",
    artist: str | None = "Bob Marley",
    duration_seconds: float = 228.0,
    shares: tuple[float, ...] = (0.08, 0.3, 0.62),
    labels: tuple[str, ...] = LABELS,
    confident: bool = True,
    notes: tuple[str, ...] = (),
) -> Report:
    ranked = sorted(zip(labels, shares, strict=True), key=lambda pair: -pair[1])
    early, late = tuple(shares), tuple(reversed(shares))
    return Report(
        title=title,
        artist=artist,
        duration_seconds=duration_seconds,
        genre=Genre(ranked[0][0], confident, tuple(Score(*pair) for pair in ranked)),
        timeline=(Moment(0.0, 3.0, early), Moment(3.0, 6.0, early), Moment(6.0, 9.0, late)),
        labels=labels,
        tempo=Tempo(76.3, 0.81, (152.6,)),
        key=Key("G", "major", 0.7),
        mood=Mood("calm", 0.2),
        tags=(Score("guitar", 0.4), Score("male vocalists", 0.3)),
        notes=notes,
        model=Model("genre", "1", SHA256),
        timings={"audio": 0.2, "genre": 0.5},
    )


def write_wav(path: Path, *, seconds: float = 1.0, rate: int = 8000, hz: float = 220.0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    tone = [int(9000 * math.sin(2 * math.pi * hz * n / rate)) for n in range(int(seconds * rate))]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(struct.pack(f"<{len(tone)}h", *tone))
    return path
