"""Uploads leave the disk's reserve free, however many run at once and whether they announce their size or not."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from tests.hostile.raw_http import part
from web.access import room
from web.context import NAME, Service

Make = Callable[..., Flask]
RESERVE_MB = 100
ROOM_MB = 29
SONG_MB = 10
KIND = "multipart/form-data; boundary=xSORIx"


class Disk:
    """A disk with `ROOM_MB` beside the reserve: what the uploads have written counts."""

    def __init__(self, incoming: Path) -> None:
        self._incoming = incoming
        self.least_free = RESERVE_MB + ROOM_MB

    def free_bytes(self) -> int:
        written = sum(path.stat().st_size for path in self._incoming.glob("*"))
        free = (RESERVE_MB + ROOM_MB) * 1_000_000 - written
        self.least_free = min(self.least_free, free // 1_000_000)
        return free


class Gate:
    """Opens when every upload is half written or has been refused."""

    def __init__(self, count: int) -> None:
        self._missing = count
        self._condition = threading.Condition()

    def arrive(self) -> None:
        with self._condition:
            self._missing -= 1
            self._condition.notify_all()

    def wait(self) -> None:
        with self._condition:
            assert self._condition.wait_for(lambda: self._missing <= 0, timeout=60)


class Body(io.BytesIO):
    """A form with a song, which waits for the other uploads when half of it was read."""

    def __init__(self, gate: Gate) -> None:
        song = part(b'form-data; name="file"; filename="a.wav"', bytes(SONG_MB * 1_000_000))
        super().__init__(song + b"--xSORIx--\r\n")
        self._gate = gate
        self.has_arrived = False

    def read(self, size: int | None = -1, /) -> bytes:
        if self.tell() > SONG_MB * 500_000 and not self.has_arrived:
            self.has_arrived = True
            self._gate.arrive()
            self._gate.wait()
        return super().read(size)


@pytest.fixture
def app(make: Make) -> Flask:
    return make(min_free_mb=RESERVE_MB)


@pytest.fixture
def disk(app: Flask, monkeypatch: pytest.MonkeyPatch) -> Disk:
    disk = Disk(app.extensions[NAME].analyses.incoming)
    monkeypatch.setattr(Service, "free_bytes", lambda _: disk.free_bytes())
    return disk


def upload_at_once(app: Flask, count: int, *, announced: bool) -> list[int]:
    """The statuses of that many uploads that are half written at the same time."""
    gate = Gate(count)
    statuses: list[int] = []

    def upload() -> None:
        body = Body(gate)
        environ: dict[str, Any] = {"wsgi.input": body, "CONTENT_TYPE": KIND}
        if announced:
            environ["CONTENT_LENGTH"] = str(len(body.getbuffer()))
        else:
            environ |= {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}
        answer = app.test_client().post("/api/v1/analyses", environ_overrides=environ)
        statuses.append(answer.status_code)
        if not body.has_arrived:
            body.has_arrived = True  # the rest of it may still be read
            gate.arrive()

    threads = [threading.Thread(target=upload) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return statuses


@pytest.mark.parametrize("announced", [True, False])
def test_parallel_uploads_leave_the_reserve(app: Flask, disk: Disk, announced: bool) -> None:
    statuses = upload_at_once(app, 8, announced=announced)
    assert set(statuses) <= {422, 507} and 507 in statuses  # what arrived is not audio
    assert RESERVE_MB <= disk.least_free < RESERVE_MB + ROOM_MB
    if announced:
        assert statuses.count(422) == 2  # two of 10 MB fit into 29 MB


def test_other_programs_that_fill_the_disk_are_noticed(app: Flask, monkeypatch: pytest.MonkeyPatch, disk: Disk) -> None:
    """The disk was free when the upload began."""
    free = iter([200_000_000] * 2)
    monkeypatch.setattr(Service, "free_bytes", lambda _: next(free, RESERVE_MB * 1_000_000 - 1))
    assert upload_at_once(app, 1, announced=True) == [507]
    assert list(app.extensions[NAME].analyses.incoming.iterdir()) == []


def test_a_reservation_ends_with_its_request(app: Flask, disk: Disk) -> None:
    """A refused upload gives back what it did not write."""
    for _ in range(5):
        with app.test_client().post(
            "/api/v1/analyses", data=b"", content_type=KIND, environ_overrides={"CONTENT_LENGTH": "20000000"}
        ) as answer:
            assert answer.status_code in (400, 413)
    assert app.extensions[room.__name__]._reserved == 0
