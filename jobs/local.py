"""A pool of worker processes, each of which loads the pipeline once. A file that crashes its worker fails alone.

The workers are spawned, not forked, because TensorFlow does not survive a fork. Each works on one task at a time: when
one dies, hangs or takes too much memory, its task is the cause, and a new worker takes its place.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Generic, TypeVar

from jobs.attempt import ModelLoadError, attempt
from jobs.parent_process import end_with_parent
from ml.report.errors import AudioError, SoriError
from ml.report.progress import ProgressCallback

Task = TypeVar("Task")
LoadPipeline = Callable[[], Any]
Work = Callable[[Any, Any, ProgressCallback], Any]
"""From the pipeline, a task and a callback to the task's result."""

WALL_SECONDS = 600.0
"""More than the longest song takes on a slow machine, or a step of a long stage. A worker that takes longer hangs."""
MAX_BYTES = 4 * 1024**3
"""Resident memory of one worker: five times what the longest song takes."""
TASKS_PER_WORKER = 1000
"""After this many tasks a worker is replaced, which frees any memory that it leaked."""
START_ATTEMPTS = 3
"""How often in a row a worker may die while it loads: once is an accident, more is the pipeline's fault."""
_JOIN_SECONDS, _POLL_SECONDS = 5.0, 0.5
_READY, _STAGE, _ENDED = "ready", "stage", "ended"
THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""How many cores the matrix products of a process take; read once, when it loads numpy."""


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
    """A task has reached this stage, or this share (0..1) of it."""

    task: Task
    stage: str
    share: float


@dataclass(frozen=True)
class TaskEnded(Generic[Task]):
    """A task's result, or the error in its place."""

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
    finished_tasks: int = 0

    @property
    def is_free(self) -> bool:
        return self.ready and self.task is None

    def end(self) -> None:
        self.pipe.close()
        self.process.kill()
        self.process.join(_JOIN_SECONDS)


class ProcessPool(Generic[Task]):
    """`load_pipeline()` runs once in each worker and `work` once per task; both must be importable by name.

    A context manager: leaving it ends the workers, whatever they are doing.
    """

    def __init__(
        self,
        count: int,
        load_pipeline: LoadPipeline,
        work: Work,
        *,
        wall_seconds: float = WALL_SECONDS,
        max_bytes: int = MAX_BYTES,
        tasks_per_worker: int = TASKS_PER_WORKER,
    ) -> None:
        self._count, self._load_pipeline, self._work = count, load_pipeline, work
        self._wall_seconds, self._max_bytes, self._tasks_per_worker = wall_seconds, max_bytes, tasks_per_worker
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
        """How many workers could start on a task now."""
        return sum(worker.is_free for worker in self._workers)

    @property
    def tasks(self) -> list[Task]:
        """The tasks in progress."""
        return [worker.task for worker in self._workers if worker.task is not None]

    def submit(self, task: Task) -> None:
        worker = next(worker for worker in self._workers if worker.is_free)
        worker.task, worker.started = task, time.monotonic()
        with suppress(OSError):  # it died just now, which is noticed when its pipe is read
            worker.pipe.send(task)

    def submit_waiting(self, waiting: Iterator[Task]) -> list[Task]:
        """Submit a task to each free worker; fewer where no more are waiting. Returns the submitted ones."""
        tasks = list(islice(waiting, self.free))
        for task in tasks:
            self.submit(task)
        return tasks

    def events(self, seconds: float) -> Iterator[StageReached[Task] | TaskEnded[Task]]:
        """What has happened, after waiting at most so long for something to happen."""
        for pipe in wait([worker.pipe for worker in self._workers], seconds):
            worker = next((worker for worker in self._workers if worker.pipe is pipe), None)
            if worker is not None:
                yield from self._read_event(worker)
        yield from self._stop_over_limit()

    def stop(self, task: Task) -> None:
        """Stop working on a task. No event follows."""
        for worker in [worker for worker in self._workers if worker.task == task]:
            self._replace(worker)

    def stop_idle(self, count: int) -> None:
        """End so many free workers: the others can use their memory."""
        for worker in [worker for worker in self._workers if worker.is_free][:count]:
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
            kind, value = worker.pipe.recv()
        except (EOFError, OSError):
            yield from self._handle_death(worker)
            return
        if kind == _READY:
            worker.ready, self._failed_starts = True, 0
        elif not worker.ready:
            raise value
        elif worker.task is not None and kind == _STAGE:
            if value[1]:  # a long stage advances, so the worker does not hang
                worker.started = time.monotonic()
            yield StageReached(worker.task, *value)
        elif worker.task is not None:
            task, worker.task = worker.task, None
            worker.finished_tasks += 1
            if worker.finished_tasks >= self._tasks_per_worker:
                self._replace(worker)
            yield TaskEnded(task, value)

    def _handle_death(self, worker: _Worker[Task]) -> Iterator[TaskEnded[Task]]:
        worker.process.join(_JOIN_SECONDS)
        reason = _exit_reason(worker.process.exitcode)
        if not worker.ready:
            self._failed_starts += 1
            if self._failed_starts >= START_ATTEMPTS:
                raise ModelLoadError(reason=reason)
        self._replace(worker)
        if worker.task is not None:
            yield TaskEnded(worker.task, CrashedError(reason=reason), killed_worker=True)

    def _stop_over_limit(self) -> Iterator[TaskEnded[Task]]:
        """Replace the workers that take too long or too much memory."""
        late = time.monotonic() - self._wall_seconds
        for worker in [worker for worker in self._workers if worker.task is not None]:
            error: SoriError | None = None
            if worker.started < late:
                error = TimeLimitError(seconds=self._wall_seconds)
            elif resident_bytes(worker.process.pid) > self._max_bytes:
                error = MemoryLimitError(megabytes=self._max_bytes // 1_000_000)
            if error is not None and worker.task is not None:
                self._replace(worker)
                yield TaskEnded(worker.task, error, killed_worker=True)

    def _replace(self, worker: _Worker[Task]) -> None:
        self._workers.remove(worker)
        worker.end()
        self._workers.append(self._start())


def process_all(
    tasks: Iterable[Task], count: int, load_pipeline: LoadPipeline, work: Work, *, wall_seconds: float = WALL_SECONDS
) -> Iterator[tuple[Task, Any | SoriError]]:
    """Run each task once on a pool of `count` workers: its result or error, in the order in which they end.

    Closing the iterator, or an interrupt, ends the workers.
    """
    waiting = iter(tasks)
    with ProcessPool[Task](count, load_pipeline, work, wall_seconds=wall_seconds) as pool:
        left = True
        while left or pool.tasks:
            free = pool.free
            left = left and len(pool.submit_waiting(waiting)) == free
            if not left:
                pool.stop_idle(pool.free)
            for event in pool.events(_POLL_SECONDS):
                if isinstance(event, TaskEnded):
                    yield event.task, event.result


@contextmanager
def _one_core_each() -> Iterator[None]:
    """Limit matrix products to one core for processes started in this context: there is a worker for each core.

    Spread over all cores, they waited a third of the time. And sums split in one way always have the same last digits.
    """
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _serve(pipe: Connection, load_pipeline: LoadPipeline, work: Work) -> None:
    """What a worker runs, until the parent closes the pipe."""
    end_with_parent()
    try:
        pipeline = load_pipeline()
    except SoriError as error:
        pipe.send((_ENDED, error))
        return
    try:
        pipe.send((_READY, None))
        while True:
            task = pipe.recv()
            pipe.send((_ENDED, attempt(partial(work, pipeline, task, partial(_send_stage, pipe)))))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def _send_stage(pipe: Connection, stage: str, share: float = 0.0) -> None:
    pipe.send((_STAGE, (stage, share)))


def _exit_reason(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return signal.Signals(-exit_code).name
    return f"exit code {exit_code}"


def resident_bytes(pid: int | None) -> int:
    """0 where it cannot be read (not Linux, or the process has ended)."""
    with suppress(OSError, IndexError, ValueError):
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0
