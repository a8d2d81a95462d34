"""Fair timing: implementations take turns, so that a machine that slows down does so for all of them."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Timings:
    """Seconds of each round, in order."""

    name: str
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


def take_turns(implementations: Mapping[str, Callable[[], object]], *, rounds: int) -> list[Timings]:
    """Each implementation once unmeasured, then `rounds` times A B C, A B C, ..."""
    for run in implementations.values():
        run()
    seconds: dict[str, list[float]] = {name: [] for name in implementations}
    for _ in range(rounds):
        for name, run in implementations.items():
            started = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - started)
    return [Timings(name, tuple(taken)) for name, taken in seconds.items()]


def ratio(one: Timings, other: Timings) -> float:
    """Median over rounds of the time of `one` divided by the time of `other` in the same round."""
    return statistics.median(a / b for a, b in zip(one.seconds, other.seconds, strict=True))


_PEAK = """
import sys
try:
    peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]
except (OSError, StopIteration):  # not Linux
    import resource
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
sys.stderr.write(str(peak))
"""
"""VmHWM and not `ru_maxrss`: on Linux a child process starts with its parent's `ru_maxrss`."""


@dataclass(frozen=True)
class ProcessResult:
    seconds: float
    megabytes: float
    """Peak memory."""
    output: str


def run_python(code: str, **variables: str) -> ProcessResult:
    """Run `code` in a new Python process with these environment variables set."""
    command, environment = [sys.executable, "-c", code + _PEAK], {**os.environ, **variables}
    started = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - started
    return ProcessResult(seconds, int(done.stderr.split()[-1]) / 1024, done.stdout)
