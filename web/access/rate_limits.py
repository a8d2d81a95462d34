"""What one client may ask for, and what the machine has room for. All is decided before a song's bytes are read.

A client is its network address, or its API key: a cookie can be thrown away. Addresses are not stored, only a hash
that nobody can turn back without the service's secret.
"""

from __future__ import annotations

import hmac
import ipaddress
import math
import os
import shutil
import threading
import time
from typing import cast

from flask import Flask, current_app, request

from jobs.queue.analyses import QUEUED
from jobs.queue.limits import Limits, Rate
from jobs.queue.statistics import usual_seconds
from web.access.errors import NoRoomError, WebError
from web.access.permissions import api_key, client
from web.context import service

UPLOADS = Rate("upload", burst=100, seconds=6.0)
LOGINS = Rate("login", burst=10, seconds=30.0)
ALL_LOGINS = Rate("logins", burst=100, seconds=6.0)
"""One password for all: guesses from many addresses together are as slow."""
CALLS = Rate("call", burst=1000, seconds=0.05)
HANDFUL = 20
"""Calls are taken so many at a time, so that reading writes to the database only every now and then."""
SWEEP_SECONDS = 600.0
USUAL_SECONDS = 3.0
"""What a song takes where none has been heard yet."""


class TooOftenError(WebError):
    code = "too_often"
    status = 429
    sentence = "That was too often. Try again in {seconds} seconds."


class OwnQueueError(WebError):
    code = "own_queue"
    status = 429
    sentence = (
        "{count} of your songs are waiting already. Try again in {seconds} seconds, when some are done."
    )


class FullQueueError(WebError):
    code = "queue_full"
    status = 503
    sentence = "{count} songs are waiting, and no more are taken now. Try again in {seconds} seconds."


class Gate:
    """The limits of this process's application: those in the database, and calls taken ahead of their use."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._ahead: dict[str, int] = {}
        self._lock = threading.Lock()
        self._sweep_at = time.monotonic() + SWEEP_SECONDS

    def take(self, who: str, rate: Rate) -> None:
        """Take one, or raise with the seconds to wait."""
        self._sweep()
        if wait := self.limits.take(who, rate):
            raise later(TooOftenError, wait)

    def call(self, who: str) -> None:
        with self._lock:
            left = self._ahead.get(who, 0)
            if left:
                self._ahead[who] = left - 1
                return
        if wait := self.limits.take(who, CALLS, HANDFUL):
            raise later(TooOftenError, wait)
        with self._lock:
            self._ahead[who] = self._ahead.get(who, 0) + HANDFUL - 1

    def _sweep(self) -> None:
        with self._lock:
            if time.monotonic() < self._sweep_at:
                return
            self._sweep_at = time.monotonic() + SWEEP_SECONDS
            self._ahead.clear()
        self.limits.sweep()


def install(app: Flask) -> None:
    with app.app_context():
        app.extensions[__name__] = Gate(Limits(service().catalogue))
    app.before_request(_limit)


def _limit() -> None:
    # Only songs come as multipart: whatever such a body is meant for, its bytes would go to the disk.
    is_upload = request.method == "POST" and request.mimetype == "multipart/form-data"
    if service().environment.rate_limits:
        gate = cast(Gate, current_app.extensions[__name__])
        if request.endpoint == "login.sign_in":
            gate.take(asker(), LOGINS)
            gate.take("", ALL_LOGINS)
        elif is_upload:
            gate.take(asker(), UPLOADS)
        elif request.path.startswith("/api/"):
            gate.call(asker())
    if is_upload:
        check_room(request.content_length or 0)


def check_room(size: int = 0) -> None:
    """Refuse a song of so many bytes where the queue or the disk has no room for it."""
    environment, analyses = service().environment, service().analyses
    free = shutil.disk_usage(environment.home).free
    if free - size < environment.min_free_mb * 1_000_000:
        raise NoRoomError()
    waiting = analyses.count(QUEUED)
    if waiting >= environment.queue:
        raise later(FullQueueError, waiting * seconds_each() / 10, count=waiting)
    if waiting >= environment.client_queue:  # one's own songs cannot be more than all
        own = analyses.count(QUEUED, client())
        if own >= environment.client_queue:
            raise later(OwnQueueError, own * seconds_each() / 10, count=own)


def seconds_each() -> float:
    """How often a song leaves the queue, by those that were heard last."""
    workers = service().environment.workers or max(1, (os.cpu_count() or 1) // 2)
    return (usual_seconds(service().catalogue) or USUAL_SECONDS) / workers


def later(kind: type[WebError], seconds: float, **facts: int) -> WebError:
    """A refusal that says when to come again."""
    wait = min(max(math.ceil(seconds), 1), 3600)
    error = kind(seconds=wait, **facts)
    error.retry_after = wait
    return error


def asker() -> str:
    """Who asks, as limits know them. A network gives one house billions of IPv6 addresses: half of it counts."""
    if name := api_key():
        return f"key {name}"
    try:
        address = ipaddress.ip_address(request.remote_addr or "")
        mapped = getattr(address, "ipv4_mapped", None) or address
        network = str(ipaddress.ip_network((mapped, 64 if mapped.version == 6 else 32), strict=False))
    except ValueError:
        network = ""
    secret = current_app.secret_key or b""
    return hmac.digest(
        secret.encode() if isinstance(secret, str) else secret, network.encode(), "sha256"
    ).hex()[:32]
