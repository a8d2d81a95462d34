"""Writes how the analyses of uploads end, for the engine of one machine and for the workers of many."""

from __future__ import annotations

import logging
from typing import Any

from environment import Environment
from jobs.queue.analyses import Analyses, Analysis
from jobs.queue.song_files.interface import StorageAwayError
from jobs.queue.song_files.opening import open_song_files
from jobs.storage import NotStoredError, Storage
from jobs.upload_analysis import RESULT_FILES, UploadTask, for_visitors
from library.catalogue.database import Catalogue
from ml.models.card import GENRE_WEIGHTS, load_card
from ml.report.errors import SoriError

LOG = logging.getLogger(__name__)


class UploadResults:
    """`model` is the SHA-256 of the genre model; `lyrics` says whether words are read."""

    def __init__(self, analyses: Analyses, storage: Storage, model: str, *, lyrics: bool = False) -> None:
        self._analyses, self._storage, self._model, self._lyrics = analyses, storage, model, lyrics

    def reuse(self, analysis: Analysis, engine: str) -> bool:
        """Finish an analysis with the report that the same model made of the same file, if there is one."""
        twin = self._analyses.twin(analysis)
        if twin is None or twin.report is None or twin.report["model"]["sha256"] != self._model:
            return False
        if self._lyrics and not twin.report.get("lyrics"):
            return False
        try:
            self._analyses.files.copy(twin.id, analysis.id, RESULT_FILES)
        except (OSError, StorageAwayError):
            return False  # the twin was deleted just now, or a worker will say what is wrong
        return self._analyses.finish(analysis.id, engine, twin.report)

    def write(
        self, task: UploadTask, engine: str, result: dict[str, Any] | SoriError, *, killed_worker: bool = False
    ) -> None:
        """Write a report or an error to its row, or queue the song again where another try may end better."""
        if not isinstance(result, SoriError):
            self._analyses.finish(task.id, engine, result)
        elif self._storage.is_at_fault(result):
            self._analyses.release(engine, task.id)
        elif not (is_retried(result, killed_worker=killed_worker) and self._analyses.retry(task.id, engine)):
            LOG.info("an upload could not be analysed: %s", result.code)
            self._analyses.fail(task.id, engine, for_visitors(result, task))


def is_retried(error: SoriError, *, killed_worker: bool) -> bool:
    """Whether another try may end better: the home or the storage may have worked again by the time it was checked."""
    return killed_worker or isinstance(error, NotStoredError | StorageAwayError)


def upload_task(analyses: Analyses, analysis: Analysis) -> UploadTask:
    return UploadTask(analysis.id, analyses.files, analysis.file, analysis.name)


def open_analyses(environment: Environment, catalogue: Catalogue) -> Analyses:
    """The analyses of these settings, with their files in the home or in a storage."""
    files = open_song_files(catalogue, environment.home, environment.storage_url, environment.cache_mb)
    return Analyses(catalogue, environment.home, files)


def model_of(environment: Environment) -> str:
    """SHA-256 of the genre model that these settings name, as it is in reports."""
    weights = environment.genre_weights or GENRE_WEIGHTS
    return load_card(weights).sha256[weights.name]
