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

from jobs.attempt import AsleepError, InternalError
from ml.report.errors import AudioError, SoriError

Task = TypeVar("Task")
Tell = Callable[[str], None]
Wake = Callable[[], Any]
Work = Callable[[Any, Any, Tell], Any]
"""Given the ear, the task and whom to tell of each stage."""

WALL_SECONDS = 600.0
"""More than the longest song takes on a slow machine; who needs longer hangs."""
MOST_BYTES = 4 * 1024**3
"""Resident memory of one process: five times what the longest song takes."""
SONGS_EACH = 1000
"""After so many a process makes room for a fresh one, whatever it may have leaked."""
WAKINGS = 3
"""How often in a row a process may die before its ear is awake: once is an accident, thrice is the ear's fault."""
_GOODBYE_SECONDS = 5.0
_READY, _TOLD, _ENDED = "ready", "told", "ended"
_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""How many cores a process's matrix products take; read once, when its numpy loads."""


class CrashedError(AudioError):
    code = "crashed"
    sentence = "This file brought the analysis down ({reason}). Export it again as WAV, FLAC or MP3."


class StuckError(AudioError):
    code = "stuck"
    sentence = "The analysis of this file did not end within {seconds:.0f} seconds and was stopped."


class GreedyError(AudioError):
    code = "greedy"
    sentence = "The analysis of this file took more than {megabytes} MB of memory and was stopped."


@dataclass(frozen=True)
class Told(Generic[Task]):
    """A task has come to this stage."""

    task: Task
    stage: str


@dataclass(frozen=True)
class Ended(Generic[Task]):
    """A task's result, or the reason why there is none. `fell`: it took its process along."""

    task: Task
    result: Any | SoriError
    fell: bool = False


@dataclass
class _Member(Generic[Task]):
    process: BaseProcess
    pipe: Connection
    ready: bool = False
    task: Task | None = None
    started: float = 0.0
    songs: int = 0

    def end(self) -> None:
        self.pipe.close()
        self.process.kill()
        self.process.join(_GOODBYE_SECONDS)


class Crew(Generic[Task]):
    """`wake()` makes each process's ear, `work(ear, task, tell)` uses it; both must be importable by name.

    A context manager: leaving it ends the processes, whatever they are at.
    """

    def __init__(
        self,
        count: int,
        wake: Wake,
        work: Work,
        *,
        wall_seconds: float = WALL_SECONDS,
        most_bytes: int = MOST_BYTES,
        songs_each: int = SONGS_EACH,
    ) -> None:
        self._count, self._wake, self._work = count, wake, work
        self._wall_seconds, self._most_bytes, self._songs_each = wall_seconds, most_bytes, songs_each
        self._members: list[_Member[Task]] = []
        self._stillborn = 0

    def __enter__(self) -> Crew[Task]:
        self._members = [self._start() for _ in range(self._count)]
        return self

    def __exit__(self, *_: object) -> None:
        for member in self._members:
            member.end()
        self._members = []

    @property
    def free(self) -> int:
        """How many could start on a task now."""
        return sum(member.ready and member.task is None for member in self._members)

    @property
    def tasks(self) -> list[Task]:
        """What is being worked at."""
        return [member.task for member in self._members if member.task is not None]

    def give(self, task: Task) -> None:
        member = next(member for member in self._members if member.ready and member.task is None)
        member.task, member.started = task, time.monotonic()
        with suppress(OSError):  # it died just now; its silence is dealt with when its pipe is read
            member.pipe.send(task)

    def events(self, seconds: float) -> Iterator[Told[Task] | Ended[Task]]:
        """What happens, waiting at most so long for something to."""
        for pipe in wait([member.pipe for member in self._members], seconds):
            member = next((member for member in self._members if member.pipe is pipe), None)
            if member is not None:
                yield from self._listen(member)
        yield from self._stop_the_wayward()

    def stop(self, task: Task) -> None:
        """Nobody wants this any more. Nothing more is heard of it."""
        for member in [member for member in self._members if member.task == task]:
            self._replace(member)

    def dismiss(self, count: int) -> None:
        """Let so many go that are free; the memory of an ear is better used elsewhere."""
        for member in [member for member in self._members if member.ready and member.task is None][:count]:
            self._members.remove(member)
            member.end()

    def _start(self) -> _Member[Task]:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, self._wake, self._work), daemon=True)
        with _one_core_each():
            process.start()
        theirs.close()
        return _Member(process, ours)

    def _listen(self, member: _Member[Task]) -> Iterator[Told[Task] | Ended[Task]]:
        try:
            kind, what = member.pipe.recv()
        except (EOFError, OSError):
            yield from self._bury(member)
            return
        if kind == _READY:
            member.ready, self._stillborn = True, 0
        elif not member.ready:
            raise what
        elif member.task is not None and kind == _TOLD:
            yield Told(member.task, what)
        elif member.task is not None:
            task, member.task = member.task, None
            member.songs += 1
            if member.songs >= self._songs_each:
                self._replace(member)
            yield Ended(task, what)

    def _bury(self, member: _Member[Task]) -> Iterator[Ended[Task]]:
        member.process.join(_GOODBYE_SECONDS)
        reason = _why(member.process.exitcode)
        if not member.ready:
            self._stillborn += 1
            if self._stillborn >= WAKINGS:
                raise AsleepError(reason=reason)
        self._replace(member)
        if member.task is not None:
            yield Ended(member.task, CrashedError(reason=reason), fell=True)

    def _stop_the_wayward(self) -> Iterator[Ended[Task]]:
        """Who works for too long, or takes too much memory."""
        late = time.monotonic() - self._wall_seconds
        for member in [member for member in self._members if member.task is not None]:
            error: SoriError | None = None
            if member.started < late:
                error = StuckError(seconds=self._wall_seconds)
            elif _resident_bytes(member.process.pid) > self._most_bytes:
                error = GreedyError(megabytes=self._most_bytes // 1_000_000)
            if error is not None and member.task is not None:
                self._replace(member)
                yield Ended(member.task, error, fell=True)

    def _replace(self, member: _Member[Task]) -> None:
        self._members.remove(member)
        member.end()
        self._members.append(self._start())


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
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        ear = wake()
    except SoriError as error:
        pipe.send((_ENDED, error))
        return
    try:
        pipe.send((_READY, None))
        while True:
            task = pipe.recv()
            pipe.send((_ENDED, _attempt(work, ear, task, lambda stage: pipe.send((_TOLD, stage)))))
    except (EOFError, BrokenPipeError, ConnectionResetError):
        return


def _end_with_parent() -> None:
    """A closed pipe is noticed after the song; one that hangs would go on for ever, with nobody to stop it."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _attempt(work: Work, ear: Any, task: Any, tell: Tell) -> Any:
    try:
        return work(ear, task, tell)
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
