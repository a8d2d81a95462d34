"""Many files through several processes, each of which wakes the ear once. One bad file costs one file.

The processes are spawned, not forked, because TensorFlow does not survive a fork. Each is handed one file at a time:
when one dies or hangs, it is known over which file, and another takes its place.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Generic, TypeVar

from jobs.attempt import AsleepError, InternalError
from ml.errors import AudioError, SoriError

Task = TypeVar("Task")
Wake = Callable[[], Any]
Work = Callable[[Any, Any], Any]

WALL_SECONDS = 600.0
"""More than the longest song takes on a slow machine; who needs longer hangs."""
_GOODBYE_SECONDS = 5.0
_POLL_SECONDS = 0.5
_READY = "ready"
_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""How many cores a process's matrix products take; read once, when its numpy loads."""


class CrashedError(AudioError):
    code = "crashed"
    sentence = "This file brought the analysis down ({reason}). Export it again as WAV, FLAC or MP3."


class StuckError(AudioError):
    code = "stuck"
    sentence = "The analysis of this file did not end within {seconds:.0f} seconds and was stopped."


@dataclass
class _Worker(Generic[Task]):
    process: BaseProcess
    pipe: Connection
    ready: bool = False
    tasks: list[Task] = field(default_factory=list)
    """The one at work, or none."""
    started: float = 0.0

    def end(self) -> None:
        self.pipe.close()
        self.process.kill()
        self.process.join(_GOODBYE_SECONDS)


class Workers:
    """`wake()` makes each process's ear, `work(ear, task)` uses it; both must be importable by name."""

    def __init__(self, count: int, wake: Wake, work: Work, *, wall_seconds: float = WALL_SECONDS) -> None:
        self._count, self._wake, self._work, self._wall_seconds = count, wake, work, wall_seconds

    def run(self, tasks: Iterable[Task]) -> Iterator[tuple[Task, Any | SoriError]]:
        """Each task with its result or the reason why there is none, in the order in which they end.

        Closing the iterator, or an interrupt, ends the processes.
        """
        waiting = iter(tasks)
        workers: list[_Worker[Task]] = []
        try:
            workers.extend(self._start() for _ in range(self._count))
            while workers:
                self._hand_out(waiting, workers)
                for pipe in wait([worker.pipe for worker in workers], _POLL_SECONDS):
                    worker = next(worker for worker in workers if worker.pipe is pipe)
                    yield from self._listen(worker, workers)
                yield from self._stop_the_stuck(workers)
        finally:
            for worker in workers:
                worker.end()

    def _start(self) -> _Worker[Task]:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, self._wake, self._work), daemon=True)
        with _one_core_each():
            process.start()
        theirs.close()
        return _Worker(process, ours)

    def _hand_out(self, waiting: Iterator[Task], workers: list[_Worker[Task]]) -> None:
        """Give every free worker a task; let those go for whom none is left."""
        for worker in [worker for worker in workers if worker.ready and not worker.tasks]:
            task = next(waiting, None)
            if task is None:
                workers.remove(worker)
                worker.end()
                continue
            worker.tasks, worker.started = [task], time.monotonic()
            try:
                worker.pipe.send(task)
            except OSError:
                continue  # it died just now; its silence is dealt with when its pipe is read

    def _listen(
        self, worker: _Worker[Task], workers: list[_Worker[Task]]
    ) -> Iterator[tuple[Task, Any | SoriError]]:
        try:
            message = worker.pipe.recv()
        except (EOFError, OSError):
            worker.process.join(_GOODBYE_SECONDS)
            reason = _why(worker.process.exitcode)
            if not worker.ready:
                raise AsleepError(reason=reason) from None
            self._replace(worker, workers)
            yield from ((task, CrashedError(reason=reason)) for task in worker.tasks)
            return
        if message == _READY:
            worker.ready = True
        elif not worker.ready:
            raise message
        else:
            tasks, worker.tasks = worker.tasks, []
            yield from ((task, message) for task in tasks)

    def _stop_the_stuck(self, workers: list[_Worker[Task]]) -> Iterator[tuple[Task, Any | SoriError]]:
        late = time.monotonic() - self._wall_seconds
        for worker in [worker for worker in workers if worker.tasks and worker.started < late]:
            self._replace(worker, workers)
            yield from ((task, StuckError(seconds=self._wall_seconds)) for task in worker.tasks)

    def _replace(self, worker: _Worker[Task], workers: list[_Worker[Task]]) -> None:
        workers.remove(worker)
        worker.end()
        workers.append(self._start())


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


def _serve(pipe: Connection, wake: Wake, work: Work) -> None:
    """The life of one process. Ctrl-C is the parent's to answer; the parent's end closes the pipe."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        ear = wake()
    except SoriError as error:
        pipe.send(error)
        return
    try:
        pipe.send(_READY)
        while True:
            task = pipe.recv()
            pipe.send(_attempt(work, ear, task))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def _attempt(work: Work, ear: Any, task: Any) -> Any:
    try:
        return work(ear, task)
    except SoriError as error:
        return error
    except Exception as error:
        return InternalError(reason=f"{type(error).__name__}: {error}")


def _why(exit_code: int | None) -> str:
    if exit_code is not None and exit_code < 0:
        return signal.Signals(-exit_code).name
    return f"exit code {exit_code}"
