"""Processes that listen, each with an ear that it wakes once. A song that brings its process down costs itself alone.

The processes are spawned, not forked, because TensorFlow does not survive a fork. Each is handed one song at a time:
when one dies, hangs or eats the memory, it is known over which song, and another takes its place.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Generic, TypeVar

from jobs.attempt import InternalError, ModelLoadError
from ml.report.errors import AudioError, SoriError

Task = TypeVar("Task")
ProgressCallback = Callable[[str], None]
LoadPipeline = Callable[[], Any]
Work = Callable[[Any, Any, ProgressCallback], Any]
"""Given the ear, the task and whom to tell of each stage."""

WALL_SECONDS = 600.0
"""More than the longest song takes on a slow machine; who needs longer hangs."""
MAX_BYTES = 4 * 1024**3
"""Resident memory of one process: five times what the longest song takes."""
SONGS_PER_WORKER = 1000
"""After so many a process makes room for a fresh one, whatever it may have leaked."""
START_ATTEMPTS = 3
"""How often in a row a process may die before its ear is awake: once is an accident, thrice is the ear's fault."""
_JOIN_SECONDS = 5.0
_READY, _STAGE, _ENDED = "ready", "told", "ended"
_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""How many cores a process's matrix products take; read once, when its numpy loads."""


class CrashedError(AudioError):
    code = "crashed"
    sentence = "This file brought the analysis down ({reason}). Export it again as WAV, FLAC or MP3."


class TimeLimitError(AudioError):
    code = "stuck"
    sentence = "The analysis of this file did not end within {seconds:.0f} seconds and was stopped."


class MemoryLimitError(AudioError):
    code = "greedy"
    sentence = "The analysis of this file took more than {megabytes} MB of memory and was stopped."


@dataclass(frozen=True)
class StageReached(Generic[Task]):
    """A task has come to this stage."""

    task: Task
    stage: str


@dataclass(frozen=True)
class TaskEnded(Generic[Task]):
    """A task's result, or the reason why there is none. `fell`: it took its process along."""

    task: Task
    result: Any | SoriError
    killed_worker: bool = False


@dataclass
class _Worker(Generic[Task]):
    process: BaseProcess
    pipe: Connection
    ready: bool = False
    task: Task | None = None
    started: float = 0.0
    songs: int = 0

    def end(self) -> None:
        self.pipe.close()
        self.process.kill()
        self.process.join(_JOIN_SECONDS)


class ProcessPool(Generic[Task]):
    """`wake()` makes each process's ear, `work(ear, task, tell)` uses it; both must be importable by name.

    A context manager: leaving it ends the processes, whatever they are at.
    """

    def __init__(
        self,
        count: int,
        load_pipeline: LoadPipeline,
        work: Work,
        *,
        wall_seconds: float = WALL_SECONDS,
        max_bytes: int = MAX_BYTES,
        songs_per_worker: int = SONGS_PER_WORKER,
    ) -> None:
        self._count, self._load_pipeline, self._work = count, load_pipeline, work
        self._wall_seconds, self._most_bytes, self._songs_each = wall_seconds, max_bytes, songs_per_worker
        self._workers: list[_Worker[Task]] = []
        self._failed_starts = 0

    def __enter__(self) -> ProcessPool[Task]:
        self._workers = [self._start() for _ in range(self._count)]
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            worker.end()
        self._workers = []

    @property
    def free(self) -> int:
        """How many could start on a task now."""
        return sum(worker.ready and worker.task is None for worker in self._workers)

    @property
    def tasks(self) -> list[Task]:
        """What is being worked at."""
        return [worker.task for worker in self._workers if worker.task is not None]

    def submit(self, task: Task) -> None:
        worker = next(worker for worker in self._workers if worker.ready and worker.task is None)
        worker.task, worker.started = task, time.monotonic()
        with suppress(OSError):  # it died just now; its silence is dealt with when its pipe is read
            worker.pipe.send(task)

    def events(self, seconds: float) -> Iterator[StageReached[Task] | TaskEnded[Task]]:
        """What happens, waiting at most so long for something to."""
        for pipe in wait([worker.pipe for worker in self._workers], seconds):
            worker = next((worker for worker in self._workers if worker.pipe is pipe), None)
            if worker is not None:
                yield from self._read_event(worker)
        yield from self._stop_over_limit()

    def stop(self, task: Task) -> None:
        """Nobody wants this any more. Nothing more is heard of it."""
        for worker in [worker for worker in self._workers if worker.task == task]:
            self._replace(worker)

    def stop_idle(self, count: int) -> None:
        """Let so many go that are free; the memory of an ear is better used elsewhere."""
        for worker in [worker for worker in self._workers if worker.ready and worker.task is None][:count]:
            self._workers.remove(worker)
            worker.end()

    def _start(self) -> _Worker[Task]:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, self._load_pipeline, self._work), daemon=True)
        with _one_core_each():
            process.start()
        theirs.close()
        return _Worker(process, ours)

    def _read_event(self, worker: _Worker[Task]) -> Iterator[StageReached[Task] | TaskEnded[Task]]:
        try:
            kind, what = worker.pipe.recv()
        except (EOFError, OSError):
            yield from self._handle_death(worker)
            return
        if kind == _READY:
            worker.ready, self._failed_starts = True, 0
        elif not worker.ready:
            raise what
        elif worker.task is not None and kind == _STAGE:
            yield StageReached(worker.task, what)
        elif worker.task is not None:
            task, worker.task = worker.task, None
            worker.songs += 1
            if worker.songs >= self._songs_each:
                self._replace(worker)
            yield TaskEnded(task, what)

    def _handle_death(self, worker: _Worker[Task]) -> Iterator[TaskEnded[Task]]:
        worker.process.join(_JOIN_SECONDS)
        reason = _why(worker.process.exitcode)
        if not worker.ready:
            self._failed_starts += 1
            if self._failed_starts >= START_ATTEMPTS:
                raise ModelLoadError(reason=reason)
        self._replace(worker)
        if worker.task is not None:
            yield TaskEnded(worker.task, CrashedError(reason=reason), killed_worker=True)

    def _stop_over_limit(self) -> Iterator[TaskEnded[Task]]:
        """Who works for too long, or takes too much memory."""
        late = time.monotonic() - self._wall_seconds
        for worker in [worker for worker in self._workers if worker.task is not None]:
            error: SoriError | None = None
            if worker.started < late:
                error = TimeLimitError(seconds=self._wall_seconds)
            elif _resident_bytes(worker.process.pid) > self._most_bytes:
                error = MemoryLimitError(megabytes=self._most_bytes // 1_000_000)
            if error is not None and worker.task is not None:
                self._replace(worker)
                yield TaskEnded(worker.task, error, killed_worker=True)

    def _replace(self, worker: _Worker[Task]) -> None:
        self._workers.remove(worker)
        worker.end()
        self._workers.append(self._start())


@contextmanager
def _one_core_each() -> Iterator[None]:
    """There is a process for each core: products that spread over all cores only make the processes wait in turn.

    That took a third of the time. And sums that are cut into the same pieces everywhere give the same last digits,
    whether one process listens or many.
    """
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _serve(pipe: Connection, load_pipeline: LoadPipeline, work: Work) -> None:
    """The life of one process. Ctrl-C is the parent's to answer; the parent's end closes the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        pipeline = load_pipeline()
    except SoriError as error:
        pipe.send((_ENDED, error))
        return
    try:
        pipe.send((_READY, None))
        while True:
            task = pipe.recv()
            pipe.send((_ENDED, _attempt(work, pipeline, task, lambda stage: pipe.send((_STAGE, stage)))))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def _end_with_parent() -> None:
    """A closed pipe is noticed after the song; one that hangs would go on for ever, with nobody to stop it."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _attempt(work: Work, pipeline: Any, task: Any, on_progress: ProgressCallback) -> Any:
    try:
        return work(pipeline, task, on_progress)
    except SoriError as error:
        return error
    except (BrokenPipeError, ConnectionResetError):
        raise
    except Exception as error:
        return InternalError(reason=f"{type(error).__name__}: {error}")


def _why(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return signal.Signals(-exit_code).name
    return f"exit code {exit_code}"


def _resident_bytes(pid: int | None) -> int:
    """Memory that a process holds; 0 where the system does not say (not Linux, or gone)."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError, ValueError):
        return 0
