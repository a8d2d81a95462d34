"""Room on the disk. Uploads leave `SORI_MIN_FREE_MB` free, however many run at the same time.

The announced size of an upload is reserved before its body is read. A chunked body announces none: its size is reserved
in steps while it is written. The disk is also looked at again in steps, because other programs fill it too.
"""

from __future__ import annotations

import threading
from typing import cast

from flask import Flask, current_app, g, request

from web.access import rate_limits
from web.access.bodies import takes_songs
from web.access.errors import NoRoomError
from web.context import service

STEP_BYTES = 4_000_000


class Room:
    """The bytes that the uploads of this process have reserved and not written yet."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reserved = 0

    def reserve(self, size: int) -> None:
        with self._lock:
            free = service().free_bytes() - self._reserved - size
            if free < service().environment.min_free_mb * 1_000_000:
                raise NoRoomError()
            self._reserved += size

    def release(self, size: int) -> None:
        with self._lock:
            self._reserved -= size


class Reservation:
    """What one request may still write."""

    def __init__(self, room: Room) -> None:
        self._room = room
        self._left = 0
        self._written = 0
        """Since the disk was last looked at."""

    def add(self, size: int) -> None:
        rate_limits.take_bytes(size)
        self._room.reserve(size)
        self._left += size

    def check(self, size: int) -> None:
        """Raises where the limits or the disk do not allow that many more bytes."""
        if size > self._left:
            self.add(max(size, STEP_BYTES))
        if self._written >= STEP_BYTES:
            self._written = 0
            self._room.reserve(0)

    def count_written(self, size: int) -> None:
        """These bytes are on the disk now, where they count by themselves."""
        self._written += size
        self._left -= size
        self._room.release(size)

    def end(self) -> None:
        self._room.release(self._left)
        self._left = 0


def install(app: Flask) -> None:
    app.extensions[__name__] = Room()
    app.before_request(_reserve)
    app.teardown_request(_end)


def _reserve() -> None:
    if takes_songs():
        rate_limits.check_queue(rate_limits.QUEUE_COUNT_SECONDS)
        g.reservation = Reservation(cast(Room, current_app.extensions[__name__]))
        g.reservation.add(request.content_length or 0)


def _end(_: BaseException | None) -> None:
    if "reservation" in g:
        g.reservation.end()


def reservation() -> Reservation:
    """The reservation of this upload."""
    return cast(Reservation, g.reservation)
