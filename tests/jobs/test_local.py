"""A process that dies before its ear is awake is replaced; where that happens every time, the ear is to blame."""

from __future__ import annotations

import os
import signal
import time
from functools import partial
from pathlib import Path

import pytest

from jobs.attempt import AsleepError
from jobs.local import WAKINGS, Crew, Ended, Tell


def wake(marker: Path, deaths: int) -> str:
    died = marker.read_text() if marker.exists() else ""
    if len(died) < deaths:
        marker.write_text(died + "x")
        os.kill(os.getpid(), signal.SIGKILL)
    return "ear"


def work(ear: str, task: str, _tell: Tell) -> str:
    return f"{ear} heard {task}"


def result(marker: Path, deaths: int) -> object:
    late = time.monotonic() + 60
    with Crew[str](1, partial(wake, marker, deaths), work) as crew:
        while time.monotonic() < late:
            if crew.free and not crew.tasks:
                crew.give("song")
            for event in crew.events(0.1):
                if isinstance(event, Ended):
                    return event.result
    raise TimeoutError


def test_an_accident_costs_nobody_anything(tmp_path: Path) -> None:
    assert result(tmp_path / "died", WAKINGS - 1) == "ear heard song"


def test_an_ear_that_never_wakes_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(AsleepError, match="SIGKILL"):
        result(tmp_path / "died", WAKINGS)
