"""Fair timing: the contestants take turns, so that a machine that grows slower does so for all of them."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Measured:
    """Seconds of each round, in order."""

    name: str
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


def take_turns(contestants: Mapping[str, Callable[[], object]], *, rounds: int) -> list[Measured]:
    """Each contestant once unmeasured, then `rounds` times A B C, A B C, ..."""
    for work in contestants.values():
        work()
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, work in contestants.items():
            started = time.perf_counter()
            work()
            seconds[name].append(time.perf_counter() - started)
    return [Measured(name, tuple(taken)) for name, taken in seconds.items()]


def ratio(one: Measured, other: Measured) -> float:
    """Median over rounds of how many times longer `one` takes than `other` in the same round."""
    return statistics.median(a / b for a, b in zip(one.seconds, other.seconds, strict=True))


def run_python(code: str) -> tuple[float, float, str]:
    """Seconds, peak megabytes and output of a fresh Python that runs `code`."""
    tail = "\nimport resource, sys\nsys.stderr.write(str(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss))"
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code + tail], capture_output=True, text=True, check=True)
    return time.perf_counter() - started, int(done.stderr.split()[-1]) / 1024, done.stdout
