"""Many files through a crew, each once. One bad file costs one file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from jobs.local import WALL_SECONDS, LoadPipeline, ProcessPool, ProgressCallback, Task, TaskEnded
from ml.report.errors import SoriError

_POLL_SECONDS = 0.5


def work_through(
    tasks: Iterable[Task],
    count: int,
    load_pipeline: LoadPipeline,
    work: Callable[[Any, Any], Any],
    *,
    wall_seconds: float = WALL_SECONDS,
) -> Iterator[tuple[Task, Any | SoriError]]:
    """Each task with its result or the reason why there is none, in the order in which they end.

    Closing the iterator, or an interrupt, ends the processes.
    """
    waiting = iter(tasks)
    with ProcessPool[Task](count, load_pipeline, partial(_untold, work), wall_seconds=wall_seconds) as pool:
        left = True
        while left or pool.tasks:
            while left and pool.free:
                task = next(waiting, None)
                left = task is not None
                if task is not None:
                    pool.submit(task)
            if not left:
                pool.stop_idle(pool.free)
            for event in pool.events(_POLL_SECONDS):
                if isinstance(event, TaskEnded):
                    yield event.task, event.result


def _untold(work: Callable[[Any, Any], Any], pipeline: Any, task: Any, _tell: ProgressCallback) -> Any:
    """In a crowd of files nobody follows the stages of one."""
    return work(pipeline, task)
