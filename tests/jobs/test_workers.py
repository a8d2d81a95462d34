"""Files go through processes: results come back, and who dies, hangs or trips takes one file along, no more."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.attempt import InternalError, ModelLoadError
from jobs.local import CrashedError, TimeLimitError
from jobs.workers import work_through
from ml.report.errors import SilentError, SoriError


def load_pipeline() -> str:
    return "ear"


def refuse_to_wake() -> str:
    raise ModelLoadError(reason="no model")


def die_waking() -> str:
    os._exit(3)


def work(pipeline: str, task: str) -> str:
    if task == "silent":
        raise SilentError()
    if task == "bug":
        raise ZeroDivisionError("a bug")
    if task == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if task == "hang":
        time.sleep(60)
    if task == "pid":
        return str(os.getpid())
    if task == "threads":
        return os.environ.get("OPENBLAS_NUM_THREADS", "as many as there are cores")
    return f"{pipeline} heard {task}"


def test_every_task_comes_back() -> None:
    tasks = [f"song {number}" for number in range(20)]
    results = dict(work_through(tasks, 2, load_pipeline, work))
    assert results == {task: f"ear heard {task}" for task in tasks}


def test_a_failure_costs_one_file() -> None:
    tasks = ["a", "silent", "b", "bug", "c", "crash", "d", "hang", "e"]
    results = dict(work_through(tasks, 2, load_pipeline, work, wall_seconds=2))
    kinds = {task: type(result) for task, result in results.items() if isinstance(result, SoriError)}
    assert kinds == {
        "silent": SilentError,
        "bug": InternalError,
        "crash": CrashedError,
        "hang": TimeLimitError,
    }
    assert {task for task, result in results.items() if isinstance(result, str)} == set("abcde")
    assert "SIGSEGV" in str(results["crash"])


@pytest.mark.parametrize("sleeper", [refuse_to_wake, die_waking])
def test_an_ear_that_does_not_wake_stops_the_run(sleeper: object) -> None:
    with pytest.raises(ModelLoadError):
        list(work_through(["a"], 1, sleeper, work))  # type: ignore[arg-type]


def test_tasks_are_taken_as_they_are_needed() -> None:
    taken: list[int] = []

    def tasks() -> Iterator[str]:
        for number in range(100):
            taken.append(number)
            yield str(number)

    running = work_through(tasks(), 1, load_pipeline, work)
    next(running)
    assert len(taken) < 5
    running.close()  # type: ignore[attr-defined]


def test_closing_ends_the_processes() -> None:
    running = work_through(["pid", "hang"], 1, load_pipeline, work)
    _, pid = next(running)
    assert isinstance(pid, str)
    running.close()  # type: ignore[attr-defined]
    assert not Path(f"/proc/{pid}").exists()


def test_each_process_calculates_on_one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    assert list(work_through(["threads"], 1, load_pipeline, work)) == [("threads", "1")]
    assert os.environ["OMP_NUM_THREADS"] == "7" and "OPENBLAS_NUM_THREADS" not in os.environ
