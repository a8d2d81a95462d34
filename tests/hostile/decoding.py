"""Decodes hostile files in the product's own process pool, and compares each process before and after a file."""

from __future__ import annotations

import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from jobs.local import ProcessPool, ProgressCallback, TaskEnded
from ml.audio.loading import load
from ml.audio.settings import DEFAULT_LIMITS
from ml.report.errors import AudioError, SoriError
from tests.hostile.case import Case
from tests.hostile.side_effects import descendants, open_files

WALL_SECONDS = 120.0
SLOW_SECONDS = 30.0
"""No small file may occupy a process for longer, whatever its header states."""
UNCLEAN = {"crashed", "stuck", "greedy", "internal", "asleep", "error", "read_failed"}
"""Error codes that mean a fault of ours. Every file here can be read from the disk."""


@dataclass(frozen=True)
class Task:
    """One case, written to disk; `family` and `name` identify it in the tally."""

    path: Path
    family: str
    name: str


@dataclass
class Tally:
    """Counts of the cases and their answers; `problems` are the cases without a clean answer."""

    families: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    slowest: list[tuple[float, str]] = field(default_factory=list)

    @property
    def count(self) -> int:
        return self.families.total()

    def add(self, family: str, name: str, answer: str, problem: str | None, seconds: float) -> None:
        self.families[family] += 1
        self.answers[answer] += 1
        self.slowest = sorted([*self.slowest, (seconds, f"{family} {name}: {answer}")])[-5:]
        if problem is not None:
            self.problems.append(f"{family} {name}: {problem}")


class Decoder:
    """A pipeline that only decodes."""

    def run(self, path: Path) -> str:
        audio = load(path, limits=DEFAULT_LIMITS)
        problem = _problem_of_audio(audio.title, audio.duration_seconds)
        if problem:
            raise ValueError(problem)
        return "decoded"


class FullPipeline:
    """The shipped pipeline: what decodes must also be analysed."""

    def __init__(self) -> None:
        from ml.pipeline import load as load_shipped

        self._pipeline = load_shipped()
        self._pipeline.warm_up()

    def run(self, path: Path) -> str:
        report = self._pipeline.analyse(path, limits=replace(DEFAULT_LIMITS, max_seconds=60.0))
        total = sum(score.probability for score in report.genre.scores)
        if not 0.98 < total < 1.02 or not all(0 <= score.probability <= 1 for score in report.genre.scores):
            raise ValueError(f"probabilities add up to {total}")
        return "analysed"


def _problem_of_audio(title: str, seconds: float) -> str | None:
    if any(ord(letter) < 32 or letter in "\u202a\u202b\u202d\u202e\u2066\u2067\u2068" for letter in title):
        return f"the title {title!r} is not clean"
    return None if 0.99 <= seconds <= 1200 else f"{seconds} seconds were decoded"


def run_case(pipeline: Any, task: Task, _on_progress: ProgressCallback) -> tuple[str, list[str]]:
    """The answer to the case, and the resources that this process did not hold before."""
    before = _open_resources()
    try:
        answer = pipeline.run(task.path)
    except AudioError as error:
        str(error).encode("utf-8")
        answer = error.code
    after = _open_resources()
    left = [f"{was} became {now}" for was, now in zip(before, after, strict=True) if was != now]
    folder = Path(tempfile.gettempdir())
    if folder.name != str(os.getpid()):  # nothing is deleted outside of the folder that `load_pipeline` made
        raise RuntimeError(f"{folder} is not this process's own folder")
    for path in folder.iterdir():
        left.append(f"temporary {path.name}")
        path.unlink()
    return answer, left


def _open_resources() -> tuple[list[str], list[str]]:
    """This process's children and its open files."""
    pid = os.getpid()
    return [str(child) for child in descendants(pid)], open_files(pid)


def load_pipeline(pipeline: Callable[[], Any], folder: Path) -> Any:
    """The load step of a process: its temporary files go into a folder of its own."""
    folder = folder / str(os.getpid())
    folder.mkdir()
    tempfile.tempdir = str(folder)
    loaded = pipeline()
    # This opens /dev/null once and keeps it open, which would otherwise count against the first file.
    from ml.audio.mpg123 import discard_c_stderr

    with discard_c_stderr():
        return loaded


def decode_all(cases: Iterable[Case], folder: Path, *, pipeline: Callable[[], Any] = Decoder, count: int = 1) -> Tally:
    """Decode every case in `count` processes. Files are written as they are needed and deleted afterwards."""
    tally, waiting, temporary = Tally(), _on_disk(cases, folder), folder / "temporary"
    temporary.mkdir()
    started: dict[Task, float] = {}
    with ProcessPool[Task](
        count, partial(load_pipeline, pipeline, temporary), run_case, wall_seconds=WALL_SECONDS
    ) as pool:
        left = True
        while left or pool.tasks:
            free = pool.free
            submitted = pool.submit_waiting(waiting) if left else []
            left = left and len(submitted) == free
            started |= dict.fromkeys(submitted, time.monotonic())
            for event in pool.events(0.2):
                if isinstance(event, TaskEnded):
                    _record(tally, event, time.monotonic() - started.pop(event.task))
    return tally


def _on_disk(cases: Iterable[Case], folder: Path) -> Iterator[Task]:
    for number, case in enumerate(cases):
        # Without `-f`, ffmpeg would take a name for a hint that this is a playlist.
        path = folder / (f"case-{number}.m3u8" if case.family == "playlist" else f"case-{number}")
        path.write_bytes(case.data)
        yield Task(path, case.family, case.name)


def _record(tally: Tally, event: TaskEnded[Task], seconds: float) -> None:
    task, result = event.task, event.result
    task.path.unlink()
    if isinstance(result, SoriError):
        answer, problem = result.code, str(result)
    else:
        answer, left = result
        problem = f"{answer}, and left {left}" if left else f"answered {answer}" if answer in UNCLEAN else None
    if problem is None and seconds > SLOW_SECONDS:
        problem = f"took {seconds:.0f} seconds"
    if problem is None and task.family == "good" and answer not in ("decoded", "analysed"):
        problem = f"a good file was refused: {answer}"
    tally.add(task.family, task.name, answer, problem, seconds)
