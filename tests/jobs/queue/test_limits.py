"""Rate limits hold across processes, on both databases, and recover."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from jobs.queue.limits import Limits, Rate
from library.catalogue.database import open_catalogue


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
