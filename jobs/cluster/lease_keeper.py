"""Keeps the leases of a worker process, in a thread beside its work, and writes progress to the row."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy.exc import DBAPIError

from jobs.local import MAX_BYTES, MemoryLimitError, resident_bytes
from jobs.queue.leases import LeaseQueue
from ml.report.errors import SoriError

LOG = logging.getLogger(__name__)

BEAT_SECONDS = 0.3
"""How often progress is written, at most."""
RENEW_SECONDS = 3.0


class LeaseLostError(SoriError):
    """The row is deleted, or another worker has it."""

    code = "lease_lost"
    sentence = "The analysis was deleted, or another worker has taken it over."


class LeaseKeeper:
    """A context manager around the work on leased rows of one queue.

    A process that is paused renews nothing, so its rows go to another worker, and what it writes later is refused.
    """

    def __init__(
        self,
        queue: LeaseQueue[Any],
        engine: str,
        *,
        write_progress: Callable[[str, float], bool] | None = None,
        end_over_limit: Callable[[SoriError], object] | None = None,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._queue, self._engine, self._max_bytes = queue, engine, max_bytes
        self._write_progress, self._end_over_limit = write_progress, end_over_limit
        self._reached: tuple[str, float] | None = None
        self._is_lost = False
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lease", daemon=True)

    def __enter__(self) -> LeaseKeeper:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def on_progress(self, stage: str, share: float = 0.0) -> None:
        """A `ProgressCallback`. Raises where the row is no longer this worker's: nobody wants the result."""
        self._reached = stage, share
        if self._is_lost:
            raise LeaseLostError()

    def _run(self) -> None:
        written, renewed = None, time.monotonic()
        while not self._ended.wait(BEAT_SECONDS):
            self._check_memory()
            try:
                if self._write_progress is not None and (reached := self._reached) not in (None, written):
                    self._is_lost = self._is_lost or not self._write_progress(*reached)
                    written = reached
                if time.monotonic() - renewed >= RENEW_SECONDS:
                    self._is_lost = self._is_lost or not self._queue.renew(self._engine)
                    renewed = time.monotonic()
            except (DBAPIError, OSError) as error:  # locked or away: the next beat tries again
                LOG.debug("the lease could not be renewed: %s", error)

    def _check_memory(self) -> None:
        """End this process with an error for its song before the machine runs out of memory."""
        if resident_bytes(os.getpid()) > self._max_bytes:
            try:
                if self._end_over_limit is not None:
                    self._end_over_limit(MemoryLimitError(megabytes=self._max_bytes // 1_000_000))
            finally:  # also where the database is away: then the try counts, and the song is analysed again
                os.kill(os.getpid(), signal.SIGKILL)
