"""Hostile files through the crew: each in a process of the product's own pool, looked at before and after."""

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
from tests.hostile.watch import descendants, open_files

WALL_SECONDS = 120.0
SLOW_SECONDS = 30.0
"""No small file may hold a process for longer, whatever it claims."""
UNCLEAN = {"crashed", "stuck", "greedy", "internal", "asleep", "error", "read_failed"}
"""Codes that blame us, or say nothing. Every file here can be read from the disk."""


@dataclass(frozen=True)
class Task:
    """One case on the disk; `names` tell it apart in the tally."""

    path: Path
    family: str
    name: str


@dataclass
class Tally:
    """What came of the cases; `wrongs` are the ones that got no clean answer."""

    families: Counter[str] = field(default_factory=Counter)
    answers: Counter[str] = field(default_factory=Counter)
    wrongs: list[str] = field(default_factory=list)
    slowest: list[tuple[float, str]] = field(default_factory=list)

    @property
    def count(self) -> int:
        return self.families.total()

    def add(self, family: str, name: str, answer: str, wrong: str | None, seconds: float) -> None:
        self.families[family] += 1
        self.answers[answer] += 1
        self.slowest = sorted([*self.slowest, (seconds, f"{family} {name}: {answer}")])[-5:]
        if wrong is not None:
            self.wrongs.append(f"{family} {name}: {wrong}")


class Decoder:
    """An ear that only takes the sound in, and says what the file left behind in its process."""

    def hear(self, path: Path) -> str:
        audio = load(path, limits=DEFAULT_LIMITS)
        wrong = _wrong_sound(audio.title, audio.duration_seconds)
        if wrong:
            raise ValueError(wrong)
        return "heard"


class TrueEar:
    """The model that ships: what decodes must also be judged."""

    def __init__(self) -> None:
        from ml.pipeline import load as load_ear

        self._pipeline = load_ear()
        self._pipeline.warm_up()

    def hear(self, path: Path) -> str:
        report = self._pipeline.analyse(path, limits=replace(DEFAULT_LIMITS, max_seconds=60.0))
        total = sum(score.probability for score in report.genre.scores)
        if not 0.98 < total < 1.02 or not all(0 <= score.probability <= 1 for score in report.genre.scores):
            raise ValueError(f"probabilities add up to {total}")
        return "judged"


def _wrong_sound(title: str, seconds: float) -> str | None:
    if any(ord(sign) < 32 or sign in "\u202a\u202b\u202d\u202e\u2066\u2067\u2068" for sign in title):
        return f"the title {title!r} is not clean"
    return None if 0.99 <= seconds <= 1200 else f"{seconds} seconds were heard"


def listen(pipeline: Any, task: Task, _tell: ProgressCallback) -> tuple[str, list[str]]:
    """The case's answer, and what this process has now that it had not before."""
    before = _belongings()
    try:
        answer = pipeline.hear(task.path)
    except AudioError as error:
        str(error).encode("utf-8")
        answer = error.code
    after = _belongings()
    left = [f"{was} became {now}" for was, now in zip(before, after, strict=True) if was != now]
    for name in os.listdir(tempfile.gettempdir()):
        left.append(f"temporary {name}")
        Path(tempfile.gettempdir(), name).unlink()
    return answer, left


def _belongings() -> tuple[list[str], list[str]]:
    """This process's children and its open files."""
    pid = os.getpid()
    return [str(child) for child in descendants(pid)], open_files(pid)


def load_pipeline(pipeline: Callable[[], Any], folder: Path) -> Any:
    """The load step of a process: its temporaries go where we can see them."""
    folder = folder / str(os.getpid())
    folder.mkdir()
    tempfile.tempdir = str(folder)
    made = pipeline()
    # What is opened once and stays open is not left behind by the first file.
    from ml.audio.mpg123 import discard_c_stderr

    with discard_c_stderr():
        return made


def hear_all(
    cases: Iterable[Case], folder: Path, *, pipeline: Callable[[], Any] = Decoder, count: int = 1
) -> Tally:
    """Every case through a crew of `count` processes. Files are made as they are needed and removed again."""
    tally, waiting, temporary = Tally(), _on_disk(cases, folder), folder / "temporary"
    temporary.mkdir()
    started: dict[Task, float] = {}
    with ProcessPool[Task](
        count, partial(load_pipeline, pipeline, temporary), listen, wall_seconds=WALL_SECONDS
    ) as pool:
        left = True
        while left or pool.tasks:
            while left and pool.free:
                task = next(waiting, None)
                left = task is not None
                if task is not None:
                    started[task] = time.monotonic()
                    pool.submit(task)
            for event in pool.events(0.2):
                if isinstance(event, TaskEnded):
                    _note(tally, event, time.monotonic() - started.pop(event.task))
    return tally


def _on_disk(cases: Iterable[Case], folder: Path) -> Iterator[Task]:
    for number, case in enumerate(cases):
        path = folder / f"case-{number}"
        path.write_bytes(case.data)
        yield Task(path, case.family, case.name)


def _note(tally: Tally, event: TaskEnded[Task], seconds: float) -> None:
    task, result = event.task, event.result
    task.path.unlink()
    if isinstance(result, SoriError):
        answer, wrong = result.code, str(result)
    else:
        answer, left = result
        wrong = f"{answer}, and left {left}" if left else f"answered {answer}" if answer in UNCLEAN else None
    if wrong is None and seconds > SLOW_SECONDS:
        wrong = f"took {seconds:.0f} seconds"
    if wrong is None and task.family == "good" and answer not in ("heard", "judged"):
        wrong = f"a good file was refused: {answer}"
    tally.add(task.family, task.name, answer, wrong, seconds)
