"""The analysis of one upload in a worker: its report with neighbours, and its pictures beside the uploaded file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from environment import Environment
from jobs.attempt import Analyser, load_pipeline
from jobs.neighbours import load_with_neighbours
from jobs.queue.analyses import CHROMAGRAM, PEAKS, PICTURES, SPECTROGRAM
from jobs.queue.feedback import TRUNK_OUTPUT_FILE
from ml.audio.settings import DecodeLimits
from ml.features import images
from ml.report.progress import ProgressCallback

RESULT_FILES = (*PICTURES, TRUNK_OUTPUT_FILE)


@dataclass(frozen=True)
class UploadTask:
    """The id of an analysis, where its file is, and its name as people see it."""

    id: str
    folder: Path
    file: str
    name: str


def load_with_library(environment: Environment) -> Analyser:
    """The load step of each worker: the model, ready for its first song, and the library to find neighbours in."""
    pipeline = partial(load_pipeline, environment.genre_weights, environment.mood_weights, warm_up=True)
    return load_with_neighbours(pipeline, environment.home, environment.database_url)


def analyse_upload(
    pipeline: Analyser, task: UploadTask, on_progress: ProgressCallback, *, limits: DecodeLimits
) -> dict[str, Any]:
    """The report as JSON has it. The files beside the upload are written by then."""
    song_analysis = pipeline.run(task.folder / task.file, limits=limits, name=task.name, on_progress=on_progress)
    on_progress("pictures")
    if song_analysis.track is not None:
        (task.folder / PEAKS).write_text(json.dumps(images.peaks(song_analysis.track.samples)))
        (task.folder / SPECTROGRAM).write_bytes(images.spectrogram(song_analysis.track.recorded_mel))
        (task.folder / CHROMAGRAM).write_bytes(images.chromagram(song_analysis.chromagram))
    # For training, in case a listener corrects the genre.
    mean_output = song_analysis.trunk_output.mean(axis=0).astype(np.float32)
    np.save(task.folder / TRUNK_OUTPUT_FILE, mean_output, allow_pickle=False)
    return song_analysis.report.to_dict()
