"""The process pool: results come back; a worker that dies, hangs or fails costs one task; failed starts are counted."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from jobs.attempt import InternalError, ModelLoadError
from jobs.local import START_ATTEMPTS, CrashedError, ProcessPool, TaskEnded, TimeLimitError, process_all
from ml.report.errors import SilentError, SoriError
from ml.report.progress import ProgressCallback


def die_while_loading(marker: Path, deaths: int) -> str:
    died = marker.read_text() if marker.exists() else ""
    if len(died) < deaths:
        marker.write_text(died + "x")
        os.kill(os.getpid(), signal.SIGKILL)
    return "pipeline"


def load_pipeline() -> str:
    return "pipeline"


def refuse_to_load() -> str:
    raise ModelLoadError(reason="no model")


def exit_while_loading() -> str:
    os._exit(3)


def work(pipeline: str, task: str, _on_progress: ProgressCallback) -> str:
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
    return f"{pipeline} analysed {task}"


def result(marker: Path, deaths: int) -> object:
    late = time.monotonic() + 60
    with ProcessPool[str](1, partial(die_while_loading, marker, deaths), work) as pool:
        while time.monotonic() < late:
            if pool.free and not pool.tasks:
                pool.submit("song")
            for event in pool.events(0.1):
                if isinstance(event, TaskEnded):
                    return event.result
    raise TimeoutError


def test_an_accident_while_loading_costs_no_task(tmp_path: Path) -> None:
    assert result(tmp_path / "died", START_ATTEMPTS - 1) == "pipeline analysed song"


def test_a_worker_that_never_loads_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match="SIGKILL"):
        result(tmp_path / "died", START_ATTEMPTS)


def test_every_task_comes_back() -> None:
    tasks = [f"song {number}" for number in range(20)]
    results = dict(process_all(tasks, 2, load_pipeline, work))
    assert results == {task: f"pipeline analysed {task}" for task in tasks}


def test_a_failure_costs_one_task() -> None:
    tasks = ["a", "silent", "b", "bug", "c", "crash", "d", "hang", "e"]
    results = dict(process_all(tasks, 2, load_pipeline, work, wall_seconds=5))
    kinds = {task: type(result) for task, result in results.items() if isinstance(result, SoriError)}
    assert kinds == {"silent": SilentError, "bug": InternalError, "crash": CrashedError, "hang": TimeLimitError}
    assert {task for task, result in results.items() if isinstance(result, str)} == set("abcde")
    assert "SIGSEGV" in str(results["crash"])


@pytest.mark.parametrize("loader", [refuse_to_load, exit_while_loading])
def test_a_pipeline_that_cannot_be_loaded_stops_the_run(loader: object) -> None:
    with pytest.raises(ModelLoadError):
        list(process_all(["a"], 1, loader, work))  # type: ignore[arg-type]


def test_tasks_are_taken_as_they_are_needed() -> None:
    taken: list[int] = []

    def tasks() -> Iterator[str]:
        for number in range(100):
            taken.append(number)
            yield str(number)

    running = process_all(tasks(), 1, load_pipeline, work)
    next(running)
    assert len(taken) < 5
    running.close()  # type: ignore[attr-defined]


def test_closing_ends_the_processes() -> None:
    running = process_all(["pid", "hang"], 1, load_pipeline, work)
    _, pid = next(running)
    assert isinstance(pid, str)
    running.close()  # type: ignore[attr-defined]
    assert not Path(f"/proc/{pid}").exists()


def test_each_process_calculates_on_one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("OPENBLAS_NUM_THREADS", raising=False)
    assert list(process_all(["threads"], 1, load_pipeline, work)) == [("threads", "1")]
    assert os.environ["OMP_NUM_THREADS"] == "7" and "OPENBLAS_NUM_THREADS" not in os.environ
