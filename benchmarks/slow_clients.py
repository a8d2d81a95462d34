"""Pages and songs while hundreds of clients read and send slowly, and while silent connections arrive all the time.

The slow clients read a song at 100 bytes a second and upload one at 650 bytes a second, in a process of their own.
"""

from __future__ import annotations

import asyncio
import io
import math
import multiprocessing
import resource
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import soundfile

from benchmarks.load.clients import Responses, get, post, run_uploaders, upload
from benchmarks.load.run import readers, spread
from benchmarks.load.service import Service, serve
from benchmarks.page import Row

CLIENTS = 500
"""How many read slowly; as many send slowly."""
READ_BYTES, SENT_BYTES = 100, 650
"""Per second."""
SILENT_PER_SECOND = 60
SECONDS = 20.0
_SONG_SECONDS = 90.0
"""As long as this, a song is larger than what the system buffers for a connection."""
_RATE = 44_100
_SLOW_SONG = bytes(1_000_000)
Work = Callable[..., Coroutine[Any, Any, None]]


def run() -> Iterator[Row]:
    with TemporaryDirectory() as folder, serve(Path(folder) / "home") as service:
        song = asyncio.run(_upload(service.port, _long_song()))
        service.wait(120)
        paths = ["/", f"/a/{song}", f"/api/v1/analyses/{song}", "/library"]
        yield from _measure(service, "no slow clients", paths)
        with clients(_read_and_send_slowly, service.port, f"/a/{song}/audio") as left:
            yield from _measure(service, f"{CLIENTS} slow readers and {CLIENTS} slow uploaders", paths)
        yield "slow clients still connected at the end", str(left[0]), str(2 * CLIENTS)
        with clients(_connect_silently, service.port) as left:
            yield from _measure(service, f"{SILENT_PER_SECOND} silent connections a second", paths)


def _measure(service: Service, what: str, paths: list[str]) -> Iterator[Row]:
    done = service.states().get("done", 0)
    with readers(service.port, paths) as reading:
        responses = run_uploaders(service.port, 2, SECONDS)
    bad = sum(count for status, count in (reading.statuses + responses.statuses).items() if status not in (200, 202))
    yield f"{what}: pages, p50 / p95 / p99", spread(reading.seconds), "p95 300 ms"
    yield f"{what}: songs a minute", f"{60 * (service.states()['done'] - done) / SECONDS:.0f}", ""
    yield f"{what}: errors, slowest page", f"{bad}, {max(reading.seconds, default=math.nan):.1f} s", "0"


def _long_song() -> bytes:
    times = np.arange(int(_SONG_SECONDS * _RATE)) / _RATE
    file = io.BytesIO()
    soundfile.write(file, (4000 * np.sin(2 * np.pi * 220.0 * times)).astype(np.int16), _RATE, format="WAV")
    return file.getvalue()


async def _upload(port: int, song: bytes) -> str:
    responses = Responses()
    while (analysis_id := await upload(port, responses, song)) is None:
        pass
    return analysis_id


@contextmanager
def clients(work: Work, *arguments: object) -> Iterator[list[int]]:
    """Clients in a process of their own during the block; after it, the list holds how many were still connected."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_run_clients, args=(work, arguments, theirs), daemon=True)
    process.start()
    theirs.close()
    ours.recv()
    left: list[int] = []
    yield left
    ours.send("stop")
    left.append(ours.recv())
    process.join()


def _run_clients(work: Work, arguments: tuple[object, ...], pipe: Connection) -> None:
    most_files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
    asyncio.run(work(*arguments, pipe))


async def _read_and_send_slowly(port: int, path: str, pipe: Connection) -> None:
    connected = [asyncio.create_task(_read_slowly(port, path)) for _ in range(CLIENTS)]
    connected += [asyncio.create_task(_send_slowly(port)) for _ in range(CLIENTS)]
    await asyncio.sleep(SECONDS / 2)  # until every request has begun
    await _until_stopped(pipe)
    pipe.send(sum(not task.done() for task in connected))
    for task in connected:
        task.cancel()


async def _read_slowly(port: int, path: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=READ_BYTES)
    writer.write(get(path))
    while await reader.read(READ_BYTES):
        await asyncio.sleep(1)


async def _send_slowly(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    request = post(_SLOW_SONG)
    for start in range(0, len(request), SENT_BYTES):
        if reader.at_eof():
            return
        writer.write(request[start : start + SENT_BYTES])
        await writer.drain()
        await asyncio.sleep(1)


async def _connect_silently(port: int, pipe: Connection) -> None:
    writers = []
    pipe.send("ready")
    while not pipe.poll():
        writers.append((await asyncio.open_connection("127.0.0.1", port))[1])
        await asyncio.sleep(1 / SILENT_PER_SECOND)
    pipe.recv()
    pipe.send(len(writers))


async def _until_stopped(pipe: Connection) -> None:
    pipe.send("ready")
    while not pipe.poll():
        await asyncio.sleep(0.1)
    pipe.recv()
