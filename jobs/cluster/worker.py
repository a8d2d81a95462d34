"""What a Celery worker process does: it claims rows, analyses with the pipeline that it has loaded, and writes results.

Each upload and each file ends exactly once, because only the holder of the lease can end its row.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property, partial
from typing import Any, TypeVar

from environment import Environment
from jobs.attempt import Analyser, attempt, load_pipeline
from jobs.cluster.lease_keeper import LeaseKeeper, LeaseLostError
from jobs.cluster.metrics import WorkerMetrics
from jobs.cluster.persistence import persist
from jobs.folder_scan import analyse_file, refusing_values, versions_of
from jobs.local import WALL_SECONDS, TimeLimitError
from jobs.queue.analyses import Analyses, Analysis
from jobs.queue.leases import new_engine_name
from jobs.queue.scan_files import ScanFile, ScanFiles
from jobs.queue.scans import Scans
from jobs.storage import Storage
from jobs.upload_analysis import analyse_upload, load_with_library
from jobs.upload_results import UploadResults, model_of, open_analyses, upload_task
from library.catalogue.database import Catalogue, open_catalogue
from library.collection.records import TrackRecord
from library.collection.reference import ReferenceLinks
from library.collection.track_writer import TrackWriter
from ml.audio.settings import DEFAULT_LIMITS
from ml.report.cells import readable_path
from ml.report.errors import SoriError
from ml.report.stages import progress_at

LOG = logging.getLogger(__name__)
Result = TypeVar("Result")

BATCH_SECONDS = 30.0
"""A batch that has taken so long is handed back: its other files are sent again, and messages never run into limits."""
AWAY_SECONDS = 2.0
"""How long a worker without the folder of a scan leaves the messages about it to others."""


class Worker:
    """One process. Nothing is opened before the first message, because the process is forked after this is made."""

    def __init__(
        self,
        environment: Environment,
        *,
        load_uploads: Callable[[], Analyser] | None = None,
        load_files: Callable[[], Analyser] | None = None,
    ) -> None:
        self._environment = environment
        self._load_uploads = load_uploads or partial(load_with_library, environment)
        weights, moods, lyrics = environment.genre_weights, environment.mood_weights, environment.lyrics_settings
        self._load_files = load_files or partial(load_pipeline, weights, moods, lyrics)
        self._limits = replace(DEFAULT_LIMITS, max_seconds=environment.max_seconds)
        self.metrics = WorkerMetrics()

    @cached_property
    def catalogue(self) -> Catalogue:
        return open_catalogue(self._environment.home, self._environment.database_url)

    @cached_property
    def uploads_pipeline(self) -> Analyser:
        return self._load_uploads()

    @cached_property
    def files_pipeline(self) -> Analyser:
        return self._load_files()

    @cached_property
    def _analyses(self) -> Analyses:
        return open_analyses(self._environment, self.catalogue)

    @cached_property
    def _storage(self) -> Storage:
        return Storage(self._analyses.home, self._analyses.files)

    @cached_property
    def _results(self) -> UploadResults:
        model, lyrics = model_of(self._environment), self._environment.lyrics
        return UploadResults(self._analyses, self._storage, model, lyrics=lyrics)

    def warm_up(self, *, uploads: bool) -> None:
        """Load what the first message would wait for. An error is one of that message, so that workers start anyway."""
        outcome = attempt(lambda: self.uploads_pipeline if uploads else self.files_pipeline)
        if isinstance(outcome, SoriError):
            LOG.error("the model: %s", outcome)

    def analyse_next_upload(self) -> bool:
        """Analyse the upload whose turn it is. False where none waits, as after a message that came twice."""
        if not self._storage.is_ready():
            return False  # the maintenance sends it again
        pipeline = self.uploads_pipeline  # before the claim: an error here is no song's
        name = new_engine_name()  # for this message alone: what an earlier one left behind must lose its lease
        analysis = persist(lambda: self._analyses.claim(name))
        if analysis is None:
            return False
        content, until = analysis.content, time.monotonic() + BATCH_SECONDS
        self._analyse_upload(pipeline, analysis, name)
        # The messages about the same bytes have come and gone meanwhile.
        while time.monotonic() < until and self._storage.is_ready():
            twin = persist(lambda: self._analyses.claim_twin(content, name))
            if twin is None:
                break
            self._analyse_upload(pipeline, twin, name)
        return True

    def _analyse_upload(self, pipeline: Analyser, analysis: Analysis, name: str) -> None:
        if persist(lambda: self._results.reuse(analysis, name)):
            return
        task = upload_task(self._analyses, analysis)

        def write_progress(stage: str, share: float) -> bool:
            progress = progress_at(stage, share, with_lyrics=self._environment.lyrics)
            return self._analyses.set_progress(task.id, name, stage, progress)

        def write(result: dict[str, Any] | SoriError) -> None:
            self._results.write(task, name, result)

        with (
            self.metrics.measure("upload"),
            LeaseKeeper(self._analyses, name, write_progress=write_progress, end_over_limit=write) as keeper,
        ):
            work = partial(analyse_upload, pipeline, task, keeper.on_progress, limits=self._limits)
            result = attempt(partial(within_time, work))
            if not isinstance(result, LeaseLostError):
                persist(lambda: write(result))
        self.metrics.count("upload", is_failed=isinstance(result, SoriError))

    def analyse_files(self, ids: list[int]) -> int:
        """Analyse those of these files that wait; how many were."""
        pipeline, files, name = self.files_pipeline, ScanFiles(self.catalogue), new_engine_name()
        rows = persist(lambda: files.claim_rows(ids, name, charge=False))
        if not rows or not self._has_folders(files, rows[0].scan_id, name):
            return 0
        until, done = time.monotonic() + BATCH_SECONDS, 0
        writer = persist(self._track_writer)
        current: list[ScanFile] = []

        def end_over_limit(error: SoriError) -> None:
            self._finish_file(files, writer, current[0], name, error)

        with LeaseKeeper(files, name, end_over_limit=end_over_limit) as keeper:
            for row in rows:
                if time.monotonic() >= until:
                    break
                if not persist(partial(files.charge, row.id, name)):
                    continue
                current[:] = [row]
                with self.metrics.measure("file"):
                    work = partial(analyse_file, pipeline, row.file, keeper.on_progress, limits=self._limits)
                    result = attempt(partial(within_time, work))
                    persist(partial(self._finish_file, files, writer, row, name, result))
                self.metrics.count("file", is_failed=isinstance(result, SoriError))
                done += 1
        persist(partial(files.release, name))
        return done

    def _has_folders(self, files: ScanFiles, scan_id: int, name: str) -> bool:
        """Whether this machine has the folders of a scan. Where it has not, other machines get the files."""
        folders = persist(lambda: Scans(self.catalogue).folders_of(scan_id))
        missing = [folder for folder in folders if not folder.is_dir()]
        if missing:
            LOG.warning("this machine has no folder %s: mount it, or set SORI_PATH_MAP", readable_path(missing[0]))
            persist(partial(files.release, name))
            time.sleep(AWAY_SECONDS)
        return not missing

    def _finish_file(
        self, files: ScanFiles, writer: TrackWriter, row: ScanFile, name: str, result: TrackRecord | SoriError
    ) -> None:
        with refusing_values() as refused:
            files.finish(row.id, name, lambda session: writer.store(session, row.file, result))
        if refused:
            error = refused[0]
            files.finish(row.id, name, lambda session: writer.store(session, row.file, error))

    def _track_writer(self) -> TrackWriter:
        environment = self._environment
        versions = versions_of(environment.genre_weights, self._limits, environment.lyrics_settings)
        with self.catalogue.session() as session:
            return TrackWriter(versions, ReferenceLinks(session))


def within_time(work: Callable[[], Result]) -> Result:
    """Run a step; Celery's soft limit becomes the error of this song."""
    from celery.exceptions import SoftTimeLimitExceeded

    try:
        return work()
    except SoftTimeLimitExceeded as error:
        raise TimeLimitError(seconds=WALL_SECONDS) from error
