"""The analysis of one song, from a file to its Report.

`load` reads the models once, which takes seconds; a `Pipeline` then analyses any number of songs, from several threads
if need be. The trunk is most of the work and gets all cores; the chromagram is computed beside it.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import BinaryIO, TypeVar

import numpy as np

from ml.audio.loading import Audio, from_samples
from ml.audio.loading import load as load_audio
from ml.audio.settings import DEFAULT_LIMITS, SAMPLE_RATE, DecodeLimits
from ml.features import motion
from ml.features.analysers import findings
from ml.features.arrays import Floats
from ml.features.chroma import Chromagram
from ml.features.musicality import Musicality
from ml.features.track import Track
from ml.lyrics.analyser import LyricsAnalyser
from ml.lyrics.settings import LyricsSettings
from ml.models import key, tempo
from ml.models.classic.serving import open_model
from ml.models.cores import available_cores
from ml.models.genre import GenreModel, smooth, top_tags
from ml.models.mood import MoodModel
from ml.report.progress import ProgressCallback, ignore_progress
from ml.report.schema import Report
from ml.report.stages import STAGES
from ml.similarity.vectors import pack

Source = str | os.PathLike[str] | BinaryIO
Result = TypeVar("Result")


@dataclass(frozen=True)
class SongAnalysis:
    """The report of one song, and the features that a library stores."""

    report: Report
    trunk_output: Floats
    """(windows, TRUNK_OUTPUT_SIZE)"""
    chromagram: Chromagram
    musicality: Musicality
    mel: Floats
    """(frames, MEL_BANDS), with imputed upper bands"""
    track: Track | None = None
    """For pictures of the song. It is large: release it soon."""

    def packed(self) -> tuple[bytes, bytes]:
        """The features to store: the chromagram, and the mean trunk output with timbre and musicality."""
        return pack(self.chromagram, self.mel, self.trunk_output, self.musicality)


class Pipeline:
    """Loaded models and a thread pool. Close it, or use it as a context manager."""

    def __init__(self, model: GenreModel, mood_model: MoodModel, lyrics: LyricsAnalyser | None = None) -> None:
        self.model, self.mood_model, self._lyrics = model, mood_model, lyrics
        self._threads = ThreadPoolExecutor(available_cores(), thread_name_prefix="pipeline")

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._threads.shutdown(cancel_futures=True)

    def analyse(self, source: Source, *, limits: DecodeLimits = DEFAULT_LIMITS, name: str | None = None) -> Report:
        """The report of one file, by path or open; unreadable input raises an `ml.report.errors.SoriError`."""
        return self.run(source, limits=limits, name=name).report

    def run(
        self,
        source: Source,
        *,
        limits: DecodeLimits = DEFAULT_LIMITS,
        name: str | None = None,
        on_progress: ProgressCallback = ignore_progress,
    ) -> SongAnalysis:
        """Like `analyse`, with the features. `on_progress` gets the name of each stage as it begins."""
        clock = _Clock(on_progress)
        with clock.stage("decode"):
            audio = load_audio(source, limits=limits, name=name)
        song_analysis = self.run_audio(audio, clock)
        if self._lyrics is None:
            return song_analysis
        with clock.stage("lyrics"):
            report = self._lyrics.add_to(song_analysis.report, source, audio, partial(on_progress, "lyrics"))
        return replace(song_analysis, report=replace(report, timings=clock.seconds()))

    def run_audio(self, audio: Audio, clock: _Clock | None = None) -> SongAnalysis:
        """Like `run`, for decoded audio."""
        clock = clock or _Clock(ignore_progress)
        track = Track(audio, self.model.bands)
        with clock.stage("level"):
            _ = track.samples
        chromagram = self._threads.submit(clock.measure, "harmony", lambda: track.chromagram)
        with clock.stage("spectrogram"):
            windows = track.windows
        musicality = self._threads.submit(clock.measure, "musicality", lambda: track.musicality)
        with clock.stage("trunk"):
            trunk_output = self.model.run_trunk(windows, self._threads)
        mean = trunk_output.mean(axis=0)
        with clock.stage("genre"):
            genre = self.model.genre(self.model.predict_song(track, trunk_output), musicality.result())
            timeline = self.model.timeline(track, trunk_output, audio.duration_seconds)
        with clock.stage("mood"):
            mood = self.mood_model.predict(mean, track.motion)
            window_motion = motion.measure_windows(track.mean_rise, len(trunk_output))
            arousal = self.mood_model.arousal(smooth(trunk_output), window_motion)
        with clock.stage("tempo"):
            bpm = tempo.estimate(track.mel, genre={s.label: s.probability for s in genre.scores})
        with clock.stage("key"):
            song_key = key.estimate(chromagram.result())
        found = clock.measure("findings", lambda: findings(track))
        report = Report(
            title=audio.title,
            artist=audio.artist,
            duration_seconds=round(audio.duration_seconds, 3),
            genre=genre,
            timeline=timeline,
            labels=self.model.labels,
            tempo=bpm,
            key=song_key,
            mood=mood,
            arousal=arousal,
            motion=tuple(round(float(value), 5) for value in track.motion),
            tags=top_tags(mean),
            findings=found,
            notes=audio.notes,
            model=self.model.identity,
            timings=clock.seconds(),
        )
        return SongAnalysis(report, trunk_output, track.chromagram, track.musicality, track.mel, track)

    def warm_up(self) -> None:
        """Analyse ten seconds of noise, so that the first song does not wait a third of a second for compilation."""
        noise = np.random.default_rng(0).standard_normal(SAMPLE_RATE * 10).astype(np.float32)
        self.run_audio(from_samples(0.1 * noise, SAMPLE_RATE))

    def reclassify(self, report: Report, trunk_output: Floats, musicality: Musicality) -> Report:
        """The report with the genre that this model gives to a stored mean trunk output (TRUNK_OUTPUT_SIZE,).

        The timeline is dropped, because the outputs of the windows are not stored. So is the genre by sound and words,
        which was made with the other one.
        """
        genre = self.model.genre(self.model.predict(trunk_output[None])[0], musicality)
        lyrics = replace(report.lyrics, combined=None) if report.lyrics else None
        return replace(
            report, genre=genre, timeline=(), labels=self.model.labels, lyrics=lyrics, model=self.model.identity
        )


class _Clock:
    """Seconds per stage. Stages that overlap count in full, so their sum can exceed the total."""

    def __init__(self, on_progress: ProgressCallback) -> None:
        self._on_progress = on_progress
        self._started = time.perf_counter()
        self._seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Report a stage of `ml.report.stages` and measure it."""
        if name not in STAGES:
            raise ValueError(f"{name!r} is not declared in ml.report.stages")
        self._on_progress(name)
        started = time.perf_counter()
        yield
        self._seconds[name] = time.perf_counter() - started

    def measure(self, name: str, work: Callable[[], Result]) -> Result:
        """Measure work beside the stages, without reporting it as progress."""
        started = time.perf_counter()
        result = work()
        self._seconds[name] = time.perf_counter() - started
        return result

    def seconds(self) -> dict[str, float]:
        seconds = {**self._seconds, "total": time.perf_counter() - self._started}
        return {name: round(value, 4) for name, value in seconds.items()}


def load(
    weights: Path | None = None, mood_weights: Path | None = None, lyrics: LyricsSettings | None = None
) -> Pipeline:
    """A pipeline with the shipped models, or with other weight files for genre and mood. `lyrics` reads words too."""
    mood_model = MoodModel.load(mood_weights)  # first, because it takes no time to refuse a wrong file
    return Pipeline(open_model(weights), mood_model, LyricsAnalyser(lyrics) if lyrics else None)
