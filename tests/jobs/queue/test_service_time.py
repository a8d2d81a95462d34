"""The time by which songs expire passes with the running time of the engines, once, and with nothing else."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from jobs.queue import service_time as module
from jobs.queue.service_time import NOTE_NAME, ServiceTimer, running_seconds, service_time
from library.catalogue.database import Catalogue
from library.catalogue.tables import Note


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    seconds = [50.0]
    monkeypatch.setattr(module, "running_seconds", lambda: seconds[0])
    return seconds


def now(catalogue: Catalogue) -> datetime:
    with catalogue.session() as session:
        return service_time(session)


def test_it_begins_with_the_clock(catalogue: Catalogue) -> None:
    assert abs(now(catalogue) - datetime.now(UTC)) < timedelta(minutes=1)
    ServiceTimer(catalogue).advance()
    assert abs(now(catalogue) - datetime.now(UTC)) < timedelta(minutes=1)


def test_it_passes_while_an_engine_runs(catalogue: Catalogue, running: list[float]) -> None:
    timer = ServiceTimer(catalogue)
    timer.advance()
    start = now(catalogue)
    for seconds in (2.0, 3600.0, 0.5):  # a machine that slept for an hour
        running[0] += seconds
        timer.advance()
    assert now(catalogue) - start == timedelta(seconds=3602.5)


def test_it_stands_still_while_no_engine_runs(catalogue: Catalogue, running: list[float]) -> None:
    ServiceTimer(catalogue).advance()
    start = now(catalogue)
    running[0] += 10_000
    later = ServiceTimer(catalogue)
    later.advance()
    assert now(catalogue) == start
    running[0] += 7
    later.advance()
    assert now(catalogue) - start == timedelta(seconds=7)


def test_two_engines_count_each_second_once(catalogue: Catalogue, running: list[float]) -> None:
    """And when the one that moved the time has ended, the other continues."""
    one, other = ServiceTimer(catalogue), ServiceTimer(catalogue)
    one.advance()
    start = now(catalogue)
    for _ in range(10):
        for timer in (one, other):
            running[0] += 1.0
            timer.advance()
    assert timedelta(seconds=18) <= now(catalogue) - start <= timedelta(seconds=20)
    middle = now(catalogue)
    for _ in range(5):
        running[0] += 2.0
        other.advance()
    assert timedelta(seconds=8) <= now(catalogue) - middle <= timedelta(seconds=11)


def test_a_restored_time_continues(catalogue: Catalogue, running: list[float]) -> None:
    """As after a backup was restored under a running engine."""
    timer = ServiceTimer(catalogue)
    timer.advance()
    past = datetime(2026, 1, 1, tzinfo=UTC)
    with catalogue.transaction() as session:
        session.get_one(Note, NOTE_NAME).value = past.isoformat()
    for _ in range(2):
        running[0] += 5.0
        timer.advance()
    assert now(catalogue) == past + timedelta(seconds=5)


def test_the_running_time_only_grows() -> None:
    first = running_seconds()
    assert 0 < first <= running_seconds()
