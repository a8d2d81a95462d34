"""Stages of more and more uploaders, with readers beside them, and a long run; each figure with its aim."""

from __future__ import annotations

import asyncio
import math
import multiprocessing
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.load.clients import Responses, read, run_uploaders, upload
from benchmarks.load.service import Service, serve
from benchmarks.page import Row

UPLOADERS = (10, 50, 200)
STAGE_SECONDS = 15.0
MOST_REPEATS = 4
STABLE = 0.2
"""A stage is repeated until its readers' p95 differs by no more than this share from the one before."""
READERS = 2
SOAK_UPLOADERS = 16
DRAIN_SECONDS = 300.0
TRY_LATER = (503, 507)
"""Statuses of a server that is too busy, or whose disk is full."""


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of the values does not exceed."""
    ranked = sorted(values)
    return ranked[max(0, math.ceil(share * len(ranked)) - 1)] if ranked else math.nan


def spread(values: Sequence[float]) -> str:
    return " / ".join(_seconds(percentile(values, share)) for share in (0.5, 0.95, 0.99))


def _seconds(value: float) -> str:
    return f"{1000 * value:.0f} ms" if value < 1 else f"{value:.1f} s"


def run(*, soak: int = 0) -> Iterator[Row]:
    with TemporaryDirectory() as folder, serve(Path(folder) / "home") as service:
        first = asyncio.run(_upload_one(service.port))
        service.wait(120)
        paths = ["/", f"/a/{first}", f"/api/v1/analyses/{first}", "/library"]
        with readers(service.port, paths) as reading:
            pass
        yield "pages without uploads, p50 / p95 / p99", spread(reading.seconds), ""
        statuses: Counter[int] = Counter()
        for count in UPLOADERS:
            yield from _stage(service, count, paths, statuses)
        accepted = sum(service.states().values())
        yield from _ends(service, statuses, accepted)
        if soak:
            yield from _soak(service, soak)


async def _upload_one(port: int) -> str:
    responses = Responses()
    while (analysis_id := await upload(port, responses)) is None:
        pass
    return analysis_id


class Reading:
    """What readers received: seconds of each page, and status counts."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.statuses: Counter[int] = Counter()


@contextmanager
def readers(port: int, paths: list[str], *, least_seconds: float = 3.0) -> Iterator[Reading]:
    """Readers that run during the block, at least for `least_seconds`."""
    reading = Reading()
    context = multiprocessing.get_context("spawn")
    processes = []
    for number in range(READERS):
        ours, theirs = context.Pipe()
        process = context.Process(target=read, args=(port, paths[number % 2 :] + paths, theirs), daemon=True)
        process.start()
        theirs.close()
        processes.append((process, ours))
    yield reading
    for process, _ in processes:
        process.join(least_seconds / READERS)
    for process, pipe in processes:
        pipe.send("stop")
        seconds, statuses = pipe.recv()
        reading.seconds += seconds
        reading.statuses += statuses
        process.join()
        pipe.close()


def _stage(service: Service, count: int, paths: list[str], statuses: Counter[int]) -> Iterator[Row]:
    """One number of uploaders, repeated until the figures are stable; the last repeat counts."""
    before, repeats = math.nan, 0
    while repeats < MOST_REPEATS:
        repeats += 1
        done = service.states().get("done", 0)
        with readers(service.port, paths) as reading:
            responses = run_uploaders(service.port, count, STAGE_SECONDS)
        analysed = service.states().get("done", 0) - done
        statuses += responses.statuses + reading.statuses
        now = percentile(reading.seconds, 0.95)
        if abs(now - before) <= STABLE * before:
            break
        before = now
    aim = "p95 200 ms" if count == max(UPLOADERS) else ""
    yield f"{count} uploaders: pages, p50 / p95 / p99", spread(reading.seconds), aim
    yield f"{count} uploaders: an upload, p50 / p95 / p99", spread(responses.uploads), ""
    rates = f"{analysed / STAGE_SECONDS:.1f}, {len(reading.seconds) / STAGE_SECONDS:.0f}"
    yield f"{count} uploaders: analyses and pages per second", rates, ""
    refused = sum(responses.statuses[status] for status in TRY_LATER)
    what = f"{count} uploaders: accepted, asked to try later (run {repeats})"
    yield what, f"{responses.statuses[202]}, {refused}", ""


def _ends(service: Service, statuses: Counter[int], accepted: int) -> Iterator[Row]:
    bad = {
        status: count for status, count in statuses.items() if (status >= 500 or not status) and status not in TRY_LATER
    }
    yield "other server errors, or no response", str(bad or 0), "0"
    service.wait(DRAIN_SECONDS)
    states = service.states()
    yield "songs accepted, and of these analysed", f"{accepted}, {states.get('done', 0)}", "all"
    waited = service.queue_seconds()
    yield "time in the queue, p50 / p95 / p99", spread(waited), ""
    memory = service.megabytes()
    yield "memory then: pages, workers", f"{memory['pages']:.0f} MB, {memory['workers']:.0f} MB", ""


def _soak(service: Service, count: int) -> Iterator[Row]:
    """`count` uploads, sixteen at a time, all analysed; memory is read when the service is idle."""
    early = min(100, count)
    bad = _upload_all(service, early)
    first = service.megabytes()
    marks = [early + (count - early) * step // 4 for step in range(1, 5)]
    done, memories = early, [first]
    for mark in marks:
        bad += _upload_all(service, mark - done)
        done = mark
        memories.append(service.megabytes())
    for part in ("pages", "workers"):
        figures = ", ".join(f"{memory[part]:.0f}" for memory in memories)
        yield f"soak, {part}: MB after {early}, {', '.join(map(str, marks))}", figures, ""
    growth = sum(memories[-1].values()) / sum(first.values()) - 1
    yield (f"soak: memory after {count:,} uploads relative to that after {early}", f"{100 * growth:+.1f} %", "+10 %")
    states = service.states()
    left = sum(states.values()) - states.get("done", 0)
    yield "soak: unexpected responses; songs not analysed", f"{bad}, {left}", "0, 0"


def _upload_all(service: Service, count: int) -> int:
    """Upload `count` songs and wait for their analyses; how many responses were unexpected."""
    responses = Responses()

    async def upload_in_parallel() -> None:
        async def upload_in_turn() -> None:
            while len(responses.accepted) + pending[0] < count:
                pending[0] += 1
                await upload(service.port, responses)
                pending[0] -= 1

        pending = [0]
        await asyncio.gather(*(upload_in_turn() for _ in range(SOAK_UPLOADERS)))

    asyncio.run(upload_in_parallel())
    service.wait(DRAIN_SECONDS + count)
    return sum(number for status, number in responses.statuses.items() if status not in (202, *TRY_LATER))
