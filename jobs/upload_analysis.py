"""The analysis of one upload in a worker: its report with neighbours, and its pictures beside the uploaded file."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from environment import Environment
from jobs.attempt import Analyser, InternalError, load_pipeline
from jobs.neighbours import load_with_neighbours
from jobs.queue.analyses import CHROMAGRAM, PEAKS, PICTURES, SPECTROGRAM
from jobs.queue.feedback import TRUNK_OUTPUT_FILE
from jobs.queue.song_files.interface import SongFiles
from jobs.storage import naming_full_disk, storing
from ml.audio.settings import DecodeLimits
from ml.features import images
from ml.report.errors import SoriError
from ml.report.progress import ProgressCallback

if TYPE_CHECKING:
    from ml.pipeline import SongAnalysis

RESULT_FILES = (*PICTURES, TRUNK_OUTPUT_FILE)


@dataclass(frozen=True)
class UploadTask:
    """The id of an analysis, where its files are, the name of the song among them, and its name as people see it."""

    id: str
    files: SongFiles
    file: str
    name: str


def load_with_library(environment: Environment) -> Analyser:
    """The load step of each worker: the model, ready for its first song, and the library to find neighbours in."""
    lyrics = environment.lyrics_settings
    if lyrics:  # there are fewer workers than cores
        lyrics = replace(lyrics, threads=max(1, (os.cpu_count() or 1) // environment.pool_size))
    pipeline = partial(load_pipeline, environment.genre_weights, environment.mood_weights, lyrics, warm_up=True)
    return load_with_neighbours(pipeline, environment.home, environment.database_url)


def analyse_upload(
    pipeline: Analyser, task: UploadTask, on_progress: ProgressCallback, *, limits: DecodeLimits
) -> dict[str, Any]:
    """The report as JSON has it. The files beside the upload are written by then."""
    with naming_full_disk(), task.files.working_folder(task.id, task.file) as folder:
        song_analysis = pipeline.run(folder / task.file, limits=limits, name=task.name, on_progress=on_progress)
        on_progress("pictures")
        with storing():
            _write_results(song_analysis, folder)
    return song_analysis.report.to_dict()


def _write_results(song_analysis: SongAnalysis, folder: Path) -> None:
    if song_analysis.track is not None:
        (folder / PEAKS).write_text(json.dumps(images.peaks(song_analysis.track.samples)))
        (folder / SPECTROGRAM).write_bytes(images.spectrogram(song_analysis.track.recorded_mel))
        (folder / CHROMAGRAM).write_bytes(images.chromagram(song_analysis.chromagram))
    # For training, in case a listener corrects the genre.
    mean_output = song_analysis.trunk_output.mean(axis=0).astype(np.float32)
    np.save(folder / TRUNK_OUTPUT_FILE, mean_output, allow_pickle=False)


def for_visitors(error: SoriError, task: UploadTask) -> SoriError:
    """The error without paths of this machine: of a bug only its kind, and the song under the name that people know."""
    facts = dict(error.facts)
    if isinstance(error, InternalError):
        facts["reason"] = str(facts["reason"]).partition(":")[0]
    if "path" in facts:
        facts["path"] = task.name
    return type(error)(**facts)
