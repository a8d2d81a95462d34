"""Many files through a crew, each once. One bad file costs one file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from jobs.local import WALL_SECONDS, Crew, Ended, Task, Tell, Wake
from ml.report.errors import SoriError

_POLL_SECONDS = 0.5


def work_through(
    tasks: Iterable[Task],
    count: int,
    wake: Wake,
    work: Callable[[Any, Any], Any],
    *,
    wall_seconds: float = WALL_SECONDS,
) -> Iterator[tuple[Task, Any | SoriError]]:
    """Each task with its result or the reason why there is none, in the order in which they end.

    Closing the iterator, or an interrupt, ends the processes.
    """
    waiting = iter(tasks)
    with Crew[Task](count, wake, partial(_untold, work), wall_seconds=wall_seconds) as crew:
        left = True
        while left or crew.tasks:
            while left and crew.free:
                task = next(waiting, None)
                left = task is not None
                if task is not None:
                    crew.give(task)
            if not left:
                crew.dismiss(crew.free)
            for event in crew.events(_POLL_SECONDS):
                if isinstance(event, Ended):
                    yield event.task, event.result


def _untold(work: Callable[[Any, Any], Any], ear: Any, task: Any, _tell: Tell) -> Any:
    """In a crowd of files nobody follows the stages of one."""
    return work(ear, task)
