"""The way of one song, from a file to its Report.

`load` wakes the ear once (seconds); `Ear.analyse` listens, as often as asked and from several threads if need be.
The trunk is nine tenths of the work, so it gets every core, and the key and the beat are found in between.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, TypeVar

import numpy as np

from ml.audio.loading import Audio, from_samples
from ml.audio.loading import load as load_audio
from ml.audio.settings import DEFAULT_LIMITS, SAMPLE_RATE, Limits
from ml.features import motion
from ml.features.analysers import findings
from ml.features.arrays import Floats
from ml.features.chroma import Chromagram
from ml.features.musicality import Musicality
from ml.features.track import Track
from ml.models import key, tempo
from ml.models.classic.serving import open_model
from ml.models.genre import GenreModel, smooth, top_tags
from ml.models.mood import MoodModel
from ml.report.progress import ProgressCallback, ignore_progress
from ml.report.schema import Report
from ml.similarity.vectors import pack

Source = str | os.PathLike[str] | BinaryIO
Result = TypeVar("Result")


@dataclass(frozen=True)
class SongAnalysis:
    """What one listening gave: the report, and the descriptors that a library keeps."""

    report: Report
    trunk_output: Floats
    """(windows, EVIDENCE_SIZE)"""
    chromagram: Chromagram
    musicality: Musicality
    mel: Floats
    """(frames, MEL_BANDS), the log-mel spectrogram with missing bands filled in"""
    track: Track | None = None
    """The song itself, for who wants to draw it; let go of it soon, it is large."""

    def packed(self) -> tuple[bytes, bytes]:
        """What a library keeps: the packed chromagram, and the packed trunk output with the timbre."""
        return pack(self.chromagram, self.mel, self.trunk_output, self.musicality)


class Pipeline:
    """A loaded model and the threads it listens with. Close it, or use it as a context manager."""

    def __init__(self, model: GenreModel, mood_model: MoodModel) -> None:
        self.model, self.mood_model = model, mood_model
        self._threads = ThreadPoolExecutor(_cores(), thread_name_prefix="ear")

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._threads.shutdown(cancel_futures=True)

    def analyse(self, source: Source, *, limits: Limits = DEFAULT_LIMITS, name: str | None = None) -> Report:
        """The report of one file, by path or open; every refusal is an `ml.report.errors.SoriError`."""
        return self.run(source, limits=limits, name=name).report

    def run(
        self,
        source: Source,
        *,
        limits: Limits = DEFAULT_LIMITS,
        name: str | None = None,
        on_progress: ProgressCallback = ignore_progress,
    ) -> SongAnalysis:
        """Like `analyse`, with the descriptors beside the report."""
        clock = _Clock(on_progress)
        with clock.stage("decode"):
            audio = load_audio(source, limits=limits, name=name)
        return self._run(audio, clock)

    def run_audio(self, audio: Audio) -> SongAnalysis:
        return self._run(audio, _Clock())

    def warm_up(self) -> None:
        """Compile what is compiled at the first song, a third of a second's work, before somebody waits for it."""
        noise = np.random.default_rng(0).standard_normal(SAMPLE_RATE * 10).astype(np.float32)
        self.run_audio(from_samples(0.1 * noise, SAMPLE_RATE))

    def reclassify(self, report: Report, trunk_output: Floats, music: Musicality) -> Report:
        """A report of what the same trunk heard earlier, with this model's judgement of that mean evidence.

        Without a timeline, as the windows are gone.
        """
        genre = self.model.genre(self.model.predict(trunk_output[None])[0], music)
        return replace(report, genre=genre, timeline=(), labels=self.model.labels, model=self.model.identity)

    def _run(self, audio: Audio, clock: _Clock) -> SongAnalysis:
        track = Track(audio, self.model.bands)
        with clock.stage("level"):
            _ = track.samples
        harmony = self._threads.submit(clock.timed, "harmony", lambda: track.chromagram)
        with clock.stage("spectrogram"):
            windows = track.windows
        music = self._threads.submit(clock.timed, "musicality", lambda: track.musicality)
        with clock.stage("trunk"):
            trunk_output = self.model.run_trunk(windows, self._threads)
        mean = trunk_output.mean(axis=0)
        with clock.stage("genre"):
            genre = self.model.genre(self.model.predict_song(track, trunk_output), music.result())
            timeline = self.model.timeline(track, trunk_output, audio.duration_seconds)
        with clock.stage("mood"):
            mood = self.mood_model.predict(mean, track.motion)
            moved = motion.measure_windows(track.mean_rise, len(trunk_output))
            arousal = self.mood_model.arousal(smooth(trunk_output), moved)
        with clock.stage("tempo"):
            beat = tempo.estimate(track.mel, genre={s.label: s.probability for s in genre.scores})
        with clock.stage("key"):
            chromagram = harmony.result()
            tonality = key.estimate(chromagram)
        found = clock.timed("findings", lambda: findings(track))
        report = Report(
            title=audio.title,
            artist=audio.artist,
            duration_seconds=round(audio.duration_seconds, 3),
            genre=genre,
            timeline=timeline,
            labels=self.model.labels,
            tempo=beat,
            key=tonality,
            mood=mood,
            arousal=arousal,
            motion=tuple(round(float(value), 5) for value in track.motion),
            tags=top_tags(mean),
            findings=found,
            notes=audio.notes,
            model=self.model.identity,
            timings=clock.seconds(),
        )
        return SongAnalysis(report, trunk_output, chromagram, music.result(), track.mel, track)


class _Clock:
    """Seconds per stage. Stages that overlap count their own time, so the sum can exceed the whole."""

    def __init__(self, on_progress: ProgressCallback = ignore_progress) -> None:
        self._tell = on_progress
        self._started = time.perf_counter()
        self._stages: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self._tell(name)
        started = time.perf_counter()
        yield
        self._stages[name] = time.perf_counter() - started

    def timed(self, name: str, work: Callable[[], Result]) -> Result:
        """The seconds of work that goes on beside the stages; nobody is told of it."""
        started = time.perf_counter()
        result = work()
        self._stages[name] = time.perf_counter() - started
        return result

    def seconds(self) -> dict[str, float]:
        stages = {**self._stages, "total": time.perf_counter() - self._started}
        return {name: round(seconds, 4) for name, seconds in stages.items()}


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not Linux
        return os.cpu_count() or 1


def load(weights: Path | None = None, mood_weights: Path | None = None) -> Pipeline:
    """Wake the ear with the shipped models or other weight files, for genre and mood."""
    mood_model = MoodModel.load(mood_weights)  # first, as a wrong file is then refused at once
    return Pipeline(open_model(weights), mood_model)
