"""One handed-in song heard by a process of the crew: its report with neighbours, and its pictures beside the sound."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from environment import Environment
from jobs.attempt import Analyser, load_pipeline
from jobs.local import ProgressCallback
from jobs.neighbours import PipelineWithNeighbours, load_with_neighbours
from jobs.queue.feedback import TRUNK_OUTPUT_FILE
from ml.audio.settings import DecodeLimits

if TYPE_CHECKING:
    from ml.pipeline import SongAnalysis

PEAKS, SPECTROGRAM, CHROMAGRAM = PICTURES = ("peaks.json", "spectrogram.png", "chromagram.png")
BESIDE = (*PICTURES, TRUNK_OUTPUT_FILE)
"""What lies beside the sound of a song that was heard."""


@dataclass(frozen=True)
class Song:
    """A song to be heard: its analysis, where its sound lies, and its name for people."""

    id: str
    folder: Path
    file: str
    name: str


def load_with_library(environment: Environment) -> Analyser:
    """The load step of each process: the model, ready for its first song, and the library to find neighbours in."""
    pipeline = partial(_load_warm, environment.genre_weights, environment.mood_weights)
    return load_with_neighbours(pipeline, environment.home, environment.database_url)


def _load_warm(weights: Path | None, moods: Path | None) -> Analyser:
    pipeline = load_pipeline(weights, moods)
    pipeline.warm_up()
    return pipeline


def analyse_upload(
    pipeline: Analyser, song: Song, on_progress: ProgressCallback, *, limits: DecodeLimits
) -> dict[str, Any]:
    """The song's report as JSON has it; the pictures are files in its folder by then."""
    song_analysis = pipeline.run(
        song.folder / song.file, limits=limits, name=song.name, on_progress=on_progress
    )
    on_progress("neighbours")
    report = (
        pipeline.with_neighbours(song_analysis)
        if isinstance(pipeline, PipelineWithNeighbours)
        else song_analysis.report
    )
    on_progress("pictures")
    draw(song_analysis, song.folder)
    save_trunk_output(song_analysis, song.folder)
    return report.to_dict()


def draw(song_analysis: SongAnalysis, folder: Path) -> None:
    """What the page shows of the sound itself."""
    from ml.features import images

    if song_analysis.track is None:
        return
    (folder / PEAKS).write_text(json.dumps(images.peaks(song_analysis.track.samples)))
    (folder / SPECTROGRAM).write_bytes(images.spectrogram(song_analysis.track.recorded_mel))
    (folder / CHROMAGRAM).write_bytes(images.chromagram(song_analysis.chromagram))


def save_trunk_output(song_analysis: SongAnalysis, folder: Path) -> None:
    """What the model heard, for the case that somebody says what it should have said."""
    import numpy as np

    np.save(
        folder / TRUNK_OUTPUT_FILE,
        song_analysis.trunk_output.mean(axis=0).astype(np.float32),
        allow_pickle=False,
    )
