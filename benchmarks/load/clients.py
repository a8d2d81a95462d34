"""The clients of the load benchmark: uploaders, which respect Retry-After, and readers in processes of their own.

HTTP is written by hand over asyncio's streams, so that two hundred uploaders need little processor time themselves.
"""

from __future__ import annotations

import asyncio
import io
import itertools
import json
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from multiprocessing.connection import Connection

import numpy as np
import soundfile

SONG_SECONDS = 5.0
_RATE = 16_000
_POLL_SECONDS = 2.0
_LONGEST_WAIT_SECONDS = 5.0
"""Waiting minutes for a long Retry-After would measure nothing but the wait."""
_READ_PAUSE_SECONDS = 0.02


@dataclass
class Responses:
    """What a group of uploaders received: seconds of each upload and analysis, status counts, accepted ids."""

    uploads: list[float] = field(default_factory=list)
    ends: list[float] = field(default_factory=list)
    """From the start of the upload to the report."""
    statuses: Counter[int] = field(default_factory=Counter)
    accepted: list[str] = field(default_factory=list)


_numbers = itertools.count(time.time_ns())


def song() -> bytes:
    """A WAV of a chord, which `post` makes unique, so that no song was analysed before."""
    times = np.arange(int(SONG_SECONDS * _RATE)) / _RATE
    chord = sum(np.sin(2 * np.pi * hz * times) for hz in (220.0, 277.2, 329.6))
    file = io.BytesIO()
    soundfile.write(file, (4000 * np.asarray(chord)).astype(np.int16), _RATE, format="WAV")
    return file.getvalue()


_SONG = song()
_FIRST_SAMPLE = 44


async def send(port: int, request: bytes) -> tuple[int, bytes, bytes]:
    """Status, head and body; status 0 without a response."""
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


def post(audio: bytes | None = None) -> bytes:
    """An upload of this audio, or of a unique song."""
    if audio is None:
        unique = next(_numbers).to_bytes(8, "little")
        audio = _SONG[:_FIRST_SAMPLE] + unique + _SONG[_FIRST_SAMPLE + 8 :]
    body = b'--x\r\nContent-Disposition: form-data; name="file"; filename="load.wav"\r\n\r\n' + audio + b"\r\n--x--\r\n"
    head = (
        "POST /api/v1/analyses HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
        f"Content-Type: multipart/form-data; boundary=x\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


async def upload(port: int, responses: Responses, audio: bytes | None = None) -> str | None:
    """Upload this audio or a unique song; its id, or None after the wait that Retry-After demands."""
    started = time.monotonic()
    status, head, body = await send(port, post(audio))
    responses.statuses[status] += 1
    if status != 202:
        retry_after = re.search(rb"^Retry-After: (\d+)", head, re.MULTILINE)
        await asyncio.sleep(min(float(retry_after[1]) if retry_after else 1.0, _LONGEST_WAIT_SECONDS))
        return None
    responses.uploads.append(time.monotonic() - started)
    analysis_id = str(json.loads(body)["id"])
    responses.accepted.append(analysis_id)
    return analysis_id


async def upload_repeatedly(port: int, until: float, responses: Responses) -> None:
    """One uploader, until the time is over; then it no longer waits for an unfinished analysis."""
    while time.monotonic() < until:
        started = time.monotonic()
        analysis_id = await upload(port, responses)
        while analysis_id is not None and time.monotonic() < until:
            await asyncio.sleep(_POLL_SECONDS)
            status, _, body = await send(port, get(f"/api/v1/analyses/{analysis_id}"))
            responses.statuses[status] += 1
            if status == 200 and json.loads(body)["state"] in ("done", "failed"):
                responses.ends.append(time.monotonic() - started)
                break


def run_uploaders(port: int, count: int, seconds: float) -> Responses:
    """`count` uploaders at the same time."""
    responses = Responses()

    async def run_all() -> None:
        until = time.monotonic() + seconds
        await asyncio.gather(*(upload_repeatedly(port, until, responses) for _ in range(count)))

    asyncio.run(run_all())
    return responses


def read(port: int, paths: list[str], pipe: Connection) -> None:
    """Read one page after the other until a message comes through `pipe`, then send the figures through it."""

    async def read_pages() -> tuple[list[float], Counter[int]]:
        taken: list[float] = []
        statuses: Counter[int] = Counter()
        for path in itertools.cycle(paths):
            if pipe.poll():
                return taken, statuses
            started = time.monotonic()
            status, _, _ = await send(port, get(path))
            taken.append(time.monotonic() - started)
            statuses[status] += 1
            await asyncio.sleep(_READ_PAUSE_SECONDS)
        raise AssertionError("itertools.cycle is endless")

    pipe.send(asyncio.run(read_pages()))
