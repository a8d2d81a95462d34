"""A process that dies before its ear is awake is replaced; where that happens every time, the ear is to blame."""

from __future__ import annotations

import os
import signal
import time
from functools import partial
from pathlib import Path

import pytest

from jobs.attempt import ModelLoadError
from jobs.local import START_ATTEMPTS, ProcessPool, ProgressCallback, TaskEnded


def load_pipeline(marker: Path, deaths: int) -> str:
    died = marker.read_text() if marker.exists() else ""
    if len(died) < deaths:
        marker.write_text(died + "x")
        os.kill(os.getpid(), signal.SIGKILL)
    return "ear"


def work(pipeline: str, task: str, _tell: ProgressCallback) -> str:
    return f"{pipeline} heard {task}"


def result(marker: Path, deaths: int) -> object:
    late = time.monotonic() + 60
    with ProcessPool[str](1, partial(load_pipeline, marker, deaths), work) as pool:
        while time.monotonic() < late:
            if pool.free and not pool.tasks:
                pool.submit("song")
            for event in pool.events(0.1):
                if isinstance(event, TaskEnded):
                    return event.result
    raise TimeoutError


def test_an_accident_costs_nobody_anything(tmp_path: Path) -> None:
    assert result(tmp_path / "died", START_ATTEMPTS - 1) == "ear heard song"


def test_an_ear_that_never_wakes_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(ModelLoadError, match="SIGKILL"):
        result(tmp_path / "died", START_ATTEMPTS)
