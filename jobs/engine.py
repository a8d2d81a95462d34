"""The engine: takes handed-in songs from the queue, has a crew hear them, and writes down how each ends.

Only this process writes rows; the crew's processes hear. Any of them, and this one too, may be killed at any moment:
what it was at is queued again, and each song ends with exactly one report or one reason. Several engines may share a
database, on several machines if they share the home folder as well.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import socket
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
from jobs.upload_analysis import BESIDE, Song, analyse_upload, load_with_library
from library.catalogue.database import open_catalogue
from ml.audio.settings import DEFAULT_LIMITS
from ml.models.card import GENRE_WEIGHTS, load_card
from ml.report.errors import SoriError
from ml.report.stages import STAGES

LOG = logging.getLogger(__name__)

POLL_SECONDS = 0.05
RENEW_SECONDS = 2.0
SWEEP_SECONDS = 60.0
GRACE_SECONDS = 20.0
"""How long songs that run may go on when the engine is asked to end; then they wait for the next one."""
ORPHAN_SECONDS = 3600.0
"""After so long a folder without a row belongs to nobody: an upload that was never finished, say."""
_TROUBLE_SECONDS = 1.0


@dataclass
class _Rhythm:
    """Something to be done every so often."""

    seconds: float
    next: float = 0.0

    def is_due(self) -> bool:
        now = time.monotonic()
        if now < self.next:
            return False
        self.next = now + self.seconds
        return True


class Engine:
    """Runs what is queued in `analyses` through a crew, until it is asked to end."""

    def __init__(
        self, analyses: Analyses, pool: ProcessPool[Song], model: str, *, grace_seconds: float = GRACE_SECONDS
    ) -> None:
        self.analyses = analyses
        self.name = f"{socket.gethostname()[:60]}:{os.getpid()}:{secrets.token_hex(4)}"
        self._pool, self._model, self._grace_seconds = pool, model, grace_seconds
        self._news: deque[StageReached[Song] | TaskEnded[Song]] = deque()
        """What happened and is not written down yet."""
        self._renewal, self._sweep = _Rhythm(RENEW_SECONDS), _Rhythm(SWEEP_SECONDS)

    def run(self, ended: Callable[[], bool]) -> None:
        """Work until `ended()`; then let what runs finish, as long as grace lasts."""
        try:
            while not ended():
                self._mind_the_database(self._turn)
            until = time.monotonic() + self._grace_seconds
            while (self._pool.tasks or self._news) and time.monotonic() < until:
                self._mind_the_database(partial(self._turn, claiming=False))
        finally:
            for song in self._pool.tasks:
                self._pool.stop(song)
            self._mind_the_database(lambda: self.analyses.release(self.name))

    def _mind_the_database(self, step: Callable[[], object]) -> None:
        """A database that is locked, full or away for a while stops nothing: the rows say what is left to do."""
        try:
            step()
        except (DBAPIError, OSError) as error:
            LOG.warning("the database: %s", str(error).splitlines()[0])
            time.sleep(_TROUBLE_SECONDS)

    def _turn(self, *, claiming: bool = True) -> None:
        if self._renewal.is_due():
            self._look_after()
        if self._sweep.is_due():
            sweep(self.analyses)
        while claiming and self._pool.free and (analysis := self.analyses.claim(self.name)):
            if not self._is_known(analysis):
                self._pool.submit(song_of(self.analyses, analysis))
        self._news.extend(self._pool.events(0 if self._news else POLL_SECONDS))
        while self._news:
            self._write_down(self._news[0])
            self._news.popleft()

    def _look_after(self) -> None:
        self.analyses.renew(self.name)
        if lost := self.analyses.reclaim():
            LOG.warning("%s songs of an engine that died are queued again", lost)
        held = self.analyses.held(self.name)
        for song in [song for song in self._pool.tasks if song.id not in held]:
            LOG.info("a song was deleted while it was heard")
            self._pool.stop(song)
        at_work = {song.id for song in self._pool.tasks} | {event.task.id for event in self._news}
        for analysis_id in held - at_work:  # claimed, and then the database failed
            self.analyses.release(self.name, analysis_id)

    def _is_known(self, analysis: Analysis) -> bool:
        """The same file was heard by the same model: its report serves again."""
        twin = self.analyses.twin(analysis)
        if twin is None or twin.report is None or twin.report["model"]["sha256"] != self._model:
            return False
        try:
            for name in BESIDE:
                if (self.analyses.folder(twin.id) / name).exists():
                    shutil.copy(self.analyses.folder(twin.id) / name, self.analyses.folder(analysis.id))
        except FileNotFoundError:
            return False  # the twin was deleted just now
        return self.analyses.finish(analysis.id, self.name, twin.report)

    def _write_down(self, event: StageReached[Song] | TaskEnded[Song]) -> None:
        if isinstance(event, StageReached):
            self._tell(event.task, event.stage)
        else:
            self._end(event)

    def _tell(self, song: Song, stage: str) -> None:
        if not self.analyses.set_progress(
            song.id, self.name, stage, STAGES[stage].starts_at if stage in STAGES else 0.0
        ):
            self._pool.stop(song)

    def _end(self, event: TaskEnded[Song]) -> None:
        song, result = event.task, event.result
        if not isinstance(result, SoriError):
            self.analyses.finish(song.id, self.name, result)
        elif not (event.killed_worker and self.analyses.give_back(song.id, self.name)):
            LOG.info("a song could not be heard: %s", result.code)
            self.analyses.fail(song.id, self.name, result)


def song_of(analyses: Analyses, analysis: Analysis) -> Song:
    return Song(analysis.id, analyses.folder(analysis.id), analysis.file, analysis.name)


def sweep(analyses: Analyses) -> None:
    """Forget what has expired, and remove what no row knows."""
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
    """Half as many processes as there are cores: each hears with threads of its own."""
    return environment.workers or max(1, (os.cpu_count() or 1) // 2)


def model_of(environment: Environment) -> str:
    """The fingerprint of the genre model that these settings name, as reports carry it."""
    weights = environment.genre_weights or GENRE_WEIGHTS
    return load_card(weights).sha256[weights.name]


def work(
    environment: Environment, ended: Callable[[], bool], *, load_pipeline: Callable[[], Any] | None = None
) -> None:
    """Run an engine with these settings until `ended()`. The tests hand in an ear of their own."""
    limits = replace(DEFAULT_LIMITS, max_seconds=environment.max_seconds)
    catalogue = open_catalogue(environment.home, environment.database_url)
    try:
        examples.make_in_background(environment.home)
        pipeline = load_pipeline or partial(load_with_library, environment)
        with ProcessPool[Song](
            pool_size(environment), pipeline, partial(analyse_upload, limits=limits)
        ) as pool:
            Engine(Analyses(catalogue, environment.home), pool, model_of(environment)).run(ended)
    finally:
        catalogue.close()
