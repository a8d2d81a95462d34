"""The engine: claims uploads and scans from the queue, has them analysed, and writes to their rows how each ends.

Any of its processes, and this one too, may be killed at any moment: the work in progress is queued again, and each
upload ends with exactly one report or one error. Several engines may share a database, on several machines if they
share the home folder as well.
"""

from __future__ import annotations

import logging
import os
import shutil
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy.exc import DBAPIError

from environment import Environment
from jobs import examples
from jobs.local import ProcessPool, StageReached, TaskEnded
from jobs.queue.analyses import Analyses, Analysis
from jobs.queue.leases import new_engine_name
from jobs.queue.scans import Scans
from jobs.scan_runner import ScanRunner, run_in_child
from jobs.upload_analysis import RESULT_FILES, UploadTask, analyse_upload, load_with_library
from library.catalogue.database import open_catalogue
from ml.audio.settings import DEFAULT_LIMITS
from ml.models.card import GENRE_WEIGHTS, load_card
from ml.report.errors import SoriError
from ml.report.stages import STAGES

LOG = logging.getLogger(__name__)

POLL_SECONDS = 0.05
RENEW_SECONDS = 2.0
SCAN_SECONDS = 0.5
SWEEP_SECONDS = 60.0
GRACE_SECONDS = 20.0
"""How long uploads in progress may go on when the engine is asked to end; then they wait for the next one."""
ORPHAN_SECONDS = 3600.0
"""A folder without a row that is older than this is left over, from an interrupted upload for example."""
_RETRY_SECONDS = 1.0


@dataclass
class _Interval:
    """Is due every so many seconds."""

    seconds: float
    next: float = 0.0

    def is_due(self) -> bool:
        now = time.monotonic()
        if now < self.next:
            return False
        self.next = now + self.seconds
        return True


class Engine:
    """Runs the queued analyses through a process pool, and queued scans beside them, until it is asked to end."""

    def __init__(
        self,
        analyses: Analyses,
        pool: ProcessPool[UploadTask],
        model: str,
        *,
        scans: ScanRunner | None = None,
        grace_seconds: float = GRACE_SECONDS,
    ) -> None:
        self.analyses = analyses
        self.name = new_engine_name()
        self._pool, self._model, self._scans, self._grace_seconds = pool, model, scans, grace_seconds
        self._events: deque[StageReached[UploadTask] | TaskEnded[UploadTask]] = deque()
        """What has happened and is not written yet."""
        self._renewal, self._sweep = _Interval(RENEW_SECONDS), _Interval(SWEEP_SECONDS)
        self._scan_look = _Interval(SCAN_SECONDS)

    def run(self, is_ended: Callable[[], bool]) -> None:
        """Work until `is_ended()`; then let uploads in progress finish within the grace period."""
        try:
            while not is_ended():
                self._tolerate_database(self._turn)
            until = time.monotonic() + self._grace_seconds
            while (self._pool.tasks or self._events) and time.monotonic() < until:
                self._tolerate_database(partial(self._turn, claiming=False))
        finally:
            for task in self._pool.tasks:
                self._pool.stop(task)
            self._tolerate_database(lambda: self.analyses.release(self.name))
            if self._scans:
                self._tolerate_database(partial(self._scans.end, self.name))

    def _tolerate_database(self, step: Callable[[], object]) -> None:
        """A database that is locked, full or away for a while stops nothing: the rows state what is left to do."""
        try:
            step()
        except (DBAPIError, OSError) as error:
            LOG.warning("the database: %s", str(error).splitlines()[0])
            time.sleep(_RETRY_SECONDS)

    def _turn(self, *, claiming: bool = True) -> None:
        if self._renewal.is_due():
            self._renew()
        if self._sweep.is_due():
            sweep(self.analyses)
        while claiming and self._pool.free and (analysis := self.analyses.claim(self.name)):
            if not self._reuse_report(analysis):
                self._pool.submit(upload_task(self.analyses, analysis))
        if self._scans and claiming and self._scan_look.is_due():
            self._scans.look_after(self.name)
        self._events.extend(self._pool.events(0 if self._events else POLL_SECONDS))
        while self._events:
            self._write(self._events[0])
            self._events.popleft()

    def _renew(self) -> None:
        self.analyses.renew(self.name)
        if lost := self.analyses.reclaim():
            LOG.warning("%s uploads of a dead engine are queued again", lost)
        held = self.analyses.held(self.name)
        for task in [task for task in self._pool.tasks if task.id not in held]:
            LOG.info("an upload was deleted during its analysis")
            self._pool.stop(task)
        in_progress = {task.id for task in self._pool.tasks} | {event.task.id for event in self._events}
        for analysis_id in held - in_progress:  # claimed, and then the database failed
            self.analyses.release(self.name, analysis_id)

    def _reuse_report(self, analysis: Analysis) -> bool:
        """Finish an analysis with the report that the same model made of the same file, if there is one."""
        twin = self.analyses.twin(analysis)
        if twin is None or twin.report is None or twin.report["model"]["sha256"] != self._model:
            return False
        try:
            for name in RESULT_FILES:
                if (self.analyses.folder(twin.id) / name).exists():
                    shutil.copy(self.analyses.folder(twin.id) / name, self.analyses.folder(analysis.id))
        except FileNotFoundError:
            return False  # the twin was deleted just now
        return self.analyses.finish(analysis.id, self.name, twin.report)

    def _write(self, event: StageReached[UploadTask] | TaskEnded[UploadTask]) -> None:
        task = event.task
        if isinstance(event, StageReached):
            share = STAGES[event.stage].starts_at if event.stage in STAGES else 0.0
            if not self.analyses.set_progress(task.id, self.name, event.stage, share):
                self._pool.stop(task)
        elif not isinstance(event.result, SoriError):
            self.analyses.finish(task.id, self.name, event.result)
        elif not (event.killed_worker and self.analyses.retry(task.id, self.name)):
            LOG.info("an upload could not be analysed: %s", event.result.code)
            self.analyses.fail(task.id, self.name, event.result)


def upload_task(analyses: Analyses, analysis: Analysis) -> UploadTask:
    return UploadTask(analysis.id, analyses.folder(analysis.id), analysis.file, analysis.name)


def sweep(analyses: Analyses) -> None:
    """Delete expired analyses, and files that belong to no row."""
    for analysis_id in analyses.expired():
        analyses.delete(analysis_id)
    old = time.time() - ORPHAN_SECONDS
    for path in [*_children(analyses.root), *_children(analyses.incoming)]:
        try:
            if path.stat().st_mtime < old and analyses.get(path.name) is None:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        except OSError as error:
            LOG.warning("cannot be removed: %s", error.strerror)


def _children(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def pool_size(environment: Environment) -> int:
    """Half as many workers as there are cores: each has threads of its own."""
    return environment.workers or max(1, (os.cpu_count() or 1) // 2)


def model_of(environment: Environment) -> str:
    """SHA-256 of the genre model that these settings name, as it is in reports."""
    weights = environment.genre_weights or GENRE_WEIGHTS
    return load_card(weights).sha256[weights.name]


def work(
    environment: Environment, is_ended: Callable[[], bool], *, load_pipeline: Callable[[], Any] | None = None
) -> None:
    """Run an engine with these settings until `is_ended()`. The tests replace the load step."""
    limits = replace(DEFAULT_LIMITS, max_seconds=environment.max_seconds)
    load_step = load_pipeline or partial(load_with_library, environment)
    catalogue = open_catalogue(environment.home, environment.database_url)
    try:
        examples.make_in_background(environment.home)
        scans = ScanRunner(
            Scans(catalogue), partial(run_in_child, environment, load_pipeline), folders=environment.folders
        )
        with ProcessPool[UploadTask](pool_size(environment), load_step, partial(analyse_upload, limits=limits)) as pool:
            analyses = Analyses(catalogue, environment.home)
            Engine(analyses, pool, model_of(environment), scans=scans).run(is_ended)
    finally:
        catalogue.close()
