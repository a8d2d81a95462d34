"""Those who ask: uploaders, who come again when told to, and readers, in a process of their own so that they are fair.

Everything is spoken by hand over asyncio's streams: two hundred uploaders must not be the load that is measured.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

import numpy as np

SONG_SECONDS = 5.0
_RATE = 16_000
_LOOK_SECONDS = 2.0
_LONGEST_WAIT_SECONDS = 5.0
"""A crowd that obeyed a Retry-After of minutes would measure its own patience."""
_READ_PAUSE_SECONDS = 0.02


@dataclass
class TrackFeatures:
    """What a crowd was answered: seconds of each upload and reading, and how many of each status."""

    uploads: list[float] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)
    """From the song's first byte to its report."""
    statuses: Counter[int] = field(default_factory=Counter)
    accepted: list[str] = field(default_factory=list)


_numbers = itertools.count(time.time_ns())


def song() -> bytes:
    """A WAV of a chord over noise; a few of its samples are its own, so that nothing is known of it already."""
    time_ = np.arange(int(SONG_SECONDS * _RATE)) / _RATE
    number = next(_numbers)
    sound = sum(np.sin(2 * np.pi * hz * time_) for hz in (220.0, 277.2, 329.6))
    samples = (4000 * np.asarray(sound)).astype("<i2")
    samples[:8] = [number >> 8 * place & 0xFF for place in range(8)]
    data = samples.tobytes()
    head = b"RIFF" + (36 + len(data)).to_bytes(4, "little") + b"WAVEfmt \x10\0\0\0\1\0\1\0"
    head += _RATE.to_bytes(4, "little") + (2 * _RATE).to_bytes(4, "little") + b"\2\0\x10\0"
    return head + b"data" + len(data).to_bytes(4, "little") + data


_SONG = song()
_FIRST_SAMPLE = 44


async def ask(port: int, request: bytes) -> tuple[int, bytes, bytes]:
    """Status, head and body; 0 where there was no answer."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(request)
            await writer.drain()
            head, _, body = (await reader.read()).partition(b"\r\n\r\n")
        finally:
            writer.close()
        return int(head.split(b" ", 2)[1]), head, body
    except (OSError, IndexError, ValueError):
        return 0, b"", b""


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n".encode()


def post() -> bytes:
    own = next(_numbers).to_bytes(8, "little")
    sound = _SONG[:_FIRST_SAMPLE] + own + _SONG[_FIRST_SAMPLE + 8 :]
    body = (
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="load.wav"\r\n\r\n'
        + sound
        + b"\r\n--x--\r\n"
    )
    head = (
        "POST /api/v1/analyses HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
        f"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def upload(port: int, heard: TrackFeatures) -> str | None:
    """One song handed in; its address, or None after the wait that was asked for."""
    started = time.monotonic()
    status, head, body = await ask(port, post())
    heard.statuses[status] += 1
    if status != 202:
        asked = re.search(rb"^Retry-After: (\d+)", head, re.MULTILINE)
        await asyncio.sleep(min(float(asked[1]) if asked else 1.0, _LONGEST_WAIT_SECONDS))
        return None
    heard.uploads.append(time.monotonic() - started)
    address = str(json.loads(body)["id"])
    heard.accepted.append(address)
    return address


async def come_again(port: int, until: float, heard: TrackFeatures) -> None:
    """One uploader, until the time is over; a song on its way is not waited for any longer then."""
    while time.monotonic() < until:
        started = time.monotonic()
        address = await upload(port, heard)
        while address is not None and time.monotonic() < until:
            await asyncio.sleep(_LOOK_SECONDS)
            status, _, body = await ask(port, get(f"/api/v1/analyses/{address}"))
            heard.statuses[status] += 1
            if status == 200 and json.loads(body)["state"] in ("done", "failed"):
                heard.ends.append(time.monotonic() - started)
                break


def crowd(port: int, count: int, seconds: float) -> TrackFeatures:
    """So many uploaders at the same time."""
    heard = TrackFeatures()

    async def all_of_them() -> None:
        until = time.monotonic() + seconds
        await asyncio.gather(*(come_again(port, until, heard) for _ in range(count)))

    asyncio.run(all_of_them())
    return heard


def read(port: int, paths: list[str], pipe: Connection) -> None:
    """A reader's life: one page after the other, until asked for the figures."""

    async def one_after_the_other() -> tuple[list[float], Counter[int]]:
        taken: list[float] = []
        statuses: Counter[int] = Counter()
        for path in itertools.cycle(paths):
            if pipe.poll():
                return taken, statuses
            started = time.monotonic()
            status, _, _ = await ask(port, get(path))
            taken.append(time.monotonic() - started)
            statuses[status] += 1
            await asyncio.sleep(_READ_PAUSE_SECONDS)
        raise AssertionError("a cycle has no end")

    pipe.send(asyncio.run(one_after_the_other()))
