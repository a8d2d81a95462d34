"""The engine: claims uploads and scans from the queue, has them analysed, and writes to their rows how each ends.

Any of its processes, and this one too, may be killed at any moment: the work in progress is queued again, and each
upload ends with exactly one report or one error. Several engines may share a database, on several machines if they
share the home folder or a storage for uploads as well.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from sqlalchemy.exc import DBAPIError

from environment import Environment
from jobs import examples
from jobs.daily_backup import DailyBackup
from jobs.index_duty import IndexDuty, Place
from jobs.local import ProcessPool, StageReached, TaskEnded
from jobs.queue.analyses import Analyses
from jobs.queue.leases import new_engine_name
from jobs.queue.scans import Scans
from jobs.queue.service_time import ServiceTimer
from jobs.scan_runner import ScanRunner, run_in_child
from jobs.storage import Storage
from jobs.sweeper import Sweeper
from jobs.upload_analysis import UploadTask, analyse_upload, load_with_library
from jobs.upload_results import UploadResults, model_of, open_analyses, upload_task
from library.catalogue.database import is_disk_full, open_catalogue, reason_of
from ml.audio.settings import DEFAULT_LIMITS
from ml.report.stages import progress_at

LOG = logging.getLogger(__name__)

POLL_SECONDS = 0.05
RENEW_SECONDS = 2.0
SCAN_SECONDS = 0.5
SWEEP_SECONDS = 60.0
GRACE_SECONDS = 20.0
"""How long uploads in progress may go on when the engine is asked to end; then they wait for the next one."""
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
        lyrics: bool = False,
        scans: ScanRunner | None = None,
        grace_seconds: float = GRACE_SECONDS,
    ) -> None:
        self.analyses = analyses
        self.name = new_engine_name()
        self._pool, self._lyrics = pool, lyrics
        self._scans, self._grace_seconds = scans, grace_seconds
        self._events: deque[StageReached[UploadTask] | TaskEnded[UploadTask]] = deque()
        """What has happened and is not written yet."""
        self._renewal, self._sweep = _Interval(RENEW_SECONDS), _Interval(SWEEP_SECONDS)
        self._scan_look = _Interval(SCAN_SECONDS)
        self._storage = Storage(analyses.home, analyses.files)
        self._results = UploadResults(analyses, self._storage, model, lyrics=lyrics)
        self._timer, self._sweeper = ServiceTimer(analyses.catalogue), Sweeper(analyses)

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
            if is_disk_full(error):
                self._storage.report_failure()
            else:
                LOG.warning("the database: %s", reason_of(error))
            time.sleep(_RETRY_SECONDS)

    def _turn(self, *, claiming: bool = True) -> None:
        if self._renewal.is_due():
            self._renew()
        if self._sweep.is_due():
            self._sweeper.sweep()
        claiming = claiming and self._storage.is_ready()
        while claiming and self._pool.free and (analysis := self.analyses.claim(self.name)):
            if not self._results.reuse(analysis, self.name):
                self._pool.submit(upload_task(self.analyses, analysis))
        if self._scans and claiming and self._scan_look.is_due():
            self._scans.look_after(self.name)
        self._events.extend(self._pool.events(0 if self._events else POLL_SECONDS))
        while self._events:
            self._write(self._events[0])
            self._events.popleft()

    def _renew(self) -> None:
        self.analyses.renew(self.name)
        self.analyses.beat()
        self._timer.advance()
        if lost := self.analyses.reclaim():
            LOG.warning("%s uploads of a dead engine are queued again", lost)
        held = self.analyses.held(self.name)
        for task in [task for task in self._pool.tasks if task.id not in held]:
            LOG.info("an upload was deleted during its analysis")
            self._pool.stop(task)
        in_progress = {task.id for task in self._pool.tasks} | {event.task.id for event in self._events}
        for analysis_id in held - in_progress:  # claimed, and then the database failed
            self.analyses.release(self.name, analysis_id)

    def _write(self, event: StageReached[UploadTask] | TaskEnded[UploadTask]) -> None:
        task = event.task
        if isinstance(event, StageReached):
            progress = progress_at(event.stage, event.share, with_lyrics=self._lyrics)
            if not self.analyses.set_progress(task.id, self.name, event.stage, progress):
                self._pool.stop(task)
        else:
            self._results.write(task, self.name, event.result, killed_worker=event.killed_worker)


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
        with ProcessPool[UploadTask](environment.pool_size, load_step, partial(analyse_upload, limits=limits)) as pool:
            analyses = open_analyses(environment, catalogue)
            backup = DailyBackup(environment.home, reserve_bytes=environment.min_free_mb * 1_000_000)
            with backup, IndexDuty(Place.of(environment)):
                engine = Engine(analyses, pool, model_of(environment), lyrics=environment.lyrics, scans=scans)
                engine.run(is_ended)
    finally:
        catalogue.close()
