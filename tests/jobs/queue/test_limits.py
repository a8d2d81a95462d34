"""Rate limits hold across processes, on both databases, and recover."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from jobs.queue import limits
from jobs.queue.limits import Limit, Limits, LocalLimits, Rate
from library.catalogue.database import BUSY_SECONDS, Catalogue, open_catalogue


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_a_limit_holds_across_processes(tmp_path: Path, request: pytest.FixtureRequest, kind: str) -> None:
    url = request.getfixturevalue("postgresql") if kind == "postgresql" else None
    rate = Rate("test", burst=3, seconds=100.0)
    here, there = open_catalogue(tmp_path, url), open_catalogue(tmp_path, url)
    try:
        one, other = Limits(here), Limits(there)
        assert [one.take("a", rate), other.take("a", rate), one.take("a", rate)] == [0.0] * 3
        assert 90 < other.take("a", rate) <= 100 and 90 < one.take("a", rate) <= 100
        assert other.take("b", rate) == 0.0
        assert other.take("c", rate, 3) == 0.0 and one.take("c", rate) > 0
        one.sweep()
        assert other.take("a", rate) > 0
    finally:
        here.close()
        there.close()


def test_a_limit_recovers(tmp_path: Path) -> None:
    catalogue = open_catalogue(tmp_path)
    try:
        limit, rate = Limits(catalogue), Rate("test", burst=1, seconds=0.05)
        assert limit.take("a", rate) == 0.0
        until = limit.take("a", rate)
        assert 0 < until <= 0.05
        time.sleep(until + 0.01)
        assert limit.take("a", rate) == 0.0
    finally:
        catalogue.close()


class Clock:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(limits, "time", clock)
    return clock


@pytest.mark.parametrize("jump", [60.0, 3600.0, 86_400.0 * 365])
def test_a_clock_that_jumps_forward_and_back_locks_nobody_out(catalogue: Catalogue, clock: Clock, jump: float) -> None:
    limit, rate = Limits(catalogue), Rate("login", burst=10, seconds=30.0)
    for _ in range(3):
        assert limit.take("a", rate) == 0.0
    clock.now += jump
    assert limit.take("a", rate) == 0.0
    clock.now -= jump
    answers = [limit.take("a", rate) for _ in range(10)]
    assert answers[:6] == [0.0] * 6 and 0 < answers[-1] <= 30
    clock.now += 30
    assert limit.take("a", rate) == 0.0


def test_a_clock_set_back_gives_no_new_allowance(catalogue: Catalogue, clock: Clock) -> None:
    limit, rate = Limits(catalogue), Rate("login", burst=2, seconds=30.0)
    assert [limit.take("a", rate) for _ in range(2)] == [0.0] * 2
    clock.now -= 3600
    assert limit.take("a", rate) == pytest.approx(30.0, abs=0.1)


def test_sweeping_deletes_only_what_has_recovered(catalogue: Catalogue, clock: Clock) -> None:
    limit, local, rate = Limits(catalogue), LocalLimits(), Rate("login", burst=2, seconds=30.0)
    for kind in (limit, local):
        assert kind.take("old", rate) == 0.0
    clock.now += 25
    for kind in (limit, local):
        assert kind.take("new", rate, 2) == 0.0
    clock.now += 10
    limit.sweep()
    local.sweep()
    with catalogue.session() as session:
        assert session.scalars(select(Limit.name)).all() == ["login:new"]
    assert list(local._used) == ["login:new"]


def test_local_limits_are_the_same(clock: Clock) -> None:
    local, rate = LocalLimits(), Rate("test", burst=3, seconds=100.0)
    assert [local.take("a", rate) for _ in range(3)] == [0.0] * 3
    assert local.take("a", rate) == pytest.approx(100.0, abs=0.1)
    assert local.take("b", rate, 3) == 0.0 and local.take("c", rate, 4) > 0
    clock.now += 100
    assert local.take("a", rate) == 0.0


def test_a_locked_database_is_not_waited_for(tmp_path: Path) -> None:
    """The limit gives up long before the time that other writers wait."""
    catalogue = open_catalogue(tmp_path)
    with closing(sqlite3.connect(tmp_path / "library.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        started = time.monotonic()
        with pytest.raises(OperationalError, match="locked"):
            Limits(catalogue).take("a", Rate("test", burst=3, seconds=100.0))
        assert time.monotonic() - started < BUSY_SECONDS / 2
    catalogue.close()
