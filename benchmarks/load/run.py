"""The ramp, the readers beside it, and the soak; each figure with what was aimed at."""

from __future__ import annotations

import asyncio
import math
import multiprocessing
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.load.crowd import TrackFeatures, crowd, read, upload
from benchmarks.load.service import Service, serve

Row = tuple[str, str, str]

CROWDS = (10, 50, 200)
STAGE_SECONDS = 15.0
MOST_REPEATS = 4
STABLE = 0.2
"""A crowd is repeated until its readers' p95 is within this share of the one before."""
READERS = 2
SOAK_UPLOADERS = 16
DRAIN_SECONDS = 300.0
HONEST = (503, 507)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least this share of them do not exceed."""
    ranked = sorted(values)
    return ranked[max(0, math.ceil(share * len(ranked)) - 1)] if ranked else math.nan


def spread(values: Sequence[float]) -> str:
    return " / ".join(_seconds(percentile(values, share)) for share in (0.5, 0.95, 0.99))


def _seconds(value: float) -> str:
    return f"{1000 * value:.0f} ms" if value < 1 else f"{value:.1f} s"


def run(*, soak: int = 0) -> Iterator[Row]:
    with TemporaryDirectory() as folder, serve(Path(folder) / "home") as service:
        heard = TrackFeatures()
        first = asyncio.run(_one(service.port, heard))
        service.wait(120)
        paths = ["/", f"/a/{first}", f"/api/v1/analyses/{first}", "/library"]
        with readers(service.port, paths) as reading:
            pass
        yield "pages while nobody uploads, p50 / p95 / p99", spread(reading.seconds), ""
        statuses: Counter[int] = Counter()
        for count in CROWDS:
            yield from _stage(service, count, paths, statuses)
        accepted = sum(service.states().values())
        yield from _ends(service, statuses, accepted)
        if soak:
            yield from _soak(service, soak)


async def _one(port: int, heard: TrackFeatures) -> str:
    while (address := await upload(port, heard)) is None:
        pass
    return address


class Reading:
    """What readers saw: seconds of each page, and how many of each status."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.statuses: Counter[int] = Counter()


@contextmanager
def readers(port: int, paths: list[str], *, least_seconds: float = 3.0) -> Iterator[Reading]:
    """Readers for as long as the block takes, `least_seconds` at least."""
    reading = Reading()
    context = multiprocessing.get_context("spawn")
    lines = []
    for number in range(READERS):
        ours, theirs = context.Pipe()
        process = context.Process(target=read, args=(port, paths[number % 2 :] + paths, theirs), daemon=True)
        process.start()
        theirs.close()
        lines.append((process, ours))
    yield reading
    for process, _ in lines:
        process.join(least_seconds / READERS)
    for process, pipe in lines:
        pipe.send("enough")
        seconds, statuses = pipe.recv()
        reading.seconds += seconds
        reading.statuses += statuses
        process.join()
        pipe.close()


def _stage(service: Service, count: int, paths: list[str], statuses: Counter[int]) -> Iterator[Row]:
    """One crowd, again and again until it is stable; the last repeat counts."""
    before, repeats = math.nan, 0
    while repeats < MOST_REPEATS:
        repeats += 1
        done = service.states().get("done", 0)
        with readers(service.port, paths) as reading:
            heard = crowd(service.port, count, STAGE_SECONDS)
        heard_songs = service.states().get("done", 0) - done
        statuses += heard.statuses + reading.statuses
        now = percentile(reading.seconds, 0.95)
        if abs(now - before) <= STABLE * before:
            break
        before = now
    aim = "p95 200 ms" if count == max(CROWDS) else ""
    yield f"{count} uploaders: pages, p50 / p95 / p99", spread(reading.seconds), aim
    yield f"{count} uploaders: an upload, p50 / p95 / p99", spread(heard.uploads), ""
    rates = f"{heard_songs / STAGE_SECONDS:.1f}, {len(reading.seconds) / STAGE_SECONDS:.0f}"
    yield f"{count} uploaders: songs heard and pages read a second", rates, ""
    answers = f"{heard.statuses[202]}, {sum(heard.statuses[one] for one in HONEST)}"
    yield f"{count} uploaders: taken, told to come later (run {repeats})", answers, ""


def _ends(service: Service, statuses: Counter[int], accepted: int) -> Iterator[Row]:
    bad = {
        status: count
        for status, count in statuses.items()
        if (status >= 500 or not status) and status not in HONEST
    }
    yield "answers above 500 but honest ones, or none at all", str(bad or 0), "0"
    service.wait(DRAIN_SECONDS)
    states = service.states()
    yield "songs taken, and of these heard to the end", f"{accepted}, {states.get('done', 0)}", "all"
    waited = service.queue_seconds()
    yield "time in the queue, p50 / p95 / p99", spread(waited), ""
    memory = service.megabytes()
    yield "memory then: pages, hearing", f"{memory['pages']:.0f} MB, {memory['hearing']:.0f} MB", ""


def _soak(service: Service, count: int) -> Iterator[Row]:
    """So many uploads, sixteen at a time, each heard; memory is read when nothing is going on."""
    early = min(100, count)
    bad = _hand_in(service, early)
    first = service.megabytes()
    marks = [early + (count - early) * step // 4 for step in range(1, 5)]
    done, memories = early, [first]
    for mark in marks:
        bad += _hand_in(service, mark - done)
        done = mark
        memories.append(service.megabytes())
    for part in ("pages", "hearing"):
        figures = ", ".join(f"{memory[part]:.0f}" for memory in memories)
        yield f"soak, {part}: MB after {early}, {', '.join(map(str, marks))}", figures, ""
    growth = sum(memories[-1].values()) / sum(first.values()) - 1
    yield (
        f"soak: memory after {count:,} uploads against that after {early}",
        f"{100 * growth:+.1f} %",
        "+10 %",
    )
    states = service.states()
    left = sum(states.values()) - states.get("done", 0)
    yield "soak: answers above 500 but honest ones; songs not heard", f"{bad}, {left}", "0, 0"


def _hand_in(service: Service, count: int) -> int:
    """So many songs, heard when this returns; how many answers were wrong."""
    heard = TrackFeatures()

    async def hand_in() -> None:
        async def one_of_them() -> None:
            while len(heard.accepted) + pending[0] < count:
                pending[0] += 1
                await upload(service.port, heard)
                pending[0] -= 1

        pending = [0]
        await asyncio.gather(*(one_of_them() for _ in range(SOAK_UPLOADERS)))

    asyncio.run(hand_in())
    service.wait(DRAIN_SECONDS + count)
    return sum(number for status, number in heard.statuses.items() if status not in (202, *HONEST))
