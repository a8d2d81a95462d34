"""Runs scans: their rows show the progress to every process, and take the request to stop from any.

The terminal runs a scan in its own process. An engine runs each queued scan in a child process beside the uploads: a
scan that crashes or takes much memory does not touch them.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import replace
from functools import partial
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

from sqlalchemy.exc import DBAPIError

from environment import Environment
from jobs.attempt import InternalError, attempt
from jobs.folder_scan import ScanCallback, ScanOptions, count, fill_library
from jobs.parent_process import end_with_parent
from jobs.queue.leases import STOPPED
from jobs.queue.scans import Scan, Scans
from library.catalogue.database import Catalogue, open_catalogue
from library.catalogue.path_map import use_path_map
from ml.audio.settings import DEFAULT_LIMITS
from ml.report.errors import SoriError

LOG = logging.getLogger(__name__)

BEAT_SECONDS = 0.5
"""How often a running scan writes its progress and looks whether it is to stop."""
GRACE_SECONDS = 15.0
"""How long a scan may take to stop before its process is ended."""
NICENESS = 5
"""Added to that of the engine: uploads go before scans where both want the same core."""


class ScanStopped(KeyboardInterrupt):
    """The row of a scan asks its process to stop, which then does what it does at Ctrl-C."""


class ScanCrashedError(SoriError):
    code = "scan_crashed"
    sentence = "The scan ended unexpectedly. The server's log says more."


def run_scan(
    catalogue: Catalogue, scan: Scan, options: ScanOptions, on_progress: ScanCallback | None = None
) -> dict[str, int]:
    """Carry out a scan that this process has claimed, in its main thread, and write to its row how it ends."""
    scans, engine = Scans(catalogue), scan.engine or ""
    try:
        with Heartbeat(scans, scan.id, engine) as heartbeat:

            def report(done: int, total: int | None, name: str) -> None:
                heartbeat.progress = done, total, name
                if on_progress is not None:
                    on_progress(done, total, name)

            summary = attempt(partial(fill_library, catalogue, options, report))
        if isinstance(summary, SoriError):
            raise summary
    except KeyboardInterrupt:
        scans.end(scan.id, engine, STOPPED)
        raise
    except SoriError as error:
        attempt(partial(scans.fail, scan.id, engine, error))  # the disk may be full
        raise
    counts = count(summary)
    scans.finish(scan.id, engine, counts, len(summary.seen))
    return counts


class Heartbeat:
    """Renews the lease of a running scan and writes its progress, in a thread, until the `with` block ends.

    When the row asks to stop, or belongs to another engine, the main thread meets `ScanStopped`.
    """

    def __init__(self, scans: Scans, scan_id: int, engine: str) -> None:
        self.progress: tuple[int, int | None, str] = (0, None, "")
        self._scans, self._scan_id, self._engine = scans, scan_id, engine
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def __enter__(self) -> Heartbeat:
        self._former_handler = signal.signal(signal.SIGUSR1, _stop)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        signal.signal(signal.SIGUSR1, self._former_handler)

    def _run(self) -> None:
        while not self._ended.wait(BEAT_SECONDS):
            with suppress(DBAPIError, OSError):  # locked, full or away: the next beat tries again
                if not self._scans.beat(self._scan_id, self._engine, *self.progress):
                    break
        else:
            return
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)
        if not self._ended.wait(GRACE_SECONDS):
            os._exit(1)


def _stop(number: int, frame: object) -> None:
    raise ScanStopped


class ScanRunner:
    """Runs queued scans for an engine, one at a time, each in a child process."""

    def __init__(self, scans: Scans, run: Callable[[Scan], object], *, folders: Collection[Path] = ()) -> None:
        self._scans, self._run = scans, run
        self._folders = {str(folder) for folder in folders}
        self._child: tuple[int, SpawnProcess] | None = None

    def look_after(self, engine: str) -> None:
        """Start the scan that waits, also one that a dead process left, or see how the child process ended."""
        if self._child is None:
            self._scans.reclaim()
            waiting = next(filter(self._is_here, self._scans.waiting()), None)
            if waiting is not None and (scan := self._scans.claim(waiting.id, engine)):
                # Not daemonic, since it has workers of its own.
                self._child = scan.id, SpawnProcess(target=self._run, args=(scan,))
                self._child[1].start()
            return
        scan_id, child = self._child
        if child.exitcode is None:
            return
        self._child = None
        if child.exitcode != 0 and not self._scans.retry(scan_id, engine):
            LOG.error("the process of a scan ended with code %s", child.exitcode)
            self._scans.fail(scan_id, engine, ScanCrashedError())

    def end(self, engine: str) -> None:
        """End the child process. Its scan waits for the next engine."""
        if self._child is not None:
            self._child[1].kill()
            self._child[1].join()
            self._child = None
        self._scans.release(engine)

    def _is_here(self, scan: Scan) -> bool:
        """Whether this engine has the folders; another machine that shares the database may have them instead."""
        return self._folders.issuperset(scan.folders) or all(map(os.path.isdir, scan.folders))


Spread = Callable[[Environment, Catalogue, Scan, ScanOptions], ScanOptions]
"""Has the files of a scan analysed elsewhere than by worker processes of this one."""


def run_in_child(
    environment: Environment, load_pipeline: Callable[[], Any] | None, scan: Scan, *, spread: Spread | None = None
) -> None:
    """What the child process of an engine runs; the row says how it ended. Half the cores are left to uploads."""
    end_with_parent()
    use_path_map(environment.path_map)
    os.nice(NICENESS)
    half = max(1, (os.cpu_count() or 2) // 2)
    options = options_of(environment, scan, min(half, scan.jobs or half), load_pipeline)
    catalogue = open_catalogue(environment.home, environment.database_url)
    if spread is not None:
        options = spread(environment, catalogue, scan, options)
    try:
        run_scan(catalogue, scan, options)
    except InternalError:
        raise  # its traceback is for the log
    except (SoriError, ScanStopped):
        pass
    finally:
        catalogue.close()


def options_of(environment: Environment, scan: Scan, jobs: int, load_pipeline: Callable[[], Any] | None) -> ScanOptions:
    """A scan with the settings of this process and so many workers."""
    return ScanOptions(
        folders=[Path(folder) for folder in scan.folders],
        jobs=jobs,
        limits=replace(DEFAULT_LIMITS, max_seconds=environment.max_seconds),
        weights=environment.genre_weights,
        moods=environment.mood_weights,
        lyrics=environment.lyrics_settings,
        retry_failed=scan.retry_failed,
        prune=scan.prune,
        load_pipeline=load_pipeline,
    )
